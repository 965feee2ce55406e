//! What two payloads have in common, why they part, and where their prefixes end.

use crate::common::*;
use charthouse_context::*;
use proptest::prelude::*;
use std::ops::Range;
use types::*;

fn map(charter: &str, volatile: &str) -> Vec<ChunkDef> {
    vec![
        text("charter", charter, Trim::Never).stable(),
        chunk("tools", Source::Tools(ToolsMode::Declared), Trim::Never).stable(),
        history(),
        text("state", volatile, Trim::Tail),
    ]
}

fn talk(turns: usize) -> Vec<HistoryItem> {
    let turn = |n: usize| {
        let call = format!("c{n}");
        [
            assistant("Looking.", &[&call]),
            result(&call, &"what the file holds\n".repeat(n % 7)),
        ]
    };
    measured(std::iter::once(human("Look at every file.")).chain((0..turns).flat_map(turn)))
}

fn offers() -> Vec<ToolOffer> {
    vec![offer("fs.read", true), offer("fs.list", true)]
}

/// A roomy payload of `chunks` and the conversation's first `items`.
fn sent(chunks: &[ChunkDef], history: &[HistoryItem], offers: &[ToolOffer]) -> Assembled {
    assemble(chunks, history, offers, &model(100_000, 1_000)).unwrap()
}

fn sum(history: &[HistoryItem]) -> impl Fn(Range<usize>) -> u64 {
    let tokens: Vec<u64> = history.iter().map(|entry| entry.tokens).collect();
    move |range| tokens[range].iter().sum()
}

fn why(later: &Assembled, earlier: &Assembled, history: &[HistoryItem]) -> (String, Change) {
    let parting = later.shape.shared(&earlier.shape, sum(history)).parts_at;
    let parting = parting.expect("they part");
    (parting.chunk.to_string(), parting.what)
}

#[test]
fn a_shape_is_short_and_does_not_grow_with_the_history() {
    let json = |turns| {
        let sent = sent(&map("Be kind.", "act"), &talk(turns), &offers());
        assert_eq!(sent.shape.items(), sent.payload.items.len());
        assert_eq!(sent.shape.tokens(), sent.report.total);
        serde_json::to_string(&sent.shape).unwrap()
    };
    assert_eq!(
        json(4),
        concat!(
            r#"{"model":"local/model","parts":["#,
            r#"{"chunk":"tools","tools":"3cd47a17655b","tokens":44,"stable":true},"#,
            r#"{"chunk":"charter","text":"3815a7246cc9","tokens":7,"stable":true},"#,
            r#"{"chunk":"history","history":{"from":0,"to":9},"tokens":173},"#,
            r#"{"chunk":"state","text":"4f207db38a6d","tokens":5}]}"#
        )
    );
    assert!(json(400).len() <= json(4).len() + 8);
    let shape: Shape = serde_json::from_str(&json(4)).unwrap();
    assert_eq!(serde_json::to_string(&shape).unwrap(), json(4));
}

#[test]
fn the_next_turn_shares_everything_up_to_the_end_of_the_history() {
    let history = talk(6);
    let earlier = sent(&map("Be kind.", "act"), &history[..9], &offers());
    let mut later = sent(&map("Be kind.", "act"), &history, &offers());
    let shared = later.follow(&earlier.shape, sum(&history));
    let expected = earlier.report.total - 5;
    assert_eq!((shared.tokens, shared.items), (expected, 10));
    assert_eq!(shared.tokens + shared.anew, later.report.total);
    let parting = shared.parts_at.unwrap();
    assert_eq!((&*parting.chunk, parting.what), ("history", Change::New));
    assert_eq!(parting.item, 10);
    assert_eq!(later.report.cached, expected);
    let cached: Vec<u64> = later
        .report
        .chunks
        .iter()
        .map(|chunk| chunk.cached)
        .collect();
    assert_eq!(cached, [7, 44, expected - 51, 0]);
    // After the charter, where the earlier history ended, where this one ends.
    assert_eq!(earlier.payload.breakpoints, [1, 10]);
    assert_eq!(later.payload.breakpoints, [1, 10, 14]);
}

