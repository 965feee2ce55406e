//! One argument, whether it was a function's parameter or a struct's field: its part of the schema and its part of the reading.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Expr, Type};

/// One argument.
pub struct Field {
    /// Its name as Rust spells it.
    pub name: Ident,
    /// Its type.
    pub ty: Type,
    /// What it says of itself.
    pub doc: String,
    /// What it is when it is absent.
    pub default: Option<Expr>,
}

impl Field {
    /// Its name as JSON spells it.
    fn json_name(&self) -> String {
        let name = self.name.to_string();
        name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
    }

    /// `(name, schema, required)`.
    fn schema(&self) -> TokenStream {
        let (name, ty, doc) = (self.json_name(), &self.ty, &self.doc);
        match &self.default {
            None => quote! {
                (
                    #name,
                    ::charthouse_sdk::expansion::schema_of_field::<#ty>(&[#doc], ::core::option::Option::None),
                    <#ty as ::charthouse_sdk::Argument>::absent().is_none(),
                )
            },
            Some(default) => quote! {
                (
                    #name,
                    {
                        let default: #ty = #default;
                        ::charthouse_sdk::expansion::schema_of_field::<#ty>(
                            &[#doc],
                            ::core::option::Option::Some(::core::convert::Into::into(default)),
                        )
                    },
                    false,
                )
            },
        }
    }

    /// An `Option` of the value.
    fn read(&self) -> TokenStream {
        let (name, ty, doc) = (self.json_name(), &self.ty, &self.doc);
        let default = match &self.default {
            None => quote!(::core::option::Option::None),
            Some(default) => quote! {
                ::core::option::Option::Some({ let default: #ty = #default; default })
            },
        };
        quote! {
            ::charthouse_sdk::expansion::finish::field::<#ty>(members, #name, &[#doc], #default, complaints)
        }
    }
}

/// An expression: the schema of an object of these fields.
pub fn schema(fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(Field::schema);
    quote!(::charthouse_sdk::expansion::object(
        ::std::vec![#(#fields),*]
    ))
}

/// Statements that read an object of these fields from `value`, complaining to `complaints`: each field becomes an `Option` named as `locals` says. All are
/// read before one is asked for, so that the complaints of all are heard.
pub fn read(fields: &[Field], locals: &[Ident]) -> TokenStream {
    let names = fields.iter().map(Field::json_name);
    let reads = fields.iter().map(Field::read);
    let members = match fields.is_empty() {
        true => quote!(_),
        false => quote!(members),
    };
    quote! {
        let #members = ::charthouse_sdk::expansion::finish::members(value, &[#(#names),*], complaints)?;
        #(let #locals = #reads;)*
    }
}
