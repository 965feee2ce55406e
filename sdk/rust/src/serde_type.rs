//! Arguments of types that have `serde::Deserialize` and `schemars::JsonSchema`: enums with data, maps, types of other crates.

use crate::{Argument, Complaints, parse};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// An argument of any type that serde can read and schemars can describe.
///
/// Types with [`Argument`] tell all mistakes of a call at once; serde stops at the first. Use this where `#[derive(Argument)]` does not reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Serde<T>(pub T);

impl<T: DeserializeOwned + JsonSchema> Argument for Serde<T> {
    fn schema() -> Value {
        let mut settings = SchemaSettings::draft2020_12();
        // A schema within a schema cannot refer to definitions at its own root.
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let mut schema = Value::from(schema);
        if let Some(members) = schema.as_object_mut() {
            // The name of a Rust type tells the model nothing.
            members.shift_remove("title");
        }
        schema
    }

    fn read(value: &Value, complaints: &mut Complaints) -> Option<Self> {
        parse(value.clone())
            .map(Serde)
            .map_err(|failure| complaints.wrong(failure.message()))
            .ok()
    }
}

/// For defaults.
impl<T: Serialize> From<Serde<T>> for Value {
    fn from(value: Serde<T>) -> Self {
        serde_json::to_value(value.0).unwrap_or_default()
    }
}
