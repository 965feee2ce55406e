//! Rules for native commands: the last that matches wins, the ceiling is intersected, and the rule that is named is the one that decided.

use crate::common::*;
use charthouse_policy::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;
use types::Bytes;

fn argv(text: &[&str]) -> Vec<String> {
    text.iter().map(|&element| element.to_owned()).collect()
}

/// A layer with these rules that allows the tool itself, as the loader makes it.
fn commands(label: &str, rules: &[(Verdict, &[&str])]) -> Overlay {
    layer(label, |layer| {
        layer.tools.push(rule(Verdict::Allow, EXEC_TOOL));
        let rules = rules
            .iter()
            .map(|(verdict, argv)| mark(ExecRule::new(*verdict, argv)));
        layer.exec.extend(rules);
    })
}

const ALLOW: Verdict = Verdict::Allow;
const ASK: Verdict = Verdict::Ask;
const DENY: Verdict = Verdict::Deny;

#[test]
fn nothing_is_allowed_where_nothing_is_said() {
    let open = layer("open", |layer| layer.tools.push(rule(ALLOW, "*")));
    let grant = grant(&[&open], None, EXEC_TOOL).for_command(&argv(&["ls"]));
    assert_eq!(grant.verdict, DENY);
    let denial = grant.denial().unwrap();
    assert_eq!(
        denial.message,
        "the command `ls` is refused because no `exec` rule allows it; no command is allowed here; \
         or ask the operator for a later rule under `exec`"
    );
    assert_eq!(denial.rule, None);
}

#[test]
fn the_last_rule_that_matches_wins_over_all_layers() {
    let house = commands(
        "house",
        &[
            (ALLOW, &["cargo", "**"]),
            (DENY, &["cargo", "publish", "**"]),
        ],
    );
    let state = commands("state", &[(ASK, &["cargo", "run", "**"])]);
    for (command, verdict, line) in [
        (&["cargo", "test"][..], ALLOW, "house.yaml:2"),
        (&["cargo", "publish"], DENY, "house.yaml:3"),
        (&["cargo", "run", "--", "x"], ASK, "state.yaml:2"),
        (&["rm", "-rf", "/"], DENY, "<built-in default>"),
    ] {
        let grant = grant(&[&house, &state], None, EXEC_TOOL).for_command(&argv(command));
        assert_eq!(grant.verdict, verdict, "{command:?}");
        assert_eq!(grant.because[0].rule(), line, "{command:?}");
    }
}

#[test]
fn a_tool_that_is_refused_refuses_every_command() {
    let house = commands("house", &[(ALLOW, &["**"])]);
    let state = layer("state", |layer| layer.tools.push(rule(DENY, "*")));
    let grant = grant(&[&house, &state], None, EXEC_TOOL).for_command(&argv(&["ls"]));
    assert_eq!(grant.verdict, DENY);
    assert_eq!(grant.denial().unwrap().rule, Some("state.yaml:1".into()));
}

#[test]
fn what_the_ceiling_does_not_match_is_denied_as_soon_as_it_has_a_rule() {
    let house = commands("house", &[(ALLOW, &["**"])]);
    let ceiling = commands(
        "ceiling",
        &[(ALLOW, &["cargo", "**"]), (ASK, &["git", "**"])],
    );
    for (command, verdict, line) in [
        (&["cargo", "test"][..], ALLOW, "house.yaml:2"),
        (&["git", "push"], ASK, "ceiling.yaml:3"),
        (&["ls"], DENY, "ceiling.yaml:3"),
    ] {
        let grant = grant(&[&house], Some(&ceiling), EXEC_TOOL).for_command(&argv(command));
        assert_eq!(grant.verdict, verdict, "{command:?}");
        assert_eq!(grant.because[0].rule(), line, "{command:?}");
    }
}

