//! What maps come to, case by case.

use crate::common::*;
use charthouse_context::*;
use std::sync::Arc;
use types::*;

fn padded(word: &str, tokens: usize) -> String {
    let bytes = tokens * 36 / 10;
    word.chars()
        .chain(std::iter::repeat(' '))
        .take(bytes - 1)
        .chain(['.'])
        .collect()
}

#[test]
fn the_plan_says_what_to_gather_and_with_which_budget() {
    let file = chunk(
        "charter",
        Source::File(mark("charter.md".into())),
        Trim::Never,
    );
    let plugin = |name: &str| Source::Plugin {
        name: mark(name.to_owned()),
        params: Value::Null,
        expires: None,
        depends: Depends::default(),
    };
    let map = ContextMap {
        chunks: vec![
            file,
            chunk("repo", plugin("repo-map"), Trim::Tail)
                .budget(Budget::Share(Percent::parse("8%").unwrap())),
            chunk("slot", Source::Slot(Slot::Cognition), Trim::Tail).tokens(50),
            chunk("free", plugin("notes"), Trim::Tail),
            chunk("facts", Source::Memory(MemoryLayer::Facts), Trim::Lowest).tokens(70),
            chunk(
                "greeting",
                Source::Template(Template::Inline(mark("{{ date }}".into()))),
                Trim::Tail,
            ),
        ],
        ..ContextMap::default()
    };
    let in_state = chunk("in-state", plugin("hints"), Trim::Tail);
    let slots = SlotChunks {
        cognition: &[&in_state],
        workflow: &[],
    };
    let plan = plan(&map, &slots, &model(1_200, 200));
    assert_eq!(plan.room(), 1_000);
    let needs: Vec<(String, Option<u64>)> = plan
        .needs()
        .iter()
        .map(|need| match &need.kind {
            NeedKind::File(path) => (format!("{}: {path}", need.chunk), None),
            NeedKind::Template(_) => (format!("{}: template", need.chunk), None),
            NeedKind::Memory { layer, budget } => {
                (format!("{}: {}", need.chunk, layer.name()), Some(*budget))
            }
            NeedKind::Plugin { name, budget, .. } => {
                (format!("{}: {name}", need.chunk), Some(*budget))
            }
        })
        .collect();
    let expected = [
        ("charter: charter.md", None),
        ("repo: repo-map", Some(80)),
        ("in-state: hints", Some(50)),
        ("free: notes", Some(1_000)),
        ("facts: facts", Some(70)),
        ("greeting: template", None),
    ];
    assert_eq!(
        needs,
        expected.map(|(what, budget)| (what.to_owned(), budget))
    );

    let error = plan
        .assemble(
            &Gathered::new(),
            &Said::default(),
            &Tools::default(),
            &BytesEstimate,
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "chunk `charter` (agents/coder.yaml:7:5) needs the file charter.md, which was not gathered"
    );
}

#[test]
fn chunks_are_emitted_in_map_order_and_empty_ones_stay_in_the_report() {
    let chunks = [
        text("first", "one", Trim::Never),
        history(),
        text("blank", " \n", Trim::Tail),
        text("last", "two", Trim::Tail),
    ];
    let history = measured([human("hello"), assistant("hi", &[])]);
    let assembled = assemble(&chunks, &history, &[], &model(1_000, 100)).unwrap();
    assert_eq!(shown(&assembled.payload), ["one", "hello", "hi[]", "two"]);
    let report = assembled.report;
    let tokens: Vec<(&str, u64)> = report
        .chunks
        .iter()
        .map(|chunk| (&*chunk.id, chunk.tokens))
        .collect();
    assert_eq!(
        tokens,
        [("first", 5), ("history", 11), ("blank", 0), ("last", 5)]
    );
    assert_eq!(
        (report.limit, report.reserve, report.total),
        (1_000, 100, 21)
    );
    assert!(
        Arc::ptr_eq(&assembled.payload.items[1], &history[0].item),
        "history is shared, not copied"
    );
}

