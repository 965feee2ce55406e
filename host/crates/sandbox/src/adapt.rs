//! Core modules of WASI preview 1 (what Go, older Rust targets, `clang --target=wasm32-wasi` and most playgrounds make) turned into components.
//!
//! The adapter between the two is WASI's own: every call it makes goes through the same interfaces of WASI 0.2 that a component's does, so there is no
//! second door past policy. This runs in the process that compiles, under its limits, because the module is a stranger's; what it leaves
//! behind is kept by the module's content like any compiled component.

use crate::exit_code;
use std::collections::BTreeSet;
use wasi_preview1_component_adapter_provider as adapter;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};
use wit_component::ComponentEncoder;

/// What preview 1 is called in imports.
const PREVIEW1: &str = adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
/// Most names repeated in a message.
const NAMED: usize = 12;

/// Changes when the same module would be adapted differently, so that code made before is made again.
pub(crate) const VERSION: u32 = 2;

/// Whether `bytes` begin as a core module does.
pub(crate) fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}

/// The core module `module` as a component, or what is in the way and what to do about it.
pub(crate) fn adapt(module: &[u8]) -> Result<Vec<u8>, String> {
    let seen = Seen::of(module)?;
    seen.check()?;
    if seen.is_command()
        && !seen.has_world
        && let Some(module) = exit_code::kept(module, PREVIEW1)
        && let Ok(made) = seen.encode(&module)
    {
        return Ok(made);
    }
    seen.encode(module).map_err(|error| {
        format!("it is a core WebAssembly module that cannot be turned into a component: {error}")
    })
}

/// What matters of a module.
#[derive(Default)]
struct Seen {
    /// Modules it imports from, but for preview 1, with what it wants of them.
    strange: BTreeSet<String>,
    preview1: bool,
    exports: Vec<String>,
    /// It carries the WIT world that it was built for.
    has_world: bool,
    shares_memory: bool,
    wide_memory: bool,
}

