//! A program's own exit code. WASI's adapter from preview 1 asks the host to end a program with success or with failure and forgets the number; a
//! program that answers 2 where it found nothing means something by it. So the one import `proc_exit` of such a module is led past the adapter, to
//! the function of `wasi:cli/exit` that takes the number: it has the same type, so that only the import's name changes.

use crate::sections::{self, append, name, number};
use wasmparser::{BinaryReader, TypeRef};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The section of imports.
const IMPORTS: u8 = 2;
const INTERFACE: &str = "wasi:cli/exit@0.2.0";
const WORLD: &str = "package wasi:cli@0.2.0;
interface exit { exit-with-code: func(status-code: u8); }
world ends { import exit; }";

/// `module` with its import `proc_exit` led to the host; `None` where it has none, or one of another type.
pub(crate) fn kept(module: &[u8], preview1: &str) -> Option<Vec<u8>> {
    let mut fresh = module.get(..8)?.to_vec();
    let mut changed = false;
    for (id, body) in sections::of(module) {
        match id {
            IMPORTS => {
                let body = renamed(body, preview1, &mut changed)?;
                append(&mut fresh, id, &body);
            }
            _ => append(&mut fresh, id, body),
        }
    }
    if !changed {
        return None;
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_source("exit.wit", WORLD).ok()?;
    let world = resolve.select_world(&[package], Some("ends")).ok()?;
    embed_component_metadata(&mut fresh, &resolve, world, StringEncoding::UTF8).ok()?;
    Some(fresh)
}

/// The section of imports `body` with that one renamed.
fn renamed(body: &[u8], preview1: &str, changed: &mut bool) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(body, 0);
    let count = reader.read_var_u32().ok()?;
    let mut fresh = Vec::with_capacity(body.len() + INTERFACE.len());
    number(&mut fresh, count as usize);
    for _ in 0..count {
        let module = reader.read_string().ok()?;
        let item = reader.read_string().ok()?;
        let start = reader.original_position();
        let ty: TypeRef = reader.read().ok()?;
        let ends = module == preview1 && item == "proc_exit" && matches!(ty, TypeRef::Func(_));
        let (module, item) = match ends {
            true => (INTERFACE, "exit-with-code"),
            false => (module, item),
        };
        *changed |= ends;
        name(&mut fresh, module);
        name(&mut fresh, item);
        fresh.extend(body.get(start..reader.original_position())?);
    }
    Some(fresh)
}
