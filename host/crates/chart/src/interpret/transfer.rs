//! What a machine does for a chart that moves to another version: leave states of the old one, enter states of the new one.

use super::actions::Halt;
use super::machine::{Machine, Step};
use crate::StateId;
use crate::effect::Effect;
use crate::expr::DataNames;
use crate::migrate::Arrival;
use crate::program::{Program, Shape};
use crate::set::StateSet;
use crate::snapshot::{Delayed, Invocation, Waiting};
use std::sync::Arc;
use types::Value;

/// A timer to be set.
pub(crate) struct Set {
    pub state: StateId,
    pub event: Arc<str>,
    pub due: i64,
}

impl<'a> Machine<'a> {
    pub(crate) fn program(&self) -> &'a Program {
        self.program
    }

    pub(crate) fn library(&self) -> &'a crate::chart::Library {
        self.library
    }

    /// Names of the data entries, their values, and which of them do not exist yet.
    pub(crate) fn data(&self) -> (&DataNames, &[Value], &[u16]) {
        let snapshot = &self.snapshot;
        (&self.program.data, &snapshot.data, &snapshot.slow.missing)
    }

    pub(crate) fn invocations(&self) -> &[Invocation] {
        &self.snapshot.slow.invocations
    }

    /// Leave `states`, the inner ones first.
    pub(crate) fn leave(&mut self, states: &StateSet) -> Step {
        self.working.exit.copy_from(states);
        self.leave_states()
    }

    /// Stop one invocation.
    pub(crate) fn stop(&mut self, id: &Arc<str>) -> Step {
        self.cancel_invocation(id.clone())
    }

    /// Enter what is to be entered, set `timers`, start the invokes `added` of states that stay, and run until the chart rests.
    pub(crate) fn arrive(
        &mut self,
        arrival: &Arrival,
        timers: &[Set],
        added: &[(StateId, u16)],
    ) -> Step {
        self.count_microstep()?;
        let program = self.program;
        for timer in timers {
            let order = self.next_order();
            self.slow().delayed.push(Delayed {
                due: timer.due,
                order,
                what: Waiting::Timer {
                    state: timer.state,
                    event: timer.event.clone(),
                },
            });
            self.effects.push(Effect::Schedule {
                id: None,
                event: timer.event.clone(),
                due: timer.due,
            });
        }
        let entry = &arrival.entry;
        for index in 0..program.nodes.len() {
            let state = StateId::new(index);
            if arrival.begun.contains(state) {
                self.run_block(&program.content(state).initial_actions)?;
            }
            if entry.enter.contains(state) {
                self.enter_state(state, entry.default.contains(state), &entry.histories)?;
            }
        }
        for state in &arrival.finals {
            self.reach_final(*state);
        }
        if arrival.disturbed {
            self.macrostep()?;
        }
        for (state, number) in added {
            // Whoever has been left meanwhile starts nothing; whoever was entered again starts everything.
            let stays = self.snapshot.active.contains(*state);
            if !self.running || !stays || self.working.to_invoke.contains(*state) {
                continue;
            }
            let spec = &program.content(*state).invokes[usize::from(*number)];
            match self.invoke(*state, *number, spec) {
                Ok(()) => {}
                Err(Halt::Failed { message, send_id }) => self.raise_error(&message, send_id),
                Err(Halt::Stop(error)) => return Err(error),
            }
        }
        self.run(true)
    }

    /// Be in `states` as if they had just been entered, without having run any action.
    pub(crate) fn settle_in(&mut self, states: &StateSet) -> Step {
        self.snapshot.active.insert(StateId::ROOT);
        self.begin_data(&[]);
        for state in states.iter() {
            self.snapshot.active.insert(state);
            self.start_timers(state);
            if !self.program.content(state).invokes.is_empty() {
                self.working.to_invoke.insert(state);
            }
        }
        let is_end = |state: StateId| {
            self.program.node(state).shape == Shape::Final
                && self.program.node(state).parent == StateId::ROOT
        };
        if states.iter().any(is_end) {
            return self.exit_interpreter();
        }
        self.start_invocations()
    }
}
