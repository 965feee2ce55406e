//! A conversation whose older part is summed up.

use crate::common::*;
use charthouse_context::*;
use types::*;

fn summed() -> ChunkDef {
    chunk("history", Source::History, Trim::Summary)
}

fn map(chunks: Vec<ChunkDef>, every: Option<u64>) -> ContextMap {
    ContextMap {
        chunks,
        summary: Some(SummaryDef {
            plugin: mark("dream".into()),
            at: Percent::parse("80%").unwrap(),
            every,
            budget: Budget::Tokens(60),
            usd_per_day: None,
        }),
        ..ContextMap::default()
    }
}

fn build(map: &ContextMap, said: &Said<'_>, room: u64) -> Result<Assembled, AssembleError> {
    plan(map, &SlotChunks::default(), &model(room + 10, 10)).assemble(
        &Gathered::new(),
        said,
        &Tools::default(),
        &BytesEstimate,
    )
}

fn summary(text: &str, upto: usize) -> Summary {
    Summary::measured(
        text,
        upto,
        Provenance::Model("small".into()),
        Vec::new(),
        &BytesEstimate,
    )
}

/// `count` prompts of 20 tokens each.
fn prompts(count: usize) -> Vec<HistoryItem> {
    measured((0..count).map(|n| human(&format!("{n:<57}"))))
}

fn said<'a>(items: &'a [HistoryItem], summary: Option<&'a Summary>) -> Said<'a> {
    Said {
        summary,
        ..Said::new(items)
    }
}

