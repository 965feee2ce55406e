//! The last step: build every chunk, measure, trim each by its own policy, rebalance the whole, emit in map order.
//!
//! The order of decisions is told in [`rebalance`](crate::rebalance).

use crate::chunk::{Chunk, Sent, Whole};
use crate::history::{Conversation, Short};
use crate::plan::{Allowed, Content, Origin, Piece, Planned};
use crate::rebalance::{rebalance, share_the_rest, total, within_budgets};
use crate::text::{Part, TextCut, TextWhole};
use crate::tools::ToolsBody;
use crate::{
    AssembleError, Estimator, Gathered, GatheredText, MapReport, NeedId, NeedKind, Plan, Said,
    Scale, Shape, Shared, SummaryWanted, Template, Tools, Trim, breakpoints,
};
use std::borrow::Cow;
use std::ops::Range;
use types::{CacheClass, Payload, Provenance};

/// A payload and the account of how it was filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// What is sent.
    pub payload: Payload,
    /// What each chunk holds of it.
    pub report: MapReport,
    /// What should be summed up of the conversation, for later payloads or (where it `must`) for this one.
    pub summary: Option<SummaryWanted>,
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
        said: &Said<'_>,
        tools: &Tools<'_>,
        estimator: &dyn Estimator,
    ) -> Result<Assembled, AssembleError> {
        let room = self.room();
        if self.parameters.context_length <= self.parameters.max_output {
            return Err(AssembleError::NoRoom {
                limit: self.parameters.context_length,
                reserve: self.parameters.max_output,
            });
        }
        let world = World {
            plan: self,
            gathered,
            said,
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
        share_the_rest(&mut chunks, room, self.tightened, estimator);
        rebalance(&mut chunks, room, self.most, estimator)?;
        self.is_held(&chunks, said)?;
        let summary = self.wanted(&chunks, said);
        Ok(Assembled {
            summary: summary.map_err(|Short| self.needs_more(said))?,
            ..self.emit(&chunks, said, estimator)
        })
    }

    /// Say so where something of the conversation is to be sent that is not held.
    ///
    /// A cut that may begin before what is held counts less than it takes. While it does, the others give up at most what they would give up anyway; where
    /// they give up less, the whole fits, so that the cut stays as it is and is found here.
    fn is_held(&self, chunks: &[Chunk<'_>], said: &Said<'_>) -> Result<(), AssembleError> {
        let is_held = |chunk: &Chunk<'_>| match &chunk.sent {
            Sent::History(conversation, kept) => conversation.holds(kept.from),
            _ => true,
        };
        match chunks.iter().all(is_held) {
            true => Ok(()),
            false => Err(self.needs_more(said)),
        }
    }

    fn needs_more(&self, said: &Said<'_>) -> AssembleError {
        AssembleError::NeedsMore {
            needed: self.needed(said.summary),
        }
    }

    /// What should be summed up: the room of the conversation is what the others leave of the window, and at most its own budget.
    fn wanted(
        &self,
        chunks: &[Chunk<'_>],
        said: &Said<'_>,
    ) -> Result<Option<SummaryWanted>, Short> {
        let Some(terms) = &self.summary else {
            return Ok(None);
        };
        let of_history = |chunk: &&Chunk<'_>| {
            chunk.planned.trim == Trim::Summary && matches!(chunk.sent, Sent::History(..))
        };
        let Some(chunk) = chunks.iter().find(of_history) else {
            return Ok(None);
        };
        let Sent::History(conversation, kept) = &chunk.sent else {
            return Ok(None);
        };
        let left = self.room().saturating_sub(total(chunks) - chunk.tokens);
        let room = chunk
            .planned
            .budget
            .map_or(left, |allowed| allowed.budget.min(left));
        conversation.wanted(*kept, room, terms, said.inferences)
    }

    fn emit(&self, chunks: &[Chunk<'_>], said: &Said<'_>, estimator: &dyn Estimator) -> Assembled {
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
                    shape.put_history(id, &payload.items[start..], said, estimator);
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
            summary: None,
            shape,
            scale: Scale::ONE,
        }
    }
}

/// Everything that chunks are built from.
struct World<'a> {
    plan: &'a Plan,
    gathered: &'a Gathered,
    said: &'a Said<'a>,
    tools: &'a Tools<'a>,
    estimator: &'a dyn Estimator,
}

