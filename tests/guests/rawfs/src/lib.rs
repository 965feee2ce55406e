//! Every call of `wasi:filesystem` as it is, in any order, on any path: what a guest could do that was written to find the one call that was forgotten.

use charthouse_sdk::{Effect, Failure, Part, Tool, ToolPlugin, arguments, export_tool};

#[cfg(target_os = "wasi")]
mod script;

arguments! {
    /// Calls, one after the other.
    pub struct Script {
        /// Each is a list of texts, as JSON: the call's name and what it is given. See `script.rs`.
        ops: String,
        /// What the tool does in the end: `ok`, `fail`, or `trap`.
        end: String = "ok".to_owned(),
    }
}

#[cfg(target_os = "wasi")]
fn play(arguments: Script) -> Result<Part, Failure> {
    let ops: Vec<Vec<String>> = serde_json::from_str(&arguments.ops)
        .map_err(|error| Failure::invalid(error.to_string()))?;
    let mut hands = script::Hands::new()?;
    let said: Vec<String> = ops
        .iter()
        .map(|op| {
            let words: Vec<&str> = op.iter().map(String::as_str).collect();
            hands.act(&words)
        })
        .collect();
    let said = serde_json::to_string(&said).map_err(|error| Failure::failed(error.to_string()))?;
    match arguments.end.as_str() {
        "ok" => Ok(Part::Json(said)),
        "fail" => Err(Failure::failed(said)),
        _ => panic!("{said}"),
    }
}

#[cfg(not(target_os = "wasi"))]
fn play(_: Script) -> Result<Part, Failure> {
    Err(Failure::unavailable("only in a sandbox"))
}

struct RawFiles;

impl ToolPlugin for RawFiles {
    fn tools() -> Vec<Tool> {
        vec![
            Tool::new("script", "Makes calls and answers what each came to.", play)
                .effect(Effect::Once),
        ]
    }
}

export_tool!(RawFiles);
