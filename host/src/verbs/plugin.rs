//! `plugin`: what components are, and calling one of their tools by hand.

mod inspect;
mod test;

use crate::cli::PluginVerb;
use crate::exit::{DEFINITIONS, DENIED, Failure, NOT_SO, USAGE};
use crate::{open, print};
use ::policy::{Overlay, Request};
use sandbox::{CallContext, Plugin, Sandbox, ToolRequest};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{CallError, CallErrorKind, Clock, Outcome, Part, PluginName, ToolName};

pub fn run(verb: &PluginVerb) -> Result<u8, Failure> {
    match verb {
        PluginVerb::List { house, json } => list(&house.house, *json),
        PluginVerb::Inspect {
            component,
            house,
            json,
        } => inspect::run(&Named::find(component, &house.house)?, *json),
        PluginVerb::Call {
            component,
            tool,
            arguments,
            policy,
            house,
            json,
        } => {
            let named = Named::find(component, &house.house)?;
            call(&named, tool, arguments, policy.as_deref(), *json)
        }
        PluginVerb::Test(options) => test::run(options),
    }
}

/// A component that was named on the command line, and where its code is kept.
struct Named {
    name: PluginName,
    path: PathBuf,
    trusted: bool,
    cache: PathBuf,
}

impl Named {
    /// A file, whose stem becomes the plugin's name, or a plugin of the house.
    fn find(component: &str, house: &Path) -> Result<Self, Failure> {
        let path = PathBuf::from(component);
        let is_path = component.contains(std::path::MAIN_SEPARATOR)
            || path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            || path.is_file();
        if is_path {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = PluginName::parse(&stem).map_err(|error| {
                Failure::new(USAGE, error)
                    .help("the file's name becomes the plugin's name; rename the file")
            })?;
            return Ok(Named {
                name,
                path,
                trusted: false,
                cache: open::user_cache(),
            });
        }
        let house = open::house(house)?;
        let name = PluginName::parse(component).map_err(|error| Failure::new(USAGE, error))?;
        let Some(definition) = house.plugins.get(&name) else {
            let known: Vec<&str> = house.plugins.keys().map(PluginName::as_str).collect();
            return Err(Failure::new(
                USAGE,
                format!(
                    "the house has no plugin `{name}`; it has {}",
                    known.join(", ")
                ),
            )
            .help("name one of these, or give a component's path such as ./my-plugin.wasm"));
        };
        Ok(Named {
            name,
            path: definition.component.clone(),
            trusted: definition.trusted,
            cache: house.root.join(".charthouse/cache"),
        })
    }

    async fn load(&self, sandbox: &Sandbox) -> Result<Arc<Plugin>, Failure> {
        Ok(sandbox
            .load(self.name.clone(), &self.path, self.trusted)
            .await?)
    }
}

fn list(directory: &Path, as_json: bool) -> Result<u8, Failure> {
    let house = open::house(directory)?;
    let definitions: Vec<_> = house.plugins.clone().into_iter().collect();
    let services = open::services(house);
    let plugins = open::block_on(async {
        let mut plugins = Vec::new();
        for (name, definition) in definitions {
            let loaded = services
                .sandbox
                .load(name, &definition.component, definition.trusted);
            plugins.push(loaded.await?);
        }
        Ok::<_, Failure>(plugins)
    })??;
    if as_json {
        let all: Vec<Value> = plugins.iter().map(|plugin| described(plugin)).collect();
        print::json(&json!({ "plugins": all }))?;
        return Ok(0);
    }
    for plugin in &plugins {
        let info = plugin.info();
        let tools: Vec<&str> = info.tools.iter().map(|tool| tool.name.as_str()).collect();
        print::out(&format!(
            "{:<16} {:<8} {:>8}  {}  {}\n",
            plugin.name().as_str(),
            if plugin.trusted() { "trusted" } else { "" },
            types::Bytes(info.size).to_string(),
            info.hash.short(),
            tools.join(", ")
        ))?;
    }
    Ok(0)
}

fn described(plugin: &Plugin) -> Value {
    let info = plugin.info();
    json!({
        "name": plugin.name(),
        "component": plugin.path(),
        "hash": info.hash,
        "size": info.size,
        "trusted": plugin.trusted(),
        "kinds": info.kinds,
        "tools": info.tools,
        "imports": info.imports,
        "needs": needs(&info.imports),
    })
}

