//! Which native commands may be run: patterns over arguments, never over a line of shell.
//!
//! A pattern is a list with one glob for each argument, so nothing that an argument contains (`;`, a space, a quote) can become a second command. The rules
//! are settled per command by [`Grant::for_command`], which gives back an ordinary grant: whoever can deal with the verdict on a tool can deal with this one.

use crate::grant::{Because, Grant, Subject};
use crate::resolve::{Reasons, Request};
use crate::{Overlay, Verdict, defaults, pattern};
use serde::Serialize;
use std::time::Duration;
use types::{Bytes, Place};

/// The full name of the host's own tool that runs commands.
pub const EXEC_TOOL: &str = "exec.run";

/// One rule of `exec`: a verdict on the commands that a pattern matches, and what they have beside the grant of the tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExecRule {
    /// What it says.
    pub verdict: Verdict,
    /// A glob for each argument, the program's name first; see [`matches`].
    pub argv: Vec<String>,
    /// Variables by name. A value without `*` is set as it stands; one with `*` is a pattern of what the call itself may set.
    pub env: Vec<(String, String)>,
    /// Wall-clock time, in place of the tool's own limit.
    #[serde(rename = "deadline_ms", serialize_with = "milliseconds")]
    pub deadline: Option<Duration>,
    /// Memory, in place of the tool's own limit.
    pub memory: Option<Bytes>,
    /// What it may write, in place of the tool's own limit.
    pub output: Option<Bytes>,
    /// Processes and threads at the same time, in place of [`defaults::COMMAND_PROCESSES`].
    pub processes: Option<u32>,
    /// Processor time of all its processes together. Without it, the deadline alone bounds what it burns.
    #[serde(rename = "cpu_ms", serialize_with = "milliseconds")]
    pub cpu: Option<Duration>,
}

impl ExecRule {
    /// A rule that says no more than its verdict.
    pub fn new(verdict: Verdict, argv: &[&str]) -> Self {
        ExecRule {
            verdict,
            argv: argv.iter().map(|&element| element.to_owned()).collect(),
            env: Vec::new(),
            deadline: None,
            memory: None,
            output: None,
            processes: None,
            cpu: None,
        }
    }
}

/// A command that a grant was settled for, with what its rule gives it beside the grant.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledCommand {
    /// Its arguments in words, for a person.
    pub shown: String,
    /// The variables of its rule, as they are written there; [`Grant::command_variables`] settles them.
    pub env: Vec<(String, String)>,
    /// Processes and threads at the same time.
    pub processes: u32,
    /// Processor time of all its processes together.
    pub cpu: Option<Duration>,
}

/// A rule in a grant, with where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantedCommand {
    /// The rule.
    pub rule: ExecRule,
    /// Where it stands.
    pub place: Place,
    /// The layer that it belongs to.
    pub layer: String,
}

/// Whether `patterns` match the whole of `argv`.
///
/// Each element is a glob over one argument, in which `*` stands for any run of characters and everything else for itself. A last element `**` stands for any
/// further arguments, none included. In the first element, the program, `*` does not match `/`: a pattern over names never allows a program by its path.
pub fn matches(patterns: &[String], argv: &[String]) -> bool {
    let (patterns, open) = match patterns.split_last() {
        Some((last, before)) if last == "**" => (before, true),
        _ => (patterns, false),
    };
    let enough = if open {
        argv.len() >= patterns.len()
    } else {
        argv.len() == patterns.len()
    };
    let by_name = || match (patterns.first(), argv.first()) {
        (_, None) => false,
        (None, Some(program)) => !program.contains('/'),
        // `*` takes no `/` when as many stand in the pattern as in the path.
        (Some(pattern), Some(program)) => slashes(pattern) == slashes(program),
    };
    enough
        && by_name()
        && patterns
            .iter()
            .zip(argv)
            .all(|(glob, argument)| pattern::matches(glob, argument))
}

fn slashes(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'/').count()
}

