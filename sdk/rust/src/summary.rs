//! Summary plugins: what stays of a conversation when its oldest part leaves the model's window. They are memory plugins too, and a
//! component may be both.

use crate::Failure;
pub use crate::bindings::summary::exports::charthouse::plugin::summary::{
    Request as SummaryRequest, Turn,
};

impl Turn {
    /// `text` as `speaker` said it: `human`, `house`, `model` or a tool's dotted name.
    pub fn new(speaker: impl Into<String>, text: impl Into<String>) -> Self {
        Turn {
            speaker: speaker.into(),
            text: text.into(),
        }
    }
}

/// A plugin that sums up. Export it with [`export_summary!`](crate::export_summary).
pub trait SummaryPlugin {
    /// One new summary that takes the place of the earlier one and of all that was said.
    fn summarise(request: SummaryRequest) -> Result<String, Failure>;
}

/// Export a [`SummaryPlugin`] as a component of world `summary-plugin`. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_summary {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Exported;

            impl $crate::bindings::summary::exports::charthouse::plugin::summary::Guest for Exported {
                fn summarise(
                    request: $crate::SummaryRequest,
                ) -> ::std::result::Result<::std::string::String, $crate::Failure> {
                    <$plugin as $crate::SummaryPlugin>::summarise(request)
                }
            }

            // Natively nothing is exported; this keeps what the plugin is made of from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn exported() {
                let _ = <Exported as $crate::bindings::summary::exports::charthouse::plugin::summary::Guest>::summarise;
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::summary::export_summary_world!(Exported with_types_in $crate::bindings::summary);
        };
    };
}
