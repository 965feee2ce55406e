//! Runs as OpenTelemetry traces, by the GenAI conventions: a trace a run; spans for the run, its activities, inferences and calls.
//!
//! A span is kept while it is open and written when it is over, so memory does not grow with the journal. What was said is not in them: texts, arguments and
//! answers stay in the journal.

use super::span::{CLIENT, Ended, INTERNAL, Span};
use crate::verbs::journal::paper::{Paper, Stop};
use crate::verbs::journal::told::Told;
use crate::verbs::journal::when;
use ::journal::{HOUSE_RUN, Journal, Which};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use types::Timestamp;

/// Spans of a line. A line is a request that a collector takes, and what a file receiver reads at once.
const SPANS_A_LINE: usize = 512;

pub fn write(
    journal: &Journal,
    which: Which<'_>,
    span: when::Span,
    paper: &mut Paper,
) -> Result<(), Stop> {
    let mut traces = Traces {
        runs: BTreeMap::new(),
        out: Out {
            waiting: Vec::new(),
            wanted: span,
            paper,
        },
    };
    journal.each(which, |record| traces.see(&Told::from(record)))?;
    traces.end()
}

/// Where finished spans go.
struct Out<'a> {
    waiting: Vec<Value>,
    wanted: when::Span,
    paper: &'a mut Paper,
}

impl Out<'_> {
    fn put(&mut self, span: Ended) -> Result<(), Stop> {
        if span.end.0 < self.wanted.from || span.start.0 >= self.wanted.until {
            return Ok(());
        }
        self.waiting.push(span.json);
        match self.waiting.len() >= SPANS_A_LINE {
            true => self.write(),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), Stop> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let text =
            |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let version = env!("CARGO_PKG_VERSION");
        let line = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "charthouse"), text("service.version", version)] },
            "scopeSpans": [{
                "scope": { "name": "charthouse.journal", "version": version },
                "spans": std::mem::take(&mut self.waiting),
            }],
        }] });
        self.paper.line(&line.to_string())
    }
}

struct Traces<'a> {
    runs: BTreeMap<String, Trace>,
    out: Out<'a>,
}

/// A span of an activity, an inference or a call.
struct Open {
    span: Span,
    invocation: String,
}

/// What of a run is open.
#[derive(Default)]
struct Trace {
    root: Option<Span>,
    activities: BTreeMap<String, Span>,
    effects: BTreeMap<u64, Open>,
    /// A span that is over and whose cost may follow.
    finishing: Option<(Span, Timestamp)>,
    states: Vec<Value>,
    last: Timestamp,
    /// It waits for somebody, which is no failure.
    at_rest: bool,
    input: u64,
    output: u64,
}

impl Traces<'_> {
    fn see(&mut self, told: &Told) -> Result<(), Stop> {
        let run = &told.record.run;
        if run == HOUSE_RUN {
            return Ok(());
        }
        let trace = self.runs.entry(run.clone()).or_default();
        if told.kind() != "cost" {
            trace.finish(&mut self.out)?;
        }
        trace.see(told, &mut self.out)?;
        trace.last = told.record.time;
        if told.kind() == "ended" {
            self.runs.remove(&told.record.run);
        }
        Ok(())
    }

    /// There are no more records.
    fn end(mut self) -> Result<(), Stop> {
        for mut trace in std::mem::take(&mut self.runs).into_values() {
            trace.cut_off(&mut self.out)?;
        }
        self.out.write()
    }
}

