//! What a record that counts makes of the register.
//!
//! Nothing is judged here: that was done before (`judge`).

use super::change::{
    Assessment, Cast, Change, Deed, Event, Implementation, Release, Urgent, Verification,
};
use super::held::{HeldFile, Standing};
use super::{At, BaselineDeed, Register, Turned, statement_key};
use crate::item::{ItemId, Revision};
use crate::moment::iso;
use crate::record::{Body, ChangeNumber, Class, Effectivity, FileRecord, Verdict, Vote};
use crate::statement;
use std::sync::Arc;
use types::Timestamp;

impl Register {
    /// Put a record into effect that breaks no rule.
    pub(super) fn count(&mut self, at: &At<'_>, body: Body, deed: Option<Deed>) {
        if let Some((_, signed)) = body.signed() {
            self.statements.insert(statement_key(&body, signed), at.seq);
            self.bound.on |= statement::binds(&body);
            self.bound.times |= statement::times(&body);
        }
        if let Body::Refused(refused) = body {
            self.refused.push(Turned {
                seq: at.seq,
                time: at.time,
                refused,
            });
            return;
        }
        let kind = body.kind();
        let number = body.change().unwrap_or(ChangeNumber::BASELINE);
        self.highest = self.highest.max(number);
        let event = Event {
            seq: at.seq,
            time: at.time,
            kind,
            by: deed.as_ref().map(|deed| deed.who.clone()),
            what: in_words(&body),
        };
        match deed {
            Some(deed) => self.done(body, deed),
            None => self.happened(at, body),
        }
        let quorum = self.quorum(at.time);
        if let Some(change) = self.changes.get_mut(&number) {
            change.history.push(event);
            // One that began with an emergency is the instance that recorded it.
            if change.instance.is_empty() {
                change.instance = at.run.into();
            }
            change.quorum = quorum;
            let is_urgent = change.is_open_emergency();
            let approved = change.rejection().is_none() && change.approvals().count() >= quorum;
            if is_urgent
                && approved
                && kind == "change.voted"
                && let Some(urgent) = &mut change.emergency
            {
                urgent.confirmed = Some(at.time);
            }
        }
    }

    fn quorum(&self, now: Timestamp) -> usize {
        self.settings_at(now)
            .map_or(usize::MAX, |settings| settings.quorum.max(1))
    }

    /// What the host did by itself.
    fn happened(&mut self, at: &At<'_>, body: Body) {
        match body {
            Body::Effective(body) => {
                if let Some(change) = self.changes.get_mut(&body.change) {
                    change.effective = Some((at.seq, at.time));
                }
            }
            Body::Rejected(body) => {
                if let Some(change) = self.changes.get_mut(&body.change) {
                    change.rejected = Some((at.time, body.why));
                    self.take_back(body.change);
                }
            }
            _ => {}
        }
    }

