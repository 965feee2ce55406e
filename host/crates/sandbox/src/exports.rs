//! What a component exports beside charthouse's own interfaces: functions that can be tools, a command, and what can be neither, with the reason.

use crate::reflect::Function;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};

/// Most functions of one component that are looked at; beyond, nobody could choose between them.
const FUNCTIONS: usize = 256;
/// Instances may be exported in instances, but not so deep that a path through them stops being a name.
const DEPTH: usize = 4;

/// An exported function that is no tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The function, with the interface that exports it: `acme:shop/basket@1.0.0 open`.
    pub function: String,
    /// Why it cannot be called.
    pub reason: String,
}

/// What a component exports.
#[derive(Default)]
pub(crate) struct Survey {
    /// Where its command is: the names that lead to `run`.
    pub(crate) command: Option<Vec<String>>,
    /// Its functions and the names that lead to them.
    pub(crate) functions: Vec<(Vec<String>, Function)>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Functions that were not looked at.
    more: usize,
}

impl Survey {
    /// Look at what `component` exports.
    pub(crate) fn of(engine: &Engine, component: &Component) -> Self {
        let mut survey = Survey::default();
        let ty = component.component_type();
        for (name, export) in ty.exports(engine) {
            match export.ty {
                // The plugin interfaces have a room of their own.
                ComponentItem::ComponentInstance(_) if name.starts_with("charthouse:plugin/") => {}
                ComponentItem::ComponentInstance(instance) if is_command(name) => {
                    survey.command(engine, name, &instance);
                }
                ComponentItem::ComponentInstance(instance) => {
                    survey.instance(engine, &mut vec![name.to_owned()], &instance);
                }
                ComponentItem::ComponentFunc(func) => survey.function(vec![name.to_owned()], &func),
                // Types, and modules and components for others to instantiate: nothing that could be called.
                _ => {}
            }
        }
        if survey.more > 0 {
            survey.left_out.push(LeftOut {
                function: format!("{} more", survey.more),
                reason: format!("only the first {FUNCTIONS} functions are looked at"),
            });
        }
        survey
    }

    fn command(&mut self, engine: &Engine, name: &str, instance: &ComponentInstance) {
        let path = vec![name.to_owned(), "run".to_owned()];
        let plain = match instance.get_export(engine, "run").map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(run)) => !run.async_() && run.params().len() == 0,
            _ => false,
        };
        match plain {
            true => self.command = Some(path),
            false => self.left_out.push(LeftOut {
                function: path.join(" "),
                reason: "it is not a command of WASI 0.2 (`run: func() -> result`)".into(),
            }),
        }
    }

    fn instance(&mut self, engine: &Engine, path: &mut Vec<String>, instance: &ComponentInstance) {
        for (name, export) in instance.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(func) => {
                    self.function([&path[..], &[name.to_owned()]].concat(), &func);
                }
                ComponentItem::ComponentInstance(inner) if path.len() < DEPTH => {
                    path.push(name.to_owned());
                    self.instance(engine, path, &inner);
                    path.pop();
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, path: Vec<String>, func: &ComponentFunc) {
        if self.functions.len() + self.left_out.len() >= FUNCTIONS {
            self.more += 1;
            return;
        }
        let reflected = match leftover(&path, func) {
            Some(reason) => Err(reason.to_owned()),
            None => Function::of(func),
        };
        match reflected {
            Ok(function) => self.functions.push((path, function)),
            Err(reason) => self.left_out.push(LeftOut {
                function: path.join(" "),
                reason,
            }),
        }
    }
}

/// Why a component is no use here, of which nothing is left but this.
pub(crate) fn nothing_to_call(left_out: &[LeftOut]) -> String {
    let mut text = "it exports nothing that can be called: no function with types, no command (wasi:cli/run) and none of \
        charthouse:plugin/tool, context, memory, summary and guard (version 0.1.0)"
        .to_owned();
    for LeftOut { function, reason } in left_out {
        text.push_str(&format!("\n  {function}: {reason}"));
    }
    text
}

/// Whether the export `name` is WASI's command interface. A function `run` of somebody else's is a function like any other.
pub(crate) fn is_command(name: &str) -> bool {
    name.split('@').next() == Some("wasi:cli/run")
}

/// Functions that toolchains leave in a component for themselves.
fn leftover(path: &[String], func: &ComponentFunc) -> Option<&'static str> {
    let is = |names: [&str; 2]| path.iter().map(String::as_str).eq(names);
    let first = func.params().next().map(|(name, _)| name.to_owned());
    (is(["exports", "init"]) && first.as_deref() == Some("app-name"))
        .then_some("componentize-py uses it to build the component, and it has done its work")
}
