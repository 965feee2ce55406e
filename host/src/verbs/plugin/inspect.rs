//! `plugin inspect`: what a component is, what it offers and wants, and the policy that would give it that.

use super::{Named, described, needs};
use crate::exit::Failure;
use crate::{open, print};
use sandbox::{Extern, Plugin, World};
use serde_json::json;
use std::fmt::Write;
use types::{Effect, PluginName, ToolSpec};

pub fn run(named: &Named, as_json: bool) -> Result<u8, Failure> {
    let sandbox = open::sandbox(named.cache.clone(), None);
    let plugin = open::block_on(named.load(&sandbox))??;
    let world = sandbox.world(&plugin)?;
    let policy = policy(plugin.name(), &plugin.info().tools, &world);
    if as_json {
        let mut all = described(&plugin);
        all["world"] = json!(world);
        all["policy"] = policy.into();
        print::json(&all)?;
        return Ok(0);
    }
    print::out(&text(&plugin, &world, &policy))?;
    Ok(0)
}

fn text(plugin: &Plugin, world: &World, policy: &str) -> String {
    let info = plugin.info();
    let mut text = format!(
        "{} ({}, {})\n  content  {}\n  kinds    {}\n  can use  {}\n",
        plugin.name(),
        plugin.path().display(),
        types::Bytes(info.size),
        info.hash,
        info.kinds
            .iter()
            .map(|kind| json!(kind).as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
            .join(", "),
        needs(&info.imports).join(", "),
    );
    for tool in &info.tools {
        let effect = json!(tool.effect);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n{}.{}  (says repeating it has the effect: {})",
            plugin.name(),
            tool.name,
            effect.as_str().unwrap_or_default()
        );
        // What a plugin says of itself is a stranger's text.
        for line in print::plain(&tool.description).lines() {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  {}", print::plain(&tool.parameters.to_string()));
    }
    if !info.left_out.is_empty() {
        text.push_str("\nleft out (exported, but no tool)\n");
    }
    for left_out in &info.left_out {
        let (function, reason) = (
            print::plain(&left_out.function),
            print::plain(&left_out.reason),
        );
        let _ = writeln!(text, "  {function}\n    {reason}");
    }
    text.push_str("\nworld\n");
    for (word, items) in [("import", &world.imports), ("export", &world.exports)] {
        for item in items {
            let _ = writeln!(text, "  {word} {}", print::plain(&described_item(item)));
        }
    }
    text.push_str(
        "\npolicy that would give it all it can use; take away what it should not have\n",
    );
    for line in policy.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// An interface with how many of its functions are named, and those of our own by name.
fn described_item(item: &Extern) -> String {
    match item.functions.len() {
        0 => item.name.clone(),
        _ if item.name.starts_with("charthouse:") => {
            format!("{}  ({})", item.name, item.functions.join(", "))
        }
        1 => format!("{}  (1 function)", item.name),
        n => format!("{}  ({n} functions)", item.name),
    }
}

/// A policy that gives all that the component can make use of, as YAML that can be pasted as a file or, but for its first line, under `policy:`.
///
/// A tool that says it only reads is allowed, any other asks. What the imports leave open (which directory, which host, which variable) is filled in with what
/// is most often meant, or stands in a comment.
fn policy(name: &PluginName, tools: &[ToolSpec], world: &World) -> String {
    let functions = |interface: &str| {
        let prefix = format!("{interface}@");
        let mut matching = world
            .imports
            .iter()
            .filter(move |item| item.name.starts_with(&prefix));
        matching.next().map(|item| item.functions.as_slice())
    };
    let mut text = format!("policy: {name}\n");
    if !tools.is_empty() {
        text.push_str("tools:\n");
        for tool in tools {
            let (rule, why) = match tool.effect {
                Effect::None => ("allow", ""),
                Effect::Idempotent => ("ask", "  # it writes; doing it again changes nothing more"),
                Effect::Once => ("ask", "  # it must not be repeated"),
            };
            let _ = writeln!(text, "  - {rule}: \"{name}.{}\"{why}", tool.name);
        }
    }
    if let Some(functions) = functions("wasi:filesystem/types") {
        let (access, why) = match functions.iter().any(|function| writes(function)) {
            true => (
                "read-write",
                "it imports what writes; read-only if it need not",
            ),
            false => ("read-only", "it imports nothing that writes"),
        };
        let _ = writeln!(
            text,
            "mounts:\n  /workspace: {{ from: ., access: {access} }}  # {why}"
        );
    }
    if functions("wasi:http/outgoing-handler").is_some() {
        text.push_str("net:\n  - { allow: \"https://HOST/**\", methods: [GET] }  # put in the host it is to reach\n");
    }
    if functions("wasi:cli/environment").is_some() {
        text.push_str(
            "# env: { NAME: value }  # it can read variables; none are given unless named\n",
        );
    }
    if world
        .imports
        .iter()
        .any(|item| item.name.starts_with("wasi:sockets/"))
    {
        text.push_str(
            "# It imports sockets, as its toolchain may do unused. Nothing grants them.\n",
        );
    }
    text
}

/// Whether a function of `wasi:filesystem/types` changes files.
fn writes(function: &str) -> bool {
    let Some(method) = function.strip_prefix("[method]descriptor.") else {
        return false;
    };
    [
        "write", "append", "set-", "create-", "remove-", "unlink-", "rename-", "link-", "symlink-",
    ]
    .iter()
    .any(|start| method.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(name: &str, functions: &[&str]) -> Extern {
        Extern {
            name: name.into(),
            functions: functions.iter().map(|f| (*f).to_owned()).collect(),
        }
    }

    fn tool(name: &str, effect: Effect) -> ToolSpec {
        ToolSpec {
            name: name.into(),
            description: String::new(),
            parameters: json!({}),
            effect,
        }
    }

    fn policy_of(tools: &[ToolSpec], imports: Vec<Extern>) -> String {
        let world = World {
            imports,
            exports: Vec::new(),
        };
        policy(&PluginName::parse("notes").unwrap(), tools, &world)
    }

    #[test]
    fn a_component_that_only_computes_needs_its_tools_and_nothing_else() {
        let text = policy_of(
            &[tool("count", Effect::None), tool("add", Effect::Once)],
            vec![import("charthouse:plugin/log@0.1.0", &["write"])],
        );
        assert_eq!(
            text,
            "policy: notes\ntools:\n  - allow: \"notes.count\"\n  - ask: \"notes.add\"  # it must not be repeated\n"
        );
    }

    #[test]
    fn what_it_imports_of_files_says_what_mounts_it_needs() {
        let reading = import(
            "wasi:filesystem/types@0.2.6",
            &["[method]descriptor.read", "[method]descriptor.open-at"],
        );
        let text = policy_of(&[], vec![reading]);
        assert!(text.contains("access: read-only"), "{text}");
        let writing = import(
            "wasi:filesystem/types@0.2.6",
            &["[method]descriptor.write-via-stream"],
        );
        let text = policy_of(&[], vec![writing]);
        assert!(text.contains("access: read-write"), "{text}");
    }

    #[test]
    fn network_is_never_given_without_a_host() {
        let text = policy_of(
            &[],
            vec![
                import("wasi:http/outgoing-handler@0.2.12", &["handle"]),
                import("wasi:sockets/tcp@0.2.12", &[]),
                import("wasi:cli/environment@0.2.12", &["get-environment"]),
            ],
        );
        assert!(text.contains("https://HOST/**") && text.contains("Nothing grants them"));
        assert!(text.contains("# env:"), "{text}");
    }

    /// The snippet is pasted as it is, so it must be a policy.
    #[test]
    fn the_policy_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        let all = policy_of(
            &[tool("count", Effect::None), tool("add", Effect::Idempotent)],
            vec![
                import("wasi:filesystem/types@0.2.6", &["[method]descriptor.write"]),
                import("wasi:cli/environment@0.2.12", &["get-environment"]),
            ],
        );
        std::fs::write(&path, &all).unwrap();
        if let Err(report) = definitions::load_policy(&path) {
            panic!("{all}\n{}", report.render(false));
        }
    }
}
