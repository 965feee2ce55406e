//! A script's YAML read entry by entry, so that one look tells of every mistake, each with its place and what was probably meant.

use super::argument::{Argument, Arguments};
use super::script::{Call, Reply, Text};
use serde_json::Value as Json;
use serde_saphyr::{Location, Spanned};
use types::{Finding, Place, nearest};

type Node = Spanned<Argument>;

/// A script as it is written.
#[derive(Default)]
pub struct Draft {
    pub name: String,
    pub since: Option<Text>,
    pub replies: Vec<Reply>,
}

/// Read the script that `source` holds, which is called `shown` in findings. What could be read of a broken one comes with everything that is wrong with it.
pub fn read(source: &str, shown: &str) -> (Draft, Vec<Finding>) {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    let mut reader = Reader {
        shown,
        findings: Vec::new(),
    };
    let parsed: Result<Option<Node>, _> = serde_saphyr::from_str_with_options(source, options);
    let draft = match parsed {
        Ok(Some(root)) if !is_null(&root) => reader.script(&root),
        Ok(_) => {
            let message = "this file is empty";
            let start = Place::new(shown, 1, 1);
            reader.findings.push(Finding::error(&start, message, BEGIN));
            Draft::default()
        }
        Err(error) => {
            reader.findings.push(yaml_finding(&error, shown));
            Draft::default()
        }
    };
    (draft, reader.findings)
}

/// The place in the file called `shown` that the reader of YAML gives.
pub fn place_of(shown: &str, location: Location) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Place::new(shown, number(location.line()), number(location.column()))
}

const BEGIN: &str = "begin it with `script: NAME`, then `replies: [{ text: Hello. }]`";
const CALL: &str = "{ tool: fs.read, arguments: { path: /workspace/a.md } }";

struct Reader<'a> {
    shown: &'a str,
    findings: Vec<Finding>,
}

/// The entries of one map, by the names that it may have.
struct Fields<'n> {
    values: Vec<(&'static str, &'n Node)>,
}

impl<'n> Fields<'n> {
    fn get(&self, name: &str) -> Option<&'n Node> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }
}

