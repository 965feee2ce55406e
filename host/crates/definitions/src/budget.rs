//! `budget` and `budgets`: what may be spent, of what, in how long and on what, wherever a definition may say so.
//!
//! The keys are all made alike, `MEASURE_per_WINDOW`, so that whoever knows one knows all. Whether anything is spent yet is nobody's business here.

use crate::agent::money;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use rust_decimal::Decimal;
use std::sync::Arc;
use types::{Count, Energy, LOW, Limit, Limits, Marked, Measure, Percent, Purpose, Window};

/// Every key of a limit.
pub(crate) const KEYS: [(&str, Measure, Window); 16] = [
    ("usd_per_run", Measure::Usd, Window::Run),
    ("usd_per_instance", Measure::Usd, Window::Instance),
    ("usd_per_day", Measure::Usd, Window::Day),
    ("usd_per_month", Measure::Usd, Window::Month),
    ("tokens_per_run", Measure::Tokens, Window::Run),
    ("tokens_per_instance", Measure::Tokens, Window::Instance),
    ("tokens_per_day", Measure::Tokens, Window::Day),
    ("tokens_per_month", Measure::Tokens, Window::Month),
    ("joules_per_run", Measure::Joules, Window::Run),
    ("joules_per_instance", Measure::Joules, Window::Instance),
    ("joules_per_day", Measure::Joules, Window::Day),
    ("joules_per_month", Measure::Joules, Window::Month),
    ("calls_per_run", Measure::Calls, Window::Run),
    ("calls_per_instance", Measure::Calls, Window::Instance),
    ("calls_per_day", Measure::Calls, Window::Day),
    ("calls_per_month", Measure::Calls, Window::Month),
];

/// Purposes that have a line of their own.
pub(crate) const PURPOSES: [(&str, Purpose); 5] = [
    ("work", Purpose::Work),
    ("summary", Purpose::Summary),
    ("consolidation", Purpose::Consolidation),
    ("improvement", Purpose::Improvement),
    ("overhead", Purpose::Overhead),
];

/// Whose budget it is: what complaints call it, and which windows it knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Agent,
    Workflow,
    Role,
    House,
    /// An agent's part in the house's budgets.
    Part,
    /// What is spent on one purpose.
    Purpose,
}

impl Of {
    pub fn what(self) -> &'static str {
        match self {
            Of::Agent => "`budget`",
            Of::Workflow => "the `budget` of a workflow",
            Of::Role => "the `budget` of a role",
            Of::House => "`budgets`",
            Of::Part => "an agent's part of `budgets`",
            Of::Purpose => "the budget of a purpose",
        }
    }

    pub fn has(self, window: Window) -> bool {
        match self {
            Of::Workflow | Of::Role => window != Window::Run,
            _ => window != Window::Instance,
        }
    }

    /// Whether it has lines for purposes.
    pub fn has_purposes(self) -> bool {
        matches!(self, Of::Agent | Of::House | Of::Part)
    }

    fn example(self) -> &'static str {
        match self {
            Of::Workflow | Of::Role => "{ usd_per_instance: 2.00 }",
            _ => "{ usd_per_day: 2.00 }",
        }
    }
}

/// What the house itself sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HouseBudgets {
    /// All agents together.
    pub whole: Limits,
    /// Each of these agents, beside what its own file says. The names are those of agents.
    pub agents: IndexMap<Arc<str>, Limits>,
}

/// Read the budget `node`.
pub(crate) fn read(walk: &mut Walk, node: &Node, of: Of) -> Limits {
    let Some(mut fields) = Fields::of(walk, node, of.what(), of.example()) else {
        return Limits::default();
    };
    let budget = Limits {
        limits: limits(walk, &mut fields, of, None, LOW),
    };
    finish(walk, fields, of);
    budget
}

/// Read `budgets` of a house, and where it names agents.
pub(crate) fn of_house(walk: &mut Walk, node: &Node) -> (HouseBudgets, Vec<Marked<String>>) {
    let mut budgets = HouseBudgets::default();
    let mut named = Vec::new();
    let Some(mut fields) = Fields::of(walk, node, Of::House.what(), Of::House.example()) else {
        return (budgets, named);
    };
    budgets.whole.limits = limits(walk, &mut fields, Of::House, None, LOW);
    if let Some(n) = fields.take("agents") {
        match n.map() {
            None => walk.expected(
                n,
                "`agents`",
                "a map from agents to their budgets",
                "write it as `{ coder: { usd_per_day: 2.00 } }`",
            ),
            Some(entries) => {
                for entry in entries {
                    let name = entry.key.text.to_string();
                    named.push(Marked::new(name, entry.key.place.clone()));
                    let budget = read(walk, &entry.value, Of::Part);
                    budgets
                        .agents
                        .insert(entry.key.text.as_ref().into(), budget);
                }
            }
        }
    }
    finish(walk, fields, Of::House);
    (budgets, named)
}