impl Trace {
    fn see(&mut self, told: &Told, out: &mut Out<'_>) -> Result<(), Stop> {
        let time = told.record.time;
        if !matches!(
            told.kind(),
            "rested" | "paused" | "snapshot" | "cost" | "item"
        ) {
            self.at_rest = false;
        }
        match told.kind() {
            "started" => {
                // Its host was killed and began again.
                self.cut_off(out)?;
                self.root = Some(root(told));
            }
            "step" | "migrated" => self.step(told, out)?,
            "think" | "call" => self.begin(told),
            "reply" | "outcome" | "uncertain" => self.came_back(told, out)?,
            "cost" => self.cost(told),
            "stopped" => {
                let why = told.text("/why");
                self.close_effects_of(told.text("/invocation"), "cancelled", why, time, out)?;
                if let Some(mut span) = self.activities.remove(told.text("/invocation")) {
                    span.say("charthouse.stopped", &why.into());
                    out.put(span.ended(time))?;
                }
            }
            "permission" | "guard" => self.mention(told),
            "said" | "interrupted" | "reloaded" | "paused" | "resumed" | "rested" | "bound"
            | "unbound" | "offered" | "hand_in" | "sent" | "summary" => {
                self.at_rest = matches!(told.kind(), "rested" | "paused");
                let seq = Value::from(told.seq());
                if let Some(root) = &mut self.root {
                    root.event(time, told.kind(), &[("charthouse.record", &seq)]);
                }
            }
            "ended" => {
                let status = told.text("/status").to_owned();
                self.close_all("cancelled", "the run ended", time, out)?;
                if let Some(root) = &mut self.root {
                    root.say("charthouse.status", &status.as_str().into());
                    if status == "failed" {
                        let cause = &told.body["cause"];
                        let text = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
                        let kind = Some(text("kind")).filter(|kind| !kind.is_empty());
                        root.fail(kind.as_deref().unwrap_or("_OTHER"), &text("message"));
                    }
                }
                self.close_root(time, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, told: &Told, out: &mut Out<'_>) -> Result<(), Stop> {
        let (time, event) = (told.record.time, told.text("/event/name"));
        let invocation = told.text("/invocation");
        let failed = event.starts_with("error");
        if (failed || event.ends_with(".done"))
            && let Some(mut span) = self.activities.remove(invocation)
        {
            if failed {
                span.fail(event, told.text("/event/data/message"));
            }
            out.put(span.ended(time))?;
        }
        let states = told.list("/configuration");
        if states != self.states.as_slice() {
            let (list, seq) = (Value::from(states), Value::from(told.seq()));
            let said = [
                ("charthouse.states", &list),
                ("charthouse.event", &Value::from(event)),
                ("charthouse.record", &seq),
            ];
            if let Some(root) = &mut self.root {
                root.event(time, "state", &said);
            }
            self.states = states.to_vec();
        }
        for effect in told.list("/effects") {
            let text = |name: &str| effect[name].as_str().unwrap_or_default();
            let id = text("id");
            match text("type") {
                "invoke" => {
                    let name = format!("{} {}", text("activity"), text("state"));
                    let span = Span::new(&told.record.run, told.seq(), id, name, INTERNAL, time)
                        .below(self.root.as_ref())
                        .with("charthouse.activity", text("activity"))
                        .with("charthouse.invocation", id)
                        .with("charthouse.state", text("state"))
                        .with("charthouse.event", event)
                        .with("charthouse.record", told.seq());
                    if let Some(before) = self.activities.insert(id.to_owned(), span) {
                        out.put(before.ended(time))?;
                    }
                }
                // The record that it was stopped follows, and says why.
                "cancel_invoke" => {}
                _ => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self, told: &Told) {
        let Some(effect) = told.effect() else {
            return;
        };
        let (run, seq, time) = (&told.record.run, told.seq(), told.record.time);
        let invocation = told.text("/invocation").to_owned();
        let parent = self.activities.get(&invocation).or(self.root.as_ref());
        let span = match told.kind() {
            "think" => {
                let model = told.text("/model");
                Span::new(run, seq, "chat", format!("chat {model}"), CLIENT, time)
                    .with("gen_ai.operation.name", "chat")
                    .with("gen_ai.provider.name", told.text("/provider"))
                    .with("gen_ai.request.model", model)
                    .with(
                        "charthouse.context.tokens",
                        told.body["context"]["total"].clone(),
                    )
            }
            _ => {
                let tool = told.text("/tool");
                Span::new(
                    run,
                    seq,
                    "tool",
                    format!("execute_tool {tool}"),
                    INTERNAL,
                    time,
                )
                .with("gen_ai.operation.name", "execute_tool")
                .with("gen_ai.tool.name", tool)
                .with("gen_ai.tool.call.id", told.text("/call"))
                .with("gen_ai.tool.type", "extension")
            }
        };
        let span = span
            .below(parent)
            .with("gen_ai.conversation.id", run.as_str())
            .with("charthouse.state", told.text("/state"))
            .with("charthouse.record", seq);
        self.effects.insert(effect, Open { span, invocation });
    }

    fn came_back(&mut self, told: &Told, out: &mut Out<'_>) -> Result<(), Stop> {
        let open = told
            .effect()
            .and_then(|effect| self.effects.remove(&effect));
        let Some(Open { mut span, .. }) = open else {
            return Ok(());
        };
        match told.kind() {
            "reply" => self.reply(told, &mut span),
            "uncertain" => span.fail(
                "uncertain",
                "under way when the host stopped: it may have taken effect",
            ),
            _ => outcome(told, &mut span),
        }
        self.finish(out)?;
        self.finishing = Some((span, told.record.time));
        Ok(())
    }

    fn reply(&mut self, told: &Told, span: &mut Span) {
        let error = &told.body["error"];
        if !error.is_null() {
            let text = |name: &str| error[name].as_str().unwrap_or_default();
            span.fail(text("kind"), text("message"));
            return;
        }
        let reply = &told.body["reply"];
        let usage = &reply["usage"];
        span.say("gen_ai.response.model", &reply["model"]);
        let stop = match reply["stop"].as_str() {
            Some("end") => "stop",
            Some("filter") => "content_filter",
            Some(other) => other,
            None => "other",
        };
        span.say("gen_ai.response.finish_reasons", &json!([stop]));
        span.say("gen_ai.usage.input_tokens", &usage["input"]);
        span.say("gen_ai.usage.output_tokens", &usage["output"]);
        span.say("gen_ai.usage.cache_read.input_tokens", &usage["cached"]);
        span.say(
            "gen_ai.usage.cache_creation.input_tokens",
            &usage["cache_write"],
        );
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        self.input = self.input.saturating_add(count("input"));
        self.output = self.output.saturating_add(count("output"));
    }

    fn cost(&mut self, told: &Told) {
        if let Some((span, _)) = &mut self.finishing {
            span.say("charthouse.cost.usd", &told.body["usd"]);
        }
    }

    /// Something that belongs to a span under way.
    fn mention(&mut self, told: &Told) {
        let effect = told
            .effect()
            .and_then(|effect| self.effects.get_mut(&effect));
        let span = match effect {
            Some(open) => Some(&mut open.span),
            None => self.root.as_mut(),
        };
        let (answer, seq) = (&told.body["answer"], Value::from(told.seq()));
        let said = [
            ("charthouse.answer", answer),
            ("charthouse.subject", &told.body["subject"]),
            ("charthouse.record", &seq),
        ];
        if let Some(span) = span {
            span.event(told.record.time, told.kind(), &said);
        }
    }

    /// The span that waited for its cost is over.
    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), Stop> {
        match self.finishing.take() {
            Some((span, end)) => out.put(span.ended(end)),
            None => Ok(()),
        }
    }

    fn close_effects_of(
        &mut self,
        invocation: &str,
        kind: &str,
        why: &str,
        time: Timestamp,
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        let of_it = |open: &Open| open.invocation == invocation;
        let effects: Vec<u64> = self
            .effects
            .iter()
            .filter(|(_, open)| of_it(open))
            .map(|(effect, _)| *effect)
            .collect();
        for effect in effects {
            if let Some(mut open) = self.effects.remove(&effect) {
                open.span.fail(kind, why);
                out.put(open.span.ended(time))?;
            }
        }
        Ok(())
    }

    fn close_all(
        &mut self,
        kind: &str,
        why: &str,
        time: Timestamp,
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        self.finish(out)?;
        let effects = std::mem::take(&mut self.effects)
            .into_values()
            .map(|open| open.span);
        for mut span in effects.chain(std::mem::take(&mut self.activities).into_values()) {
            span.fail(kind, why);
            out.put(span.ended(time))?;
        }
        Ok(())
    }

    /// The record ends here without an end: what is open ends with it, and says so.
    fn cut_off(&mut self, out: &mut Out<'_>) -> Result<(), Stop> {
        let why = "unfinished: the record of the run ends here";
        let last = self.last;
        self.close_all("unfinished", why, last, out)?;
        if let Some(root) = &mut self.root
            && !self.at_rest
        {
            root.fail("unfinished", why);
        }
        self.close_root(last, out)
    }

    fn close_root(&mut self, time: Timestamp, out: &mut Out<'_>) -> Result<(), Stop> {
        let Some(mut root) = self.root.take() else {
            return Ok(());
        };
        root.say(
            "gen_ai.usage.input_tokens",
            &std::mem::take(&mut self.input).into(),
        );
        root.say(
            "gen_ai.usage.output_tokens",
            &std::mem::take(&mut self.output).into(),
        );
        out.put(root.ended(time))
    }
}

fn root(told: &Told) -> Span {
    let (run, seq, time) = (&told.record.run, told.seq(), told.record.time);
    let body = &told.body;
    let agent = told.text("/agent/name");
    let (operation, name) = match agent {
        "" => ("invoke_workflow", told.text("/chart/name")),
        agent => ("invoke_agent", agent),
    };
    let mut span = Span::new(
        run,
        seq,
        "run",
        format!("{operation} {name}"),
        INTERNAL,
        time,
    )
    .with("gen_ai.operation.name", operation)
    .with("gen_ai.conversation.id", run.as_str());
    let said = match agent {
        "" => vec![("gen_ai.workflow.name", &body["chart"]["name"])],
        _ => vec![
            ("gen_ai.agent.name", &body["agent"]["name"]),
            ("gen_ai.agent.version", &body["agent"]["version"]),
            ("gen_ai.provider.name", &body["provider"]),
            ("gen_ai.request.model", &body["model"]),
        ],
    };
    for (key, value) in said {
        span.say(key, value);
    }
    for (key, value) in [
        ("charthouse.house", &body["house"]),
        ("charthouse.chart", &body["chart"]["name"]),
        ("charthouse.chart.version", &body["chart"]["version"]),
        ("charthouse.resumed", &body["resumed"]),
    ] {
        span.say(key, value);
    }
    span.say("charthouse.record", &seq.into());
    span
}

fn outcome(told: &Told, span: &mut Span) {
    let outcome = &told.body["outcome"];
    span.say("charthouse.wall_us", &outcome["wall_us"]);
    span.say("charthouse.fuel", &outcome["fuel"]);
    let error = &outcome["result"]["Err"];
    if !error.is_null() {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        span.say("charthouse.rule", &error["rule"]);
        span.fail(text("kind"), text("message"));
    } else if told.body["late"] == true {
        span.fail("late", "it was too late for its request");
    }
}
