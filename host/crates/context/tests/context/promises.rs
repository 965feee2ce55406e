//! What holds of every map with every kind of chunk, every way to trim, with sections and without, summed up or not.

use crate::common::*;
use crate::properties::{conversations, counted, texts};
use charthouse_context::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use types::*;

/// A chunk as it is drawn: what it holds, and how it is held.
#[derive(Clone, Debug)]
struct Drawn {
    pieces: Vec<(String, u8, bool)>,
    kind: Kind,
    budget: Option<u64>,
    trim: Trim,
    priority: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Memory,
    Slot,
    History,
    Tools,
}

const TRIMS: [Trim; 4] = [Trim::Never, Trim::Tail, Trim::Middle, Trim::Lowest];

fn drawn(kind: Kind) -> impl Strategy<Value = Drawn> {
    let trims = match kind {
        Kind::History => vec![Trim::Oldest, Trim::Summary, Trim::Summary],
        Kind::Tools => vec![Trim::Tail],
        Kind::Text | Kind::Memory | Kind::Slot => TRIMS.to_vec(),
    };
    let piece = (texts(), 0..4u8, proptest::bool::weighted(0.2));
    (vec(piece, 0..5), of(0..400u64), select(trims), 0..4u8).prop_map(
        move |(pieces, budget, trim, priority)| Drawn {
            pieces,
            kind,
            budget,
            trim,
            priority,
        },
    )
}

/// Maps with texts, memories, one slot, the conversation and tools, in any order.
fn maps() -> impl Strategy<Value = Vec<Drawn>> {
    (
        vec(prop_oneof![drawn(Kind::Text), drawn(Kind::Memory)], 0..4),
        drawn(Kind::Slot),
        drawn(Kind::History),
        drawn(Kind::Tools),
    )
        .prop_map(|(mut chunks, slot, history, tools)| {
            chunks.extend([slot, history, tools]);
            chunks
        })
        .prop_shuffle()
}

/// Everything that a payload is made of.
#[derive(Clone, Debug)]
pub struct World {
    chunks: Vec<Drawn>,
    sections: Sections,
    pub items: Vec<HistoryItem>,
    pub summary: Option<Summary>,
    offers: Vec<ToolOffer>,
}

pub fn worlds() -> impl Strategy<Value = World> {
    let summary = of((0..60usize, "[a-z ]{0,200}")).prop_map(|summary| {
        summary.map(|(upto, text)| {
            Summary::measured(&text, upto, Provenance::House, Vec::new(), &BytesEstimate)
        })
    });
    (
        maps(),
        select(vec![Sections::Xml, Sections::Plain]),
        conversations().prop_map(measured),
        summary,
        0..4usize,
    )
        .prop_map(|(chunks, sections, items, summary, tools)| World {
            chunks,
            sections,
            items,
            summary,
            offers: ["fs.read", "fs.write", "signal", "search.grep"][..tools]
                .iter()
                .map(|name| offer(name, *name != "fs.write"))
                .collect(),
        })
}

impl World {
    /// The name of the chunk at `index`, which stays with it when chunks change places.
    fn id(drawn: &Drawn, index: usize) -> String {
        format!("{:?}-{index}", drawn.kind).to_lowercase()
    }

    fn definition(&self, index: usize) -> ChunkDef {
        let drawn = &self.chunks[index];
        let all = drawn.pieces.iter().map(|(text, ..)| text.as_str());
        let source = match drawn.kind {
            Kind::Text => Source::Text(all.collect::<Vec<_>>().concat().into()),
            Kind::Memory => Source::Memory(MemoryLayer::Facts),
            Kind::Slot => Source::Slot(Slot::Cognition),
            Kind::History => Source::History,
            Kind::Tools => Source::Tools(ToolsMode::Declared),
        };
        ChunkDef {
            budget: drawn.budget.map(|tokens| mark(Budget::Tokens(tokens))),
            priority: drawn.priority,
            flexible: drawn.kind == Kind::History && drawn.budget.is_none(),
            ..chunk(&World::id(drawn, index), source, drawn.trim)
        }
    }