#[test]
fn slots_hold_the_texts_of_the_states_with_their_provenance() {
    let (one, two) = (
        text("a", "Look.", Trim::Tail),
        text("b", "Plan.", Trim::Tail),
    );
    let file = chunk("c", Source::File(mark("c.md".into())), Trim::Tail);
    let map = ContextMap {
        chunks: vec![chunk("slot", Source::Slot(Slot::Workflow), Trim::Tail)],
        ..ContextMap::default()
    };
    let slots = SlotChunks {
        cognition: &[],
        workflow: &[&one, &two, &file],
    };
    let plan = plan(&map, &slots, &model(1_000, 100));
    let mut gathered = Gathered::new();
    let provenance = Provenance::File("charts/c.md".into());
    gathered.put(
        plan.needs()[0].id,
        vec![GatheredText {
            text: "Check.".into(),
            provenance: provenance.clone(),
            labels: Vec::new(),
        }],
    );
    let assembled = plan
        .assemble(
            &gathered,
            &Said::default(),
            &Tools::default(),
            &BytesEstimate,
        )
        .unwrap();
    assert_eq!(shown(&assembled.payload), ["Look.\n\nPlan.", "Check."]);
    let Item::Text {
        provenance: sent, ..
    } = &*assembled.payload.items[1]
    else {
        panic!("a text")
    };
    assert_eq!(*sent, provenance);
}

#[test]
fn a_states_own_budget_trims_its_own_chunk() {
    let long = text("a", &padded("long", 100), Trim::Tail).tokens(20);
    let other = text("b", "short", Trim::Tail);
    let map = ContextMap {
        chunks: vec![chunk("slot", Source::Slot(Slot::Cognition), Trim::Tail)],
        ..ContextMap::default()
    };
    let slots = SlotChunks {
        cognition: &[&long, &other],
        workflow: &[],
    };
    let assembled = plan(&map, &slots, &model(1_000, 100))
        .assemble(
            &Gathered::new(),
            &Said::default(),
            &Tools::default(),
            &BytesEstimate,
        )
        .unwrap();
    assert!(
        shown(&assembled.payload)[0].ends_with("tokens cut]\n\nshort"),
        "{:?}",
        assembled.payload
    );
    assert!(assembled.report.chunks[0].trimmed > 80);
}

#[test]
fn never_fails_loudly_and_says_what_to_do() {
    let charter = text("charter", &padded("x", 100), Trim::Never).tokens(60);
    let error = assemble(&[charter], &[], &[], &model(1_000, 100)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "chunk `charter` (agents/coder.yaml:7:5) takes 104 tokens, its budget is 60, and its `trim` lets it go no lower; \
         shorten it, raise its budget, or let it be trimmed with `trim: tail`"
    );
    let chunks = [
        text("charter", &padded("x", 100), Trim::Never),
        text("rules", &padded("y", 50), Trim::Never),
        text("rest", "z", Trim::Tail),
    ];
    let error = assemble(&chunks, &[], &[], &model(200, 100)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payload takes 158 tokens after all trimming and 100 are free (context_length − max_output, less where a server refused that many); what may not go: `charter` 104, `rules` 54; \
         shorten one of these, let it be trimmed, or take a model with a longer context"
    );
    assert!(matches!(
        assemble(&chunks, &[], &[], &model(100, 100)),
        Err(AssembleError::NoRoom { .. })
    ));
}

#[test]
fn the_lowest_priority_gives_first_and_of_equals_the_later() {
    let of = |id: &str, priority| text(id, &padded(id, 96), Trim::Tail).priority(priority);
    let chunks = [of("a", 2), of("b", 1), of("c", 1), of("d", 3)];
    let tokens = |room: u64| -> Vec<u64> {
        let report = assemble(&chunks, &[], &[], &model(room + 10, 10))
            .unwrap()
            .report;
        assert!(report.total <= room);
        report.chunks.iter().map(|chunk| chunk.tokens).collect()
    };
    assert_eq!(tokens(400), [100; 4]);
    let some = tokens(350);
    assert!(
        some[2] < 60 && [some[0], some[1], some[3]] == [100; 3],
        "{some:?}"
    );
    let more = tokens(250);
    assert!(
        more[2] == 0 && more[1] < 60 && [more[0], more[3]] == [100; 2],
        "{more:?}"
    );
}

