//! One microstep: leave, act, enter (`microstep`, `exitStates`, `enterStates`, `isInFinalState`).

use super::machine::{Machine, Step};
use crate::StateId;
use crate::effect::Effect;
use crate::program::{Domain, EntryPlan, Program, Shape};
use crate::queue::{EventKind, Queued};
use crate::snapshot::{Delayed, Waiting};
use crate::trace::TransitionId;
use std::sync::Arc;
use types::Value;

impl<'a> Machine<'a> {
    /// Take all enabled transitions at once.
    pub(super) fn microstep(&mut self) -> Step {
        self.count_microstep()?;
        let program = self.program;
        let working = &mut *self.working;
        working.exit.clear();
        for (_, domain) in &working.enabled {
            if let Domain::State(domain) = domain {
                let inside = domain.index() + 1..program.end(*domain);
                let active = &self.snapshot.active;
                working.exit.insert_range(active, inside.start, inside.end);
            }
        }
        self.leave_states()?;
        if let Some(trace) = &mut self.working.trace {
            let enabled = self.working.enabled.iter();
            let taken = enabled.map(|(number, _)| TransitionId::new(*number));
            trace.taken.extend(taken);
        }
        let mut planned = true;
        // By index: what a transition does can change the machine, but not what is enabled.
        for index in 0..self.working.enabled.len() {
            let (number, _) = self.working.enabled[index];
            let transition = &program.transitions[number as usize];
            planned &= matches!(transition.entry, EntryPlan::Fixed(_));
            self.run_block(&transition.actions)?;
        }
        if planned {
            return self.enter_planned();
        }
        self.working.entry.reset(program.nodes.len());
        for index in 0..self.working.enabled.len() {
            let (number, Domain::State(domain)) = self.working.enabled[index] else {
                continue;
            };
            let transition = &program.transitions[number as usize];
            self.plan_entry(&transition.entry, &transition.targets, domain);
        }
        self.enter_states()
    }

    /// Enter what was known at load. Enabled transitions stand in the order of their leaves and their domains have nothing in common, so that one
    /// plan after the other is document order.
    fn enter_planned(&mut self) -> Step {
        let program = self.program;
        for index in 0..self.working.enabled.len() {
            let (number, _) = self.working.enabled[index];
            let EntryPlan::Fixed(states) = &program.transitions[number as usize].entry else {
                continue;
            };
            for (state, default) in states {
                self.enter_state(*state, *default, &[])?;
            }
        }
        Ok(())
    }

    /// The microstep that enters the chart's initial states.
    pub(super) fn initial_microstep(&mut self) -> Step {
        self.count_microstep()?;
        let program = self.program;
        let root = program.content(StateId::ROOT);
        for block in &root.entry {
            self.run_block(block)?;
        }
        self.start_timers(StateId::ROOT);
        self.working.to_invoke.insert(StateId::ROOT);
        self.run_block(&root.initial_actions)?;
        self.working.entry.reset(program.nodes.len());
        self.plan_entry(&program.start, &root.initial, StateId::ROOT);
        self.enter_states()
    }

    fn plan_entry(&mut self, plan: &EntryPlan, targets: &[StateId], domain: StateId) {
        match plan {
            EntryPlan::Fixed(states) => self.working.entry.add_plan(states),
            EntryPlan::Dynamic => {
                let history = &self.snapshot.slow.history;
                self.working
                    .entry
                    .add(self.program, targets, domain, &mut |number| {
                        history[usize::from(number)].as_deref()
                    });
            }
        }
    }

    /// Leave the states of `working.exit`, inside first.
    pub(super) fn leave_states(&mut self) -> Step {
        let tables = &self.program.tables;
        if tables.invokes {
            self.working.to_invoke.remove_all(&self.working.exit);
        }
        if self.working.exit.meets(&tables.leaving) {
            return self.leave_acting();
        }
        self.snapshot.active.remove_all(&self.working.exit);
        Ok(())
    }

