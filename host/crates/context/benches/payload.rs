//! What the next turn's payload costs after a long conversation. `cargo xtask bench` makes a table of the lines this prints.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_context::*;
use measure::{Compared, Figure, Floor, Goal, compare};
use std::hint::black_box;
use std::sync::Arc;
use types::{
    CacheClass, Item, Marked, ModelParameters, Percent, Place, Provenance, Role, ToolCall,
    ToolResult, ToolSchema,
};

const ROUNDS: usize = 201;
const BUILDS: u32 = 20;
/// Tokens of the conversation.
const HISTORY: u64 = 128_000;
/// Bytes of one tool's result, as reading a file gives.
const RESULT: usize = 4_000;

fn main() {
    let map = map();
    let offers = offers();
    let items = conversation();
    let history: Vec<HistoryItem> = items.iter().map(measured).collect();
    let text = whole_text(&items);
    let mut copy = vec![0u8; text.len()];
    let mut memcpy = |builds: u32| {
        for _ in 0..builds {
            copy.copy_from_slice(black_box(text.as_bytes()));
            black_box(&copy);
        }
    };

    let whole = compare(
        ROUNDS,
        BUILDS,
        |builds| {
            for _ in 0..builds {
                let history: Vec<HistoryItem> = items.iter().map(measured).collect();
                build(&map, &history, &offers);
            }
        },
        &mut memcpy,
    );
    print(
        &format!("whole: {HISTORY} tokens measured, planned, assembled"),
        &whole,
        &text,
        "A pointer for each item, and the sum of what its texts take: a text counts its bytes when it is made (in *first body*, section \"Body\").",
    );

    let mut growing = history.clone();
    let next = compare(
        ROUNDS,
        BUILDS,
        |builds| {
            for _ in 0..builds {
                growing.truncate(history.len());
                growing.extend(items[items.len() - 2..].iter().map(measured));
                build(&map, &growing, &offers);
            }
        },
        &mut memcpy,
    );
    print(
        "next turn: one exchange measured, planned, assembled",
        &next,
        &text,
        "No text is copied: the payload is a list of pointers. What is left grows with the number of items (adding up their sizes, counting their references), not with their length.",
    );
}

fn print(what: &str, compared: &Compared, text: &str, note: &str) {
    let figure = Figure {
        what: what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: format!("memcpy of the history's {} KB", text.len() / 1_000),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::Times(3.0)),
        note: note.into(),
    };
    println!("{figure}");
}

fn build(map: &ContextMap, history: &[HistoryItem], offers: &[ToolOffer]) {
    let plan = plan(black_box(map), &SlotChunks::default(), &parameters());
    let assembled = plan
        .assemble(
            &Gathered::new(),
            &Said::new(history),
            &Tools { offers },
            &BytesEstimate,
        )
        .expect("it fits");
    assert!(assembled.payload.items.len() > history.len());
    black_box(assembled);
}

fn measured(item: &Arc<Item>) -> HistoryItem {
    HistoryItem::measured(item.clone(), &BytesEstimate)
}

fn parameters() -> ModelParameters {
    ModelParameters {
        provider: "bench".into(),
        name: "bench".into(),
        context_length: 200_000,
        max_output: 8_192,
        temperature: None,
        reasoning: None,
    }
}

/// The map of a coding agent: instructions, tools, the conversation, what the state adds.
fn map() -> ContextMap {
    let chunk = |id: &str, role, source, share: Option<&str>, trim| ChunkDef {
        id: Marked::new(id.to_owned(), place()),
        role,
        flexible: matches!(source, Source::History),
        source,
        budget: share.map(|share| {
            let percent = Percent::parse(share).expect("a share");
            Marked::new(Budget::Share(percent), place())
        }),
        trim,
        priority: 5,
        cache: CacheClass::Stable,
        place: place(),
    };
    let instructions = Source::Text(
        "Read what is there before you change anything. "
            .repeat(100)
            .into(),
    );
    let next = Source::Text("Now do what was asked, and nothing else.".into());
    ContextMap {
        chunks: vec![
            chunk(
                "charter",
                Role::System,
                instructions,
                Some("4%"),
                Trim::Never,
            ),
            chunk(
                "tools",
                Role::System,
                Source::Tools(ToolsMode::Declared),
                Some("6%"),
                Trim::Never,
            ),
            chunk("history", Role::User, Source::History, None, Trim::Oldest),
            chunk("nudge", Role::User, next, Some("1%"), Trim::Tail),
        ],
        ..ContextMap::default()
    }
}

fn offers() -> Vec<ToolOffer> {
    let offer = |number: usize| {
        let schema = ToolSchema {
            name: format!("fs.tool-{number}").into(),
            description: "Reads a file, in pages where it is long. ".repeat(5).into(),
            parameters: Arc::new(serde_json::json!({
                "type": "object", "required": ["path"],
                "properties": { "path": { "type": "string", "description": "The file's path." } },
            })),
        };
        ToolOffer::measured(schema, true, &BytesEstimate)
    };
    (0..8).map(offer).collect()
}

/// A prompt, then calls and their results until there are tokens enough.
fn conversation() -> Vec<Arc<Item>> {
    let mut items = vec![Arc::new(Item::Text {
        role: Role::User,
        text: "Find out why the tests fail, and mend it.".into(),
        provenance: Provenance::Human,
        labels: Vec::new(),
    })];
    let mut tokens = 0;
    while tokens < HISTORY {
        let id: Arc<str> = format!("call_{}", items.len()).into();
        let exchange = [exchange_call(&id), exchange_result(&id)];
        tokens += exchange
            .iter()
            .map(|item| BytesEstimate.item(item))
            .sum::<u64>();
        items.extend(exchange.map(Arc::new));
    }
    items
}

fn exchange_call(id: &Arc<str>) -> Item {
    Item::Assistant {
        text: "I look at the next file.".into(),
        reasoning: None,
        calls: vec![ToolCall {
            id: id.clone(),
            name: "fs.read".into(),
            arguments: r#"{"path":"/workspace/src/main.rs"}"#.into(),
        }],
        provenance: Provenance::Model("bench".into()),
    }
}

fn exchange_result(id: &Arc<str>) -> Item {
    let line = "    let value = compute(input)?; // a line like any other\n";
    Item::Result(ToolResult {
        call: id.clone(),
        name: "fs.read".into(),
        text: line.repeat(RESULT / line.len()).into(),
        failed: false,
        provenance: Provenance::House,
        labels: Vec::new(),
    })
}

/// Every text of the conversation in a row: what the floor copies.
fn whole_text(items: &[Arc<Item>]) -> String {
    let mut whole = String::new();
    for item in items {
        match &**item {
            Item::Text { text, .. } => whole.push_str(&text.plain()),
            Item::Assistant { text, calls, .. } => {
                whole.push_str(&text.plain());
                for call in calls {
                    whole.push_str(&call.arguments.plain());
                }
            }
            Item::Result(result) => whole.push_str(&result.text.plain()),
        }
    }
    whole
}

fn place() -> Place {
    Place::new("bench.yaml", 1, 1)
}
