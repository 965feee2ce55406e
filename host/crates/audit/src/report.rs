//! The report for people: one page, no scripts, nothing from elsewhere, to be printed. It tells each change from its request to its release, and what all of it cost.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use types::{ContentHash, Timestamp};

/// What is told, as the records come.
pub struct Report {
    only: Option<String>,
    changes: BTreeMap<String, Vec<Step>>,
}

/// One record of a change.
struct Step {
    seq: u64,
    time: i64,
    kind: String,
    body: Value,
}

/// What the report asks of those who know the definitions.
pub struct Tells<'a> {
    /// What an implementation (or an emergency) changes, by its change and the number of its record; nothing where that cannot be told.
    pub differences: &'a dyn Fn(&str, u64) -> Option<Vec<Piece>>,
    /// The instant that a date means, as people write it in an order.
    pub instant: &'a dyn Fn(&str) -> Option<Timestamp>,
    /// When the report is made.
    pub now: Timestamp,
}

/// A piece of a text, and how it is shown: `added`, `removed`, `widens`, `narrows`, `title`, `dim`, or plainly.
pub struct Piece {
    /// How it is shown.
    pub tone: &'static str,
    /// What it says.
    pub text: String,
}

/// The stages of a change, with what they are called and the kinds of records that show them.
const STAGES: [(&str, &[&str]); 9] = [
    ("Baseline", &["change.baseline"]),
    ("Request", &["change.requested", "change.emergency"]),
    ("Assessment", &["change.assessed"]),
    (
        "Review and votes",
        &["change.reviewed", "change.voted", "change.rejected"],
    ),
    ("Order", &["change.ordered"]),
    ("Implementation", &["change.implemented"]),
    ("Verification", &["change.verified"]),
    ("Release", &["change.released", "change.effective"]),
    ("Withdrawal", &["change.withdrawn"]),
];

/// What the words mean, for whoever never saw the program.
const WORDS: &str = "<p>A <b>change</b> (CR-…) goes from its request through assessment, votes of the board, an order, implementation, verification and release; each act below is one record, signed by \
who did it, in the order in which it happened. What is changed are <b>items</b>: <i>agent</i> (who works, with which model), <i>chart</i> (how the work goes, as states and transitions), <i>policy</i> (what tools may \
touch), <i>plugin</i> (a tool's program) and <i>house</i> (what holds for all, and who the people are). A <b>candidate</b> is the exact content of what was made, named by a hash over it; what is \
verified and released is that candidate and nothing else. In what a change makes different, <span class=\"widens\">red</span> is what lets somebody do more than before.</p>\n";

const STYLE: &str = "body{font:10.5pt/1.45 Georgia,serif;max-width:50em;margin:2em auto;padding:0 1em;color:#111;background:#fff}\
h1,h2,h3{font-family:Helvetica,Arial,sans-serif;line-height:1.2}h2{border-bottom:2px solid #333;margin-top:2em}h3{margin-bottom:.2em}\
table{border-collapse:collapse;width:100%;margin:.5em 0}td,th{border:1px solid #bbb;padding:.25em .5em;text-align:left;vertical-align:top}\
th{background:#eee}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;border:1px solid #ddd;padding:.5em;font-size:8.5pt}\
code{overflow-wrap:anywhere;font-size:9pt}pre.diff{font-size:7.5pt}.widens{color:#b00000;font-weight:bold}.narrows,.added{color:#00601a}.removed{color:#7a4b00}\
.dim{color:#777}.title{font-weight:bold}.n{text-align:right;white-space:nowrap}.no{color:#a00;font-weight:bold}.by{color:#555;font-size:9pt}\
@media print{body{margin:0;max-width:none}h2{break-before:page}h2:first-of-type{break-before:auto}tr,h3{break-inside:avoid}}";

impl Report {
    /// Of one change, or of all.
    pub fn new(only: Option<String>) -> Self {
        Report {
            only,
            changes: BTreeMap::new(),
        }
    }

    /// Take a record.
    pub fn add(&mut self, seq: u64, time: i64, kind: &str, body: &Value) {
        let Some(change) = body["change"]
            .as_str()
            .filter(|_| kind.starts_with("change."))
        else {
            return;
        };
        if self.only.as_deref().is_some_and(|only| only != change) {
            return;
        }
        self.changes
            .entry(change.to_owned())
            .or_default()
            .push(Step {
                seq,
                time,
                kind: kind.to_owned(),
                body: body.clone(),
            });
    }

