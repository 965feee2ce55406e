//! What must hold of every map, every conversation and every window.

use crate::common::*;
use charthouse_context::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use types::*;

/// One exchange: the assistant's calls with the lengths of their results, and whether a person interrupts before the results.
#[derive(Clone, Debug)]
struct Round {
    results: Vec<usize>,
    interrupted: bool,
}

fn rounds() -> impl Strategy<Value = Round> {
    (vec(0..400usize, 0..4), any::<bool>()).prop_map(|(results, interrupted)| Round {
        results,
        interrupted,
    })
}

/// Turns of a conversation: a prompt's length and the rounds that follow it. Call ids repeat from turn to turn, as some providers' do.
pub fn conversations() -> impl Strategy<Value = Vec<Item>> {
    vec((0..300usize, vec(rounds(), 0..6)), 0..8).prop_map(|turns| {
        let mut items = Vec::new();
        for (turn, (prompt, rounds)) in turns.into_iter().enumerate() {
            items.push(human(&format!("prompt {turn} {}", "p".repeat(prompt))));
            for round in rounds {
                let ids: Vec<String> = (0..round.results.len())
                    .map(|n| format!("call_{n}"))
                    .collect();
                items.push(assistant(
                    "thinking",
                    &ids.iter().map(String::as_str).collect::<Vec<_>>(),
                ));
                if round.interrupted {
                    items.push(human("hurry"));
                }
                items.extend(
                    ids.iter()
                        .zip(round.results)
                        .map(|(id, length)| result(id, &"r".repeat(length))),
                );
            }
        }
        items
    })
}

/// Any items in any order: no runtime makes these, and nothing may panic at them.
pub fn nonsense() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        "[a-z ]{0,80}".prop_map(|text| human(&text)),
        ("[a-z ]{0,80}", vec(select(vec!["a", "b"]), 0..3))
            .prop_map(|(text, calls)| assistant(&text, &calls)),
        (select(vec!["a", "b", "c"]), "[a-z ]{0,80}").prop_map(|(call, text)| result(call, &text)),
    ];
    vec(item, 0..30)
}

pub fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z \n]{0,600}",
        "[日本語é🙂\n]{0,150}",
        Just(String::new())
    ]
}

fn chunks() -> impl Strategy<Value = Vec<ChunkDef>> {
    let chunk = (
        texts(),
        of(0..300u64),
        select(vec![Trim::Never, Trim::Tail, Trim::Tail, Trim::Oldest]),
        0..4u8,
        any::<bool>(),
    );
    (
        vec(chunk, 0..6),
        0..6usize,
        of(0..300u64),
        any::<bool>(),
        0..6usize,
        select(vec![ToolsMode::Allowed, ToolsMode::Declared]),
    )
        .prop_map(
            |(parts, history_at, history_budget, flexible, tools_at, mode)| {
                let part = |(index, (content, budget, trim, priority, stable)): (
                    usize,
                    (String, Option<u64>, Trim, u8, bool),
                )| {
                    let def = text(&format!("text{index}"), &content, trim).priority(priority);
                    let def = if stable { def.stable() } else { def };
                    ChunkDef {
                        budget: budget.map(|tokens| mark(Budget::Tokens(tokens))),
                        ..def
                    }
                };
                let mut chunks: Vec<ChunkDef> = parts.into_iter().enumerate().map(part).collect();
                let budget = history_budget.map(|tokens| mark(Budget::Tokens(tokens)));
                chunks.insert(
                    history_at.min(chunks.len()),
                    ChunkDef {
                        budget,
                        flexible,
                        ..history()
                    },
                );
                chunks.insert(tools_at.min(chunks.len()), chunk_of_tools(mode));
                chunks
            },
        )
}

fn chunk_of_tools(mode: ToolsMode) -> ChunkDef {
    chunk("tools", Source::Tools(mode), Trim::Tail).priority(7)
}

fn offers() -> impl Strategy<Value = Vec<ToolOffer>> {
    vec(
        (
            select(vec!["fs.read", "fs.write", "search.grep", "signal"]),
            any::<bool>(),
        ),
        0..4,
    )
    .prop_map(|offers| {
        offers
            .into_iter()
            .map(|(name, open)| offer(name, open))
            .collect()
    })
}

/// Tokens of a payload, counted from what is sent.
pub fn counted(payload: &Payload) -> u64 {
    let items: u64 = payload
        .items
        .iter()
        .map(|item| BytesEstimate.item(item))
        .sum();
    items
        + payload
            .tools
            .iter()
            .map(|schema| BytesEstimate.schema(schema))
            .sum::<u64>()
}

