//! The rolling summary of a conversation: what stands in for its older part, and when a newer one is wanted.
//!
//! Nothing is summed up here. The runtime has it done, ahead of need and beside the turn that goes on, and gives the result with the next payload. What is
//! wanted is a pure function of the conversation and its room, like the cut itself.

use crate::history::{Conversation, Kept, Short};
use crate::plan::SummaryTerms;
use crate::text::{Part, TextWhole};
use crate::{Estimator, GatheredText, Trim};
use std::sync::Arc;
use types::{Item, Label, Provenance, Role};

/// Stands before the summary, so that the model does not take it for something that was said.
const HEADING: &str = "What was said before, summed up:";

/// A summary of the oldest items of a run, made once and sent as the same bytes every turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What is sent: one text of the user's.
    pub item: Arc<Item>,
    /// How many items it covers, counted from the run's first.
    pub upto: usize,
    /// Tokens of the item by the estimator in use.
    pub tokens: u64,
}

impl Summary {
    /// A summary whose author, by `provenance`, wrote `text` about the first `upto` items of the run.
    ///
    /// A text that did not come from the house goes through [`neutralise`](crate::neutralise) first, as everything does that joins the conversation.
    pub fn measured(
        text: &str,
        upto: usize,
        provenance: Provenance,
        labels: Vec<Label>,
        estimator: &dyn Estimator,
    ) -> Self {
        let item = Item::Text {
            role: Role::User,
            text: headed(text).into(),
            provenance,
            labels,
        };
        Summary {
            tokens: estimator.item(&item),
            item: Arc::new(item),
            upto,
        }
    }

    /// As much of `text` as makes a summary of at most `budget` tokens, with a last line that says what was cut: an author that does not keep to its budget
    /// would otherwise be asked again every turn. `None` where nothing of it fits.
    pub fn within(text: &str, budget: u64, estimator: &dyn Estimator) -> Option<String> {
        let part = Part {
            text: GatheredText {
                text: text.into(),
                provenance: Provenance::House,
                labels: Vec::new(),
            },
            priority: 0,
            protected: false,
        };
        // The heading is measured by itself, which never makes the two together longer than they are taken for.
        let room = estimator.scale().raw(budget);
        let room = room.checked_sub(estimator.tokens(&headed("")))?;
        TextWhole::new(vec![part], None, 0, estimator)
            .trimmed(Trim::Tail, room, estimator)
            .body
            .first_text()
    }
}

fn headed(text: &str) -> String {
    format!("{HEADING}\n\n{text}")
}

/// That a part of the conversation should be summed up. It is said with every payload until a summary is there, also while one is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryWanted {
    /// How many items the summary is to cover, counted from the run's first. Items that an earlier summary covers may be read from that one.
    pub upto: usize,
    /// Tokens it may take.
    pub budget: u64,
    /// Whether this payload lost something already that no summary covers.
    pub must: bool,
}

impl Conversation<'_> {
    /// Whether more should be summed up than is, given what is `kept` of the conversation in `room` tokens.
    ///
    /// It should when the room is filled further than the author allows, when so many inferences have passed, or when something was lost. The summary is to
    /// cover what a later cut takes away: all but the newest half of what the room may be filled with (of what there is, where that is less), so that the
    /// next one is wanted only after as much again was said, and never the newest exchange.
    pub fn wanted(
        &self,
        kept: Kept,
        room: u64,
        terms: &SummaryTerms,
        inferences: u64,
    ) -> Result<Option<SummaryWanted>, Short> {
        let threshold = terms.at.of(room);
        let (covered, summary) = self
            .covered
            .map_or((0, 0), |covered| (covered.tokens, covered.summary.tokens));
        let open = self.tokens() - covered;
        let must = self.unsummed(kept) > 0;
        let due = terms
            .every
            .is_some_and(|every| every > 0 && inferences >= every);
        if !(must || due || open + summary > threshold) {
            return Ok(None);
        }
        let half = self.cut_to(threshold.min(open) / 2);
        if !self.holds(half.from) {
            return Err(Short);
        }
        let mut upto = half.from;
        if must {
            upto = upto.max(kept.from);
        }
        // As long as the half that stays: more would leave no room for what is said next.
        let budget = terms.budget.min(threshold / 2);
        let from = self.covered.map_or(self.start(), |covered| covered.upto);
        if upto <= from || budget == 0 {
            return Ok(None);
        }
        // Whoever sums it up has to read all of it.
        match self.holds(from) {
            true => Ok(Some(SummaryWanted { upto, budget, must })),
            false => Err(Short),
        }
    }
}
