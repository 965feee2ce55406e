//! One case: read, compiled, run.

use crate::{convert, script};
use anyhow::{Context, Result, bail};
use chart::{ChartDef, Mode, compile_with};
use serde_json::Value as Json;
use std::path::Path;

/// Run the case in `file`; the error says what came instead of what was expected.
pub fn run(file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).context("the case cannot be read")?;
    let case: Json = serde_json::from_str(&text).context("the case is no JSON")?;
    let def = convert::chart(&case).context("the case cannot be understood")?;
    let mut resources: Vec<(String, ChartDef)> = Vec::new();
    for (key, resource) in case["resources"].as_object().into_iter().flatten() {
        let chart = convert::chart(resource).with_context(|| format!("the resource {key}"))?;
        resources.push((key.clone(), chart));
    }
    let compiled = match compile_with(&def, Mode::Deferred, &resources) {
        Ok(compiled) => compiled,
        Err(findings) => {
            let findings: Vec<String> = findings.into_iter().map(|f| f.message).collect();
            bail!("the chart does not compile: {}", findings.join("; "));
        }
    };
    script::run(&compiled.chart, &case["script"])
}