impl Reader<'_> {
    fn error(&mut self, at: Location, message: impl Into<String>, help: impl Into<String>) {
        let place = place_of(self.shown, at);
        self.findings.push(Finding::error(&place, message, help));
    }

    fn script(&mut self, root: &Node) -> Draft {
        let known = ["script", "doc", "since", "replies"];
        let Some(fields) = self.fields(root, "a script", &known, BEGIN) else {
            return Draft::default();
        };
        if let Some(doc) = fields.get("doc") {
            self.text(doc, "`doc`");
        }
        let name = match fields.get("script") {
            Some(node) => self.text(node, "a script's name"),
            None => {
                self.missing(root, "script", "this script", "script: survey");
                None
            }
        };
        let since = fields
            .get("since")
            .and_then(|node| self.text(node, "`since`"));
        let mut replies = Vec::new();
        match fields.get("replies") {
            None => self.missing(
                root,
                "replies",
                "this script",
                "replies: [{ text: Hello. }]",
            ),
            Some(node) => {
                let items = self.list(node, "`replies`", "[{ text: Hello. }]");
                if items.is_some_and(<[_]>::is_empty) {
                    let help = "list at least one, for instance `[{ text: Hello. }]`";
                    self.error(node.defined, "the script has no replies", help);
                }
                let items = items.unwrap_or_default();
                replies.extend(items.iter().filter_map(|item| self.reply(item)));
            }
        }
        Draft {
            name: name.map(|text| text.value).unwrap_or_default(),
            since,
            replies,
        }
    }

    fn reply(&mut self, node: &Node) -> Option<Reply> {
        let known = ["when", "text", "calls"];
        let example = "write it as `{ when: \"turn == 0\", text: Hello. }`";
        let fields = self.fields(node, "a reply", &known, example)?;
        let when = fields.get("when").and_then(|node| self.condition(node));
        let text = fields
            .get("text")
            .and_then(|node| self.text(node, "`text`"));
        let calls = match fields.get("calls") {
            None => Vec::new(),
            Some(node) => {
                let items = self.list(node, "`calls`", &format!("[{CALL}]"));
                let items = items.unwrap_or_default();
                items.iter().filter_map(|item| self.call(item)).collect()
            }
        };
        let says = fields.get("text").is_some() || has_items(fields.get("calls"));
        if !says && self.whole(node, &known) {
            self.error(
                node.defined,
                "this reply says nothing and calls nothing",
                "give it `text`, `calls` or both",
            );
        }
        Some(Reply { when, text, calls })
    }

    fn call(&mut self, node: &Node) -> Option<Call> {
        let help = format!("write it as `{CALL}`");
        let fields = self.fields(node, "a call", &["tool", "arguments"], &help)?;
        let tool = match fields.get("tool") {
            Some(node) => self.text(node, "`tool`"),
            None => {
                self.missing(node, "tool", "this call", "tool: fs.read");
                None
            }
        };
        let arguments = match fields.get("arguments") {
            None => Arguments::new(),
            Some(node) if is_null(node) => Arguments::new(),
            Some(node) => match &node.value {
                Argument::Map(arguments) => arguments.clone(),
                other => {
                    let message = format!("`arguments` is {}, not a map", describe(other));
                    let help = "write names and values, for instance `{ path: /workspace }`";
                    self.error(node.defined, message, help);
                    Arguments::new()
                }
            },
        };
        Some(Call {
            tool: tool?.value,
            arguments,
        })
    }

    /// The entries of `node`, each under a name of `known`; a complaint for every other.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&'static str],
        help: &str,
    ) -> Option<Fields<'n>> {
        let Argument::Map(entries) = &node.value else {
            let message = format!("{what} must be a map, not {}", describe(&node.value));
            self.error(node.defined, message, help);
            return None;
        };
        let mut values = Vec::new();
        for (key, value) in entries {
            if let Some(name) = known.iter().find(|name| **name == key.value) {
                values.push((*name, value));
                continue;
            }
            let help = match nearest(&key.value, known.iter().copied()) {
                Some(best) => format!("did you mean `{best}`?"),
                None => {
                    let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                    format!("the keys known here are {}", all.join(", "))
                }
            };
            let message = format!("unknown key `{}` in {what}", shown(&key.value));
            self.error(key.defined, message, help);
        }
        Some(Fields { values })
    }

    /// Whether every key of `node` is one of `known`: what is missing from it is not just misspelt.
    fn whole(&self, node: &Node, known: &[&str]) -> bool {
        match &node.value {
            Argument::Map(entries) => entries.iter().all(|(key, _)| known.contains(&&*key.value)),
            _ => false,
        }
    }

    /// `key` is not there; where it is but misspelt, that was said.
    fn missing(&mut self, node: &Node, key: &str, what: &str, example: &str) {
        let misspelt = match &node.value {
            Argument::Map(entries) => entries
                .iter()
                .any(|(other, _)| nearest(&other.value, [key]).is_some()),
            _ => false,
        };
        if !misspelt {
            let help = format!("add it, for instance `{example}`");
            self.error(node.defined, format!("{what} has no `{key}`"), help);
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        let help = match &node.value {
            Argument::Text(text) if !text.is_empty() => {
                return Some(Text {
                    value: text.clone(),
                    location: node.defined,
                });
            }
            Argument::Text(_) if what == "`since`" => {
                let help = "write a text that stands in the message with which the script begins anew, or leave it out";
                self.error(
                    node.defined,
                    "`since` is empty, which every message holds",
                    help,
                );
                return None;
            }
            // What a script says may be nothing at all.
            Argument::Text(text) if what == "`text`" => {
                return Some(Text {
                    value: text.clone(),
                    location: node.defined,
                });
            }
            Argument::Plain(Json::Null) | Argument::Text(_) => "write the text after the `:`",
            Argument::Plain(_) => "put it in quotes to make it text",
            Argument::Map(_) if what == "`text`" => {
                "a template that begins with `{{` needs quotes: `\"{{ last.text }}\"`"
            }
            Argument::List(_) | Argument::Map(_) => {
                "a single text is meant here, without `-`, `[` or `{`"
            }
        };
        let message = match is_null(node) {
            true => format!("{what} has no value; it must be text"),
            false => format!("{what} must be text, not {}", describe(&node.value)),
        };
        self.error(node.defined, message, help);
        None
    }

    /// A condition: an expression, or one of the two truth values.
    fn condition(&mut self, node: &Node) -> Option<Text> {
        match &node.value {
            Argument::Plain(Json::Bool(truth)) => Some(Text {
                value: truth.to_string(),
                location: node.defined,
            }),
            Argument::Plain(Json::Number(_)) => {
                let message = format!("`when` must be a condition, not {}", describe(&node.value));
                self.error(node.defined, message, "compare it: `when: \"turn == 0\"`");
                None
            }
            _ => self.text(node, "`when`"),
        }
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n [Node]> {
        if let Argument::List(items) = &node.value {
            return Some(items);
        }
        let message = match is_null(node) {
            true => format!("{what} has no value; it must be a list"),
            false => format!("{what} must be a list, not {}", describe(&node.value)),
        };
        self.error(node.defined, message, format!("write it as `{example}`"));
        None
    }
}

fn has_items(node: Option<&Node>) -> bool {
    // What is no list has been complained of.
    node.is_some_and(|node| !matches!(&node.value, Argument::List(items) if items.is_empty()))
}

fn is_null(node: &Node) -> bool {
    matches!(node.value, Argument::Plain(Json::Null))
}

fn describe(value: &Argument) -> String {
    match value {
        Argument::List(_) => "a list".into(),
        Argument::Map(_) => "a map".into(),
        Argument::Text(text) if text.is_empty() => "an empty text".into(),
        Argument::Text(text) => format!("the text `{}`", shown(text)),
        Argument::Plain(Json::Null) => "nothing".into(),
        Argument::Plain(Json::Bool(truth)) => format!("`{truth}` (a truth value)"),
        Argument::Plain(number) => format!("the number `{number}`"),
    }
}

/// What a person wrote, as a message may show it: one short line.
fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// What the YAML reader complains of, without the position that its own text repeats. `charthouse check` says it in better words, before this is asked.
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
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        let key = key.split(',').next().unwrap_or(key);
        let message = format!("the key `{key}` stands here a second time");
        return Finding::error(&place, message, "keep one of the two");
    }
    Finding::error(
        &place,
        message,
        "a script has `script`, `doc`, `since` and `replies`; a reply `when`, `text` and `calls`; a call `tool` and `arguments`",
    )
}
