//! The end of the conversation that a run holds: how much, what is forgotten of it, and how it is read again.
//!
//! The journal has all of it. Each item's record says what stood before it, so that whoever reads from the newest one backwards knows all sums at once and
//! stops as soon as enough is held. Which payload comes of it is `context`'s business, and does not depend on how much is held.

use crate::RuntimeError;
use crate::guards::Guards;
use crate::record::Kind;
use crate::run::{Done, Run};
use crate::think::{Tighter, Whom};
use context::{Estimator, History, HistoryItem, Mark, Needed};
use journal::{Journal, Record, RecordId};
use sandbox::CallContext;
use serde::Deserialize;
use serde_json::json;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use types::{Item, Provenance};

/// Items that are read before it is looked whether they are enough.
const PAGE: usize = 64;

/// An item as it is kept on the record.
#[derive(Deserialize)]
struct Recorded {
    /// Its index in the run.
    n: Option<usize>,
    item: Item,
    /// What stood before it; records of earlier versions do not say.
    before: Option<Mark>,
    /// The estimator that counted that.
    by: Option<String>,
}

/// The end of a conversation, as the journal has it.
pub(crate) struct Ending {
    before: Mark,
    /// The newest prompt, where it stands before the items.
    prompt: Option<Item>,
    items: Vec<Item>,
}

/// Items that were forgotten, and that the guards have seen.
pub(crate) struct Recalled {
    effect: u64,
    invocation: Arc<str>,
    tighter: Option<Tighter>,
    /// The first item that was held when they were read.
    start: usize,
    items: Vec<Item>,
}

impl Run {
    /// What the record of `item`, which joins the conversation now, says.
    pub(crate) fn item_record(&self, item: &Item) -> serde_json::Value {
        json!({
            "n": self.history.len(), "item": item,
            "before": self.history.mark(), "by": self.counting.estimator().name(),
        })
    }

    /// How much of the conversation has to be held, whoever is asked next.
    fn needed(&self) -> Needed {
        let asked = self.asked.iter().map(|asked| {
            let scale = self.counting.calibrated(&asked.parameters).scale();
            (&asked.parameters, scale)
        });
        Needed::of(&self.agent.context, asked, self.summing.summary())
    }

    /// Forget what no payload can need any more.
    pub(crate) fn forget(&mut self) {
        let needed = self.needed();
        self.history.forget_before(&needed);
    }

    /// The end of the conversation of so many items, as much as is needed. What came after the record `newest` may be a million records of a chart that only
    /// keeps time.
    pub(crate) fn ending(
        &self,
        items: usize,
        newest: Option<RecordId>,
    ) -> Result<Ending, RuntimeError> {
        if items == 0 {
            // Nothing says that sooner: a run without a word would be read to its beginning.
            return Ok(Ending {
                before: Mark::default(),
                prompt: None,
                items: Vec::new(),
            });
        }
        let measure = |item| self.counting.measured(item);
        let (by, needed) = (self.counting.estimator().name(), self.needed());
        let ending = ending(
            &self.journal.borrow(),
            &self.id,
            newest,
            by,
            &needed,
            measure,
        )?;
        let read = ending.before.all.items + ending.items.len();
        if read != items {
            return Err(RuntimeError::Damaged {
                run: self.id.to_string(),
                record: newest.map_or(0, |newest| newest.0),
                why: format!("its conversation has {items} items, and the records of {read}"),
            });
        }
        Ok(ending)
    }

    /// What is held of a conversation that is taken up again.
    pub(crate) async fn held(&self, mut ending: Ending) -> History {
        let context = self.call_context(0);
        guard_again(&self.guards, &mut ending.items, &context).await;
        guard_again(&self.guards, ending.prompt.as_mut_slice(), &context).await;
        let prompt = ending.prompt.map(|item| self.counting.measured(item));
        let mut history = History::after(ending.before, prompt);
        for item in ending.items {
            history.push(self.counting.measured(item));
        }
        history
    }

    /// A payload for the invocation `id` needs more of the conversation than is held: read it, and make the payload again.
    pub(crate) fn recall(&mut self, id: &Arc<str>, whom: &Whom, needed: Needed) {
        let start = self.history.start();
        let mut wider = self.history.clone();
        let needed = needed.and(self.needed());
        let measure = |item| self.counting.measured(item);
        let read = read_back(
            &self.journal.borrow(),
            &self.id,
            None,
            &mut wider,
            &needed,
            measure,
        );
        if let Err(error) = read {
            return self.not_assembled(id, whom, &error.to_string());
        }
        if wider.start() == start {
            return self.not_assembled(id, whom, &needed.to_string());
        }
        let tighter = whom.tighter.clone();
        if !self.guards.are_posted() {
            self.history = wider;
            return self.ask(id, tighter);
        }
        let older = wider.get(wider.start()..start).unwrap_or_default();
        let mut items: Vec<Item> = older.iter().map(|entry| (*entry.item).clone()).collect();
        let (guards, context) = (self.guards.clone(), self.call_context(0));
        let (effect, invocation) = (self.new_effect(), id.clone());
        self.start(effect, id, async move {
            guard_again(&guards, &mut items, &context).await;
            Done::Recalled(Box::new(Recalled {
                effect,
                invocation,
                tighter,
                start,
                items,
            }))
        });
    }

