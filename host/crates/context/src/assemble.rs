//! The last step: build every chunk, measure, trim each by its own policy, rebalance the whole, emit in map order.
//!
//! The order of decisions, so that anybody can work out on paper what is sent:
//! 1. A chunk with a budget is trimmed to it. `never` (and what else may not go) fails loudly instead.
//! 2. The flexible chunk takes what the others leave, within its own budget if it has one.
//! 3. While the whole is still too long, chunks give up what is missing: the lowest priority first, of equal ones the later in the map first, each as far
//!    as its own policy lets it.
//!
//! So a payload can be made exactly when what may not go (of each chunk, its least) fits into its budget and all of it together fits into the window.

use crate::history::{Conversation, Kept};
use crate::plan::{Content, Origin, Piece, Planned};
use crate::report::Provenances;
use crate::text::{TextBody, TextCut};
use crate::tools::ToolsBody;
use crate::{
    AssembleError, ChunkReport, Estimator, Gathered, GatheredText, HistoryItem, MapReport,
    NeedKind, Plan, ProvenanceShare, Scale, Shape, Shared, Tools, Trim, breakpoints,
};
use std::ops::Range;
use types::{CacheClass, Item, Payload, Provenance};

/// A payload and the account of how it was filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// What is sent.
    pub payload: Payload,
    /// What each chunk holds of it.
    pub report: MapReport,
    /// What it is made of, to compare the next one with.
    pub shape: Shape,
    /// From the raw units of the shape to tokens.
    pub scale: Scale,
}

impl Assembled {
    /// Say what of it was sent before, with the `earlier` payload of the same run: the report learns what can be cached, the payload where its prefixes end.
    /// `tokens_of` counts a stretch of the run's conversation by the sizes that its items were measured with.
    pub fn follow(&mut self, earlier: &Shape, tokens_of: impl Fn(Range<usize>) -> u64) -> Shared {
        let shared = self.shape.shared(earlier, tokens_of).scaled(self.scale);
        self.report.note_cached(&shared);
        self.payload.breakpoints = breakpoints(&self.shape, Some(earlier));
        shared
    }
}

impl Plan {
    /// The payload, with room, budgets and report in the raw units of `estimator`.
    pub(crate) fn assemble_raw(
        &self,
        gathered: &Gathered,
        history: &[HistoryItem],
        tools: &Tools<'_>,
        estimator: &dyn Estimator,
    ) -> Result<Assembled, AssembleError> {
        let room = self.room();
        if room == 0 {
            return Err(AssembleError::NoRoom {
                limit: self.parameters.context_length,
                reserve: self.parameters.max_output,
            });
        }
        let world = World {
            plan: self,
            gathered,
            history,
            tools,
            estimator,
        };
        let chunks: Result<Vec<Chunk<'_>>, _> = self
            .chunks
            .iter()
            .map(|planned| world.build(planned))
            .collect();
        let mut chunks = chunks?;
        within_budgets(&mut chunks, estimator)?;
        share_the_rest(&mut chunks, room, estimator)?;
        rebalance(&mut chunks, room, estimator)?;
        Ok(self.emit(&chunks, history, estimator))
    }

    fn emit(
        &self,
        chunks: &[Chunk<'_>],
        history: &[HistoryItem],
        estimator: &dyn Estimator,
    ) -> Assembled {
        let mut payload = Payload {
            items: Vec::new(),
            tools: Vec::new(),
            parameters: self.parameters.clone(),
            breakpoints: Vec::new(),
        };
        let mut shape = Shape::new(&self.parameters);
        let mut notice = None;
        for chunk in chunks {
            let id = &*chunk.planned.id;
            let stable = chunk.planned.cache == CacheClass::Stable;
            match &chunk.sent {
                Sent::Text(cut) => {
                    let items = cut.body.items(chunk.planned.role);
                    for (item, (_, tokens)) in items.zip(cut.body.shares(estimator)) {
                        shape.put_item(id, stable, &item, tokens);
                        payload.items.push(item);
                    }
                }
                Sent::History(conversation, kept) => {
                    let start = payload.items.len();
                    payload.items.extend(conversation.items(*kept));
                    shape.put_history(id, &payload.items[start..], history, estimator);
                }
                Sent::Tools(body) => {
                    payload.tools.extend(body.schemas());
                    shape.put_tools(id, stable, body.offers());
                    notice = body.notice().map(|item| (id, body.notice_tokens(), item));
                }
            }
        }
        if let Some((id, tokens, item)) = notice {
            shape.put_item(id, false, &item, tokens);
            payload.items.push(item);
        }
        payload.breakpoints = breakpoints(&shape, None);
        let report = MapReport {
            limit: self.parameters.context_length,
            reserve: self.parameters.max_output,
            total: total(chunks),
            cached: 0,
            estimator: estimator.name().to_owned(),
            calibration: estimator.calibration(),
            chunks: chunks.iter().map(|chunk| chunk.report(estimator)).collect(),
        };
        Assembled {
            payload,
            report,
            shape,
            scale: Scale::ONE,
        }
    }
}

/// Everything that chunks are built from.
struct World<'a> {
    plan: &'a Plan,
    gathered: &'a Gathered,
    history: &'a [HistoryItem],
    tools: &'a Tools<'a>,
    estimator: &'a dyn Estimator,
}

