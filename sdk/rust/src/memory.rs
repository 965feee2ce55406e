//! Memory plugins: what an agent keeps. They propose changes; the host checks and commits them as one.

use crate::Failure;
pub use crate::bindings::memory::exports::charthouse::plugin::memory::{
    Change, Entry, Layer, Snapshot,
};

impl Entry {
    /// Something new to remember; the host gives it its id and its time.
    pub fn new(layer: Layer, text: impl Into<String>) -> Self {
        Entry {
            id: String::new(),
            layer,
            text: text.into(),
            time: 0,
        }
    }
}

/// A plugin that looks after memory. Export it with [`export_memory!`](crate::export_memory).
pub trait MemoryPlugin {
    /// Propose changes to what is remembered.
    fn consolidate(snapshot: Snapshot) -> Result<Vec<Change>, Failure>;
}

/// Export a [`MemoryPlugin`] as a component of world `memory-plugin`. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_memory {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Exported;

            impl $crate::bindings::memory::exports::charthouse::plugin::memory::Guest for Exported {
                fn consolidate(
                    snapshot: $crate::Snapshot,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::Change>, $crate::Failure> {
                    <$plugin as $crate::MemoryPlugin>::consolidate(snapshot)
                }
            }

            // Natively nothing is exported; this keeps what the plugin is made of from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn exported() {
                let _ = <Exported as $crate::bindings::memory::exports::charthouse::plugin::memory::Guest>::consolidate;
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::memory::export_memory_world!(Exported with_types_in $crate::bindings::memory);
        };
    };
}