/// The conversation alone in a window of `room` tokens.
fn alone(items: &[HistoryItem], room: u64) -> Result<Assembled, AssembleError> {
    assemble(&[history()], items, &[], &model(room + 7, 7))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn a_payload_never_exceeds_the_window_and_the_report_tells_the_truth(
        chunks in chunks(), items in prop_oneof![conversations(), nonsense()], offers in offers(), room in 1..1_500u64,
    ) {
        let Ok(assembled) = assemble(&chunks, &measured(items), &offers, &model(room + 50, 50)) else { return Ok(()) };
        let report = &assembled.report;
        prop_assert!(report.total <= room);
        prop_assert_eq!(counted(&assembled.payload), report.total);
        prop_assert_eq!(report.chunks.iter().map(|chunk| chunk.tokens).sum::<u64>(), report.total);
        prop_assert_eq!(report.chunks.len(), chunks.len());
        for chunk in &report.chunks {
            prop_assert!(chunk.budget.is_none_or(|budget| chunk.tokens <= budget), "{chunk:?}");
        }
    }

    #[test]
    fn what_never_protects_is_sent_whole(chunks in chunks(), items in conversations(), room in 1..1_500u64) {
        let Ok(assembled) = assemble(&chunks, &measured(items), &[], &model(room + 50, 50)) else { return Ok(()) };
        let sent = shown(&assembled.payload);
        for chunk in chunks.iter().filter(|chunk| chunk.trim == Trim::Never) {
            if let Source::Text(text) = &chunk.source && !text.trim().is_empty() {
                prop_assert!(sent.iter().any(|sent| **sent == **text), "{text}");
            }
        }
    }

    #[test]
    fn a_chunk_loses_nothing_before_every_chunk_of_lower_priority_has_given_all(chunks in chunks(), room in 1..1_500u64) {
        let Ok(assembled) = assemble(&chunks, &[], &[], &model(room + 50, 50)) else { return Ok(()) };
        let whole = assemble(&chunks, &[], &[], &model(1 << 40, 50)).unwrap();
        let lost = |index: usize| assembled.report.chunks[index].tokens < whole.report.chunks[index].tokens;
        for (index, chunk) in chunks.iter().enumerate().filter(|(index, _)| lost(*index)) {
            for (other, lower) in chunks.iter().enumerate() {
                let earlier = (lower.priority, usize::MAX - other) < (chunk.priority, usize::MAX - index);
                if earlier && lower.trim != Trim::Never && matches!(lower.source, Source::Text(_)) {
                    prop_assert_eq!(assembled.report.chunks[other].tokens, 0);
                }
            }
        }
    }

    #[test]
    fn calls_and_results_are_never_separated_and_the_newest_prompt_stays(items in conversations(), room in 1..2_500u64) {
        let history = measured(items.iter().cloned());
        let Ok(assembled) = alone(&history, room) else { return Ok(()) };
        let mut awaited: Vec<&str> = Vec::new();
        for item in &assembled.payload.items {
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
        if let Some(prompt) = items.iter().rfind(|item| matches!(item, Item::Text { .. })) {
            prop_assert!(assembled.payload.items.iter().any(|item| **item == *prompt));
        }
        if let Some(newest) = items.last() {
            prop_assert_eq!(&**assembled.payload.items.last().unwrap(), newest);
        }
    }

    #[test]
    fn a_larger_window_never_holds_less_of_a_chunk(items in conversations(), content in texts(), small in 1..1_500u64, more in 0..1_500u64) {
        let history = measured(items);
        let tokens = |chunk: &ChunkDef, room: u64| {
            let one = ChunkDef { flexible: false, ..chunk.clone() }.tokens(room);
            assemble(&[one], &history, &[], &model(1 << 30, 7)).map(|assembled| assembled.report.total)
        };
        for chunk in [crate::common::history(), text("text", &content, Trim::Tail)] {
            if let Ok(before) = tokens(&chunk, small) {
                let after = tokens(&chunk, small + more);
                prop_assert!(after.as_ref().is_ok_and(|after| *after >= before), "{before} in {small}, {after:?} in {}", small + more);
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(chunks in chunks(), items in conversations(), offers in offers(), room in 1..1_500u64) {
        let history = measured(items);
        let bytes = || assemble(&chunks, &history, &offers, &model(room + 50, 50))
            .map(|assembled| (serde_json::to_string(&assembled.payload).unwrap(), assembled.report));
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn the_cut_moves_in_strides(lengths in vec(1..120usize, 100..250), room in 400..1_200u64, jitter in vec(0..12u64, 250)) {
        // The first word tells the items apart; the window changes a little each turn, as other chunks change.
        let items = measured(lengths.iter().enumerate().map(|(n, length)| human(&format!("{n} {}", "x".repeat(*length)))));
        let mut moves = 0;
        let mut first = "0".to_owned();
        for turn in 1..=items.len() {
            let assembled = alone(&items[..turn], room + jitter[turn - 1]).unwrap();
            let now = shown(&assembled.payload)[0].clone();
            if turn > 1 && now != first {
                moves += 1;
            }
            first = now;
        }
        let said: u64 = items.iter().map(|item| item.tokens).sum();
        // Twice for a window that hovers at a stride's edge.
        let allowed = 2 * (said.saturating_sub(room) / (room / 8) + 2);
        prop_assert!(moves <= allowed, "{moves} moves for {said} tokens in {room}, {allowed} allowed");
    }
}
