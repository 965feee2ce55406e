//! Payloads by a calibrated estimate.

use crate::common::*;
use charthouse_context::*;
use proptest::prelude::*;

/// A calibration that has settled at `factor` (in percent).
pub fn learnt(factor: u64) -> Calibration {
    let mut calibration = Calibration::new();
    for _ in 0..16 {
        calibration.learn(10_000, 100 * factor);
    }
    calibration
}

fn talk(items: usize) -> Vec<HistoryItem> {
    measured((0..items).map(|n| human(&format!("{n}: {}", "some words ".repeat(n % 20)))))
}

fn build(
    chunks: &[ChunkDef],
    history: &[HistoryItem],
    window: u64,
    calibration: &Calibration,
) -> Result<Assembled, AssembleError> {
    let map = ContextMap {
        chunks: chunks.to_vec(),
        ..ContextMap::default()
    };
    let offers = [offer("fs.read", true)];
    plan(&map, &SlotChunks::default(), &model(window, 100)).assemble(
        &Gathered::new(),
        &Said::new(history),
        &Tools { offers: &offers },
        &Calibrated::new(&BytesEstimate, calibration),
    )
}

fn map() -> Vec<ChunkDef> {
    vec![
        text("charter", &"Be kind. ".repeat(60), Trim::Tail)
            .tokens(100)
            .stable(),
        chunk("tools", Source::Tools(ToolsMode::Declared), Trim::Never).tokens(150),
        history(),
    ]
}

#[test]
fn room_budgets_and_report_go_by_the_factor_and_items_do_not() {
    let history = talk(80);
    let assembled = build(&map(), &history, 1_600, &learnt(150)).unwrap();
    let report = &assembled.report;
    assert_eq!((report.limit, report.reserve), (1_600, 100));
    let budgets: Vec<_> = report.chunks.iter().map(|chunk| chunk.budget).collect();
    assert_eq!(budgets, [Some(100), Some(150), None]);
    assert_eq!(
        report.estimator,
        "bytes/3.6 × 1.50, learnt from 16 replies, off by 1.8 %"
    );
    let calibration = serde_json::to_string(&report.calibration).unwrap();
    assert_eq!(calibration, r#"{"samples":16,"factor":1.5,"error":0.018}"#);
    assert_eq!(assembled.payload.parameters, model(1_600, 100));
    // The shape stays in raw units: what the next reply is compared with.
    let raw = assembled.shape.tokens();
    assert!(report.total <= raw * 3 / 2 && raw * 3 / 2 - report.total <= 3);
    assert!(report.total > 1_000 && report.total <= 1_500);
    // Uncalibrated, more of the history fits.
    let plain = build(&map(), &history, 1_600, &Calibration::new()).unwrap();
    assert!(plain.payload.items.len() > assembled.payload.items.len());
}

#[test]
fn errors_speak_in_tokens_and_in_the_budgets_that_were_written() {
    let chunks = [text("charter", &"x".repeat(360), Trim::Never).tokens(101)];
    let error = build(&chunks, &[], 1_600, &learnt(150)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("takes 156 tokens (the estimate × 1.50, as learnt from what the provider reported), its budget is 101,"),
        "{error}"
    );
    let AssembleError::OverBudget { tokens, budget, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((tokens, budget), (156, 101));
    let chunks = [text("charter", &"x".repeat(5_400), Trim::Never)];
    let error = build(&chunks, &[], 1_600, &learnt(150)).unwrap_err();
    let AssembleError::TooLong { tokens, room, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((tokens, room), (2_256, 1_500));
    let error = build(&chunks, &[], 100, &learnt(150)).unwrap_err();
    assert!(matches!(error, AssembleError::NoRoom { limit: 100, .. }));
    assert!(matches!(
        build(&chunks, &[], 101, &learnt(500)).unwrap_err(),
        AssembleError::TooLong { room: 1, .. }
    ));
}

#[test]
fn what_was_learnt_alone_makes_no_map_impossible() {
    let never = |id: &str, bytes: usize| text(id, &"x".repeat(bytes), Trim::Never);
    let (slack, said) = (text("slack", &"y".repeat(900), Trim::Tail), talk(40));
    for factor in [120, 250, 500] {
        // Beyond its budget by the factor alone.
        let chunks = [never("charter", 3_000).tokens(1_000), history()];
        let assembled = build(&chunks, &said, 20_000, &learnt(factor)).unwrap();
        let charter = &assembled.report.chunks[0];
        assert_eq!((charter.budget, charter.trimmed), (Some(1_000), 0));
        let is_noted = charter
            .note
            .as_deref()
            .is_some_and(|n| n.contains("budget"));
        assert_eq!(is_noted, charter.tokens > 1_000, "{charter:?}");
        // Beyond the window by the factor alone: all that can go goes, and the server decides.
        let chunks = [never("charter", 5_000), slack.clone(), history()];
        let assembled = build(&chunks, &said, 1_700, &learnt(factor)).unwrap();
        assert_eq!(assembled.report.chunks[0].trimmed, 0);
        let everything_else_went = assembled.payload.items.len() == 2;
        assert!(factor == 120 || everything_else_went, "{assembled:?}");
    }
}

#[test]
fn what_can_be_cached_is_in_tokens_too() {
    let history = talk(10);
    let earlier = build(&map(), &history[..9], 10_000, &learnt(150)).unwrap();
    let mut later = build(&map(), &history, 10_000, &learnt(150)).unwrap();
    let shared = later.follow(&earlier.shape, |range| {
        history[range].iter().map(|entry| entry.tokens).sum()
    });
    assert!(shared.tokens.abs_diff(earlier.report.total) <= 2);
    assert!(later.report.cached <= later.report.total);
    assert!(later.report.cached.abs_diff(shared.tokens) <= 3);
}

proptest! {
    #[test]
    fn no_factor_lets_a_payload_exceed_the_window_or_a_budget(percent in 20..500u64, items in 0..60usize, window in 1_200..9_000u64) {
        let calibration = learnt(percent);
        let factor = u64::from(calibration.scale().thousandths());
        let assembled = build(&map(), &talk(items), window, &calibration).unwrap();
        prop_assert!(assembled.shape.tokens() * factor / 1_000 <= window - 100);
        let report = &assembled.report;
        prop_assert!(report.total <= window - 100);
        prop_assert_eq!(report.total, report.chunks.iter().map(|chunk| chunk.tokens).sum::<u64>());
        for chunk in &report.chunks {
            prop_assert!(chunk.budget.is_none_or(|budget| chunk.tokens <= budget));
            prop_assert!(chunk.provenance.iter().map(|share| share.tokens).sum::<u64>() <= chunk.tokens);
        }
    }
}
