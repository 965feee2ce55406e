//! The review as a document that people read, sign and file.

use super::{Period, Review};
use crate::moment::{day, iso};
use serde_json::Value as Json;
use std::fmt::Write;
use std::time::Duration;
use types::{Timestamp, write_duration};

/// What somebody else wrote, as one cell of a table or one entry of a list.
fn cell(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut safe = String::new();
    for c in text.trim().chars() {
        if matches!(
            c,
            '|' | '<' | '>' | '`' | '*' | '_' | '[' | ']' | '\\' | '#'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

fn length(ms: i64) -> String {
    // Nobody counts the milliseconds of what took days.
    let ms = ms.max(0) as u64;
    let rounded = if ms >= 60_000 {
        ms / 60_000 * 60_000
    } else {
        ms
    };
    write_duration(Duration::from_millis(rounded))
}

fn last_day(period: &Period) -> String {
    day(Timestamp(period.until.0 - 1))
}

/// A document while it is written.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn title(&mut self, text: &str) {
        let _ = write!(self.0, "\n## {text}\n\n");
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(head.len())));
        for row in rows {
            let row: Vec<String> = row.iter().map(|text| cell(text)).collect();
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    fn missing(&mut self) {
        self.line("**Not known.** See the last section.");
    }
}

impl Review {
    /// The review as Markdown.
    pub fn markdown(&self) -> String {
        let mut page = Page(String::new());
        page.line(&format!("# Management review: {}", cell(&self.house)));
        page.line("");
        page.line(&format!(
            "{} to {}. Made {} from the records of the house by `charthouse audit review`. ISO 9001:2015, 9.3.2: inputs. The outputs (9.3.3) are decided by people.",
            day(self.period.since),
            last_day(&self.period),
            iso(self.made)
        ));
        self.actions(&mut page);
        self.changes(&mut page);
        self.findings(&mut page);
        self.processes(&mut page);
        self.resources(&mut page);
        self.suppliers(&mut page);
        self.rest(&mut page);
        page.0
    }

    fn actions(&self, page: &mut Page) {
        page.title("1. Actions of earlier reviews (9.3.2 a)");
        let Some(actions) = &self.actions else {
            return page.missing();
        };
        if actions.is_empty() {
            return page.line("None were open.");
        }
        let rows = actions.iter().map(|action| {
            vec![
                action.what.clone(),
                action.who.clone(),
                action.due.map_or("–".into(), day),
                if action.done { "done" } else { "open" }.to_owned(),
            ]
        });
        page.table(&["what", "who", "due", "state"], rows);
    }

    fn changes(&self, page: &mut Page) {
        page.title("2. Changes (8.5.6)");
        let changes = &self.changes;
        let cycle = changes.cycle.map_or("–".into(), |cycle| {
            format!(
                "{} (longest {})",
                length(cycle.median_ms),
                length(cycle.longest_ms)
            )
        });
        let yields = match changes.released {
            0 => "–".into(),
            released => format!("{} of {released}", changes.first_pass),
        };
        let rows = [
            ("requested", changes.requested.to_string()),
            ("released or confirmed", changes.released.to_string()),
            ("released at the first attempt", yields),
            ("median time from request to release", cycle),
            ("rounds of rework", changes.reworked.to_string()),
            ("verifications that failed", changes.failed.to_string()),
            ("rejected", changes.rejected.len().to_string()),
            ("withdrawn", changes.withdrawn.len().to_string()),
            ("records without effect", changes.invalid.to_string()),
        ];
        page.table(
            &["measure", "value"],
            rows.map(|(what, value)| vec![what.into(), value]),
        );
        if !changes.stages.is_empty() {
            page.line("\nWhere the changes stand that were under way in the period:\n");
            let rows = changes
                .stages
                .iter()
                .map(|one| vec![one.stage.as_str().into(), one.count.to_string()]);
            page.table(&["stage", "changes"], rows);
        }
        for (number, why) in changes.rejected.iter().chain(&changes.withdrawn) {
            page.line(&format!("\n- {number}: {}", cell(why)));
        }
        page.line("\n### Emergencies\n");
        if changes.emergencies.is_empty() {
            page.line("None.");
        } else {
            let rows = changes.emergencies.iter().map(|one| {
                vec![
                    one.change.to_string(),
                    one.by.to_string(),
                    one.why.clone(),
                    iso(one.time),
                    iso(one.due),
                    one.state.to_owned(),
                ]
            });
            page.table(
                &[
                    "change",
                    "by",
                    "why",
                    "in force from",
                    "approval due",
                    "state",
                ],
                rows,
            );
        }
        if !changes.refused.is_empty() {
            page.line("\nWhat was not loaded because it is not released:\n");
            let rows = changes
                .refused
                .iter()
                .map(|(path, count)| vec![(*path).into(), count.to_string()]);
            page.table(&["at", "times"], rows);
        }
    }

    fn findings(&self, page: &mut Page) {
        page.title("3. Nonconformances and corrective actions (8.7, 10.2; 9.3.2 c 4)");
        let Some(findings) = &self.findings else {
            return page.missing();
        };
        if findings.is_empty() {
            return page.line("None were open in the period.");
        }
        let rows = findings.iter().map(|finding| {
            let changes: Vec<String> = finding.changes.iter().map(ToString::to_string).collect();
            vec![
                finding.instance.clone(),
                finding.kind.clone(),
                finding.what.clone(),
                day(finding.opened),
                finding.closed.map_or("open".into(), day),
                finding.state.clone(),
                if changes.is_empty() {
                    "–".into()
                } else {
                    changes.join(", ")
                },
            ]
        });
        page.table(
            &[
                "instance", "kind", "what", "opened", "closed", "state", "changes",
            ],
            rows,
        );
    }

    fn processes(&self, page: &mut Page) {
        page.title("4. Performance of processes (9.1.3; 9.3.2 c 3)");
        let Some(processes) = &self.processes else {
            return page.missing();
        };
        if processes.is_empty() {
            return page.line("No workflow ran in the period.");
        }
        let some = |value: Option<u64>| value.map_or("–".into(), |value| value.to_string());
        let rows = processes.iter().map(|fact| {
            let outcomes: Vec<String> = fact
                .outcomes
                .iter()
                .map(|(how, count)| format!("{how} {count}"))
                .collect();
            let first = match (fact.first_pass, fact.ended) {
                (Some(first), ended) if ended > 0 => format!("{first} of {ended}"),
                _ => "–".into(),
            };
            vec![
                fact.workflow.clone(),
                fact.started.to_string(),
                fact.ended.to_string(),
                outcomes.join(", "),
                first,
                some(fact.rework),
                fact.median_ms.map_or("–".into(), |ms| length(ms as i64)),
                fact.cost_per_accepted.clone().unwrap_or("–".into()),
            ]
        });
        let head = [
            "workflow",
            "started",
            "ended",
            "outcomes",
            "first pass",
            "rework",
            "median",
            "cost per accepted",
        ];
        page.table(&head, rows);
    }

    fn resources(&self, page: &mut Page) {
        page.title("5. Resources (7.1; 9.3.2 d)");
        let Some(spent) = &self.spent else {
            return page.missing();
        };
        if spent.is_empty() {
            return page.line("Nothing was spent in the period.");
        }
        let rows = spent.iter().map(|one| {
            let energy = match (one.joules, &one.how) {
                (Some(joules), how) => {
                    format!("{joules} J ({})", how.as_deref().unwrap_or("unknown how"))
                }
                (None, _) => "not measured".into(),
            };
            vec![
                one.purpose.clone(),
                one.calls.to_string(),
                one.tokens.to_string(),
                one.money.clone(),
                energy,
            ]
        });
        page.table(&["purpose", "calls", "tokens", "money", "energy"], rows);
    }

    fn suppliers(&self, page: &mut Page) {
        page.title("6. External providers: plugins (8.4; 9.3.2 c 7)");
        let Some(suppliers) = &self.suppliers else {
            return page.missing();
        };
        if suppliers.is_empty() {
            return page.line("The house has no plugins.");
        }
        let rows = suppliers.iter().map(|one| {
            vec![
                one.plugin.clone(),
                one.source.clone().unwrap_or("–".into()),
                if one.pinned { "yes" } else { "no" }.into(),
                one.signed_by.clone().unwrap_or("nobody".into()),
                one.quarantined.to_string(),
                one.refused.to_string(),
            ]
        });
        page.table(
            &[
                "plugin",
                "from",
                "pinned",
                "signature demanded of",
                "quarantined",
                "refused",
            ],
            rows,
        );
    }

    fn rest(&self, page: &mut Page) {
        page.title("7. What others said (9.3.2 b, c 1)");
        match &self.feedback {
            None => page.missing(),
            Some(lines) if lines.is_empty() => page.line("Nothing was given."),
            Some(lines) => lines
                .iter()
                .for_each(|line| page.line(&format!("- {}", cell(line)))),
        }
        page.title("8. Records (7.5.3)");
        match &self.records {
            None => page.missing(),
            Some((true, what)) => page.line(&format!("They verify: {}.", cell(what))),
            Some((false, what)) => page.line(&format!("**They do not verify: {}.**", cell(what))),
        }
        page.title("9. Risks that the records show (6.1; 9.3.2 e)");
        match self.risks.is_empty() {
            true => page.line("None. What the records cannot show is the review's own to add."),
            false => self
                .risks
                .iter()
                .for_each(|risk| page.line(&format!("- {}", cell(risk)))),
        }
        page.title("10. What is missing");
        if self.missing.is_empty() {
            page.line("Nothing that this report asks for.");
        }
        for gap in &self.missing {
            page.line(&format!(
                "- **{}** ({}): from {}",
                gap.what, gap.clause, gap.whence
            ));
        }
        page.title("Decisions (9.3.3)");
        page.line("Improvements, changes, resources; each with who and by when. To be filled in by the review.");
    }

    /// The review for a program.
    pub fn to_json(&self) -> Json {
        // Nothing in it has keys that are no texts.
        serde_json::to_value(self).unwrap_or(Json::Null)
    }
}
