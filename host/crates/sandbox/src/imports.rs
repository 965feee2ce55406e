//! What a component imports that the host does not have. It is refused before anything of it runs, with all that is missing at once and what to do
//! about each: a list that comes one import at a time is a morning lost.
//!
//! What a network interface answers where there is no network is the linker's own affair; what arrives here is what it does not have.

use std::fmt::Write;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker, LinkerInstance, ResourceType};

/// Most imports that are listed with a line of their own.
const LISTED: usize = 40;

/// Interfaces that the host has. One of these that does not fit is of a newer WASI, and the engine's own words say what of it is missing.
const OFFERED: [&str; 7] = [
    "wasi:io/",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/",
    "wasi:filesystem/",
    "wasi:cli/",
    "charthouse:plugin/",
];

/// Link `component`; the error lists everything that it imports and `linker` does not have.
pub(crate) fn link<T: Send + 'static>(
    linker: &Linker<T>,
    component: &Component,
) -> Result<InstancePre<T>, String> {
    let mut error = match linker.instantiate_pre(component) {
        Ok(pre) => return Ok(pre),
        Err(error) => error,
    };
    let engine = linker.engine();
    let imports: Vec<(String, ComponentItem)> = component
        .component_type()
        .imports(engine)
        .map(|(name, import)| (name.to_owned(), import.ty))
        .collect();
    let mut linker = linker.clone();
    linker.allow_shadowing(true);
    let mut missing: Vec<(String, String)> = Vec::new();
    // The engine names one import at a time. A placeholder takes its place, so that it names the next one; nothing is ever run with these.
    loop {
        let said = format!("{error:#}");
        let found = imports.iter().find(|(name, _)| {
            said.contains(&format!("`{name}`, but"))
                && !missing.iter().any(|(known, _)| known == name)
        });
        let Some((name, item)) = found else {
            if missing.is_empty() {
                return Err(said);
            }
            break;
        };
        // Resources of an interface whose place was taken are no longer those of its neighbours, which is no fault of theirs.
        let follows = !missing.is_empty() && said.contains("mismatched resource types");
        let hint = match follows {
            true => String::new(),
            false => hint(name, item, &said),
        };
        missing.push((name.clone(), hint));
        if placeholder(engine, &mut linker.root(), name, item).is_err() {
            break;
        }
        match linker.instantiate_pre(component) {
            Ok(_) => break,
            Err(next) => error = next,
        }
    }
    missing.retain(|(_, hint)| !hint.is_empty());
    Err(in_words(&missing))
}

/// What to do about one import.
fn hint(name: &str, item: &ComponentItem, said: &str) -> String {
    let (unversioned, version) = name.split_once('@').unwrap_or((name, ""));
    let from = |packages: &[&str]| {
        packages
            .iter()
            .any(|package| unversioned.starts_with(package))
    };
    let offered = from(&OFFERED);
    if offered && version.starts_with("0.3") {
        return "it belongs to WASI 0.3, and this host has 0.2: build it for wasm32-wasip2".into();
    }
    if offered && (version.starts_with("0.2.0-") || version.starts_with("0.1")) {
        return "it belongs to a draft of WASI from before 0.2.0: build it with a newer toolchain"
            .into();
    }
    if offered && let Some((_, why)) = said.split_once("in the linker: ") {
        return match from(&["charthouse:"]) {
            true => format!("{why}; it was built for another version of charthouse"),
            false => format!("{why}; it was built for a newer WASI 0.2 than this host has"),
        };
    }
    if from(&["charthouse:"]) {
        return "it was built for another version of charthouse".into();
    }
    if from(&["wasi:sockets/"]) {
        return "sockets never work here: build it without them, or speak HTTP under a `net` rule"
            .into();
    }
    if from(&["wasi:http/"]) {
        return "HTTP works only as this host's own client, under a `net` rule".into();
    }
    if from(&["wasi:"]) {
        return "no grant gives this part of WASI: build it without, or compose it with a component that exports it (`wac plug`)".into();
    }
    let what = match item {
        ComponentItem::ComponentFunc(_) => "a function",
        ComponentItem::Module(_) | ComponentItem::CoreFunc(_) => "core WebAssembly",
        ComponentItem::Component(_) => "a component",
        ComponentItem::Resource(_) | ComponentItem::Type(_) => "a type",
        ComponentItem::ComponentInstance(_) => "an interface",
    };
    format!(
        "{what} of its own world that nothing here provides: compose it with a component that exports it (`wac plug`)"
    )
}

fn in_words(missing: &[(String, String)]) -> String {
    if let [(name, hint)] = missing {
        return format!("it imports {name}, which this host does not have: {hint}");
    }
    let mut text = format!(
        "it imports {} things that this host does not have:",
        missing.len()
    );
    for (name, hint) in missing.iter().take(LISTED) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {name}: {hint}");
    }
    if missing.len() > LISTED {
        let _ = write!(text, "\n  and {} more", missing.len() - LISTED);
    }
    text
}

/// Put something in the place of `item`.
fn placeholder<T: Send + 'static>(
    engine: &Engine,
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    item: &ComponentItem,
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => linker.func_new(name, |_, _, _, _| {
            Err(wasmtime::format_err!("it is not there"))
        }),
        ComponentItem::ComponentInstance(instance) => {
            let mut inner = linker.instance(name)?;
            for (export, item) in instance.exports(engine) {
                placeholder(engine, &mut inner, export, &item.ty)?;
            }
            Ok(())
        }
        ComponentItem::Resource(_) => {
            linker.resource(name, ResourceType::host::<Placeholder>(), |_, _| Ok(()))
        }
        ComponentItem::Type(_) => Ok(()),
        _ => Err(wasmtime::format_err!("nothing can take its place")),
    }
}

/// A resource that there is not.
struct Placeholder;
