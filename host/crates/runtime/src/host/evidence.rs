//! What the house can find out by itself of a candidate: whether it is in order, whether its charts play their scenarios, whether its components answer as those
//! in use do. Each piece of it says what was looked at, by its hash.

use super::acts::forbidden;
use super::candidate::{self, Parts, place};
use super::house::Host;
use super::instances::refused;
use super::{Refused, RefusedCode};
use crate::record::Kind;
use crate::shadow;
use change::{ChangeNumber, Evidence, EvidenceKind, ItemId, Register, Rule};
use definitions::{House, Report, ScenarioFile};
use serde_json::{Value as Json, json};
use sign::Keyring;
use std::collections::BTreeSet;
use std::fmt::Display;
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
        let (check, house) = check(&root, &parts, made.candidate);
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
            let before = own.len();
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
            if own.len() == before {
                own.push(Own {
                    evidence: Evidence {
                        kind: EvidenceKind::Shadow,
                        what: "components beside those in use".into(),
                        result: "the change brings no component: nothing was compared".into(),
                        hash: None,
                    },
                    passed: true,
                });
            }
        }
        let passed = own.iter().all(|one| one.passed);
        let mut evidence: Vec<Json> = Vec::new();
        for Own { evidence: one, .. } in own {
            let vouched = self.vouched_for(made.candidate, &one);
            let mut one = json!(one);
            if let Some(vouched) = vouched {
                one["vouched"] = vouched;
            }
            evidence.push(one);
        }
        Ok(
            json!({ "change": number, "on": made.candidate, "passed": passed, "evidence": evidence }),
        )
    }

    /// The house's word for what it cannot find out again when it is handed in: a signature that goes with it. None for what it can, or where it has no key.
    fn vouched_for(&self, on: ContentHash, one: &Evidence) -> Option<Json> {
        let (house, services) = (self.definitions(), self.0.services.borrow());
        let known = crate::control::keys_of_house(&self.register().ok()?);
        let own = Keyring::of_house(&house.root).house(&house.name, &known, &*services.rng);
        let own = own.ok().filter(|_| one.kind == EvidenceKind::Shadow)?;
        Some(json!(own.signer.sign_bytes(found(on, one).as_bytes())))
    }

    /// Whether the house has found `one` of the candidate `on` itself and `vouched` is its word for that.
    pub(super) fn has_vouched(
        &self,
        on: ContentHash,
        one: &Evidence,
        vouched: Option<&Json>,
    ) -> bool {
        let own = Keyring::of_house(&self.definitions().root).house_if_any();
        let (Ok(Some(own)), Some(vouched)) = (own, vouched.and_then(Json::as_str)) else {
            return false;
        };
        sign::verify_bytes(found(on, one).as_bytes(), vouched, own.public()).is_ok()
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

/// What the house signs of a piece of evidence about the candidate `on`.
fn found(on: ContentHash, one: &Evidence) -> String {
    sign::canonical(&json!({ "act": "evidence", "on": on, "evidence": one }))
}

/// Whether the house would be in order.
fn check(root: &Path, parts: &Parts, candidate: ContentHash) -> (Own, Option<House>) {
    let of = |result: String, passed: bool| Own {
        evidence: Evidence {
            kind: EvidenceKind::Check,
            what: "the definitions of the house as they would be".into(),
            result,
            hash: Some(candidate),
        },
        passed,
    };
    let mut stored = parts.stored.iter();
    let not_one = stored.find_map(|(name, stored)| {
        let why = sandbox::look(&place(root, stored)).err()?;
        Some(format!("the component of `{name}` is none: {why}"))
    });
    if let Some(why) = not_one {
        return (of(why, false), None);
    }
    match definitions::load_recorded(root, &parts.files) {
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

/// The scenarios of the house that are of one of `charts`, played by the charts of `house`. That there are none is told as well, and one that cannot be read has
/// not passed: nobody can say what it would have shown.
fn play(root: &Path, house: &House, charts: &BTreeSet<Arc<str>>) -> Vec<Own> {
    if charts.is_empty() {
        return vec![scenarios(
            "the scenarios of what is changed".into(),
            "no chart is changed: nothing was played".into(),
            true,
        )];
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(SCENARIOS))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .collect();
    files.sort();
    let played = files.iter().filter_map(|path| {
        let read = definitions::load_scenarios_of(house, path, &|name| charts.contains(name))?;
        let bytes = std::fs::read(path).ok();
        let mut own = played(&path.strip_prefix(root).unwrap_or(path).display(), read);
        own.evidence.hash = bytes.map(|bytes| ContentHash::of(&bytes));
        Some(own)
    });
    let mut played: Vec<Own> = played.collect();
    if played.is_empty() {
        let names: Vec<String> = charts.iter().map(|name| format!("chart:{name}")).collect();
        played.push(scenarios(
            format!("the scenarios of {}", names.join(", ")),
            format!("there are none in {SCENARIOS}/: nothing was played"),
            true,
        ));
    }
    played
}

/// What the scenarios of the file that is shown as `file` come to.
fn played(file: &dyn Display, read: Result<ScenarioFile, Report>) -> Own {
    let scenario = match read {
        Ok(scenario) => scenario,
        Err(report) => {
            let why = report.render(false);
            return scenarios(
                format!("{file}, with the charts as they would be"),
                format!("it cannot be read:\n{}", why.trim_end()),
                false,
            );
        }
    };
    let chart = &scenario.chart.chart;
    let failed: Vec<String> = scenario
        .cases
        .iter()
        .filter(|case| case.play(chart).failed.is_some())
        .map(|case| case.name.to_string())
        .collect();
    let cases = scenario.cases.len();
    let result = match failed.is_empty() {
        true => format!("{cases} cases, all as expected"),
        false => format!(
            "{} of {cases} cases fail: {}",
            failed.len(),
            failed.join("; ")
        ),
    };
    scenarios(
        format!("{file}, played by chart:{} as it would be", chart.name()),
        result,
        failed.is_empty(),
    )
}

fn scenarios(what: String, result: String, passed: bool) -> Own {
    Own {
        evidence: Evidence {
            kind: EvidenceKind::Scenarios,
            what,
            result,
            hash: None,
        },
        passed,
    }
}
