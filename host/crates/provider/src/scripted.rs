//! Replies out of a YAML script: the embedded provider, and the test double everywhere.
//!
//! A script answers with fixed or computed text and calls, chosen by what the conversation holds. It is a pure function of the payload: it
//! keeps no count of its own, so it goes on rightly after the host was killed and the run resumed, and two runs give the same bytes.
//!
//! ```yaml
//! script: survey
//! doc: Counts, then writes what was counted.
//! replies:                                  # the first whose `when` holds answers; without `when` it always does
//!   - when: "called('search.count') == 0"
//!     text: Let me count.
//!     calls:
//!       - { tool: search.count, arguments: { path: /workspace, by: language } }
//!   - when: "called('fs.write') == 0"
//!     calls:
//!       - { tool: fs.write, arguments: { path: /out/n.md, text: "{{ last.json.files | thousands }} files" } }
//!   - text: "Done: {{ last.text }}"
//! ```
//!
//! `when` is an expression and every string in `text` and `arguments` a template of the Jinja language; a string that is exactly one
//! `{{ expression }}` keeps the value's type. What they can see is listed in [`view`].

mod argument;
mod filters;
mod read;
mod script;
mod view;

use minijinja::{Environment, Value};
use script::{Reply as Scene, Script};
use std::path::Path;
use std::sync::Arc;
use types::{
    Finding, Item, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload,
    ProviderConfig, Reply, StopReason, ToolCall, Usage,
};
use view::View;

/// What an estimated token is long, in bytes.
const BYTES_PER_TOKEN: usize = 4;

/// Everything that is wrong with the script in `file`, which is called `shown` in the findings; empty when it can be used.
///
/// Conditions and templates are compiled and the names in them looked up, so that a slip of the pen is found before a run gets there.
pub fn check_script(file: &Path, shown: &str) -> Vec<Finding> {
    Script::load(file, shown, &filters::environment())
        .err()
        .unwrap_or_default()
}

/// A script that plays a model.
pub struct Scripted {
    script: Script,
    environment: Environment<'static>,
}

impl Scripted {
    /// Read the script in `file`.
    pub fn open(config: &ProviderConfig, file: &Path) -> Result<Self, ModelError> {
        let environment = filters::environment();
        let script =
            Script::load(file, &file.to_string_lossy(), &environment).map_err(|findings| {
                let lines: Vec<String> = findings.iter().map(line_of).collect();
                ModelError::new(
                    ModelErrorKind::Rejected,
                    format!(
                        "the script of provider `{}` cannot be used:\n{}",
                        config.name,
                        lines.join("\n")
                    ),
                )
            })?;
        Ok(Scripted {
            script,
            environment,
        })
    }

    fn answer(&self, payload: &Payload, sink: &mut dyn ModelSink) -> Result<Reply, ModelError> {
        let view = Arc::new(View::of(payload, self.script.since.as_deref()));
        let context = view.context();
        for (index, scene) in self.script.replies.iter().enumerate() {
            let scene_error = |finding: Finding| {
                ModelError::new(
                    ModelErrorKind::NoReply,
                    format!(
                        "script `{}`, reply {}: {}",
                        self.script.name,
                        index + 1,
                        line_of(&finding)
                    ),
                )
            };
            if self.holds(scene, &context).map_err(scene_error)? {
                return self
                    .play(scene, &context, payload, &view, sink)
                    .map_err(scene_error);
            }
        }
        Err(ModelError::new(
            ModelErrorKind::NoReply,
            format!(
                "script `{}` ({}) has no reply for this payload: {}. Add a reply whose `when` holds here, or end the list with one that has \
                 no `when`",
                self.script.name,
                self.script.file,
                view.describe()
            ),
        ))
    }

    fn holds(&self, scene: &Scene, context: &Value) -> Result<bool, Finding> {
        let Some(when) = &scene.when else {
            return Ok(true);
        };
        self.environment
            .compile_expression(&when.value)
            .and_then(|expression| expression.eval(context.clone()))
            .map(|value| value.is_true())
            .map_err(|error| self.script.finding(when, &error))
    }

    fn play(
        &self,
        scene: &Scene,
        context: &Value,
        payload: &Payload,
        view: &View,
        sink: &mut dyn ModelSink,
    ) -> Result<Reply, Finding> {
        let text = match &scene.text {
            None => String::new(),
            Some(text) => self
                .environment
                .render_str(&text.value, context.clone())
                .map_err(|error| self.script.finding(text, &error))?,
        };
        let mut calls = Vec::with_capacity(scene.calls.len());
        for (n, call) in scene.calls.iter().enumerate() {
            let arguments = argument::evaluate_map(&call.arguments, &self.environment, context)
                .map_err(|(written, error)| self.script.finding(written, &error))?;
            calls.push(ToolCall {
                id: format!("call_{}_{n}", view.answers()).into(),
                name: call.tool.as_str().into(),
                arguments: serde_json::Value::Object(arguments).to_string().into(),
            });
        }
        for line in text.split_inclusive('\n') {
            sink.text(line);
        }
        let said = text.len()
            + calls
                .iter()
                .map(|call| call.name.len() + call.arguments.len())
                .sum::<usize>();
        sink.traffic(size_of(payload) as u64, said as u64);
        Ok(Reply {
            stop: if calls.is_empty() {
                StopReason::End
            } else {
                StopReason::ToolCalls
            },
            text: text.into(),
            reasoning: None,
            calls,
            usage: Usage {
                input: tokens(size_of(payload)),
                output: tokens(said),
                ..Usage::default()
            },
            abandoned: None,
            model: self.script.name.as_str().into(),
            request: None,
        })
    }
}

impl Model for Scripted {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(async move { self.answer(payload, sink) })
    }
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// The bytes of text that a payload carries, whatever dialect it might be written in.
fn size_of(payload: &Payload) -> usize {
    let calls = |calls: &[ToolCall]| {
        calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len())
            .sum::<usize>()
    };
    let items = payload.items.iter().map(|item| match &**item {
        Item::Text { text, .. } => text.len(),
        Item::Assistant {
            text,
            reasoning,
            calls: made,
            ..
        } => text.len() + reasoning.as_ref().map_or(0, |thought| thought.text.len()) + calls(made),
        Item::Result(result) => result.text.len(),
    });
    let tools = payload
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.parameters.to_string().len());
    items.sum::<usize>() + tools.sum::<usize>()
}

fn line_of(finding: &Finding) -> String {
    let Finding {
        place,
        message,
        help,
        ..
    } = finding;
    if help.is_empty() {
        format!("{place}: {message}")
    } else {
        format!("{place}: {message} ({help})")
    }
}

#[cfg(test)]
mod tests;
