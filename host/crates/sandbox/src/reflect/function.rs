//! One exported function: what it takes, what it answers, and how both are written.

use super::ty::{Budget, Ty};
use super::{read, schema, wit, write};
use serde_json::{Map, Value};
use std::sync::Arc;
use wasmtime::component::Val;
use wasmtime::component::types::ComponentFunc;

/// Longest signature that stands in a description; what is longer is in the schema anyway.
const SIGNATURE_MAX: usize = 400;

/// A function whose arguments and answer can be written as JSON.
#[derive(Debug)]
pub(crate) struct Function {
    params: Vec<(Arc<str>, Ty)>,
    result: Option<Ty>,
}

/// What a function came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// It answered this.
    Value(Value),
    /// It answered the error side of its result, in words.
    Failed(String),
}

impl Function {
    /// What is known of `func`, or why it cannot be called with JSON.
    pub(crate) fn of(func: &ComponentFunc) -> Result<Self, String> {
        if func.async_() {
            return Err("it is asynchronous, and calls here are not".into());
        }
        let mut budget = Budget::default();
        let mut params = Vec::new();
        for (name, ty) in func.params() {
            let ty = Ty::of(&ty, &mut budget)
                .map_err(|reason| format!("its parameter `{name}` is or holds {reason}"))?;
            params.push((name.into(), ty));
        }
        let result = func
            .results()
            .next()
            .map(|ty| Ty::of(&ty, &mut budget))
            .transpose()
            .map_err(|reason| format!("its result is or holds {reason}"))?;
        Ok(Function { params, result })
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> (&[(Arc<str>, Ty)], Option<&Ty>) {
        (&self.params, self.result.as_ref())
    }

    /// JSON Schema of its arguments.
    pub(crate) fn schema(&self) -> Value {
        schema::of_params(&self.params)
    }

    /// Its signature in WIT's own spelling.
    pub(crate) fn signature(&self, name: &str) -> String {
        let mut signature = wit::signature(name, &self.params, self.result.as_ref());
        if let Some((end, _)) = signature.char_indices().nth(SIGNATURE_MAX) {
            signature.truncate(end);
            signature.push('…');
        }
        signature
    }

    /// The arguments that `given` names.
    pub(crate) fn arguments(
        &self,
        tool: &str,
        given: &Map<String, Value>,
    ) -> Result<Vec<Val>, String> {
        read::arguments(tool, &self.params, given)
    }

    /// How many values it answers: one or none.
    pub(crate) fn results(&self) -> usize {
        usize::from(self.result.is_some())
    }

    /// What it answered. The error side of a result is a failure: its text where it is text, else the value as JSON.
    pub(crate) fn answer(&self, values: Vec<Val>) -> Result<Answer, String> {
        let (Some(ty), Some(value)) = (&self.result, values.into_iter().next()) else {
            return Ok(Answer::Value(Value::Null));
        };
        match (ty, value) {
            (Ty::Result(ok, _), Val::Result(Ok(value))) => {
                write::payload(ok.as_deref(), value).map(Answer::Value)
            }
            (Ty::Result(_, err), Val::Result(Err(value))) => Ok(Answer::Failed(
                match write::payload(err.as_deref(), value)? {
                    Value::Null => "the function answered an error and no more".into(),
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            )),
            (ty, value) => write::write(ty, value).map(Answer::Value),
        }
    }
}
