//! Templates: text that is filled from what the agent, its chart and its model are at that moment.
//!
//! A template is part of a definition, and what is filled in is not: so a template can compute, but reach nothing (no other template, no file, no
//! clock), ends when its fuel does, and fails at a name that is not there instead of leaving a hole that nobody sees.

mod limits;
mod scan;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};
use scan::{Tags, names_on_line};
use std::io;
use types::{Finding, Place};

/// What a template can name at its top level, each with its parts; without parts it is a plain value, a list, or (`data`) whatever the chart keeps.
///
/// `states` holds the ids of the active leaf states, `tools` the names of the open tools, `now` the time as RFC 3339 writes it, `date` the day of it,
/// `prompt` what was last said to the agent.
pub const TEMPLATE_NAMES: [(&str, &[&str]); 8] = [
    ("agent", &["name", "version", "doc"]),
    ("data", &[]),
    ("date", &[]),
    ("model", &["provider", "name", "context_length"]),
    ("now", &[]),
    ("prompt", &[]),
    ("states", &[]),
    ("tools", &[]),
];

/// Instructions that one template may run: a loop over thousands of entries needs some ten thousand, and this many end within a tenth of a second.
const FUEL: u64 = 2_000_000;

/// How deep macros and loops may lie in each other.
const DEPTH: usize = 100;

/// Bytes that one expression or tag may be long. The engine bounds how deep brackets and blocks lie in each other, but not how many operators stand in a
/// row (`not not not …`), each of which takes some of the stack; twice as many fit into the smallest stack of a thread.
const LONGEST: usize = 2048;

/// Bytes that one template may write: more than the largest window holds.
const LARGEST: usize = 16 << 20;

/// A template that cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: template `{name}`: {message}{}{help}", if help.is_empty() { "" } else { "; " })]
pub struct TemplateError {
    /// What the template is called.
    pub name: String,
    /// Where in what its author wrote.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do next; empty when there is nothing to add.
    pub help: String,
}

