//! Specs that a host must refuse when it probes the plugin, each wrong in one way: a schema that is no JSON, a schema that is no object's,
//! two tools of one name, names with characters that none may have, and an empty one.
//!
//! The sdk cannot say such things, so this speaks the bindings directly.

#![allow(unsafe_code)]

use charthouse_sdk::bindings::tool::exports::charthouse::plugin::tool::{
    Call, Effect, Guest, Spec,
};
use charthouse_sdk::{Failure, Part};

struct BadSpecs;

impl Guest for BadSpecs {
    fn specs() -> Vec<Spec> {
        [
            ("not_json", "{\"type\": \"object\""),
            ("not_an_object", "{\"type\": \"string\"}"),
            ("twice", "{\"type\": \"object\"}"),
            ("twice", "{\"type\": \"object\"}"),
            ("has spaces", "{\"type\": \"object\"}"),
            ("dotted.name", "{\"type\": \"object\"}"),
            ("", "{\"type\": \"object\"}"),
        ]
        .map(|(name, parameters)| Spec {
            name: name.to_owned(),
            description: "Wrong on purpose.".to_owned(),
            parameters: parameters.to_owned(),
            effect: Effect::None,
        })
        .into()
    }

    fn invoke(call: Call) -> Result<Vec<Part>, Failure> {
        Ok(vec![Part::text(format!(
            "`{}` ran, although its plugin should never have been loaded",
            call.name
        ))])
    }
}

#[cfg(target_family = "wasm")]
charthouse_sdk::bindings::tool::export_tool_world!(BadSpecs with_types_in charthouse_sdk::bindings::tool);

/// Natively nothing is exported; this keeps the guest from looking unused.
#[cfg(not(target_family = "wasm"))]
#[allow(dead_code)]
fn exported() {
    let _ = (<BadSpecs as Guest>::specs, <BadSpecs as Guest>::invoke);
}