/// Arguments for a person: those that could be misread are quoted. Nothing ever reads this back.
pub fn shown(argv: &[String]) -> String {
    let one = |argument: &String| {
        let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%*".contains(c);
        match !argument.is_empty() && argument.chars().all(plain) {
            true => argument.clone(),
            false => format!("{argument:?}"),
        }
    };
    argv.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The rules of all layers in order and those of the ceiling, for the tool that runs commands; nothing for any other tool.
pub(crate) fn merge(
    request: &Request<'_>,
    ledger: &mut Reasons,
) -> (Vec<GrantedCommand>, Vec<GrantedCommand>) {
    if request.tool.as_str() != EXEC_TOOL {
        return (Vec::new(), Vec::new());
    }
    let rules: Vec<GrantedCommand> = request
        .layers
        .iter()
        .flat_map(|layer| of(layer))
        .map(|granted| capped(granted, request.ceiling))
        .collect();
    let ceiling: Vec<GrantedCommand> = request.ceiling.into_iter().flat_map(of).collect();
    for granted in rules.iter().chain(&ceiling) {
        ledger.decided_in(
            Subject::Command,
            format!(
                "command {}: {}",
                granted.rule.verdict,
                shown(&granted.rule.argv)
            ),
            &granted.place,
            &granted.layer,
        );
    }
    (rules, ceiling)
}

fn of(layer: &Overlay) -> impl Iterator<Item = GrantedCommand> {
    layer.exec.iter().map(|rule| GrantedCommand {
        rule: rule.value.clone(),
        place: rule.place.clone(),
        layer: layer.label.clone(),
    })
}

/// A rule's own limits and variables, held inside the ceiling's.
fn capped(mut granted: GrantedCommand, ceiling: Option<&Overlay>) -> GrantedCommand {
    let Some(ceiling) = ceiling else {
        return granted;
    };
    let rule = &mut granted.rule;
    let limits = &ceiling.limits;
    rule.deadline = lesser(rule.deadline, limits.deadline.as_ref().map(|cap| cap.value));
    rule.memory = lesser(rule.memory, limits.memory.as_ref().map(|cap| cap.value));
    rule.output = lesser(rule.output, limits.output.as_ref().map(|cap| cap.value));
    for (name, value) in &mut rule.env {
        if let Some((_, cap)) = ceiling
            .env
            .iter()
            .rev()
            .find(|(known, _)| known.value == *name)
        {
            value.clone_from(cap);
        }
    }
    granted
}

/// `value`, but no more than `cap`. What is not said stays unsaid.
fn lesser<T: Ord>(value: Option<T>, cap: Option<T>) -> Option<T> {
    match (value, cap) {
        (Some(value), Some(cap)) => Some(value.min(cap)),
        (value, _) => value,
    }
}

/// Whether some stack of layers could allow a command, or ask for it; with the patterns that could, each once, in order. What the model is told of the tool.
pub fn commands_declared<'a, S>(
    stacks: impl IntoIterator<Item = S>,
    ceiling: Option<&Overlay>,
) -> Vec<Vec<String>>
where
    S: AsRef<[&'a Overlay]>,
{
    let closed = |rule: &ExecRule| {
        let caps = ceiling.map_or(&[][..], |ceiling| &ceiling.exec);
        let denies_all = |cap: &ExecRule| cap.verdict == Verdict::Deny && cap.argv == ["**"];
        !caps.is_empty()
            && (caps.iter().all(|cap| cap.verdict == Verdict::Deny)
                || caps.last().is_some_and(|cap| denies_all(cap)))
            || rule.verdict == Verdict::Deny
    };
    let mut patterns: Vec<Vec<String>> = Vec::new();
    for stack in stacks {
        let rules: Vec<&ExecRule> = stack
            .as_ref()
            .iter()
            .flat_map(|layer| layer.exec.iter().map(|rule| &rule.value))
            .collect();
        // Whatever stands before a rule on everything, or before one on the same pattern, cannot decide.
        let decides = |(at, rule): (usize, &&ExecRule)| {
            let later = &rules[at + 1..];
            let overruled = later
                .iter()
                .any(|other| other.argv == ["**"] || other.argv == rule.argv);
            (!overruled && !closed(rule)).then(|| rule.argv.clone())
        };
        for pattern in rules.iter().enumerate().filter_map(decides) {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
    }
    patterns
}

impl Grant {
    /// The grant of one command: the lesser of the tool's verdict and the command's, with the limits and variables of the rule that decided. As soon as the
    /// ceiling has a rule for commands, one that none of its rules matches is denied.
    pub fn for_command(&self, argv: &[String]) -> Grant {
        let mut grant = self.clone();
        let mut command = SettledCommand {
            shown: shown(argv),
            env: Vec::new(),
            processes: defaults::COMMAND_PROCESSES,
            cpu: None,
        };
        let ruling = last_match(&self.exec, argv);
        let cap = last_match(&self.exec_ceiling, argv);
        let said = ruling.map_or(Verdict::Deny, |granted| granted.rule.verdict);
        let (verdict, decided) = match cap {
            _ if self.exec_ceiling.is_empty() => (said, ruling),
            Some(cap) if cap.rule.verdict < said => (cap.rule.verdict, Some(cap)),
            None if said > Verdict::Deny => (Verdict::Deny, self.exec_ceiling.last()),
            _ => (said, ruling),
        };
        if let Some(granted) = ruling {
            let cap = cap.map(|cap| &cap.rule);
            grant.take_from(&granted.rule, cap);
            command.env.clone_from(&granted.rule.env);
            let processes = granted.rule.processes.unwrap_or(command.processes);
            let most = cap.and_then(|cap| cap.processes);
            command.processes = most.map_or(processes, |most| most.min(processes));
            let most = cap.and_then(|cap| cap.cpu);
            command.cpu = granted.rule.cpu.into_iter().chain(most).min();
        }
        grant.command = Some(command);
        // Where the tool itself has the lesser verdict, its rule is the one that decides.
        if self.verdict >= verdict && self.verdict != Verdict::Deny {
            grant.verdict = verdict;
            grant.because.insert(0, decision(argv, verdict, decided));
        }
        grant
    }

    fn take_from(&mut self, rule: &ExecRule, cap: Option<&ExecRule>) {
        let cap_of = |of: fn(&ExecRule) -> Option<Bytes>| cap.and_then(of);
        let limits = &mut self.limits;
        let deadline = rule.deadline.unwrap_or(limits.deadline);
        limits.deadline = cap
            .and_then(|cap| cap.deadline)
            .map_or(deadline, |cap| cap.min(deadline));
        let memory = rule.memory.unwrap_or(limits.memory);
        limits.memory = cap_of(|cap| cap.memory).map_or(memory, |cap| cap.min(memory));
        let output = rule.output.unwrap_or(limits.output);
        limits.output = cap_of(|cap| cap.output).map_or(output, |cap| cap.min(output));
    }

    /// The variables of the command itself: the grant's, the rule's, and of `asked` those that the rule leaves to the call. The first that it does not is
    /// returned as the error.
    pub fn command_variables<'a>(
        &self,
        asked: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut variables = self.env.clone();
        let rule: &[(String, String)] = self.command.as_ref().map_or(&[], |command| &command.env);
        let mut set = |name: &str, value: &str| {
            variables.retain(|(known, _)| known != name);
            variables.push((name.to_owned(), value.to_owned()));
        };
        for (name, value) in rule.iter().filter(|(_, value)| !value.contains('*')) {
            set(name, value);
        }
        for (name, value) in asked {
            let allowed = rule
                .iter()
                .any(|(known, glob)| known == name && pattern::matches(glob, value));
            if !allowed {
                return Err(name.to_owned());
            }
            set(name, value);
        }
        Ok(variables)
    }
}

/// The line that says which rule decided on a command.
fn decision(argv: &[String], verdict: Verdict, decided: Option<&GrantedCommand>) -> Because {
    let command = shown(argv);
    let (why, place, layer) = match decided {
        Some(granted) if matches(&granted.rule.argv, argv) => (
            format!(
                "rule {}: {}",
                granted.rule.verdict,
                shown(&granted.rule.argv)
            ),
            granted.place.clone(),
            granted.layer.clone(),
        ),
        Some(granted) => (
            "no rule of the ceiling matches it".to_owned(),
            granted.place.clone(),
            granted.layer.clone(),
        ),
        None => (
            "no rule matches it".to_owned(),
            Place::built_in("built-in default"),
            "built-in default".to_owned(),
        ),
    };
    Because {
        subject: Subject::Tool,
        what: format!("command {command}: {verdict} ({why})"),
        place,
        layer,
    }
}

fn last_match<'a>(rules: &'a [GrantedCommand], argv: &[String]) -> Option<&'a GrantedCommand> {
    rules
        .iter()
        .rev()
        .find(|granted| matches(&granted.rule.argv, argv))
}

