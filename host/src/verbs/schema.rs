//! `schema`: what definitions may hold, for editors.

use crate::cli::{Schema, SchemaKind};
use crate::exit::Failure;
use crate::print;
use definitions::{Kind, schema};
use serde_json::{Map, Value};

pub fn run(options: &Schema) -> Result<u8, Failure> {
    let printed = match options.kind {
        Some(kind) => schema(of(kind)),
        None => {
            let all = Kind::ALL.map(|kind| (kind.key().to_owned(), schema(kind)));
            Value::Object(all.into_iter().collect::<Map<_, _>>())
        }
    };
    // People read these too.
    print::out(&format!("{printed:#}\n"))?;
    Ok(0)
}

fn of(kind: SchemaKind) -> Kind {
    match kind {
        SchemaKind::House => Kind::House,
        SchemaKind::Agent => Kind::Agent,
        SchemaKind::Chart => Kind::Chart,
        SchemaKind::Policy => Kind::Policy,
    }
}
