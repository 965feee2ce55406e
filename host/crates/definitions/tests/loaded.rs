//! What loading yields: every value of the design's own examples arrives where the other parts look for it.

mod common;

use charthouse_definitions::{House, Promote, load, load_chart, load_policy};
use common::{copy, fixtures};
use context::{Budget, Source, ToolsMode, Trim};
use policy::{Access, ClockMode, RandomMode, Verdict};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

use types::{Bytes, CacheClass, Count, Percent, Price, ProviderKind, Role, SecretRef, Timestamp};

/// The design's charts and policy in the base house, with more of `house.yaml`.
fn house() -> (TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    copy(&fixtures().join("valid/design"), directory.path());
    let file = directory.path().join("house.yaml");
    let text = fs::read_to_string(&file).unwrap().replace(
        "providers:",
        "ceiling: { mounts: { /workspace: { from: ., access: read-write } }, limits: { memory: 256MiB } }\n\
         prices: { any: [{ from: 2026-02-01, input: 0.30, output: 1 }, { from: 2026-01-01, input: 0.20, output: 0.80, cached: 0.02, per: 1M, currency: USD }] }\n\
         providers:\n  local: { kind: openai, base_url: \"http://127.0.0.1:11434/v1/\", key: file:secrets/key, model: small }",
    );
    fs::write(&file, text).unwrap();
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    (directory, house)
}

#[test]
fn how_a_plugin_is_exchanged_is_as_written() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let plain = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    let first = &plain.plugins[0];
    assert_eq!((first.promote, first.quarantine), (Promote::AtOnce, None));
    let case = fixtures().join("valid/house-plugin-generations");
    copy(&case, directory.path());
    let chart = "chart: fixed\nversion: 1.0.0\nkind: cognition\ninitial: read\nstates:\n  \
        read: { invoke: { activity: plugin, params: { tool: fs.read, arguments: { path: a } } }, on: { plugin.done: end } }\n  \
        end: { type: final }\n";
    fs::write(directory.path().join("charts/fixed.yaml"), chart).unwrap();
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    let (fs, search) = (&house.plugins[0], &house.plugins[1]);
    assert_eq!((fs.promote, fs.quarantine), (Promote::Shadow, Some(3)));
    assert_eq!(
        (search.promote, search.quarantine),
        (Promote::AtOnce, Some(0))
    );
    let calls: Vec<String> = house.charts["fixed"]
        .calls
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(calls, ["fs.read"]);
}

#[test]
fn the_house_is_as_written_with_paths_made_absolute() {
    let (_directory, house) = house();
    let root = house.root.clone();
    assert_eq!(&*house.name, "test-house");
    assert_eq!(house.store, root.join(".charthouse/journal.db"));
    let fs = &house.plugins[0];
    assert_eq!(fs.component.path, root.join("plugins/fs.wasm"));
    assert!(fs.trusted && !house.plugins[1].trusted);
    let local = &house.providers["local"];
    assert_eq!(local.model.as_deref(), Some("small"));
    assert_eq!(
        local.kind,
        ProviderKind::Http {
            dialect: types::Dialect::ChatCompletions,
            base_url: "http://127.0.0.1:11434/v1".into(),
            key: Some(SecretRef::File(root.join("secrets/key"))),
        }
    );
    let script = ProviderKind::Scripted {
        file: root.join("scripts/replies.yaml"),
    };
    assert_eq!(house.providers["script"].kind, script);
    let ceiling = house.ceiling.as_ref().unwrap();
    assert_eq!(ceiling.label, "ceiling");
    assert_eq!(
        ceiling.limits.memory.as_ref().unwrap().value,
        Bytes(256 << 20)
    );
    let files: Vec<&str> = house.files.iter().map(|(file, _)| &**file).collect();
    assert_eq!(
        files,
        [
            "house.yaml",
            "agents/coder.yaml",
            "charts/cognition/deliberate.yaml",
            "charts/think.yaml",
            "charts/workflows/implement-review.yaml",
            "policies/default.yaml"
        ]
    );
}

#[test]
fn prices_are_exact_and_in_the_order_of_their_days() {
    let (_directory, house) = house();
    let prices = &house.prices["any"];
    let january = Timestamp(1_767_225_600_000);
    assert_eq!(prices[0].from, january);
    let price = Price::at(prices, january).unwrap();
    assert_eq!(price.input.to_string(), "0.20");
    assert_eq!(price.cached.unwrap().to_string(), "0.02");
    assert_eq!((price.per, prices[1].per), (1_000_000, 1_000_000));
}

