//! `#[tool]`: the function as it was, and beside it (in the namespace of types, where its name is free) what makes a tool of it.

use crate::docs;
use crate::field::{self, Field};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, ItemFn, LitStr, Pat, Result, ReturnType, Token, Type};

/// What stands in the attribute's brackets.
pub struct Options {
    name: Option<LitStr>,
    effect: Option<Ident>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options {
            name: None,
            effect: None,
        };
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            if key == "name" {
                options.name = Some(input.parse()?);
            } else if key == "effect" {
                options.effect = Some(input.parse()?);
            } else {
                return Err(Error::new(
                    key.span(),
                    format!(
                        "there is no option `{key}`; there are `name = \"…\"` and `effect = none`"
                    ),
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn effect(&self) -> Result<TokenStream> {
        let Some(effect) = &self.effect else {
            return Ok(quote!(::charthouse_sdk::Effect::Once));
        };
        match effect.to_string().as_str() {
            "none" => Ok(quote!(::charthouse_sdk::Effect::None)),
            "idempotent" => Ok(quote!(::charthouse_sdk::Effect::Idempotent)),
            "once" => Ok(quote!(::charthouse_sdk::Effect::Once)),
            _ => Err(Error::new(
                effect.span(),
                "an effect is `none` (it only reads), `idempotent` (doing it again changes nothing more) or `once`",
            )),
        }
    }
}

/// The function and its tool.
pub fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    refuse(&function)?;
    let fields = parameters(&mut function)?;
    let ident = function.sig.ident.clone();
    let (name, span) = match &options.name {
        Some(name) => (name.value(), name.span()),
        None => {
            let name = ident.to_string();
            let plain = name.strip_prefix("r#").map_or(name.clone(), str::to_owned);
            (plain, ident.span())
        }
    };
    check_name(&name, span)?;
    let description = docs::text(&function.attrs);
    if description.is_empty() {
        return Err(Error::new(
            ident.span(),
            "a tool needs a doc comment: it is what the model reads, so say when to use it, what it answers and what its limits are",
        ));
    }
    let effect = options.effect()?;
    let schema = field::schema(&fields);
    let locals: Vec<Ident> = (0..fields.len())
        .map(|index| format_ident!("argument_{index}"))
        .collect();
    let read = field::read(&fields, &locals);
    let answer = match returns_result(&function.sig.output) {
        true => quote!(::charthouse_sdk::expansion::typed(#ident(#(#locals),*))),
        false => quote!(::core::result::Result::Ok(#ident(#(#locals),*))),
    };
    let visibility = &function.vis;
    let doc = format!("The tool `{name}`, as `export_tools!` wants it.");
    Ok(quote! {
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #ident {}

        impl ::charthouse_sdk::ToolFunction for #ident {
            fn tool() -> ::charthouse_sdk::Tool {
                ::charthouse_sdk::Tool::raw(
                    #name,
                    #description,
                    || #schema,
                    |call| {
                        let (#(#locals,)*) = ::charthouse_sdk::expansion::read(&call.arguments, |value, complaints| {
                            #read
                            ::core::option::Option::Some((#(#locals?,)*))
                        })?;
                        #answer
                    },
                )
                .effect(#effect)
            }
        }
    })
}

/// Functions that no call could reach.
fn refuse(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refused = |span: Span, why: &str| Err(Error::new(span, why));
    if let Some(token) = &signature.asyncness {
        return refused(
            token.span(),
            "a tool's function cannot be async: a call has an instance of its own and may simply wait",
        );
    }
    if !signature.generics.params.is_empty() {
        return refused(
            signature.generics.span(),
            "a tool's function cannot be generic: its schema must be known when it is built",
        );
    }
    Ok(())
}

fn check_name(name: &str, span: Span) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(Error::new(
        span,
        format!("`{name}` is no tool's name: use ASCII letters, digits, `-` and `_`"),
    ))
}

/// The parameters as arguments; what only this macro understands is taken off them.
fn parameters(function: &mut ItemFn) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for input in &mut function.sig.inputs {
        let FnArg::Typed(parameter) = input else {
            return Err(Error::new(
                input.span(),
                "a tool is a function of its own, not a method: take `self` away",
            ));
        };
        let Pat::Ident(pattern) = &*parameter.pat else {
            return Err(Error::new(
                parameter.pat.span(),
                "a tool's parameter needs a plain name, which becomes the argument's",
            ));
        };
        if let Type::Reference(reference) = &*parameter.ty {
            return Err(Error::new(
                reference.span(),
                "a tool owns its arguments: write `String` for `&str` and `Vec<T>` for `&[T]`",
            ));
        }
        let mut default = None;
        for attribute in &parameter.attrs {
            if attribute.path().is_ident("default") {
                default = Some(attribute.parse_args::<Expr>()?);
            }
        }
        fields.push(Field {
            name: pattern.ident.clone(),
            ty: (*parameter.ty).clone(),
            doc: docs::text(&parameter.attrs),
            default,
        });
        let ours =
            |attribute: &Attribute| docs::is_doc(attribute) || attribute.path().is_ident("default");
        parameter.attrs.retain(|attribute| !ours(attribute));
    }
    Ok(fields)
}

fn returns_result(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else {
        return false;
    };
    match &**ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Result"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn refused(options: &str, function: ItemFn) -> String {
        match syn::parse_str::<Options>(options) {
            Ok(options) => expand(&options, function).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_mistake_says_what_to_write_instead() {
        let plain: ItemFn = parse_quote!(
            /// Greets.
            fn greet() {}
        );
        let cases: [(&str, ItemFn, &str); 10] = [
            (
                "",
                parse_quote!(
                    fn greet() {}
                ),
                "needs a doc comment",
            ),
            ("effect = twice", plain.clone(), "`idempotent`"),
            ("efect = none", plain.clone(), "no option `efect`"),
            ("name = \"a b\"", plain, "no tool's name"),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    async fn greet() {}
                ),
                "cannot be async",
            ),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    fn greet<T>(a: T) {}
                ),
                "cannot be generic",
            ),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    fn greet(&self) {}
                ),
                "take `self` away",
            ),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    fn greet((a, b): (u64, u64)) {}
                ),
                "a plain name",
            ),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    fn greet(name: &str) {}
                ),
                "write `String`",
            ),
            (
                "",
                parse_quote!(
                    #[doc = "A"]
                    fn grüße() {}
                ),
                "ASCII letters",
            ),
        ];
        for (options, function, expected) in cases {
            let message = refused(options, function);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn the_function_stays_an_ordinary_function() {
        let function: ItemFn = parse_quote!(
            /// Greets.
            fn greet(
                /// Whom.
                name: String,
                #[default(1)] times: u64,
            ) -> String {
                name
            }
        );
        let options = syn::parse_str("effect = none").unwrap();
        let expanded = expand(&options, function).unwrap().to_string();
        // How tokens are spaced says nothing.
        let dense: String = expanded.split_whitespace().collect();
        assert!(
            dense.contains("fngreet(name:String,times:u64,)->String{name}"),
            "{expanded}"
        );
    }
}
