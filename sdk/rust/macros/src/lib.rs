//! The attribute and the derive of `charthouse-sdk`: what an author wrote once (a function, a type, their doc comments) becomes the JSON Schema that the model
//! reads and the check that reads what the model wrote.
//!
//! Nothing here knows how arguments are checked or schemas are put together: it only names what `charthouse_sdk::expansion` has for that.

mod argument;
mod docs;
mod field;
mod tool;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Make a tool of a function.
///
/// The function's doc comment is what the model reads about the tool, each parameter's doc comment is what it reads about the argument, and their types give the
/// JSON Schema. A parameter is required unless its type is `Option` or it has `#[default(…)]`. It returns what becomes an answer, or a `Result` of that whose
/// error becomes a `Failure`. `#[tool(effect = none)]` (or `idempotent`, `once`) says what repeating a call does; `once` is the default. `#[tool(name = "…")]`
/// gives the tool another name than the function's. The function stays an ordinary function.
///
/// ```ignore (it is tried in charthouse-sdk, which this crate does not know)
/// use charthouse_sdk::{Failure, export_tools, tool};
///
/// /// Greets a person by name.
/// #[tool(effect = none)]
/// fn greet(
///     /// The person's name.
///     name: String,
///     /// How often; once when absent.
///     #[default(1)]
///     times: u64,
/// ) -> Result<String, Failure> {
///     if times > 10 {
///         return Err(Failure::invalid("`times` is at most 10"));
///     }
///     Ok(vec![format!("Hello, {name}!"); times as usize].join("\n"))
/// }
///
/// export_tools!(greet);
/// ```
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as tool::Options);
    let function = parse_macro_input!(function as syn::ItemFn);
    tool::expand(&options, function)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Let a type of one's own stand in a tool's arguments.
///
/// A struct with named fields becomes an object; its fields are read as a tool's parameters are, with doc comments and `#[argument(default = …)]`. An enum without
/// data becomes a choice of texts: each variant's name in snake case, or what `#[argument(name = "…")]` says.
#[proc_macro_derive(Argument, attributes(argument))]
pub fn argument(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    argument::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