impl Seen {
    fn of(module: &[u8]) -> Result<Self, String> {
        let damaged = |error: wasmparser::BinaryReaderError| {
            format!("it is a damaged core WebAssembly module: {error}")
        };
        let mut seen = Seen::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(damaged)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(damaged)?;
                        if let TypeRef::Memory(memory) = import.ty {
                            seen.shares_memory |= memory.shared;
                            seen.wide_memory |= memory.memory64;
                        }
                        if import.module == PREVIEW1 {
                            seen.preview1 = true;
                        } else {
                            seen.strange
                                .insert(format!("{} {}", import.module, import.name));
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory.map_err(damaged)?;
                        seen.shares_memory |= memory.shared;
                        seen.wide_memory |= memory.memory64;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(damaged)?;
                        if export.kind == ExternalKind::Func {
                            seen.exports.push(export.name.to_owned());
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    seen.has_world |= section.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(seen)
    }

    fn encode(&self, module: &[u8]) -> Result<Vec<u8>, String> {
        let made = ComponentEncoder::default()
            .validate(true)
            .module(module)
            .and_then(|encoder| match self.adapter() {
                Some(bytes) => encoder.adapter(PREVIEW1, bytes),
                None => Ok(encoder),
            })
            .and_then(|mut encoder| encoder.encode());
        made.map_err(|error| format!("{error:#}"))
    }

    fn is_command(&self) -> bool {
        self.exports.iter().any(|name| name == "_start")
    }

    /// The adapter it needs.
    fn adapter(&self) -> Option<&'static [u8]> {
        match (self.is_command(), self.preview1) {
            (true, _) => Some(adapter::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
            (false, true) => Some(adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
            (false, false) => None,
        }
    }

    /// Refuse what no adapter could help, in words that say what would.
    fn check(&self) -> Result<(), String> {
        let refused = |why: String| Err(format!("it is a core WebAssembly module {why}"));
        if self.shares_memory {
            return refused("with shared memory, for threads, which this host does not have: build it without threads".into());
        }
        if self.wide_memory {
            return refused(
                "with 64-bit memory, which this host does not have: build it for wasm32".into(),
            );
        }
        // A module with a world of its own is checked against that by the encoder.
        if !self.strange.is_empty() && !self.has_world {
            return refused(format!(
                "that imports what is not WASI preview 1: {}; {}",
                listed(self.strange.iter().map(String::as_str)),
                self.advice()
            ));
        }
        if !self.has_world && !self.is_command() {
            return refused(format!(
                "that {} and nothing says what their arguments mean: build it as a component (for instance for wasm32-wasip2), as a command with `_start`, or give it its WIT with `wasm-tools component embed`",
                match self.exports.is_empty() {
                    true => "exports no functions".to_owned(),
                    false => format!(
                        "only exports core functions ({})",
                        listed(self.exports.iter().map(String::as_str))
                    ),
                }
            ));
        }
        Ok(())
    }

    fn advice(&self) -> &'static str {
        let from = |module: &str| self.strange.iter().any(|import| import.starts_with(module));
        if from("wasi_unstable ") {
            "`wasi_unstable` is the version before preview 1: build it with a newer toolchain"
        } else if from("wasi ") {
            "`wasi thread-spawn` starts threads, which this host does not have: build it without threads"
        } else if from("gojs ") || from("go ") {
            "it was built for a browser: use GOOS=wasip1 instead of GOOS=js"
        } else if from("wbg ") || from("__wbindgen") || from("./") {
            "it was built by wasm-bindgen for JavaScript: build it for wasm32-wasip2"
        } else if from("env abort") || from("env seed") {
            "it was built by AssemblyScript for JavaScript: give it WASI (`asc --use abort=` or the wasi-shim) and a `_start`"
        } else if from("env emscripten") || from("a ") {
            "it was built by Emscripten for JavaScript: use `-sSTANDALONE_WASM`, or build it with wasi-sdk"
        } else {
            "nothing here could provide them: build it for WASI without them"
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        n if n > NAMED => format!("{} and {} more", names[..NAMED].join(", "), n - NAMED),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::Survey;
    use wasmtime::Engine;
    use wasmtime::component::Component;
    use wit_component::{StringEncoding, embed_component_metadata};

    fn survey(module: &[u8]) -> Survey {
        let engine = Engine::default();
        let component = Component::new(&engine, adapt(module).unwrap()).unwrap();
        Survey::of(&engine, &component)
    }

    /// What `wasm-tools component embed` makes: a module of preview 1 without `_start` that says what its functions are.
    #[test]
    fn a_module_that_carries_its_world_has_its_functions() {
        let mut module = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "_initialize"))
                (func (export "acme:math/ops@1.0.0#add") (param i32 i32) (result i32)
                    (i32.add (local.get 0) (local.get 1))))"#,
        )
        .unwrap();
        let bare = adapt(&module).unwrap_err();
        assert!(bare.contains("only exports core functions"), "{bare}");
        let world = "package acme:math@1.0.0; interface ops { add: func(a: u32, b: u32) -> u32; } world w { export ops; }";
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_source("w.wit", world).unwrap();
        let world = resolve.select_world(&[package], Some("w")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let survey = survey(&module);
        assert!(survey.command.is_none());
        let paths: Vec<_> = survey
            .functions
            .iter()
            .map(|(path, _)| path.join(" "))
            .collect();
        assert_eq!(paths, ["acme:math/ops@1.0.0 add"]);
    }

    #[test]
    fn a_program_without_imports_is_one_too() {
        let module =
            wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
        assert!(survey(&module.unwrap()).command.is_some());
    }

    #[test]
    fn what_is_cut_short_is_damaged() {
        let module = wat::parse_str(r#"(module (memory 1) (func (export "_start")))"#).unwrap();
        for end in 9..module.len() {
            // Some beginnings are modules of their own; none of them may do more than fail.
            let _ = adapt(&module[..end]);
        }
        let error = adapt(&module[..module.len() - 1]).unwrap_err();
        assert!(error.contains("damaged"), "{error}");
    }
}
