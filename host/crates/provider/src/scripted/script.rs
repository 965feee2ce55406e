//! A script as it is written: read from YAML, checked as a whole, every complaint with its place.

use super::argument::{self, Argument, Arguments};
use super::view::NAMES;
use minijinja::{Environment, Error};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::HashSet;
use std::path::Path;
use types::{Finding, Place};

/// The largest script that is read. A script is written by hand; what is larger is some other file.
const LARGEST_SCRIPT: u64 = 4 << 20;

/// A script that can be played.
#[derive(Debug)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The file, as shown to people.
    pub file: String,
    /// What begins it anew: the last message that holds this text.
    pub since: Option<String>,
    /// Its replies, in order.
    pub replies: Vec<Reply>,
}

/// One of the script's replies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The condition.
    #[serde(default)]
    pub when: Option<Spanned<String>>,
    /// What it says: a template.
    #[serde(default)]
    pub text: Option<Spanned<String>>,
    /// What it calls.
    #[serde(default)]
    pub calls: Vec<Call>,
}

/// One call of a reply.
#[derive(Debug)]
pub struct Call {
    /// The tool's name; `plugin.tool` or a host tool's.
    pub tool: String,
    /// Its arguments.
    pub arguments: Arguments,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    script: String,
    /// For the reader of the file; named here so that it is no unknown key.
    #[serde(default, rename = "doc")]
    _doc: Option<String>,
    #[serde(default)]
    since: Option<Spanned<String>>,
    replies: Vec<Spanned<Reply>>,
}

/// Something that stands at a place in the file.
pub trait Written {
    /// Where.
    fn location(&self) -> Location;
}

impl Written for Spanned<String> {
    fn location(&self) -> Location {
        self.defined
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename = "call")]
        struct Raw {
            tool: String,
            #[serde(default)]
            arguments: Option<Argument>,
        }
        let Raw { tool, arguments } = Raw::deserialize(deserializer)?;
        let wrong = serde::de::Error::custom;
        if tool.is_empty() {
            return Err(wrong(
                "`tool` is empty; write a tool's name, for instance `fs.read`",
            ));
        }
        match arguments {
            None | Some(Argument::Plain(serde_json::Value::Null)) => Ok(Call {
                tool,
                arguments: vec![],
            }),
            Some(Argument::Map(arguments)) => Ok(Call { tool, arguments }),
            Some(_) => Err(wrong(
                "`arguments` is a map of names and values, for instance `{ path: /workspace }`",
            )),
        }
    }
}

impl Script {
    /// Read the script in `file`, called `shown` in findings.
    ///
    /// # Errors
    /// Everything that is wrong with it: what the YAML reader complains of first, or else every condition and template that does not
    /// compile or names what no script can see.
    pub fn load(
        file: &Path,
        shown: &str,
        environment: &Environment<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let source = read(file).map_err(|why| {
            vec![Finding::error(
                &Place::new(shown, 0, 0),
                format!("the script cannot be read: {why}"),
                "check `file` of the scripted provider in house.yaml",
            )]
        })?;
        Script::parse(&source, shown, environment)
    }

