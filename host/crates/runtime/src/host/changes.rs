//! The verbs of change control, from what is asked to what happens in the workflow, and the baseline, which is in none.
//!
//! A verb is no way of its own: it binds the person to the role and hands in, in one commit, what `workflow bind` and `workflow hand-in` would.

use super::house::Host;
use super::instances::refused;
use super::intent::{Intent, Within};
use super::vouch::{Bad, Claim, Deed};
use super::{ChangeAct, ChangeDeed, Refused, RefusedCode};
use crate::workflow::{Happened, Instance, Sender, Via, Who};
use change::{Baseline, Body, ChangeNumber, ItemId, Person, Register};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{Event, Value};

impl Host {
    /// What an act of change control comes to.
    pub(super) fn intent_of_change(&self, deed: ChangeDeed) -> Result<Intent, Refused> {
        let ChangeDeed {
            act,
            change,
            by,
            role,
            outcome,
            notes,
            artefacts,
            signed,
        } = deed;
        let who: Arc<str> = by.as_str().into();
        let done = Deed::of(Some(by), signed);
        let artefacts = artefacts.unwrap_or(Json::Null);
        let new = |happened: Vec<Happened>, done: Deed| Intent {
            within: Within::New {
                chart: self.control_workflow(),
                input: Value::from(
                    &json!({ "title": artefacts["title"], "items": artefacts["items"] }),
                ),
            },
            happened,
            deed: done,
            answer: json!({}),
        };
        if act == ChangeAct::Baseline {
            return Ok(Intent {
                within: Within::House,
                happened: Vec::new(),
                deed: done,
                answer: json!({}),
            });
        }
        if act == ChangeAct::Emergency {
            let mut data = artefacts.clone();
            data["why"] = json!(notes.unwrap_or_default());
            let happened = event(&who, "human.emergency", &data);
            return Ok(new(vec![happened], done));
        }
        let Some(change) = change else {
            let hand_in = hand_in("requester", &who, "requested", notes, &artefacts);
            return Ok(new(vec![bind("requester", &who), hand_in], done));
        };
        let register = self.register().map_err(|why| store(&why))?;
        let number = self.number(&register, &change)?;
        let instance = self.instance_of(&register, number)?;
        let happened = match act {
            ChangeAct::Withdraw => {
                vec![event(&who, "human.withdrawn", &json!({ "why": notes }))]
            }
            ChangeAct::Order => vec![event(
                &who,
                "human.ordered",
                &json!({ "effectivity": artefacts["effectivity"] }),
            )],
            act => {
                let (role, word) = match act {
                    ChangeAct::Request => ("requester".to_owned(), "requested"),
                    ChangeAct::Assess => ("assessor".to_owned(), "assessed"),
                    ChangeAct::Implement => ("implementer".to_owned(), "implemented"),
                    ChangeAct::Verify => ("verifier".to_owned(), "passed"),
                    ChangeAct::Release => ("releaser".to_owned(), "released"),
                    act => {
                        let seat = self.seat(&register, &instance, &who, role)?;
                        let word = match act {
                            ChangeAct::Approve => "approve",
                            ChangeAct::Reject => "reject",
                            _ => "reviewed",
                        };
                        (seat, word)
                    }
                };
                let word = outcome.as_deref().unwrap_or(word);
                let hand_in = hand_in(&role, &who, word, notes, &artefacts);
                match instance.holder(&role) == Some(&Who::human(&*who)) {
                    true => vec![hand_in],
                    false => vec![bind(&role, &who), hand_in],
                }
            }
        };
        Ok(Intent {
            within: Within::Instance(instance.id().clone()),
            happened,
            deed: done,
            answer: json!({ "change": number.to_string(), "instance": instance.id() }),
        })
    }

    /// The change that is meant.
    pub(super) fn number(
        &self,
        register: &Register,
        wanted: &str,
    ) -> Result<ChangeNumber, Refused> {
        let number = ChangeNumber::parse(wanted).or_else(|| {
            // A bare number is meant well.
            let digits = wanted.trim_start_matches("CR-").trim_start_matches("cr-");
            digits.parse().ok().map(ChangeNumber::new)
        });
        let known = number.filter(|number| register.change(*number).is_some());
        known.ok_or_else(|| {
            let all: Vec<String> = register.changes().map(|c| c.number.to_string()).collect();
            Refused::new(
                RefusedCode::NoSuchInstance,
                format!("there is no change `{wanted}`"),
                match all.last() {
                    None => {
                        "there is none at all: charthouse change request --item ITEM …".to_owned()
                    }
                    Some(last) => format!("the last one is {last}: charthouse change list"),
                },
            )
        })
    }

