//! `change`: the acts of change control. Each verb is one command, signed in this process, to the daemon where one serves the house, else to a host in this process.

mod diff;
mod files;
mod history;
mod show;

use super::asked::{Host, cell, show as print_answer, table};
use super::signing::{self, Asked};
use crate::cli::{As, At, ChangeClass, ChangeRequest, ChangeVerb, ChangeVerify, ChangeVote};
use crate::exit::{Failure, NOT_SO, USAGE};
use change::{ItemId, Stage};
use files::Captured;
use runtime::host::{ChangeAct, ChangeDeed, Command, Signed};
use serde_json::{Value, json};

pub use diff::Made;

pub fn run(verb: &ChangeVerb) -> Result<u8, Failure> {
    match verb {
        ChangeVerb::Diff(options) => diff::run(options),
        ChangeVerb::Request(request) => ask_for(request),
        ChangeVerb::Assess {
            change,
            notes,
            returned,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Assess, change, who);
            deed.notes.clone_from(notes);
            deed.outcome = returned.then(|| "returned".to_owned());
            deed.ask(at, |_| match returned {
                true => format!("Sent back: {change}."),
                false => format!("Assessed: {change}."),
            })
        }
        ChangeVerb::Review {
            change,
            findings,
            role,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Review, change, who);
            deed.notes = Some(findings.clone());
            deed.role.clone_from(role);
            deed.ask(at, |_| format!("Reviewed: {change}."))
        }
        ChangeVerb::History { item, at } => history::run(&at.house.house, item, at.json),
        ChangeVerb::Approve(vote) => vote_on(vote, ChangeAct::Approve, "Approved"),
        ChangeVerb::Reject(vote) => vote_on(vote, ChangeAct::Reject, "Rejected"),
        ChangeVerb::Order {
            change,
            effectivity,
            agents,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Order, change, who);
            deed.artefacts = Some(json!({ "effectivity": counting(effectivity, agents) }));
            deed.ask(at, |_| format!("Ordered: {change}, {effectivity}."))
        }
        ChangeVerb::Implement {
            change,
            files,
            impossible,
            notes,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Implement, change, who);
            deed.notes.clone_from(notes);
            match impossible {
                Some(why) => {
                    deed.notes = Some(why.clone());
                    deed.outcome = Some("impossible".into());
                }
                None => {
                    let known = open_change(at, change)?;
                    deed.artefacts =
                        Some(Captured::read(&at.house.house, files, &known)?.artefacts());
                }
            }
            deed.ask(at, |_| match impossible {
                Some(_) => format!("Sent back: {change}."),
                None => format!(
                    "Implemented: {change}. It is not in force; somebody else verifies it now."
                ),
            })
        }
        ChangeVerb::Verify(options) => verify(options),
        ChangeVerb::Release {
            change,
            effectivity,
            agents,
            returned,
            notes,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Release, change, who);
            deed.notes = returned.clone().or_else(|| notes.clone());
            deed.outcome = returned.as_ref().map(|_| "returned".to_owned());
            let effectivity = effectivity.as_deref().map(|when| counting(when, agents));
            deed.artefacts = effectivity.map(|effectivity| json!({ "effectivity": effectivity }));
            deed.ask(at, |_| match returned {
                Some(_) => format!("Sent back: {change}."),
                None => format!("Released: {change}."),
            })
        }
        ChangeVerb::Withdraw {
            change,
            why,
            who,
            at,
        } => {
            let mut deed = Deed::new(ChangeAct::Withdraw, change, who);
            deed.notes = Some(why.clone());
            deed.ask(at, |_| format!("Withdrawn: {change}."))
        }
        ChangeVerb::Emergency {
            items,
            title,
            why,
            files,
            who,
            at,
        } => {
            let mut deed = Deed::begin(ChangeAct::Emergency, who);
            deed.notes = Some(why.clone());
            let known = json!({ "items": items });
            let mut artefacts = Captured::read(&at.house.house, files, &known)?.artefacts();
            artefacts["title"] = json!(title);
            artefacts["items"] = json!(items);
            deed.artefacts = Some(artefacts);
            deed.ask(at, |answer| {
                let change = name_of(answer);
                format!("In force: {change}. Others have to approve it now: charthouse change show {change}")
            })
        }
        ChangeVerb::Baseline { who, at } => {
            let deed = Deed::begin(ChangeAct::Baseline, who);
            deed.ask(at, |answer| {
                let items = &answer["items"];
                format!(
                    "This is the baseline: {items} items are released as they are, on record {}.",
                    answer["record"]
                )
            })
        }
        ChangeVerb::Restore { items, at } => {
            let items = items.clone();
            let answer = one(at, Command::ChangeRestore { items })?;
            print_answer(at.json, &answer, restored)
        }
        ChangeVerb::Show { change, at } => {
            let wanted = change.clone();
            let answer = one(at, Command::ChangeShow { change: wanted })?;
            print_answer(at.json, &answer, show::story)
        }
        ChangeVerb::List {
            open,
            status,
            item,
            by,
            at,
        } => {
            let status = status.as_deref().map(stage).transpose()?;
            let item = item.as_deref().map(ItemId::parse).transpose();
            let item = item.map_err(|error| Failure::new(USAGE, error))?;
            let mut answer = one(at, Command::ChangeList {})?;
            if let Some(item) = &item {
                is_known(&answer, &item.to_string())?;
            }
            if let Some(changes) = answer["changes"].as_array_mut() {
                changes.retain(|change| {
                    let named = |name: &String| {
                        let people = change["people"].as_array().into_iter().flatten();
                        let ends = |who: &str| {
                            who == name || who.split_once(':').is_some_and(|(_, n)| n == name)
                        };
                        people.filter_map(Value::as_str).any(ends)
                    };
                    let touches = |item: &ItemId| {
                        let items = change["items"].as_array().into_iter().flatten();
                        let mut items = items.filter_map(Value::as_str);
                        items.any(|one| one == item.to_string())
                    };
                    (!open || change["open"] == true)
                        && status
                            .as_ref()
                            .is_none_or(|status| change["status"] == status.as_str())
                        && item.as_ref().is_none_or(touches)
                        && by.as_ref().is_none_or(named)
                });
            }
            print_answer(at.json, &answer, listed)
        }
    }
}

