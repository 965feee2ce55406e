//! What has to be true of a journal after every life, and after a long time in which nothing goes wrong.

use super::life::House;
use charthouse_runtime::host::{Command, Host, Hosting, Refused};
use futures_util::FutureExt;
use journal::Record;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What somebody asked and was answered.
pub struct Promise {
    pub command: Command,
    pub answer: Result<Json, Refused>,
}

#[derive(Default)]
pub struct Promises {
    pub given: Vec<Promise>,
}

/// All records, read.
struct Book {
    records: Vec<(Record, Json)>,
    seed: u64,
}

impl Book {
    fn read(house: &House, seed: u64) -> Self {
        let journal = house.journal();
        let mut records = Vec::new();
        journal
            .each(journal::Which::All, |record| {
                let body = serde_json::from_str(&record.body).unwrap();
                records.push((record.clone(), body));
                Ok::<_, journal::JournalError>(())
            })
            .unwrap();
        Book { records, seed }
    }

    /// Say what is wrong, with the last records (those about `about`, where that is not empty).
    fn fail(&self, about: &str, why: &str) -> ! {
        let its = |record: &&(Record, Json)| {
            about.is_empty() || record.0.run == about || record.0.body.contains(about)
        };
        let its: Vec<&(Record, Json)> = self.records.iter().filter(its).collect();
        for (record, _) in its.iter().skip(its.len().saturating_sub(40)) {
            let body: String = record.body.chars().take(300).collect();
            eprintln!(
                "{:>6} {} {:<26} {:<10} {body}",
                record.seq.0, record.time.0, record.run, record.kind
            );
        }
        panic!("seed {}: {why}", self.seed);
    }

    fn of<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = (&'b Record, &'b Json)> {
        let its = self.records.iter().filter(move |(r, _)| r.kind == kind);
        its.map(|(record, body)| (record, body))
    }
}

/// The runs and instances that a host lists.
pub fn listed(host: &Host) -> (Vec<String>, Vec<String>) {
    let ask = |command, list: &str, id: &str| -> Vec<String> {
        let answer = host.ask(command).now_or_never().unwrap().unwrap();
        let lines = answer[list].as_array().unwrap().iter();
        lines
            .map(|line| line[id].as_str().unwrap().into())
            .collect()
    };
    (
        ask(Command::List {}, "runs", "run"),
        ask(Command::WorkflowList {}, "instances", "instance"),
    )
}

pub fn after_a_life(house: &House, seed: u64, life: u64) {
    let verified = house.journal().verify().unwrap();
    assert!(verified.first_bad.is_none(), "seed {seed}, life {life}");
    let book = Book::read(house, seed);
    letters_are_taken_once(&book);
    timers_are_not_early(&book);
    nothing_happens_after_the_end(&book);
    duties_are_separate(&book);
    money_is_booked(&book, house);
    promises_are_on_the_record(&book, house);
    keys_fire_once(&book);
}

fn letters_are_taken_once(book: &Book) {
    let mut taken: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    let mut sent = BTreeSet::new();
    for (record, body) in &book.records {
        if record.kind == "sent" {
            sent.insert(record.seq.0);
        }
        // A step of an instance and what it says of it stand under one cause; a run takes it with `told`, or begins with it.
        let takes = matches!(&*record.kind, "told" | "started");
        let Some(cause) = body["cause"].as_u64().filter(|_| takes) else {
            continue;
        };
        if !sent.contains(&cause) {
            book.fail(
                &record.run,
                &format!("{} takes {cause}, which nobody sent", record.seq.0),
            );
        }
        if let Some((run, _)) = taken.insert(cause, (&record.run, &record.kind)) {
            book.fail(
                &record.run,
                &format!(
                    "the letter {cause} is taken by {run}, and again in {}",
                    record.seq.0
                ),
            );
        }
    }
}

fn timers_are_not_early(book: &Book) {
    for (record, body) in book.of("step") {
        if let (Some(due), Some(time)) = (body["due"]["due"].as_i64(), body["time"].as_i64())
            && time < due
        {
            book.fail(
                &record.run,
                &format!("a timer of {} is early", record.seq.0),
            );
        }
    }
}

fn nothing_happens_after_the_end(book: &Book) {
    let mut over = BTreeSet::new();
    for (record, _) in &book.records {
        match &*record.kind {
            "ended" => {
                over.insert(record.run.as_str());
            }
            "started" if over.contains(&*record.run) => {
                book.fail(
                    &record.run,
                    &format!(
                        "a run that has ended begins again: {} {}",
                        record.seq.0, record.body
                    ),
                );
            }
            "step" | "think" | "told" | "bound" if over.contains(&*record.run) => {
                book.fail(
                    &record.run,
                    &format!("{} comes after the end", record.seq.0),
                );
            }
            _ => {}
        }
    }
}

