//! A family of sessions: the chart, the charts it invokes, what is on its way between them, and the clock. Platform business in the
//! Recommendation; here a child runs until it rests whenever something has arrived for it, before its parent takes its next external event.

use super::content::is_scxml;
use super::document::{Document, State};
use super::interpreter::Session;
use super::ordered::OrderedSet;
use super::{Endless, Family, Happening};
use chart::{InvokeDef, InvokeWhat};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use types::Value;

/// A timer of `after`, or a delayed send.
#[derive(Clone, Debug)]
pub struct Delayed {
    /// When.
    pub due: i64,
    /// Ties come in this order.
    pub order: u64,
    /// What.
    pub what: What,
}

/// What waits.
#[derive(Clone, Debug)]
pub enum What {
    /// A timer, which ends with its state.
    Timer {
        /// Whose.
        state: State,
        /// The event it becomes.
        name: String,
    },
    /// A send, which does not.
    Send {
        /// The event.
        event: Happening,
        /// To whom.
        addressee: Addressee,
    },
}

/// To whom an event goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Addressee {
    /// The own external queue.
    Own,
    /// The own internal queue.
    Internal,
    /// The invoking session.
    Parent,
    /// What was invoked with this id.
    Invocation(String),
    /// Someone the host knows.
    Outside(String),
}

/// Something that runs for a state.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// Its id.
    pub id: String,
    /// For which state.
    pub state: State,
    /// By which of the state's invokes.
    pub number: usize,
    /// What runs.
    pub running: Running,
}

/// An activity of the host or a child chart.
#[derive(Clone, Debug)]
pub enum Running {
    /// By its name.
    Activity(String),
    /// A session of its own.
    Child(Box<Session>),
}

impl Session {
    pub(super) fn new(doc: Rc<Document>, session_id: String, parent: Option<String>) -> Self {
        Session {
            doc,
            configuration: OrderedSet::default(),
            states_to_invoke: OrderedSet::default(),
            internal_queue: VecDeque::new(),
            external_queue: VecDeque::new(),
            history_value: HashMap::new(),
            datamodel: BTreeMap::new(),
            kinds: BTreeMap::new(),
            running: true,
            entered: OrderedSet::default(),
            event: None,
            delayed: Vec::new(),
            invoked: Vec::new(),
            session_id,
            parent,
            outbox: Vec::new(),
            ids: 0,
            output: Value::Null,
            ended_in: None,
        }
    }

    /// `interpret`.
    pub(super) fn interpret(
        &mut self,
        given: &BTreeMap<std::sync::Arc<str>, Value>,
        family: &mut Family,
    ) -> Result<(), Endless> {
        self.initialize_datamodel(given, family);
        self.enter_initial(family)?;
        self.main_event_loop(family, false)
    }

    /// `timer.<state>.<delay>`, the delay as people write it.
    pub(super) fn timer_name(&self, state: State, after: Duration) -> String {
        let id = self.doc.id(state);
        let id = if id.is_empty() { "chart" } else { id };
        let milliseconds = after.as_millis();
        let text = match (milliseconds / 1000, milliseconds % 1000) {
            (0, 0) => "0s".to_owned(),
            (0, ms) => format!("{ms}ms"),
            (s, 0) => format!("{s}s"),
            (s, ms) => format!("{s}s{ms}ms"),
        };
        format!("timer.{id}.{text}")
    }

    pub(super) fn start_timers(&mut self, state: State, family: &mut Family) {
        let doc = self.doc.clone();
        let mut started = Vec::new();
        for after in doc.elements[state]
            .transitions
            .iter()
            .filter_map(|(t, _)| t.after)
        {
            let name = self.timer_name(state, after);
            if started.contains(&name) {
                continue;
            }
            started.push(name.clone());
            let due = family.now.saturating_add(after.as_millis() as i64);
            family.say(format!("schedule - {name} {due}"));
            family.order += 1;
            self.delayed.push(Delayed {
                due,
                order: family.order,
                what: What::Timer { state, name },
            });
        }
    }

    pub(super) fn cancel_timers(&mut self, state: State) {
        self.delayed
            .retain(|d| !matches!(&d.what, What::Timer { state: of, .. } if *of == state));
    }