    fn instance_of(&self, register: &Register, number: ChangeNumber) -> Result<Instance, Refused> {
        let change = register.change(number);
        let id = change
            .map(|change| change.instance.clone())
            .unwrap_or_default();
        let instance = self.0.instances.borrow().get(&id).cloned();
        instance.ok_or_else(|| {
            let how = change.map_or("gone", |change| change.stage().as_str());
            Refused::new(
                RefusedCode::NotNow,
                format!("{number} is over: it is {how}"),
                "request a new change: charthouse change request --item ITEM …",
            )
        })
    }

    /// The seat of the board in which `who` votes: the one that is named, that they hold, or that alone they can take.
    fn seat(
        &self,
        register: &Register,
        instance: &Instance,
        who: &Arc<str>,
        named: Option<String>,
    ) -> Result<String, Refused> {
        if let Some(role) = named {
            return Ok(role);
        }
        let settings = register.settings(self.now());
        let settings = settings.map_err(|rule| refused(super::acts::forbidden(&rule)))?;
        let position = instance.position();
        let seats = position
            .roles
            .iter()
            .filter(|at| settings.board.contains(&at.role));
        let theirs = |holder: &Who| *holder == Who::human(&**who);
        let mut open: Vec<String> = Vec::new();
        for seat in seats {
            match &seat.holder {
                Some(holder) if theirs(holder) => return Ok(seat.role.to_string()),
                None if !seat.states.is_empty() && settings.may_hold(who, &seat.role) => {
                    open.push(seat.role.to_string());
                }
                _ => {}
            }
        }
        match &open[..] {
            [one] => Ok(one.clone()),
            [] => {
                let board: Vec<&str> = settings.board.iter().map(|role| &**role).collect();
                Err(Refused::new(
                    RefusedCode::Denied,
                    format!("there is no seat of the board that `{who}` could take now"),
                    format!(
                        "the board is {}; `charthouse change show` says who has which seat",
                        board.join(", ")
                    ),
                ))
            }
            several => Err(Refused::new(
                RefusedCode::BadCommand,
                format!("`{who}` can take several seats: {}", several.join(", ")),
                format!("say which: --role {}", several[0]),
            )),
        }
    }

    /// Put back what is released, and drafts aside.
    pub(super) async fn restore(&self, items: &[String]) -> Result<Json, Refused> {
        let parsed: Result<BTreeSet<ItemId>, _> =
            items.iter().map(|item| ItemId::parse(item)).collect();
        let only =
            parsed.map_err(|error| Refused::new(RefusedCode::BadCommand, error, "write it so"))?;
        let root = self.definitions().root.clone();
        let restored = crate::control::restore(&self.0.journal.borrow(), &root, self.now(), &only);
        let restored = restored.map_err(|error| store(&error.to_string()))?;
        let placed = restored.placed;
        let warnings: Vec<String> = placed.warnings().collect();
        let back: Vec<Json> = restored
            .back
            .iter()
            .map(|one| {
                let of = one.released.as_ref();
                let (item, change) = (of.map(|of| &of.0), of.map(|of| of.1));
                json!({
                    "file": one.file, "item": item, "change": change, "is_there": one.is_there, "was_missing": one.was_missing,
                    "kept": one.kept,
                })
            })
            .collect();
        Ok(json!({
            "restored": back, "files": placed.files, "set_aside": placed.set_aside, "warnings": warnings,
        }))
    }

    /// What is claimed by a baseline of the house as it lies on the disk.
    pub(super) fn baseline_claim(&self, deed: &Deed) -> Result<Claim, Refused> {
        let (body, house, _) = self.baseline(deed, None)?;
        let mut claim = Claim::in_house(&house);
        let said = &mut claim.statement;
        said.act = ChangeAct::Baseline.name().into();
        said.by = deed
            .by
            .as_ref()
            .map(|by| format!("human:{by}"))
            .unwrap_or_default();
        said.change = ChangeNumber::BASELINE.to_string();
        said.role = "releaser".into();
        said.on = Some(body.digest());
        Ok(claim)
    }

