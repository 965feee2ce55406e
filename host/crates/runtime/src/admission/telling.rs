//! What is said of a limit that runs low or is reached: its record, what charts hear, and why something is not done in words.

use super::EXHAUSTED;
use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::run::Run;
use ledger::budget::{Exhausted, Line, Period, Whose};
use rust_decimal::Decimal;
use serde_json::json;
use std::sync::Arc;
use types::{CallError, CallErrorKind, Value, Window};

/// What charts hear when a limit runs low.
const BUDGET_LOW: &str = "budget.low";

/// The family that it and [`EXHAUSTED`] belong to.
const FAMILY: &str = "budget.";

/// Whether `event` is one that a workflow hears of its own budget.
pub(crate) fn is_of_a_budget(event: &str) -> bool {
    event.starts_with(FAMILY)
}

impl Run {
    /// Say of every limit that runs low that it does, once.
    pub(super) fn tell_low(&mut self) {
        let Ok(lines) = self.known_lines(None) else {
            // Whoever asks for room hears why.
            return;
        };
        let now = self.services.clock.now();
        for line in lines {
            let (spent, _) = self.purse.spending.spent(&line, now);
            let spent = spent.of(line.limit.measure);
            if spent.is_zero() || spent < line.limit.low_at() {
                continue;
            }
            let told = Telling {
                event: self.named(&line, BUDGET_LOW),
                period: line.period(now),
                line: &line,
                spent,
                expected: None,
                refused: None,
            };
            let mark = told.mark();
            let own = self.id.clone();
            if self.purse.spending.tells(&own, &own, &mark) {
                self.record(Kind::Budget, &told.body(&own));
                self.show(RunEvent::Log {
                    source: "budget".into(),
                    message: told.in_words(),
                });
                let data = Value::map(told.data());
                self.happen(&told.event, data, None);
            }
            self.tell_work(&told);
        }
    }

    /// Tell the workflow of a limit that is its own or its role's, once.
    fn tell_work(&mut self, told: &Telling<'_>) {
        let of_work = matches!(told.line.whose, Whose::Workflow(_) | Whose::Role { .. });
        let Some(work) = self.work_for().filter(|_| of_work) else {
            return;
        };
        let spending = &self.purse.spending;
        if spending.tells(&self.id, &work.instance, &told.mark()) {
            self.record(Kind::Budget, &told.body(&work.instance));
            let mut data = told.data();
            data.push(("agent", Value::text(self.agent.name.clone())));
            data.push(("run", Value::text(self.id.clone())));
            self.send_out(&work.instance, &told.event, Value::map(data));
        }
    }

    /// `refused` is not done, because of a limit. The activity `id` ends with that.
    pub(crate) fn exhausted(&mut self, id: &Arc<str>, exhausted: &Exhausted, refused: &str) {
        let message = self.refused(exhausted, refused);
        if self.activities.remove(id).is_none() {
            return;
        }
        self.say_what_waited();
        let told = telling(exhausted, EXHAUSTED.into(), refused);
        let mut data = told.data();
        data.push(("kind", Value::text(exhausted.line.limit.key())));
        data.push(("message", Value::text(message.as_str())));
        self.fail_with(
            EXHAUSTED,
            CauseKind::Other,
            &message,
            Value::map(data),
            Some(id),
        );
    }

    /// Record that `refused` is not done because of a limit; why, in words.
    pub(crate) fn refused(&mut self, exhausted: &Exhausted, refused: &str) -> String {
        let told = telling(exhausted, EXHAUSTED.into(), refused);
        let message = in_words(exhausted);
        self.room_at = told.period.end();
        let mut body = told.body(&self.id);
        body["message"] = json!(message);
        self.record(Kind::Budget, &body);
        self.tell_work(&told);
        message
    }

    /// `refused`, which goes on beside the work, is not done because of a limit. The work goes on, and the chart hears of it once.
    pub(crate) fn not_done(&mut self, exhausted: &Exhausted, refused: &str) {
        let event = self.named(&exhausted.line, EXHAUSTED);
        let told = telling(exhausted, event, refused);
        let own = self.id.clone();
        if *told.event == *EXHAUSTED {
            self.room_at = told.period.end();
        }
        self.record(Kind::Budget, &told.body(&own));
        if self.purse.spending.tells(&own, &own, &told.mark()) && *told.event != *EXHAUSTED {
            let data = Value::map(told.data());
            self.happen(&told.event, data, None);
        }
    }

    /// `event` as charts hear it of `line`: a limit of another purpose than its own stops that and not the work, so it has names of its own.
    fn named(&self, line: &Line, event: &str) -> Arc<str> {
        match line.limit.purpose {
            Some(purpose) if purpose != self.purpose() => {
                let end = event.strip_prefix(FAMILY).unwrap_or(event);
                format!("{FAMILY}{}.{end}", purpose.as_str()).into()
            }
            _ => event.into(),
        }
    }
}

