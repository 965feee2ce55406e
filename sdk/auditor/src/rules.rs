//! Whether what was done about each change was allowed, by docs/change-control.md: a valid signature says who did something, not that they may.
//!
//! It is the fold of the records of changes in their order. A record that breaks a rule is a finding and counts for nothing, so that a release that rests on it is
//! found too. Who holds which role, who votes and how many must approve is read out of the `house.yaml` and the agents' definitions that were in force at each record.

mod judge;
#[cfg(test)]
mod tests;

use crate::chain::Record;
use crate::change::{Cast, Change, Deed, Made, Urgent, Verification};
use crate::handed;
use crate::held::{self, Held, Standing, Step};
use crate::house::{House, texts};
use crate::moment;
use judge::{apart, has_notes, is_on, person, signed_as, standing};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a record broke.
pub struct Finding {
    /// The change.
    pub change: String,
    /// The record.
    pub record: u64,
    /// Which rule.
    pub rule: &'static str,
    /// In words.
    pub what: String,
}

impl Finding {
    /// For people.
    pub fn text(&self) -> String {
        format!(
            "{}, record {}: against the rule of {}: {}",
            self.change, self.record, self.rule, self.what
        )
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "change": self.change, "record": self.record, "rule": self.rule, "what": self.what })
    }
}

/// What a record says but for its signature, and for the instance, which a request has only afterwards, by its hash.
fn digest(body: &Value) -> String {
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("signed");
        body.remove("instance");
    }
    handed::hash(&body)
}

/// A rule that is broken, and how.
type Broken = (&'static str, String);

/// The baseline's number.
const BASELINE: &str = "CR-0000";
const NUMBER: &str = "counting changes";
const ROLE: &str = "roles";
const BOARD: &str = "the board";
const SEPARATION: &str = "separation of duties";
const ONCE: &str = "one vote each";
const GOVERNED: &str = "no agent judges what governs it";
const QUORUM: &str = "quorum";
const REJECTION: &str = "rejections";
const ORDER: &str = "the order of acts";
const CONTENT: &str = "released as it was approved";
const EVIDENCE: &str = "verification by evidence";
const EMERGENCY: &str = "emergencies";
const SIGNED: &str = "recorded as it was signed";

/// Goes along the records of changes.
#[derive(Default)]
pub struct Rules {
    held: Held,
    changes: BTreeMap<String, Change>,
    highest: u64,
    is_begun: bool,
    /// What was handed in, by the statement that was signed for it.
    handed: BTreeMap<String, Value>,
    /// Whether these are all records with all their bodies, so that what was handed in has to be there.
    is_whole: bool,
    /// Whether what was signed says what it asks for, orders or puts in force. Older versions did not have it say so; from the first that does on all have to.
    is_bound: bool,
    /// What is against a rule, in the order of the records.
    pub findings: Vec<Finding>,
    /// Emergencies whose time has not come, at the end.
    pub open: Vec<String>,
}

/// One record being judged.
struct Act<'a> {
    record: &'a Record,
    body: &'a Value,
    said: Value,
    deed: Deed,
}

impl Act<'_> {
    fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    fn agent(&self) -> Option<&str> {
        self.deed.who.strip_prefix("agent:")
    }
}

impl Rules {
    /// Before the first record; with `is_whole` nothing was left out of them.
    pub fn of(is_whole: bool) -> Self {
        Rules {
            is_whole,
            ..Rules::default()
        }
    }

    /// `artefacts` were handed in, and found to be those of `statement`.
    pub fn handed(&mut self, statement: &str, artefacts: &Value) {
        self.handed.insert(statement.to_owned(), artefacts.clone());
    }

    /// Take a record of a change, whose signature holds.
    pub fn take(&mut self, record: &Record, body: &Value) {
        let number = body["change"].as_str().unwrap_or_default().to_owned();
        let signed = &body["signed"];
        let text = |key: &str| signed[key].as_str().unwrap_or_default();
        let act = Act {
            record,
            body,
            said: serde_json::from_str(text("statement")).unwrap_or_default(),
            deed: Deed {
                who: text("by").to_owned(),
                key: text("key").to_owned(),
                seq: record.seq,
            },
        };
        if let Err((rule, what)) = self.one(&number, &act) {
            if let Some(change) = self.changes.get_mut(&number) {
                change.broken += 1;
            }
            self.findings.push(Finding {
                change: number,
                record: record.seq,
                rule,
                what,
            });
        }
    }

