//! Why a record is there: from it to what caused it, and so on back to the beginning. Only what the records themselves say is used.

use super::known::Known;
use super::paper::{Paper, Stop, unless_closed};
use super::story::{Layout, SAYS, Teller};
use super::told::Told;
use super::when::Zone;
use super::{damaged, kinds};
use crate::cli::JournalWhy;
use crate::exit::{Failure, NOT_SO};
use crate::print::{self, BOLD, DIM, Paint};
use ::journal::{Journal, RecordId};
use serde_json::Value;
use std::collections::BTreeMap;

/// Links that are shown unless all are wanted.
const MOST_LINKS: usize = 24;

/// How the chain is shown.
pub struct Style<'a> {
    pub zone: &'a Zone,
    pub full: bool,
    pub json: bool,
}

pub fn run(asked: &JournalWhy) -> Result<u8, Failure> {
    damaged::look_at(&asked.house.house, |journal| tell(asked, journal))
}

fn tell(asked: &JournalWhy, journal: Option<&Journal>) -> Result<u8, Failure> {
    let Some(journal) = journal else {
        return Err(no_such(asked.record, 0));
    };
    let zone = Zone::new(asked.utc);
    let style = Style {
        zone: &zone,
        full: asked.full,
        json: asked.json,
    };
    of(journal, asked.record, None, style)
}

fn no_such(seq: u64, last: u64) -> Failure {
    let failure = Failure::new(NOT_SO, format!("there is no record {seq}"));
    match last {
        0 => failure.help("`charthouse journal show` tells what there is"),
        last => failure.help(format!(
            "records have the numbers 1 to {last}; `charthouse journal show` tells them"
        )),
    }
}

/// Show why the record `seq` is there; with a `run`, it must be one of its records.
pub fn of(journal: &Journal, seq: u64, run: Option<&str>, style: Style<'_>) -> Result<u8, Failure> {
    let Some(record) = journal.record(RecordId(seq))? else {
        return Err(no_such(seq, last_record(journal)?));
    };
    if run.is_some_and(|run| run != record.run) {
        return Err(Failure::new(
            NOT_SO,
            format!("record {seq} is one of the run {}", record.run),
        )
        .help(format!("charthouse journal why {seq}")));
    }
    let mut paper = Paper::stdout();
    let written = chain(journal, Told::from(record), &style, &mut paper);
    unless_closed(written.and_then(|()| paper.flush()))?;
    Ok(0)
}

/// The number of the last record; 0 where there is none.
pub fn last_record(journal: &Journal) -> Result<u64, Failure> {
    let mut last = kinds::newest(journal)?;
    // Those of kinds that a newer charthouse writes.
    while journal.record(RecordId(last + 1))?.is_some() {
        last += 1;
    }
    Ok(last)
}

fn chain(journal: &Journal, first: Told, style: &Style<'_>, paper: &mut Paper) -> Result<(), Stop> {
    let paint = Paint::new(print::color_on_stdout());
    let layout = Layout {
        zone: style.zone,
        paint,
        full: style.full,
    };
    if !style.json {
        let heading = format!(
            "record {} of the run {}, {} ({})",
            first.seq(),
            first.record.run,
            style.zone.day(first.record.time),
            style.zone.name()
        );
        paper.line(&paint.with(BOLD, &heading))?;
    }
    let (mut told, mut because, mut run) =
        (first.with_cause(journal), String::new(), String::new());
    let mut called: Option<Told> = None;
    let mut state: Option<String> = None;
    for links in 0.. {
        if style.json {
            let mut line = told.whole();
            line["because"] = match because.as_str() {
                "" => Value::Null,
                because => because.into(),
            };
            paper.line(&line.to_string())?;
        } else {
            if !because.is_empty() {
                paper.line(&paint.with(DIM, &format!("        ↑ {because}")))?;
            }
            if !run.is_empty() && run != told.record.run {
                let other = format!("        in the run {}", told.record.run);
                paper.line(&paint.with(DIM, &other))?;
            }
            let known = Known::behind(journal, &told)?;
            let teller = Teller {
                zone: style.zone,
                known: Some(&known),
                full: style.full,
            };
            let mut words = teller.words(&told);
            words.level = 0;
            let (seq, time) = (told.seq(), told.record.time);
            paper.line(&layout.line(seq, time, None, told.kind(), &words))?;
        }
        run.clone_from(&told.record.run);
        if told.kind() == "think" && state.is_none() {
            state = Some(told.text("/state").to_owned());
        }
        let before = before(journal, &told)?;
        if told.kind() == "call" && called.is_none() {
            called = Some(told);
        }
        match before {
            Some((earlier, why)) => (told, because) = (earlier.with_cause(journal), why),
            None => break,
        }
        if links + 1 == MOST_LINKS && !style.full && !style.json {
            let more = format!(
                "        ↑ {because}: record {}, and so on (--full)",
                told.seq()
            );
            paper.line(&paint.with(DIM, &more))?;
            break;
        }
    }
    if style.json {
        return Ok(());
    }
    explain(journal, called.as_ref(), state.as_deref(), paint, paper)
}

