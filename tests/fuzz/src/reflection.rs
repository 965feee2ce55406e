//! Reflection: arguments in JSON for functions with every type of WIT, called through the engine. What a function echoes, given to it again, is echoed the
//! same; whatever else is said to it is refused in words and never breaks anything.

use crate::components::{Loader, grant, guest};
use crate::{Mutator, Target};
use sandbox::{CallContext, Plugin, ToolRequest};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use types::{CallErrorKind, Part, ToolName};

/// Functions that answer what they are given, and how the answer is given to them again.
const ECHOES: [(&str, &[&str]); 3] = [
    ("echo-whole", &["all"]),
    ("echo-bytes", &["bytes"]),
    ("nested", &["deep", "outcome"]),
];

/// Arguments for the functions of the test guest `typed`.
pub struct Reflection {
    loader: Loader,
    plugin: Option<Arc<Plugin>>,
}

impl Reflection {
    pub fn in_directory(directory: &Path) -> Self {
        let loader = Loader::new(directory);
        let plugin = guest("typed").and_then(|path| loader.load(&path));
        if plugin.is_none() {
            eprintln!("note: the guest `typed` is not built, so no function is called");
        }
        Reflection { loader, plugin }
    }

    fn call(&self, plugin: &Plugin, tool: &str, arguments: &str) -> Option<Value> {
        let name = ToolName::new(plugin.name(), tool).ok()?;
        let grant = grant(name);
        let request = ToolRequest {
            tool,
            arguments,
            id: "fuzz/1",
            grant: &grant,
        };
        let outcome = self
            .loader
            .block_on(plugin, request, &CallContext::default());
        match outcome.result {
            Ok(parts) => Some(match parts.into_iter().next() {
                Some(Part::Json(answer)) => answer,
                _ => Value::Null,
            }),
            Err(error) => {
                let fine = matches!(
                    error.kind,
                    CallErrorKind::Invalid | CallErrorKind::Failed | CallErrorKind::Limit
                );
                assert!(fine, "{tool}({arguments}): {error}");
                None
            }
        }
    }
}

impl Target for Reflection {
    fn corpus(&self) -> Vec<Vec<u8>> {
        let whole = json!({
            "small": 255, "signed": -128, "middle": -32768, "wide": 65535, "word": -2_147_483_648_i64, "count": 4_294_967_295_u32,
            "far": -9_007_199_254_740_993_i64, "large": 18_446_744_073_709_551_615_u64, "ratio": 1.5, "exact": -0.0,
            "letter": "ß", "yes": true,
        });
        let calls = [
            json!({ "tool": "echo-whole", "arguments": { "all": whole } }),
            json!({ "tool": "echo-bytes", "arguments": { "bytes": "AAECAw==" } }),
            json!({ "tool": "nested", "arguments": { "deep": { "some": 7 }, "outcome": { "err": "no" } } }),
            json!({ "tool": "nested", "arguments": { "deep": null, "outcome": { "ok": 1 } } }),
            json!({ "tool": "describe", "arguments": { "shape": { "polygon": [{ "x": 1, "y": 2, "label": "a" }, { "x": -1, "y": 0 }] } } }),
            json!({ "tool": "describe", "arguments": { "shape": "nothing" } }),
            json!({ "tool": "move-by", "arguments": { "point": { "x": 1, "y": 2 }, "by": [3, -4] } }),
            json!({ "tool": "next-colour", "arguments": { "colour": "dark-green" } }),
            json!({ "tool": "toggle", "arguments": { "rights": ["read"], "which": ["write", "run-it"] } }),
            json!({ "tool": "total", "arguments": { "of": [1, -2, 3] } }),
        ];
        calls
            .iter()
            .map(|call| call.to_string().into_bytes())
            .collect()
    }

    fn make(&self, mutator: &mut Mutator, seeds: &[Vec<u8>]) -> Vec<u8> {
        let seed = mutator.one_of(seeds).to_vec();
        let Ok(mut call) = serde_json::from_slice::<Value>(&seed) else {
            return mutator.mutated(seeds);
        };
        // Text that is no JSON is refused at once; most inputs are JSON with something else in some place.
        if mutator.chance.u8(..8) == 0 {
            return mutator.mutated(seeds);
        }
        for _ in 0..=mutator.chance.u8(..3) {
            change(&mut call["arguments"], mutator);
        }
        call.to_string().into_bytes()
    }

    fn run(&mut self, path: &Path) -> bool {
        let Some(plugin) = &self.plugin else {
            return false;
        };
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let call: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(tool) = call["tool"]
            .as_str()
            .filter(|tool| plugin.tool(tool).is_some())
        else {
            return self.call(plugin, "echo-whole", &text).is_some();
        };
        let Some(answer) = self.call(plugin, tool, &call["arguments"].to_string()) else {
            return false;
        };
        if let Some((_, parameters)) = ECHOES.iter().find(|(echo, _)| *echo == tool) {
            let again = match parameters {
                [one] => json!({ *one: answer }),
                several => several
                    .iter()
                    .enumerate()
                    .map(|(at, name)| ((*name).to_owned(), answer[at].clone()))
                    .collect(),
            };
            let echoed = self.call(plugin, tool, &again.to_string());
            assert_eq!(echoed.as_ref(), Some(&answer), "{tool} of its own answer");
        }
        true
    }
}

/// Put something else in some place of `value`.
fn change(value: &mut Value, mutator: &mut Mutator) {
    let here = mutator.chance.u8(..4) == 0;
    match value {
        Value::Object(fields) if !here && !fields.is_empty() => {
            let at = mutator.chance.usize(..fields.len());
            if let Some((_, field)) = fields.iter_mut().nth(at) {
                change(field, mutator);
            }
        }
        Value::Array(items) if !here && !items.is_empty() => {
            let at = mutator.chance.usize(..items.len());
            change(&mut items[at], mutator);
        }
        _ => *value = something(mutator),
    }
}

/// Values at the ends of what types hold, and of the wrong kind.
fn something(mutator: &mut Mutator) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(256),
        json!(65_536),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("18446744073709551616"),
        json!(1e308),
        json!(0.1),
        json!("NaN"),
        json!("-infinity"),
        json!(""),
        json!("a\u{0}b"),
        json!("\u{d7ff}\u{e000}\u{10ffff}"),
        json!("nothing"),
        json!("AA"),
        json!([]),
        json!([null]),
        json!([[], {}]),
        json!({}),
        json!({ "some": null }),
        json!({ "ok": 1, "err": 2 }),
        json!({ "circle": "inf" }),
        json!({ "x": 1, "y": 2, "z": 3 }),
    ];
    let at = mutator.chance.usize(..all.len() + 1);
    match all.get(at) {
        Some(value) => value.clone(),
        // Deeper than anybody means.
        None => (0..200).fold(json!(1), |inner, _| json!([inner])),
    }
}
