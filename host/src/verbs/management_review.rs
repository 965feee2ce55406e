//! `audit review`: the management review of a period, out of the journal.
//!
//! Facts are gathered here; what they come to is `change::review`'s. What the journal does not hold is left out, and the review says that it is missing.

use crate::cli::AuditReview;
use crate::exit::{Failure, USAGE};
use crate::{open, print};
use ::journal::{Journal, JournalError, Which};
use ::ledger::{Accepted, Cases, Dimension, Entry, Filter, Ledger, Row, Totals, unreadable_note};
use change::{
    Action, ChangeNumber, Finding, Inputs, Moment, Period, ProcessFact, Spent, Supplier, review,
};
use definitions::House;
use runtime::record::Kind;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use types::{Clock, Cost, MONEY_DECIMALS, Timestamp};

/// The workflows that tell of what went wrong.
const FINDINGS: [&str; 2] = ["nonconformance", "corrective-action"];

/// Print the review of `house`.
pub fn run(house: &House, options: &AuditReview) -> Result<u8, Failure> {
    let now = crate::world::SystemClock::new().now();
    let moment = |text: &Option<String>, otherwise: Timestamp| match text {
        None => Ok(otherwise),
        Some(text) => Moment::parse(text)
            .map(|moment| moment.time())
            .map_err(|error| Failure::new(USAGE, error)),
    };
    let period = Period {
        since: moment(&options.since, Timestamp(0))?,
        until: moment(&options.until, Timestamp(now.0 + 1))?,
    };
    if period.until <= period.since {
        return Err(Failure::new(USAGE, "the period ends before it begins"));
    }
    let journal = open::journal_to_read(&house.root)?;
    let Some(journal) = journal else {
        return Err(Failure::new(
            crate::exit::NOT_SO,
            "nothing has happened in this house yet",
        )
        .help("charthouse run AGENT, or charthouse change baseline --as NAME"));
    };
    let register = runtime::control::register(&journal, &house.root)?;
    let (instances, worth) = (instances(&journal)?, worth(&journal)?);
    let (spent, unreadable) = spent(&journal, period)?;
    print::err(&unreadable_note(unreadable));
    let inputs = Inputs {
        actions: Some(actions(&instances)),
        spent: Some(spent),
        processes: Some(processes(&instances, &worth, period)),
        findings: Some(findings(&instances, &worth.cases)),
        suppliers: Some(suppliers(house, &journal, period)?),
        records: Some(records(&journal)?),
        feedback: None,
    };
    let period = Period {
        since: period.since.max(begin(&journal)?),
        ..period
    };
    let review = review(&house.name, &register, period, now, inputs);
    match options.json {
        true => print::json(&review.to_json())?,
        false => print::out(&review.markdown())?,
    }
    Ok(0)
}

/// When the journal begins.
fn begin(journal: &Journal) -> Result<Timestamp, Failure> {
    let first = journal.record(::journal::RecordId(1))?;
    Ok(first.map_or(Timestamp(0), |record| record.time))
}

fn records(journal: &Journal) -> Result<(bool, String), Failure> {
    let verified = journal.verify()?;
    let what = match verified.first_bad {
        None => format!("{} records, head {}", verified.records, verified.head),
        Some(seq) => format!("record {seq} is the first that does not"),
    };
    Ok((verified.ok, what))
}

/// What was spent in the period, by purpose, as the ledger adds it up; and how many records of it nobody can read.
fn spent(journal: &Journal, period: Period) -> Result<(Vec<Spent>, u64), Failure> {
    let mut ledger = Ledger::by(&[Dimension::Purpose], Filter::default());
    journal.each::<JournalError>(Which::Kind(Kind::Cost.name()), |record| {
        if !period.has(record.time) {
            return Ok(());
        }
        match serde_json::from_str::<Cost>(&record.body) {
            Ok(cost) => {
                ledger.add(&Entry {
                    seq: record.seq.0,
                    run: &record.run,
                    time: record.time,
                    cost: &cost,
                });
            }
            Err(_) => ledger.add_unreadable(),
        }
        Ok(())
    })?;
    let of_row = |row: &Row| Spent {
        purpose: row.names.first().cloned().unwrap_or_default(),
        calls: row.totals.calls,
        tokens: row.totals.all_tokens(),
        money: money(&row.totals),
        joules: row
            .totals
            .joules
            .map(|joules| (joules.micro + 500_000) / 1_000_000),
        how: row
            .totals
            .joules
            .map(|joules| joules.how.as_str().to_owned()),
    };
    let report = ledger.report();
    let rows = report.rows.iter().map(of_row).collect();
    Ok((rows, report.unreadable))
}

