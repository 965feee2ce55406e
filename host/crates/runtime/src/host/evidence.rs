//! What the house can find out by itself of a candidate: whether it is in order, whether its charts play their scenarios, whether its components answer as those
//! in use do. Each piece of it says what was looked at, by its hash.

use super::acts::forbidden;
use super::candidate::{self, place};
use super::house::Host;
use super::instances::refused;
use super::{Refused, RefusedCode};
use crate::record::Kind;
use crate::shadow;
use change::{ChangeNumber, Evidence, EvidenceKind, ItemId, Register, Rule};
use definitions::House;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, Cost, PluginName, Purpose};

/// Calls that components are compared on.
const CALLS: usize = crate::CALLS_TO_SHADOW;
/// Where a house keeps the scenarios of its charts.
const SCENARIOS: &str = "scenarios";

/// Something that was found out.
pub(super) struct Own {
    pub evidence: Evidence,
    /// Whether it speaks for the candidate.
    pub passed: bool,
}

impl Host {
    /// What can be found out of what was made for the change `number`, at once: whether the house would be in order and, with `scenarios`, those of its charts.
    ///
    /// # Errors
    /// In words, where nothing can be found out.
    pub(super) fn own_evidence(
        &self,
        register: &Register,
        number: ChangeNumber,
        scenarios: bool,
    ) -> Result<Vec<Own>, String> {
        let root = self.definitions().root.clone();
        let change = register.change(number);
        let made = change.and_then(|change| change.implementation());
        let made = made.ok_or_else(|| Rule::NotImplemented(number).to_string())?;
        let parts = candidate::with_change(register, number);
        let (check, house) = check(&root, &parts.files, made.candidate);
        let mut all = vec![check];
        if let Some(house) = house.filter(|_| scenarios) {
            let charts: BTreeSet<Arc<str>> = made
                .steps
                .iter()
                .filter_map(|step| match &step.item {
                    ItemId::Chart(name) => Some(name.clone()),
                    _ => None,
                })
                .collect();
            all.extend(play(&root, &house, &charts));
        }
        Ok(all)
    }

    /// The same with components beside those in use, for whoever is about to verify it. Nothing is recorded but what that took.
    pub(super) async fn check_change(
        &self,
        number: &str,
        scenarios: bool,
        shadow: bool,
    ) -> Result<Json, Refused> {
        let register = self.register().map_err(|why| store(&why))?;
        let number = self.number(&register, number)?;
        let change = register.change(number);
        let made = change.and_then(|change| change.implementation());
        let made = made.ok_or_else(|| refused(forbidden(&Rule::NotImplemented(number))))?;
        let own = self.own_evidence(&register, number, scenarios);
        let mut own = own.map_err(|why| Refused::new(RefusedCode::NotNow, why, ""))?;
        if shadow {
            let parts = candidate::with_change(&register, number);
            for step in &made.steps {
                let ItemId::Plugin(name) = &step.item else {
                    continue;
                };
                let Ok(name) = PluginName::parse(name) else {
                    continue;
                };
                if let Some(stored) = parts.stored.get(&name) {
                    let file = place(&self.definitions().root, stored);
                    let of_change = change.map(|change| &change.instance);
                    own.push(self.beside(&name, &file, of_change).await);
                }
            }
        }
        let passed = own.iter().all(|one| one.passed);
        let evidence: Vec<Evidence> = own.into_iter().map(|one| one.evidence).collect();
        Ok(
            json!({ "change": number, "on": made.candidate, "passed": passed, "evidence": evidence }),
        )
    }

    /// A component beside the one in use, on the last calls.
    async fn beside(&self, name: &PluginName, file: &Path, instance: Option<&Arc<str>>) -> Own {
        let services = self.services();
        // It is on the account of the change that it is evidence for.
        let account = Cost {
            workflow: Some(self.control_workflow()),
            instance: instance.cloned(),
            purpose: Purpose::Improvement,
            ..Cost::default()
        };
        let journal = &self.0.journal;
        let room = shadow::room(&services, &journal.borrow(), journal.spending(), &account);
        let report = match room {
            Ok(()) => shadow::beside(&services, name, file, CALLS).await,
            Err(error) => Err(error),
        };
        let cost = report.as_ref().ok();
        let cost = cost.and_then(|report| report.cost(&services, account));
        if let Some(cost) = cost.and_then(|cost| serde_json::to_value(cost).ok()) {
            // What was found is told, whether or not that can be booked.
            let booked = self
                .record(vec![(Kind::Cost, cost)], Vec::new(), None)
                .await;
            if let Err(why) = booked {
                self.log(&journal::HOUSE_RUN.into(), "ledger", &why.to_string());
            }
        }
        let of = |result: String, passed: bool, hash: Option<ContentHash>| Own {
            evidence: Evidence {
                kind: EvidenceKind::Shadow,
                what: format!("the component of {name} beside the one in use"),
                result,
                hash,
            },
            passed,
        };
        match report {
            Ok(report) => {
                let (calls, different) = (report.calls.len(), report.different());
                let text = serde_json::to_string(&report).unwrap_or_default();
                let result = match calls {
                    0 => "no call on record can be made again: nothing was compared".into(),
                    _ => format!("{different} of {calls} calls come to something else"),
                };
                of(
                    result,
                    different == 0,
                    Some(ContentHash::of(text.as_bytes())),
                )
            }
            Err(error) => of(format!("it cannot be compared: {error}"), false, None),
        }
    }
}

fn store(why: &str) -> Refused {
    Refused::new(RefusedCode::Store, why, "mend the store, then ask again")
}

/// Whether the house would be in order.
fn check(root: &Path, files: &change::Files, candidate: ContentHash) -> (Own, Option<House>) {
    let of = |result: String, passed: bool| Own {
        evidence: Evidence {
            kind: EvidenceKind::Check,
            what: "the definitions of the house as they would be".into(),
            result,
            hash: Some(candidate),
        },
        passed,
    };
    match definitions::load_recorded(root, files) {
        Ok(house) => {
            let result = format!(
                "in order: {} agents, {} charts, {} policies, {} plugins",
                house.agents.len(),
                house.charts.len(),
                house.policies.len(),
                house.plugins.len()
            );
            (of(result, true), Some(house))
        }
        Err(report) => (of(report.render(false), false), None),
    }
}

/// The scenarios of the house that are of one of `charts`, played by the charts of `house`.
fn play(root: &Path, house: &House, charts: &BTreeSet<Arc<str>>) -> Vec<Own> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(SCENARIOS))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .collect();
    files.sort();
    let played = files.iter().filter_map(|path| {
        let (file, _) = definitions::load_scenarios(path).ok()?;
        let name = file.chart.chart.name();
        let chart = charts.contains(name).then(|| house.charts.get(name))??;
        let failed: Vec<String> = file
            .cases
            .iter()
            .filter(|case| case.play(&chart.chart).failed.is_some())
            .map(|case| case.name.to_string())
            .collect();
        let cases = file.cases.len();
        let shown = path.strip_prefix(root).unwrap_or(path).display();
        let hash = std::fs::read(path)
            .ok()
            .map(|bytes| ContentHash::of(&bytes));
        Some(Own {
            evidence: Evidence {
                kind: EvidenceKind::Scenarios,
                what: format!("{shown}, played by chart:{name} as it would be"),
                result: match failed.is_empty() {
                    true => format!("{cases} cases, all as expected"),
                    false => format!(
                        "{} of {cases} cases fail: {}",
                        failed.len(),
                        failed.join("; ")
                    ),
                },
                hash,
            },
            passed: failed.is_empty(),
        })
    });
    played.collect()
}