    pub(super) fn deliver(&mut self, addressee: Addressee, event: Happening, family: &mut Family) {
        match addressee {
            Addressee::Own => self.external_queue.push_back(event),
            Addressee::Internal => self.internal_queue.push_back(event),
            Addressee::Parent => self.outbox.push(event),
            Addressee::Outside(target) => {
                let id = event.send_id.as_deref().unwrap_or("-");
                family.say(format!("send {id} {} {target} {}", event.name, event.data));
            }
            Addressee::Invocation(id) => match self.invoked.iter().position(|i| i.id == id) {
                Some(position) => self.hand_over(position, event, family),
                None => self.raise_error("error.communication", event.send_id, family),
            },
        }
    }

    fn hand_over(&mut self, position: usize, event: Happening, family: &mut Family) {
        let invoked = &mut self.invoked[position];
        match &mut invoked.running {
            Running::Child(child) => {
                if child.running {
                    child.external_queue.push_back(event);
                }
            }
            Running::Activity(_) => {
                let line = format!("forward {} {} {}", invoked.id, event.name, event.data);
                family.say(line);
            }
        }
    }

    /// `invoke` for each of a state's invocations.
    pub(super) fn invoke_all(&mut self, state: State, family: &mut Family) -> Result<(), Endless> {
        let doc = self.doc.clone();
        for (number, inv) in doc.elements[state].def.invoke.iter().enumerate() {
            match self.prepare(state, inv, family) {
                Ok((id, running, params)) => {
                    let activity = match &running {
                        Running::Activity(name) => Some(name.clone()),
                        Running::Child(_) => None,
                    };
                    self.invoked.push(Invoked {
                        id: id.clone(),
                        state,
                        number,
                        running,
                    });
                    if let Some(name) = activity {
                        family.say(format!("invoke {id} {} {name} {params}", doc.id(state)));
                        continue;
                    }
                    let given = match params {
                        Value::Map(map) => (*map).clone(),
                        _ => BTreeMap::new(),
                    };
                    let position = self.invoked.len() - 1;
                    self.with_child(position, family, |child, family| {
                        child.interpret(&given, family)
                    })?;
                }
                Err(_) => self.raise_error("error.execution", None, family),
            }
        }
        Ok(())
    }

    fn prepare(
        &mut self,
        state: State,
        inv: &InvokeDef,
        family: &mut Family,
    ) -> Result<(String, Running, Value), String> {
        let mut what = &inv.what;
        while let InvokeWhat::Typed {
            transport,
            what: inner,
        } = what
        {
            is_scxml(&self.text(transport, family)?)?;
            what = inner;
        }
        let doc = match what {
            InvokeWhat::Activity(name) => Err(name.value.clone()),
            InvokeWhat::Chart(def) => Ok(Rc::new(Document::of(def))),
            InvokeWhat::Expr(expr) => match self.value(expr, family)? {
                Value::Text(key) => match family.resources.get(&*key) {
                    Some(doc) => Ok(doc.clone()),
                    None if family.strict => Err(key.to_string()),
                    None => return Err(format!("nothing called `{key}`")),
                },
                _ => return Err("no name".into()),
            },
            InvokeWhat::Typed { .. } => return Err("never reached".into()),
        };
        let params = self.payload(inv.params.as_ref(), family)?;
        let id = match &inv.id {
            Some(id) => id.clone(),
            None => {
                self.ids += 1;
                format!("{}.{}", self.doc.id(state), self.ids)
            }
        };
        if let Some(location) = &inv.id_location {
            let assigned = self.assign(location, Value::text(id.as_str()));
            assigned.map_err(|_| "nowhere to put the id".to_owned())?;
        }
        let running = match doc {
            Err(activity) => Running::Activity(activity),
            Ok(doc) => Running::Child(Box::new(Session::new(
                doc,
                format!("{}/{id}", self.session_id),
                Some(self.session_id.clone()),
            ))),
        };
        Ok((id, running, params))
    }

    /// Let a running child do something; what it sent, and its end, arrive on the own external queue.
    fn with_child(
        &mut self,
        position: usize,
        family: &mut Family,
        work: impl FnOnce(&mut Session, &mut Family) -> Result<(), Endless>,
    ) -> Result<(), Endless> {
        let id = self.invoked[position].id.clone();
        let Running::Child(child) = &mut self.invoked[position].running else {
            return Ok(());
        };
        if !child.running {
            return Ok(());
        }
        work(child, family)?;
        for mut event in std::mem::take(&mut child.outbox) {
            event.invoke_id = Some(id.clone());
            self.external_queue.push_back(event);
        }
        if !child.running {
            let name = format!("done.invoke.{id}");
            let mut event = Happening::new(&name, child.output.clone(), "external", family.now);
            event.invoke_id = Some(id);
            self.external_queue.push_back(event);
        }
        Ok(())
    }