#[test]
fn the_agent_has_its_map_and_its_files_are_found_beside_it() {
    let (_directory, house) = house();
    let agent = &house.agents["coder"];
    assert_eq!(
        (&*agent.version, &*agent.cognition),
        ("1.0.0", "deliberate")
    );
    assert_eq!(
        (agent.model.context_length, agent.model.max_output),
        (32_000, 4_000)
    );
    assert_eq!(agent.budget.limits[0].to_string(), "usd_per_day $2");
    let charter = &agent.context.chunks[0];
    assert_eq!(
        (charter.role, charter.trim, charter.cache),
        (Role::System, Trim::Never, CacheClass::Stable)
    );
    assert_eq!(
        charter.budget.as_ref().unwrap().value,
        Budget::Share(Percent(1_000))
    );
    assert!(matches!(&charter.source, Source::File(file) if file.as_str() == "agents/charter.md"));
    let history = &agent.context.chunks[1];
    assert!(history.flexible && history.source == Source::History && history.priority == 6);
    assert_eq!(agent.policy.label, "agent coder");
    assert_eq!(agent.policy.tools[0].pattern, "fs.read");
    assert_eq!(
        agent.policy.tools[0].place.to_string(),
        "agents/coder.yaml:9:28"
    );
}

#[test]
fn the_default_policy_has_every_rule_of_the_design() {
    let (_directory, house) = house();
    let policy = house.default_policy.as_ref().unwrap();
    assert_eq!(policy.label, "house default (default)");
    assert_eq!(house.policies["default"].label, "policy default");
    let tools: Vec<_> = policy
        .tools
        .iter()
        .map(|r| (r.verdict, r.pattern.as_str()))
        .collect();
    assert_eq!(
        tools,
        [
            (Verdict::Deny, "*"),
            (Verdict::Allow, "fs.read"),
            (Verdict::Ask, "fs.write")
        ]
    );
    let (path, mount) = &policy.mounts[0];
    assert_eq!(
        (path.as_str(), mount.from.as_ref().unwrap().as_str()),
        ("/workspace", ".")
    );
    assert_eq!(mount.access.as_ref().unwrap().value, Access::ReadOnly);
    assert_eq!(
        mount.hide.iter().map(|h| h.as_str()).collect::<Vec<_>>(),
        ["**/.env", "**/.git/config"]
    );
    let net = &policy.net[0];
    assert_eq!(net.methods, ["GET"]);
    assert_eq!(
        net.secret.as_ref().unwrap().from,
        SecretRef::Env("GITHUB_TOKEN".into())
    );
    assert_eq!(policy.env[0].1, "C.UTF-8");
    let limits = &policy.limits;
    assert_eq!(limits.memory.as_ref().unwrap().value, Bytes(64 << 20));
    assert_eq!(limits.fuel.as_ref().unwrap().value, Count(2_000_000_000));
    assert_eq!(
        limits.deadline.as_ref().unwrap().value,
        Duration::from_secs(5)
    );
    assert_eq!(limits.output.as_ref().unwrap().value, Bytes(256 << 10));
    assert_eq!(limits.calls.as_ref().unwrap().value, 20);
    assert_eq!(policy.clock.as_ref().unwrap().value, ClockMode::Real);
    assert_eq!(policy.random.as_ref().unwrap().value, RandomMode::Real);
}

#[test]
fn what_a_state_adds_goes_by_the_number_of_the_state() {
    let (_directory, house) = house();
    let bundle = &house.charts["deliberate"];
    let at = |id: &str| bundle.chart.find(id).unwrap().index();
    assert_eq!(bundle.context.len(), bundle.chart.states().count() + 1);
    assert!(
        matches!(&bundle.context[at("orient")][0].source, Source::Text(text) if text.starts_with("Read what is there"))
    );
    assert_eq!(bundle.context[at("orient")][0].id.as_str(), "orient.1");
    assert!(bundle.context[at("act")].is_empty() && bundle.policy[at("check")].is_none());
    let act = bundle.policy[at("act")].as_ref().unwrap();
    assert_eq!(act.label, "state act");
    assert_eq!(
        act.mounts[0].1.access.as_ref().unwrap().value,
        Access::ReadWrite
    );
    assert_eq!(
        bundle.doc.as_deref(),
        Some("Look, plan, act, check; ask when stuck.")
    );

    let flow = &house.charts["implement-review"];
    let review = flow.chart.find("review").unwrap();
    assert_eq!(flow.role_of(review).map(|role| &**role), Some("reviewer"));
    assert_eq!(flow.role_of(flow.chart.find("stalled").unwrap()), None);
    assert_eq!(flow.roles["reviewer"].never, ["implementer".into()]);
}

