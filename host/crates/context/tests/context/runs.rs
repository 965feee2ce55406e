//! Long runs: what a provider has cached of one turn's payload is still the beginning of the next one.

use crate::common::*;
use charthouse_context::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use types::*;

/// What a run came to.
struct Run {
    /// How often the first item of the conversation that is sent was another than the turn before.
    moves: u64,
    /// How often a summary was made.
    summaries: u64,
    /// Tokens said.
    said: u64,
    /// Whether something went without being summed up.
    lost: bool,
}

/// A conversation of prompts, each followed by exchanges with results of these lengths.
fn conversation(lengths: &[usize]) -> Vec<HistoryItem> {
    let mut items = Vec::new();
    for (n, length) in lengths.iter().enumerate() {
        if n % 7 == 0 {
            items.push(human(&format!("prompt {n}")));
        }
        let id = format!("call_{n}");
        items.push(assistant("", &[&id]));
        items.push(result(&id, &"r".repeat(*length)));
    }
    measured(items)
}

/// Play a run turn by turn: a summary that is wanted is there `delay` turns later; a chunk behind the conversation changes all the time.
fn play(trim: Trim, lengths: &[usize], jitter: &[usize], room: u64, delay: usize) -> Run {
    let items = conversation(lengths);
    let mut run = Run {
        moves: 0,
        summaries: 0,
        said: items.iter().map(|item| item.tokens).sum(),
        lost: false,
    };
    let mut made: Option<Summary> = None;
    let mut under_way: Option<(usize, Summary)> = None;
    let mut before: Option<(Assembled, usize)> = None;
    let turns = (0..items.len()).filter(|&at| matches!(*items[at].item, Item::Result(_)));
    for (turn, at) in turns.enumerate() {
        if let Some((_, summary)) = under_way.take_if(|(due, _)| *due <= turn) {
            made = Some(summary);
            run.summaries += 1;
        }
        let status = format!("turn {turn} {}", "s".repeat(jitter[turn % jitter.len()]));
        let map = ContextMap {
            chunks: vec![
                text("charter", "Be kind.", Trim::Never).stable(),
                ChunkDef { trim, ..history() },
                text("status", &status, Trim::Tail).priority(9),
            ],
            summary: Some(SummaryDef {
                plugin: mark("dream".into()),
                at: Percent::parse("75%").unwrap(),
                every: None,
                budget: Budget::Tokens(60),
                usd_per_day: None,
            }),
            ..ContextMap::default()
        };
        let said = Said {
            summary: made.as_ref(),
            ..Said::new(&items[..=at])
        };
        let assembled = plan(&map, &SlotChunks::default(), &model(room + 100, 100))
            .assemble(&Gathered::new(), &said, &Tools::default(), &BytesEstimate)
            .unwrap();
        let chunk = &assembled.report.chunks[1];
        run.lost |= chunk.note.is_some();
        if let Some(wanted) = assembled.summary.filter(|_| under_way.is_none()) {
            let text = format!("The first {} items, in short.", wanted.upto);
            let summary = Summary::measured(
                &text,
                wanted.upto,
                Provenance::House,
                Vec::new(),
                &BytesEstimate,
            );
            under_way = Some((turn + delay, summary));
        }
        // The charter before the conversation, the status behind it.
        let end = assembled.payload.items.len() - 1;
        if let Some((earlier, end)) = &before {
            if earlier.report.chunks[1].trimmed == chunk.trimmed {
                let same = |(a, b): (&Arc<Item>, &Arc<Item>)| a == b;
                let (one, other) = (
                    &earlier.payload.items[..*end],
                    &assembled.payload.items[..*end],
                );
                assert!(
                    one.iter().zip(other).all(same),
                    "the cached prefix is gone without a cut"
                );
            }
            let first = |assembled: &Assembled| assembled.payload.items.get(1).cloned();
            run.moves += u64::from(first(earlier) != first(&assembled));
        }
        before = Some((assembled, end));
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_prefix_stays_and_the_cut_moves_in_strides(
        lengths in vec(1..160usize, 100..250), jitter in vec(0..40usize, 1..20), room in 600..1_500u64,
    ) {
        let run = play(Trim::Oldest, &lengths, &jitter, room, 0);
        // Each stride is some eighth of the room; twice for a window that hovers at its edge. A prompt that stood before the cut makes way for the next.
        let prompts = lengths.len() as u64 / 7 + 1;
        let allowed = 2 * (run.said.saturating_sub(room) / (room / 8) + 2) + 2 * prompts;
        prop_assert!(run.moves <= allowed, "{} moves, {allowed} allowed", run.moves);
        prop_assert_eq!(run.summaries, 0);
    }

    #[test]
    fn with_summaries_in_time_nothing_is_lost_and_the_cut_moves_when_one_comes(
        lengths in vec(1..120usize, 100..250), jitter in vec(0..40usize, 1..20), room in 1_200..2_500u64, delay in 0..3usize,
    ) {
        let run = play(Trim::Summary, &lengths, &jitter, room, delay);
        prop_assert!(!run.lost);
        // Once for each summary, and to and fro where the window hovers at its edge before the first is needed.
        prop_assert!(run.moves <= run.summaries + 4, "{} moves, {} summaries", run.moves, run.summaries);
        // As much as a third of the room is said between two.
        let allowed = run.said / (room / 4) + 1;
        prop_assert!(run.summaries <= allowed, "{} summaries, {allowed} allowed", run.summaries);
    }
}