    /// What somebody did.
    fn done(&mut self, body: Body, deed: Deed) {
        if let Body::Baseline(body) = body {
            return self.begin(body, deed);
        }
        if let Body::Requested(body) = &body
            && !self.changes.contains_key(&body.change)
        {
            let change = requested(body, deed);
            self.changes.insert(body.change, change);
            return;
        }
        if let Body::Emergency(body) = body {
            return self.urgent(body, deed);
        }
        let Some(number) = body.change() else { return };
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        match body {
            Body::Requested(body) => {
                change.title = body.title;
                change.reason = body.reason;
                change.class = body.class;
                change.items = body.items.into_iter().collect();
                change.links = body.links;
                change.requests.push(deed);
                change.round += 1;
                change.order = None;
                change.is_implemented = change.emergency.is_some();
            }
            Body::Assessed(body) => {
                // What is judged anew is voted on anew.
                if change.standing_votes().next().is_some() {
                    change.round += 1;
                    change.order = None;
                }
                change.assessments.push(Assessment {
                    deed,
                    impact: body.impact,
                    notes: body.notes,
                });
            }
            Body::Reviewed(body) => change.findings.push((deed, body.role, body.findings)),
            Body::Voted(body) => {
                let round = change.round;
                change.votes.push(Cast {
                    deed,
                    role: body.role,
                    vote: body.vote,
                    why: body.why,
                    round,
                });
            }
            Body::Ordered(body) => change.order = Some((deed, body.effectivity)),
            Body::Implemented(body) => {
                change.implementations.push(Implementation {
                    deed,
                    candidate: body.candidate,
                    steps: body.revisions.iter().map(|one| one.step()).collect(),
                });
                change.is_implemented = true;
                self.made.retain(|(of, _), _| *of != number);
                for revision in &body.revisions {
                    self.held.keep(&revision.files);
                    let files = held_files(&revision.files);
                    self.made.insert((number, revision.item.clone()), files);
                }
            }
            Body::Verified(body) => change.verifications.push(Verification {
                deed,
                on: body.on,
                result: body.result,
                evidence: body.evidence,
            }),
            Body::Released(body) => {
                change.release = Some(Release {
                    deed: deed.clone(),
                    on: body.on,
                    effectivity: body.effectivity.clone(),
                });
                for step in body.revisions {
                    let files = self.made.get(&(number, step.item.clone())).cloned();
                    let standing = Standing {
                        change: number,
                        from: step.from,
                        to: step.to,
                        seq: deed.seq,
                        time: deed.time,
                        by: deed.who.clone(),
                        effectivity: body.effectivity.clone(),
                        files: files.unwrap_or_default(),
                        emergency: false,
                        taken_back: false,
                    };
                    self.stand(step.item, standing);
                }
            }
            Body::Withdrawn(body) => {
                change.withdrawn = Some((deed, body.why));
                self.take_back(number);
            }
            Body::Baseline(_)
            | Body::Emergency(_)
            | Body::Effective(_)
            | Body::Rejected(_)
            | Body::Refused(_) => {}
        }
    }

    fn begin(&mut self, body: crate::record::Baseline, deed: Deed) {
        self.baseline = Some(BaselineDeed {
            deed: deed.clone(),
            items: body.revisions.len(),
        });
        self.unreadable_baseline = None;
        let mut gone: Vec<ItemId> = self.held.items.keys().cloned().collect();
        gone.retain(|item| body.revisions.iter().all(|revision| revision.item != *item));
        let standing = |from, to, files| Standing {
            change: ChangeNumber::BASELINE,
            from,
            to,
            seq: deed.seq,
            time: deed.time,
            by: deed.who.clone(),
            effectivity: Effectivity::now(),
            files,
            emergency: false,
            taken_back: false,
        };
        for revision in &body.revisions {
            self.held.keep(&revision.files);
        }
        for revision in body.revisions {
            let from = self.held.head_revision(&revision.item);
            let standing = standing(from, revision.to, held_files(&revision.files));
            self.stand(revision.item, standing);
        }
        for item in gone {
            let standing = standing(self.held.head_revision(&item), Revision::Absent, Vec::new());
            self.stand(item, standing);
        }
    }

    fn urgent(&mut self, body: crate::record::Emergency, deed: Deed) {
        let change = self.changes.entry(body.change).or_insert_with(|| {
            let title = body.why.lines().next().unwrap_or_default().to_owned();
            Change {
                instance: "".into(),
                title,
                reason: body.why.clone(),
                class: Class::Emergency,
                items: body.revisions.iter().map(|one| one.item.clone()).collect(),
                ..blank(body.change, deed.clone())
            }
        });
        change.emergency = Some(Urgent {
            deed: deed.clone(),
            why: body.why,
            due: body.due.time(),
            confirmed: None,
        });
        change.implementations.push(Implementation {
            deed: deed.clone(),
            candidate: crate::candidate::candidate_hash(&body.revisions),
            steps: body.revisions.iter().map(|one| one.step()).collect(),
        });
        change.is_implemented = true;
        let number = body.change;
        for revision in body.revisions {
            self.held.keep(&revision.files);
            let files = held_files(&revision.files);
            self.made
                .insert((number, revision.item.clone()), files.clone());
            let standing = Standing {
                change: number,
                from: revision.from,
                to: revision.to,
                seq: deed.seq,
                time: deed.time,
                by: deed.who.clone(),
                effectivity: Effectivity::now(),
                files,
                emergency: true,
                taken_back: false,
            };
            self.stand(revision.item, standing);
        }
    }

