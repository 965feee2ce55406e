//! What one version of a component offers and asks for that another does not: all that is worth reading before an update is trusted.

use super::Looked;
use sandbox::Kind;
use serde::Serialize;
use types::ToolSpec;

/// How a component differs from the one before it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// What it can be used for and could not before, such as `guard`.
    pub kinds_added: Vec<Kind>,
    /// What it can no longer be used for.
    pub kinds_removed: Vec<Kind>,
    /// Tools that are new.
    pub tools_added: Vec<String>,
    /// Tools that are gone.
    pub tools_removed: Vec<String>,
    /// Tools that are described otherwise, with what is otherwise: `parameters`, `description`, `effect`.
    pub tools_changed: Vec<Changed>,
    /// Imports that are new.
    pub imports_added: Vec<String>,
    /// Imports that are gone.
    pub imports_removed: Vec<String>,
    /// What a policy can give it now and could not before.
    pub needs_added: Vec<String>,
}

/// A tool that is described otherwise.
#[derive(Debug, PartialEq, Serialize)]
pub struct Changed {
    /// Its name.
    pub tool: String,
    /// What is otherwise.
    pub what: Vec<&'static str>,
}

impl Difference {
    /// From `old` to `new`.
    pub fn between(old: &Looked, new: &Looked) -> Self {
        let only_in = |those: &[ToolSpec], others: &[ToolSpec]| -> Vec<String> {
            let mut names: Vec<String> = those
                .iter()
                .filter(|tool| others.iter().all(|other| other.name != tool.name))
                .map(|tool| tool.name.clone())
                .collect();
            names.sort();
            names
        };
        let (before, after) = (&old.info, &new.info);
        let changed = after.tools.iter().filter_map(|tool| {
            let was = before.tools.iter().find(|other| other.name == tool.name)?;
            let what = changes(was, tool);
            (!what.is_empty()).then(|| Changed {
                tool: tool.name.clone(),
                what,
            })
        });
        Difference {
            kinds_added: missing(&before.kinds, &after.kinds),
            kinds_removed: missing(&after.kinds, &before.kinds),
            tools_added: only_in(&after.tools, &before.tools),
            tools_removed: only_in(&before.tools, &after.tools),
            tools_changed: changed.collect(),
            imports_added: missing(&before.imports, &after.imports),
            imports_removed: missing(&after.imports, &before.imports),
            needs_added: new
                .needs
                .iter()
                .filter(|need| !old.needs.contains(need))
                .map(|need| (*need).to_owned())
                .collect(),
        }
    }

    /// The same for people, a line each; nothing where both offer and ask for the same.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut list = |sign: &str, what: &str, names: &[String]| {
            lines.extend(names.iter().map(|name| format!("{sign} {what} {name}")));
        };
        let named = |kinds: &[Kind]| -> Vec<String> {
            let kinds = kinds.iter().map(|kind| serde_json::json!(kind));
            kinds
                .filter_map(|kind| kind.as_str().map(str::to_owned))
                .collect()
        };
        list("+", "kind", &named(&self.kinds_added));
        list("-", "kind", &named(&self.kinds_removed));
        list("+", "tool", &self.tools_added);
        list("-", "tool", &self.tools_removed);
        list("+", "import", &self.imports_added);
        list("-", "import", &self.imports_removed);
        lines.extend(
            self.tools_changed.iter().map(|changed| {
                format!("~ tool {}: other {}", changed.tool, changed.what.join(", "))
            }),
        );
        if !self.needs_added.is_empty() {
            lines.push(format!(
                "  a policy can now give it {} as well",
                self.needs_added.join(", ")
            ));
        }
        lines
    }
}

/// What of `these` is not among `those`, turned around: what came from one list to the other.
fn missing<T: Clone + PartialEq>(before: &[T], after: &[T]) -> Vec<T> {
    let new = after.iter().filter(|one| !before.contains(one));
    new.cloned().collect()
}

fn changes(was: &ToolSpec, is: &ToolSpec) -> Vec<&'static str> {
    let parts = [
        ("parameters", was.parameters != is.parameters),
        ("description", was.description != is.description),
        ("effect", was.effect != is.effect),
    ];
    parts
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::PluginInfo;
    use serde_json::json;
    use types::{ContentHash, Effect, Sha256};

    fn looked(tools: &[(&str, &str)], imports: &[&str]) -> Looked {
        let imports: Vec<String> = imports.iter().map(|import| (*import).to_owned()).collect();
        let tool = |(name, description): &(&str, &str)| ToolSpec {
            name: (*name).into(),
            description: (*description).into(),
            parameters: json!({}),
            effect: Effect::None,
        };
        Looked {
            needs: super::super::look::needs(&imports),
            info: PluginInfo {
                exports: std::collections::BTreeMap::new(),
                left_out: Vec::new(),
                hash: ContentHash::of(b""),
                sha256: Sha256::of(b""),
                size: 0,
                kinds: Vec::new(),
                tools: tools.iter().map(tool).collect(),
                imports,
            },
        }
    }

    #[test]
    fn a_kind_that_is_new_is_said() {
        let (old, mut new) = (looked(&[], &[]), looked(&[], &[]));
        new.info.kinds.push(Kind::Guard);
        assert_eq!(Difference::between(&old, &new).lines(), ["+ kind guard"]);
        assert_eq!(Difference::between(&new, &old).lines(), ["- kind guard"]);
    }

    #[test]
    fn what_is_new_gone_and_otherwise_is_told_apart() {
        let old = looked(
            &[("a", "x"), ("b", "x"), ("c", "x")],
            &["wasi:io/poll@0.2.6"],
        );
        let new = looked(
            &[("a", "x"), ("b", "y"), ("d", "x")],
            &["wasi:filesystem/types@0.2.6"],
        );
        assert_eq!(
            Difference::between(&old, &new).lines(),
            [
                "+ tool d",
                "- tool c",
                "+ import wasi:filesystem/types@0.2.6",
                "- import wasi:io/poll@0.2.6",
                "~ tool b: other description",
                "  a policy can now give it mounts as well",
            ]
        );
        assert_eq!(Difference::between(&old, &old), Difference::default());
    }
}