/// Where the rule that let a call through is to be read.
fn explain(
    journal: &Journal,
    called: Option<&Told>,
    state: Option<&str>,
    paint: Paint,
    paper: &mut Paper,
) -> Result<(), Stop> {
    let (Some(called), Some(state)) = (called, state) else {
        return Ok(());
    };
    let mut agent = String::new();
    journal.each(::journal::Which::Kind("started"), |record| {
        if record.run == called.record.run {
            agent = Told::from(record).text("/agent/name").to_owned();
        }
        Ok::<_, Stop>(())
    })?;
    if agent.is_empty() || called.text("/arguments").is_empty() {
        return Ok(());
    }
    let hint = format!(
        "the rules for it, as they are now: charthouse policy explain {agent} --in {state} --tool {}",
        super::story::one_line(called.text("/tool"))
    );
    paper.line(&paint.with(DIM, &hint))
}

/// What came before, and what it has to do with it.
type Link = Option<(Told, String)>;

/// What caused `told`, as far as the records say.
fn before(journal: &Journal, told: &Told) -> Result<Link, Failure> {
    let back = Back { journal, told };
    // Whatever says itself what caused it is believed, across runs.
    if let Some(cause) = told.number("/cause")
        && cause < told.seq()
        && let Some(record) = journal.record(RecordId(cause))?
    {
        return Ok(Some((Told::from(record), "caused by this".into())));
    }
    let effect = told.effect();
    let invocation = told.text("/invocation");
    match told.kind() {
        "outcome" | "uncertain" | "permission" if effect.is_some() => back.find(
            &["call"],
            |earlier| earlier.effect() == effect,
            "it came of this call",
        ),
        "outcome" => back.answer_with(told.text("/call")),
        "call" if told.text("/call").is_empty() || told.text("/call") == invocation => {
            match invocation {
                "" => back.find(&["step"], |_| true, "after this step"),
                invocation => back.begun(invocation),
            }
        }
        "call" => back.answer_with(told.text("/call")),
        "reply" => back.find(
            &["think"],
            |earlier| earlier.effect() == effect,
            "it answers this request",
        ),
        "think" => back.begun(invocation),
        "cost" => {
            let (tool, kind) = match told.text("/tool") {
                "" => ("", "reply"),
                tool => (tool, "outcome"),
            };
            let fits = |earlier: &Told| tool.is_empty() || earlier.text("/tool") == tool;
            back.find(&[kind], fits, "what this cost")
        }
        "budget" => back.find(&["cost"], |_| true, "the last of what was spent"),
        "item" => back.of_item(),
        "guard" | "summary" if effect.is_some() => back.find(
            &["call", "think", "said"],
            |earlier| earlier.effect() == effect || earlier.kind() == "said",
            "it is about this",
        ),
        "stopped" => {
            let leaves = |earlier: &Told| names(earlier, "cancel_invoke", invocation);
            let begins = |earlier: &Told| names(earlier, "invoke", invocation);
            let found = back.find(&["step"], |step| leaves(step) || begins(step), "")?;
            Ok(found.map(|(step, _)| {
                let why = match leaves(&step) {
                    true => "this step left its state",
                    false => "it was begun by this step",
                };
                (step, why.to_owned())
            }))
        }
        "said" if told.body["house"] != true => {
            let fits = |earlier: &Told| earlier.kind() != "told" || earlier.text("/event") == SAYS;
            let found = back.find(&["told", "started", "step", "said"], fits, "")?;
            Ok(found.and_then(|(earlier, _)| match earlier.kind() {
                "told" => Some((earlier, "somebody spoke to it".to_owned())),
                "started" => Some((earlier, "it was begun with these words".to_owned())),
                _ => None,
            }))
        }
        "step" => back.of_step(),
        "migrated" => back.find(&["reloaded"], |_| true, "definitions were exchanged"),
        "sent" => {
            let event = told.text("/event");
            let sends = |step: &Told| {
                let effects = step.list("/effects").iter();
                let mut sends = effects.filter(|effect| effect["type"] == "send");
                sends.any(|effect| effect["event"] == event)
            };
            back.find(&["step"], sends, "this step sent it")
        }
        "rested" | "ended" => back.find(&["step"], |_| true, "it stood here"),
        "snapshot" => back.find(&["step", "started"], |_| true, "kept after this"),
        "started" if told.body["resumed"] == true => {
            let last = [
                "ended", "rested", "step", "reply", "outcome", "call", "think",
            ];
            back.find(&last, |_| true, "it goes on from here")
        }
        _ => Ok(None),
    }
}

