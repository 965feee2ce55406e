//! `doctor`: whether this machine has what a house needs, and the unit by which systemd serves it.
//!
//! It changes nothing but for files that it removes again, and works beside a daemon. A check that cannot be made says so and is no failure.

mod checks;
mod unit;

use crate::cli::Doctor;
use crate::exit::{Failure, NOT_SO};
use crate::print;
use serde::Serialize;
use serde_json::json;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Something will not work, or not well.
    Warning,
    /// Agents cannot run.
    Bad,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    name: &'static str,
    status: Status,
    /// What was found.
    what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    help: String,
}

impl Check {
    fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Check {
            name,
            status: Status::Ok,
            what: what.into(),
            help: String::new(),
        }
    }

    fn warning(name: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Check {
            name,
            status: Status::Warning,
            what: what.into(),
            help: help.into(),
        }
    }

    fn bad(name: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Check {
            status: Status::Bad,
            ..Check::warning(name, what, help)
        }
    }
}

pub fn run(options: &Doctor) -> Result<u8, Failure> {
    let directory = &options.house.house;
    if options.systemd {
        return unit::print(directory);
    }
    let checks = checks::all(directory);
    let ok = checks.iter().all(|check| check.status != Status::Bad);
    match options.json {
        true => print::json(&json!({ "ok": ok, "checks": checks }))?,
        false => print::out(&shown(&checks))?,
    }
    Ok(if ok { 0 } else { NOT_SO })
}

fn shown(checks: &[Check]) -> String {
    let paint = print::Paint::new(print::color_on_stdout());
    let wide = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let (style, word) = match check.status {
            Status::Ok => (print::GREEN, "ok     "),
            Status::Warning => (print::YELLOW, "warning"),
            Status::Bad => (print::RED, "bad    "),
        };
        let (word, name) = (paint.with(style, word), check.name);
        let what = print::plain(&check.what);
        text.push_str(&format!("{word}  {name:<wide$}  {what}\n"));
        if !check.help.is_empty() {
            let help = print::plain(&check.help);
            text.push_str(&format!("{:9}{:wide$}  → {help}\n", "", ""));
        }
    }
    text
}
