//! `plugin`: what components are, calling one of their tools by hand, and exchanging them.

mod exchange;
mod inspect;
mod test;

use super::supply;
use crate::cli::{DevOption, PluginVerb};
use crate::exit::{DEFINITIONS, DENIED, Failure, NOT_SO, USAGE};
use crate::supply::needs;
use crate::{open, print};
use ::policy::{Access, Grant, Overlay, Request};
use sandbox::{CallContext, Plugin, Sandbox, ToolRequest};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{
    CallError, CallErrorKind, Clock, ComponentFile, Outcome, Part, PluginName, Staged, StagedState,
    ToolName,
};

pub fn run(verb: &PluginVerb) -> Result<u8, Failure> {
    match verb {
        PluginVerb::List { house, pins, json } => list(&house.house, *pins, *json),
        PluginVerb::Inspect {
            component,
            house,
            pins,
            json,
        } => inspect::run(&Named::find(component, &house.house, *pins)?, *json),
        PluginVerb::Call {
            component,
            tool,
            arguments,
            policy,
            dry_run,
            house,
            pins,
            json,
        } => {
            if component == "exec" {
                let grant = of_exec(tool, policy.as_deref())?;
                return match held_back(&grant, &house.house, None, false) {
                    Some(refused) => answer(&refused, *json),
                    None => exec(&grant, arguments, *json),
                };
            }
            let named = Named::find(component, &house.house, *pins)?;
            let full = named.tool(tool)?;
            let grant = grant(&full, policy.as_deref())?;
            match held_back(&grant, &house.house, None, *dry_run) {
                Some(refused) => answer(&refused, *json),
                None => call(&named, &grant, arguments, *dry_run, *json),
            }
        }
        PluginVerb::Test(options) => test::run(options),
        PluginVerb::Add(options) => supply::add(options),
        PluginVerb::Update(options) => supply::update(options),
        PluginVerb::Restore(options) => supply::restore(options),
        PluginVerb::Remove(options) => supply::remove(options),
        PluginVerb::Pin(options) => supply::pin(options),
        PluginVerb::Swap(options) => exchange::swap(options),
        PluginVerb::Rollback(options) => exchange::rollback(options),
        PluginVerb::Shadow(options) => exchange::shadow(options),
    }
}

/// A component that was named on the command line, and where its code is kept.
struct Named {
    name: PluginName,
    component: ComponentFile,
    trusted: bool,
    cache: PathBuf,
}

impl Named {
    /// A file, whose stem becomes the plugin's name, or a plugin of the house.
    fn find(component: &str, house: &Path, pins: DevOption) -> Result<Self, Failure> {
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
                component: path.into(),
                trusted: false,
                cache: open::user_cache(),
            });
        }
        let house = open::house_with(house, pins)?;
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
            component: definition.component.clone(),
            trusted: definition.trusted,
            cache: house.root.join(".charthouse/cache"),
        })
    }

    /// The full name of its tool `tool`.
    fn tool(&self, tool: &str) -> Result<ToolName, Failure> {
        let short = ToolName::from_wire(tool)
            .filter(|full| full.plugin() == self.name.as_str())
            .map_or_else(|| tool.to_owned(), |full| full.tool().to_owned());
        ToolName::new(&self.name, &short).map_err(|error| Failure::new(USAGE, error))
    }

    async fn load(&self, sandbox: &Sandbox) -> Result<Arc<Plugin>, Failure> {
        Ok(sandbox
            .load(self.name.clone(), &self.component, self.trusted)
            .await?)
    }
}

fn list(directory: &Path, pins: DevOption, as_json: bool) -> Result<u8, Failure> {
    let house = open::house_with(directory, pins)?;
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
        "sha256": info.sha256,
        "size": info.size,
        "trusted": plugin.trusted(),
        "kinds": info.kinds,
        "tools": info.tools,
        "exports": info.exports,
        "left_out": info.left_out,
        "imports": info.imports,
        "needs": needs(&info.imports),
    })
}

fn call(
    named: &Named,
    grant: &Grant,
    arguments: &str,
    dry_run: bool,
    as_json: bool,
) -> Result<u8, Failure> {
    if grant.verdict == ::policy::Verdict::Ask {
        return answer(&Outcome::refused(grant.unanswered()), as_json);
    }
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
            dry_run,
        };
        let request = ToolRequest {
            tool: grant.tool.tool(),
            arguments,
            id: "call/1",
            grant,
        };
        sandbox.call(&plugin, request, &context).await
    })?;
    answer(&outcome, as_json)
}