/// What is said of a limit.
struct Telling<'a> {
    event: Arc<str>,
    line: &'a Line,
    period: Period,
    spent: Decimal,
    expected: Option<Decimal>,
    refused: Option<&'a str>,
}

impl Telling<'_> {
    /// What it is remembered by.
    fn mark(&self) -> String {
        format!("{} {} {}", self.event, self.period, self.line.name())
    }

    /// Its record.
    fn body(&self, to: &str) -> serde_json::Value {
        let limit = &self.line.limit;
        let mut body = json!({
            "event": self.event, "to": to, "of": self.line.whose.to_string(), "what": limit.key(),
            "limit": limit.most.normalize().to_string(), "low": limit.low.to_string(),
            "spent": self.spent.normalize().to_string(), "window": self.period.to_string(),
            "at": self.line.at(), "mark": self.mark(),
        });
        if let Some(expected) = self.expected {
            body["expected"] = json!(expected.normalize().to_string());
        }
        if let Some(refused) = self.refused {
            body["refused"] = json!(refused);
            if let Some(end) = self.period.end() {
                body["until"] = json!(end);
            }
        }
        body
    }

    /// That it runs low, for the operator.
    fn in_words(&self) -> String {
        let limit = &self.line.limit;
        format!(
            "{} runs low: {} of {} are spent in {} (`{}`, {})",
            self.line.whose,
            limit.measure.shown(self.spent),
            limit.measure.shown(limit.most),
            self.period,
            limit.key(),
            self.line.at()
        )
    }

    /// What charts hear.
    fn data(&self) -> Vec<(&'static str, Value)> {
        let limit = &self.line.limit;
        let percent = self
            .spent
            .checked_mul(Decimal::from(100))
            .and_then(|spent| spent.checked_div(limit.most))
            .and_then(|percent| i64::try_from(percent.trunc()).ok());
        vec![
            ("what", Value::text(limit.key())),
            ("of", Value::text(self.line.whose.to_string())),
            ("limit", Value::text(limit.most.normalize().to_string())),
            ("spent", Value::text(self.spent.normalize().to_string())),
            ("percent", Value::Int(percent.unwrap_or(100))),
            ("window", Value::text(self.period.to_string())),
        ]
    }
}

fn telling<'a>(exhausted: &'a Exhausted, event: Arc<str>, refused: &'a str) -> Telling<'a> {
    Telling {
        event,
        line: &exhausted.line,
        period: exhausted.period.clone(),
        spent: exhausted.spent,
        expected: Some(exhausted.expected),
        refused: Some(refused),
    }
}

/// Why something is not done, and what to do.
pub(crate) fn in_words(exhausted: &Exhausted) -> String {
    let Exhausted {
        line,
        period,
        spent,
        expected,
        unpriced,
    } = exhausted;
    let limit = &line.limit;
    if let Some(model) = unpriced {
        let where_it_is = match line.whose {
            Whose::Given => "by whoever began this run".to_owned(),
            _ => format!("by `{}` ({})", limit.key(), line.at()),
        };
        return format!(
            "money is limited {where_it_is}, and nobody has said what `{model}` costs now in dollars: write it under `prices` in house.yaml (in a currency with an `exchange` rate), \
             also where it is nothing: `{model}: {{ from: 2026-01-01, input: 0, output: 0 }}`"
        );
    }
    let shown = |amount: Decimal| limit.measure.shown(amount);
    if line.whose == Whose::Given {
        return format!(
            "this run may cost {} in all, and has cost {}: whoever began it allowed no more (`budget: {{ usd: … }}`, `children: {{ usd: … }}`)",
            shown(limit.most),
            shown(*spent)
        );
    }
    let who = match &line.whose {
        Whose::House => "the house".to_owned(),
        Whose::Agent(name) => name.to_string(),
        Whose::Workflow(name) => format!("the workflow {name}"),
        Whose::Role { workflow, role } => format!("the role {role} of {workflow}"),
        Whose::Given => String::new(),
    };
    let more = match *spent < limit.most {
        true => format!(", and this would cost at least {} more", shown(*expected)),
        false => String::new(),
    };
    let on = limit
        .purpose
        .map_or_else(String::new, |purpose| format!(" for {}", purpose.as_str()));
    let wait = match limit.window {
        Window::Day => " or wait for tomorrow (UTC)",
        Window::Month => " or wait for the next month (UTC)",
        Window::Run | Window::Instance => "",
    };
    format!(
        "{who} has spent {} of its {}{on} in {period}{more}; raise `{}` ({}){wait}",
        shown(*spent),
        shown(limit.most),
        limit.key(),
        line.at(),
    )
}

/// The refusal of a tool call.
pub(crate) fn refusal(message: String, exhausted: &Exhausted) -> CallError {
    CallError {
        rule: Some(exhausted.line.at()),
        ..CallError::new(CallErrorKind::Limit, message)
    }
}
