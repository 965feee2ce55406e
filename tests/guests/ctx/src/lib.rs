//! A context plugin whose fragments repeat the request, one for each of its parts, so that a test sees what arrived. The param `fail` makes
//! it fail, `spin` makes it never answer, and `repeat` adds that many fragments of filler.

use charthouse_sdk::{ContextPlugin, Failure, Fragment, Request, export_context};
use serde_json::Value;

struct Context;

impl ContextPlugin for Context {
    type Params = Value;

    fn provide(request: Request<Value>) -> Result<Vec<Fragment>, Failure> {
        if let Some(message) = request.params.get("fail") {
            return Err(Failure::unavailable(
                message.as_str().unwrap_or("told to fail"),
            ));
        }
        if request.params.get("spin").is_some_and(|spin| *spin == true) {
            loop {
                std::hint::black_box(&request);
            }
        }
        let mut fragments = vec![
            Fragment::new(format!("params: {}", request.params), "ctx/params"),
            Fragment::new(format!("budget: {}", request.budget), "ctx/budget"),
            Fragment::new(
                format!("cognition: {}", request.cognition.join("/")),
                "ctx/cognition",
            ),
            Fragment::new(
                format!("workflow: {}", request.workflow.join("/")),
                "ctx/workflow",
            ),
            Fragment::new(format!("query: {}", request.query), ""),
        ];
        let repeat = request
            .params
            .get("repeat")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        fragments.extend((1..=repeat).map(|n| Fragment::new(format!("filler {n}"), "ctx/filler")));
        Ok(fragments)
    }
}

export_context!(Context);
