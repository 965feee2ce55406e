//! Appendix D: `interpret`, `mainEventLoop`, `exitInterpreter`, the selection of transitions, `microstep`, and the computation of exit and
//! entry sets. Procedures stand in the order of the Recommendation and keep its names.

use super::document::{Document, ROOT, State};
use super::entry::EntrySets;
use super::ordered::OrderedSet;
use super::sessions::{Delayed, Invoked};
use super::{Endless, Family, Happening};
use chart::StateKind;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use types::Value;

/// A transition: its source and its number there.
pub type Transition = (State, usize);

/// One running chart: the global variables of Appendix D.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it runs.
    pub doc: Rc<Document>,
    /// `configuration`.
    pub configuration: OrderedSet<State>,
    /// `statesToInvoke`.
    pub states_to_invoke: OrderedSet<State>,
    /// `internalQueue`.
    pub internal_queue: VecDeque<Happening>,
    /// `externalQueue`.
    pub external_queue: VecDeque<Happening>,
    /// `historyValue`.
    pub history_value: HashMap<State, Vec<State>>,
    /// `datamodel`: what is declared so far.
    pub datamodel: BTreeMap<String, Value>,
    /// The types that strict entries keep.
    pub kinds: BTreeMap<String, Value>,
    /// `running`.
    pub running: bool,
    /// States that have been entered before.
    pub entered: OrderedSet<State>,
    /// `_event`.
    pub event: Option<Happening>,
    /// Timers and delayed sends.
    pub delayed: Vec<Delayed>,
    /// What runs for the states.
    pub invoked: Vec<Invoked>,
    /// `_sessionid`.
    pub session_id: String,
    /// The session that invoked this one.
    pub parent: Option<String>,
    /// What it sent to its parent.
    pub outbox: Vec<Happening>,
    /// Counts generated ids.
    pub ids: u64,
    /// What the final state handed over.
    pub output: Value,
    /// Where it ended.
    pub ended_in: Option<State>,
}

impl Session {
    /// `mainEventLoop`, until it would block. `rested`: the last macrostep has ended and nothing has happened since.
    pub fn main_event_loop(
        &mut self,
        family: &mut Family,
        mut rested: bool,
    ) -> Result<(), Endless> {
        while self.running {
            let mut macrostep_done = rested;
            rested = false;
            while self.running && !macrostep_done {
                let mut enabled = self.select_eventless_transitions(family);
                if enabled.is_empty() {
                    match self.internal_queue.pop_front() {
                        None => macrostep_done = true,
                        Some(internal_event) => {
                            family.count_event()?;
                            self.event = Some(internal_event.clone());
                            enabled = self.select_transitions(&internal_event, family);
                        }
                    }
                }
                if !enabled.is_empty() {
                    self.microstep(&enabled.to_list(), family)?;
                }
            }
            if !self.running {
                break;
            }
            for state in self.states_to_invoke.in_document_order() {
                self.invoke_all(state, family)?;
            }
            self.states_to_invoke.clear();
            self.run_children(family)?;
            if !self.internal_queue.is_empty() {
                continue;
            }
            let Some(external_event) = self.external_queue.pop_front() else {
                return Ok(());
            };
            family.count_event()?;
            self.event = Some(external_event.clone());
            self.finalize_and_forward(&external_event, family)?;
            let enabled = self.select_transitions(&external_event, family);
            if !enabled.is_empty() {
                self.microstep(&enabled.to_list(), family)?;
            }
        }
        self.exit_interpreter(family)
    }

    /// `exitInterpreter`.
    pub fn exit_interpreter(&mut self, family: &mut Family) -> Result<(), Endless> {
        let doc = self.doc.clone();
        let mut states_to_exit = self.configuration.in_document_order();
        states_to_exit.reverse();
        let mut done = None;
        for s in states_to_exit {
            for content in &doc.elements[s].def.exit {
                self.execute_block(content, family);
            }
            self.cancel_invokes(s, family)?;
            self.cancel_timers(s);
            self.configuration.delete(s);
            if doc.is_final(s) && doc.elements[s].parent == Some(ROOT) {
                done = Some(s);
            }
        }
        if let Some(s) = done {
            self.output = self.donedata(s, family);
        }
        self.ended_in = done;
        self.delayed.clear();
        self.internal_queue.clear();
        self.external_queue.clear();
        self.running = false;
        Ok(())
    }

    /// `selectEventlessTransitions`.
    fn select_eventless_transitions(&mut self, family: &mut Family) -> OrderedSet<Transition> {
        self.select(None, family)
    }

