//! The questions that several acts ask: who may, who is too near, who agreed, and whether the content is the one that was agreed to.

use super::{Act, Broken, CONTENT, GOVERNED, QUORUM, REJECTION, ROLE, Rules, SEPARATION, SIGNED};
use crate::change::{Change, Deed, Made};
use crate::held::{Files, Standing, Step};
use crate::house::{House, texts};
use std::collections::BTreeSet;

impl Rules {
    /// What the house that was in force at `now` says of people and of control. What was put in force in an emergency says nothing of them until others have approved
    /// it: nobody is judged by rules that they have just made.
    pub(super) fn house(&self, now: i64) -> Result<House, Broken> {
        let standing = self.settled("house", None, now);
        let standing = standing.ok_or((
            ROLE,
            "nothing was released yet that says who may do it".to_owned(),
        ))?;
        self.house_in(&standing.files)
    }

    /// Whether definitions count only once they are released, at `now`.
    pub fn is_controlled(&self, now: i64) -> bool {
        self.is_begun && self.house(now).is_ok_and(|house| house.is_controlled)
    }

    /// Whether the file `name` with this hash was released and counted for somebody at `now`; of a component its `item` is named.
    pub fn has_released(&self, item: Option<&str>, name: &str, hash: &str, now: i64) -> bool {
        self.held.has(item, name, hash, now)
    }

    /// What counts of `item`, but for what was put in force in an emergency that nobody else has approved yet.
    fn settled(&self, item: &str, agent: Option<&str>, now: i64) -> Option<&Standing> {
        self.held.in_force(item, agent, now, |standing| {
            let change = self.changes.get(&standing.change);
            !standing.is_emergency || change.is_none_or(|change| change.is_over().is_some())
        })
    }

    pub(super) fn house_in(&self, files: &Files) -> Result<House, Broken> {
        let text = files
            .get("house.yaml")
            .and_then(|hash| self.held.text(hash));
        let text = text.ok_or((
            ROLE,
            "the house.yaml of that time is not on record".to_owned(),
        ))?;
        House::parse(text).map_err(|why| {
            (
                ROLE,
                format!("the house.yaml of that time cannot be read: {why}"),
            )
        })
    }

    /// Whoever acts is one of the house: a person of its `people`, or an agent that is released.
    pub(super) fn listed(&self, house: &House, act: &Act<'_>) -> Result<(), Broken> {
        let who = &act.deed.who;
        let is_known = match (who.strip_prefix("human:"), act.agent()) {
            (Some(name), _) => house.people.contains_key(name),
            (_, Some(agent)) => self.held.head_revision(&format!("agent:{agent}")).is_some(),
            _ => false,
        };
        match is_known {
            true => Ok(()),
            false => Err((ROLE, format!("{who} was not one of the house at that time"))),
        }
    }

    /// Whether who acts may hold `role`: a person by house.yaml, an agent by its definition, each as it was in force at that record.
    pub(super) fn has_role(&self, house: &House, act: &Act<'_>, role: &str) -> Result<(), Broken> {
        let may = match (act.deed.who.strip_prefix("human:"), act.agent()) {
            (Some(name), _) => house.people.get(name).is_some_and(|person| {
                let roles = person.roles.as_ref();
                roles.is_none_or(|roles| roles.contains(role))
            }),
            (_, Some(agent)) => {
                let item = format!("agent:{agent}");
                let standing = self.settled(&item, Some(agent), act.record.time);
                standing.is_some_and(|standing| {
                    let said = self.held.definition(&standing.files, "agent", agent);
                    let roles = said.ok().and_then(|said| texts(&said["roles"]));
                    roles.is_some_and(|roles| roles.contains(role))
                })
            }
            _ => false,
        };
        match may {
            true => Ok(()),
            false => Err((
                ROLE,
                format!("{} did not have the role `{role}`", act.deed.who),
            )),
        }
    }

