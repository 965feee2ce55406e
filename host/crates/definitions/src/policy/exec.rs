//! `exec`: which native commands may be run. What the patterns match is `policy`'s business.

use super::{env, limit, verdicts};
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use policy::{EXEC_TOOL, ExecRule, Overlay, ToolRule, Verdict};
use types::{Bytes, Marked, Place, UnitError, parse_duration};

const EXAMPLE: &str = "[{ allow: [\"cargo\", \"test\", \"**\"], deadline: 10m }]";
const RULE_EXAMPLE: &str = "{ allow: [\"cargo\", \"test\", \"**\"] }";
/// Programs that run whatever they are told: a pattern that leaves their arguments open allows everything.
const INTERPRETERS: [&str; 14] = [
    "sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "env", "xargs", "python", "python3",
    "perl", "ruby", "node",
];

/// Read the rules into `overlay`. Whoever writes rules for commands means the tool that runs them, so a layer that allows a command opens that tool too, unless
/// its own rules for tools speak of it; a later layer's rules for tools close it again.
pub(super) fn read(walk: &mut Walk, key: &Place, node: &Node, overlay: &mut Overlay) {
    let items = walk.list(node, "`exec`", EXAMPLE).unwrap_or_default();
    overlay.exec = items.iter().filter_map(|item| rule(walk, item)).collect();
    let opens = overlay.exec.iter().any(|rule| rule.verdict > Verdict::Deny);
    let spoken_of = overlay
        .tools
        .iter()
        .any(|rule| rule.pattern.starts_with("exec"));
    if opens && !spoken_of {
        let rule = ToolRule {
            verdict: Verdict::Allow,
            pattern: EXEC_TOOL.to_owned(),
        };
        overlay.tools.push(Marked::new(rule, key.clone()));
    }
}

fn rule(walk: &mut Walk, node: &Node) -> Option<Marked<ExecRule>> {
    let mut fields = Fields::of(walk, node, "a command rule", RULE_EXAMPLE)?;
    let said = verdicts(walk, &mut fields, "a command rule", true);
    let env = fields.take("env").map_or_else(Vec::new, |node| {
        let read = env(walk, node, "commands never receive secrets");
        read.into_iter()
            .map(|(name, value)| (name.value, value))
            .collect()
    });
    let deadline = limit(walk, &mut fields, "deadline", parse_duration);
    let memory = limit(walk, &mut fields, "memory", Bytes::parse);
    let output = limit(walk, &mut fields, "output", Bytes::parse);
    let cpu = limit(walk, &mut fields, "cpu", parse_duration);
    let processes = limit(walk, &mut fields, "processes", processes);
    fields.finish(walk, "a command rule");
    let (verdict, value) = said?;
    let argv = pattern(walk, value)?;
    if verdict > Verdict::Deny {
        warn_of_interpreters(walk, value, &argv);
    }
    let rule = ExecRule {
        verdict,
        argv,
        env,
        deadline: deadline.map(|marked| marked.value),
        memory: memory.map(|marked| marked.value),
        output: output.map(|marked| marked.value),
        processes: processes.map(|marked| marked.value),
        cpu: cpu.map(|marked| marked.value),
    };
    Some(Marked::new(rule, value.place.clone()))
}

fn pattern(walk: &mut Walk, node: &Node) -> Option<Vec<String>> {
    let Some(elements) = node.list() else {
        let help = match node.text() {
            Some(text) => {
                let words: Vec<String> = text
                    .split_whitespace()
                    .map(|word| format!("\"{}\"", shown(word)))
                    .collect();
                format!(
                    "commands are never lines of shell: write one list item for each argument, `[{}]`",
                    words.join(", ")
                )
            }
            None => format!("write it as `{RULE_EXAMPLE}`"),
        };
        walk.expected(node, "a command", "a list of patterns", &help);
        return None;
    };
    let mut argv = Vec::with_capacity(elements.len());
    for element in elements {
        argv.push(
            walk.as_written(element, "a pattern of an argument")?
                .to_owned(),
        );
    }
    let Some(program) = argv.first() else {
        walk.error(
            &node.place,
            "a command rule that names no program",
            "write the program first, for instance `[\"cargo\", \"test\", \"**\"]`; `[\"**\"]` is every command",
        );
        return None;
    };
    if let Some(at) = argv[..argv.len() - 1]
        .iter()
        .position(|element| element == "**")
    {
        walk.error(
            &elements[at].place,
            "`**` stands for any further arguments, so it can only be the last",
            "write `*` for one argument",
        );
        return None;
    }
    if program.contains(char::is_whitespace) {
        walk.warning(
            &node.place,
            format!("the program `{}` has a space in its name", shown(program)),
            "write one list item for each argument",
        );
    }
    if program.split('/').any(|part| part == "..") {
        walk.error(
            &node.place,
            format!("`{}` leads through `..`", shown(program)),
            "write the path that the command sees, for instance `/workspace/build.sh`",
        );
        return None;
    }
    Some(argv)
}

fn warn_of_interpreters(walk: &mut Walk, node: &Node, argv: &[String]) {
    let (Some(program), Some(last)) = (argv.first(), argv.last()) else {
        return;
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    if argv.len() > 1 && argv.len() <= 3 && last.contains('*') && INTERPRETERS.contains(&name) {
        walk.warning(
            &node.place,
            format!(
                "`{name}` runs whatever it is told, so this allows every command that is there"
            ),
            "name what it may run, for instance `[\"python3\", \"-m\", \"pytest\", \"**\"]`",
        );
    }
}

fn processes(text: &str) -> Result<u32, UnitError> {
    text.parse().map_err(|_| UnitError {
        message: format!("`{}` is no number of processes", shown(text)),
        help: "write how many there may be at the same time, for instance `64`",
    })
}