    /// The page. `figures` is what the numbers are from, `hash` that of its file.
    pub fn html(
        &self,
        about: &[(&str, String)],
        figures: &Value,
        hash: &ContentHash,
        tells: &Tells<'_>,
    ) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"charthouse-figures\" content=\"{hash}\">\
             <title>Audit report</title><style>{STYLE}</style></head><body>\n<h1>Audit report</h1>\n<table>"
        );
        for (name, value) in about {
            row(&mut page, &[name, value]);
        }
        row(&mut page, &["Records", &figures["records"].to_string()]);
        row(
            &mut page,
            &[
                "Signatures of people and agents",
                &figures["signatures"].to_string(),
            ],
        );
        page.push_str("</table>\n<p>The numbers in brackets are those of records: <code>charthouse journal why N</code> in the house, and the line with that <code>seq</code> in records.jsonl of this bundle.</p>\n");
        page.push_str(WORDS);
        if self.changes.is_empty() {
            page.push_str("<h2>Changes</h2><p>No change is on record.</p>\n");
        }
        for (number, steps) in &self.changes {
            change(&mut page, number, steps, tells);
        }
        costs(&mut page, &figures["costs"]);
        kinds(&mut page, &figures["kinds"]);
        page.push_str("</body></html>\n");
        page
    }
}

fn change(page: &mut String, number: &str, steps: &[Step], tells: &Tells<'_>) {
    let request = steps.iter().find(|step| step.kind == "change.requested");
    let title = request
        .and_then(|step| step.body["title"].as_str())
        .unwrap_or_default();
    let _ = writeln!(page, "<h2>{} {}</h2>", escape(number), escape(title));
    let _ = writeln!(page, "<p>Stands: <b>{}</b></p>", stands(steps, tells));
    // In the order in which it happened: what was sent back and done again is read twice, with what was said between.
    let mut told: Vec<&str> = Vec::new();
    for step in steps {
        let is_of = |kinds: &[&str]| kinds.contains(&step.kind.as_str());
        let Some((stage, _)) = STAGES.iter().find(|(_, kinds)| is_of(kinds)) else {
            continue;
        };
        if told.last() != Some(stage) {
            let again = match told.iter().filter(|other| *other == stage).count() {
                0 => String::new(),
                times => format!(", time {}", times + 1),
            };
            let _ = writeln!(page, "<h3>{stage}{again}</h3>");
            told.push(stage);
        }
        one(page, step);
        if is_of(&["change.implemented", "change.emergency"]) {
            differences(page, (tells.differences)(number, step.seq));
        }
    }
}

/// How far a change has come, in words.
fn stands(steps: &[Step], tells: &Tells<'_>) -> String {
    let ends = steps.iter().rev().find(|step| {
        let kind = step.kind.as_str();
        matches!(
            kind,
            "change.released"
                | "change.withdrawn"
                | "change.rejected"
                | "change.baseline"
                | "change.emergency"
        )
    });
    let Some(ends) = ends else {
        return "open".into();
    };
    match ends.kind.as_str() {
        "change.released" => released(ends, tells),
        "change.withdrawn" => "withdrawn".into(),
        "change.rejected" => "rejected".into(),
        "change.baseline" => "the baseline".into(),
        _ => "in force as an emergency".into(),
    }
}

/// A release is not in force by itself: from when, and for whom.
fn released(step: &Step, tells: &Tells<'_>) -> String {
    let effectivity = &step.body["effectivity"];
    let when = match &effectivity["when"] {
        Value::Object(at) => {
            let at = at.get("at").and_then(Value::as_str).unwrap_or_default();
            match (tells.instant)(at) {
                Some(instant) if instant > tells.now => {
                    format!(
                        "in force from {} on, which was still to come when this report was made",
                        escape(at)
                    )
                }
                _ => format!("in force since {}", escape(at)),
            }
        }
        Value::String(word) if word == "next-run" => format!(
            "in force for runs that begin after {}; what ran then ends as it began",
            types::rfc3339(Timestamp(step.time))
        ),
        _ => format!("in force since {}", types::rfc3339(Timestamp(step.time))),
    };
    match effectivity["agents"].is_array() {
        true => format!(
            "released, {when}, for {} only",
            words(&effectivity["agents"])
        ),
        false => format!("released, {when}"),
    }
}

/// What it changes, as `charthouse change diff` shows it.
fn differences(page: &mut String, pieces: Option<Vec<Piece>>) {
    let Some(pieces) = pieces else {
        page.push_str("<p class=\"by\">What it changes cannot be told: the texts of one side are not on record, or are no house any more, or the record does not count.</p>\n");
        return;
    };
    page.push_str(
        "<p>What it changes (before on the left, after on the right):</p><pre class=\"diff\">",
    );
    for Piece { tone, text } in pieces {
        let _ = match tone {
            "" => write!(page, "{}", escape(&text)),
            tone => write!(page, "<span class=\"{tone}\">{}</span>", escape(&text)),
        };
    }
    page.push_str("</pre>\n");
}