/// What a call changed in a staged mount: a line for each change, and beneath it the lines that differ.
fn staged_text(staged: &Staged) -> String {
    let state = match staged.state {
        StagedState::Committed => "committed",
        StagedState::Dropped => "dropped",
        StagedState::Refused => "refused",
    };
    let mut text = format!("staged: {} {state}", staged.mount);
    if let Some(why) = &staged.why {
        let _ = write!(text, " ({})", print::plain(why));
    }
    text.push('\n');
    for change in &staged.changes {
        let _ = writeln!(text, "  {}", print::plain(&change.to_string()));
        for line in change.diff.iter().flat_map(|diff| diff.lines()) {
            let _ = writeln!(text, "    {}", print::plain(line));
        }
    }
    text
}

/// What the policy in a file grants for `full`, or nothing but the call itself.
fn grant(full: &ToolName, policy: Option<&Path>) -> Result<Grant, Failure> {
    let overlay = match policy {
        None => Overlay::only(full),
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
    // The directory may be a house, and the code that this call runs lies in the user's cache.
    let is_house = root.join("house.yaml").exists();
    let cache = open::user_cache();
    let own: Vec<&str> = is_house
        .then_some(definitions::OWN)
        .into_iter()
        .flatten()
        .copied()
        .chain(cache.to_str())
        .collect();
    Ok(::policy::resolve(&Request {
        root: &root,
        layers: &[&overlay],
        ceiling: None,
        answers: None,
        own: &own,
        tool: full,
    }))
}

/// Why a call by hand may not have `grant` in a controlled house, where nothing that is not released reaches anything outside: not the network, no command, and no file
/// that it could change, but in the folder `own` or where a dry run drops that again.
fn held_back(grant: &Grant, house: &Path, own: Option<&Path>, dry_run: bool) -> Option<Outcome> {
    let may_change = |mount: &::policy::Mount| match mount.access {
        Access::None | Access::ReadOnly => false,
        Access::Staged if dry_run => false,
        Access::Staged | Access::ReadWrite => own.is_none_or(|own| !mount.host.starts_with(own)),
    };
    let what = if !grant.net.is_empty() {
        "the network"
    } else if !grant.exec.is_empty() {
        "native commands"
    } else if grant.mounts.iter().any(may_change) {
        "files that it could change"
    } else {
        return None;
    };
    if !is_controlled(house) {
        return None;
    }
    let why = format!(
        "this house is controlled, and a call by hand passes no gate and leaves no record: it gets no access to {what}. \
         Have an agent call it, or work in a copy of the house that is not controlled; staged mounts work with --dry-run"
    );
    Some(Outcome::refused(CallError::new(CallErrorKind::Denied, why)))
}

/// Whether `house`, or a house around the current directory, is controlled.
fn is_controlled(house: &Path) -> bool {
    let here = std::env::current_dir().unwrap_or_default();
    let mut houses = here.ancestors().chain([house]);
    houses.any(|house| {
        let text = std::fs::read(house.join("house.yaml"));
        let says = text.is_ok_and(|text| {
            let files = [("house.yaml".to_owned(), text)].into();
            let control = definitions::load_control(house, &files);
            control.is_ok_and(|(control, _)| control.is_some())
        });
        says || runtime::control::is_marked(house)
    })
}

/// The policy in the file at `path`; its warnings are printed.
fn policy_file(path: &Path) -> Result<Overlay, Failure> {
    let color = print::color_on_stderr();
    let (overlay, warnings) = definitions::load_policy(path)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(color)))?;
    print::err(&warnings.render(color));
    Ok(overlay)
}

/// What the policy in a file grants for the host's own tool for native commands, which is no component.
fn of_exec(tool: &str, policy: Option<&Path>) -> Result<Grant, Failure> {
    let full =
        ToolName::from_wire(tool).map_or_else(|| format!("exec.{tool}"), |full| full.to_string());
    if full != ::policy::EXEC_TOOL {
        return Err(Failure::new(
            USAGE,
            format!(
                "there is no tool `{full}`; there is `{}`",
                ::policy::EXEC_TOOL
            ),
        ));
    }
    let full = ToolName::parse(&full).map_err(|error| Failure::new(USAGE, error))?;
    grant(&full, policy)
}

fn exec(grant: &Grant, arguments: &str, as_json: bool) -> Result<u8, Failure> {
    let sandbox = open::sandbox(open::user_cache(), None);
    let outcome = open::block_on(sandbox.exec(grant, arguments))?;
    answer(&outcome, as_json)
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
        if !outcome.staged.is_empty() {
            answer["staged"] = json!(outcome.staged);
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
    for staged in &outcome.staged {
        print::err(&staged_text(staged));
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
