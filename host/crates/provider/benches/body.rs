//! What a request's body costs: the first one of a conversation, and that of the next turn. `cargo xtask bench` makes a table of the lines this prints.

#[path = "../../chart/tests/allocations/counting.rs"]
mod counting;
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_provider::{Rope, body_of};
use counting::counted;
use measure::{Compared, Figure, Floor, Goal, compare};
use std::hint::black_box;
use std::sync::Arc;
use types::{
    Dialect, Item, ModelParameters, Payload, Provenance, ProviderConfig, ProviderKind, Role,
    ToolCall, ToolResult, ToolSchema,
};

const ROUNDS: usize = 51;
/// Bytes of one tool's result, as reading a file gives.
const RESULT: usize = 4_000;
/// What a token is long.
const BYTES_PER_TOKEN: usize = 4;

fn main() {
    for (dialect, name) in [
        (Dialect::ChatCompletions, "chat completions"),
        (Dialect::Messages, "Messages"),
    ] {
        let config = config(dialect);
        for thousands in [1, 32, 128, 1_000] {
            times(&config, name, thousands);
        }
        memory(&config, name, 128);
    }
}

/// A conversation as it comes from outside: no text of it has been escaped yet.
struct Plain {
    prompt: String,
    /// A call's arguments and what the call came to.
    exchanges: Vec<(String, String)>,
}

impl Plain {
    fn of(tokens: usize) -> Self {
        let prompt = "Find out why the tests fail, and \"mend\" it.\n".repeat(20);
        let line = "    let value = compute(\"input\", 3)?; // a line like any other\n";
        let exchange = |number: usize| {
            let arguments =
                format!("{{\"path\":\"/workspace/src/file-{number}.rs\",\"lines\":200}}");
            (arguments, line.repeat(RESULT / line.len()))
        };
        let count = (tokens * BYTES_PER_TOKEN).div_ceil(RESULT);
        Plain {
            prompt,
            exchanges: (0..count).map(exchange).collect(),
        }
    }

    fn bytes(&self) -> usize {
        let exchanges = self.exchanges.iter();
        self.prompt.len()
            + exchanges
                .map(|(call, result)| call.len() + result.len())
                .sum::<usize>()
    }

    fn items(&self) -> Vec<Arc<Item>> {
        let prompt = Item::Text {
            role: Role::User,
            text: (&self.prompt).into(),
            provenance: Provenance::Human,
            labels: Vec::new(),
        };
        let mut items = Vec::with_capacity(self.exchanges.len() * 2 + 1);
        items.push(Arc::new(prompt));
        for number in 0..self.exchanges.len() {
            items.extend(self.exchange(number));
        }
        items
    }

    fn exchange(&self, number: usize) -> [Arc<Item>; 2] {
        let (arguments, result) = &self.exchanges[number];
        let id: Arc<str> = format!("call_{number}").into();
        let name: Arc<str> = "fs.read".into();
        let model = Provenance::Model("bench".into());
        [
            Arc::new(Item::Assistant {
                text: "I look at the next file.".into(),
                reasoning: None,
                calls: vec![ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: arguments.as_str().into(),
                }],
                provenance: model,
            }),
            Arc::new(Item::Result(ToolResult {
                call: id,
                name,
                text: result.into(),
                failed: false,
                provenance: Provenance::House,
                labels: Vec::new(),
            })),
        ]
    }
}

fn times(config: &ProviderConfig, name: &str, thousands: usize) {
    let plain = Plain::of(thousands * 1_000);
    let mut payload = payload(plain.items());
    let whole = body(config, &payload).to_vec();
    let mut copy = vec![0u8; whole.len()];
    let mut memcpy = |turns: u32| {
        for _ in 0..turns {
            copy.copy_from_slice(black_box(&whole));
            black_box(&copy);
        }
    };
    // Short conversations are built often, so that a clock can tell.
    let turns = u32::try_from((2_000 / thousands).clamp(2, 200)).unwrap_or(2);
    let first = compare(
        ROUNDS,
        turns,
        |turns| {
            for _ in 0..turns {
                payload.items = black_box(&plain).items();
                black_box(body(config, &payload));
            }
        },
        &mut memcpy,
    );
    print(
        &format!("{name}, {thousands}k tokens: first body"),
        &first,
        whole.len(),
        3.0,
        "Every text escaped once and every item made of it, then the body. Making them is part of the time, letting them go too.",
    );

    let items = payload.items.len();
    let last = plain.exchanges.len() - 1;
    let next = compare(
        ROUNDS,
        turns,
        |turns| {
            for _ in 0..turns {
                payload.items.truncate(items - 2);
                payload.items.extend(black_box(&plain).exchange(last));
                black_box(body(config, &payload));
            }
        },
        &mut memcpy,
    );
    print(
        &format!("{name}, {thousands}k tokens: next turn"),
        &next,
        whole.len(),
        1.0,
        "One exchange more is escaped; the body shares all older text.",
    );
}

fn memory(config: &ProviderConfig, name: &str, thousands: usize) {
    let plain = Plain::of(thousands * 1_000);
    let (items, held) = counted(|| plain.items());
    let payload = payload(items);
    body(config, &payload);
    let (rope, asked) = counted(|| body(config, &payload));
    let per_cent = |bytes: i64| bytes as f64 * 100.0 / plain.bytes() as f64;
    for (what, value, unit, note) in [
        (
            "the conversation, bytes held",
            per_cent(held.bytes),
            "% of the text",
            "Items with the one copy of their text, which is escaped.",
        ),
        (
            "next body, bytes held beyond the conversation",
            per_cent(asked.bytes),
            "% of the text",
            "Handles and what stands between the texts; gone when it is written to the socket.",
        ),
        (
            "next body, allocations",
            asked.allocations as f64,
            "times",
            "For all items together.",
        ),
        (
            "next body, segments",
            rope.segments().len() as f64,
            "times",
            "Pieces that go to the socket one by one.",
        ),
    ] {
        let figure = Figure {
            what: format!("{name}, {thousands}k tokens: {what}"),
            value,
            unit: unit.into(),
            floor: None,
            goal: None,
            note: note.into(),
        };
        println!("{figure}");
    }
}

fn print(what: &str, compared: &Compared, bytes: usize, goal: f64, note: &str) {
    let figure = Figure {
        what: what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: format!("memcpy of the body's {} KB", bytes / 1_000),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::Times(goal)),
        note: note.into(),
    };
    println!("{figure}");
}

fn body(config: &ProviderConfig, payload: &Payload) -> Rope {
    body_of(config, black_box(payload)).expect("it has a body")
}

fn config(dialect: Dialect) -> ProviderConfig {
    let kind = ProviderKind::Http {
        dialect,
        base_url: "http://127.0.0.1".into(),
        key: None,
    };
    ProviderConfig::new("bench", kind)
}

fn payload(items: Vec<Arc<Item>>) -> Payload {
    let tool = |number: usize| ToolSchema {
        name: format!("fs.tool-{number}").into(),
        description: "Reads a file, in pages where it is long. ".repeat(5).into(),
        parameters: Arc::new(serde_json::json!({
            "type": "object", "required": ["path"],
            "properties": { "path": { "type": "string", "description": "The file's path." } },
        })),
    };
    let breakpoints = vec![1, items.len() - 1];
    Payload {
        items,
        tools: (0..8).map(tool).collect(),
        parameters: ModelParameters {
            provider: "bench".into(),
            name: "bench".into(),
            context_length: 2_000_000,
            max_output: 8_192,
            temperature: None,
            reasoning: None,
        },
        breakpoints,
    }
}
