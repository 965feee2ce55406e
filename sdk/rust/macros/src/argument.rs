//! `#[derive(Argument)]`: objects from structs, choices from enums.

use crate::docs;
use crate::field::{self, Field};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Fields, FieldsNamed, LitStr, Result, Variant,
};

/// The implementation of `Argument`.
pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let refused = || {
        Error::new(
            input.ident.span(),
            "`Argument` can be derived for structs with named fields and for enums whose variants have no data; \
             for other types use `Serde<T>` (feature `schemars`)",
        )
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.ident.span(),
            "`Argument` cannot be derived for generic types",
        ));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => object(&input.ident, fields),
            _ => Err(refused()),
        },
        Data::Enum(data) => {
            let variants: Vec<&Variant> = data.variants.iter().collect();
            let plain = |variant: &&Variant| matches!(variant.fields, Fields::Unit);
            match !variants.is_empty() && variants.iter().all(plain) {
                true => choice(&input.ident, &variants),
                false => Err(refused()),
            }
        }
        Data::Union(_) => Err(refused()),
    }
}

fn object(name: &Ident, named: &FieldsNamed) -> Result<TokenStream> {
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        fields.push(Field {
            name: ident.clone(),
            ty: field.ty.clone(),
            doc: docs::text(&field.attrs),
            default: Own::of(&field.attrs)?.default,
        });
    }
    let schema = field::schema(&fields);
    let locals: Vec<Ident> = (0..fields.len())
        .map(|index| format_ident!("argument_{index}"))
        .collect();
    let read = field::read(&fields, &locals);
    let idents = fields.iter().map(|field| &field.name);
    Ok(quote! {
        impl ::charthouse_sdk::Argument for #name {
            fn schema() -> ::charthouse_sdk::expansion::Value {
                #schema
            }

            fn read(
                value: &::charthouse_sdk::expansion::Value,
                complaints: &mut ::charthouse_sdk::Complaints,
            ) -> ::core::option::Option<Self> {
                #read
                ::core::option::Option::Some(#name { #(#idents: #locals?),* })
            }
        }
    })
}

fn choice(name: &Ident, variants: &[&Variant]) -> Result<TokenStream> {
    let mut texts = Vec::new();
    for variant in variants {
        let own = Own::of(&variant.attrs)?.name;
        texts.push(own.map_or_else(|| snake(&variant.ident.to_string()), |name| name.value()));
    }
    let idents = variants.iter().map(|variant| &variant.ident);
    let indices = 0..variants.len();
    let arms = idents.clone();
    Ok(quote! {
        impl ::charthouse_sdk::Argument for #name {
            fn schema() -> ::charthouse_sdk::expansion::Value {
                ::charthouse_sdk::expansion::schema_of_choices(&[#(#texts),*])
            }

            fn read(
                value: &::charthouse_sdk::expansion::Value,
                complaints: &mut ::charthouse_sdk::Complaints,
            ) -> ::core::option::Option<Self> {
                match ::charthouse_sdk::expansion::finish::choice(value, &[#(#texts),*], complaints)? {
                    #(#indices => ::core::option::Option::Some(#name::#idents),)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        impl ::core::convert::From<#name> for ::charthouse_sdk::expansion::Value {
            fn from(choice: #name) -> Self {
                match choice { #(#name::#arms => #texts,)* }.into()
            }
        }
    })
}

/// `#[argument(name = "…", default = …)]`.
#[derive(Default)]
struct Own {
    name: Option<LitStr>,
    default: Option<Expr>,
}

impl Own {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut own = Own::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("argument")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    own.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("default") {
                    own.default = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error(
                        "there are `default = …` for fields and `name = \"…\"` for variants",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(own)
    }
}

/// `OldestFirst` as `oldest_first`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn names_of_variants_are_spelled_as_arguments_are() {
        assert_eq!(snake("OldestFirst"), "oldest_first");
        assert_eq!(snake("Path"), "path");
    }

    #[test]
    fn what_cannot_be_an_argument_is_refused_in_words() {
        let refused = |input: DeriveInput| expand(&input).unwrap_err().to_string();
        assert!(
            refused(parse_quote!(
                struct Pair(u64, u64);
            ))
            .contains("named fields")
        );
        assert!(
            refused(parse_quote!(
                enum Shape {
                    Circle { radius: f64 },
                }
            ))
            .contains("no data")
        );
        assert!(
            refused(parse_quote!(
                enum Never {}
            ))
            .contains("no data")
        );
        assert!(
            refused(parse_quote!(
                struct Many<T> {
                    all: Vec<T>,
                }
            ))
            .contains("generic")
        );
        assert!(
            refused(parse_quote!(
                struct A {
                    #[argument(rename = "b")]
                    a: u64,
                }
            ))
            .contains("default = …")
        );
    }
}