    /// Read the script that `source` holds.
    pub fn parse(
        source: &str,
        shown: &str,
        environment: &Environment<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
        };
        let parsed: Result<ScriptFile, _> = serde_saphyr::from_str_with_options(source, options);
        let file = parsed.map_err(|error| vec![yaml_finding(&error, shown)])?;
        let mut findings = Vec::new();
        let mut replies = Vec::with_capacity(file.replies.len());
        if let Some(since) = file.since.as_ref().filter(|text| text.value.is_empty()) {
            findings.push(Finding::error(
                &place_of(shown, since.defined),
                "`since` is empty, which every message holds",
                "write a text that stands in the message with which the script begins anew, or leave it out",
            ));
        }
        for reply in file.replies {
            if reply.value.text.is_none() && reply.value.calls.is_empty() {
                findings.push(Finding::error(
                    &place_of(shown, reply.defined),
                    "this reply says nothing and calls nothing",
                    "give it `text`, `calls` or both",
                ));
            }
            replies.push(reply.value);
        }
        let script = Script {
            name: file.script,
            file: shown.to_owned(),
            since: file.since.map(|since| since.value),
            replies,
        };
        if script.replies.is_empty() {
            findings.push(Finding::error(
                &Place::new(shown, 1, 1),
                "the script has no replies",
                "list at least one under `replies`",
            ));
        }
        script.check_templates(environment, &mut findings);
        if findings.is_empty() {
            Ok(script)
        } else {
            Err(findings)
        }
    }

    fn check_templates(&self, environment: &Environment<'_>, findings: &mut Vec<Finding>) {
        for reply in &self.replies {
            if let Some(when) = &reply.when {
                let names = environment
                    .compile_expression(&when.value)
                    .map(|e| e.undeclared_variables(false));
                self.check_names(names, when, environment, findings);
            }
            if let Some(text) = &reply.text {
                self.check_names(
                    names_in(&text.value, environment),
                    text,
                    environment,
                    findings,
                );
            }
            for (_, value) in reply.calls.iter().flat_map(|call| &call.arguments) {
                argument::each_text(value, &mut |text, written| {
                    self.check_names(names_in(text, environment), written, environment, findings);
                });
            }
        }
    }

    fn check_names(
        &self,
        names: Result<HashSet<String>, Error>,
        written: &impl Written,
        environment: &Environment<'_>,
        findings: &mut Vec<Finding>,
    ) {
        match names {
            Err(error) => findings.push(self.finding(written, &error)),
            Ok(names) => {
                let mut unknown: Vec<String> = names
                    .into_iter()
                    .filter(|name| !NAMES.contains(&name.as_str()))
                    .filter(|name| !environment.globals().any(|(known, _)| known == name))
                    .collect();
                unknown.sort();
                findings.extend(unknown.iter().map(|name| {
                    Finding::error(
                        &place_of(&self.file, written.location()),
                        format!("`{name}` is not a name that a script knows"),
                        format!("known are {}", NAMES.join(", ")),
                    )
                }));
            }
        }
    }

    /// What the template engine complains of in `written`, at the line where it does.
    pub fn finding(&self, written: &impl Written, error: &Error) -> Finding {
        let mut place = place_of(&self.file, written.location());
        let line = error
            .line()
            .and_then(|line| u32::try_from(line).ok())
            .unwrap_or(1);
        if line > 1 {
            place.line += line - 1;
            place.column = 1;
        }
        let mut message = error.kind().to_string();
        if let Some(detail) = error.detail() {
            message = format!("{message}: {detail}");
        }
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            message = format!("{message}: {source}");
            cause = source.source();
        }
        let help = match error.kind() {
            minijinja::ErrorKind::UndefinedError => {
                "ask with `is defined` first, or check what the tool really answers"
            }
            minijinja::ErrorKind::OutOfFuel => {
                "the template does too much: let a tool do the counting"
            }
            _ => "",
        };
        Finding::error(&place, message, help)
    }
}

fn names_in(template: &str, environment: &Environment<'_>) -> Result<HashSet<String>, Error> {
    environment
        .template_from_named_str("script", template)
        .map(|template| template.undeclared_variables(false))
}

fn place_of(shown: &str, location: Location) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place::new(shown, number(location.line()), number(location.column()))
}

/// What the YAML reader complains of, without the position that its own text repeats.
fn yaml_finding(error: &serde_saphyr::Error, shown: &str) -> Finding {
    let place = error.location().map_or_else(
        || Place::new(shown, 1, 1),
        |location| place_of(shown, location),
    );
    let text = error.without_snippet().to_string();
    let message = text.lines().next().unwrap_or_default();
    let message = match message.rfind(" at line ") {
        Some(end) => &message[..end],
        None => message,
    };
    Finding::error(
        &place,
        message,
        "a script has `script`, `doc`, `since` and `replies`; a reply `when`, `text` and `calls`; a call `tool` and `arguments`",
    )
}

fn read(file: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(file)?.len();
    if size > LARGEST_SCRIPT {
        return Err(std::io::Error::other(format!(
            "it is {}, and a script is at most 4 MiB",
            types::Bytes(size)
        )));
    }
    std::fs::read_to_string(file)
}
