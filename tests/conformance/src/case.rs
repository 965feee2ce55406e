//! One case: read, converted, run on the engine or on the literal interpreter.

use crate::oracle::Oracle;
use crate::player::Engine;
use crate::{convert, script};
use anyhow::{Context, Result, bail};
use chart::{ChartDef, Mode, compile_with};
use serde_json::Value as Json;
use std::path::Path;

/// A case, read and converted.
pub struct Case {
    /// The chart.
    pub def: ChartDef,
    /// Charts that it can invoke by name.
    pub resources: Vec<(String, ChartDef)>,
    /// What happens, and where the chart is then.
    pub script: Json,
    /// Fields that are not of the format, and were not looked at.
    pub remarks: Vec<String>,
}

/// Read the case in `file`.
pub fn read(file: &Path) -> Result<Case> {
    let text = std::fs::read_to_string(file).context("the case cannot be read")?;
    let case: Json = serde_json::from_str(&text).context("the case is no JSON")?;
    parse(&case)
}

/// Convert a case.
pub fn parse(case: &Json) -> Result<Case> {
    let def = convert::case(case).context("the case cannot be understood")?;
    let mut resources: Vec<(String, ChartDef)> = Vec::new();
    let none = serde_json::Map::new();
    let given = match &case["resources"] {
        Json::Null => &none,
        Json::Object(given) => given,
        other => bail!("`resources` is {other}, and must be a map of charts"),
    };
    for (key, resource) in given {
        let chart = convert::chart(resource).with_context(|| format!("the resource {key}"))?;
        resources.push((key.clone(), chart));
    }
    script::check(&case["script"])?;
    Ok(Case {
        def,
        resources,
        script: case["script"].clone(),
        remarks: convert::remarks(case)
            .into_iter()
            .map(str::to_owned)
            .collect(),
    })
}

/// Run a case on the engine.
pub fn play(case: &Case) -> Result<()> {
    let compiled = match compile_with(&case.def, Mode::Deferred, &case.resources) {
        Ok(compiled) => compiled,
        Err(findings) => {
            let findings: Vec<String> = findings.into_iter().map(|f| f.message).collect();
            bail!("the chart does not compile: {}", findings.join("; "));
        }
    };
    script::run(&mut Engine::new(compiled.chart), &case.script)
}

/// Run a case on the literal interpreter.
pub fn play_by_the_book(case: &Case) -> Result<()> {
    let mut oracle = Oracle::new(&case.def, &case.resources, false);
    script::run(&mut oracle, &case.script)
}