/// What a person wants done.
struct Deed<'w> {
    act: ChangeAct,
    change: Option<String>,
    who: &'w As,
    role: Option<String>,
    outcome: Option<String>,
    notes: Option<String>,
    artefacts: Option<Value>,
}

impl<'w> Deed<'w> {
    fn begin(act: ChangeAct, who: &'w As) -> Self {
        Deed {
            act,
            change: None,
            who,
            role: None,
            outcome: None,
            notes: None,
            artefacts: None,
        }
    }

    fn new(act: ChangeAct, change: &str, who: &'w As) -> Self {
        Deed {
            change: Some(change.to_owned()),
            ..Deed::begin(act, who)
        }
    }

    fn command(&self, signed: Option<Signed>) -> Command {
        Command::Change(ChangeDeed {
            act: self.act,
            change: self.change.clone(),
            by: self.who.by.clone(),
            role: self.role.clone(),
            outcome: self.outcome.clone(),
            notes: self.notes.clone(),
            artefacts: self.artefacts.clone(),
            signed,
        })
    }

    /// Have it done, say `text`, and what is awaited next.
    fn ask(&self, at: &At, text: impl Fn(&Value) -> String) -> Result<u8, Failure> {
        let mut host = Host::administering(&at.house.house)?;
        let asked = signing::ask(&mut host, &self.who.signing, |signed| self.command(signed));
        let next = match &asked {
            Ok(Asked::Answer(answer)) if answer["change"] != "CR-0000" => {
                let change = name_of(answer).to_owned();
                host.ask(Command::ChangeShow { change }).ok()
            }
            _ => None,
        };
        // What was refused is the better thing to say.
        let closed = host.close();
        let Asked::Answer(answer) = asked? else {
            return closed.map(|()| 0);
        };
        closed?;
        print_answer(at.json, &answer, |answer| {
            let awaits = next.as_ref().map(show::next).unwrap_or_default();
            format!("{}\n{awaits}", text(answer))
        })
    }
}

fn name_of(answer: &Value) -> &str {
    answer["change"].as_str().unwrap_or("?")
}

/// One command that nobody signs.
fn one(at: &At, command: Command) -> Result<Value, Failure> {
    let mut host = Host::administering(&at.house.house)?;
    let answer = host.ask(command);
    let closed = host.close();
    let answer = answer?;
    closed?;
    Ok(answer)
}

fn open_change(at: &At, change: &str) -> Result<Value, Failure> {
    let change = change.to_owned();
    one(at, Command::ChangeShow { change })
}

fn ask_for(request: &ChangeRequest) -> Result<u8, Failure> {
    let mut deed = Deed::begin(ChangeAct::Request, &request.who);
    deed.change.clone_from(&request.change);
    deed.notes = Some(request.reason.clone());
    deed.artefacts = Some(json!({
        "title": request.title,
        "items": request.items,
        "links": request.links,
        "class": match request.class {
            ChangeClass::Minor => "minor",
            ChangeClass::Major => "major",
        },
    }));
    deed.ask(&request.at, |answer| match &request.change {
        None => format!("Requested: {}.", name_of(answer)),
        Some(change) => format!("Requested anew: {change}."),
    })
}

fn vote_on(vote: &ChangeVote, act: ChangeAct, word: &str) -> Result<u8, Failure> {
    let mut deed = Deed::new(act, &vote.change, &vote.who);
    deed.notes.clone_from(&vote.why);
    deed.role.clone_from(&vote.role);
    deed.ask(&vote.at, |_| format!("{word}: {}.", vote.change))
}

