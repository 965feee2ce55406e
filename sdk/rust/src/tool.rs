//! Tools: a name, a description, the arguments and the function, held in one place so that they cannot drift apart.

use crate::bindings::tool::exports::charthouse::plugin::tool as raw;
use crate::{Answer, Argument, Complaints, Failure, Part};
use serde_json::Value;
use std::borrow::Cow;

pub use raw::Effect;

type Run = Box<dyn Fn(Call) -> Result<Vec<Part>, Failure>>;

/// One call as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The host's id for it; a repeated call has the same one.
    pub id: String,
    /// The tool's name, without the plugin's.
    pub name: String,
    /// The arguments: an object, as far as the caller kept to the schema.
    pub arguments: Value,
}

impl Call {
    /// A call as a test makes it.
    pub fn new(name: impl Into<String>, arguments: Value) -> Self {
        Call {
            id: "test".to_owned(),
            name: name.into(),
            arguments,
        }
    }
}

/// A tool: what the model reads about it and what it does.
pub struct Tool {
    name: Cow<'static, str>,
    description: Cow<'static, str>,
    effect: Effect,
    parameters: fn() -> Value,
    run: Run,
}

impl Tool {
    /// A tool whose arguments are `A` (see [`arguments!`](crate::arguments)), from which both the schema and the check are made.
    ///
    /// `name` is without the plugin's: ASCII letters, digits, `-` and `_`. The description is for the model: say when to use the tool, what
    /// it answers and what its limits are. Its effect is [`Effect::Once`] until [`Tool::effect`] says otherwise.
    pub fn new<A, R>(
        name: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        run: impl Fn(A) -> Result<R, Failure> + 'static,
    ) -> Self
    where
        A: Argument,
        R: Answer,
    {
        Tool::raw(name, description, A::schema, move |call| {
            run(read_arguments::<A>(call.arguments)?)?.into_parts()
        })
    }

    /// A tool that brings its own JSON Schema and reads its arguments itself, for instance with [`parse`](crate::parse) into a type of serde's.
    pub fn raw<R: Answer>(
        name: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        parameters: fn() -> Value,
        run: impl Fn(Call) -> Result<R, Failure> + 'static,
    ) -> Self {
        Tool {
            name: name.into(),
            description: description.into(),
            effect: Effect::Once,
            parameters,
            run: Box::new(move |call| run(call)?.into_parts()),
        }
    }

    /// Say what calling the tool twice with the same arguments does.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the model reads about it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// JSON Schema of its arguments.
    pub fn parameters(&self) -> Value {
        (self.parameters)()
    }

    /// What repeating a call does.
    pub fn effects(&self) -> Effect {
        self.effect
    }

    /// Call it with `arguments`, as a test does.
    pub fn call(&self, arguments: Value) -> Result<Vec<Part>, Failure> {
        (self.run)(Call::new(self.name(), arguments))
    }

    fn spec(&self) -> raw::Spec {
        raw::Spec {
            name: self.name.to_string(),
            description: self.description.to_string(),
            parameters: (self.parameters)().to_string(),
            effect: self.effect,
        }
    }
}

/// A plugin that offers tools. Export it with [`export_tool!`](crate::export_tool).
pub trait ToolPlugin {
    /// The tools. Asked with no grants at all: this must not need files or state.
    fn tools() -> Vec<Tool>;

    /// Run one call: finds the tool by its name and runs it. Rarely written by hand.
    fn call(call: Call) -> Result<Vec<Part>, Failure> {
        let tools = Self::tools();
        match tools.iter().find(|tool| tool.name == call.name) {
            Some(tool) => (tool.run)(call),
            None => {
                let names: Vec<&str> = tools.iter().map(Tool::name).collect();
                Err(Failure::invalid(format!(
                    "there is no tool `{}` here; the tools are: {}",
                    call.name,
                    names.join(", ")
                )))
            }
        }
    }
}

fn read_arguments<A: Argument>(arguments: Value) -> Result<A, Failure> {
    read(&arguments, A::read)
}

/// Read arguments with `reader`; everything it complained of is one failure.
#[doc(hidden)]
pub fn read<T>(
    arguments: &Value,
    reader: impl FnOnce(&Value, &mut Complaints) -> Option<T>,
) -> Result<T, Failure> {
    let mut complaints = Complaints::default();
    match reader(arguments, &mut complaints) {
        Some(read) if complaints.is_empty() => Ok(read),
        _ => Err(complaints.into_failure()),
    }
}

