//! Whether a call may be made: before every inference and every tool call it is asked whether all limits that bear on it leave room for it.
//!
//! A call that is under way is never stopped for its cost: it comes to its end and is booked. What is refused is the next one, which is recorded (`budget`) with
//! the limit, where it is written and the figures, and the chart hears `budget.exhausted`. Once in each stretch that a limit counts, the chart hears
//! `budget.low` before; the workflow's chart hears both of its own limits. How much is spent is `spending.rs`, what a limit counts is `ledger::budget`.

mod allowance;
mod lines;
mod rates;
mod telling;

pub(crate) use allowance::Allowance;
pub(crate) use lines::{Above, Work, all_lines, lines_of};
pub(crate) use rates::{Rates, inference, of_tokens};
pub(crate) use telling::{in_words, is_of_a_budget, refusal};

use crate::live::{CauseKind, RunEvent};
use crate::run::Run;
use crate::spending::Spending;
use crate::think::{Tighter, Whom};
use ledger::budget::{Account, Admission, Entry, Exhausted, Expected, Expense, Sum};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use types::Purpose;

/// What charts hear when a call was refused because of a limit.
pub(crate) const EXHAUSTED: &str = "budget.exhausted";

/// What a run has to do with the books.
pub(crate) struct Purse {
    pub(crate) spending: Spending,
    run: Arc<str>,
    /// Whether nothing that the run spent can be on the record.
    new: bool,
    /// Its calls that are under way, by their effects.
    tickets: BTreeMap<u64, u64>,
    /// Activities that wait until what is under way is booked.
    held_up: BTreeMap<Arc<str>, HeldUp>,
    room: watch::Receiver<u64>,
}

/// What an activity wants to do when there is room.
enum HeldUp {
    /// Ask the model, with less where it was refused for its length.
    Ask(Option<Tighter>),
    /// Go on with its calls.
    Act,
}

/// Whether a call is made.
pub(crate) enum Room {
    /// It is.
    Granted,
    /// Not yet.
    Busy,
    /// It is not.
    Refused(Box<Exhausted>),
    /// Nobody can tell, and so it is not.
    Unknown(String),
}

impl Purse {
    pub(crate) fn new(spending: Spending, run: &Arc<str>, new: bool) -> Self {
        Purse {
            run: run.clone(),
            new,
            tickets: BTreeMap::new(),
            held_up: BTreeMap::new(),
            room: spending.room(),
            spending,
        }
    }

    /// Whether something waits until there is room.
    pub(crate) fn is_held_up(&self) -> bool {
        !self.held_up.is_empty()
    }

    /// Something that was under way is so no more.
    pub(crate) async fn room(&mut self) {
        if self.room.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The activity `id` waits.
    fn hold_up(&mut self, id: &Arc<str>, what: HeldUp) {
        // What is booked from now on counts as news.
        self.room.borrow_and_update();
        self.held_up.insert(id.clone(), what);
    }

    /// The activity `id` waits no more.
    pub(crate) fn let_go(&mut self, id: &str) {
        self.held_up.remove(id);
    }

    /// The call with the effect `effect` is over.
    pub(crate) fn over(&mut self, effect: u64) {
        if let Some(ticket) = self.tickets.remove(&effect) {
            self.spending.over(ticket);
        }
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        self.spending.forget(&self.run);
    }
}

impl Run {
    /// Whether something of its work may be done that costs as `expected`.
    fn admit(&mut self, expected: &Expected) -> Result<Admission, String> {
        let lines = self.known_lines(Some(self.purpose()))?;
        let now = self.services.clock.now();
        let admitted = self.purse.spending.admit(&lines, expected, now);
        if !matches!(admitted, Admission::Granted { .. }) || !self.guards.are_posted() {
            return Ok(admitted);
        }
        // Nothing is done that nobody may look at any more.
        let watching = self.known_lines(Some(Purpose::Overhead))?;
        let nothing = Expected::default();
        Ok(self.purse.spending.admit(&watching, &nothing, now))
    }

    /// Whether the activity `id` may think at all: no limit is reached.
    pub(crate) fn may_think(&mut self, id: &Arc<str>) -> bool {
        self.tell_low();
        let admitted = self.admit(&Expected::default());
        self.goes_on(id, admitted, None)
    }

    /// Whether the payload of the activity `id` may be sent to `whom`, where it has `input` tokens of which `cached` are cached. What it may come to counts from
    /// now on as being spent.
    pub(crate) fn may_send(
        &mut self,
        id: &Arc<str>,
        effect: u64,
        whom: &Whom,
        (input, cached): (u64, u64),
    ) -> bool {
        let price = whom.price.as_ref().filter(|_| !whom.asked.free);
        let most = whom.asked.parameters.max_output;
        let rates = self.rates(&whom.asked);
        let now = self.services.clock.now();
        let expected = inference(price, &rates, (input, cached), most, now);
        let admitted = self.admit(&expected);
        let goes_on = self.goes_on(id, admitted, Some(whom));
        if goes_on {
            self.is_under_way_with(effect, expected.at_most);
        }
        goes_on
    }

