//! A component's world, for people: what it wants and what it offers, function by function.
//!
//! Nothing is decided by it: what a component may reach is the grant's matter, and what it can be used for was found when it was loaded.

use crate::net::LinkClass;
use crate::plugin::Plugin;
use crate::{Sandbox, SandboxError};
use serde::Serialize;
use wasmtime::component::types::ComponentItem;

/// What a component imports and exports, each sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct World {
    /// What it wants. A toolchain may import more than is ever called.
    pub imports: Vec<Extern>,
    /// What it offers.
    pub exports: Vec<Extern>,
}

/// An interface, or a function or type that stands by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Extern {
    /// Its name, with its version where it has one: `wasi:io/poll@0.2.6`.
    pub name: String,
    /// The functions of an interface, methods as `[method]resource.name`; empty for what is none.
    pub functions: Vec<String>,
}

impl Sandbox {
    /// The world of `plugin`.
    pub fn world(&self, plugin: &Plugin) -> Result<World, SandboxError> {
        let loaded = self.loaded(plugin)?;
        let engine = &self.linked()?.engine;
        let component = loaded.pre(LinkClass::Closed).component().component_type();
        let named = |name: &str, ty: &ComponentItem| Extern {
            name: name.to_owned(),
            functions: match ty {
                ComponentItem::ComponentInstance(instance) => {
                    let functions = instance
                        .exports(engine)
                        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
                    let mut functions: Vec<String> =
                        functions.map(|(name, _)| name.to_owned()).collect();
                    functions.sort();
                    functions
                }
                _ => Vec::new(),
            },
        };
        let imports = component.imports(engine);
        let exports = component.exports(engine);
        let mut world = World {
            imports: imports.map(|(name, item)| named(name, &item.ty)).collect(),
            exports: exports.map(|(name, item)| named(name, &item.ty)).collect(),
        };
        world.imports.sort_by(|a, b| a.name.cmp(&b.name));
        world.exports.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(world)
    }
}