impl<'a> World<'a> {
    fn build(&self, planned: &'a Planned) -> Result<Chunk<'a>, AssembleError> {
        let whole = match &planned.content {
            Content::Pieces(pieces) => self.text(planned, pieces)?,
            Content::Tools(mode) => Whole::Tools(ToolsBody::new(self.tools, *mode, self.estimator)),
            Content::History => {
                let summed = planned.trim == Trim::Summary;
                let conversation = Conversation::new(self.said, summed);
                Whole::History(conversation.map_err(|Short| self.plan.needs_more(self.said))?)
            }
        };
        Ok(Chunk::new(
            planned,
            whole,
            self.notes(planned),
            self.estimator,
        ))
    }

    /// What the runtime noted about the needs of a chunk.
    fn notes(&self, planned: &Planned) -> Vec<String> {
        let Content::Pieces(pieces) = &planned.content else {
            return Vec::new();
        };
        let needs = pieces.iter().filter_map(|piece| match piece.origin {
            Origin::Needed(need) => Some(need),
            Origin::Fixed(_) => None,
        });
        needs
            .flat_map(|need| self.gathered.notes(need))
            .cloned()
            .collect()
    }

    fn text(&self, planned: &Planned, pieces: &[Piece]) -> Result<Whole<'a>, AssembleError> {
        let mut parts = Vec::with_capacity(pieces.len());
        let mut already_cut = 0;
        for piece in pieces {
            self.is_there(planned, piece)?;
            match piece.own {
                None => parts.extend(self.parts(piece)?),
                Some((allowed, trim)) => {
                    let (kept, cut) = self.trimmed(piece, allowed, trim)?;
                    parts.extend(kept);
                    already_cut += cut;
                }
            }
        }
        let tags = planned.tags.clone();
        Ok(Whole::Text(TextWhole::new(
            parts,
            tags,
            already_cut,
            self.estimator,
        )))
    }

    /// What must not be trimmed must not be left out either.
    fn is_there(&self, planned: &Planned, piece: &Piece) -> Result<(), AssembleError> {
        let own = piece.own.map(|(_, trim)| trim);
        let Origin::Needed(need) = piece.origin else {
            return Ok(());
        };
        match self.gathered.why_missing(need) {
            Some(why) if own.unwrap_or(planned.trim) == Trim::Never || piece.protected => {
                Err(AssembleError::LeftOut {
                    chunk: piece.id.clone(),
                    why: why.to_owned(),
                    place: piece.place.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// A state's chunk, held to the budget that the state itself gave it, and the tokens cut.
    fn trimmed(
        &self,
        piece: &Piece,
        allowed: Allowed,
        trim: Trim,
    ) -> Result<(Vec<Part>, u64), AssembleError> {
        let parts = self.parts(piece)?;
        let Some(like) = parts.first().cloned() else {
            return Ok((parts, 0));
        };
        let whole = TextWhole::new(parts, None, 0, self.estimator);
        let Allowed { budget, most } = allowed;
        let is_kept = trim == Trim::Never && whole.tokens() <= most;
        if whole.tokens() <= budget || is_kept {
            return Ok((whole.into_parts(), 0));
        }
        if trim == Trim::Never {
            return Err(AssembleError::OverBudget {
                chunk: piece.id.clone(),
                tokens: whole.tokens(),
                budget,
                factor: self.estimator.scale(),
                place: piece.place.clone(),
            });
        }
        let TextCut { body, cut } = whole.trimmed(trim, budget, self.estimator);
        Ok((body.into_parts(&like).collect(), cut))
    }

    /// The texts of a piece, and what decides which of them are kept.
    fn parts(&self, piece: &Piece) -> Result<Vec<Part>, AssembleError> {
        let part = |text| Part {
            text,
            priority: piece.priority,
            protected: piece.protected,
        };
        Ok(self.texts(piece)?.into_iter().map(part).collect())
    }

    /// `text`, unable to open or close a section where it is not the house's own: files are, and what fills a template is not.
    fn harmless(&self, text: &GatheredText, need: NeedId) -> GatheredText {
        let kind = self.plan.need(need).map(|need| &need.kind);
        match &self.plan.sections {
            Some(sections) if !matches!(kind, Some(NeedKind::File(_))) => {
                let text = text.clone();
                match sections.neutralise(&text.text) {
                    Cow::Borrowed(_) => text,
                    Cow::Owned(harmless) => GatheredText {
                        text: harmless.into(),
                        ..text
                    },
                }
            }
            _ => text.clone(),
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
                let found = self.gathered.get(*need).map(|texts| {
                    let harmless = texts.iter().map(|text| self.harmless(text, *need));
                    harmless.collect()
                });
                found.ok_or_else(|| AssembleError::NotGathered {
                    chunk: piece.id.clone(),
                    what: what(self.plan.need(*need).map(|need| &need.kind)),
                    place: piece.place.clone(),
                })
            }
        }
    }
}

/// A need in words.
fn what(kind: Option<&NeedKind>) -> String {
    match kind {
        Some(NeedKind::File(path)) => format!("the file {path}"),
        Some(NeedKind::Template(Template::File(path))) => format!("the template {path}"),
        Some(NeedKind::Template(Template::Inline(_))) => "its template filled".to_owned(),
        Some(NeedKind::Memory { layer, .. }) => format!("the remembered {}", layer.name()),
        Some(NeedKind::Plugin { name, .. }) => format!("what plugin {name} provides"),
        None => "something the plan does not know".to_owned(),
    }
}
