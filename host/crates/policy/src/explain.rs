//! A grant in words and in JSON: what `policy explain` prints. It decides nothing.

use crate::{Access, Because, Grant, Mount};
use serde_json::{Value, json};
use std::fmt::Write;

/// Column at which the rule stands beside a short line; longer lines have it below them, so that text fits 100 columns where paths allow.
const RULE_COLUMN: usize = 52;

impl Grant {
    /// `{"grant": {…}, "because": [{"what", "file", "line"}]}`. Sizes are bytes; a line of 0 means that the host itself decided.
    pub fn to_json(&self) -> Value {
        let env: serde_json::Map<String, Value> = self
            .env
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let because: Vec<Value> = self.because.iter().map(because_json).collect();
        let mut explained = json!({
            "grant": {
                "tool": self.tool,
                "verdict": self.verdict,
                "mounts": self.mounts.iter().map(mount_json).collect::<Vec<_>>(),
                "env": env,
                "net": self.net.iter().map(|line| &line.rule).collect::<Vec<_>>(),
                "net_ceiling": self.net_ceiling.iter().map(|line| &line.rule).collect::<Vec<_>>(),
                "limits": {
                    "memory_bytes": self.limits.memory,
                    "fuel": self.limits.fuel,
                    "deadline_ms": u64::try_from(self.limits.deadline.as_millis()).unwrap_or(u64::MAX),
                    "output_bytes": self.limits.output,
                    "calls_per_turn": self.limits.calls,
                },
                "clock": self.clock,
                "random": self.random,
            },
            "because": because,
        });
        if !self.net.is_empty() {
            let limits = &mut explained["grant"]["limits"];
            limits["requests_per_call"] = json!(self.limits.requests);
            limits["sent_bytes"] = json!(self.limits.sent);
            limits["received_bytes"] = json!(self.limits.received);
        }
        if !self.exec.is_empty() || self.tool.as_str() == crate::EXEC_TOOL {
            let rules = |granted: &[crate::GrantedCommand]| -> Vec<Value> {
                granted.iter().map(|granted| json!(granted.rule)).collect()
            };
            explained["grant"]["exec"] = rules(&self.exec).into();
            explained["grant"]["exec_ceiling"] = rules(&self.exec_ceiling).into();
        }
        explained
    }

    /// The grant for a person: one line for each decision and beside it the rule that decided.
    pub fn explain_text(&self) -> String {
        let mut text = String::new();
        for line in &self.because {
            let rule = line.described();
            let gap = match line.what.chars().count() {
                width if width + 2 <= RULE_COLUMN => " ".repeat(RULE_COLUMN - width),
                _ => format!("\n{}", " ".repeat(RULE_COLUMN)),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}{gap}{rule}", line.what);
        }
        text
    }
}

fn mount_json(mount: &Mount) -> Value {
    let mut json = json!({
        "guest": mount.guest,
        "host": mount.host.to_string_lossy(),
        "access": mount.access,
        "hide": mount.hide,
        "hard_links": mount.hard_links,
        "within": mount.within.as_ref().map(|within| within.to_string_lossy()),
    });
    if mount.access == Access::Staged {
        json["stage"] = json!({ "bytes": mount.stage.bytes, "files": mount.stage.files });
    }
    json
}

fn because_json(line: &Because) -> Value {
    json!({ "what": line.what, "file": line.place.file, "line": line.place.line })
}