fn milliseconds<S: serde::Serializer>(
    deadline: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    deadline
        .map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX))
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &[&str]) -> Vec<String> {
        text.iter().map(|&element| element.to_owned()).collect()
    }

    #[test]
    fn one_glob_for_each_argument_and_any_further_ones_after_two_stars() {
        for (pattern, command, expected) in [
            (&["cargo", "test"][..], &["cargo", "test"][..], true),
            (&["cargo", "test"], &["cargo", "test", "--release"], false),
            (&["cargo", "test"], &["cargo"], false),
            (&["cargo", "test", "**"], &["cargo", "test"], true),
            (
                &["cargo", "test", "**"],
                &["cargo", "test", "--", ";", "rm", "-rf"],
                true,
            ),
            (&["cargo", "test", "**"], &["cargo", "run"], false),
            (&["cargo", "test", "**"], &["cargo"], false),
            (&["cargo", "te*"], &["cargo", "test --release; rm"], true),
            (&["cargo test"], &["cargo", "test"], false),
            (&["git", "log", "-n*"], &["git", "log", "-n5"], true),
            (
                &["git", "log", "-n*"],
                &["git", "log", "--output=/x"],
                false,
            ),
            (
                &["git", "diff", "--", "**"],
                &["git", "diff", "--config=x"],
                false,
            ),
            (&["**"], &["anything", "at", "all"], true),
            (&["**"], &["./anything"], false),
            (&["**"], &[], false),
            (&["*", "**"], &["/bin/sh"], false),
            (&["*"], &["a/b"], false),
            (&["/usr/bin/*"], &["/usr/bin/x"], true),
            (&["/usr/bin/*"], &["/usr/bin/x/y"], false),
            (&["./scripts/*", "**"], &["./scripts/build", "all"], true),
            (&["./scripts/*", "**"], &["scripts/build"], false),
            (&["ls", "*"], &["ls", "a/b/c"], true),
            (&["a", "**", "b"], &["a", "x", "y", "b"], false),
        ] {
            assert_eq!(
                matches(&argv(pattern), &argv(command)),
                expected,
                "{pattern:?} on {command:?}"
            );
        }
    }

    #[test]
    fn what_could_be_misread_is_quoted() {
        assert_eq!(
            shown(&argv(&["cargo", "test", "--", "; rm", "", "--x=/y"])),
            r#"cargo test -- "; rm" "" --x=/y"#
        );
    }
}
