//! What no author means and every program meets.

use crate::common::*;
use charthouse_context::*;
use types::*;

const TRIMS: [Trim; 4] = [Trim::Tail, Trim::Middle, Trim::Lowest, Trim::Oldest];

#[test]
fn a_chunk_larger_than_the_whole_window_is_cut_or_refused_as_its_author_says() {
    let long = "a line of some length\n".repeat(100_000);
    for trim in TRIMS {
        let assembled =
            assemble(&[text("big", &long, trim)], &[], &[], &model(1_000, 100)).unwrap();
        assert!(assembled.report.total <= 900);
        assert!(assembled.report.chunks[0].trimmed > 500_000);
    }
    let error = assemble(
        &[text("big", &long, Trim::Never)],
        &[],
        &[],
        &model(1_000, 100),
    )
    .unwrap_err();
    assert!(error.to_string().contains("`big` 61"), "{error}");
}

#[test]
fn a_budget_of_nothing_holds_nothing() {
    for trim in TRIMS {
        let chunks = [
            text("none", "some text", trim).tokens(0),
            text("b", "b", Trim::Tail),
        ];
        let report = assemble(&chunks, &[], &[], &model(1_000, 100))
            .unwrap()
            .report;
        assert_eq!((report.chunks[0].tokens, report.chunks[0].trimmed), (0, 7));
    }
    let never = [text("none", "some text", Trim::Never).tokens(0)];
    assert!(matches!(
        assemble(&never, &[], &[], &model(1_000, 100)),
        Err(AssembleError::OverBudget { budget: 0, .. })
    ));
    let blank = [text("none", "", Trim::Never).tokens(0)];
    assert!(assemble(&blank, &[], &[], &model(1_000, 100)).is_ok());
    let history = [chunk("history", Source::History, Trim::Summary).tokens(0)];
    assert!(matches!(
        assemble(
            &history,
            &measured([human("hello")]),
            &[],
            &model(1_000, 100)
        ),
        Err(AssembleError::NewestOverBudget { .. })
    ));
}

#[test]
fn a_window_without_room_is_refused() {
    for (length, reserve) in [(0, 0), (100, 100), (100, 200), (1, u64::MAX)] {
        let error = assemble(
            &[text("a", "a", Trim::Tail)],
            &[],
            &[],
            &model(length, reserve),
        )
        .unwrap_err();
        assert!(matches!(error, AssembleError::NoRoom { .. }), "{error}");
    }
    let one = assemble(&[text("a", "a", Trim::Tail)], &[], &[], &model(1, 0)).unwrap();
    assert!(one.payload.items.is_empty());
}

#[test]
fn an_exchange_larger_than_everything_is_an_error_that_says_so() {
    let items = measured([
        human("go"),
        assistant("", &["call"]),
        result("call", &"r".repeat(50_000)),
    ]);
    for trim in [Trim::Oldest, Trim::Summary] {
        let error = assemble(
            &[chunk("history", Source::History, trim)],
            &items,
            &[],
            &model(1_000, 100),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("what may not go: `history` 139"),
            "{error}"
        );
    }
}

#[test]
fn ten_thousand_of_everything_take_no_longer_than_they_must() {
    // Anything quadratic would take minutes here.
    let names: Vec<String> = (0..10_000).map(|n| format!("chunk-{n}")).collect();
    let chunks: Vec<ChunkDef> = names
        .iter()
        .map(|name| text(name, &format!("{name} {}", "x".repeat(60)), Trim::Tail))
        .collect();
    let report = assemble(&chunks, &[], &[], &model(50_000, 100))
        .unwrap()
        .report;
    assert!(
        report.total <= 49_900 && report.total > 49_000,
        "{}",
        report.total
    );

    let never: Vec<ChunkDef> = chunks
        .iter()
        .map(|chunk| ChunkDef {
            trim: Trim::Never,
            ..chunk.clone()
        })
        .collect();
    let error = assemble(&never, &[], &[], &model(50_000, 100))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("and 9992 more") && error.len() < 1_000,
        "{error}"
    );

    let states: Vec<&ChunkDef> = chunks.iter().collect();
    for trim in [Trim::Tail, Trim::Middle, Trim::Lowest] {
        let map = ContextMap {
            chunks: vec![chunk("slot", Source::Slot(Slot::Cognition), trim)],
            sections: Sections::Xml,
            ..ContextMap::default()
        };
        let slots = SlotChunks {
            cognition: &states,
            workflow: &[],
        };
        let report = plan(&map, &slots, &model(50_000, 100))
            .assemble(
                &Gathered::new(),
                &Said::default(),
                &Tools::default(),
                &BytesEstimate,
            )
            .unwrap()
            .report;
        assert!(
            report.total <= 49_900 && report.total > 40_000,
            "{}",
            report.total
        );
    }

    let offers: Vec<ToolOffer> = names
        .iter()
        .map(|name| offer(&format!("fs.{name}"), name.len() % 2 == 0))
        .collect();
    let tools = [chunk(
        "tools",
        Source::Tools(ToolsMode::Declared),
        Trim::Tail,
    )];
    let report = assemble(&tools, &[], &offers, &model(50_000, 100))
        .unwrap()
        .report;
    assert!(
        report.total <= 49_900 && report.total > 49_000,
        "{}",
        report.total
    );

    let items = measured((0..10_000).map(|n| human(&format!("{n}"))));
    assert!(assemble(&[history()], &items, &[], &model(5_000, 100)).is_ok());
}