/// Money as the ledger shows it: dollars, with what was changed into them by the house's rates; what has no rate apart, and what has no price counted.
fn money(totals: &Totals) -> String {
    let mut text = format!("{} USD", totals.usd.normalize());
    if !totals.other.is_empty() {
        text.push_str(&format!(", {} without a rate", totals.other_money()));
    }
    match totals.unpriced {
        0 => {}
        1 => text.push_str(", 1 call without a price"),
        calls => text.push_str(&format!(", {calls} calls without a price")),
    }
    text
}

/// What came of the instances of workflows, and what each cost in its whole life.
struct Worth {
    cases: Cases,
    costs: BTreeMap<String, Totals>,
}

fn worth(journal: &Journal) -> Result<Worth, Failure> {
    let mut cases = Cases::default();
    let mut ledger = Ledger::by(&[Dimension::Instance], Filter::default());
    journal.each::<JournalError>(Which::All, |record| {
        if record.kind == Kind::Cost.name() {
            if let Ok(cost) = serde_json::from_str::<Cost>(&record.body) {
                ledger.add(&Entry {
                    seq: record.seq.0,
                    run: &record.run,
                    time: record.time,
                    cost: &cost,
                });
            }
        } else if Cases::KINDS.contains(&record.kind.as_str()) {
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            cases.take(&record.run, record.time, &record.kind, &body);
        }
        Ok(())
    })?;
    let rows = ledger.report().rows.into_iter();
    let costs = rows.filter_map(|mut row| Some((row.names.pop()?, row.totals)));
    Ok(Worth {
        costs: costs.collect(),
        cases,
    })
}

impl Worth {
    /// What all of `instances` cost, for each of them that was accepted in the period: the rejected and the open ones are paid for by those.
    fn per_accepted(&self, instances: &[&str], period: Period) -> Option<String> {
        let cases = instances.iter().filter_map(|id| self.cases.get(id));
        let accepted = cases.filter(|case| {
            case.is_accepted(&Accepted::Usual) && case.ended.is_some_and(|time| period.has(time))
        });
        let accepted = u64::try_from(accepted.count()).unwrap_or(u64::MAX);
        if accepted == 0 {
            return None;
        }
        let mut totals = Totals::default();
        let costs = instances.iter().filter_map(|id| self.costs.get(*id));
        costs.for_each(|cost| totals.add(cost));
        let each = |amount: &mut Decimal| {
            let share = amount.checked_div(Decimal::from(accepted));
            *amount = share.unwrap_or_default().round_dp(MONEY_DECIMALS);
        };
        each(&mut totals.usd);
        totals.other.values_mut().for_each(each);
        Some(money(&totals))
    }
}

/// An instance of a workflow, as far as the review needs it.
#[derive(Default)]
struct Instance {
    id: String,
    workflow: String,
    input: Json,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// Role, outcome, notes and artefacts of what was handed in, in order.
    hand_ins: Vec<Json>,
}

fn instances(journal: &Journal) -> Result<Vec<Instance>, Failure> {
    let mut instances: BTreeMap<String, Instance> = BTreeMap::new();
    for kind in [Kind::Started, Kind::HandIn, Kind::Ended] {
        journal.each::<JournalError>(Which::Kind(kind.name()), |record| {
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            if kind == Kind::Started {
                // A run of an agent names no workflow.
                if let Some(name) = body["workflow"]["name"].as_str() {
                    let instance = Instance {
                        id: record.run.clone(),
                        workflow: name.to_owned(),
                        input: body["input"].clone(),
                        began: record.time,
                        ..Instance::default()
                    };
                    instances.insert(record.run.clone(), instance);
                }
                return Ok(());
            }
            let Some(instance) = instances.get_mut(&record.run) else {
                return Ok(());
            };
            match kind {
                Kind::HandIn => instance.hand_ins.push(body),
                _ => instance.ended = Some(record.time),
            }
            Ok(())
        })?;
    }
    Ok(instances.into_values().collect())
}

impl Instance {
    fn notes(&self) -> String {
        let given = ["what", "title", "action"]
            .iter()
            .find_map(|key| self.input[*key].as_str());
        let first = || {
            self.hand_ins
                .first()
                .and_then(|first| first["notes"].as_str())
        };
        given
            .or_else(first)
            .unwrap_or("nothing is said yet")
            .to_owned()
    }
}