fn duties_are_separate(book: &Book) {
    // Who ever worked as what, by instance; humans and agents by name.
    let mut worked: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let never = [("reviewer", "implementer"), ("checker", "writer")];
    for (record, body) in book.of("hand_in") {
        let role = body["role"].as_str().unwrap_or_default();
        let who = body["by"].to_string();
        let who = match body["by"]["agent"].as_str() {
            Some(agent) => agent.to_owned(),
            None => who,
        };
        worked.entry((&record.run, role)).or_default().insert(who);
    }
    for ((instance, role), who) in &worked {
        for (kept, apart) in never {
            if *role != kept {
                continue;
            }
            let other = worked.get(&(instance, apart)).cloned().unwrap_or_default();
            if let Some(both) = who.intersection(&other).next() {
                book.fail(instance, &format!("{both} was {kept} and {apart}"));
            }
        }
    }
}

fn money_is_booked(book: &Book, house: &House) {
    let answered = house.oracle.answered();
    let mut booked = BTreeSet::new();
    for (record, body) in book.of("cost") {
        if body["estimated"] == true {
            continue;
        }
        let number = body["tokens"]["output"].as_u64().unwrap_or_default();
        if number == 0 {
            continue;
        }
        if !answered.contains(&number) {
            book.fail(
                &record.run,
                &format!("{} books what nobody answered", record.seq.0),
            );
        }
        if !booked.insert(number) {
            book.fail(
                &record.run,
                &format!("{} books the answer {number} again", record.seq.0),
            );
        }
    }
    for (record, body) in book.of("reply") {
        let number = body["reply"]["usage"]["output"]
            .as_u64()
            .unwrap_or_default();
        if number > 0 && !booked.contains(&number) {
            book.fail(
                &record.run,
                &format!(
                    "the answer in {} is not booked: {}",
                    record.seq.0, record.body
                ),
            );
        }
    }
}

fn promises_are_on_the_record(book: &Book, house: &House) {
    let promises = house.promises.borrow();
    let known: BTreeSet<&str> = book.records.iter().map(|(r, _)| r.run.as_str()).collect();
    let to: BTreeSet<&str> = book
        .of("sent")
        .filter_map(|(_, b)| b["to"].as_str())
        .collect();
    let words: BTreeSet<&str> = book
        .of("sent")
        .filter_map(|(_, body)| body["data"]["text"].as_str())
        .collect();
    for promise in &promises.given {
        let Ok(answer) = &promise.answer else {
            continue;
        };
        for key in ["run", "instance"] {
            if let Some(id) = answer[key].as_str()
                && !known.contains(id)
                // A run that is bound before there is work begins with the work.
                && !matches!(promise.command, Command::WorkflowBind { .. })
                && !to.contains(id)
            {
                book.fail(
                    "",
                    &format!(
                        "{:?} was answered {answer}, and {id} is nowhere",
                        promise.command
                    ),
                );
            }
        }
        if let Command::Say { text, .. } = &promise.command
            && answer["run"].is_string()
            && !words.contains(&**text)
        {
            book.fail("", &format!("`{text}` was heard, and is nowhere"));
        }
    }
}

fn keys_fire_once(book: &Book) {
    let mut fired = BTreeSet::new();
    for (record, body) in book.of("fired") {
        let key = body["fire"]["key"].to_string();
        if !fired.insert(key.clone()) {
            book.fail("house", &format!("{} fires {key} again", record.seq.0));
        }
    }
}