fn one(page: &mut String, step: &Step) {
    let body = &step.body;
    let text = |key: &str| escape(body[key].as_str().unwrap_or_default());
    let _ = write!(
        page,
        "<p>[{}] {} ",
        step.seq,
        types::rfc3339(Timestamp(step.time))
    );
    match step.kind.as_str() {
        "change.requested" => {
            let _ = write!(
                page,
                "<b>{}</b> ({}), items {}.<br>{}",
                text("title"),
                text("class"),
                words(&body["items"]),
                text("reason")
            );
            if body["links"]
                .as_array()
                .is_some_and(|links| !links.is_empty())
            {
                let _ = write!(page, "<br>Linked to {}.", words(&body["links"]));
            }
        }
        "change.assessed" => {
            page.push_str(&text("notes"));
            impact(page, &body["impact"]);
        }
        "change.reviewed" => drop(write!(
            page,
            "findings as {}: {}",
            text("role"),
            text("findings")
        )),
        "change.voted" => {
            let class = if body["vote"] == "reject" {
                " class=\"no\""
            } else {
                ""
            };
            let _ = write!(
                page,
                "votes <b{class}>{}</b> as {}: {}",
                text("vote"),
                text("role"),
                text("why")
            );
        }
        "change.ordered" => drop(write!(
            page,
            "to take effect {}",
            effectivity(&body["effectivity"])
        )),
        "change.verified" => {
            let class = if body["result"] == "failed" {
                " class=\"no\""
            } else {
                ""
            };
            let _ = write!(
                page,
                "<b{class}>{}</b> on the candidate <code>{}</code>",
                text("result"),
                text("on")
            );
        }
        "change.released" => {
            let _ = write!(
                page,
                "the candidate <code>{}</code>, to take effect {}",
                text("on"),
                effectivity(&body["effectivity"])
            );
        }
        "change.effective" => drop(write!(page, "in effect: {}", words(&body["items"]))),
        "change.implemented" => drop(write!(
            page,
            "the candidate <code>{}</code>",
            text("candidate")
        )),
        "change.emergency" => drop(write!(
            page,
            "<b class=\"no\">in force at once</b>, to be approved by {}: {}",
            text("due"),
            text("why")
        )),
        _ => page.push_str(&text("why")),
    }
    page.push_str("</p>");
    revisions(page, &body["revisions"]);
    evidence(page, &body["evidence"]);
    let by = text("by");
    match body["signed"]["key"].as_str() {
        Some(key) => drop(writeln!(
            page,
            "<p class=\"by\">{by}, signed with {} (signatures/{:08}.txt)</p>",
            escape(key),
            step.seq
        )),
        None => drop(writeln!(
            page,
            "<p class=\"by\">{by} (not signed by anybody: recorded by the house)</p>"
        )),
    }
}

fn impact(page: &mut String, impact: &Value) {
    let items = impact["items"].as_array().into_iter().flatten();
    let mut rows = String::new();
    for item in items {
        let text = |key: &str| escape(item[key].as_str().unwrap_or_default());
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            text("item"),
            text("why"),
            words(&item["depends"])
        );
    }
    if !rows.is_empty() {
        let _ = write!(
            page,
            "<table><tr><th>affected</th><th>why</th><th>depends on</th></tr>{rows}</table>"
        );
    }
    for (key, name) in [
        ("agents", "Agents"),
        ("runs", "Runs"),
        ("instances", "Instances"),
        ("grants", "Grants"),
    ] {
        if impact[key].as_array().is_some_and(|all| !all.is_empty()) {
            let _ = write!(page, "<br>{name}: {}", words(&impact[key]));
        }
    }
}

fn revisions(page: &mut String, revisions: &Value) {
    let Some(revisions) = revisions.as_array().filter(|all| !all.is_empty()) else {
        return;
    };
    page.push_str("<table><tr><th>item</th><th>from</th><th>to</th><th>files</th></tr>");
    for revision in revisions {
        let hash = |key: &str| match revision[key].as_str() {
            Some(hash) => format!("<code>{}</code>", escape(hash.get(..16).unwrap_or(hash))),
            None => "–".to_owned(),
        };
        let files = revision["files"].as_array().into_iter().flatten();
        let files: Vec<String> = files
            .filter_map(|file| file["file"].as_str().map(escape))
            .collect();
        let item = escape(revision["item"].as_str().unwrap_or_default());
        let _ = write!(
            page,
            "<tr><td>{item}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            hash("from"),
            hash("to"),
            files.join("<br>")
        );
    }
    page.push_str("</table>");
}

