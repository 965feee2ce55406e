//! What layers come to, case by case, and the text and JSON in which it is explained.

use crate::common::*;
use charthouse_policy::Access::{ReadOnly, ReadWrite};
use charthouse_policy::*;
use std::path::Path;
use std::time::Duration;
use types::{Bytes, CallErrorKind};

fn house() -> Overlay {
    layer("house", |house| {
        house.tools = vec![
            rule(Verdict::Deny, "*"),
            rule(Verdict::Allow, "fs.read"),
            rule(Verdict::Ask, "fs.write"),
        ];
        house.mounts = vec![mount(
            "/workspace",
            Some("."),
            Some(ReadWrite),
            &["**/.env"],
        )];
        house.env = vec![(mark("LANG".into()), "C.UTF-8".into())];
        house.limits.deadline = Some(mark(Duration::from_millis(2_500)));
    })
}

#[test]
fn the_last_rule_that_matches_wins_and_no_match_denies() {
    let state = layer("act", |state| {
        state.tools = vec![rule(Verdict::Allow, "fs.*"), rule(Verdict::Deny, "*.list")]
    });
    for (layers, name, verdict) in [
        (vec![&house()], "fs.read", Verdict::Allow),
        (vec![&house()], "fs.write", Verdict::Ask),
        (vec![&house()], "fs.edit", Verdict::Deny),
        (vec![&house(), &state], "fs.write", Verdict::Allow),
        (vec![&house(), &state], "fs.list", Verdict::Deny),
        (vec![&state, &house()], "fs.edit", Verdict::Deny),
        (vec![&state], "search.grep", Verdict::Deny),
        (vec![], "fs.read", Verdict::Deny),
    ] {
        assert_eq!(grant(&layers, None, name).verdict, verdict, "{name}");
    }
}

#[test]
fn mounts_merge_field_by_field() {
    let state = layer("orient", |state| {
        state.mounts = vec![mount("/workspace/", None, Some(ReadOnly), &["secrets"])];
    });
    let grant = grant(&[&house(), &state], None, "fs.read");
    assert_eq!(
        grant.mounts,
        [Mount {
            guest: "/workspace".into(),
            host: ROOT.into(),
            access: ReadOnly,
            hide: vec![HideGlob::new("**/.env"), HideGlob::new("secrets")],
            within: None,
        }]
    );
}

#[test]
fn a_mount_that_is_closed_or_comes_from_nowhere_is_left_out_with_its_reason() {
    let state = layer("state", |state| {
        state.mounts = vec![
            mount("/workspace", None, Some(Access::None), &[]),
            mount("/out", None, Some(ReadWrite), &[]),
        ];
    });
    fn reasons(grant: &Grant) -> Vec<(String, String)> {
        let mounts = grant
            .because
            .iter()
            .filter(|line| line.subject == Subject::Mount);
        mounts
            .map(|line| (line.what.clone(), line.rule()))
            .collect()
    }
    let grant = grant(&[&house(), &state], None, "fs.read");
    assert_eq!(grant.mounts, []);
    assert_eq!(
        reasons(&grant),
        [
            (
                "mount /out: not mounted, for no layer says `from`".to_owned(),
                "state.yaml:3".to_owned()
            ),
            (
                "mount /workspace: not mounted (access none)".to_owned(),
                "state.yaml:2".to_owned()
            ),
        ]
    );
}

fn ceiling(mounts: Vec<(types::Marked<String>, MountPatch)>) -> Overlay {
    layer("ceiling", |ceiling| ceiling.mounts = mounts)
}

#[test]
fn a_mount_lies_inside_the_ceiling_or_not_at_all() {
    let ceiling = ceiling(vec![
        mount("/workspace", Some("."), Some(ReadWrite), &[]),
        mount("/vendor", Some("vendor"), Some(ReadOnly), &[]),
    ]);
    for (from, expected) in [
        (".", Some(ReadOnly)), // it shows `vendor` too, and a mount has one access
        ("src", Some(ReadWrite)),
        ("src/../vendor/x", Some(ReadOnly)),
        ("..", None),
        ("../house2", None),
        ("src/../../house/src", Some(ReadWrite)),
        ("/etc", None),
        ("/", None),
    ] {
        let agent = layer("agent", |agent| {
            agent.mounts = vec![mount("/m", Some(from), Some(ReadWrite), &[])]
        });
        let access = grant(&[&agent], Some(&ceiling), "fs.read")
            .mounts
            .first()
            .map(|mount| mount.access);
        assert_eq!(access, expected, "{from}");
    }
}