fn processes(instances: &[Instance], worth: &Worth, period: Period) -> Vec<ProcessFact> {
    let mut facts: BTreeMap<&str, (ProcessFact, Vec<i64>)> = BTreeMap::new();
    let mut ids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for instance in instances {
        let ended = instance.ended.filter(|time| period.has(*time));
        if ended.is_none() && !period.has(instance.began) {
            continue;
        }
        let (fact, lengths) = facts.entry(&instance.workflow).or_default();
        ids.entry(&instance.workflow)
            .or_default()
            .push(&instance.id);
        fact.started += u64::from(period.has(instance.began));
        // What counts as what is the ledger's word.
        if let Some((time, case)) = ended.zip(worth.cases.get(&instance.id)) {
            fact.ended += 1;
            let outcome = outcome(&worth.cases, instance);
            *fact.outcomes.entry(outcome).or_default() += 1;
            let first_pass = u64::from(case.is_first_pass(&Accepted::Usual));
            fact.first_pass = Some(fact.first_pass.unwrap_or(0) + first_pass);
            fact.rework = Some(fact.rework.unwrap_or(0).saturating_add(case.rework));
            lengths.push(time.0 - instance.began.0);
        }
    }
    let facts = facts.into_iter().map(|(workflow, (fact, mut lengths))| {
        lengths.sort_unstable();
        let middle = lengths.get(lengths.len().saturating_sub(1) / 2);
        ProcessFact {
            workflow: workflow.to_owned(),
            median_ms: middle.map(|ms| (*ms).max(0) as u64),
            cost_per_accepted: ids
                .get(workflow)
                .and_then(|ids| worth.per_accepted(ids, period)),
            ..fact
        }
    });
    facts.collect()
}

/// How it ended, as far as it has.
fn outcome(cases: &Cases, instance: &Instance) -> String {
    let outcome = cases
        .get(&instance.id)
        .and_then(|case| case.outcome.clone());
    outcome.unwrap_or_else(|| "under way".to_owned())
}

fn findings(instances: &[Instance], cases: &Cases) -> Vec<Finding> {
    let of_kind = instances
        .iter()
        .filter(|one| FINDINGS.contains(&one.workflow.as_str()));
    of_kind
        .map(|one| {
            let mut said = vec![one.input.to_string()];
            said.extend(
                one.hand_ins
                    .iter()
                    .map(|body| body["artefacts"].to_string()),
            );
            Finding {
                instance: one.id.clone(),
                kind: one.workflow.clone(),
                what: one.notes(),
                opened: one.began,
                closed: one.ended,
                state: outcome(cases, one),
                changes: numbers(&said.concat()),
            }
        })
        .collect()
}

/// The changes that `text` names, each once.
fn numbers(text: &str) -> Vec<ChangeNumber> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let mut numbers: Vec<ChangeNumber> = words.filter_map(ChangeNumber::parse).collect();
    numbers.sort();
    numbers.dedup();
    numbers
}

/// Corrective actions that a review began: `charthouse workflow start corrective-action --input '{"source":"review","action":"…","who":"ada","due":"2027-03-01"}'`.
fn actions(instances: &[Instance]) -> Vec<Action> {
    let of_reviews = instances.iter().filter(|one| {
        one.workflow == "corrective-action" && one.input["source"].as_str() == Some("review")
    });
    of_reviews
        .map(|one| Action {
            what: one.notes(),
            who: one.input["who"]
                .as_str()
                .unwrap_or("nobody is named")
                .to_owned(),
            due: one.input["due"]
                .as_str()
                .and_then(|due| Some(Moment::parse(due).ok()?.time())),
            done: one.ended.is_some(),
        })
        .collect()
}