/// The limits of one map, with those of the purposes in it.
fn limits(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    of: Of,
    purpose: Option<Purpose>,
    low: Percent,
) -> Vec<Limit> {
    let low = fields
        .take("low")
        .and_then(|n| self::low(walk, n))
        .unwrap_or(low);
    let mut limits = Vec::new();
    for (key, measure, window) in KEYS {
        if !of.has(window) {
            continue;
        }
        let Some((key, node)) = fields.take_entry(key) else {
            continue;
        };
        if let Some(most) = amount(walk, node, &format!("`{}`", key.text), measure) {
            limits.push(Limit {
                measure,
                window,
                purpose,
                most,
                low,
                place: key.place.clone(),
            });
        }
    }
    limits.sort_by_key(|limit| (limit.place.line, limit.place.column));
    if of.has_purposes() {
        for (key, purpose) in PURPOSES {
            let Some(node) = fields.take(key) else {
                continue;
            };
            let own = Of::Purpose;
            if let Some(mut fields) = Fields::of(walk, node, own.what(), own.example()) {
                limits.extend(self::limits(walk, &mut fields, own, Some(purpose), low));
                finish(walk, fields, own);
            }
        }
    }
    limits
}

fn low(walk: &mut Walk, node: &Node) -> Option<Percent> {
    let low = walk.unit(node, "`low`", Percent::parse)?.value;
    if low.0 == 0 {
        walk.error(
            &node.place,
            "at 0% every budget would run low before anything is spent",
            "write how much may be spent before it is said, for instance `80%`, the default",
        );
        return None;
    }
    Some(low)
}

fn amount(walk: &mut Walk, node: &Node, what: &str, measure: Measure) -> Option<Decimal> {
    match measure {
        Measure::Usd => money(walk, node, what),
        Measure::Tokens | Measure::Calls => {
            let count = walk.unit(node, what, Count::parse)?;
            Some(Decimal::from(count.value.0))
        }
        Measure::Joules => {
            let energy = walk.unit(node, what, Energy::parse)?;
            Decimal::from(energy.value.0).checked_div(Decimal::from(1_000))
        }
    }
}

fn finish(walk: &mut Walk, fields: Fields<'_>, of: Of) {
    fields.finish_with(walk, of.what(), |key| hint(key, of));
}

/// What to write instead of `key`, where that can be told.
fn hint(key: &str, of: Of) -> Option<String> {
    let life = match of {
        Of::Workflow | Of::Role => Window::Instance,
        _ => Window::Run,
    };
    let (measure, rest) = key.split_once("_per_").unwrap_or((key, ""));
    let measure = match measure {
        "money" | "dollars" | "eur" | "cost" => "usd",
        "token" => "tokens",
        "energy" | "joule" | "wh" | "kwh" => "joules",
        "call" | "requests" => "calls",
        other => other,
    };
    let known = Measure::ALL.into_iter().find(|m| m.as_str() == measure);
    if let Some(measure) = known {
        let measure = measure.as_str();
        return Some(match rest {
            "run" | "instance" => {
                let life = life.as_str();
                let whose = match of {
                    Of::Workflow | Of::Role => "a workflow has instances",
                    _ => "an agent has runs",
                };
                format!("{whose}: did you mean `{measure}_per_{life}`?")
            }
            "hour" | "minute" | "week" | "year" => format!(
                "did you mean `{measure}_per_day`? Limits are per {}, day or month",
                life.as_str()
            ),
            "day" | "month" => format!("did you mean `{measure}_per_{rest}`?"),
            "" => format!("say in how long: `{measure}_per_day`"),
            _ => return None,
        });
    }
    let purpose = PURPOSES.iter().any(|(name, _)| *name == key);
    match (key, of) {
        ("budget" | "limits", _) => Some("write the limits right here: `usd_per_day: 2.00`".into()),
        ("agents" | "agent", Of::Agent) => {
            Some("limits of other agents stand in house.yaml: `budgets: { agents: { … } }`".into())
        }
        ("roles" | "role", Of::Workflow) => Some(
            "a role's budget stands in the role: `roles: { implementer: { budget: … } }`".into(),
        ),
        ("workflows" | "workflow" | "charts", Of::House) => {
            Some("a workflow's budget stands in its own file: `budget: { … }`".into())
        }
        ("purposes" | "purpose", of) if of.has_purposes() => {
            Some("a purpose stands right here: `summary: { usd_per_day: 0.20 }`".into())
        }
        _ if purpose => {
            Some("purposes have their lines in an agent's `budget` and in house.yaml".into())
        }
        ("warn" | "warning" | "threshold" | "soft", _) => Some("did you mean `low`?".into()),
        _ => None,
    }
}