    fn stand(&mut self, item: ItemId, standing: Standing) {
        if item == ItemId::House && !self.known_settings.contains_key(&standing.to) {
            let settings = self.outside.settings(&self.texts_of(&standing.files));
            self.known_settings
                .insert(standing.to, settings.map(Arc::new));
        }
        self.held.items.entry(item).or_default().push(standing);
    }

    /// What was in force before others looked at it counts no more.
    fn take_back(&mut self, number: ChangeNumber) {
        for standing in self.held.items.values_mut().flatten() {
            if standing.change == number && standing.emergency {
                standing.taken_back = true;
            }
        }
    }
}

fn held_files(files: &[FileRecord]) -> Vec<HeldFile> {
    let held = files.iter().map(|file| HeldFile {
        file: file.file.clone(),
        hash: file.hash,
        stored: file.stored.clone(),
    });
    held.collect()
}

fn blank(number: ChangeNumber, deed: Deed) -> Change {
    Change {
        number,
        instance: "".into(),
        title: String::new(),
        reason: String::new(),
        class: Class::Minor,
        items: Default::default(),
        links: Vec::new(),
        requests: vec![deed],
        assessments: Vec::new(),
        findings: Vec::new(),
        votes: Vec::new(),
        round: 1,
        order: None,
        implementations: Vec::new(),
        is_implemented: false,
        verifications: Vec::new(),
        release: None,
        effective: None,
        rejected: None,
        withdrawn: None,
        emergency: None,
        history: Vec::new(),
        quorum: usize::MAX,
    }
}

fn requested(body: &crate::record::Requested, deed: Deed) -> Change {
    Change {
        instance: body.instance.clone(),
        title: body.title.clone(),
        reason: body.reason.clone(),
        class: body.class,
        items: body.items.iter().cloned().collect(),
        links: body.links.clone(),
        ..blank(body.change, deed)
    }
}

/// What a record says, for the history of its change.
fn in_words(body: &Body) -> String {
    fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
        let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        items.join(", ")
    }
    let because = |what: String, why: &str| match why.trim() {
        "" => what,
        why => format!("{what}: {why}"),
    };
    match body {
        Body::Requested(body) => because(
            format!("requested for {}", list(&body.items)),
            &format!("{}. {}", body.title, body.reason),
        ),
        Body::Assessed(body) => {
            let (items, agents) = (body.impact.items.len(), body.impact.agents.len());
            because(
                format!("assessed: it bears on {items} items and {agents} agents"),
                &body.notes,
            )
        }
        Body::Reviewed(body) => because(format!("reviewed as {}", body.role), &body.findings),
        Body::Voted(body) => {
            let word = match body.vote {
                Vote::Approve => "approved",
                Vote::Reject => "rejected",
            };
            because(format!("{word} as {}", body.role), &body.why)
        }
        Body::Ordered(body) => format!("ordered {}", body.effectivity),
        Body::Implemented(body) => {
            let items = body
                .revisions
                .iter()
                .map(|one| format!("{} as {}", one.item, one.to.short()));
            format!(
                "implemented, candidate {}: {}",
                body.candidate.short(),
                list(items)
            )
        }
        Body::Verified(body) => {
            let word = match body.result {
                Verdict::Passed => "verified",
                Verdict::Failed => "failed verification",
            };
            let evidence = body
                .evidence
                .iter()
                .map(|one| format!("{}: {}", one.what, one.result));
            format!(
                "{word}, candidate {}: {}",
                body.on.short(),
                evidence.collect::<Vec<_>>().join("; ")
            )
        }
        Body::Released(body) => format!(
            "released {}, candidate {}",
            body.effectivity,
            body.on.short()
        ),
        Body::Effective(body) => format!("put in place: {}", list(&body.items)),
        Body::Rejected(body) => because(
            format!("closed as rejected by {}", crate::text::shown(&body.by)),
            &body.why,
        ),
        Body::Withdrawn(body) => because("withdrawn".into(), &body.why),
        Body::Baseline(body) => format!("baseline of {} items", body.revisions.len()),
        Body::Emergency(body) => because(
            format!(
                "in force without approval, which is due by {}",
                iso(body.due.time())
            ),
            &body.why,
        ),
        Body::Refused(body) => format!("{} refused at {}", body.item, body.place.as_str()),
    }
}