    /// The guards have seen what was read again.
    pub(crate) fn recalled(&mut self, recalled: Recalled) {
        self.over(recalled.effect);
        // Somebody else's payload may have needed it too, or less.
        if self.history.start() == recalled.start {
            let items = recalled.items.into_iter();
            let items = items.map(|item| self.counting.measured(item)).collect();
            self.history.give_back(items);
        }
        self.ask(&recalled.invocation, recalled.tighter);
    }
}

/// Show the guards a part of the conversation that is taken up again: they may be others than when it was held. The record stays as it is.
async fn guard_again(guards: &Guards, items: &mut [Item], context: &CallContext) {
    if !guards.are_posted() {
        return;
    }
    for item in items {
        let (text, provenance) = match item {
            Item::Text {
                text, provenance, ..
            } => (text, &*provenance),
            Item::Result(result) => (&mut result.text, &result.provenance),
            Item::Assistant { .. } => continue,
        };
        if *provenance == Provenance::House {
            continue;
        }
        let plain = text.plain().into_owned();
        let inspected = guards.on_the_way_in(&plain, provenance, &[], context).await;
        if inspected.changes() {
            *text = inspected.apply(plain).into();
        }
    }
}

/// The end of the conversation of `run`, as much as is `needed`; all of it where its records do not say what stood before them, or counted it otherwise.
fn ending(
    journal: &Journal,
    run: &str,
    from: Option<RecordId>,
    by: &str,
    needed: &Needed,
    measure: impl Fn(Item) -> HistoryItem,
) -> Result<Ending, RuntimeError> {
    let mut history: Option<History> = None;
    newest_first(journal, run, from, |_, read| {
        if let (Some(n), Some(before), Some(counted_by)) = (read.n, read.before, read.by)
            && n == before.all.items
            && counted_by == by
        {
            let mut end = History::after(before, None);
            end.push(measure(read.item));
            history = Some(end);
        }
        Ok(ControlFlow::Break(()))
    })?;
    let Some(mut history) = history else {
        let mut items = VecDeque::new();
        newest_first(journal, run, from, |_, read| {
            items.push_front(read.item);
            Ok(ControlFlow::Continue(()))
        })?;
        return Ok(Ending {
            before: Mark::default(),
            prompt: None,
            items: items.into(),
        });
    };
    read_back(journal, run, from, &mut history, needed, measure)?;
    let before = history.before();
    let wanted = history.mark().prompt.filter(|at| *at < history.start());
    let mut prompt = None;
    if let Some(wanted) = wanted {
        newest_first(journal, run, from, |_, read| {
            if read.n != Some(wanted) {
                return Ok(ControlFlow::Continue(()));
            }
            prompt = Some(read.item);
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(Ending {
        before: Mark {
            prompt: wanted,
            by_person: wanted.is_some() && history.mark().by_person,
            ..before
        },
        prompt,
        items: history
            .items()
            .iter()
            .map(|entry| (*entry.item).clone())
            .collect(),
    })
}

/// Give `history` back what it has forgotten until it meets what is `needed`.
fn read_back(
    journal: &Journal,
    run: &str,
    from: Option<RecordId>,
    history: &mut History,
    needed: &Needed,
    measure: impl Fn(Item) -> HistoryItem,
) -> Result<(), RuntimeError> {
    if history.meets(needed) {
        return Ok(());
    }
    let mut next = history.start();
    let mut page: VecDeque<HistoryItem> = VecDeque::with_capacity(PAGE);
    newest_first(journal, run, from, |record, read| {
        let n = read.n.unwrap_or(usize::MAX);
        if n >= next {
            return Ok(ControlFlow::Continue(()));
        }
        if n + 1 != next {
            return Err(RuntimeError::Damaged {
                run: run.to_owned(),
                record,
                why: format!("item {} of the conversation is missing behind it", n + 1),
            });
        }
        next = n;
        // Enough is held only where no result has lost its call.
        let begins_a_turn = matches!(read.item, Item::Assistant { .. });
        page.push_front(measure(read.item));
        if page.len() >= PAGE && begins_a_turn {
            history.give_back(std::mem::take(&mut page).into());
            if history.meets(needed) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(match n {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    })?;
    history.give_back(page.into());
    Ok(())
}

/// Show `visit` the items of `run` from the record `from` on, each with the number of its record, the newest first, until it has seen enough.
fn newest_first(
    journal: &Journal,
    run: &str,
    from: Option<RecordId>,
    mut visit: impl FnMut(u64, Recorded) -> Result<ControlFlow<()>, RuntimeError>,
) -> Result<(), RuntimeError> {
    let mut failed = None;
    let look = |record: Record| {
        if record.kind != Kind::Item.name() {
            return ControlFlow::Continue(());
        }
        let read = serde_json::from_str(&record.body)
            .map_err(|why| RuntimeError::unreadable(&record, &why));
        match read.and_then(|read| visit(record.seq.0, read)) {
            Ok(flow) => flow,
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    match from {
        Some(newest) => journal.tail_from(run, newest, look)?,
        None => journal.tail(run, look)?,
    }
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
