//! A program with a command line as a tool: `run {args, stdin}`, answered by `{exit_code, stdout, stderr}`.
//!
//! That a program ends with another status than 0 is an answer like any other: whoever called it reads what it wrote and decides.

use crate::call::{CallContext, ToolRequest};
use crate::plugin::Plugin;
use crate::streams::{Captured, Stdio};
use crate::{Sandbox, arguments};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use types::{Bytes, CallError, CallErrorKind, Effect, Outcome, Part, ToolSpec};
use wasmtime_wasi::I32Exit;

/// Where a program finds itself when a mount has this name; else in the first mount there is.
const WORKSPACE: &str = "/workspace";

/// The command as a tool called `tool`.
pub(crate) fn spec(tool: String) -> ToolSpec {
    ToolSpec {
        name: tool,
        description:
            "Runs the program with a command line and answers its exit code and what it wrote. \
            Relative paths begin in the workspace, if there is one."
                .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "args": {
                    "type": "array",
                    "items": { "type": "string" },
                    "default": [],
                    "description": "Arguments, one item each, without the program's own name; no shell reads them.",
                },
                "stdin": { "type": "string", "description": "What the program reads on standard input." },
            },
            "additionalProperties": false,
        }),
        effect: Effect::Once,
    }
}

/// What a call says.
struct CommandLine {
    args: Vec<String>,
    stdin: String,
}

fn command_line(tool: &str, arguments: &str) -> Result<CommandLine, CallError> {
    let invalid = |message: String| CallError::new(CallErrorKind::Invalid, message);
    let given: Map<String, Value> = arguments::object(arguments)?;
    if let Some(stranger) = given
        .keys()
        .find(|key| !["args", "stdin"].contains(&key.as_str()))
    {
        return Err(invalid(format!(
            "`{tool}` has no argument `{stranger}`; it takes args, stdin"
        )));
    }
    let text = |path: String, value: &Value| match value {
        Value::String(text) if text.contains('\0') && path != "stdin" => Err(invalid(format!(
            "`{path}` must not contain the character NUL"
        ))),
        Value::String(text) => Ok(text.clone()),
        other => Err(invalid(format!("`{path}` must be text, not {other}"))),
    };
    let args = match given.get("args") {
        None => Vec::new(),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| text(format!("args[{index}]"), item))
            .collect::<Result<_, _>>()?,
        Some(other) => {
            return Err(invalid(format!(
                "`args` must be an array of texts, not {other}"
            )));
        }
    };
    let stdin = given
        .get("stdin")
        .map_or(Ok(String::new()), |value| text("stdin".into(), value))?;
    Ok(CommandLine { args, stdin })
}

/// The mount in which a program's relative paths begin.
fn here(mounts: &[policy::Mount]) -> Option<(usize, String)> {
    let workspace = mounts.iter().position(|mount| mount.guest == WORKSPACE);
    let here = workspace.unwrap_or(0);
    mounts.get(here).map(|mount| (here, mount.guest.clone()))
}

impl Sandbox {
    /// Run the command at `path` among the exports of `plugin`.
    pub(crate) async fn call_command(
        &self,
        plugin: &Plugin,
        request: ToolRequest<'_>,
        context: &CallContext,
        path: &[String],
    ) -> Outcome {
        let line = match command_line(request.tool, request.arguments) {
            Ok(line) => line,
            Err(error) => return Outcome::refused(error),
        };
        let exported = match self.loaded(plugin) {
            Ok(loaded) => loaded.exported(path),
            Err(error) => Err(CallError::new(
                CallErrorKind::Unavailable,
                error.to_string(),
            )),
        };
        let exported = match exported {
            Ok(exported) => exported,
            Err(error) => return Outcome::refused(error),
        };
        let limit = request.grant.limits.output.0;
        let stdio = Stdio {
            args: [&[plugin.name().to_string()], &line.args[..]].concat(),
            stdin: line.stdin.into(),
            captured: Some(Captured::new(limit)),
            here: here(&request.grant.mounts),
            ..Stdio::default()
        };
        let ran = self
            .run_with(
                plugin,
                request.grant,
                context,
                &stdio,
                async |store, instance, _| {
                    let run = instance
                        .get_func(&mut *store, &exported.index)
                        .ok_or_else(|| wasmtime::format_err!("the command is not there"))?
                        .typed::<(), (Result<(), ()>,)>(&*store)?;
                    match run.call_async(&mut *store, ()).await {
                        Ok((result,)) => Ok(i32::from(result.is_err())),
                        Err(error) => match error.downcast_ref::<I32Exit>() {
                            Some(exit) => Ok(exit.0),
                            None => Err(error),
                        },
                    }
                },
            )
            .await;
        let written = stdio.captured.unwrap_or_default();
        let (result, outcome) =
            ran.read(|exit_code| Ok(vec![Part::Json(written.answer(exit_code))]));
        let result = match written.overflowed() {
            true => Err(CallError::new(
                CallErrorKind::Limit,
                format!(
                    "the program wrote more than its output limit of {} and was stopped; ask for less, or raise `limits: {{ output: … }}`",
                    Bytes(limit)
                ),
            )),
            false => result,
        };
        Outcome { result, ..outcome }
    }
}

impl Captured {
    /// What the program wrote. What is not UTF-8 is shown with its bytes replaced, and given whole beside it as base64.
    fn answer(&self, exit_code: i32) -> Value {
        let (out, err) = self.written();
        let mut answer = json!({
            "exit_code": exit_code,
            "stdout": String::from_utf8_lossy(&out),
            "stderr": String::from_utf8_lossy(&err),
        });
        for (name, bytes) in [("stdout_base64", &out), ("stderr_base64", &err)] {
            if std::str::from_utf8(bytes).is_err() {
                answer[name] = STANDARD.encode(bytes).into();
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_named() {
        for (arguments, expected) in [
            ("[]", "must be a JSON object"),
            (
                r#"{"arg":[]}"#,
                "has no argument `arg`; it takes args, stdin",
            ),
            (
                r#"{"args":"ls -l"}"#,
                "`args` must be an array of texts, not \"ls -l\"",
            ),
            (r#"{"args":["a",1]}"#, "`args[1]` must be text, not 1"),
            (
                r#"{"args":["a\u0000b"]}"#,
                "`args[0]` must not contain the character NUL",
            ),
            (r#"{"stdin":null}"#, "`stdin` must be text, not null"),
        ] {
            let error = command_line("run", arguments).err().unwrap();
            assert_eq!(error.kind, CallErrorKind::Invalid);
            assert!(error.message.contains(expected), "{}", error.message);
        }
        assert!(command_line("run", "").unwrap().args.is_empty());
    }
}