    /// `selectTransitions`.
    fn select_transitions(
        &mut self,
        event: &Happening,
        family: &mut Family,
    ) -> OrderedSet<Transition> {
        self.select(Some(event), family)
    }

    fn select(&mut self, event: Option<&Happening>, family: &mut Family) -> OrderedSet<Transition> {
        let doc = self.doc.clone();
        let mut enabled = OrderedSet::default();
        let atomic = self.configuration.in_document_order();
        for state in atomic.into_iter().filter(|s| doc.is_atomic(*s)) {
            let around = doc.proper_ancestors(state, None);
            'found: for s in std::iter::once(state).chain(around) {
                for (number, (t, _)) in doc.elements[s].transitions.iter().enumerate() {
                    let listens = match event {
                        None => t.events.is_empty() && t.after.is_none(),
                        Some(event) => {
                            t.events.iter().any(|d| name_match(d, &event.name))
                                || t.after
                                    .is_some_and(|after| self.timer_name(s, after) == *event.name)
                        }
                    };
                    if listens && self.condition_match(t.guard.as_deref(), family) {
                        enabled.add((s, number));
                        break 'found;
                    }
                }
            }
        }
        self.remove_conflicting_transitions(&enabled, family)
    }

    /// `removeConflictingTransitions`.
    fn remove_conflicting_transitions(
        &self,
        enabled: &OrderedSet<Transition>,
        family: &Family,
    ) -> OrderedSet<Transition> {
        let mut filtered: OrderedSet<Transition> = OrderedSet::default();
        for t1 in enabled.to_list() {
            let mut t1_preempted = false;
            let mut to_remove = OrderedSet::default();
            for t2 in filtered.to_list() {
                let (exit1, exit2) = (
                    self.compute_exit_set(&[t1], family),
                    self.compute_exit_set(&[t2], family),
                );
                if exit1.has_intersection(&exit2) {
                    if self.doc.is_descendant(t1.0, t2.0) {
                        to_remove.add(t2);
                    } else {
                        t1_preempted = true;
                        break;
                    }
                }
            }
            if !t1_preempted {
                for t3 in to_remove.to_list() {
                    filtered.delete(t3);
                }
                filtered.add(t1);
            }
        }
        filtered
    }

    /// `microstep`.
    fn microstep(&mut self, enabled: &[Transition], family: &mut Family) -> Result<(), Endless> {
        family.count_microstep()?;
        self.exit_states(enabled, family)?;
        self.execute_transition_content(enabled, family);
        self.enter_states(enabled, family);
        Ok(())
    }

    /// `exitStates`.
    fn exit_states(&mut self, enabled: &[Transition], family: &mut Family) -> Result<(), Endless> {
        let doc = self.doc.clone();
        let states_to_exit = self.compute_exit_set(enabled, family);
        for s in states_to_exit.to_list() {
            self.states_to_invoke.delete(s);
        }
        let mut states_to_exit = states_to_exit.in_document_order();
        states_to_exit.reverse();
        for s in &states_to_exit {
            for h in doc.histories(*s) {
                let deep = doc.elements[h].def.kind == StateKind::History { deep: true };
                let mut value = self.configuration.in_document_order();
                value.retain(|s0| {
                    if deep {
                        doc.is_atomic(*s0) && doc.is_descendant(*s0, *s)
                    } else {
                        doc.elements[*s0].parent == Some(*s)
                    }
                });
                self.history_value.insert(h, value);
            }
        }
        for s in states_to_exit {
            for content in &doc.elements[s].def.exit {
                self.execute_block(content, family);
            }
            self.cancel_invokes(s, family)?;
            self.cancel_timers(s);
            self.configuration.delete(s);
        }
        Ok(())
    }

    /// `computeExitSet`.
    fn compute_exit_set(&self, transitions: &[Transition], family: &Family) -> OrderedSet<State> {
        let mut states_to_exit = OrderedSet::default();
        for t in transitions {
            if self.targets(*t, family).is_empty() {
                continue;
            }
            let domain = self.get_transition_domain(*t, family);
            for s in self.configuration.to_list() {
                if self.doc.is_descendant(s, domain) {
                    states_to_exit.add(s);
                }
            }
        }
        states_to_exit
    }

    /// `executeTransitionContent`.
    fn execute_transition_content(&mut self, enabled: &[Transition], family: &mut Family) {
        let doc = self.doc.clone();
        for t in enabled {
            let mut content = doc.elements[t.0].transitions[t.1].0.actions.clone();
            if self.stays_itself(*t, family)
                && doc.is_compound(t.0)
                && let Some(initial) = &doc.elements[t.0].def.initial
            {
                content.extend(initial.actions.clone());
            }
            self.execute_block(&content, family);
        }
    }

    /// A YAML transition of a state to itself does not leave it: its inside begins anew.
    pub(super) fn stays_itself(&self, t: Transition, family: &Family) -> bool {
        let (def, targets) = &self.doc.elements[t.0].transitions[t.1];
        family.strict && !def.reenter && *targets == [t.0]
    }

    /// The targets of a transition.
    pub(super) fn targets(&self, t: Transition, family: &Family) -> Vec<State> {
        if self.stays_itself(t, family) {
            return if self.doc.is_parallel(t.0) {
                self.doc.child_states(t.0)
            } else {
                self.doc.elements[t.0].initial.clone()
            };
        }
        self.doc.elements[t.0].transitions[t.1].1.clone()
    }

    /// The first entry, from `interpret`: `enterStates([doc.initial.transition])`.
    pub fn enter_initial(&mut self, family: &mut Family) -> Result<(), Endless> {
        family.count_microstep()?;
        let doc = self.doc.clone();
        self.configuration.add(ROOT);
        self.states_to_invoke.add(ROOT);
        for content in &doc.elements[ROOT].def.entry {
            self.execute_block(content, family);
        }
        self.start_timers(ROOT, family);
        if let Some(initial) = &doc.elements[ROOT].def.initial {
            self.execute_block(&initial.actions, family);
        }
        let mut entry = EntrySets::default();
        let targets = &doc.elements[ROOT].initial;
        for s in targets {
            self.add_descendant_states_to_enter(*s, &mut entry);
        }
        for s in self.get_effective_target_states(targets).to_list() {
            self.add_ancestor_states_to_enter(s, ROOT, &mut entry);
        }
        self.enter(&entry, family);
        Ok(())
    }

    /// `enterStates`.
    fn enter_states(&mut self, enabled: &[Transition], family: &mut Family) {
        let mut entry = EntrySets::default();
        self.compute_entry_set(enabled, &mut entry, family);
        self.enter(&entry, family);
    }

    fn enter(&mut self, entry: &EntrySets, family: &mut Family) {
        let doc = self.doc.clone();
        for s in entry.states_to_enter.in_document_order() {
            self.configuration.add(s);
            self.states_to_invoke.add(s);
            if !self.entered.is_member(s) {
                self.entered.add(s);
                self.initialize_late_data(s, family);
            }
            self.start_timers(s, family);
            for content in &doc.elements[s].def.entry {
                self.execute_block(content, family);
            }
            if entry.states_for_default_entry.is_member(s)
                && let Some(initial) = &doc.elements[s].def.initial
            {
                self.execute_block(&initial.actions, family);
            }
            if let Some(h) = entry.default_history_content.get(&s)
                && let Some(default) = &doc.elements[*h].def.initial
            {
                self.execute_block(&default.actions, family);
            }
            if doc.is_final(s) {
                self.reach_final(s, family);
            }
        }
    }

    fn reach_final(&mut self, s: State, family: &mut Family) {
        let doc = self.doc.clone();
        let Some(parent) = doc.elements[s].parent.filter(|p| *p != ROOT) else {
            self.running = false;
            return;
        };
        let donedata = self.donedata(s, family);
        let name = format!("done.state.{}", doc.id(parent));
        let event = Happening::new(&name, donedata, "platform", family.now);
        self.internal_queue.push_back(event);
        if let Some(grandparent) = doc.elements[parent].parent
            && doc.is_parallel(grandparent)
            && doc
                .child_states(grandparent)
                .into_iter()
                .all(|s| self.is_in_final_state(s))
        {
            let name = format!("done.state.{}", doc.id(grandparent));
            let event = Happening::new(&name, Value::Null, "platform", family.now);
            self.internal_queue.push_back(event);
        }
    }

    /// `isInFinalState`.
    fn is_in_final_state(&self, s: State) -> bool {
        let doc = &self.doc;
        let children = doc.child_states(s);
        if doc.is_compound(s) {
            children
                .iter()
                .any(|c| doc.is_final(*c) && self.configuration.is_member(*c))
        } else if doc.is_parallel(s) {
            children.iter().all(|c| self.is_in_final_state(*c))
        } else {
            false
        }
    }
}

/// Whether a descriptor means an event: token by token from the left.
fn name_match(descriptor: &str, event: &str) -> bool {
    if descriptor == "*" {
        return true;
    }
    let descriptor = descriptor.strip_suffix(".*").unwrap_or(descriptor);
    let wanted: Vec<&str> = descriptor.split('.').collect();
    let given: Vec<&str> = event.split('.').collect();
    given.len() >= wanted.len() && given[..wanted.len()] == wanted[..]
}