/// Nothing is under way any more but what waits for a time or for somebody.
pub fn at_rest(house: &House, host: &Host, seed: u64) {
    let list = host.ask(Command::List {}).now_or_never().unwrap().unwrap();
    let book = Book::read(house, seed);
    let runs = list["runs"].as_array().unwrap();
    for run in runs {
        let status = run["status"].as_str().unwrap();
        // An answer takes twenty minutes at most; a run that thinks now was not doing so for hours.
        let id = run["run"].as_str().unwrap();
        let child = format!("{id}.");
        let last = book
            .records
            .iter()
            .rev()
            .find(|(record, _)| record.run == id);
        let last = last.map_or(0, |(record, _)| record.time.0);
        let idle = house.hand.read() - last;
        let about: Vec<&(Record, Json)> = book
            .records
            .iter()
            .filter(|(record, _)| record.run.starts_with(&child))
            .collect();
        let about = about
            .iter()
            .rev()
            .take(6)
            .map(|(r, b)| {
                format!(
                    "{} {} {} {} {:.200}",
                    r.seq.0,
                    r.time.0,
                    r.run,
                    r.kind,
                    b.to_string()
                )
            })
            .collect::<Vec<_>>()
            .join("\n");
        let waits_for = runs
            .iter()
            .any(|other| other["run"].as_str().unwrap().starts_with(&child));
        if waits_for {
            continue;
        }
        if status == "restarting" || (status == "running" && idle > 3_600_000) {
            book.fail(
                id,
                &format!("{run} has not come to rest ({idle} ms)\n{about}"),
            );
        }
    }
    let bound: BTreeMap<(String, String), Vec<String>> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|run| {
            let role = (
                run["instance"].as_str()?.into(),
                run["role"].as_str()?.into(),
            );
            Some((role, run["run"].as_str()?.to_owned()))
        })
        .fold(BTreeMap::new(), |mut map, (role, run)| {
            map.entry(role).or_insert_with(Vec::new).push(run);
            map
        });
    for (role, runs) in &bound {
        if runs.len() > 1 {
            book.fail(&role.0, &format!("{role:?} is held by {runs:?}"));
        }
    }
    bindings_agree(&book, &list);
    roles_are_held_by_the_living(&book, host);
}

fn roles_are_held_by_the_living(book: &Book, host: &Host) {
    let ended: BTreeSet<&str> = book.of("ended").map(|(r, _)| r.run.as_str()).collect();
    let asked = host.ask(Command::WorkflowList {}).now_or_never();
    for instance in asked.unwrap().unwrap()["instances"].as_array().unwrap() {
        for role in instance["roles"].as_array().unwrap() {
            let holder = role["holder"]["run"].as_str();
            if let Some(run) = holder.filter(|run| ended.contains(run)) {
                book.fail(run, &format!("{role} of {instance} is held by a dead run"));
            }
        }
    }
}

/// What a run has on its record of its binding is what its instance says.
fn bindings_agree(book: &Book, list: &Json) {
    for run in list["runs"].as_array().unwrap() {
        let id = run["run"].as_str().unwrap();
        if run["status"] == "given_up" || run["status"] == "paused" {
            continue;
        }
        let its = book.records.iter().rev();
        let last = its
            .filter(|(record, _)| record.run == id)
            .find(|(record, _)| matches!(&*record.kind, "bound" | "unbound"));
        let own = last.filter(|(record, _)| record.kind == "bound");
        let own = own.and_then(|(_, body)| body["instance"].as_str());
        // One that stands still hears that its work is gone when it is taken up again.
        if let Some(says) = run["instance"].as_str()
            && run["status"] == "running"
            && own != Some(says)
        {
            book.fail(id, &format!("{run} is bound, and its record has {own:?}"));
        }
    }
}

/// After a long time without trouble: nothing that was said is lost, and nothing that was begun.
pub fn at_the_end(house: &House, seed: u64) {
    let book = Book::read(house, seed);
    let mut ended = BTreeSet::new();
    let mut given_up = BTreeSet::new();
    let mut paused: BTreeSet<&str> = BTreeSet::new();
    let mut instances = BTreeSet::new();
    let mut started = BTreeSet::new();
    let mut caused = BTreeSet::new();
    for (record, body) in &book.records {
        let run = record.run.as_str();
        match &*record.kind {
            "ended" => drop(ended.insert(run)),
            "gave_up" => drop(given_up.insert(run)),
            "paused" => drop(paused.insert(run)),
            "resumed" => drop(paused.remove(run)),
            "started" => {
                started.insert(run);
                if body["workflow"].is_object() {
                    instances.insert(run);
                }
            }
            _ => {}
        }
        caused.extend(body["cause"].as_u64());
    }
    for (record, body) in book.of("sent") {
        let to = body["to"].as_str().unwrap_or_default();
        let event = body["event"].as_str().unwrap_or_default();
        if event == "agent.begin" && !started.contains(to) && !ended.contains(to) {
            book.fail(
                to,
                &format!("{to} was to begin ({}), and never did", record.seq.0),
            );
        }
        let waits = ended.contains(to) || given_up.contains(to) || paused.contains(to);
        if waits || instances.contains(to) || !started.contains(to) {
            continue;
        }
        if !caused.contains(&record.seq.0) {
            book.fail(
                to,
                &format!("the letter {} ({event}) to {to} is lost", record.seq.0),
            );
        }
    }
    for (record, body) in book.of("fired") {
        let id = body["answer"]["instance"]
            .as_str()
            .or(body["answer"]["run"].as_str());
        if let Some(id) = id
            && !started.contains(id)
        {
            book.fail(id, &format!("{} fired, and {id} never began", record.seq.0));
        }
    }
}
