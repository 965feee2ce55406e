//! What a new generation of a plugin must keep and what it may need, and where it does not.
//!
//! Pure: the host works out the terms from its definitions, the probe says what the component is, and this compares them.

use crate::plugin::{Kind, PluginInfo};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Something outside of a component that its imports ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Files, which a mount gives.
    Files,
    /// Environment variables.
    Environment,
    /// The time.
    Clock,
    /// Randomness.
    Random,
    /// The network.
    Network,
    /// The plugin's own key-value store.
    State,
    /// A model.
    Model,
    /// An interface that this host does not know.
    Other(String),
}

impl Need {
    /// What the import called `import` asks for; `None` for what every component gets (streams, exit, the log).
    pub fn of(import: &str) -> Option<Need> {
        const KNOWN: [(&str, Option<Need>); 11] = [
            ("wasi:filesystem/", Some(Need::Files)),
            ("wasi:cli/environment", Some(Need::Environment)),
            ("wasi:cli/", None),
            ("wasi:io/", None),
            ("wasi:clocks/", Some(Need::Clock)),
            ("wasi:random/", Some(Need::Random)),
            ("wasi:http/", Some(Need::Network)),
            ("wasi:sockets/", Some(Need::Network)),
            ("charthouse:plugin/state", Some(Need::State)),
            ("charthouse:plugin/model", Some(Need::Model)),
            ("charthouse:plugin/", None),
        ];
        match KNOWN
            .into_iter()
            .find(|(prefix, _)| import.starts_with(prefix))
        {
            Some((_, need)) => need,
            None => Some(Need::Other(import.to_owned())),
        }
    }

    /// What `imports` ask for.
    pub fn of_all(imports: &[String]) -> BTreeSet<Need> {
        imports
            .iter()
            .filter_map(|import| Need::of(import))
            .collect()
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Files => "files",
            Need::Environment => "the environment",
            Need::Clock => "a clock",
            Need::Random => "randomness",
            Need::Network => "the network",
            Need::State => "its state",
            Need::Model => "a model",
            Need::Other(import) => import,
        })
    }
}

/// On what terms a generation may follow another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The ceiling: what it may need.
    pub may_need: BTreeSet<Need>,
    /// Tools that definitions refer to, in the plugin's own words.
    pub tools: BTreeSet<String>,
    /// Kinds that definitions use it as.
    pub kinds: BTreeSet<Kind>,
}

impl Terms {
    /// What of the terms `info` does not keep, in words, one for each; empty where it keeps them.
    pub fn broken_by(&self, info: &PluginInfo) -> Vec<String> {
        let mut broken = Vec::new();
        for need in Need::of_all(&info.imports) {
            if self.may_need.contains(&need) {
                continue;
            }
            let of_this_need = |import: &&String| Need::of(import).as_ref() == Some(&need);
            let imports: Vec<&str> = info
                .imports
                .iter()
                .filter(of_this_need)
                .map(String::as_str)
                .collect();
            broken.push(match &need {
                Need::Other(import) => format!("it imports {import}, which nothing here gives"),
                need => format!(
                    "it needs {need} ({}), which the generation before did not and the house does not grant",
                    imports.join(", ")
                ),
            });
        }
        for tool in &self.tools {
            if !info.tools.iter().any(|spec| spec.name == *tool) {
                broken.push(format!(
                    "it has no tool `{tool}`, which definitions refer to"
                ));
            }
        }
        for kind in &self.kinds {
            if !info.kinds.contains(kind) {
                broken.push(format!(
                    "it is no {kind} any more, and definitions use it as one"
                ));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{ContentHash, Effect, ToolSpec};

    fn info(imports: &[&str], tools: &[&str], kinds: &[Kind]) -> PluginInfo {
        let spec = |name: &&str| ToolSpec {
            name: (*name).to_owned(),
            description: String::new(),
            parameters: serde_json::json!({}),
            effect: Effect::None,
        };
        PluginInfo {
            hash: ContentHash::of(b""),
            sha256: types::Sha256::of(b""),
            size: 0,
            kinds: kinds.to_vec(),
            tools: tools.iter().map(spec).collect(),
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            exports: std::collections::BTreeMap::new(),
            left_out: Vec::new(),
        }
    }

    fn terms() -> Terms {
        Terms {
            may_need: [Need::Files, Need::Clock].into(),
            tools: ["read".to_owned()].into(),
            kinds: [Kind::Tool].into(),
        }
    }

    #[test]
    fn what_keeps_the_terms_passes() {
        let info = info(
            &[
                "wasi:io/streams@0.2.6",
                "wasi:cli/stdout@0.2.6",
                "wasi:filesystem/types@0.2.6",
                "wasi:clocks/wall-clock@0.2.6",
                "charthouse:plugin/log@0.1.0",
            ],
            &["read", "more"],
            &[Kind::Tool, Kind::Context],
        );
        assert_eq!(terms().broken_by(&info), Vec::<String>::new());
    }

    #[test]
    fn everything_that_breaks_them_is_listed() {
        let info = info(
            &[
                "wasi:http/types@0.2.6",
                "wasi:http/outgoing-handler@0.2.6",
                "charthouse:plugin/model@0.1.0",
                "vendor:secret/door@1.0.0",
            ],
            &["write"],
            &[],
        );
        let broken = terms().broken_by(&info);
        assert_eq!(broken.len(), 5, "{broken:#?}");
        assert!(broken[0].contains("the network (wasi:http/types@0.2.6, wasi:http/outgoing"));
        assert!(broken[1].contains("a model"));
        assert!(broken[2].contains("vendor:secret/door@1.0.0"));
        assert!(broken[3].contains("no tool `read`"));
        assert!(broken[4].contains("no provider of tools any more"));
    }
}
