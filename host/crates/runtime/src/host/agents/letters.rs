//! What is said to a run: one that stands still is taken up for it, and one that is not there yet begins with it.

use super::{Agent, At, Beginning};
use crate::host::house::{Host, Letter, Mode};
use crate::inbox::Told;
use crate::kin::{self, Kin};
use crate::{Message, bound};
use serde_json::json;
use std::sync::Arc;

impl Host {
    /// A letter for a run, or for an agent by its name.
    pub(in crate::host) fn tell_agent(&self, letter: Letter) {
        let known = match self.0.agents.borrow().has(&letter.to) {
            true => Some(letter.to.clone()),
            false => self.0.agents.borrow().run_of(&letter.to),
        };
        match known {
            Some(run) if self.is_to_begin_with(&run, &letter) => {
                let wakes = self
                    .0
                    .agents
                    .borrow_mut()
                    .get_mut(&run)
                    .is_some_and(|agent| {
                        agent.begin = Some(letter);
                        agent.at == At::Parked && !agent.paused
                    });
                if wakes {
                    self.take_up(&run);
                }
            }
            Some(run) => {
                let binding = (&*letter.event == bound::ASSIGNED
                    || &*letter.event == bound::WITHDRAWN)
                    .then(|| self.binding_of(&run));
                self.tell(
                    &run,
                    Told {
                        from: letter.from,
                        seq: Some(letter.seq),
                        event: letter.event,
                        data: json!(letter.data),
                        binding,
                    },
                );
            }
            None if &*letter.event == kin::BEGIN => self.begin_told(&letter),
            None if &*letter.event == bound::ASSIGNED => self.begin_bound(&letter),
            None => self.log(
                &letter.from,
                "send",
                &format!(
                    "`{}` reaches nobody: no run or agent `{}` is up",
                    letter.event, letter.to
                ),
            ),
        }
    }

    /// Whether `letter` describes how `run` begins, of which only is known that it could not begin before.
    fn is_to_begin_with(&self, run: &Arc<str>, letter: &Letter) -> bool {
        let begins = matches!(&*letter.event, kin::BEGIN | bound::ASSIGNED);
        let agents = self.0.agents.borrow();
        let waits = agents
            .get(run)
            .is_some_and(|agent| agent.at != At::Running && agent.begin.is_none());
        drop(agents);
        begins && waits && self.is_unbegun(run)
    }

    /// Begin the run that a letter describes.
    pub(super) fn begin_told(&self, letter: &Letter) {
        let data = json!(letter.data);
        let agent: Arc<str> = data["agent"].as_str().unwrap_or_default().into();
        let kin = serde_json::from_value(data["kin"].clone()).unwrap_or_default();
        let beginning = Beginning::New {
            prompt: data["prompt"].as_str().map(str::to_owned),
            kin,
            cause: Some(letter.seq),
            work: None,
        };
        self.begin_run(letter, &agent, data["keep"] == true, beginning);
    }

    /// Begin a run for a role that it was bound to before it was there.
    pub(super) fn begin_bound(&self, letter: &Letter) {
        let Some(agent) = self.holder_of(&letter.from, &letter.to) else {
            return;
        };
        let work = Told {
            from: letter.from.clone(),
            seq: Some(letter.seq),
            event: letter.event.clone(),
            data: json!(letter.data),
            binding: Some(self.binding_of(&letter.to)),
        };
        let beginning = Beginning::New {
            prompt: None,
            kin: Kin::default(),
            cause: None,
            work: Some(Box::new(work)),
        };
        self.begin_run(letter, &agent, false, beginning);
    }

    fn begin_run(&self, letter: &Letter, agent: &Arc<str>, keep: bool, beginning: Beginning) {
        let run = &letter.to;
        if self.0.mode == Mode::Asked || self.0.ending.get() {
            // It is on the record, and begun by the next host that is live.
            return;
        }
        let mut entry = Agent::new(agent.clone());
        entry.keep = keep;
        entry.ours = true;
        entry.begin = Some(letter.clone());
        if let Some(failed) = self.0.agents.borrow_mut().runs.remove(run) {
            // It could not begin before.
            entry.failures = failed.failures;
            entry.disturbed = failed.disturbed;
            entry.mail = failed.mail;
        }
        self.0.agents.borrow_mut().runs.insert(run.clone(), entry);
        self.spawn(run, beginning);
    }

    /// Tell a run something; one that stands still is taken up for it.
    pub(in crate::host) fn tell(&self, run: &Arc<str>, told: Told) {
        if &*told.event == kin::STOP {
            // It goes on to its end, whatever kept it from going on.
            self.unpause(run);
        }
        let wake = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            // A binding alone is no reason to wake it: whoever takes it up knows.
            let wakes = &*told.event != bound::CHANGED;
            let stops = &*told.event == kin::STOP;
            if !wakes && agent.at != At::Running {
                return;
            }
            agent.mail.put(Message::Told(Box::new(told)));
            match agent.at {
                At::Parked => !agent.paused,
                At::Until(_) => stops,
                At::Running | At::GivenUp => false,
            }
        };
        if wake {
            self.take_up(run);
        }
    }
}