    /// Whoever decides neither wanted nor made it, and is not governed by what it touches.
    pub(super) fn independent(
        &self,
        change: &Change,
        act: &Act<'_>,
        verb: &str,
    ) -> Result<(), Broken> {
        apart(change.makers(), act, verb)?;
        self.is_ungoverned(change, &act.deed, verb)
    }

    fn is_ungoverned(&self, change: &Change, deed: &Deed, verb: &str) -> Result<(), Broken> {
        let Some(agent) = deed.who.strip_prefix("agent:") else {
            return Ok(());
        };
        let made = change.candidate();
        let mut governing = self.governing(agent, None)?;
        // What the change would make of it governs it, too; where that cannot be told the release is refused on other grounds.
        governing.extend(self.governing(agent, made).unwrap_or_default());
        let touched = made.into_iter().flat_map(|made| &made.steps);
        let mut items = change.items.iter().chain(touched.map(|step| &step.item));
        match items.find(|item| governing.contains(*item)) {
            Some(item) => Err((
                GOVERNED,
                format!("{} may not {verb} what {item} says of it", deed.who),
            )),
            None => Ok(()),
        }
    }

    /// The items that say what `agent` may do: the house, itself, the policies that apply to it, its chart, and the workflows whose roles it takes.
    fn governing(&self, agent: &str, made: Option<&Made>) -> Result<BTreeSet<String>, Broken> {
        let unknown = |why: String| {
            (
                GOVERNED,
                format!("what says what agent:{agent} may do cannot be told: {why}"),
            )
        };
        let files = |item: &str| -> Files {
            let made = made.and_then(|made| made.steps.iter().find(|step| step.item == item));
            let held = || self.held.head(item).map(|standing| standing.files.clone());
            made.map(|step| step.files.clone())
                .or_else(held)
                .unwrap_or_default()
        };
        let own = format!("agent:{agent}");
        let mut governing = BTreeSet::from([
            "house".to_owned(),
            own.clone(),
            format!("policy:answers-{agent}"),
        ]);
        if let Some(policy) = self.house_in(&files("house"))?.policy {
            governing.insert(format!("policy:{policy}"));
        }
        let said = self
            .held
            .definition(&files(&own), "agent", agent)
            .map_err(unknown)?;
        if let Some(cognition) = said["cognition"].as_str() {
            governing.insert(format!("chart:{cognition}"));
        }
        let roles = texts(&said["roles"]).unwrap_or_default();
        let items: BTreeSet<&String> = self
            .held
            .items()
            .chain(
                made.into_iter()
                    .flat_map(|made| made.steps.iter().map(|step| &step.item)),
            )
            .collect();
        for item in items {
            let Some(chart) = item.strip_prefix("chart:") else {
                continue;
            };
            let files = files(item);
            if files.is_empty() {
                continue;
            }
            let said = self
                .held
                .definition(&files, "chart", chart)
                .map_err(unknown)?;
            let mut offered = said["roles"].as_object().into_iter().flatten();
            if offered.any(|(role, _)| roles.contains(role)) {
                governing.insert(item.clone());
            }
        }
        Ok(governing)
    }

    /// That enough of the board have approved, each somebody else with another key, and nobody has rejected it.
    pub(super) fn has_quorum(&self, house: &House, number: &str) -> Result<(), Broken> {
        let change = self.known(number)?;
        if let Some(cast) = change.standing().find(|cast| !cast.approves) {
            return Err((
                REJECTION,
                format!(
                    "{} had rejected it (record {})",
                    cast.deed.who, cast.deed.seq
                ),
            ));
        }
        let mut counted: Vec<&Deed> = Vec::new();
        for cast in change.standing() {
            let counts = house.board.contains(&cast.role)
                && change
                    .makers()
                    .all(|(maker, _)| !maker.is_by_same(&cast.deed))
                && self.is_ungoverned(change, &cast.deed, "vote on").is_ok()
                && counted.iter().all(|one| !one.is_by_same(&cast.deed));
            if counts {
                counted.push(&cast.deed);
            }
        }
        let found = counted.len() as u64;
        match found >= house.quorum {
            true => Ok(()),
            false => Err((
                QUORUM,
                format!(
                    "it had {found} of the {} approvals that house.yaml asks for",
                    house.quorum
                ),
            )),
        }
    }