#[test]
fn it_says_why_two_payloads_part() {
    let history = talk(6);
    let base = sent(&map("Be kind.", "act"), &history, &offers());
    let same = |later: &Assembled| later.shape.shared(&base.shape, sum(&history));
    assert_eq!(same(&base).parts_at, None);
    assert_eq!(
        (same(&base).tokens, same(&base).anew),
        (base.report.total, 0)
    );

    let tools = sent(&map("Be kind.", "act"), &history, &offers()[..1]);
    assert_eq!(
        why(&tools, &base, &history),
        ("tools".into(), Change::Tools)
    );
    assert_eq!(same(&tools).tokens, 0);
    let none = sent(&map("Be kind.", "act"), &history, &[]);
    assert_eq!(why(&none, &base, &history), ("tools".into(), Change::Tools));
    assert_eq!(why(&base, &none, &history), ("tools".into(), Change::Tools));

    let charter = sent(&map("Be brief.", "act"), &history, &offers());
    assert_eq!(
        why(&charter, &base, &history),
        ("charter".into(), Change::Text)
    );
    assert_eq!(same(&charter).tokens, 44);
    let state = sent(&map("Be kind.", "check"), &history, &offers());
    assert_eq!(why(&state, &base, &history), ("state".into(), Change::Text));
    assert_eq!(same(&state).anew, 6);
    let quiet = sent(&map("Be kind.", ""), &history, &offers());
    assert_eq!(why(&base, &quiet, &history), ("state".into(), Change::New));
    assert_eq!(same(&quiet).parts_at, None);
    let bare = sent(&map("", "act"), &history, &offers());
    assert_eq!(
        why(&bare, &base, &history),
        ("charter".into(), Change::Gone)
    );
    assert_eq!(why(&base, &bare, &history), ("charter".into(), Change::New));
    let shorter = sent(&map("Be kind.", "act"), &history[..9], &offers());
    assert_eq!(
        why(&shorter, &base, &history),
        ("history".into(), Change::Gone)
    );

    let tight = assemble(
        &map("Be kind.", "act"),
        &history,
        &offers(),
        &model(250, 50),
    )
    .unwrap();
    assert_eq!(
        why(&tight, &base, &history),
        ("history".into(), Change::Cut)
    );
    // The prompt that is pinned before the cut is the conversation's first item: so far they are the same.
    assert_eq!(same(&tight).items, 2);
    assert_eq!(
        breakpoints(&tight.shape, Some(&base.shape)),
        [1, tight.payload.items.len() - 1]
    );

    let other = ModelParameters {
        name: "another".into(),
        ..model(100_000, 1_000)
    };
    let other = assemble(&map("Be kind.", "act"), &history, &offers(), &other).unwrap();
    assert_eq!(why(&other, &base, &history).1, Change::Model);
    assert_eq!(same(&other).tokens, 0);
}

#[test]
fn without_tools_texts_or_history_there_is_nothing_to_mark() {
    assert_eq!(sent(&[], &[], &[]).payload.breakpoints, [0; 0]);
    let volatile = [text("nudge", "Go on.", Trim::Tail)];
    assert_eq!(sent(&volatile, &[], &[]).payload.breakpoints, [0; 0]);
    let only_history = [history()];
    assert_eq!(sent(&only_history, &talk(1), &[]).payload.breakpoints, [3]);
}

#[test]
fn a_role_is_part_of_what_is_sent() {
    let as_user = [text("rules", "Be kind.", Trim::Tail)];
    let as_system = [text("rules", "Be kind.", Trim::Tail).stable()];
    let shared = sent(&as_user, &[], &[])
        .shape
        .shared(&sent(&as_system, &[], &[]).shape, |_| 0);
    assert_eq!(shared.tokens, 0);
}