#[test]
fn what_the_ceiling_hides_or_closes_stays_so_however_the_mount_is_cut() {
    let ceiling = ceiling(vec![
        mount("/workspace", Some("."), None, &["secrets/**"]),
        mount("/keys", Some("a b/keys"), Some(Access::None), &[]),
    ]);
    let hidden = |from: &str, path: &str| {
        let agent = layer("agent", |agent| {
            agent.mounts = vec![mount("/m", Some(from), None, &[])]
        });
        let grant = grant(&[&agent], Some(&ceiling), "fs.read");
        grant
            .mounts
            .first()
            .is_none_or(|mount| mount.hidden().unwrap().hides(path))
    };
    assert!(hidden(".", "secrets/key") && hidden("secrets", "key") && hidden("secrets/deep", ""));
    assert!(hidden(".", "a b/keys/id") && hidden("a b", "keys") && hidden("a b/keys", "id"));
    assert!(!hidden(".", "src/key") && !hidden("a b", "key"));
}

#[test]
fn a_ceiling_entry_without_from_limits_the_mount_of_its_name() {
    let ceiling = ceiling(vec![mount(
        "/workspace",
        None,
        Some(ReadOnly),
        &["private"],
    )]);
    let grant = grant(&[&house()], Some(&ceiling), "fs.read");
    assert_eq!(grant.mounts[0].access, ReadOnly);
    assert_eq!(grant.mounts[0].within, None);
    assert!(grant.mounts[0].hidden().unwrap().hides("private/x"));
}

#[test]
fn the_ceiling_limits_what_it_names_and_nothing_else() {
    let ceiling = layer("ceiling", |ceiling| {
        ceiling.tools = vec![
            rule(Verdict::Ask, "fs.re*"),
            rule(Verdict::Allow, "fs.write"),
        ];
        ceiling.limits.memory = Some(mark(Bytes(32 << 20)));
        ceiling.limits.deadline = Some(mark(Duration::from_secs(60)));
        ceiling.env = vec![
            (mark("LANG".into()), "C".into()),
            (mark("HOME".into()), "/".into()),
        ];
        ceiling.random = Some(mark(RandomMode::Seeded));
    });
    let agent = layer("agent", |agent| {
        agent.tools = vec![rule(Verdict::Allow, "*.grep")];
        agent.env = vec![(mark("TERM".into()), "dumb".into())];
        agent.clock = Some(mark(ClockMode::Real));
        agent.random = Some(mark(RandomMode::Real));
    });
    let layers = [&house(), &agent];
    let read = grant(&layers, Some(&ceiling), "fs.read");
    assert_eq!(read.verdict, Verdict::Ask);
    assert_eq!(
        grant(&layers, Some(&ceiling), "fs.write").verdict,
        Verdict::Ask
    );
    assert_eq!(
        grant(&layers, Some(&ceiling), "search.grep").verdict,
        Verdict::Allow
    );
    assert_eq!(read.limits.memory, Bytes(32 << 20));
    assert_eq!(read.limits.deadline, Duration::from_millis(2_500));
    assert_eq!(
        (read.clock, read.random),
        (ClockMode::Real, RandomMode::Seeded)
    );
    let env =
        [("LANG", "C"), ("TERM", "dumb")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read.env, env);
}

#[test]
fn a_denial_says_which_rule_refused_and_what_to_do() {
    let denial = grant(&[&house()], None, "fs.edit").denial().unwrap();
    assert_eq!(
        (denial.kind, denial.rule.as_deref()),
        (CallErrorKind::Denied, Some("house.yaml:1"))
    );
    assert_eq!(
        denial.message,
        "`fs.edit` is refused by house.yaml:1 (house); use another tool, or ask the operator for a later rule `allow: \"fs.edit\"`"
    );
    let denial = grant(&[], None, "fs.edit").denial().unwrap();
    assert_eq!(denial.rule, None);
    assert_eq!(
        denial.message,
        "`fs.edit` is refused because no rule allows it; use another tool, or ask the operator for a rule `allow: \"fs.edit\"`"
    );
    let asked = grant(&[&house()], None, "fs.write");
    assert_eq!(asked.denial(), None);
    assert_eq!(asked.unanswered().rule.as_deref(), Some("house.yaml:3"));
    let ceiling = layer("ceiling", |ceiling| {
        ceiling.tools = vec![rule(Verdict::Deny, "fs.*")]
    });
    let denial = grant(&[&house()], Some(&ceiling), "fs.read")
        .denial()
        .unwrap();
    assert_eq!(denial.rule.as_deref(), Some("ceiling.yaml:1"));
}

#[test]
fn a_network_rule_that_grants_something_is_refused_loudly_and_one_that_denies_all_is_not() {
    let open = layer("open", |open| {
        open.tools = vec![rule(Verdict::Allow, "*")];
        open.net = vec![net(Verdict::Allow, "https://api.github.com/**")];
    });
    let denial = grant(&[&open], None, "fs.read").denial().unwrap();
    assert_eq!(denial.rule.as_deref(), Some("open.yaml:2"));
    let closed = layer("closed", |closed| {
        closed.net = vec![net(Verdict::Deny, "*")]
    });
    for (layers, ceiling) in [
        (vec![&open, &closed], None),
        (vec![&open], Some(&closed)),
        (vec![&closed], None),
    ] {
        let grant = grant(&layers, ceiling, "fs.read");
        assert!(grant.net.is_empty() && grant.net_ceiling.is_empty());
    }
}

