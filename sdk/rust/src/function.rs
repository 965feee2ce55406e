//! Tools that are made of functions by [`tool`](macro@crate::tool), and exporting them.

use crate::{Failure, Tool};

/// A function that [`tool`](macro@crate::tool) made a tool of. The type that implements it has the function's own name.
pub trait ToolFunction {
    /// The tool: what the model reads about it and what it does.
    fn tool() -> Tool;
}

/// A tool's error may be of its author's own type.
#[doc(hidden)]
pub fn typed<T, E: Into<Failure>>(result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(Into::into)
}

/// Export functions that [`tool`](macro@crate::tool) made tools of, as a component of world `tool-plugin`. Outside WebAssembly it only checks them.
#[macro_export]
macro_rules! export_tools {
    ($($tool:ty),+ $(,)?) => {
        const _: () = {
            struct Tools;

            impl $crate::ToolPlugin for Tools {
                fn tools() -> ::std::vec::Vec<$crate::Tool> {
                    ::std::vec![$(<$tool as $crate::ToolFunction>::tool()),+]
                }
            }

            $crate::export_tool!(Tools);
        };
    };
}