#[test]
fn a_damaged_shape_does_no_harm() {
    let damaged: Shape = serde_json::from_str(
        r#"{"model":"local/model","parts":[{"chunk":"h","history":{"from":9,"to":3},"tokens":18446744073709551615},
            {"chunk":"h","history":{"from":0,"to":18446744073709551615},"tokens":1}]}"#,
    )
    .unwrap();
    let fine = sent(&[history()], &talk(3), &[]).shape;
    for (later, earlier) in [(&fine, &damaged), (&damaged, &fine), (&damaged, &damaged)] {
        let shared = later.shared(earlier, |range| range.len() as u64);
        assert!(shared.items <= later.items());
        assert!(breakpoints(later, Some(earlier)).len() <= 3);
    }
}

/// What a provider would see: one line for the tools, one for each item.
fn wire(payload: &Payload) -> Vec<String> {
    let tools = serde_json::to_string(&payload.tools).unwrap();
    let item = |item: &std::sync::Arc<Item>| serde_json::to_string(item).unwrap();
    let tools = (!payload.tools.is_empty()).then_some(tools);
    tools
        .into_iter()
        .chain(payload.items.iter().map(item))
        .collect()
}

proptest! {
    /// The shared beginning by shapes is the shared beginning of the bytes, whatever changed between the two.
    #[test]
    fn shapes_agree_with_the_bytes(
        turns in (0..40usize, 0..40usize),
        charters in (0..2usize, 0..2usize),
        states in (0..3usize, 0..3usize),
        tools in (0..3usize, 0..3usize),
        windows in (400..3_000u64, 400..3_000u64),
    ) {
        let history = talk(turns.0.max(turns.1));
        let build = |turns: usize, charter: usize, state: usize, tools: usize, window: u64| {
            let chunks = map(["Be kind.", "Be brief."][charter], ["", "act", "check"][state]);
            assemble(&chunks, &history[..1 + 2 * turns], &offers()[..tools], &model(window, 100)).unwrap()
        };
        let earlier = build(turns.0, charters.0, states.0, tools.0, windows.0);
        let mut later = build(turns.1, charters.1, states.1, tools.1, windows.1);
        let shared = later.follow(&earlier.shape, sum(&history));
        let (before, after) = (wire(&earlier.payload), wire(&later.payload));
        let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
        let tools_line = usize::from(!later.payload.tools.is_empty());
        prop_assert_eq!(shared.items, same.saturating_sub(tools_line));
        prop_assert_eq!(shared.parts_at.is_none(), same == after.len());
        prop_assert_eq!(shared.tokens + shared.anew, later.report.total);
        prop_assert_eq!(later.report.cached, shared.tokens);
        prop_assert!(later.report.chunks.iter().all(|chunk| chunk.cached <= chunk.tokens));
        let ends = &later.payload.breakpoints;
        prop_assert!(ends.len() <= 3 && ends.is_sorted() && ends.iter().all(|end| (1..=later.payload.items.len()).contains(end)));
        for chunk in &later.report.chunks {
            prop_assert_eq!(chunk.provenance.iter().map(|share| share.tokens).sum::<u64>(), chunk.tokens);
        }
    }
}

