//! What authors of charthouse plugins use.
//!
//! A plugin is a WebAssembly component that charthouse runs in a sandbox: one fresh instance per call, no network, no environment, no file it
//! was not granted. There are four kinds, each with a trait and a macro here (memory has two):
//!
//! | kind | trait | macro | does |
//! |---|---|---|---|
//! | tool | [`ToolPlugin`] | [`export_tool!`] | what an agent can do |
//! | context | [`ContextPlugin`] | [`export_context!`] | what an agent sees |
//! | memory | [`MemoryPlugin`] | [`export_memory!`] | what an agent keeps |
//! | memory | [`SummaryPlugin`] | [`export_summary!`] | what stays of what leaves the model's window |
//! | guard | [`GuardPlugin`] | [`export_guard!`] | what may pass to the model and from it |
//!
//! ```
//! use charthouse_sdk::{Failure, export_tools, tool};
//!
//! /// Greets a person by name.
//! #[tool(effect = none)]
//! fn greet(
//!     /// The person's name.
//!     name: String,
//!     /// How often; once when absent.
//!     #[default(1)]
//!     times: u64,
//! ) -> Result<String, Failure> {
//!     if times > 10 {
//!         return Err(Failure::invalid("`times` is at most 10: nobody listens for longer"));
//!     }
//!     Ok(vec![format!("Hello, {name}!"); times as usize].join("\n"))
//! }
//!
//! export_tools!(greet);
//! ```
//!
//! [`tool`](macro@tool) makes a tool of a function, `#[derive(Argument)]` lets a type of one's own stand in its arguments. What they are made of can be used by
//! hand too: [`arguments!`], [`Tool`] and [`export_tool!`].
//!
//! What a plugin does is plain Rust, so `cargo test` tests it natively; [`log`], [`state`] and [`model`] have stand-ins there. The feature
//! `files` adds [`files`]: the mounts that a call was granted, and reading, listing and replacing files in them.

mod answer;
mod arguments;
pub mod bindings;
mod context;
mod declare;
#[cfg(feature = "files")]
pub mod files;
mod function;
mod guard;
pub mod log;
mod memory;
pub mod model;
#[cfg(feature = "schemars")]
mod serde_type;
pub mod state;
mod summary;
mod tool;

pub use answer::{Answer, Json};
pub use arguments::{Argument, Complaints, parse};
pub use bindings::imports::charthouse::plugin::types::{Blob, Failure, Part};
pub use charthouse_sdk_macros::{Argument, tool};
pub use context::{ContextPlugin, Fragment, Request};
pub use function::ToolFunction;
pub use guard::{Direction, GuardPlugin, Subject, Verdict};
pub use memory::{Change, Entry, Layer, MemoryPlugin, Snapshot};
#[cfg(feature = "schemars")]
pub use serde_type::Serde;
pub use summary::{SummaryPlugin, SummaryRequest, Turn};
pub use tool::{Call, Effect, Tool, ToolPlugin};

/// What the macros expand to needs these; nothing else should.
#[doc(hidden)]
pub mod expansion {
    pub use crate::context::exported_provide;
    pub use crate::declare::{
        description, finish, object, plain, schema_of_choices, schema_of_field,
    };
    pub use crate::function::typed;
    pub use crate::tool::{exported_invoke, exported_specs, read};
    pub use serde_json::{Map, Value};
}