#[test]
fn fifty_megabytes_of_tool_output_are_cut_like_anything_else() {
    let source = Source::Plugin {
        name: mark("logs".into()),
        params: Value::Null,
        expires: None,
        depends: Depends::default(),
    };
    let line = format!("{} </logs> and a < b\n", "log output ".repeat(90));
    let long = line.repeat(50_000_000 / line.len());
    let map = ContextMap {
        chunks: vec![chunk("logs", source, Trim::Middle)],
        sections: Sections::Xml,
        ..ContextMap::default()
    };
    let plan = plan(&map, &SlotChunks::default(), &model(10_000, 100));
    let mut gathered = Gathered::new();
    let text = GatheredText {
        text: long.into(),
        provenance: Provenance::House,
        labels: Vec::new(),
    };
    gathered.put(plan.needs()[0].id, vec![text]);
    let assembled = plan
        .assemble(
            &gathered,
            &Said::default(),
            &Tools::default(),
            &BytesEstimate,
        )
        .unwrap();
    assert!(assembled.report.total <= 9_900 && assembled.report.total > 9_000);
    let sent = &shown(&assembled.payload)[0];
    assert_eq!(sent.matches("</logs>").count(), 1);
    assert!(sent.contains("&lt;/logs> and a < b"));
}

#[test]
fn estimates_beyond_all_bounds_overflow_nowhere() {
    let huge = |n: u64| HistoryItem {
        tokens: u64::MAX / 4,
        ..measured([human(&n.to_string())]).remove(0)
    };
    let items = [huge(1), huge(2), huge(3)];
    assert!(matches!(
        assemble(&[history()], &items, &[], &model(u64::MAX, 0)),
        Ok(_) | Err(AssembleError::TooLong { .. })
    ));
    assert!(matches!(
        assemble(&[history()], &items, &[], &model(1_000, 0)),
        Err(AssembleError::TooLong { .. })
    ));
}

#[test]
fn an_exact_tokenizer_counts_parts_otherwise_than_the_whole_and_no_limit_is_broken() {
    let exact = counter(Counting::Exact(Vocabulary::O200kBase));
    let texts = [
        "fn main() { println!(\"{}\", 1 + 1); }\n".repeat(400),
        "  \n\n\t\t   \n".repeat(1_500) + "end",
        "日本語のテキストと絵文字🦀👩‍👩‍👧 ".repeat(500),
        "supercalifragilisticexpialidocious".repeat(400),
        "=".repeat(12_000),
    ];
    for content in &texts {
        for trim in [Trim::Tail, Trim::Middle] {
            for room in [0, 5, 12, 40, 200, 1_000, 1_900] {
                let map = ContextMap {
                    chunks: vec![text("long", content, trim).tokens(room)],
                    sections: Sections::Xml,
                    ..ContextMap::default()
                };
                let assembled = plan(&map, &SlotChunks::default(), &model(1 << 20, 100))
                    .assemble(&Gathered::new(), &Said::default(), &Tools::default(), exact)
                    .unwrap();
                let sent: u64 = assembled
                    .payload
                    .items
                    .iter()
                    .map(|item| exact.item(item))
                    .sum();
                assert!(
                    sent <= room && sent == assembled.report.total,
                    "{trim:?} {room}"
                );
                let whole = assembled.report.chunks[0].trimmed == 0;
                // Of white space alone nothing is sent.
                let blank = content.starts_with(' ') && trim == Trim::Tail;
                assert!(
                    room < 40 || whole || blank || sent > 0,
                    "{trim:?} {room}: nothing is left of {}",
                    &content[..12]
                );
                let plain = content.starts_with("fn main");
                assert!(
                    !plain || room < 200 || sent * 10 > room * 7,
                    "{trim:?} {room} {sent}"
                );
            }
        }
    }
}