fn evidence(page: &mut String, evidence: &Value) {
    let Some(evidence) = evidence.as_array().filter(|all| !all.is_empty()) else {
        return;
    };
    page.push_str("<table><tr><th>evidence</th><th>of</th><th>came to</th><th>hash</th></tr>");
    for piece in evidence {
        let text = |key: &str| escape(piece[key].as_str().unwrap_or_default());
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            text("kind"),
            text("what"),
            text("result"),
            text("hash")
        );
    }
    page.push_str("</table>");
}

fn costs(page: &mut String, costs: &Value) {
    page.push_str("<h2>Costs</h2>\n");
    let currencies = costs["total"]["currencies"].as_object();
    for (currency, paid) in currencies.into_iter().flatten() {
        let rates = paid["rates"].as_array().into_iter().flatten();
        let rates: Vec<String> = rates
            .filter_map(|rate| Some(format!("USD {}", escape(rate.as_str()?))))
            .collect();
        let by = match rates.is_empty() {
            true => "no rate of the house says what that is in dollars".to_owned(),
            false => format!("by the rates of the house: {}", rates.join(", ")),
        };
        let _ = writeln!(
            page,
            "<p>In {}: {}, {by}.</p>",
            escape(currency),
            paid_in(currency, paid)
        );
    }
    if let Some(unpriced) = costs["total"]["unpriced"].as_u64().filter(|n| *n > 0) {
        let _ = writeln!(
            page,
            "<p class=\"no\">{unpriced} model calls have no price: the sums are without them.</p>"
        );
    }
    let by = costs["by"].as_object().into_iter().flatten();
    for (dimension, sums) in by {
        let _ = write!(
            page,
            "<h3>By {}</h3><table><tr><th>{}</th><th>records</th><th>USD</th><th>paid in other money</th><th>tokens in</th><th>out</th><th>seconds</th></tr>",
            escape(dimension),
            escape(dimension)
        );
        for (name, sum) in sums.as_object().into_iter().flatten() {
            cost_row(page, if name.is_empty() { "–" } else { name }, sum);
        }
        cost_row(page, "total", &costs["total"]);
        page.push_str("</table>\n");
    }
}

fn cost_row(page: &mut String, name: &str, sum: &Value) {
    let seconds = sum["wall_us"].as_u64().unwrap_or(0) / 1_000;
    let _ = write!(
        page,
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}.{:03}</td></tr>",
        escape(name),
        sum["records"],
        escape(sum["usd"].as_str().unwrap_or_default()),
        other_money(sum),
        sum["input"],
        sum["output"],
        seconds / 1_000,
        seconds % 1_000
    );
}

/// What a sum has of other money than dollars.
fn other_money(sum: &Value) -> String {
    let currencies = sum["currencies"].as_object().into_iter().flatten();
    let each: Vec<String> = currencies
        .map(|(currency, paid)| paid_in(currency, paid))
        .collect();
    each.join("<br>")
}

/// `EUR 3 (USD 2.16 of it in the sum; EUR 1 has no rate and is in none)`.
fn paid_in(currency: &str, paid: &Value) -> String {
    let text = |key: &str| escape(paid[key].as_str().unwrap_or_default());
    let currency = escape(currency);
    let left = match text("without_rate") {
        left if left == "0" => String::new(),
        left => format!("; {currency} {left} without a rate, in no sum"),
    };
    format!("{currency} {} (USD {}{left})", text("paid"), text("usd"))
}

fn kinds(page: &mut String, kinds: &Value) {
    page.push_str("<h2>Records by kind</h2><table><tr><th>kind</th><th>records</th></tr>");
    for (kind, count) in kinds.as_object().into_iter().flatten() {
        let _ = write!(
            page,
            "<tr><td>{}</td><td class=\"n\">{count}</td></tr>",
            escape(kind)
        );
    }
    page.push_str("</table>\n");
}

fn effectivity(value: &Value) -> String {
    let when = match &value["when"] {
        Value::String(word) if word == "now" => "at once".to_owned(),
        Value::String(word) if word == "next-run" => "for runs that begin after it".to_owned(),
        Value::Object(at) => format!(
            "from {} on",
            escape(at.get("at").and_then(Value::as_str).unwrap_or_default())
        ),
        other => escape(&other.to_string()),
    };
    match value["agents"].is_array() {
        true => format!("{when}, for {} only", words(&value["agents"])),
        false => when,
    }
}