/// What a policy would have to give before these imports are of use.
fn needs(imports: &[String]) -> Vec<&'static str> {
    let has = |prefix: &str| imports.iter().any(|import| import.starts_with(prefix));
    let all = [
        ("wasi:filesystem/", "mounts"),
        ("wasi:cli/environment", "env"),
        ("wasi:clocks/", "clock"),
        ("wasi:random/", "random"),
        ("wasi:http/", "net"),
        ("charthouse:plugin/state", "state"),
        ("charthouse:plugin/model", "model"),
    ];
    all.into_iter()
        .filter(|(prefix, _)| has(prefix))
        .map(|(_, need)| need)
        .collect()
}

fn call(
    named: &Named,
    tool: &str,
    arguments: &str,
    policy: Option<&Path>,
    as_json: bool,
) -> Result<u8, Failure> {
    let short = ToolName::from_wire(tool)
        .filter(|full| full.plugin() == named.name.as_str())
        .map_or_else(|| tool.to_owned(), |full| full.tool().to_owned());
    let full = ToolName::new(&named.name, &short).map_err(|error| Failure::new(USAGE, error))?;
    let overlay = match policy {
        None => Overlay::only(&full),
        Some(path) => policy_file(path)?,
    };
    let root = std::env::current_dir()
        .and_then(|directory| directory.canonicalize())
        .map_err(|error| {
            Failure::new(
                NOT_SO,
                format!("the current directory cannot be used: {error}"),
            )
        })?;
    let grant = ::policy::resolve(&Request {
        root: &root,
        layers: &[&overlay],
        ceiling: None,
        answers: None,
        own: &[],
        tool: &full,
    });
    let grant = match grant.verdict {
        ::policy::Verdict::Ask => return answer(&Outcome::refused(grant.unanswered()), as_json),
        _ => grant,
    };
    let sandbox = open::sandbox(named.cache.clone(), None);
    let outcome = open::block_on(async {
        let plugin = match named.load(&sandbox).await {
            Ok(plugin) => plugin,
            Err(failure) => {
                return Outcome::refused(CallError::new(
                    CallErrorKind::Unavailable,
                    failure.to_string(),
                ));
            }
        };
        let context = CallContext {
            time: crate::world::SystemClock::new().now(),
            seed: "plugin call".into(),
            model: None,
        };
        let request = ToolRequest {
            tool: &short,
            arguments,
            id: "call/1",
            grant: &grant,
        };
        sandbox.call(&plugin, request, &context).await
    })?;
    answer(&outcome, as_json)
}

/// The policy in the file at `path`; its warnings are printed.
fn policy_file(path: &Path) -> Result<Overlay, Failure> {
    let color = print::color_on_stderr();
    let (overlay, warnings) = definitions::load_policy(path)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(color)))?;
    print::err(&warnings.render(color));
    Ok(overlay)
}

/// Print an outcome; its exit code.
fn answer(outcome: &Outcome, as_json: bool) -> Result<u8, Failure> {
    for line in &outcome.log {
        print::err(&format!("log: {}\n", print::plain(line)));
    }
    let code = match &outcome.result {
        Ok(_) => 0,
        Err(error) if error.kind == CallErrorKind::Denied => DENIED,
        Err(_) => NOT_SO,
    };
    if as_json {
        let mut answer = match &outcome.result {
            Ok(parts) => json!({ "ok": parts }),
            Err(error) => json!({ "error": error }),
        };
        if !outcome.refused.is_empty() {
            answer["refused"] = json!(outcome.refused);
        }
        print::json(&answer)?;
        return Ok(code);
    }
    for refusal in &outcome.refused {
        print::err(&format!(
            "refused: {} {}: {}\n",
            refusal.operation,
            print::plain(&refusal.subject),
            refusal.reason
        ));
    }
    match &outcome.result {
        Ok(parts) => {
            for part in parts {
                let mut text = match part {
                    Part::Json(json) => serde_json::to_string_pretty(json).unwrap_or_default(),
                    part => part.to_text(),
                };
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                match std::io::stdout().is_terminal() {
                    true => print::out(&print::plain(&text))?,
                    false => print::out(&text)?,
                }
            }
        }
        Err(error) => match &error.rule {
            Some(rule) => print::err(&format!("error: {error}\n  rule: {rule}\n")),
            None => print::err(&format!("error: {error}\n")),
        },
    }
    Ok(code)
}