#[test]
fn a_rule_brings_its_own_limits_and_variables_inside_the_ceilings() {
    let house = layer("house", |layer| {
        layer.tools.push(rule(ALLOW, EXEC_TOOL));
        let mut rule = ExecRule::new(ALLOW, &["make"]);
        rule.deadline = Some(Duration::from_secs(600));
        rule.memory = Some(Bytes(4 << 30));
        rule.output = Some(Bytes(1 << 20));
        rule.env = vec![
            ("MODE".into(), "fast".into()),
            ("LOG".into(), "level-*".into()),
        ];
        layer.exec.push(mark(rule));
        layer.env.push((mark("LANG".into()), "C.UTF-8".into()));
    });
    let ceiling = layer("ceiling", |layer| {
        layer.limits.memory = Some(mark(Bytes(1 << 30)));
        let mut rule = ExecRule::new(ALLOW, &["**"]);
        rule.deadline = Some(Duration::from_secs(60));
        layer.exec.push(mark(rule));
    });
    let grant = grant(&[&house], Some(&ceiling), EXEC_TOOL).for_command(&argv(&["make"]));
    assert_eq!(grant.limits.deadline, Duration::from_secs(60));
    assert_eq!(grant.limits.memory, Bytes(1 << 30));
    assert_eq!(grant.limits.output, Bytes(1 << 20));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        grant.command_variables([("LOG", "level-3")]).unwrap(),
        [
            pair("LANG", "C.UTF-8"),
            pair("MODE", "fast"),
            pair("LOG", "level-3")
        ]
    );
    // Neither a variable that no rule names, nor one with a value of its own, nor a value that the pattern does not match.
    for asked in [
        ("LD_PRELOAD", "x"),
        ("MODE", "slow"),
        ("LOG", "3"),
        ("LANG", "C"),
    ] {
        assert_eq!(grant.command_variables([asked]), Err(asked.0.to_owned()));
    }
}

#[test]
fn other_tools_hear_nothing_of_commands() {
    let house = commands("house", &[(ALLOW, &["**"])]);
    let grant = grant(&[&house], Some(&house), "fs.read");
    assert!(grant.exec.is_empty() && grant.exec_ceiling.is_empty());
    assert!(
        grant
            .because
            .iter()
            .all(|line| line.subject != Subject::Command)
    );
}

#[test]
fn what_is_told_of_the_tool_is_what_some_state_could_allow() {
    let house = commands(
        "house",
        &[(ALLOW, &["cargo", "test", "**"]), (DENY, &["ls"])],
    );
    let act = commands("act", &[(ASK, &["git", "push"])]);
    let shut = commands("shut", &[(DENY, &["**"])]);
    let stacks = [vec![&house], vec![&house, &act], vec![&house, &act, &shut]];
    assert_eq!(
        commands_declared(&stacks, None),
        [argv(&["cargo", "test", "**"]), argv(&["git", "push"])]
    );
    assert!(commands_declared(&stacks[2..], None).is_empty());
    assert!(commands_declared(&stacks, Some(&shut)).is_empty());
}

const PATTERNS: [&[&str]; 7] = [
    &["**"],
    &["a", "**"],
    &["a", "x*"],
    &["b"],
    &["*", "x"],
    &["./a"],
    &["a", "*", "**"],
];
const COMMANDS: [&[&str]; 8] = [
    &["a"],
    &["a", "x"],
    &["a", "x", "y"],
    &["b"],
    &["b", "x"],
    &["./a"],
    &["/a"],
    &["a", ""],
];

fn rules() -> impl Strategy<Value = Vec<(Verdict, &'static [&'static str])>> {
    vec(
        (select(&[DENY, ASK, ALLOW][..]), select(&PATTERNS[..])),
        0..5,
    )
}

proptest! {
    #[test]
    fn no_layer_exceeds_the_ceiling_and_a_rule_changes_only_what_it_matches(
        below in rules(), above in rules(), ceiling in rules(), command in select(&COMMANDS[..]),
    ) {
        let command = argv(command);
        let (house, state) = (commands("house", &below), commands("state", &above));
        let cap = commands("ceiling", &ceiling);
        let of = |layers: &[&Overlay], ceiling| grant(layers, ceiling, EXEC_TOOL).for_command(&command).verdict;
        let both = of(&[&house, &state], None);
        let capped = of(&[&house, &state], Some(&cap));
        prop_assert!(capped <= both);
        if !ceiling.is_empty() {
            prop_assert!(capped <= of(&[&cap], None));
        }
        let touched = above.iter().any(|(_, pattern)| command_matches(&argv(pattern), &command));
        if !touched {
            prop_assert_eq!(both, of(&[&house], None));
        }
    }

    #[test]
    fn the_rule_that_is_named_decided(below in rules(), command in select(&COMMANDS[..])) {
        let command = argv(command);
        let house = commands("house", &below);
        let told = grant(&[&house], None, EXEC_TOOL).for_command(&command);
        let line = told.because[0].place.line as usize;
        if line > 0 {
            // The tool's own rule stands in the first line.
            let mut without = house.clone();
            let removed = without.exec.remove(line - 2);
            prop_assert_eq!(removed.verdict, told.verdict);
            let next = grant(&[&without], None, EXEC_TOOL).for_command(&command);
            prop_assert_ne!(next.because[0].place.line, told.because[0].place.line);
        }
    }
}