#[test]
fn plugin_call_without_a_policy_allows_the_named_tool_and_nothing_else() {
    let only = Overlay::only(&tool("fs.read"));
    let read = grant(&[&only], None, "fs.read");
    assert_eq!((read.verdict, read.denial()), (Verdict::Allow, None));
    assert!(read.mounts.is_empty() && read.env.is_empty() && read.net.is_empty());
    assert_eq!(read.limits, Limits::default());
    assert_eq!(grant(&[&only], None, "fs.write").verdict, Verdict::Deny);
}

#[test]
fn an_answer_lifts_what_would_be_asked_and_nothing_else() {
    let asks = layer("asks", |asks| {
        asks.tools = vec![
            rule(Verdict::Ask, "fs.*"),
            rule(Verdict::Deny, "fs.edit"),
            rule(Verdict::Allow, "fs.read"),
        ]
    });
    let answers = layer("answers", |answers| {
        answers.tools = vec![
            rule(Verdict::Allow, "*"),
            rule(Verdict::Deny, "fs.read"),
            rule(Verdict::Deny, "fs.list"),
        ]
    });
    let verdict = |ceiling: Option<&Overlay>, name: &str| {
        let grant = resolve(&Request {
            own: &[],
            root: Path::new(ROOT),
            layers: &[&asks],
            ceiling,
            answers: Some(&answers),
            tool: &tool(name),
        });
        (grant.verdict, grant.because[0].rule())
    };
    let says = |verdict, place: &str| (verdict, place.to_owned());
    assert_eq!(
        verdict(None, "fs.write"),
        says(Verdict::Allow, "answers.yaml:1")
    );
    assert_eq!(
        verdict(None, "fs.list"),
        says(Verdict::Deny, "answers.yaml:3")
    );
    assert_eq!(verdict(None, "fs.edit"), says(Verdict::Deny, "asks.yaml:2"));
    assert_eq!(
        verdict(None, "fs.read"),
        says(Verdict::Allow, "asks.yaml:3")
    );
    assert_eq!(verdict(None, "search.grep").0, Verdict::Deny);
    let ceiling = layer("ceiling", |ceiling| {
        ceiling.tools = vec![rule(Verdict::Ask, "*"), rule(Verdict::Deny, "fs.write")]
    });
    assert_eq!(verdict(Some(&ceiling), "fs.write").0, Verdict::Deny);
    // Who may ask the operator may also have been answered by the operator.
    assert_eq!(
        verdict(Some(&ceiling), "fs.read"),
        says(Verdict::Deny, "answers.yaml:2")
    );
}

#[test]
fn context_maps_learn_what_is_open_and_what_could_be() {
    let (house, act) = (
        house(),
        layer("act", |act| {
            act.tools = vec![rule(Verdict::Allow, "patch.*")]
        }),
    );
    let all = ["fs.read", "patch.apply", "fs.edit"].map(tool);
    let open = tools_open(&[&house], None, None, &all);
    assert_eq!(
        open.iter().map(|(_, verdict)| *verdict).collect::<Vec<_>>(),
        [Verdict::Allow, Verdict::Deny, Verdict::Deny]
    );
    let stacks = [vec![&house], vec![&house, &act]];
    assert_eq!(
        tools_declared(&stacks, None, &all),
        ["fs.read", "patch.apply"].map(tool)
    );
    let ceiling = layer("ceiling", |ceiling| {
        ceiling.tools = vec![rule(Verdict::Deny, "patch.*")]
    });
    assert_eq!(
        tools_declared(&stacks, Some(&ceiling), &all),
        [tool("fs.read")]
    );
}

#[test]
fn the_explanation_names_the_rule_of_every_line() {
    let ceiling = layer("ceiling", |ceiling| {
        ceiling.mounts = vec![mount("/workspace", Some("."), Some(ReadOnly), &[])];
        ceiling.limits.memory = Some(mark(Bytes(32 << 20)));
    });
    let grant = grant(&[&house()], Some(&ceiling), "fs.read");
    assert_eq!(grant.explain_text(), include_str!("explain.txt"));
    let json = grant.to_json();
    assert_eq!(
        json["because"][0],
        serde_json::json!({"what": "tool fs.read: allow (rule allow: \"fs.read\")", "file": "house.yaml", "line": 2})
    );
    assert_eq!(
        json["grant"],
        serde_json::json!({
            "tool": "fs.read", "verdict": "allow",
            "mounts": [{"guest": "/workspace", "host": ROOT, "access": "read-only", "hide": ["**/.env"], "within": ROOT}],
            "env": {"LANG": "C.UTF-8"}, "net": [], "net_ceiling": [],
            "limits": {"memory_bytes": 33_554_432, "fuel": 2_000_000_000u64, "deadline_ms": 2_500, "output_bytes": 262_144, "calls_per_turn": 100},
            "clock": "frozen", "random": "seeded",
        })
    );
}