#[test]
fn the_flexible_chunk_takes_what_the_others_leave() {
    let chunks = [
        text("notes", &padded("n", 96), Trim::Tail).tokens(50),
        history(),
        text("nudge", "Next step?", Trim::Tail),
    ];
    let history = measured((0..40).map(|n| human(&padded(&n.to_string(), 16))));
    let assembled = assemble(&chunks, &history, &[], &model(500, 100)).unwrap();
    let report = &assembled.report;
    assert!((300..=400).contains(&report.total), "{}", report.total);
    assert_eq!(report.chunks[1].trimmed + report.chunks[1].tokens, 800);
    assert!(
        shown(&assembled.payload)[1..]
            .iter()
            .any(|text| text.starts_with("39"))
    );
}

#[test]
fn the_newest_prompt_stays_when_its_turn_is_long() {
    let mut items = vec![human("old"), assistant("old", &[]), human("PROMPT")];
    for n in 0..30 {
        let id = format!("call{n}");
        items.extend([assistant("", &[&id]), result(&id, &padded("r", 40))]);
    }
    let assembled = assemble(&[history()], &measured(items), &[], &model(600, 100)).unwrap();
    let texts = shown(&assembled.payload);
    assert_eq!(texts[0], "PROMPT");
    assert!(
        texts[1].starts_with("[\"call") && texts.last().unwrap() == "=call29",
        "{texts:?}"
    );
}

#[test]
fn a_prompt_that_cannot_be_sent_is_an_error_and_not_a_payload_without_it() {
    let items = measured([human(&padded("p", 200))]);
    let budgeted = ChunkDef {
        flexible: false,
        ..history()
    }
    .tokens(100);
    let error = assemble(&[budgeted], &items, &[], &model(1_000, 100)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the newest prompt and what was last answered take 204 tokens, and the budget of chunk `history` (agents/coder.yaml:7:5) is 100; \
         raise that budget, or have tools answer less at a time"
    );
    assert!(matches!(
        assemble(&[history()], &items, &[], &model(200, 100)),
        Err(AssembleError::TooLong { .. })
    ));
}

#[test]
fn declared_tools_stay_the_same_and_one_last_line_says_which_are_open() {
    let declared = [
        chunk("tools", Source::Tools(ToolsMode::Declared), Trim::Never),
        text("nudge", "Next?", Trim::Tail),
    ];
    let offers = [
        offer("fs.read", true),
        offer("my_fs.write", true),
        offer("search.grep", false),
        offer("signal", false),
    ];
    let assembled = assemble(&declared, &[], &offers, &model(1_000, 100)).unwrap();
    let names: Vec<&str> = assembled
        .payload
        .tools
        .iter()
        .map(|schema| &*schema.name)
        .collect();
    assert_eq!(names, ["fs.read", "my_fs.write", "search.grep", "signal"]);
    assert_eq!(
        shown(&assembled.payload),
        [
            "Next?",
            "Tools open now: fs__read, my_-fs__write, signal. A call to any other is denied."
        ]
    );
    let all_open = offers.clone().map(|offer| ToolOffer {
        open: true,
        ..offer
    });
    assert_eq!(
        shown(
            &assemble(&declared, &[], &all_open, &model(1_000, 100))
                .unwrap()
                .payload
        ),
        ["Next?"]
    );

    let allowed = [chunk(
        "tools",
        Source::Tools(ToolsMode::Allowed),
        Trim::Never,
    )];
    let payload = assemble(&allowed, &[], &offers, &model(1_000, 100))
        .unwrap()
        .payload;
    let names: Vec<&str> = payload.tools.iter().map(|schema| &*schema.name).collect();
    assert_eq!(
        (names.as_slice(), payload.items.len()),
        (&["fs.read", "my_fs.write", "signal"][..], 0)
    );
    assert!(
        assemble(&[history()], &[], &offers, &model(1_000, 100))
            .unwrap()
            .payload
            .tools
            .is_empty()
    );
}

