//! What a component that does not speak charthouse's own `tool` interface offers: its typed functions and its command, as tools; and what it exports that can
//! be neither, with the reason.

use crate::docs::Docs;
use crate::exports::{LeftOut, Survey};
use crate::{command, names};
use std::collections::{BTreeMap, BTreeSet};
use types::{Effect, ToolSpec};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The tool that a command is.
const RUN: &str = "run";

/// Tools that the host made of a component's exports.
#[derive(Default)]
pub(crate) struct Reflected {
    /// In the order in which the component exports them, the command first.
    pub(crate) tools: Vec<ToolSpec>,
    /// Where each of them is: the names that lead to it.
    pub(crate) paths: BTreeMap<String, Vec<String>>,
    pub(crate) has_command: bool,
    pub(crate) has_functions: bool,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Reflected {
    /// What `component`, whose file holds `bytes`, offers. One that `describes_itself` has the tools that it describes and no others.
    pub(crate) fn of(
        engine: &Engine,
        component: &Component,
        bytes: &[u8],
        describes_itself: bool,
    ) -> Self {
        let survey = Survey::of(engine, component);
        if describes_itself {
            return Reflected::none(survey);
        }
        let docs = Docs::of(bytes);
        let mut reflected = Reflected {
            left_out: survey.left_out,
            has_command: survey.command.is_some(),
            has_functions: !survey.functions.is_empty(),
            ..Reflected::default()
        };
        let mut taken = BTreeSet::new();
        if let Some(path) = survey.command {
            taken.insert(RUN.to_owned());
            reflected.tools.push(command::spec(RUN.into()));
            reflected.paths.insert(RUN.into(), path);
        }
        let paths: Vec<&[String]> = survey.functions.iter().map(|(path, _)| &path[..]).collect();
        let names = names::for_paths(&paths, &taken);
        for ((path, function), name) in survey.functions.into_iter().zip(names) {
            let signature = match path.split_last() {
                Some((own, [])) => function.signature(own),
                Some((own, instances)) => {
                    format!("{} of {}", function.signature(own), instances.join(" "))
                }
                None => continue,
            };
            reflected.tools.push(ToolSpec {
                name: name.clone(),
                description: match docs.get(&path) {
                    Some(said) => format!("{said}\n\n{signature}"),
                    None => signature,
                },
                parameters: function.schema(),
                // Nobody says what calling it again would do.
                effect: Effect::Once,
            });
            reflected.paths.insert(name, path);
        }
        reflected
    }

    fn none(survey: Survey) -> Self {
        let reason = "the component describes its own tools, and those are the tools it has";
        let others = survey.command.into_iter();
        let others = others.chain(survey.functions.into_iter().map(|(path, _)| path));
        let others = others.map(|path| LeftOut {
            function: path.join(" "),
            reason: reason.into(),
        });
        Reflected {
            left_out: others.chain(survey.left_out).collect(),
            ..Reflected::default()
        }
    }
}