    /// That `steps` touch what was approved, and follow on what is released.
    pub(super) fn may_replace(&self, number: &str, steps: &[Step]) -> Result<(), Broken> {
        let change = self.known(number)?;
        for step in steps {
            let item = &step.item;
            if !change.items.contains(item) {
                return Err((
                    CONTENT,
                    format!("it changes {item}, and that was not asked for"),
                ));
            }
            if step.from == step.to {
                return Err((CONTENT, format!("{item} stays as it is")));
            }
            let head = self.held.head(item);
            // What was in force in an emergency may be confirmed as it is.
            let is_own = head.is_some_and(|head| {
                head.change == number
                    && head.is_emergency
                    && head.from == step.from
                    && head.to == step.to
            });
            if !is_own && self.held.head_revision(item) != step.from {
                return Err((
                    CONTENT,
                    format!("{item} had been released otherwise than it was made from"),
                ));
            }
        }
        Ok(())
    }
}

/// A revision that counts from its record on.
pub(super) fn standing(number: &str, step: &Step) -> Standing {
    Standing {
        change: number.to_owned(),
        from: step.from.clone(),
        to: step.to.clone(),
        files: step.files.clone(),
        at: None,
        agents: None,
        is_emergency: false,
        is_over: false,
    }
}

/// That who acts is none of `others`.
pub(super) fn apart<'d>(
    mut others: impl Iterator<Item = (&'d Deed, &'static str)>,
    act: &Act<'_>,
    verb: &str,
) -> Result<(), Broken> {
    let Some((other, did)) = others.find(|(other, _)| other.is_by_same(&act.deed)) else {
        return Ok(());
    };
    let who = match other.who == act.deed.who {
        true => other.who.clone(),
        false => format!("{} has the key of {}, who", act.deed.who, other.who),
    };
    Err((
        SEPARATION,
        format!(
            "{who} {did} it (record {}) and may not {verb} it",
            other.seq
        ),
    ))
}

/// That it was signed in `role`: in which role somebody acts is theirs to say.
pub(super) fn signed_as(act: &Act<'_>, role: &str) -> Result<(), Broken> {
    match act.said["role"].as_str() {
        Some(said) if said == role => Ok(()),
        Some(said) if !said.is_empty() => Err((
            ROLE,
            format!("it counts as an act of `{role}`, and was signed as `{said}`"),
        )),
        _ => Err((
            ROLE,
            format!("it counts as an act of `{role}`, and was signed in no role"),
        )),
    }
}

/// That the words of `key` are those that were signed.
pub(super) fn has_notes(act: &Act<'_>, key: &str) -> Result<(), Broken> {
    let hash = blake3::hash(act.text(key).as_bytes()).to_string();
    match act.said["notes"] == hash {
        true => Ok(()),
        false => Err((SIGNED, "its words are not those that were signed".into())),
    }
}

/// What was made last, which the act has to be about.
pub(super) fn is_on<'c>(change: &'c Change, act: &Act<'_>) -> Result<&'c Made, Broken> {
    let made = change.candidate();
    let made = made.ok_or((CONTENT, "nothing had been implemented for it".to_owned()))?;
    match made.candidate == act.text("on") {
        true => Ok(made),
        false => Err((
            CONTENT,
            "it is about another candidate than the one that was implemented last".into(),
        )),
    }
}

/// That a person acts.
pub(super) fn person(act: &Act<'_>, what: &str) -> Result<(), Broken> {
    match act.agent() {
        Some(_) => Err((ROLE, format!("an agent cannot {what}"))),
        None => Ok(()),
    }
}