#[test]
fn a_difference_is_drawn_with_its_reason() {
    let history = talk(40);
    let chunks = map(&"Be kind. ".repeat(40), "act");
    let earlier = sent(&chunks, &history[..41], &offers());
    let drawn = |later: &Assembled, width| {
        let shared = later.shape.shared(&earlier.shape, sum(&history));
        shared.render(width)
    };
    let later = sent(&chunks, &history[..61], &offers());
    assert_eq!(drawn(&later, 80), include_str!("difference.txt"));
    let cut = assemble(&chunks, &history[..61], &offers(), &model(800, 100)).unwrap();
    let charter = sent(&map("Be brief.", "act"), &history[..61], &offers());
    let tools = sent(&chunks, &history[..61], &offers()[..1]);
    let quiet = sent(&map(&"Be kind. ".repeat(40), ""), &history[..41], &offers());
    for (later, reason) in [
        (
            &cut,
            "`history` was cut: item 1 of the conversation stood here, now it is item",
        ),
        (
            &charter,
            "`charter` reads otherwise (104 tokens before, 7 now)",
        ),
        (
            &tools,
            "other tools are offered (44 tokens before, 22 now); they stand before",
        ),
        (&quiet, "Nothing is sent anew"),
        (&earlier, "Nothing is sent anew"),
    ] {
        let drawn = drawn(later, 100);
        let joined = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(reason), "{drawn}");
        assert!(
            drawn.lines().all(|line| line.chars().count() <= 100),
            "{drawn}"
        );
    }
    for width in [0, 60, 77, 500] {
        let drawn = drawn(&later, width);
        let widest = drawn.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width.clamp(60, 100)), "{drawn}");
    }
}

#[test]
fn the_picture_shows_what_was_sent_before_and_what_there_is_to_note() {
    let history = talk(40);
    let chunks = map(&"Be kind. ".repeat(40), "act");
    let earlier = sent(&chunks, &history[..61], &offers());
    let mut later = assemble(&chunks, &history, &offers(), &model(3_000, 600)).unwrap();
    later.follow(&earlier.shape, sum(&history));
    let report = &mut later.report;
    report.chunks[0].note = Some("from an earlier turn: \u{1b}[2J the file could not be read just now, so what it held when it was last read stands here".into());
    assert_eq!(report.render(80), include_str!("picture_cached.txt"));
}

#[test]
fn a_summary_is_a_text_of_the_history() {
    let history = talk(30);
    let summing = [ChunkDef {
        trim: Trim::Summary,
        ..super::common::history()
    }];
    let build = |items: usize, summary: Option<&Summary>| {
        let map = ContextMap {
            chunks: summing.to_vec(),
            ..ContextMap::default()
        };
        let said = Said {
            summary,
            ..Said::new(&history[..items])
        };
        let tools = Tools { offers: &[] };
        plan(&map, &SlotChunks::default(), &model(700, 100))
            .assemble(&Gathered::new(), &said, &tools, &BytesEstimate)
            .unwrap()
    };
    let summary = |text: &str, upto| {
        Summary::measured(text, upto, Provenance::House, Vec::new(), &BytesEstimate)
    };
    let (first, second) = (
        summary("Files were read.", 33),
        summary("More were read.", 33),
    );
    let whole = build(21, None);
    let summed = build(53, Some(&first));
    let held: Vec<&Held> = summed.shape.parts.iter().map(|part| &part.held).collect();
    assert!(
        matches!(
            held[..],
            [
                Held::Text(_),
                Held::History { from: 0, to: 1 },
                Held::History { from: 33, to: 53 }
            ]
        ),
        "{held:?}"
    );
    assert_eq!(summed.shape.tokens(), summed.report.total);
    let again = build(53, Some(&second));
    for (later, earlier, reason) in [
        (
            &summed,
            &whole,
            "`history` was cut: item 0 of the conversation stood here, now a summary does",
        ),
        (
            &whole,
            &summed,
            "`history` was cut: a summary stood here, now item 0 of the conversation does",
        ),
        (&again, &summed, "the summary in `history` was made anew"),
    ] {
        let parting = later
            .shape
            .shared(&earlier.shape, sum(&history))
            .parts_at
            .unwrap();
        assert_eq!((parting.what, &*parting.reason()), (Change::Cut, reason));
    }
    // The next turn with the same summary shares all of it.
    let next = build(55, Some(&first));
    let shared = next.shape.shared(&summed.shape, sum(&history));
    assert_eq!((shared.tokens, shared.items), (summed.report.total, 22));
}
