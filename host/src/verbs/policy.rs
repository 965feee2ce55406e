//! `policy explain`: what is granted, and the rule that decided each line of it.

use crate::cli::PolicyVerb;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::{open, print};
use policy::{Grant, Subject};
use runtime::Looking;
use serde_json::json;
use types::ToolName;

pub fn run(verb: &PolicyVerb) -> Result<u8, Failure> {
    let PolicyVerb::Explain {
        agent,
        state,
        tool,
        house,
        json,
    } = verb;
    let tool = tool
        .as_deref()
        .map(|name| {
            ToolName::from_wire(name).ok_or_else(|| {
                Failure::new(USAGE, format!("`{name}` is not a tool's full name"))
                    .help("write `plugin.tool`, for instance `fs.read`")
            })
        })
        .transpose()?;
    let mut services = open::services(open::house(&house.house)?);
    // Before there are records the house is what lies there.
    if let Some(journal) = open::journal_to_read(&house.house)? {
        let (counts, others) = runtime::control::house_for(&services, &journal, agent)?;
        services.house = counts;
        if !others.is_empty() {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            print::err(&format!(
                "note: what lies in the house of {} is released for others; this is what counts for `{agent}`\n",
                others.join(", ")
            ));
        }
    }
    let looking = Looking {
        agent: agent.clone(),
        state: state.clone(),
        prompt: None,
    };
    let grants = open::block_on(runtime::explain(&services, &looking, tool.as_ref()))??;
    match (grants.as_slice(), tool.is_some()) {
        ([], _) => {
            return Err(
                Failure::new(NOT_SO, format!("the agent `{agent}` has no tools"))
                    .help("name plugins in its definition: `plugins: [fs, search]`"),
            );
        }
        (_, true) if !known_tool(&services, agent, tool.as_ref()) => {
            let tool = tool.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Failure::new(
                NOT_SO,
                format!("the agent `{agent}` has no plugin with the tool `{tool}`"),
            )
            .help("leave --tool out to see all of its tools"));
        }
        ([grant], true) if *json => print::json(&grant.to_json())?,
        ([grant], true) => print::out(&grant.explain_text())?,
        (grants, _) if *json => print::json(&all_json(grants))?,
        (grants, _) => print::out(&all_text(grants))?,
    }
    Ok(0)
}

/// Whether `tool` may be one of `agent`'s: its plugin is one that the agent names.
fn known_tool(services: &runtime::Services, agent: &str, tool: Option<&ToolName>) -> bool {
    let Some(agent) = services.house.agents.get(agent) else {
        return true;
    };
    tool.is_none_or(|tool| {
        if tool.as_str() == policy::EXEC_TOOL {
            return true;
        }
        agent
            .plugins
            .iter()
            .any(|plugin| plugin.as_str() == tool.plugin())
    })
}

/// One grant for all tools: only the verdicts differ between them.
fn all_json(grants: &[Grant]) -> serde_json::Value {
    let mut all = grants[0].to_json();
    let tools: serde_json::Map<String, serde_json::Value> = grants
        .iter()
        .map(|grant| (grant.tool.to_string(), json!(grant.verdict)))
        .collect();
    if let Some(grant) = all["grant"].as_object_mut() {
        let commands = grants.iter().find(|grant| !grant.exec.is_empty());
        let commands = commands.map(|commands| commands.to_json()["grant"].take());
        for key in commands.iter().flat_map(|_| ["exec", "exec_ceiling"]) {
            grant.insert(
                key.into(),
                commands.as_ref().map_or(json!([]), |all| all[key].clone()),
            );
        }
        grant.shift_remove("tool");
        grant.shift_remove("verdict");
        grant.shift_insert(0, "tools".into(), tools.into());
    }
    let because: Vec<serde_json::Value> = lines(grants)
        .map(|line| json!({ "what": line.what, "file": line.place.file, "line": line.place.line }))
        .collect();
    all["because"] = because.into();
    all
}

fn all_text(grants: &[Grant]) -> String {
    let mut together = grants[0].clone();
    together.because = lines(grants).cloned().collect();
    together.explain_text()
}

/// The verdict on every tool, then the rest once.
fn lines(grants: &[Grant]) -> impl Iterator<Item = &policy::Because> {
    let of_tools = grants.iter().flat_map(|grant| {
        grant
            .because
            .iter()
            .filter(|line| line.subject == Subject::Tool)
    });
    let of_commands = grants.iter().flat_map(|grant| {
        let lines = grant.because.iter();
        lines.filter(|line| line.subject == Subject::Command)
    });
    let of_rest = grants[0]
        .because
        .iter()
        .filter(|line| !matches!(line.subject, Subject::Tool | Subject::Command));
    of_tools.chain(of_commands).chain(of_rest)
}
