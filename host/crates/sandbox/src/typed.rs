//! Calling an exported function: JSON in, one json part out.

use crate::call::{CallContext, ToolRequest, cut_at, output_error};
use crate::plugin::{Loaded, Plugin};
use crate::reflect::{Answer, Function};
use crate::{Sandbox, arguments};
use std::sync::Arc;
use types::{CallError, CallErrorKind, Outcome, Part};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, Val};

/// An exported function, looked up once.
pub(crate) struct Exported {
    pub(crate) index: ComponentExportIndex,
    /// `None` for a command, which is called in its own way.
    function: Option<Function>,
}

impl Loaded {
    /// The export that `path` leads to.
    pub(crate) fn exported(&self, path: &[String]) -> Result<Arc<Exported>, CallError> {
        let mut known = self
            .exported
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        if let Some(exported) = known.get(path) {
            return Ok(exported.clone());
        }
        let gone = || {
            CallError::new(
                CallErrorKind::Unavailable,
                format!("the component does not export `{}`", path.join(" ")),
            )
        };
        let component = self.pre(crate::net::LinkClass::Closed).component();
        let mut found: Option<(ComponentItem, ComponentExportIndex)> = None;
        for name in path {
            let within = found.as_ref().map(|(_, index)| index);
            found = Some(
                component
                    .get_export(within, name.as_str())
                    .ok_or_else(gone)?,
            );
        }
        let (item, index) = found.ok_or_else(gone)?;
        let ComponentItem::ComponentFunc(func) = item else {
            return Err(gone());
        };
        let exported = Arc::new(Exported {
            index,
            function: Function::of(&func).ok(),
        });
        known.insert(path.to_vec(), exported.clone());
        Ok(exported)
    }
}

impl Sandbox {
    /// Call the function at `path` among the exports of `plugin`.
    pub(crate) async fn call_function(
        &self,
        plugin: &Plugin,
        request: ToolRequest<'_>,
        context: &CallContext,
        path: &[String],
    ) -> Outcome {
        let prepared = self
            .loaded(plugin)
            .map_err(|error| CallError::new(CallErrorKind::Unavailable, error.to_string()));
        let prepared = prepared.and_then(|loaded| {
            let exported = loaded.exported(path)?;
            let function = exported.function.as_ref().ok_or_else(|| {
                CallError::new(
                    CallErrorKind::Unavailable,
                    "the function cannot be called with JSON",
                )
            })?;
            let given = arguments::object(request.arguments)?;
            let values = function
                .arguments(request.tool, &given)
                .map_err(|message| CallError::new(CallErrorKind::Invalid, message))?;
            Ok((exported, values))
        });
        let (exported, values) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Outcome::refused(error),
        };
        let Some(function) = &exported.function else {
            return Outcome::refused(CallError::new(
                CallErrorKind::Unavailable,
                "the function is gone",
            ));
        };
        let ran = self
            .run(
                plugin,
                request.grant,
                context,
                async |store, instance, _| {
                    let func = instance
                        .get_func(&mut *store, &exported.index)
                        .ok_or_else(|| wasmtime::format_err!("the function is not there"))?;
                    let mut results = vec![Val::Bool(false); function.results()];
                    func.call_async(&mut *store, &values, &mut results).await?;
                    Ok(results)
                },
            )
            .await;
        let limit = request.grant.limits.output.0;
        let (result, outcome) = ran.read(|values| {
            let failed = |message: String| CallError::new(CallErrorKind::Failed, message);
            match function.answer(values).map_err(failed)? {
                Answer::Failed(message) => Err(failed(cut_at(message, limit))),
                Answer::Value(value) => {
                    let size = value.to_string().len() as u64;
                    match size > limit {
                        true => Err(output_error(size, limit)),
                        false => Ok(vec![Part::Json(value)]),
                    }
                }
            }
        });
        Outcome { result, ..outcome }
    }
}