/// Fill `source` from `values`, which are an object with [`TEMPLATE_NAMES`] as its keys.
///
/// `place` is where the first character of `source` stands: the first of a file, or of the text inside a YAML value. All lines of a YAML block stand equally
/// far in, so columns are counted from the place's own on each line.
pub fn render_template(
    source: &str,
    name: &str,
    place: &Place,
    values: &serde_json::Value,
) -> Result<String, TemplateError> {
    let environment = environment();
    let written = Written {
        source,
        name,
        place,
    };
    let template = written.compiled(&environment)?;
    let mut output = Bounded(Vec::new());
    if let Err(error) = template.render_captured_to(Value::from(Serde(values)), &mut output) {
        if error.kind() == ErrorKind::UndefinedError {
            let missing = template.undeclared_variables(true);
            return Err(written.missing(&error, missing, values));
        }
        return Err(written.error(&error));
    }
    // Templates write whole texts, never parts of a character.
    Ok(String::from_utf8(output.0)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Everything that can be known to be wrong with a template before it is filled: its syntax, names that will not be there, and what would reach for
/// another template.
pub fn check_template(source: &str, name: &str, place: &Place) -> Vec<Finding> {
    check_template_of(source, name, place, &TEMPLATE_NAMES)
}

/// The same for a template that is filled from something else and knows `names`, in the form of [`TEMPLATE_NAMES`].
pub fn check_template_of(
    source: &str,
    name: &str,
    place: &Place,
    names: &[(&str, &[&str])],
) -> Vec<Finding> {
    let environment = environment();
    let written = Written {
        source,
        name,
        place,
    };
    let template = match written.compiled(&environment) {
        Ok(template) => template,
        Err(error) => return vec![Finding::error(&error.place, error.message, error.help)],
    };
    let mut findings = Vec::new();
    for tag in Tags::of(source).filter(|tag| scan::reaches_out(tag.word)) {
        findings.push(Finding::error(
            &written.at(tag.start),
            format!("`{}` needs another template", tag.word),
            "a chunk's template stands alone: put the other text into a chunk of its own",
        ));
    }
    findings.extend(written.unknown_uses(&environment));
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let mut unknown: Vec<(usize, Finding)> = template
        .undeclared_variables(true)
        .iter()
        .filter(|path| !globals.contains(&path.split('.').next().unwrap_or(path)))
        .filter_map(|path| unknown_name(path, names).map(|(name, help)| (path, name, help)))
        .map(|(path, name, help)| {
            let at = scan::find_name(source, path).unwrap_or(0);
            let message = format!("`{name}` is not a name that a template knows");
            (at, Finding::error(&written.at(at), message, help))
        })
        .collect();
    unknown.sort_by(|(at, a), (other, b)| (at, &a.message).cmp(&(other, &b.message)));
    unknown.dedup();
    findings.extend(unknown.into_iter().map(|(_, finding)| finding));
    findings
}

/// The part of `path` that is not among `names`, with the names there are.
fn unknown_name(path: &str, names: &[(&str, &[&str])]) -> Option<(String, String)> {
    let mut parts = path.split('.');
    let first = parts.next()?;
    match names.iter().find(|(name, _)| *name == first) {
        None => {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            Some((first.to_owned(), format!("known are {}", known.join(", "))))
        }
        Some((_, [])) => None,
        Some((_, known)) => {
            let part = parts.next().filter(|part| !known.contains(part))?;
            Some((
                format!("{first}.{part}"),
                format!("`{first}` has {}", known.join(", ")),
            ))
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    // It prints everything there is, which no chunk is for.
    environment.remove_global("debug");
    limits::set(&mut environment);
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment
}

/// Whether there is what `used` names: the engine tells only templates.
fn is_known(environment: &Environment<'_>, used: &scan::Use<'_>) -> bool {
    let question = match used.filter {
        true => "name is filter",
        false => "name is test",
    };
    let answer = environment
        .compile_expression(question)
        .and_then(|question| question.eval(minijinja::context! { name => used.name }));
    answer.is_ok_and(|answer| answer.is_true())
}

/// A template with where it stands.
struct Written<'a> {
    source: &'a str,
    name: &'a str,
    place: &'a Place,
}

impl<'a> Written<'a> {
    fn compiled<'e>(
        &self,
        environment: &'e Environment<'_>,
    ) -> Result<Template<'e, 'a>, TemplateError>
    where
        'a: 'e,
    {
        if let Some(long) = Tags::of(self.source).find(|tag| tag.end - tag.start > LONGEST) {
            return Err(TemplateError {
                name: self.name.to_owned(),
                place: self.at(long.start),
                message: format!("what begins here is longer than {LONGEST} bytes, or never ends"),
                help: "close it, or take it apart with `set`".to_owned(),
            });
        }
        environment
            .template_from_named_str(self.name, self.source)
            .map_err(|error| self.error(&error))
    }

    /// Filters and tests that there are not: the engine would notice when it comes to them.
    fn unknown_uses(&self, environment: &Environment<'_>) -> Vec<Finding> {
        let uses = Tags::of(self.source).flat_map(|tag| scan::uses(self.source, &tag));
        uses.filter(|used| !is_known(environment, used))
            .map(|used| {
                let (message, help) = match used.filter {
                    true => ("filter", "among the filters are `default`, `join`, `length`, `lower`, `replace`, `sort`, `tojson`, `trim` and `upper`"),
                    false => ("test", "among the tests are `defined`, `none`, `in`, `odd`, `string` and `number`"),
                };
                let message = format!("there is no {message} `{}`", used.name);
                Finding::error(&self.at(used.at), message, help)
            })
            .collect()
    }

    /// The place of the byte at `offset`.
    fn at(&self, offset: usize) -> Place {
        let before = &self.source[..offset];
        let line = before.matches('\n').count();
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count());
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: self.place.file.clone(),
            line: self.place.line.saturating_add(number(line)),
            column: self.place.column.saturating_add(number(column)),
        }
    }

    /// The offset at which line `line`, counted from 1, begins to say something.
    fn line(&self, line: usize) -> usize {
        let mut start = 0;
        for (number, text) in self.source.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let tag = text.find("{{").into_iter().chain(text.find("{%")).min();
                return start + tag.unwrap_or(text.len() - text.trim_start().len());
            }
            start += text.len();
        }
        0
    }

    fn error(&self, error: &Error) -> TemplateError {
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
            ErrorKind::OutOfFuel => {
                "the template does too much: let a context plugin do the work".to_owned()
            }
            ErrorKind::TemplateNotFound => {
                "a chunk's template stands alone: put the other text into a chunk of its own"
                    .to_owned()
            }
            ErrorKind::UndefinedError => "ask with `is defined` first".to_owned(),
            _ => String::new(),
        };
        TemplateError {
            name: self.name.to_owned(),
            place: self.at(self.line(error.line().unwrap_or(1))),
            message,
            help,
        }
    }

    /// The engine knows only the line of a name that is not there; which name it is, is looked up among those on that line.
    fn missing(
        &self,
        error: &Error,
        paths: impl IntoIterator<Item = String>,
        values: &serde_json::Value,
    ) -> TemplateError {
        let mut absent: Vec<(usize, String, String)> = paths
            .into_iter()
            .filter_map(|path| {
                let (name, there) = absent(&path, values)?;
                let at = names_on_line(self.source, &path, error.line().unwrap_or(1))?;
                Some((at, name, there))
            })
            .collect();
        absent.sort();
        match absent.into_iter().next() {
            None => self.error(error),
            Some((at, name, there)) => TemplateError {
                name: self.name.to_owned(),
                place: self.at(at),
                message: format!("`{name}` is not there"),
                help: format!("{there}; ask with `is defined` first if it need not be there"),
            },
        }
    }
}

/// The part of `path` that `values` do not have, and what they have instead.
fn absent(path: &str, values: &serde_json::Value) -> Option<(String, String)> {
    let mut value = values;
    let mut walked: Vec<&str> = Vec::new();
    for part in path.split('.') {
        let parent = walked.join(".");
        walked.push(part);
        match value.get(part) {
            Some(next) => value = next,
            None => {
                let mut names: Vec<&str> = match value {
                    serde_json::Value::Object(map) => map.keys().map(String::as_str).collect(),
                    _ => Vec::new(),
                };
                names.sort_unstable();
                let there = match (names.as_slice(), parent.is_empty()) {
                    ([], _) => format!("`{parent}` has no parts"),
                    (names, true) => format!("there are {}", names.join(", ")),
                    (names, false) => format!("`{parent}` has {}", names.join(", ")),
                };
                return Some((walked.join("."), there));
            }
        }
    }
    None
}

fn too_large() -> String {
    format!(
        "a template may write {} at most",
        types::Bytes(LARGEST as u64)
    )
}

/// Takes so many bytes and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other(too_large()));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
