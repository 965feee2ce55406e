//! A metered completion by the agent's own model. Denied unless the host granted the call a model; natively there is none.

use crate::Failure;

pub use crate::bindings::imports::charthouse::plugin::model::Request;

/// Answer `request` with text. What it costs is booked on this plugin.
pub fn complete(request: &Request) -> Result<String, Failure> {
    #[cfg(target_os = "wasi")]
    return crate::bindings::imports::charthouse::plugin::model::complete(request);
    #[cfg(not(target_os = "wasi"))]
    return Err(Failure::unavailable(format!(
        "there is no model outside the host to answer `{}`",
        request.prompt
    )));
}