    pub(super) fn run_children(&mut self, family: &mut Family) -> Result<(), Endless> {
        while let Some(position) = self.invoked.iter().position(|i| {
            matches!(&i.running, Running::Child(c) if c.running && !c.external_queue.is_empty())
        }) {
            self.with_child(position, family, |child, family| {
                child.main_event_loop(family, true)
            })?;
        }
        Ok(())
    }

    /// `cancelInvoke` for everything a state invoked. A child leaves its states; what it still sends is dropped.
    pub(super) fn cancel_invokes(
        &mut self,
        state: State,
        family: &mut Family,
    ) -> Result<(), Endless> {
        while let Some(position) = self.invoked.iter().position(|i| i.state == state) {
            let mut invoked = self.invoked.remove(position);
            match &mut invoked.running {
                Running::Activity(name) => {
                    let line =
                        format!("cancel_invoke {} {} {name}", invoked.id, self.doc.id(state));
                    family.say(line);
                }
                Running::Child(child) if child.running => child.exit_interpreter(family)?,
                Running::Child(_) => {}
            }
        }
        Ok(())
    }

    /// `applyFinalize` and `autoforward`; an answer that ends its invocation takes it off the list.
    pub(super) fn finalize_and_forward(
        &mut self,
        event: &Happening,
        family: &mut Family,
    ) -> Result<(), Endless> {
        let doc = self.doc.clone();
        let ended = event.invoke_id.clone().filter(|id| {
            let answer = |i: &Invoked| match &i.running {
                Running::Child(_) => *event.name == *format!("done.invoke.{id}"),
                Running::Activity(name) => {
                    *event.name == *format!("done.invoke.{id}")
                        || *event.name == *format!("{name}.done")
                        || event.name.split('.').next() == Some("error")
                }
            };
            self.invoked.iter().any(|i| i.id == *id && answer(i))
        });
        let mut order: Vec<(State, usize, String)> = self
            .invoked
            .iter()
            .map(|i| (i.state, i.number, i.id.clone()))
            .collect();
        order.sort();
        for (state, number, id) in order {
            let inv = &doc.elements[state].def.invoke[number];
            if event.invoke_id.as_ref() == Some(&id) {
                self.execute_block(&inv.finalize, family);
            }
            if inv.autoforward
                && let Some(position) = self.invoked.iter().position(|i| i.id == id)
            {
                self.hand_over(position, event.clone(), family);
            }
        }
        if let Some(id) = ended {
            self.invoked.retain(|i| i.id != id);
        }
        Ok(())
    }

    pub(super) fn earliest(&self) -> Option<(i64, u64)> {
        let own = self.delayed.iter().map(|d| (d.due, d.order));
        let children = self.invoked.iter().filter_map(|i| match &i.running {
            Running::Child(child) => child.earliest(),
            Running::Activity(_) => None,
        });
        own.chain(children).min()
    }

    pub(super) fn fire(&mut self, which: (i64, u64), family: &mut Family) -> Result<(), Endless> {
        let own = self.delayed.iter().position(|d| (d.due, d.order) == which);
        if let Some(position) = own {
            let now = family.now;
            match self.delayed.remove(position).what {
                What::Timer { name, .. } => {
                    let event = Happening::new(&name, Value::Null, "external", now);
                    self.external_queue.push_back(event);
                }
                What::Send {
                    mut event,
                    addressee,
                } => {
                    event.time = now;
                    self.deliver(addressee, event, family);
                }
            }
            let rested = self.internal_queue.is_empty();
            return self.main_event_loop(family, rested);
        }
        let child = self
            .invoked
            .iter()
            .position(|i| matches!(&i.running, Running::Child(c) if c.earliest() == Some(which)));
        if let Some(position) = child {
            self.with_child(position, family, |child, family| child.fire(which, family))?;
        }
        self.main_event_loop(family, true)
    }
}