    fn one(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let kind = act.record.kind.as_str();
        if kind == "change.refused" {
            return Ok(());
        }
        if kind == "change.baseline" {
            return self.baseline(number, act);
        }
        let house = self.house(act.record.time)?;
        match kind {
            "change.effective" => return self.effective(number),
            "change.rejected" => return self.rejected(number),
            _ => {}
        }
        self.listed(&house, act)?;
        if let Some(role) = act.said["role"].as_str().filter(|role| !role.is_empty()) {
            self.has_role(&house, act, role)?;
        }
        match kind {
            "change.requested" => self.requested(&house, number, act),
            "change.assessed" => self.assessed(number, act),
            "change.reviewed" => self
                .open(number)
                .and_then(|_| signed_as(act, act.text("role"))),
            "change.voted" => self.voted(&house, number, act),
            "change.ordered" => self.ordered(&house, number, act),
            "change.implemented" => self.implemented(number, act),
            "change.verified" => self.verified(number, act),
            "change.released" => self.released(&house, number, act),
            "change.withdrawn" => self.withdrawn(number, act),
            "change.emergency" => self.emergency(&house, number, act),
            other => Err((
                ORDER,
                format!("`{other}` is nothing that is done to a change"),
            )),
        }
    }

    fn baseline(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        if self.is_controlled(act.record.time) || number != BASELINE {
            return Err((
                ORDER,
                "the house is under control already: what is to be another is requested".into(),
            ));
        }
        if act.said["on"] != digest(act.body) {
            return Err((SIGNED, "it is not the baseline that was signed".into()));
        }
        let steps = self.held.steps(act.body).map_err(|why| (CONTENT, why))?;
        let house = steps.iter().find(|step| step.item == "house");
        let files = &house
            .ok_or((CONTENT, "it has no `house`".to_owned()))?
            .files;
        let house = self.house_in(files)?;
        person(act, "vouch for a baseline")?;
        self.listed(&house, act)?;
        self.has_role(&house, act, "releaser")?;
        self.is_begun = true;
        let gone: Vec<String> = self
            .held
            .items()
            .filter(|item| steps.iter().all(|step| step.item != **item))
            .cloned()
            .collect();
        let gone = gone.into_iter().map(|item| Step {
            from: None,
            to: None,
            files: held::Files::new(),
            item,
        });
        for step in steps.into_iter().chain(gone) {
            self.held.stand(&step.item, standing(number, &step));
        }
        Ok(())
    }

    fn requested(&mut self, house: &House, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let is_urgent = act.text("class") == "emergency";
        let role = match is_urgent && act.said["role"] == house.emergency.as_str() {
            true => &house.emergency,
            false => "requester",
        };
        signed_as(act, role)?;
        // What is requested with an emergency is signed with what that puts in force.
        if act.said["outcome"] != "emergency" && act.said["act"] != "human.emergency" {
            self.is_of(act, &digest(act.body))?;
        }
        let items = texts(&act.body["items"]).unwrap_or_default();
        if let Some(handed) = self.handed_for(act)? {
            let one = handed["items"]
                .as_str()
                .map(|item| BTreeSet::from([item.to_owned()]));
            let asked = texts(&handed["items"]).or(one);
            let title = handed["title"].as_str().map(str::trim);
            if asked.as_ref() != Some(&items) || title != Some(act.text("title")) {
                return Err((SIGNED, "what it asks for is not what was signed".into()));
            }
        }
        if items.is_empty() {
            return Err((CONTENT, "it names nothing that is to be changed".into()));
        }
        if self.changes.contains_key(number) {
            let change = self.open(number)?;
            apart(change.judges(), act, "request")?;
            if change.urgent.is_some() && !is_urgent {
                return Err((
                    EMERGENCY,
                    "what was done in an emergency becomes one that can wait".into(),
                ));
            }
            let change = self.at(number);
            change.items = items;
            change.is_urgent = is_urgent;
            change.requests.push(act.deed.clone());
            change.round += 1;
            change.order = None;
            change.is_made = change.urgent.is_some();
            return Ok(());
        }
        self.next(number)?;
        let change = Change {
            items,
            is_urgent,
            requests: vec![act.deed.clone()],
            round: 1,
            quorum: house.quorum,
            ..Change::default()
        };
        self.changes.insert(number.to_owned(), change);
        Ok(())
    }

