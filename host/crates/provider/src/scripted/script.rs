//! A script as it is written: read from YAML, checked as a whole, every complaint with its place.

use super::argument::{self, Arguments};
use super::read::{self, place_of};
use super::view::NAMES;
use minijinja::{Environment, Error};
use serde_saphyr::Location;
use std::collections::HashSet;
use std::path::Path;
use types::{Finding, Place, nearest};

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
#[derive(Debug)]
pub struct Reply {
    /// The condition.
    pub when: Option<Text>,
    /// What it says: a template.
    pub text: Option<Text>,
    /// What it calls.
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

/// A text and where it stands.
#[derive(Debug)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it begins.
    pub location: Location,
}

/// Something that stands at a place in the file.
pub trait Written {
    /// Where.
    fn location(&self) -> Location;
}

impl Written for Text {
    fn location(&self) -> Location {
        self.location
    }
}

impl Script {
    /// Read the script in `file`, called `shown` in findings.
    ///
    /// # Errors
    /// Everything that is wrong with it: what the YAML reader complains of, or else every entry that means nothing, and every condition and template that does not
    /// compile or names what no script can see.
    pub fn load(
        file: &Path,
        shown: &str,
        environment: &Environment<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let source = text_of(file).map_err(|why| {
            vec![Finding::error(
                &Place::new(shown, 1, 1),
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
        let (draft, mut findings) = read::read(source, shown);
        let script = Script {
            name: draft.name,
            file: shown.to_owned(),
            since: draft.since.map(|since| since.value),
            replies: draft.replies,
        };
        script.check_templates(environment, &mut findings);
        findings.sort_by_key(|finding| (finding.place.line, finding.place.column));
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
                        match nearest(name, NAMES) {
                            Some(best) => format!("did you mean `{best}`?"),
                            None => format!("known are {}", NAMES.join(", ")),
                        },
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
            minijinja::ErrorKind::SyntaxError => {
                "`when` is an expression, such as `turn == 0`; in `text` and `arguments` an expression stands in `{{ … }}`"
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

fn text_of(file: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(file)?.len();
    if size > LARGEST_SCRIPT {
        return Err(std::io::Error::other(format!(
            "it is {}, and a script is at most 4 MiB",
            types::Bytes(size)
        )));
    }
    std::fs::read_to_string(file)
}
