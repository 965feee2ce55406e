//! What `#[tool]` and `#[derive(Argument)]` make of functions and types, as a plugin's author uses them.

use charthouse_sdk::{
    Argument, Effect, Failure, Json, Part, Tool, ToolFunction, export_tools, tool,
};
use serde_json::{Value, json};

/// In which order.
#[derive(Clone, Copy, Debug, Argument, PartialEq)]
enum Order {
    OldestFirst,
    #[argument(name = "newest")]
    NewestFirst,
}

/// A place in a text.
#[derive(Debug, Argument)]
struct Place {
    /// Its row, counted from 1.
    row: u64,
    /// Its column.
    #[argument(default = 1)]
    column: u64,
}

/// Lists what is there.
///
/// It knows of:
/// - rows
/// - columns
#[tool(effect = none, name = "list-all")]
fn list(
    /// What to list.
    r#type: String,
    /// How many at
    /// most.
    #[default(10)]
    most: u64,
    /// In which order.
    #[default(Order::OldestFirst)]
    order: Order,
    /// Only these.
    places: Option<Vec<Place>>,
) -> Json<Value> {
    let places: Vec<[u64; 2]> = places.iter().flatten().map(|p| [p.row, p.column]).collect();
    Json(
        json!({"type": r#type, "most": most, "newest": order == Order::NewestFirst, "places": places}),
    )
}

enum Trouble {
    Busy,
}

impl From<Trouble> for Failure {
    fn from(Trouble::Busy: Trouble) -> Self {
        Failure::unavailable("busy; try again in a minute")
    }
}

/// Never gets anywhere.
#[tool]
fn busy() -> Result<String, Trouble> {
    Err(Trouble::Busy)
}

/// Reads a file that is not there.
#[tool(effect = idempotent)]
fn absent() -> std::io::Result<String> {
    std::fs::read_to_string("/nowhere/at/all")
}

mod elsewhere {
    /// Says nothing.
    #[charthouse_sdk::tool]
    pub fn nothing() {}
}

export_tools!(list, busy, absent, elsewhere::nothing);

fn spec<T: ToolFunction>() -> (Tool, Value) {
    let tool = T::tool();
    let schema = tool.parameters();
    (tool, schema)
}

#[test]
fn types_and_doc_comments_become_the_schema() {
    let (tool, schema) = spec::<list>();
    assert_eq!(tool.name(), "list-all");
    assert_eq!(
        tool.description(),
        "Lists what is there.\n\nIt knows of:\n- rows\n- columns"
    );
    assert_eq!(tool.effects(), Effect::None);
    assert_eq!(spec::<busy>().0.effects(), Effect::Once);
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "type": {"type": "string", "description": "What to list."},
                "most": {"type": "integer", "minimum": 0, "description": "How many at most.", "default": 10},
                "order": {"type": "string", "enum": ["oldest_first", "newest"], "description": "In which order.", "default": "oldest_first"},
                "places": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "row": {"type": "integer", "minimum": 0, "description": "Its row, counted from 1."},
                            "column": {"type": "integer", "minimum": 0, "description": "Its column.", "default": 1},
                        },
                        "required": ["row"],
                        "additionalProperties": false,
                    },
                    "description": "Only these.",
                },
            },
            "required": ["type"],
            "additionalProperties": false,
        })
    );
    assert_eq!(
        spec::<busy>().1,
        json!({"type": "object", "properties": {}, "additionalProperties": false})
    );
}

#[test]
fn a_call_reads_its_arguments_and_tells_all_mistakes_at_once() {
    let answer = list::tool().call(json!({"type": "a", "order": "newest", "places": [{"row": 2}]}));
    assert_eq!(
        answer,
        Ok(vec![Part::Json(
            r#"{"type":"a","most":10,"newest":true,"places":[[2,1]]}"#.into()
        )])
    );
    assert_eq!(
        list::tool()
            .call(json!({"most": -1, "order": "new", "places": [{"column": 1}], "tpye": 1})),
        Err(Failure::invalid(
            "there is no argument `tpye`: did you mean `type`?; `type` is missing: What to list.; \
             `most` must be a whole number of at least 0, not -1; `order` must be one of oldest_first, newest, not the text \"new\"; \
             `places[0].row` is missing: Its row, counted from 1."
        ))
    );
    // It can be called as any function.
    assert_eq!(list("a".into(), 1, Order::OldestFirst, None).0["most"], 1);
}

#[test]
fn errors_of_ones_own_become_failures() {
    assert_eq!(
        busy::tool().call(json!({})),
        Err(Failure::unavailable("busy; try again in a minute"))
    );
    assert!(matches!(
        absent::tool().call(json!({})),
        Err(Failure::Failed(_))
    ));
    assert_eq!(elsewhere::nothing::tool().call(json!({})), Ok(vec![]));
    let strange = busy::tool().call(json!({"a": 1})).unwrap_err();
    assert_eq!(
        strange.message(),
        "there is no argument `a`; there are no arguments"
    );
}

#[cfg(feature = "schemars")]
mod with_schemars {
    use super::*;
    use charthouse_sdk::Serde;

    /// A shape.
    #[derive(schemars::JsonSchema, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Circle { radius: f64 },
        Square(f64),
    }

    /// Measures a shape.
    #[tool(effect = none)]
    fn area(
        /// The shape to measure.
        shape: Serde<Shape>,
    ) -> String {
        match shape.0 {
            Shape::Circle { radius } => format!("{:.2}", 3.0 * radius * radius),
            Shape::Square(side) => format!("{:.2}", side * side),
        }
    }

    #[test]
    fn types_of_serde_bring_their_schema() {
        let schema = spec::<area>().1;
        let shape = &schema["properties"]["shape"];
        assert_eq!(shape["description"], "The shape to measure.");
        assert_eq!(
            shape["oneOf"][0]["properties"]["circle"]["required"],
            json!(["radius"])
        );
        assert!(!shape.to_string().contains("$ref") && shape.get("title").is_none());
        assert_eq!(
            area::tool().call(json!({"shape": {"square": 2}})),
            Ok(vec![Part::text("4.00")])
        );
        let failure = area::tool()
            .call(json!({"shape": {"circle": {}}}))
            .unwrap_err();
        assert_eq!(
            failure.message(),
            "`shape`: `circle`: missing field `radius`"
        );
    }
}