    fn assessed(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        self.open(number)?;
        signed_as(act, "assessor")?;
        has_notes(act, "notes")?;
        let change = self.at(number);
        if change.standing().next().is_some() {
            change.round += 1;
            change.order = None;
        }
        Ok(())
    }

    fn voted(&mut self, house: &House, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let change = self.open(number)?;
        let role = act.text("role");
        signed_as(act, role)?;
        if !house.board.contains(role) {
            return Err((
                BOARD,
                format!("`{role}` has no seat on the board of that time"),
            ));
        }
        has_notes(act, "why")?;
        if change.order.is_some() {
            return Err((ORDER, "the board had decided: it was ordered".into()));
        }
        self.independent(change, act, "vote on")?;
        if change
            .standing()
            .any(|cast| cast.deed.is_by_same(&act.deed))
        {
            return Err((ONCE, format!("{} had voted on it already", act.deed.who)));
        }
        let (round, seq) = (change.round, act.record.seq);
        let time = act.record.time;
        let change = self.at(number);
        change.votes.push(Cast {
            deed: act.deed.clone(),
            role: role.to_owned(),
            approves: act.body["vote"] == "approve",
            round,
        });
        change.quorum = house.quorum;
        let is_confirmed = change
            .urgent
            .as_ref()
            .is_some_and(|urgent| urgent.confirmed.is_none())
            && self.has_quorum(house, number).is_ok();
        if let (true, Some(urgent)) = (is_confirmed, &mut self.at(number).urgent) {
            urgent.confirmed = Some(time);
            let late = time.saturating_sub(urgent.due);
            if late > 0 {
                self.late(
                    number,
                    seq,
                    format!("it was approved {} after that was due", moment::told(late)),
                );
            }
        }
        Ok(())
    }

    fn ordered(&mut self, house: &House, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        self.open(number)?;
        self.has_quorum(house, number)?;
        let effectivity = &act.body["effectivity"];
        held::effective_at(effectivity).map_err(|why| (ORDER, why))?;
        // What is ordered with a release is signed with what that releases.
        if act.said["outcome"] != "released" {
            self.is_of(act, &digest(act.body))?;
        }
        self.is_when_signed(act)?;
        let change = self.at(number);
        change.order = Some(effectivity.clone());
        change.quorum = house.quorum;
        Ok(())
    }

    fn implemented(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let change = self.open(number)?;
        signed_as(act, "implementer")?;
        apart(change.judges(), act, "implement")?;
        let steps = self.held.steps(act.body).map_err(|why| (CONTENT, why))?;
        let candidate = held::candidate(&steps);
        if act.body["candidate"] != candidate.as_str() {
            return Err((
                CONTENT,
                "its candidate is not the hash of what is in it".into(),
            ));
        }
        self.may_replace(number, &steps)?;
        let change = self.at(number);
        change.made.push(Made {
            deed: act.deed.clone(),
            candidate,
            steps,
        });
        change.is_made = true;
        Ok(())
    }

    fn verified(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let change = self.open(number)?;
        signed_as(act, "verifier")?;
        is_on(change, act)?;
        if act.body["evidence"].as_array().is_none_or(Vec::is_empty) {
            return Err((EVIDENCE, "it rests on no evidence".into()));
        }
        self.independent(change, act, "verify")?;
        self.at(number).verifications.push(Verification {
            deed: act.deed.clone(),
            on: act.text("on").to_owned(),
            passed: act.body["result"] == "passed",
        });
        Ok(())
    }