fn words(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten();
    let words: Vec<String> = words.filter_map(|word| word.as_str().map(escape)).collect();
    words.join(", ")
}

fn row(page: &mut String, cells: &[&str]) {
    page.push_str("<tr>");
    for (n, cell) in cells.iter().enumerate() {
        let tag = if n == 0 { "th" } else { "td" };
        let _ = write!(page, "<{tag}>{}</{tag}>", escape(cell));
    }
    page.push_str("</tr>");
}

/// Text as HTML shows it: what people and agents wrote is never markup.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            // Marks that turn the direction of text could make one thing read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Instants are numbers here; each implementation changes `pieces`.
    fn html(report: &Report, now: i64, pieces: Option<&[(&'static str, &str)]>) -> String {
        let piece = |(tone, text): &(&'static str, &str)| Piece {
            tone,
            text: (*text).to_owned(),
        };
        let tells = Tells {
            differences: &|_, _| pieces.map(|pieces| pieces.iter().map(piece).collect()),
            instant: &|text| text.parse().ok().map(Timestamp),
            now: Timestamp(now),
        };
        report.html(&[], &json!({}), &ContentHash::of(b""), &tells)
    }

    fn report(steps: &[(&str, Value)]) -> Report {
        let mut report = Report::new(None);
        for ((kind, body), seq) in steps.iter().zip(1..) {
            let mut body = body.clone();
            body["change"] = json!("CR-0001");
            report.add(seq, 0, kind, &body);
        }
        report
    }

    #[test]
    fn what_was_rejected_and_done_again_is_read_in_the_order_in_which_it_happened() {
        let report = report(&[
            ("change.requested", json!({ "title": "Wider" })),
            (
                "change.voted",
                json!({ "vote": "reject", "why": "too much" }),
            ),
            ("change.requested", json!({ "title": "Less wide" })),
            ("change.voted", json!({ "vote": "approve", "why": "fine" })),
            ("change.implemented", json!({ "candidate": "1" })),
            ("change.verified", json!({ "result": "failed" })),
            ("change.implemented", json!({ "candidate": "2" })),
            ("change.verified", json!({ "result": "passed" })),
        ]);
        let shows: &[(&str, &str)] = &[("", "  "), ("widens", "! WIDER <net>"), ("", "\n")];
        let page = html(&report, 0, Some(shows));
        let mut at = 0;
        for words in [
            "<h3>Request</h3>",
            "<h3>Review and votes</h3>",
            "too much",
            "<h3>Request, time 2</h3>",
            "Less wide",
            "<h3>Review and votes, time 2</h3>",
            "<h3>Implementation</h3>",
            "<span class=\"widens\">! WIDER &lt;net&gt;</span>",
            "failed",
            "<h3>Implementation, time 2</h3>",
            "! WIDER",
            "passed",
        ] {
            let found = page[at..].find(words);
            at += found.unwrap_or_else(|| panic!("{words} is not there, or too early: {page}"));
        }
        assert!(page.contains("Stands: <b>open</b>"));
        assert!(html(&report, 0, None).contains("cannot be told"));
    }

    #[test]
    fn what_is_released_says_from_when_it_is_in_force() {
        let stands = |effectivity: Value, now: i64| {
            let released = ("change.released", json!({ "effectivity": effectivity }));
            let page = html(&report(&[released]), now, None);
            let (_, rest) = page.split_once("Stands: <b>").unwrap();
            rest.split_once("</b>").unwrap().0.to_owned()
        };
        let at = json!({ "when": { "at": "500" } });
        let later = stands(at.clone(), 499);
        assert!(
            later.starts_with("released, in force from 500 on, which was still to come"),
            "{later}"
        );
        assert_eq!(stands(at, 500), "released, in force since 500");
        let next = stands(json!({ "when": "next-run", "agents": ["a", "b"] }), 0);
        assert!(
            next.starts_with("released, in force for runs that begin after 1970")
                && next.ends_with("for a, b only"),
            "{next}"
        );
        let now = stands(json!({ "when": "now" }), 0);
        assert!(now.starts_with("released, in force since 1970"), "{now}");
    }

    #[test]
    fn what_people_wrote_is_never_markup() {
        let mut report = Report::new(None);
        let body = json!({ "change": "CR-0001", "title": "<script>alert(1)</script>", "reason": "a & b \u{202e}", "class": "minor", "items": ["agent:\"x\""], "by": "human:ada" });
        report.add(7, 0, "change.requested", &body);
        let page = html(&report, 0, None);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("a &amp; b \u{fffd}"));
        assert!(page.contains("[7]") && page.contains("Request"));
    }
}
