//! Context plugins: what an agent sees.

use crate::bindings::context::exports::charthouse::plugin::context as raw;
use crate::{Argument, Complaints, Failure};

pub use raw::Fragment;

/// What the host wants to know.
#[derive(Clone, Debug)]
pub struct Request<P> {
    /// The chunk's `params`.
    pub params: P,
    /// How many tokens the chunk may hold. More is trimmed by the host, so the most important comes first.
    pub budget: u32,
    /// The active states of the agent's cognition, outermost first.
    pub cognition: Vec<String>,
    /// The active states of the workflow it is bound to; empty when it is bound to none.
    pub workflow: Vec<String>,
    /// What was last said to the agent, or asked of it.
    pub query: String,
}

impl Fragment {
    /// `text`, with where it comes from (a path, a URL, a name) for provenance.
    pub fn new(text: impl Into<String>, source: impl Into<String>) -> Self {
        Fragment {
            text: text.into(),
            source: source.into(),
        }
    }
}

/// A plugin that provides context. Export it with [`export_context!`](crate::export_context).
pub trait ContextPlugin {
    /// The chunk's `params`: a type made with [`arguments!`](crate::arguments), or `serde_json::Value` to take whatever comes.
    type Params: Argument;

    /// Provide fragments, the most important first.
    fn provide(request: Request<Self::Params>) -> Result<Vec<Fragment>, Failure>;
}

#[doc(hidden)]
pub fn exported_provide<P: ContextPlugin>(request: raw::Request) -> Result<Vec<Fragment>, Failure> {
    // A chunk without `params` may arrive as nothing at all.
    let text = if request.params.trim().is_empty() {
        "{}"
    } else {
        &request.params
    };
    let value = serde_json::from_str(text)
        .map_err(|error| Failure::invalid(format!("the chunk's params are not JSON: {error}")))?;
    let mut complaints = Complaints::default();
    let params = P::Params::read(&value, &mut complaints);
    match params {
        Some(params) if complaints.is_empty() => P::provide(Request {
            params,
            budget: request.budget,
            cognition: request.cognition,
            workflow: request.workflow,
            query: request.query,
        }),
        _ => Err(complaints.into_failure()),
    }
}

/// Export a [`ContextPlugin`] as a component of world `context-plugin`. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_context {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Exported;

            impl $crate::bindings::context::exports::charthouse::plugin::context::Guest for Exported {
                fn provide(
                    request: $crate::bindings::context::exports::charthouse::plugin::context::Request,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::Fragment>, $crate::Failure> {
                    $crate::expansion::exported_provide::<$plugin>(request)
                }
            }

            // Natively nothing is exported; this keeps what the plugin is made of from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn exported() {
                let _ = <Exported as $crate::bindings::context::exports::charthouse::plugin::context::Guest>::provide;
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::context::export_context_world!(Exported with_types_in $crate::bindings::context);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::arguments! {
        /// How much to show.
        struct Depth {
            /// Levels.
            depth: u64 = 2,
        }
    }

    struct Tree;

    impl ContextPlugin for Tree {
        type Params = Depth;
        fn provide(request: Request<Depth>) -> Result<Vec<Fragment>, Failure> {
            Ok(vec![Fragment::new(
                request.params.depth.to_string(),
                request.query,
            )])
        }
    }

    fn provide(params: &str) -> Result<Vec<Fragment>, Failure> {
        exported_provide::<Tree>(raw::Request {
            params: params.to_owned(),
            budget: 100,
            cognition: vec![],
            workflow: vec![],
            query: "why".to_owned(),
        })
    }

    #[test]
    fn params_are_read_and_may_be_absent() {
        for (params, expected) in [(r#"{"depth": 3}"#, "3"), ("{}", "2"), ("", "2")] {
            let fragments = provide(params).unwrap();
            assert_eq!(fragments[0].text, expected, "{params}");
            assert_eq!(fragments[0].source, "why");
        }
    }

    #[test]
    fn wrong_params_are_invalid() {
        let failure = provide(r#"{"deep": 3}"#).unwrap_err();
        assert_eq!(
            failure.message(),
            "there is no argument `deep`: did you mean `depth`?"
        );
    }
}