    fn released(&mut self, house: &House, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let change = self.open(number)?;
        signed_as(act, "releaser")?;
        self.has_role(house, act, "releaser")?;
        self.independent(change, act, "release")?;
        let made = is_on(change, act)?;
        let step = |item: &Value, from: &Value, to: &Value| {
            let item = item.as_str().unwrap_or_default().to_owned();
            (item, held::revision(from), held::revision(to))
        };
        let released: BTreeSet<_> = act.body["revisions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| step(&one["item"], &one["from"], &one["to"]))
            .collect();
        let steps = made.steps.clone();
        let wanted: BTreeSet<_> = steps
            .iter()
            .map(|one| (one.item.clone(), one.from.clone(), one.to.clone()))
            .collect();
        if released != wanted {
            return Err((
                CONTENT,
                "what is released is not what was implemented and verified".into(),
            ));
        }
        let ordered = change.order.as_ref();
        let ordered = ordered.ok_or((ORDER, "nobody had said from when it counts".to_owned()))?;
        if *ordered != act.body["effectivity"] {
            return Err((
                ORDER,
                "it was ordered for another time, or for others".into(),
            ));
        }
        self.has_quorum(house, number)?;
        let verified = change.verification();
        let verified =
            verified.ok_or((EVIDENCE, "it was not verified after it was made".to_owned()))?;
        if !verified.passed {
            return Err((EVIDENCE, "its last verification had failed".into()));
        }
        self.may_replace(number, &steps)?;
        self.is_when_signed(act)?;
        let effectivity = act.body["effectivity"].clone();
        let at = held::effective_at(&effectivity).map_err(|why| (ORDER, why))?;
        for step in steps {
            let standing = Standing {
                at,
                agents: held::effectivity(&effectivity).1,
                ..standing(number, &step)
            };
            self.held.stand(&step.item, standing);
        }
        let change = self.at(number);
        change.release = Some(act.deed.clone());
        change.quorum = house.quorum;
        Ok(())
    }

    fn withdrawn(&mut self, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        let change = self.open(number)?;
        let is_own = change
            .requests
            .iter()
            .any(|deed| deed.is_by_same(&act.deed));
        if !is_own {
            person(act, "take back what another has requested")?;
        }
        self.at(number).ended = Some("withdrawn");
        self.held.take_back(number);
        Ok(())
    }

    fn emergency(&mut self, house: &House, number: &str, act: &Act<'_>) -> Result<(), Broken> {
        person(act, "act in an emergency")?;
        self.has_role(house, act, &house.emergency)?;
        let due = moment::parse(act.text("due"));
        let due = due.ok_or((
            EMERGENCY,
            "it does not say by when it has to be approved".to_owned(),
        ))?;
        // A second is what the text of an instant leaves out.
        if due <= act.record.time
            || due.saturating_sub(act.record.time) > house.within_ms.saturating_add(1_000)
        {
            return Err((
                EMERGENCY,
                format!(
                    "it is due within {} by house.yaml, and says otherwise",
                    moment::told(house.within_ms)
                ),
            ));
        }
        if !self.changes.contains_key(number) {
            self.next(number)?;
            let change = Change {
                is_urgent: true,
                requests: vec![act.deed.clone()],
                round: 1,
                ..Change::default()
            };
            self.changes.insert(number.to_owned(), change);
        }
        let change = self.open(number)?;
        if !change.is_urgent {
            return Err((EMERGENCY, "it was requested as one that can wait".into()));
        }
        apart(change.judges(), act, "put in force")?;
        let steps = self.held.steps(act.body).map_err(|why| (CONTENT, why))?;
        self.is_of(act, &held::candidate(&steps))?;
        if let Some(handed) = self.handed_for(act)?
            && handed["candidate"] != held::candidate(&steps)
        {
            return Err((SIGNED, "what is in force is not what was signed".into()));
        }
        let change = self.at(number);
        if change.items.is_empty() {
            change.items = steps.iter().map(|step| step.item.clone()).collect();
        }
        self.may_replace(number, &steps)?;
        for step in &steps {
            let standing = Standing {
                is_emergency: true,
                ..standing(number, step)
            };
            self.held.stand(&step.item, standing);
        }
        let change = self.at(number);
        change.quorum = house.quorum;
        change.made.push(Made {
            deed: act.deed.clone(),
            candidate: held::candidate(&steps),
            steps,
        });
        change.is_made = true;
        change.urgent = Some(Urgent {
            deed: act.deed.clone(),
            due,
            confirmed: None,
        });
        Ok(())
    }

    /// The files of what is released were put in place.
    fn effective(&mut self, number: &str) -> Result<(), Broken> {
        if number == BASELINE {
            return Ok(());
        }
        let change = self.known(number)?;
        // Whose release breaks a rule was told there.
        if change.release.is_none() && change.urgent.is_none() && change.broken == 0 {
            return Err((
                ORDER,
                "it was put in place and nobody had released it".into(),
            ));
        }
        self.at(number).is_effective = true;
        Ok(())
    }

    /// The workflow has ended so.
    fn rejected(&mut self, number: &str) -> Result<(), Broken> {
        let change = self.open(number)?;
        if change.standing().all(|cast| cast.approves) {
            return Err((REJECTION, "nobody of the board had rejected it".into()));
        }
        self.at(number).ended = Some("rejected");
        self.held.take_back(number);
        Ok(())
    }

    /// The end of the records, at `now`: what has to have happened by then.
    pub fn end(&mut self, now: i64) {
        let late: Vec<(String, u64, i64)> = self
            .changes
            .iter()
            .filter(|(_, change)| change.is_over().is_none())
            .filter_map(|(number, change)| {
                let urgent = change.urgent.as_ref()?;
                Some((
                    number.clone(),
                    urgent.deed.seq,
                    now.saturating_sub(urgent.due),
                ))
            })
            .collect();
        for (number, seq, late) in late {
            match late > 0 {
                true => self.late(&number, seq, format!("it is in force, and its approval was due {} before the end of these records", moment::told(late))),
                false => self.open.push(number),
            }
        }
    }

    /// What there is to say of each change, for programs.
    pub fn changes(&self) -> Vec<Value> {
        let all = self.changes.iter();
        all.map(|(number, change)| change.json(number)).collect()
    }

    /// Whether others have approved what was put in force in an emergency.
    pub fn is_confirmed(&self, number: &str) -> bool {
        let change = self.changes.get(number);
        change.is_some_and(|change| change.is_over() == Some("confirmed"))
    }

    /// How many changes were released or confirmed.
    pub fn in_force(&self) -> usize {
        let is_out = |change: &&Change| matches!(change.is_over(), Some("released" | "confirmed"));
        self.changes.values().filter(is_out).count()
    }

    /// What the signer of `act` handed in, where the bundle has it; one from which nothing was left out has to.
    fn handed_for(&self, act: &Act<'_>) -> Result<Option<&Value>, Broken> {
        let statement = act.body["signed"]["statement"].as_str();
        let found = statement.and_then(|statement| self.handed.get(statement));
        match found.is_none() && self.is_whole {
            true => Err((SIGNED, "what was handed in with it is not on record".into())),
            false => Ok(found),
        }
    }

    /// That `act` counts from when and for whom it was signed to. Where that was ordered before, a release need not have said it.
    fn is_when_signed(&self, act: &Act<'_>) -> Result<(), Broken> {
        let handed = self.handed_for(act)?;
        let handed = handed.map(|handed| &handed["effectivity"]);
        if let Some(signed) = handed.filter(|signed| !signed.is_null())
            && held::effectivity(signed) != held::effectivity(&act.body["effectivity"])
        {
            return Err((
                SIGNED,
                "from when and for whom it counts is not what was signed".into(),
            ));
        }
        Ok(())
    }

    /// That what was signed for `act` names `what`.
    fn is_of(&mut self, act: &Act<'_>, what: &str) -> Result<(), Broken> {
        match act.said["on"].as_str() {
            Some(on) if on == what => self.is_bound = true,
            Some(_) => {
                let why = "it asks for, orders or puts in force what was not signed";
                return Err((SIGNED, why.into()));
            }
            None if self.is_bound => {
                let why = "what was signed does not say for what, as it had begun to";
                return Err((SIGNED, why.into()));
            }
            None => {}
        }
        Ok(())
    }

    fn late(&mut self, number: &str, record: u64, what: String) {
        self.at(number).broken += 1;
        self.findings.push(Finding {
            change: number.to_owned(),
            record,
            rule: EMERGENCY,
            what,
        });
    }

    fn at(&mut self, number: &str) -> &mut Change {
        self.changes.entry(number.to_owned()).or_default()
    }

    fn known(&self, number: &str) -> Result<&Change, Broken> {
        let change = self.changes.get(number);
        change.ok_or((ORDER, "nobody has requested it".into()))
    }

    /// The change, as long as something can be done about it.
    fn open(&self, number: &str) -> Result<&Change, Broken> {
        let change = self.known(number)?;
        match change.is_over() {
            Some(how) => Err((ORDER, format!("it was over already: {how}"))),
            None => Ok(change),
        }
    }

    /// Changes are counted up: none can be left out.
    fn next(&mut self, number: &str) -> Result<(), Broken> {
        let next = self.highest.saturating_add(1);
        if number != format!("CR-{next:04}") {
            return Err((NUMBER, format!("the next change is CR-{next:04}")));
        }
        self.highest = next;
        Ok(())
    }
}