    /// [`leave_states`](Self::leave_states) where something happens on the way.
    fn leave_acting(&mut self) -> Step {
        let program = self.program;
        let tables = &program.tables;
        let exit = std::mem::take(&mut self.working.exit);
        if !program.histories.is_empty() {
            // Before anything is left: what history remembers is the configuration as it was.
            for state in exit.iter() {
                for history in &program.content(state).histories {
                    self.remember(state, *history);
                }
            }
        }
        for state in exit.iter().rev() {
            if tables.leaving.contains(state) {
                let content = program.content(state);
                for block in &content.exit {
                    self.run_block(block)?;
                }
                if !content.invokes.is_empty() {
                    self.cancel_invocations(state)?;
                }
                if !content.timers.is_empty() {
                    self.unschedule(
                        |what| matches!(what, Waiting::Timer { state: owner, .. } if *owner == state),
                    );
                }
            }
            self.snapshot.active.remove(state);
        }
        self.working.exit = exit;
        Ok(())
    }

    /// Enter the states of `working.entry`, outside first.
    fn enter_states(&mut self) -> Step {
        let entry = std::mem::take(&mut self.working.entry);
        for state in entry.enter.iter() {
            self.enter_state(state, entry.default.contains(state), &entry.histories)?;
        }
        self.working.entry = entry;
        Ok(())
    }

    #[inline]
    pub(super) fn enter_state(
        &mut self,
        state: StateId,
        default: bool,
        histories: &[StateId],
    ) -> Step {
        self.snapshot.active.insert(state);
        if let Some(trace) = &mut self.working.trace {
            trace.entered.push(state);
        }
        if histories.is_empty() && !self.program.tables.entering.contains(state) {
            return Ok(());
        }
        self.act_on_entry(state, default, histories)
    }

    fn act_on_entry(&mut self, state: StateId, default: bool, histories: &[StateId]) -> Step {
        let program: &'a Program = self.program;
        let content = program.content(state);
        if !content.invokes.is_empty() {
            self.working.to_invoke.insert(state);
        }
        if !content.late.is_empty() && !self.snapshot.slow.initialised.contains(&state) {
            self.slow().initialised.push(state);
            for (slot, beginning) in &content.late {
                match self.beginning(beginning) {
                    Ok(value) => self.set_slot(*slot, value),
                    Err(error) => self.raise_error(&error.message, None),
                }
            }
        }
        self.start_timers(state);
        for block in &content.entry {
            self.run_block(block)?;
        }
        if default {
            self.run_block(&content.initial_actions)?;
        }
        // The last one found wins, as in the Recommendation's table by parent.
        let history = histories
            .iter()
            .rev()
            .find(|h| program.node(**h).parent == state);
        if let Some(history) = history
            && let Shape::History(number) = program.node(*history).shape
        {
            self.run_block(&program.histories[usize::from(number)].actions)?;
        }
        if program.node(state).shape == Shape::Final {
            self.reach_final(state);
        }
        Ok(())
    }

    pub(super) fn start_timers(&mut self, state: StateId) {
        for timer in &self.program.content(state).timers {
            let due = self.now.saturating_add(timer.milliseconds);
            let order = self.next_order();
            self.schedule(Delayed {
                due,
                order,
                what: Waiting::Timer {
                    state,
                    event: timer.event.clone(),
                },
            });
            self.effects.push(Effect::Schedule {
                id: None,
                event: timer.event.clone(),
                due,
            });
        }
    }

    pub(super) fn reach_final(&mut self, state: StateId) {
        let program = self.program;
        let parent = program.node(state).parent;
        if parent == StateId::ROOT {
            self.running = false;
            return;
        }
        let data = self.payload_lenient(program.content(state).output.as_ref());
        self.raise_done(&program.content(parent).done_event, data);
        let grandparent = program.node(parent).parent;
        if program.node(grandparent).shape == Shape::Parallel && self.is_in_final(grandparent) {
            self.raise_done(&program.content(grandparent).done_event, Value::Null);
        }
    }

    fn raise_done(&mut self, event: &Arc<str>, data: Value) {
        let queued = Queued::new(EventKind::Platform, event.clone(), data, self.now);
        self.snapshot.internal.push_back(queued);
    }

    fn is_in_final(&self, state: StateId) -> bool {
        let program = self.program;
        let children = &program.content(state).children;
        match program.node(state).shape {
            Shape::Compound => children.iter().any(|child| {
                program.node(*child).shape == Shape::Final && self.snapshot.active.contains(*child)
            }),
            Shape::Parallel => children.iter().all(|child| self.is_in_final(*child)),
            _ => false,
        }
    }
}