#[doc(hidden)]
pub fn exported_specs<P: ToolPlugin>() -> Vec<raw::Spec> {
    P::tools().iter().map(Tool::spec).collect()
}

#[doc(hidden)]
pub fn exported_invoke<P: ToolPlugin>(call: raw::Call) -> Result<Vec<Part>, Failure> {
    let arguments = serde_json::from_str(&call.arguments)
        .map_err(|error| Failure::invalid(format!("the arguments are not JSON: {error}")))?;
    P::call(Call {
        id: call.id,
        name: call.name,
        arguments,
    })
}

/// Export a [`ToolPlugin`] as a component of world `tool-plugin`. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_tool {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Exported;

            impl $crate::bindings::tool::exports::charthouse::plugin::tool::Guest for Exported {
                fn specs() -> ::std::vec::Vec<$crate::bindings::tool::exports::charthouse::plugin::tool::Spec> {
                    $crate::expansion::exported_specs::<$plugin>()
                }

                fn invoke(
                    call: $crate::bindings::tool::exports::charthouse::plugin::tool::Call,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::Part>, $crate::Failure> {
                    $crate::expansion::exported_invoke::<$plugin>(call)
                }
            }

            // Natively nothing is exported; this keeps what the plugin is made of from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn exported() {
                let _ = <Exported as $crate::bindings::tool::exports::charthouse::plugin::tool::Guest>::specs;
                let _ = <Exported as $crate::bindings::tool::exports::charthouse::plugin::tool::Guest>::invoke;
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::tool::export_tool_world!(Exported with_types_in $crate::bindings::tool);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    crate::arguments! {
        /// Two numbers.
        struct Sum {
            /// The first.
            a: i64,
            /// The second; 1 when absent.
            b: i64 = 1,
        }
    }

    struct Calculator;

    impl ToolPlugin for Calculator {
        fn tools() -> Vec<Tool> {
            vec![
                Tool::new("sum", "Adds.", |sum: Sum| Ok((sum.a + sum.b).to_string()))
                    .effect(Effect::None),
                Tool::raw(
                    "same",
                    "Answers its arguments.",
                    || json!({"type": "object"}),
                    |call| Ok(crate::Json(call.arguments)),
                ),
            ]
        }
    }

    fn call(name: &str, arguments: Value) -> Result<Vec<Part>, Failure> {
        Calculator::call(Call::new(name, arguments))
    }

    #[test]
    fn a_call_finds_its_tool_and_its_defaults() {
        assert_eq!(
            call("sum", json!({"a": 2, "b": 3})),
            Ok(vec![Part::text("5")])
        );
        assert_eq!(call("sum", json!({"a": 2})), Ok(vec![Part::text("3")]));
        assert_eq!(
            call("same", json!({"x": 1})),
            Ok(vec![Part::Json(r#"{"x":1}"#.into())])
        );
    }

    #[test]
    fn an_unknown_tool_is_answered_with_the_known_ones() {
        assert_eq!(
            call("product", json!({})),
            Err(Failure::invalid(
                "there is no tool `product` here; the tools are: sum, same"
            ))
        );
    }

    #[test]
    fn specs_carry_the_schema_and_the_effect() {
        let specs = exported_specs::<Calculator>();
        assert_eq!(
            serde_json::from_str::<Value>(&specs[0].parameters).unwrap(),
            json!({
                "type": "object",
                "properties": {
                    "a": {"type": "integer", "description": "The first."},
                    "b": {"type": "integer", "description": "The second; 1 when absent.", "default": 1},
                },
                "required": ["a"],
                "additionalProperties": false,
            })
        );
        assert_eq!(specs[0].effect, Effect::None);
        assert_eq!(specs[1].effect, Effect::Once);
    }

    #[test]
    fn arguments_that_are_not_json_are_invalid() {
        let call = raw::Call {
            id: String::new(),
            name: "sum".into(),
            arguments: "{a:1}".into(),
        };
        let failure = exported_invoke::<Calculator>(call).unwrap_err();
        assert!(
            failure
                .message()
                .starts_with("the arguments are not JSON: "),
            "{failure:?}"
        );
    }
}