impl<'a> World<'a> {
    fn build(&self, planned: &'a Planned) -> Result<Chunk<'a>, AssembleError> {
        let whole = match &planned.content {
            Content::Pieces(pieces) => self.text(pieces)?,
            Content::Tools(mode) => Whole::Tools(ToolsBody::new(self.tools, *mode, self.estimator)),
            Content::History => Whole::History(Conversation::new(self.history)),
        };
        Ok(Chunk::new(planned, whole, self.estimator))
    }

    fn text(&self, pieces: &[Piece]) -> Result<Whole<'a>, AssembleError> {
        let mut texts = Vec::with_capacity(pieces.len());
        let mut already_cut = 0;
        for piece in pieces {
            match piece.own {
                None => texts.extend(self.texts(piece)?),
                Some((budget, trim)) => {
                    let TextCut { body, cut } = self.trimmed(piece, budget, trim)?;
                    texts.extend(body.into_texts());
                    already_cut += cut;
                }
            }
        }
        Ok(Whole::Text(TextCut {
            body: TextBody::new(texts, self.estimator),
            cut: already_cut,
        }))
    }

    /// A state's chunk, held to the budget that the state itself gave it.
    fn trimmed(&self, piece: &Piece, budget: u64, trim: Trim) -> Result<TextCut, AssembleError> {
        let body = TextBody::new(self.texts(piece)?, self.estimator);
        let tokens = body.tokens(self.estimator);
        match trim {
            Trim::Never if tokens > budget => Err(AssembleError::OverBudget {
                chunk: piece.id.clone(),
                tokens,
                budget,
                place: piece.place.clone(),
            }),
            _ => Ok(body.tail_cut(budget, self.estimator)),
        }
    }

    fn texts(&self, piece: &Piece) -> Result<Vec<GatheredText>, AssembleError> {
        match &piece.origin {
            Origin::Fixed(text) => Ok(vec![GatheredText {
                text: text.clone(),
                provenance: Provenance::House,
                labels: Vec::new(),
            }]),
            Origin::Needed(need) => {
                let found = self.gathered.get(*need).map(<[_]>::to_vec);
                found.ok_or_else(|| AssembleError::NotGathered {
                    chunk: piece.id.clone(),
                    what: match self.plan.need(*need).map(|need| &need.kind) {
                        Some(NeedKind::File(path)) => format!("the file {path}"),
                        Some(NeedKind::Plugin { name, .. }) => {
                            format!("what plugin {name} provides")
                        }
                        None => "something the plan does not know".to_owned(),
                    },
                    place: piece.place.clone(),
                })
            }
        }
    }
}

/// A chunk with all it could hold, and what of it is sent.
struct Chunk<'a> {
    planned: &'a Planned,
    whole: Whole<'a>,
    sent: Sent<'a>,
    /// Tokens sent.
    tokens: u64,
}