    /// Take the house as it lies on the disk as released.
    pub(super) async fn take_baseline(&self, deed: Deed) -> Result<Json, Refused> {
        let _alone = self.0.signing.lock().await;
        let claim = self.baseline_claim(&deed)?;
        let (_, _, people) = self.baseline(&deed, None)?;
        let bad = |bad: Bad| Refused::new(RefusedCode::Denied, bad.why, bad.help);
        let given = deed
            .signed()
            .ok_or_else(|| bad("nobody has signed it".into()))?;
        let signed = self.check_signature(&people, &claim, given, self.now().0);
        let signed = signed.map_err(bad)?;
        let (body, _, _) = self.baseline(&deed, Some(&signed))?;
        let run = journal::HOUSE_RUN;
        self.may_all(run, &[], std::slice::from_ref(&body), self.now().0)?;
        let ids = self
            .record(vec![super::acts::record(&body)], Vec::new(), None)
            .await?;
        if let Some(why) = crate::control::mark(&self.services(), &self.0.journal.borrow()) {
            self.log(&run.into(), "change", &why);
        }
        self.put_in_place().await;
        let items = match &body {
            Body::Baseline(baseline) => baseline.revisions.len(),
            _ => 0,
        };
        Ok(
            json!({ "change": ChangeNumber::BASELINE.to_string(), "items": items, "record": ids.first().map(|id| id.0) }),
        )
    }

    /// The record of a baseline, and whose house it is of: its name and its people.
    fn baseline(
        &self,
        deed: &Deed,
        signed: Option<&sign::Signed>,
    ) -> Result<(Body, Arc<str>, sign::People), Refused> {
        let root = self.definitions().root.clone();
        let house = definitions::load(&root).map_err(|report| {
            Refused::new(
                RefusedCode::Definitions,
                format!(
                    "the house is not in order:\n{}",
                    report.render(false).trim_end()
                ),
                "charthouse check says the same; mend it first",
            )
        })?;
        if house.controlled.is_none() {
            return Err(Refused::new(
                RefusedCode::Definitions,
                "house.yaml does not say `controlled: true`: with a baseline of it nothing would be controlled",
                "write `controlled: true` into house.yaml, then ask again",
            ));
        }
        let name = deed.by.clone().unwrap_or_default();
        if house.people.get(&name).is_none() {
            return Err(Refused::new(
                RefusedCode::Denied,
                format!("`{name}` is not one of the people of this house"),
                "list them with their public keys under `people` in house.yaml",
            ));
        }
        let (own, people) = (house.name.clone(), house.people.clone());
        let revisions = crate::control::baseline(house).map_err(|error| {
            Refused::new(
                RefusedCode::Definitions,
                error,
                "a baseline has every file of every item: mend it, then ask again",
            )
        })?;
        let by = Person::Human(name);
        let body = Body::Baseline(Baseline {
            change: ChangeNumber::BASELINE,
            signed: super::acts::signature(&by, signed),
            by,
            revisions,
        });
        Ok((body, own, people))
    }
}

fn bind(role: &str, who: &Arc<str>) -> Happened {
    Happened::Bind {
        role: role.into(),
        who: Who::human(&**who),
        via: Via::Command,
    }
}

fn hand_in(
    role: &str,
    who: &Arc<str>,
    outcome: &str,
    notes: Option<String>,
    artefacts: &Json,
) -> Happened {
    Happened::HandIn {
        role: role.into(),
        state: None,
        by: Who::human(&**who),
        outcome: outcome.into(),
        notes: notes.map(Arc::from),
        artefacts: Value::from(artefacts),
    }
}

fn event(who: &Arc<str>, name: &str, data: &Json) -> Happened {
    Happened::Event {
        event: Event::new(name, Value::from(data), 0),
        from: Sender::Human { name: who.clone() },
    }
}

pub(super) fn store(why: &str) -> Refused {
    Refused::new(RefusedCode::Store, why, "mend the store, then ask again")
}