#[test]
fn tools_that_may_be_trimmed_lose_the_last_but_never_the_hosts() {
    let chunks = [chunk("tools", Source::Tools(ToolsMode::Declared), Trim::Tail).tokens(60)];
    let offers = [
        offer("fs.read", true),
        offer("fs.write", true),
        offer("fs.edit", true),
        offer("signal", true),
    ];
    let assembled = assemble(&chunks, &[], &offers, &model(1_000, 100)).unwrap();
    let names: Vec<&str> = assembled
        .payload
        .tools
        .iter()
        .map(|schema| &*schema.name)
        .collect();
    assert_eq!(names, ["fs.read", "signal"]);
    assert_eq!(
        assembled.report.chunks[0].trimmed,
        offers[1].tokens + offers[2].tokens
    );
}

#[test]
fn the_report_has_exactly_the_fields_of_the_contract() {
    let chunks = [
        text("charter", "Be kind.", Trim::Never).tokens(40).stable(),
        history(),
    ];
    let report = assemble(
        &chunks,
        &measured([human("hello")]),
        &[],
        &model(1_000, 100),
    )
    .unwrap()
    .report;
    assert_eq!(
        serde_json::to_string(&report).unwrap(),
        concat!(
            r#"{"limit":1000,"reserve":100,"total":13,"estimator":"bytes/3.6","chunks":["#,
            r#"{"id":"charter","role":"system","source":"text","tokens":7,"budget":40,"trimmed":0,"cache":"stable","priority":5,"cached":0,"#,
            r#""provenance":[{"from":"house","tokens":7}]},"#,
            r#"{"id":"history","role":"user","source":"history","tokens":6,"budget":null,"trimmed":0,"cache":"volatile","priority":6,"cached":0,"#,
            r#""provenance":[{"from":"human","tokens":6}]}],"cached":0,"calibration":null}"#
        )
    );
}

#[test]
fn the_picture_shows_what_each_chunk_holds() {
    let chunks = [
        text("charter", &padded("c", 300), Trim::Never)
            .tokens(400)
            .stable(),
        chunk("tools", Source::Tools(ToolsMode::Declared), Trim::Never)
            .tokens(600)
            .stable(),
        text(
            "a-very-long-identifier-of-a-chunk",
            &padded("r", 900),
            Trim::Tail,
        )
        .tokens(800),
        history(),
        text("nudge", "Next step?", Trim::Tail)
            .tokens(90)
            .priority(1),
    ];
    let history = measured((0..80).map(|n| human(&padded(&n.to_string(), 96))));
    let offers: Vec<ToolOffer> = (0..12)
        .map(|n| offer(&format!("fs.tool{n}"), true))
        .collect();
    let report = assemble(&chunks, &history, &offers, &model(8_192, 1_024))
        .unwrap()
        .report;
    let picture = report.render(100);
    assert_eq!(picture, include_str!("picture.txt"));
    for width in [0, 60, 77, 100, 500] {
        assert!(
            report
                .render(width)
                .lines()
                .all(|line| line.chars().count() <= width.clamp(60, 100)),
            "{width}"
        );
    }
    let empty = MapReport {
        limit: 0,
        reserve: 0,
        total: 0,
        cached: 0,
        estimator: "none".into(),
        calibration: None,
        chunks: Vec::new(),
    };
    assert_eq!(
        empty.render(80),
        "0 of 0 tokens used (0.0%), 0 kept for the answer, 0 expected cached,\ncounted by none\n\n"
    );
}