fn verify(options: &ChangeVerify) -> Result<u8, Failure> {
    let (change, at) = (&options.change, &options.at);
    let found = one(
        at,
        Command::ChangeCheck {
            change: change.clone(),
            scenarios: options.run_scenarios,
            shadow: options.shadow,
        },
    )?;
    let mut evidence = found["evidence"].as_array().cloned().unwrap_or_default();
    for (kind, paths) in [
        ("statement", &options.evidence),
        ("conformance", &options.conformance),
        ("ledger", &options.ledger),
    ] {
        for path in paths {
            evidence.push(files::evidence(kind, path)?);
        }
    }
    let passed = found["passed"] == true && !options.failed;
    let word = if passed { "passed" } else { "failed" };
    let mut deed = Deed::new(ChangeAct::Verify, change, &options.who);
    deed.notes.clone_from(&options.notes);
    deed.outcome = Some(word.into());
    deed.artefacts = Some(json!({ "evidence": evidence }));
    let shown = show::evidence(&json!(evidence), "  ");
    let code = deed.ask(at, |_| format!("Verified: {change}, {word}.\n{shown}"))?;
    match passed || options.failed || options.who.signing.print_statement {
        true => Ok(code),
        // Whoever wanted to see it pass is told by the exit code, too.
        false => Ok(NOT_SO),
    }
}

/// The status that is meant.
fn stage(word: &str) -> Result<Stage, Failure> {
    let mut all = Stage::ALL.into_iter();
    let found = all.find(|stage| stage.as_str() == word.replace('-', " "));
    found.ok_or_else(|| {
        let known = Stage::ALL.map(|stage| format!("`{}`", stage.as_str()));
        Failure::new(USAGE, format!("no change ever stands as `{word}`"))
            .help(format!("write one of {}", known.join(", ")))
    })
}

/// That the house has `item`, or had it, or that some change wanted it.
fn is_known(answer: &Value, item: &str) -> Result<(), Failure> {
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    };
    let changes = answer["changes"].as_array().into_iter().flatten();
    let mut known: Vec<String> = changes.flat_map(|change| texts(&change["items"])).collect();
    known.extend(texts(&answer["items"]));
    known.sort();
    known.dedup();
    if known.iter().any(|one| one == item) {
        return Ok(());
    }
    let failure = Failure::new(USAGE, format!("there is no {item}, and no change is of it"));
    Err(match known.is_empty() {
        true => failure,
        false => failure.help(format!("there are {}", known.join(", "))),
    })
}

fn counting(when: &str, agents: &[String]) -> Value {
    let when = match when {
        "now" | "next-run" => json!(when),
        date => json!({ "at": date }),
    };
    match agents {
        [] => json!({ "when": when }),
        agents => json!({ "when": when, "agents": agents }),
    }
}

/// What lies otherwise than before, each file by what it is now, and what became of what lay there.
fn restored(answer: &Value) -> String {
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for one in list("restored") {
        let (file, change) = (cell(&one["file"]), cell(&one["change"]));
        let now = match (one["change"].as_str(), one["is_there"] == true) {
            (Some("CR-0000"), _) => {
                format!("is as the baseline has it ({})", cell(&one["item"]))
            }
            (Some(_), _) => format!("is as {change} released it ({})", cell(&one["item"])),
            (None, true) => {
                text.push_str(&format!("{file} pins what is released\n"));
                continue;
            }
            (None, false) => "is gone: nothing that is in force has it".to_owned(),
        };
        let before = match one["kept"].as_str() {
            Some(kept) => format!("the draft that lay there is kept as {kept}"),
            None if one["was_missing"] == true => "it was missing".to_owned(),
            None => "what lay there was of another release, and is on record".to_owned(),
        };
        text.push_str(&format!("{file} {now}\n  {before}\n"));
    }
    for warning in list("warnings") {
        text.push_str(&format!("warning: {}\n", cell(&warning)));
    }
    match text.is_empty() {
        true => "Everything is as it is released.\n".to_owned(),
        false => text,
    }
}

fn listed(answer: &Value) -> String {
    let keys = [
        "change",
        "status",
        "class",
        "title",
        "items",
        "requested_by",
    ];
    let none = "No changes. Ask for one: charthouse change request --item ITEM …";
    let mut text = show::loud(answer);
    text.push_str(&table(&answer["changes"], &keys, none));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_release_took_away_was_of_another_one() {
        let gone = json!({ "file": "agents/old.yaml", "item": "agent:old", "is_there": false });
        assert_eq!(
            restored(&json!({ "restored": [gone] })),
            "agents/old.yaml is gone: nothing that is in force has it\n  what lay there was of another release, and is on record\n"
        );
    }
}
