//! Guard plugins: what may pass to the model and from it. A guard can only take away.

pub use crate::bindings::guard::exports::charthouse::plugin::guard::{Direction, Subject, Verdict};

/// A plugin that guards. Export it with [`export_guard!`](crate::export_guard).
pub trait GuardPlugin {
    /// Inspect one piece of text.
    fn inspect(subject: Subject) -> Verdict;
}

/// Export a [`GuardPlugin`] as a component of world `guard-plugin`. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_guard {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Exported;

            impl $crate::bindings::guard::exports::charthouse::plugin::guard::Guest for Exported {
                fn inspect(subject: $crate::Subject) -> $crate::Verdict {
                    <$plugin as $crate::GuardPlugin>::inspect(subject)
                }
            }

            // Natively nothing is exported; this keeps what the plugin is made of from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn exported() {
                let _ = <Exported as $crate::bindings::guard::exports::charthouse::plugin::guard::Guest>::inspect;
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::guard::export_guard_world!(Exported with_types_in $crate::bindings::guard);
        };
    };
}