#[test]
fn a_chart_by_itself_finds_the_files_of_the_house_around_it() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let charts = directory.path().join("charts/deep");
    fs::create_dir(&charts).unwrap();
    fs::write(charts.join("beside.md"), "beside").unwrap();
    let file = charts.join("one.yaml");
    fs::write(
        &file,
        "chart: one\nstates:\n  a:\n    context: [{ file: beside.md }, { file: agents/charter.md, budget: 100, trim: never }]\n",
    )
    .unwrap();
    let (bundle, warnings) = load_chart(&file).unwrap_or_else(|report| panic!("{report}"));
    assert!(warnings.findings.is_empty(), "{warnings}");
    let files: Vec<String> = bundle.context[1]
        .iter()
        .map(|chunk| match &chunk.source {
            Source::File(file) => file.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(files, ["charts/deep/beside.md", "agents/charter.md"]);
    assert_eq!(
        bundle.context[1][1].budget.as_ref().unwrap().value,
        Budget::Tokens(100)
    );
}

#[test]
fn a_policy_by_itself_needs_no_house() {
    let (overlay, warnings) = load_policy(&fixtures().join("base/policies/default.yaml")).unwrap();
    assert_eq!(
        (overlay.label.as_str(), overlay.tools.len()),
        ("policy default", 2)
    );
    assert!(warnings.findings.is_empty());
    assert!(load_chart(&fixtures().join("base/policies/default.yaml")).is_err());
    assert!(load_policy(Path::new("/nowhere/policy.yaml")).is_err());
}

#[test]
fn defaults_are_those_the_design_names() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let agent = directory.path().join("agents/coder.yaml");
    let text = fs::read_to_string(&agent).unwrap();
    let map = text.find("context:").unwrap();
    let text = format!(
        "{}context: [{{ id: t, tools: allowed }}, {{ id: w, slot: workflow }}, {{ id: h, history: true }}]\n",
        &text[..map]
    );
    fs::write(&agent, text).unwrap();
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    let chunks = &house.agents["coder"].context.chunks;
    assert_eq!(chunks[0].source, Source::Tools(ToolsMode::Allowed));
    let trims: Vec<Trim> = chunks.iter().map(|chunk| chunk.trim).collect();
    assert_eq!(trims, [Trim::Never, Trim::Tail, Trim::Oldest]);
    assert!(
        chunks
            .iter()
            .all(|c| c.priority == 5 && c.cache == CacheClass::Volatile && c.role == Role::User)
    );
    assert!(house.agents["coder"].policy.tools.is_empty());
}

#[test]
fn the_fixed_arguments_of_an_activity_arrive_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("call.yaml");
    fs::write(
        &file,
        r#"
chart: call
data: { rounds: 41 }
states:
  only:
    on: { plugin.done: only }
    invoke:
      activity: plugin
      params:
        tool: fs.write
        arguments:
          path: "it's \\ \"odd\"\n\u0007ü"
          lines: [1, -2, 3.5, 1e300, true, null, .5, { "a'b": [] }]
          more: { expr: data.rounds + 1 }
"#
        .trim_start(),
    )
    .unwrap();
    let (bundle, warnings) = load_chart(&file).unwrap_or_else(|report| panic!("{report}"));
    assert!(warnings.findings.is_empty(), "{warnings}");
    let mut effects = chart::Effects::new();
    chart::start(&bundle.chart, 0, &mut effects).unwrap();
    let params = effects
        .iter()
        .find_map(|effect| match effect {
            chart::Effect::Invoke { params, .. } => Some(params.to_json()),
            _ => None,
        })
        .unwrap();
    let expected = serde_json::json!({
        "tool": "fs.write",
        "arguments": {
            "path": "it's \\ \"odd\"\n\u{7}ü",
            "lines": [1, -2, 3.5, 1e300, true, null, 0.5, { "a'b": [] }],
            "more": 42,
        },
    });
    assert_eq!(params, expected);
}

#[test]
fn what_a_mount_says_of_hard_links_and_staging_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    let text = "policy: p\nmounts: { /w: { from: ., access: staged, hard_links: refuse, stage: { bytes: 16MiB, files: 200 } }, /x: staged }\n";
    fs::write(&file, text).unwrap();
    let (overlay, _) = load_policy(&file).unwrap_or_else(|report| panic!("{report}"));
    let (_, patch) = &overlay.mounts[0];
    assert_eq!(patch.access.as_ref().unwrap().value, Access::Staged);
    let links = patch.hard_links.as_ref().unwrap();
    assert_eq!(links.value, policy::HardLinks::Refuse);
    assert_eq!(patch.stage.bytes.as_ref().unwrap().value, Bytes(16 << 20));
    assert_eq!(patch.stage.files.as_ref().unwrap().value, Count(200));
    let (_, short) = &overlay.mounts[1];
    assert_eq!(short.access.as_ref().unwrap().value, Access::Staged);
    assert_eq!(short.stage, policy::StagePatch::default());
}
