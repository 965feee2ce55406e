//! The outermost session as its users see it: start it, give it events, let time pass, look where it is.

use super::document::{Document, ROOT};
use super::interpreter::Session;
use super::{Endless, Family};
use chart::ChartDef;
use std::collections::BTreeMap;
use std::rc::Rc;
use types::Value;

/// A chart that runs by the book.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// The outermost session.
    pub session: Session,
    /// What it shares with its children.
    pub family: Family,
}

impl Oracle {
    /// `def` before its start; `strict` reads names as in YAML charts.
    pub fn new(def: &ChartDef, resources: &[(String, ChartDef)], strict: bool) -> Self {
        let resources = resources.iter();
        let resources = resources.map(|(key, def)| (key.clone(), Rc::new(Document::of(def))));
        Oracle {
            session: Session::new(Rc::new(Document::of(def)), "session".into(), None),
            family: Family {
                now: 0,
                strict,
                resources: resources.collect(),
                trace: Vec::new(),
                microsteps: 0,
                events: 0,
                order: 0,
            },
        }
    }

    /// Start it at the time 0.
    pub fn start(&mut self) -> Result<(), Endless> {
        self.attempt(|oracle| {
            let given = BTreeMap::new();
            oracle.session.interpret(&given, &mut oracle.family)
        })
    }

    /// An event from outside at `now`, or the answer of the invocation `invoke_id`.
    pub fn event(
        &mut self,
        name: &str,
        data: Value,
        now: i64,
        invoke_id: Option<String>,
    ) -> Result<(), Endless> {
        self.attempt(|oracle| {
            if !oracle.session.running {
                return Ok(());
            }
            oracle.family.now = now;
            let mut event = super::Happening::new(name, data, "external", now);
            event.invoke_id = invoke_id;
            oracle.session.external_queue.push_back(event);
            oracle.session.main_event_loop(&mut oracle.family, true)
        })
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<i64> {
        self.session.earliest().map(|(due, _)| due)
    }

    /// Let the earliest thing happen, at `now`. An error leaves it undone but taken.
    pub fn fire(&mut self, now: i64) -> Result<(), Endless> {
        let Some(which) = self.session.earliest() else {
            return Ok(());
        };
        self.attempt(|oracle| {
            oracle.family.now = now;
            oracle.session.fire(which, &mut oracle.family)
        })
    }

    /// A step that fails leaves everything as it was.
    fn attempt(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Endless>,
    ) -> Result<(), Endless> {
        let before = self.clone();
        self.family.microsteps = 0;
        self.family.events = 0;
        let result = work(self);
        if result.is_err() {
            *self = before;
        }
        result
    }

    /// The ids of all active states in document order; of an ended chart only where it ended.
    pub fn configuration(&self) -> Vec<String> {
        let doc = &self.session.doc;
        let active = match self.session.ended_in {
            Some(state) => vec![state],
            None => self.session.configuration.in_document_order(),
        };
        let active = active.into_iter().filter(|s| *s != ROOT);
        active.map(|s| doc.id(s).to_owned()).collect()
    }

    /// The ids of the active leaves, sorted.
    pub fn leaves(&self) -> Vec<String> {
        let doc = &self.session.doc;
        let mut leaves = self.configuration();
        leaves.retain(|id| doc.find(id).is_some_and(|s| doc.is_atomic(s)));
        leaves.sort();
        leaves
    }
}