fn first_words(assembled: &Assembled) -> Vec<String> {
    shown(&assembled.payload)
        .iter()
        .map(|text| text.split_whitespace().next().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn nothing_changes_while_the_history_fits() {
    let items = prompts(10);
    let summary = summary("Ten.", 4);
    let assembled = build(
        &map(vec![summed()], None),
        &said(&items, Some(&summary)),
        200,
    )
    .unwrap();
    assert_eq!(assembled.payload.items.len(), 10);
    assert_eq!(assembled.report.chunks[0].note, None);
}

#[test]
fn the_cut_is_where_the_summary_ends_and_the_summary_comes_first() {
    let items = prompts(12);
    let summary = summary("Four were counted.", 4);
    let assembled = build(
        &map(vec![summed()], None),
        &said(&items, Some(&summary)),
        230,
    )
    .unwrap();
    let texts = shown(&assembled.payload);
    assert_eq!(
        texts[0],
        "What was said before, summed up:\n\nFour were counted."
    );
    assert_eq!(
        first_words(&assembled)[1..],
        ["4", "5", "6", "7", "8", "9", "10", "11"]
    );
    let chunk = &assembled.report.chunks[0];
    assert_eq!((chunk.trimmed, chunk.tokens), (80, 160 + summary.tokens));
    assert_eq!(chunk.note, None);
    let Item::Text { provenance, .. } = &*assembled.payload.items[0] else {
        panic!("a text")
    };
    assert_eq!(*provenance, Provenance::Model("small".into()));
}

#[test]
fn what_no_summary_covers_is_lost_loudly_and_must_be_summed_up() {
    let items = prompts(20);
    let summary = summary("Four were counted.", 4);
    let assembled = build(
        &map(vec![summed()], None),
        &said(&items, Some(&summary)),
        200,
    )
    .unwrap();
    let words = first_words(&assembled);
    assert_eq!((&*words[0], &**words.last().unwrap()), ("What", "19"));
    let lost: u64 = words[1].parse::<u64>().unwrap() - 4;
    let chunk = &assembled.report.chunks[0];
    assert!(lost > 0);
    assert_eq!(
        chunk.note.as_deref(),
        Some(&*format!(
            "{} tokens went without being summed up",
            lost * 20
        ))
    );
    let wanted = assembled.summary.unwrap();
    assert!(wanted.must);
    assert!(
        wanted.upto >= 4 + usize::try_from(lost).unwrap(),
        "{wanted:?}"
    );

    // Summed up as wanted, nothing is lost any more.
    let newer = Summary {
        upto: wanted.upto,
        ..summary
    };
    let assembled = build(&map(vec![summed()], None), &said(&items, Some(&newer)), 200).unwrap();
    assert_eq!(assembled.report.chunks[0].note, None);
    assert_eq!(assembled.summary, None);
}

#[test]
fn a_summary_is_wanted_ahead_of_need_and_covers_all_but_the_newer_half() {
    let wants = |count: usize, inferences: u64, every| {
        let items = prompts(count);
        let said = Said {
            inferences,
            ..Said::new(&items)
        };
        build(&map(vec![summed()], every), &said, 1_000)
            .unwrap()
            .summary
            .map(|wanted| (wanted.upto, wanted.budget, wanted.must))
    };
    assert_eq!(wants(40, 1_000, None), None, "800 of 1000 tokens are 80 %");
    assert_eq!(wants(41, 0, None), Some((21, 60, false)));
    assert_eq!(wants(10, 4, Some(5)), None);
    assert_eq!(wants(10, 5, Some(5)), Some((5, 60, false)));
    assert_eq!(wants(1, 5, Some(5)), None, "one prompt is the newest");
    assert_eq!(wants(0, 5, Some(5)), None);
}

#[test]
fn a_summary_is_not_asked_for_again_before_as_much_was_said() {
    let mut made: Option<Summary> = None;
    let mut asked = Vec::new();
    for count in 1..=200 {
        let items = prompts(count);
        let assembled = build(
            &map(vec![summed()], None),
            &said(&items, made.as_ref()),
            1_000,
        )
        .unwrap();
        assert_eq!(assembled.report.chunks[0].note, None, "nothing is lost");
        if let Some(wanted) = assembled.summary {
            assert!(!wanted.must);
            made = Some(summary("Some were counted.", wanted.upto));
            asked.push(count);
        }
    }
    // Once the half that stayed, and the summary, have been doubled.
    assert_eq!(asked, [41, 61, 81, 101, 121, 141, 161, 181]);
}

#[test]
fn the_newest_prompt_stays_behind_the_summary_and_calls_keep_their_results() {
    let mut items = vec![human("PROMPT")];
    for n in 0..20 {
        let id = format!("call{n}");
        items.extend([assistant("", &[&id]), result(&id, &"r".repeat(100))]);
    }
    let items = measured(items);
    for upto in 0..=items.len() + 3 {
        let summary = summary("Much was read.", upto);
        let assembled = build(
            &map(vec![summed()], None),
            &said(&items, Some(&summary)),
            900,
        )
        .unwrap();
        let texts = shown(&assembled.payload);
        let at = texts.iter().position(|text| text == "PROMPT").unwrap();
        assert!(texts[at + 1].starts_with("[\"call"), "{upto}: {texts:?}");
        assert_eq!(texts.last().unwrap(), "=call19");
        if upto > 1 {
            assert!(texts[0].starts_with("What was said before"), "{upto}");
            assert_eq!(at, 1);
        }
    }
}

#[test]
fn a_summary_that_does_not_fit_gives_way_to_the_newest_exchange() {
    let items = prompts(10);
    let summary = summary(&"word ".repeat(100), 8);
    let assembled = build(
        &map(vec![summed()], None),
        &said(&items, Some(&summary)),
        100,
    )
    .unwrap();
    assert_eq!(first_words(&assembled).last().unwrap(), "9");
    assert!(assembled.report.total <= 100);
    assert_eq!(
        assembled.report.chunks[0].note,
        Some(format!(
            "the summary of {} tokens does not fit beside the newest exchange",
            summary.tokens
        ))
    );
    let shorter = SummaryWanted {
        upto: 9,
        budget: 40,
        must: false,
    };
    assert_eq!(assembled.summary, Some(shorter));
}

#[test]
fn orphaned_results_count_in_what_a_summary_covers() {
    let mut items = vec![result("gone", "r"), result("gone too", "r")];
    items.extend((0..60).map(|n| human(&format!("{n:<57}"))));
    let items = measured(items);
    let assembled = build(&map(vec![summed()], None), &Said::new(&items), 1_000).unwrap();
    let wanted = assembled.summary.unwrap();
    let made = summary("Some.", wanted.upto);
    let assembled = build(
        &map(vec![summed()], None),
        &said(&items, Some(&made)),
        1_000,
    )
    .unwrap();
    assert_eq!(
        first_words(&assembled)[1],
        (wanted.upto - 2).to_string(),
        "the item after what is covered, without the two orphans"
    );
}

#[test]
fn a_tightened_plan_takes_it_from_the_conversation_first() {
    let chunks = vec![
        text("notes", &"n".repeat(357), Trim::Tail).priority(1),
        ChunkDef {
            priority: 9,
            ..chunk("history", Source::History, Trim::Oldest).tokens(5_000)
        },
    ];
    let items = prompts(40);
    let build = |room: Option<u64>| {
        let map = ContextMap {
            chunks: chunks.clone(),
            ..ContextMap::default()
        };
        let plan = plan(&map, &SlotChunks::default(), &model(1_010, 10));
        let plan = room.map_or(plan.clone(), |room| plan.tightened(room));
        let said = Said::new(&items);
        plan.assemble(&Gathered::new(), &said, &Tools::default(), &BytesEstimate)
            .map(|assembled| assembled.report)
    };
    let whole = build(None).unwrap();
    assert_eq!(whole.total, 904);
    let tight = build(Some(600)).unwrap();
    assert!(tight.total <= 600);
    assert_eq!(tight.chunks[0].tokens, 104);
    assert!(tight.chunks[1].tokens < 500);
    let tighter = build(Some(60)).unwrap();
    assert_eq!(tighter.chunks[1].tokens, 20, "the newest prompt");
    assert!(tighter.chunks[0].tokens <= 40);
    assert!(matches!(
        build(Some(10)),
        Err(AssembleError::TooLong { .. })
    ));
    assert_eq!(
        build(Some(5_000)).unwrap().total,
        904,
        "never more than there was"
    );
}

#[test]
fn notes_of_what_was_gathered_stand_in_the_report() {
    let source = Source::Plugin {
        name: mark("repo-map".into()),
        params: Value::Null,
        expires: None,
        depends: Depends::default(),
    };
    let map = ContextMap {
        chunks: vec![
            chunk("repo", source, Trim::Tail),
            text("b", "b", Trim::Tail),
        ],
        ..ContextMap::default()
    };
    let plan = plan(&map, &SlotChunks::default(), &model(1_010, 10));
    let mut gathered = Gathered::new();
    gathered.missing(plan.needs()[0].id, "repo-map did not answer within 5s");
    let report = plan
        .assemble(
            &gathered,
            &Said::default(),
            &Tools::default(),
            &BytesEstimate,
        )
        .unwrap()
        .report;
    assert_eq!(
        report.chunks[0].note.as_deref(),
        Some("left out: repo-map did not answer within 5s")
    );
    assert_eq!(
        (report.chunks[0].tokens, &report.chunks[1].note),
        (0, &None)
    );
}

#[test]
fn what_must_not_be_trimmed_must_not_be_left_out() {
    let source = Source::Plugin {
        name: mark("repo-map".into()),
        params: Value::Null,
        expires: None,
        depends: Depends::default(),
    };
    let map = ContextMap {
        chunks: vec![chunk("repo", source, Trim::Never)],
        ..ContextMap::default()
    };
    let plan = plan(&map, &SlotChunks::default(), &model(1_010, 10));
    let mut gathered = Gathered::new();
    gathered.missing(plan.needs()[0].id, "it is ill");
    let tools = Tools::default();
    let error = plan.assemble(&gathered, &Said::default(), &tools, &BytesEstimate);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`repo`") && error.contains("could not be had: it is ill"),
        "{error}"
    );
}

#[test]
fn a_summary_is_held_to_its_budget() {
    let long = "A line of what was said.\n".repeat(100);
    for budget in 0..800 {
        let Some(text) = Summary::within(&long, budget, &BytesEstimate) else {
            assert!(budget < 35, "{budget}");
            continue;
        };
        assert!(summary(&text, 4).tokens <= budget, "{budget}");
        assert_eq!(text == long, !text.ends_with(" tokens cut]"));
    }
    assert_eq!(
        Summary::within("Short.", 60, &BytesEstimate).as_deref(),
        Some("Short.")
    );
    assert_eq!(Summary::within("  ", 60, &BytesEstimate), None);
}

#[test]
fn a_calibrated_estimate_changes_what_tokens_are_and_nothing_else() {
    let mut calibration = Calibration::new();
    for _ in 0..16 {
        calibration.learn(10_000, 20_000);
    }
    let twice = Calibrated::new(&BytesEstimate, &calibration);
    let factor = twice.scale().factor();
    assert!((1.9..=2.0).contains(&factor), "{factor}");
    let items = prompts(40);
    let assembled = plan(
        &map(vec![summed()], None),
        &SlotChunks::default(),
        &model(1_010, 10),
    )
    .assemble(
        &Gathered::new(),
        &Said::new(&items),
        &Tools::default(),
        &twice,
    )
    .unwrap();
    let chunk = &assembled.report.chunks[0];
    let note = format!("{} tokens went without being summed up", chunk.trimmed);
    assert_eq!(chunk.note.as_deref(), Some(&*note));
    let wanted = assembled.summary.unwrap();
    assert!(wanted.must && (59..=60).contains(&wanted.budget));
    let text = Summary::within(&"word ".repeat(100), wanted.budget, &twice).unwrap();
    let raw = summary(&text, 4).tokens;
    assert!(twice.scale().tokens(raw) <= wanted.budget);
    assert_eq!(Summary::within("Short.", 20, &twice), None);
}
