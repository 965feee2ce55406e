//! One chunk of a payload in the making: all that it could hold, and what of it is sent so far.

use crate::history::{Conversation, Kept};
use crate::plan::{Allowed, Planned};
use crate::report::Provenances;
use crate::text::{TextCut, TextWhole};
use crate::tools::ToolsBody;
use crate::{AssembleError, ChunkReport, Estimator, ProvenanceShare, Scale, Trim};
use types::{Item, Provenance};

/// A chunk with all it could hold, and what of it is sent.
pub(crate) struct Chunk<'a> {
    pub planned: &'a Planned,
    whole: Whole<'a>,
    pub sent: Sent<'a>,
    /// Tokens sent.
    pub tokens: u64,
    /// What is to be known of what was gathered for it.
    notes: Vec<String>,
}

/// All that it could hold.
pub(crate) enum Whole<'a> {
    Text(TextWhole),
    History(Conversation<'a>),
    Tools(ToolsBody<'a>),
}

/// What of it is sent.
pub(crate) enum Sent<'a> {
    Text(TextCut),
    History(Conversation<'a>, Kept),
    Tools(ToolsBody<'a>),
}

impl<'a> Chunk<'a> {
    /// The whole of it, with the notes of what was gathered for it.
    pub fn new(
        planned: &'a Planned,
        whole: Whole<'a>,
        notes: Vec<String>,
        estimator: &dyn Estimator,
    ) -> Self {
        let sent = match &whole {
            Whole::Text(whole) => Sent::Text(whole.whole()),
            Whole::History(conversation) => Sent::History(*conversation, conversation.whole()),
            Whole::Tools(body) => Sent::Tools(body.clone()),
        };
        let mut chunk = Chunk {
            planned,
            whole,
            sent,
            tokens: 0,
            notes,
        };
        chunk.tokens = chunk.measure(estimator);
        chunk
    }

    /// Whether it holds the conversation.
    pub fn is_history(&self) -> bool {
        matches!(self.whole, Whole::History(_))
    }

    fn measure(&self, estimator: &dyn Estimator) -> u64 {
        match &self.sent {
            Sent::Text(cut) => cut.body.tokens(estimator),
            Sent::History(_, kept) => kept.tokens,
            Sent::Tools(body) => body.tokens(),
        }
    }

    /// The least that it can be trimmed to: asked only when something has to go.
    pub fn least(&self, estimator: &dyn Estimator) -> u64 {
        let never = self.planned.trim == Trim::Never;
        match &self.whole {
            Whole::Text(whole) => whole.least(self.planned.trim, estimator),
            Whole::History(conversation) if never => conversation.tokens(),
            Whole::History(conversation) => conversation.least().tokens,
            Whole::Tools(body) if never => body.tokens(),
            Whole::Tools(body) => body.least(estimator).tokens(),
        }
    }

    /// Trim the whole to `room`, which is at least [`Chunk::least`]: a text as its definition says, a history at its oldest turns, tools at the last.
    pub fn fit(&mut self, room: u64, estimator: &dyn Estimator) {
        self.sent = match &self.whole {
            Whole::Text(whole) => Sent::Text(whole.trimmed(self.planned.trim, room, estimator)),
            Whole::History(conversation) => Sent::History(*conversation, conversation.fit(room)),
            Whole::Tools(body) => Sent::Tools(body.tail_cut(room, estimator)),
        };
        self.tokens = self.measure(estimator);
    }

    /// Trim to `budget`, or say why it cannot be done.
    pub fn fit_budget(
        &mut self,
        allowed: Allowed,
        estimator: &dyn Estimator,
    ) -> Result<(), AssembleError> {
        let Allowed { budget, most } = allowed;
        if self.tokens <= budget {
            return Ok(());
        }
        let tokens = self.least(estimator);
        if tokens <= budget.max(most) {
            if tokens < self.tokens {
                self.fit(budget.max(tokens), estimator);
            }
            if self.tokens > budget {
                self.notes.push(beyond_budget(estimator.scale()));
            }
            return Ok(());
        }
        let factor = estimator.scale();
        let (chunk, place) = (self.planned.id.clone(), self.planned.place.clone());
        Err(match &self.whole {
            Whole::History(_) if self.planned.trim != Trim::Never => {
                AssembleError::NewestOverBudget {
                    chunk,
                    tokens,
                    budget,
                    factor,
                    place,
                }
            }
            _ => AssembleError::OverBudget {
                chunk,
                tokens,
                budget,
                factor,
                place,
            },
        })
    }

    /// What it came to.
    pub fn report(&self, estimator: &dyn Estimator) -> ChunkReport {
        let trimmed = match (&self.whole, &self.sent) {
            (Whole::History(conversation), Sent::History(_, kept)) => conversation.trimmed(*kept),
            (Whole::Tools(whole), Sent::Tools(kept)) => whole.trimmed(kept),
            (_, Sent::Text(cut)) => cut.cut,
            _ => 0,
        };
        ChunkReport {
            id: self.planned.id.clone(),
            role: self.planned.role,
            source: self.planned.source.clone(),
            tokens: self.tokens,
            budget: self.planned.budget.map(|allowed| allowed.budget),
            trimmed,
            cached: 0,
            cache: self.planned.cache,
            priority: self.planned.priority,
            note: self.note(estimator.scale()),
            provenance: self.provenance(estimator),
        }
    }

    fn note(&self, scale: Scale) -> Option<String> {
        let mut notes = self.notes.clone();
        if let Sent::History(conversation, kept) = &self.sent
            && self.planned.trim == Trim::Summary
        {
            notes.extend(conversation.notes(*kept, scale));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn provenance(&self, estimator: &dyn Estimator) -> Vec<ProvenanceShare> {
        let mut from = Provenances::default();
        match &self.sent {
            Sent::Text(cut) => {
                for (provenance, tokens) in cut.body.shares(estimator) {
                    from.add(provenance, tokens);
                }
            }
            Sent::History(conversation, kept) => {
                if let Some(summary) = conversation.summary(*kept) {
                    from.add(provenance_of(&summary.item), summary.tokens);
                }
                for entry in conversation.entries(*kept) {
                    from.add(provenance_of(&entry.item), entry.tokens);
                }
            }
            Sent::Tools(body) => {
                for offer in body.offers() {
                    let plugin = offer.schema.name.split_once('.');
                    let plugin = plugin.map(|(plugin, _)| format!("plugin:{plugin}"));
                    from.add_named(plugin.as_deref().unwrap_or("house"), offer.tokens);
                }
                if body.notice_tokens() > 0 {
                    from.add_named("house", body.notice_tokens());
                }
            }
        }
        from.shares()
    }
}

/// Why a chunk is longer than its budget.
fn beyond_budget(factor: Scale) -> String {
    format!(
        "longer than its budget only because the model is thought to count {:.2} tokens for one of the estimate; it is sent all the same",
        factor.factor()
    )
}

fn provenance_of(item: &Item) -> &Provenance {
    match item {
        Item::Text { provenance, .. } | Item::Assistant { provenance, .. } => provenance,
        Item::Result(result) => &result.provenance,
    }
}
