//! What a component imports that the host does not have: refused, all of it at once; or, where toolchains drag it in unused, answered by a refusal.
//!
//! A toolchain links the whole of an SDK's world, used or not, so a `wasi:` interface that nobody here offers says little of what a component does.
//! Such an import is linked to a function that ends the call and names what was called. Everything else is refused before anything runs:
//! an import of somebody's own package is there to be used.

use std::fmt;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker, LinkerInstance, ResourceType};

/// Packages whose imports are never answered here: whether a guest may reach a network is the linker's affair alone.
const NETWORK: [&str; 2] = ["wasi:sockets/", "wasi:http/"];
/// Interfaces that the host has. One of these that does not fit is of a newer WASI: answering the whole of it with refusals would take away what does fit.
const OFFERED: [&str; 5] = ["wasi:io/", "wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock", "wasi:random/", "wasi:filesystem/"];

/// A component with everything it imports.
pub(crate) struct Linked<T: 'static> {
    pub(crate) pre: InstancePre<T>,
    /// Imports that answer with a refusal.
    pub(crate) stubbed: Vec<String>,
}

/// Why a component cannot be linked.
#[derive(Debug)]
pub(crate) struct Unlinked {
    /// Imports that are not there, each with what is wrong where that is more than its being missing.
    pub(crate) missing: Vec<String>,
    /// In words.
    pub(crate) message: String,
}

/// A guest called something that is linked only so that it loads.
#[derive(Debug)]
pub(crate) struct NotHere {
    import: String,
}

impl fmt::Display for NotHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it called `{}`, which this host does not have", self.import)
    }
}

impl std::error::Error for NotHere {}

/// Link `component`.
pub(crate) fn link<T: Send + 'static>(
    linker: &Linker<T>,
    component: &Component,
) -> Result<Linked<T>, Unlinked> {
    let first = match linker.instantiate_pre(component) {
        Ok(pre) => return Ok(Linked { pre, stubbed: Vec::new() }),
        Err(error) => error,
    };
    let engine = linker.engine();
    let ty = component.component_type();
    let imports: Vec<(String, ComponentItem)> = ty
        .imports(engine)
        .map(|(name, import)| (name.to_owned(), import.ty))
        .collect();
    let mut linker = linker.clone();
    linker.allow_shadowing(true);
    let mut stubbed = Vec::new();
    let mut missing = Vec::new();
    let mut error = first;
    // The engine names one import at a time. Each is answered with a refusal, so that it names the next one.
    loop {
        let said = format!("{error:#}");
        let found = imports.iter().find(|(name, _)| {
            said.contains(&format!("`{name}`, but")) && !stubbed.contains(name) && !names(&missing, name)
        });
        let Some((name, item)) = found else {
            missing.extend((missing.is_empty()).then_some(said));
            break;
        };
        match may_be_stubbed(name) {
            true => stubbed.push(name.clone()),
            false => missing.push(described(name, item, &said)),
        }
        if stub(engine, &mut linker.root(), name, item, None).is_err() {
            if !names(&missing, name) {
                missing.push(name.clone());
            }
            break;
        }
        match linker.instantiate_pre(component) {
            Ok(pre) if missing.is_empty() => return Ok(Linked { pre, stubbed }),
            Ok(_) => break,
            Err(next) => error = next,
        }
    }
    Err(Unlinked {
        message: in_words(&missing),
        missing,
    })
}

fn names(missing: &[String], name: &str) -> bool {
    missing.iter().any(|line| line == name || line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))
}

fn may_be_stubbed(name: &str) -> bool {
    name.starts_with("wasi:")
        && !NETWORK.iter().chain(&OFFERED).any(|known| name.starts_with(known))
}

/// An import with what it wants, short: the functions of an interface say best where it belongs.
fn described(name: &str, item: &ComponentItem, said: &str) -> String {
    let what = match item {
        ComponentItem::ComponentInstance(_) => "",
        ComponentItem::ComponentFunc(_) => " (a function)",
        ComponentItem::Module(_) => " (a core module)",
        ComponentItem::Component(_) => " (a component)",
        ComponentItem::Resource(_) | ComponentItem::Type(_) => " (a type)",
        ComponentItem::CoreFunc(_) => " (a core function)",
    };
    // The host has the interface, but not as it is wanted.
    let differs = OFFERED.iter().any(|known| name.starts_with(known));
    match said.split_once("in the linker: ") {
        Some((_, why)) if differs => format!("{name} ({why})"),
        _ => format!("{name}{what}"),
    }
}

fn in_words(missing: &[String]) -> String {
    let wants = |prefix: &str| missing.iter().any(|name| name.starts_with(prefix));
    let hint = if NETWORK.iter().any(|prefix| wants(prefix)) {
        "; sockets never work here, and HTTP only as this host's own client under a `net` rule: build it without them"
    } else if missing.iter().all(|name| name.starts_with("wasi:")) {
        "; it was built for another version of WASI than 0.2: build it for wasm32-wasip2"
    } else if wants("charthouse:plugin/") {
        "; it was built for another version of charthouse"
    } else {
        "; compose it with the component that exports them (for instance with `wac plug`), or build it without them"
    };
    match missing {
        [one] => format!("it imports {one}, which this host does not have{hint}"),
        many => format!(
            "it imports {} things that this host does not have: {}{hint}",
            many.len(),
            many.join(", ")
        ),
    }
}

/// Put a refusal in the place of `item`.
fn stub<T: Send + 'static>(
    engine: &Engine,
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    item: &ComponentItem,
    interface: Option<&str>,
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => {
            let import = match interface {
                Some(interface) => format!("{interface} {name}"),
                None => name.to_owned(),
            };
            linker.func_new(name, move |_, _, _, _| {
                Err(wasmtime::Error::new(NotHere { import: import.clone() }))
            })
        }
        ComponentItem::ComponentInstance(instance) => {
            let mut inner = linker.instance(name)?;
            for (export, item) in instance.exports(engine) {
                stub(engine, &mut inner, export, &item.ty, Some(name))?;
            }
            Ok(())
        }
        ComponentItem::Resource(_) => linker.resource(name, ResourceType::host::<NotHere>(), |_, _| Ok(())),
        ComponentItem::Type(_) => Ok(()),
        _ => Err(wasmtime::format_err!("`{name}` cannot be answered")),
    }
}