/// Looks back from a record, in its run.
struct Back<'a> {
    journal: &'a Journal,
    told: &'a Told,
}

impl Back<'_> {
    /// The nearest record before that is of one of `kinds` and `fits`.
    fn find(
        &self,
        kinds: &[&str],
        mut fits: impl FnMut(&Told) -> bool,
        why: &str,
    ) -> Result<Link, Failure> {
        for seq in (1..self.told.seq()).rev() {
            let Some(record) = self.journal.record(RecordId(seq))? else {
                continue;
            };
            if record.run != self.told.record.run || !kinds.contains(&record.kind.as_str()) {
                continue;
            }
            let earlier = Told::from(record);
            if fits(&earlier) {
                return Ok(Some((earlier, why.to_owned())));
            }
        }
        Ok(None)
    }

    /// The answer that made the call `id`.
    fn answer_with(&self, id: &str) -> Result<Link, Failure> {
        let made = |reply: &Told| {
            let mut calls = reply.list("/reply/calls").iter();
            calls.any(|call| call["id"] == id)
        };
        self.find(&["reply"], made, "the model asked for it in this answer")
    }

    /// The step that began the activity `invocation`.
    fn begun(&self, invocation: &str) -> Result<Link, Failure> {
        let mut earlier_requests = 0;
        let mut activity = String::new();
        let began = |earlier: &Told| {
            if earlier.kind() == "think" {
                earlier_requests += u32::from(earlier.text("/invocation") == invocation);
                return false;
            }
            let effects = earlier.list("/effects").iter();
            let mut invokes = effects.filter(|effect| effect["type"] == "invoke");
            let found = invokes.find(|effect| effect["id"] == invocation);
            if let Some(found) = found {
                activity = found["activity"].as_str().unwrap_or_default().to_owned();
            }
            found.is_some()
        };
        let found = self.find(&["step", "migrated", "think"], began, "")?;
        let asked = match earlier_requests {
            0 => String::new(),
            requests => format!(", its request {}", requests + 1),
        };
        Ok(found.map(|(step, _)| {
            (
                step,
                format!("part of the {activity} {invocation}{asked}; this step began it"),
            )
        }))
    }

    fn of_item(&self) -> Result<Link, Failure> {
        let item = &self.told.body["item"];
        match item["type"].as_str() {
            Some("result") => {
                let call = item["call"].as_str().unwrap_or_default();
                self.find(
                    &["outcome"],
                    |outcome| outcome.text("/call") == call,
                    "its answer",
                )
            }
            Some("assistant") => self.find(&["reply"], |_| true, "the model said it"),
            _ if item["provenance"] == "human" => self.find(&["said"], |_| true, "it was said"),
            _ => self.find(&["step"], |_| true, "the host says where it is"),
        }
    }

    fn of_step(&self) -> Result<Link, Failure> {
        let event = self.told.text("/event/name");
        let invocation = self.told.text("/invocation");
        if event.starts_with("budget.") {
            let about = |budget: &Told| budget.text("/event") == event;
            let found = self.find(&["budget"], about, "this limit was in the way")?;
            return match found {
                Some(found) => Ok(Some(found)),
                None => self.find(&["cost"], |_| true, "the money was spent, last on this"),
            };
        }
        if event.is_empty() {
            let found = self.find(&["said", "started", "rested", "ended"], |_| true, "")?;
            return Ok(found.map(|(earlier, _)| {
                let why = match earlier.kind() {
                    "started" => "the run begins",
                    "said" if earlier.body["house"] == true => {
                        "the house spoke of its role, and the chart began"
                    }
                    "said" => "somebody spoke, and the chart began",
                    _ => "the chart began anew after this",
                };
                (earlier, why.to_owned())
            }));
        }
        if !invocation.is_empty() {
            return self.last_word_of(invocation, event);
        }
        if !self.told.body["due"].is_null() {
            let due = &self.told.body["due"];
            let set = |step: &Told| {
                let effects = step.list("/effects").iter();
                let mut timers = effects.filter(|effect| effect["type"] == "schedule");
                timers.any(|timer| {
                    timer["event"] == event && (due["due"].is_null() || timer["due"] == due["due"])
                })
            };
            return self.find(&["step", "migrated"], set, "its timer was set by this step");
        }
        match event {
            "human.said" => self.find(&["said"], |_| true, "this was said"),
            "human.interrupted" => self.find(&["interrupted"], |_| true, "a person did this"),
            _ => {
                let raised = |earlier: &Told| {
                    earlier.kind() == "step"
                        || (earlier.kind() == "told" && earlier.text("/event") == event)
                        || (earlier.body["raised"] == true && earlier.text("/event") == event)
                };
                let found = self.find(&["outcome", "step", "told"], raised, "")?;
                Ok(found.map(|(earlier, _)| {
                    let why = match earlier.kind() {
                        "outcome" => "the model raised it",
                        "told" => "this was told to it from elsewhere",
                        _ => "after this step; who raised it is not on record",
                    };
                    (earlier, why.to_owned())
                }))
            }
        }
    }

    /// What an activity did last before its event: an answer, an outcome, a person's word, or its beginning.
    fn last_word_of(&self, invocation: &str, event: &str) -> Result<Link, Failure> {
        let mut ended: BTreeMap<u64, Told> = BTreeMap::new();
        let mut said = None;
        for seq in (1..self.told.seq()).rev() {
            let Some(record) = self.journal.record(RecordId(seq))? else {
                continue;
            };
            if record.run != self.told.record.run {
                continue;
            }
            let earlier = Told::from(record);
            match earlier.kind() {
                "reply" | "outcome" => {
                    if let Some(effect) = earlier.effect() {
                        ended.entry(effect).or_insert(earlier);
                    }
                }
                "said" if said.is_none() => said = Some(earlier),
                "think" | "call" if earlier.text("/invocation") == invocation => {
                    let word = earlier.effect().and_then(|effect| ended.remove(&effect));
                    let why = format!("{event} came from {invocation}, which ended with this");
                    return Ok(Some((word.unwrap_or(earlier), why)));
                }
                "step" | "migrated" if names(&earlier, "invoke", invocation) => {
                    return Ok(Some(match said {
                        Some(said) => (said, format!("somebody answered {invocation}")),
                        None => (earlier, format!("{invocation} was begun by this step")),
                    }));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Whether a step has the effect `kind` for `invocation`.
fn names(step: &Told, kind: &str, invocation: &str) -> bool {
    let mut effects = step.list("/effects").iter();
    effects.any(|effect| effect["type"] == kind && effect["id"] == invocation)
}