    fn goes_on(
        &mut self,
        id: &Arc<str>,
        admitted: Result<Admission, String>,
        whom: Option<&Whom>,
    ) -> bool {
        match admitted {
            Ok(Admission::Granted { .. }) => {
                self.over_budget = false;
                true
            }
            Ok(Admission::Busy) => {
                let tighter = whom.and_then(|whom| whom.tighter.clone());
                self.show(RunEvent::Log {
                    source: "budget".into(),
                    message:
                        "waiting until what is under way is booked: there may be no room for more"
                            .into(),
                });
                self.purse.hold_up(id, HeldUp::Ask(tighter));
                false
            }
            Ok(Admission::Exhausted(exhausted)) => {
                self.exhausted(id, &exhausted, "an inference");
                false
            }
            Err(why) => {
                self.finish_failed(id, "error.execution", CauseKind::Other, &why, "store");
                false
            }
        }
    }

    /// Whether a component may be tried beside the one in use; why not, where a limit is in the way.
    pub(crate) fn room_for_shadow(&mut self) -> Result<(), String> {
        let lines = self.known_lines(Some(Purpose::Improvement))?;
        let now = self.services.clock.now();
        let admitted = self.purse.spending.admit(&lines, &Expected::call(), now);
        match admitted {
            Admission::Exhausted(exhausted) => Err(in_words(&exhausted)),
            Admission::Granted { .. } | Admission::Busy => Ok(()),
        }
    }

    /// Whether one more tool call may be made now.
    pub(crate) fn room_for_call(&mut self) -> Room {
        self.tell_low();
        match self.admit(&Expected::call()) {
            Ok(Admission::Granted { .. }) => Room::Granted,
            Ok(Admission::Busy) => Room::Busy,
            Ok(Admission::Exhausted(exhausted)) => Room::Refused(exhausted),
            Err(why) => Room::Unknown(why),
        }
    }

    /// The calls of the activity `id` wait.
    pub(crate) fn calls_wait(&mut self, id: &Arc<str>) {
        self.purse.hold_up(id, HeldUp::Act);
    }

    /// A call of a tool begins.
    pub(crate) fn call_is_under_way(&mut self, effect: u64) {
        self.is_under_way_with(effect, Expected::call().at_most);
    }

    fn is_under_way_with(&mut self, effect: u64, at_most: Sum) {
        let entry = self.entry(self.purpose(), at_most);
        let ticket = self.purse.spending.begin(entry);
        if let Some(before) = self.purse.tickets.insert(effect, ticket) {
            self.purse.spending.over(before);
        }
    }

    fn entry(&self, purpose: Purpose, sum: Sum) -> Entry {
        let work = self.work_for();
        let (workflow, instance, role) = match work {
            Some(work) => (Some(work.workflow), Some(work.instance), Some(work.role)),
            None => (None, None, None),
        };
        Entry {
            run: self.id.clone(),
            time: self.services.clock.now(),
            expense: Expense {
                account: Account {
                    agent: self.agent.name.clone(),
                    workflow,
                    role,
                    purpose,
                },
                instance,
                sum,
            },
        }
    }

    /// What waited for room looks again.
    pub(crate) fn try_again(&mut self) {
        for (id, what) in std::mem::take(&mut self.purse.held_up) {
            if !self.activities.contains_key(&id) {
                continue;
            }
            match what {
                HeldUp::Ask(tighter) => self.ask(&id, tighter),
                HeldUp::Act => self.advance(&id),
            }
        }
    }

    /// The last record is a cost: it counts from now on, and may have made something run low.
    pub(crate) fn counted(&mut self) {
        let Some(record) = self.pending.last() else {
            return;
        };
        if let Some(expense) = Expense::read(&record.body) {
            self.purse.spending.book(Entry {
                run: self.id.clone(),
                time: record.time,
                expense,
            });
            self.tell_low();
            self.purse.new = false;
        }
    }

    /// Whether what it rests for lasts: a limit is reached, or the stretch in which something was refused is not over.
    pub(crate) fn is_still_exhausted(&mut self) -> bool {
        if let Ok(Admission::Exhausted(exhausted)) = self.admit(&Expected::default()) {
            self.room_at = exhausted.period.end();
            return true;
        }
        let now = self.services.clock.now();
        self.room_at.is_some_and(|at| at > now)
    }

    /// Whether no limit of its work is reached any more.
    pub(crate) fn has_room(&mut self) -> bool {
        let admitted = self.admit(&Expected::default());
        !matches!(admitted, Ok(Admission::Exhausted(_)))
    }
}