enum Whole<'a> {
    /// With the tokens that states' own budgets have cut already.
    Text(TextCut),
    History(Conversation<'a>),
    Tools(ToolsBody<'a>),
}

enum Sent<'a> {
    Text(TextCut),
    History(Conversation<'a>, Kept),
    Tools(ToolsBody<'a>),
}

impl<'a> Chunk<'a> {
    fn new(planned: &'a Planned, whole: Whole<'a>, estimator: &dyn Estimator) -> Self {
        let sent = match &whole {
            Whole::Text(whole) => Sent::Text(whole.clone()),
            Whole::History(conversation) => Sent::History(*conversation, conversation.whole()),
            Whole::Tools(body) => Sent::Tools(body.clone()),
        };
        let mut chunk = Chunk {
            planned,
            whole,
            sent,
            tokens: 0,
        };
        chunk.tokens = chunk.measure(estimator);
        chunk
    }

    fn measure(&self, estimator: &dyn Estimator) -> u64 {
        match &self.sent {
            Sent::Text(cut) => cut.body.tokens(estimator),
            Sent::History(_, kept) => kept.tokens,
            Sent::Tools(body) => body.tokens(),
        }
    }

    /// The least that it can be trimmed to: asked only when something has to go.
    fn least(&self, estimator: &dyn Estimator) -> u64 {
        match &self.whole {
            Whole::Text(whole) if self.planned.trim == Trim::Never => whole.body.tokens(estimator),
            Whole::History(conversation) if self.planned.trim == Trim::Never => {
                conversation.tokens()
            }
            Whole::Tools(body) if self.planned.trim == Trim::Never => body.tokens(),
            Whole::Text(_) => 0,
            Whole::History(conversation) => conversation.least().tokens,
            Whole::Tools(body) => body.least(estimator).tokens(),
        }
    }

    /// Trim the whole to `room`, which is at least [`Chunk::least`]. A history loses its oldest turns, everything else its end, whichever of `oldest` and
    /// `tail` its definition says: only one of them has a meaning for each.
    fn fit(&mut self, room: u64, estimator: &dyn Estimator) {
        self.sent = match &self.whole {
            Whole::Text(whole) => {
                let TextCut { body, cut } = whole.body.tail_cut(room, estimator);
                Sent::Text(TextCut {
                    body,
                    cut: whole.cut + cut,
                })
            }
            Whole::History(conversation) => Sent::History(*conversation, conversation.fit(room)),
            Whole::Tools(body) => Sent::Tools(body.tail_cut(room, estimator)),
        };
        self.tokens = self.measure(estimator);
    }

    /// Trim to `budget`, or say why it cannot be done.
    fn fit_budget(&mut self, budget: u64, estimator: &dyn Estimator) -> Result<(), AssembleError> {
        if self.tokens <= budget {
            return Ok(());
        }
        let tokens = self.least(estimator);
        if tokens <= budget {
            self.fit(budget, estimator);
            return Ok(());
        }
        let (chunk, place) = (self.planned.id.clone(), self.planned.place.clone());
        Err(match &self.whole {
            Whole::History(_) if self.planned.trim != Trim::Never => {
                AssembleError::NewestOverBudget {
                    chunk,
                    tokens,
                    budget,
                    place,
                }
            }
            _ => AssembleError::OverBudget {
                chunk,
                tokens,
                budget,
                place,
            },
        })
    }

    fn report(&self, estimator: &dyn Estimator) -> ChunkReport {
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
            budget: self.planned.budget,
            trimmed,
            cached: 0,
            cache: self.planned.cache,
            priority: self.planned.priority,
            note: None,
            provenance: self.provenance(estimator),
        }
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

fn provenance_of(item: &Item) -> &Provenance {
    match item {
        Item::Text { provenance, .. } | Item::Assistant { provenance, .. } => provenance,
        Item::Result(result) => &result.provenance,
    }
}

fn total(chunks: &[Chunk<'_>]) -> u64 {
    chunks.iter().map(|chunk| chunk.tokens).sum()
}

fn within_budgets(
    chunks: &mut [Chunk<'_>],
    estimator: &dyn Estimator,
) -> Result<(), AssembleError> {
    for chunk in chunks {
        if let Some(budget) = chunk.planned.budget {
            chunk.fit_budget(budget, estimator)?;
        }
    }
    Ok(())
}

/// Trim the flexible chunk to what the others leave, but not below its least: what is then still missing the others give up by priority.
fn share_the_rest(
    chunks: &mut [Chunk<'_>],
    room: u64,
    estimator: &dyn Estimator,
) -> Result<(), AssembleError> {
    let whole = total(chunks);
    let Some(chunk) = chunks.iter_mut().find(|chunk| chunk.planned.flexible) else {
        return Ok(());
    };
    let left = room.saturating_sub(whole - chunk.tokens);
    if chunk.tokens > left {
        let least = chunk.least(estimator);
        chunk.fit(left.max(least), estimator);
    }
    Ok(())
}

fn rebalance(
    chunks: &mut [Chunk<'_>],
    room: u64,
    estimator: &dyn Estimator,
) -> Result<(), AssembleError> {
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    order.sort_by_key(|&index| (chunks[index].planned.priority, std::cmp::Reverse(index)));
    for index in order {
        let excess = total(chunks).saturating_sub(room);
        if excess == 0 {
            return Ok(());
        }
        let chunk = &mut chunks[index];
        let goal = chunk
            .tokens
            .saturating_sub(excess)
            .max(chunk.least(estimator));
        if goal < chunk.tokens {
            chunk.fit(goal, estimator);
        }
    }
    let tokens = total(chunks);
    if tokens <= room {
        return Ok(());
    }
    let protected = chunks.iter().filter(|chunk| chunk.tokens > 0);
    Err(AssembleError::TooLong {
        tokens,
        room,
        protected: protected
            .map(|chunk| (chunk.planned.id.clone(), chunk.tokens))
            .collect(),
    })
}