fn suppliers(house: &House, journal: &Journal, period: Period) -> Result<Vec<Supplier>, Failure> {
    let counted = |kind: Kind| -> Result<BTreeMap<String, u64>, JournalError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        journal.each::<JournalError>(Which::Kind(kind.name()), |record| {
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            if period.has(record.time)
                && let Some(plugin) = body["plugin"].as_str()
            {
                *counts.entry(plugin.to_owned()).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(counts)
    };
    let quarantined = counted(Kind::PluginQuarantined)?;
    let refused = counted(Kind::PluginRefused)?;
    let locked = house.lock.as_ref().map(|lock| &lock.plugins);
    let of_plugin = |(name, plugin): (&types::PluginName, &definitions::PluginDef)| {
        let locked = locked.and_then(|locked| locked.get(name));
        let count =
            |counts: &BTreeMap<String, u64>| counts.get(name.as_str()).copied().unwrap_or(0);
        Supplier {
            plugin: name.to_string(),
            source: locked.map(|locked| locked.source.clone()),
            pinned: locked.is_some(),
            signed_by: plugin
                .component
                .signer
                .as_ref()
                .map(|signer| signer.file.to_string()),
            quarantined: count(&quarantined),
            refused: count(&refused),
        }
    };
    Ok(house.plugins.iter().map(of_plugin).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_changes_are_found_in_what_was_said() {
        let found =
            numbers(r#"{"change":"CR-0007","see":"CR-0001, CR-0007; not CR-1 or XCR-0002"}"#);
        assert_eq!(found, [ChangeNumber::new(1), ChangeNumber::new(7)]);
    }

    #[test]
    fn what_was_accepted_pays_for_all_instances_of_its_workflow() {
        let mut cases = Cases::default();
        let mut take = |id: &str, time: i64, kind: &str, body: Json| {
            cases.take(id, Timestamp(time), kind, &body);
        };
        for (id, end) in [("a", "accepted"), ("b", "rejected"), ("c", "accepted")] {
            take(
                id,
                1,
                "started",
                json!({ "workflow": { "name": "w", "version": "1.0.0" } }),
            );
            take(id, 2, "step", json!({ "configuration": [end] }));
            let ended = if id == "c" { 100 } else { 5 };
            take(id, ended, "ended", json!({ "status": "done" }));
        }
        let spent = |usd: i64, euros: i64| Totals {
            usd: Decimal::new(usd, 0),
            other: (euros > 0)
                .then(|| (types::Currency::parse("EUR").unwrap(), Decimal::from(euros)))
                .into_iter()
                .collect(),
            ..Totals::default()
        };
        let costs = [
            ("a", spent(1, 0)),
            ("b", spent(2, 3)),
            ("other", spent(50, 0)),
        ];
        let costs = costs.map(|(id, totals)| (id.to_owned(), totals)).into();
        let worth = Worth { cases, costs };
        let period = Period {
            since: Timestamp(0),
            until: Timestamp(50),
        };
        let each = worth.per_accepted(&["a", "b"], period);
        assert_eq!(each.as_deref(), Some("3 USD, EUR 3 without a rate"));
        assert_eq!(
            worth.per_accepted(&["b", "c"], period),
            None,
            "none was accepted in it"
        );
    }

    #[test]
    fn it_says_of_a_workflow_what_the_ledger_says_when_it_compares() {
        let mut cases = Cases::default();
        let mut instances = Vec::new();
        for (n, end) in ["accepted", "rejected", "rejected", "rejected"]
            .iter()
            .enumerate()
        {
            let (id, rounds) = (format!("i{n}"), n / 2);
            let mut take = |time: i64, kind: &str, body: Json| {
                cases.take(&id, Timestamp(time), kind, &body);
            };
            take(
                1,
                "started",
                json!({ "workflow": { "name": "w", "version": "1" } }),
            );
            for _ in 0..=rounds {
                let opened = json!([{ "state": "work", "role": "r" }]);
                let step = json!({ "configuration": ["work"], "opened": opened });
                take(2, "step", step);
                take(3, "hand_in", json!({ "state": "work", "role": "r" }));
            }
            take(4, "step", json!({ "configuration": [end] }));
            take(5, "ended", json!({ "status": "done" }));
            instances.push(Instance {
                workflow: "w".to_owned(),
                began: Timestamp(1),
                ended: Some(Timestamp(5)),
                id,
                ..Instance::default()
            });
        }
        let compared = ::ledger::Comparison::by(Dimension::Workflow, None, Filter::default());
        let compared = compared.rate(&cases, &Accepted::Usual);
        let rated = &compared.rows[0];
        let worth = Worth {
            cases,
            costs: BTreeMap::new(),
        };
        let period = Period {
            since: Timestamp(0),
            until: Timestamp(50),
        };
        let facts = processes(&instances, &worth, period);
        assert_eq!((facts[0].first_pass, facts[0].ended), (Some(1), 4));
        assert_eq!(
            (facts[0].first_pass, facts[0].ended, facts[0].rework),
            (Some(rated.first_pass), rated.ended, Some(rated.rework))
        );
        assert_eq!(facts[0].outcomes, rated.outcomes);
    }
}