    pub fn map(&self, order: &[usize]) -> ContextMap {
        ContextMap {
            chunks: order.iter().map(|&index| self.definition(index)).collect(),
            sections: self.sections,
            summary: Some(SummaryDef {
                plugin: mark("dream".into()),
                at: Percent::parse("80%").unwrap(),
                every: Some(3),
                budget: Budget::Tokens(50),
                usd_per_day: None,
            }),
            ..ContextMap::default()
        }
    }

    /// The payload for a window of `room`, with the chunks in `order`.
    fn ordered(&self, order: &[usize], room: u64) -> Result<Assembled, AssembleError> {
        self.with(order, room, &self.said(), &BytesEstimate)
    }

    /// The whole conversation.
    pub fn said(&self) -> Said<'_> {
        Said {
            summary: self.summary.as_ref(),
            inferences: 2,
            ..Said::new(&self.items)
        }
    }

    /// The chunks in the order in which they were drawn.
    pub fn order(&self) -> Vec<usize> {
        (0..self.chunks.len()).collect()
    }

    /// The same with what was `said`, counted by `estimator`.
    pub fn with(
        &self,
        order: &[usize],
        room: u64,
        said: &Said<'_>,
        estimator: &dyn Estimator,
    ) -> Result<Assembled, AssembleError> {
        let slot = self.chunks.iter().find(|drawn| drawn.kind == Kind::Slot);
        let states: Vec<ChunkDef> = slot
            .iter()
            .flat_map(|slot| &slot.pieces)
            .map(|(content, priority, never)| {
                let trim = if *never { Trim::Never } else { Trim::Tail };
                text("state", content, trim).priority(*priority)
            })
            .collect();
        let states: Vec<&ChunkDef> = states.iter().collect();
        let slots = SlotChunks {
            cognition: &states,
            workflow: &[],
        };
        let plan = plan(&self.map(order), &slots, &model(room + 50, 50));
        let mut gathered = Gathered::new();
        for need in plan.needs() {
            let drawn = self.chunks.iter().enumerate();
            let mut drawn = drawn.filter(|(index, drawn)| World::id(drawn, *index) == need.chunk);
            let texts = drawn.next().map(|(_, drawn)| &drawn.pieces);
            let fragment = |(text, source, _): &(String, u8, bool)| GatheredText {
                text: text.as_str().into(),
                provenance: if *source == 0 {
                    Provenance::House
                } else {
                    Provenance::Human
                },
                labels: Vec::new(),
            };
            gathered.put(need.id, texts.into_iter().flatten().map(fragment).collect());
        }
        plan.assemble(
            &gathered,
            said,
            &Tools {
                offers: &self.offers,
            },
            estimator,
        )
    }

    fn assemble(&self, room: u64) -> Result<Assembled, AssembleError> {
        self.ordered(&self.order(), room)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_window_and_no_budget_is_ever_exceeded_and_the_report_tells_the_truth(world in worlds(), room in 1..2_500u64) {
        let Ok(Assembled { payload, report, .. }) = world.assemble(room) else { return Ok(()) };
        prop_assert!(report.total <= room);
        prop_assert_eq!(counted(&payload), report.total);
        prop_assert_eq!(report.chunks.iter().map(|chunk| chunk.tokens).sum::<u64>(), report.total);
        for chunk in &report.chunks {
            prop_assert!(chunk.budget.is_none_or(|budget| chunk.tokens <= budget), "{chunk:?}");
        }
    }

    #[test]
    fn what_never_protects_is_never_dropped(world in worlds(), room in 1..2_500u64) {
        let Ok(Assembled { payload, report, .. }) = world.assemble(room) else { return Ok(()) };
        let sent = shown(&payload).concat();
        for (drawn, chunk) in world.chunks.iter().zip(&report.chunks) {
            if drawn.trim == Trim::Never {
                prop_assert_eq!(chunk.trimmed, 0);
            }
            if drawn.kind == Kind::Slot && drawn.trim == Trim::Lowest {
                for (text, _, _) in drawn.pieces.iter().filter(|(text, _, never)| *never && !text.trim().is_empty()) {
                    prop_assert!(sent.contains(text.trim_end()), "{text}");
                }
            }
        }
    }

    /// With budgets in tokens: a larger window never sends fewer tokens of any chunk. (With budgets in shares that holds of each chunk's budget; one that makes
    /// way for others, as the flexible one does, may get less when these get more.)
    #[test]
    fn a_larger_window_never_sends_less_of_any_chunk(world in worlds(), small in 1..2_000u64, more in 0..800u64) {
        let Ok(before) = world.assemble(small) else { return Ok(()) };
        let after = world.assemble(small + more);
        prop_assert!(after.is_ok(), "{after:?}");
        for (before, after) in before.report.chunks.iter().zip(&after.unwrap().report.chunks) {
            prop_assert!(after.tokens >= before.tokens, "{before:?} {after:?}");
        }
    }

    /// A larger budget never sends fewer tokens of the chunk whose budget it is, as long as the window has room for all.
    #[test]
    fn a_larger_budget_never_sends_less_of_its_chunk(world in worlds(), which in any::<prop::sample::Index>(), small in 0..600u64, more in 0..300u64) {
        let which = which.index(world.chunks.len());
        let with = |budget: u64| {
            let mut world = world.clone();
            for drawn in &mut world.chunks {
                drawn.budget = None;
            }
            world.chunks[which].budget = Some(budget);
            world.assemble(1 << 30).map(|assembled| assembled.report.chunks[which].tokens)
        };
        if let Ok(before) = with(small) {
            let after = with(small + more);
            prop_assert!(after.as_ref().is_ok_and(|after| *after >= before), "{before} {after:?}");
        }
    }

    /// Two chunks of the same priority that change places share what they lose differently, and nobody else notices.
    #[test]
    fn the_order_of_equals_is_nobody_elses_business(world in worlds(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), room in 1..2_000u64) {
        let (one, other) = (one.index(world.chunks.len()), other.index(world.chunks.len()));
        let mut world = world;
        world.chunks[other].priority = world.chunks[one].priority;
        let mut order: Vec<usize> = (0..world.chunks.len()).collect();
        order.swap(one, other);
        let tokens = |assembled: Result<Assembled, AssembleError>| {
            assembled.map(|assembled| {
                let mut chunks = assembled.report.chunks;
                chunks.sort_by(|a, b| a.id.cmp(&b.id));
                chunks
            })
        };
        let (before, after) = (tokens(world.assemble(room)), tokens(world.ordered(&order, room)));
        prop_assert_eq!(before.is_ok(), after.is_ok());
        let priority = world.chunks[one].priority;
        let flexible = world.chunks.iter().any(|drawn| drawn.kind == Kind::History && drawn.budget.is_none() && drawn.priority == priority);
        let (Ok(before), Ok(after)) = (before, after) else { return Ok(()) };
        for (before, after) in before.iter().zip(&after) {
            if before.priority != priority || flexible && before.source == "history" {
                prop_assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(world in worlds(), room in 1..2_000u64) {
        let bytes = || world.assemble(room).map(|assembled| {
            (serde_json::to_string(&assembled.payload).unwrap(), assembled.report, assembled.summary)
        });
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn calls_and_results_stay_together_whatever_was_summed_up(world in worlds(), room in 1..2_500u64) {
        let Ok(Assembled { payload, .. }) = world.assemble(room) else { return Ok(()) };
        let mut awaited: Vec<&str> = Vec::new();
        for item in &payload.items {
            match &**item {
                Item::Assistant { calls, .. } => {
                    prop_assert!(awaited.is_empty(), "a call lost its result");
                    awaited = calls.iter().map(|call| &*call.id).collect();
                }
                Item::Result(result) => {
                    let at = awaited.iter().position(|id| *id == &*result.call);
                    prop_assert!(at.is_some(), "a result lost its call");
                    awaited.remove(at.unwrap_or_default());
                }
                Item::Text { .. } => {}
            }
        }
        prop_assert!(awaited.is_empty(), "a call lost its result");
        if let Some(newest) = world.items.last() {
            prop_assert!(payload.items.contains(&newest.item), "the newest exchange stays");
        }
    }

    #[test]
    fn what_is_wanted_is_new_and_what_was_lost_must_be_summed_up(world in worlds(), room in 1..2_500u64) {
        let Ok(Assembled { summary: Some(wanted), report, .. }) = world.assemble(room) else { return Ok(()) };
        prop_assert!(wanted.upto < world.items.len() && wanted.budget > 0);
        let lost = report.chunks.iter().any(|chunk| chunk.note.as_deref().is_some_and(|note| note.ends_with("without being summed up")));
        prop_assert_eq!(wanted.must, lost);
    }
}
