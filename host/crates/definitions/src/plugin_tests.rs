//! Cases of a plugin: what its author expects of single calls. `tests: NAME` is the first key. Such a file is no definition: no agent needs it, and a house
//! starts without reading it.
//!
//! What is read here is checked and kept; running a case and comparing is the business of whoever has a sandbox (`charthouse plugin test`).

mod expect;
mod files;
mod matcher;

pub use expect::{Expectations, ExpectedAnswer, ExpectedFailure, ExpectedPart, ExpectedResult};
pub use files::CaseFile;
pub use matcher::TextMatch;

use crate::agent::doc;
use crate::cases;
use crate::files::shown_path;
use crate::policy;
use crate::report::Report;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::policy::Overlay;
use std::path::Path;
use types::Marked;

const CASES_EXAMPLE: &str = "cases: [{ name: it greets, tool: greet, arguments: { name: Ada }, expect: { text: \"Hello, Ada!\" } }]";

/// The cases of one file.
#[derive(Clone, Debug)]
pub struct PluginTests {
    /// Its name.
    pub name: Marked<String>,
    /// What it shows.
    pub doc: Option<String>,
    /// Rules that lie over the policy of all its cases.
    pub policy: Option<Overlay>,
    /// Files that every case has.
    pub files: Vec<CaseFile>,
    /// The cases, in file order.
    pub cases: Vec<PluginCase>,
}

/// One call and what is expected of it.
#[derive(Clone, Debug)]
pub struct PluginCase {
    /// What it shows.
    pub name: Marked<String>,
    /// More about it.
    pub doc: Option<String>,
    /// The tool, with or without its plugin's name.
    pub tool: Marked<String>,
    /// Its arguments as JSON text. Text that is no JSON can be written on purpose.
    pub arguments: String,
    /// Files in the case's own directory before the call.
    pub files: Vec<CaseFile>,
    /// What the plugin's state holds before the call.
    pub state: Vec<(Marked<String>, String)>,
    /// Rules that lie over all others.
    pub policy: Option<Overlay>,
    /// What must be so afterwards.
    pub expect: Expectations,
}

/// Load the cases in the file at `path`. The report that comes with it holds warnings only.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_plugin_tests(path: &Path) -> Result<(PluginTests, Report), Report> {
    cases::load(path, &shown_path(path), BEGIN, read)
}

const BEGIN: &str = "begin it with `tests: NAME`, then `cases: […]`";

fn read(walk: &mut Walk, node: &Node, path: &Path) -> Option<PluginTests> {
    if !cases::begins(walk, node, "tests", "file of a plugin's cases", BEGIN) {
        return None;
    }
    let mut fields = Fields::of(walk, node, "a file of cases", "tests: NAME")?;
    let name = fields
        .take("tests")
        .and_then(|n| walk.name(n, "the tests' name"));
    let doc = doc(walk, &mut fields);
    let policy = fields
        .take("policy")
        .map(|n| policy::overlay(walk, n, "the file of cases".to_owned()));
    let files = fields
        .take("files")
        .map(|n| files::read(walk, n, path))
        .unwrap_or_default();
    let cases = fields.need(walk, "cases", "this file of cases", CASES_EXAMPLE);
    fields.finish(walk, "a file of cases");
    let read = |walk: &mut Walk, node: &Node| read_case(walk, node, path);
    let cases = cases::read(walk, cases?, CASES_EXAMPLE, read, |case| &case.name);
    Some(PluginTests {
        name: name?,
        doc,
        policy,
        files,
        cases,
    })
}

fn read_case(walk: &mut Walk, node: &Node, path: &Path) -> Option<PluginCase> {
    let example = "{ name: it greets, tool: greet, expect: { text: Hello } }";
    let mut fields = Fields::of(walk, node, "a case", example)?;
    let name = fields
        .need(walk, "name", "this case", "name: it greets by name")
        .and_then(|n| walk.marked(n, "a case's name"));
    let doc = doc(walk, &mut fields);
    let tool = fields
        .need(walk, "tool", "this case", "tool: greet")
        .and_then(|n| walk.marked(n, "`tool`"));
    let arguments = match fields.take("arguments") {
        Some(node) => arguments(walk, node),
        None => Some("{}".to_owned()),
    };
    let files = fields
        .take("files")
        .map(|n| files::read(walk, n, path))
        .unwrap_or_default();
    let state = fields
        .take("state")
        .map(|n| state(walk, n))
        .unwrap_or_default();
    let mut policy = fields
        .take("policy")
        .map(|n| policy::overlay(walk, n, "the case".to_owned()));
    if let Some(node) = fields.take("env") {
        policy
            .get_or_insert_with(|| Overlay::named("the case"))
            .env
            .extend(policy::env(walk, node, "plugins never receive secrets"));
    }
    let expect = fields
        .need(
            walk,
            "expect",
            "this case",
            "expect: { text: \"Hello, Ada!\" }",
        )
        .and_then(|n| expect::read(walk, n));
    fields.finish(walk, "a case");
    Some(PluginCase {
        name: name?,
        doc,
        tool: tool?,
        arguments: arguments?,
        files,
        state,
        policy,
        expect: expect?,
    })
}

/// A map of arguments, or their JSON as a text: only so can they be wrong in every way.
fn arguments(walk: &mut Walk, node: &Node) -> Option<String> {
    if let Some(text) = node.text() {
        return Some(text.to_owned());
    }
    if node.map().is_none() {
        walk.expected(
            node,
            "`arguments`",
            "a map",
            "write it as `{ name: Ada }`; arguments that are no object can be written as JSON in quotes",
        );
        return None;
    }
    Some(node.to_value().to_json().to_string())
}

fn state(walk: &mut Walk, node: &Node) -> Vec<(Marked<String>, String)> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`state`",
            "a map from keys to texts",
            "write it as `{ greeted: \"3\" }`",
        );
        return Vec::new();
    };
    let read = entries.iter().filter_map(|entry| {
        let what = format!("the state under `{}`", shown(&entry.key.text));
        let text = matcher::exact(walk, &entry.value, &what)?;
        let key = Marked::new(entry.key.text.to_string(), entry.key.place.clone());
        Some((key, text))
    });
    read.collect()
}
