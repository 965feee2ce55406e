//! What depends on what.

use crate::story::*;
use change::{Files, Impact, InstanceFact, ItemId, RunFact, impact};
use definitions::load_recorded;
use std::collections::BTreeMap;
use std::path::Path;

fn house_files() -> Files {
    let mut files = files();
    let lone = String::from_utf8(files["agents/lone.yaml"].clone()).unwrap();
    files.insert(
        "agents/lone.yaml".into(),
        format!("{lone}roles: [reviewer]\nplugins: [fs]\n").into_bytes(),
    );
    let house = String::from_utf8(files["house.yaml"].clone()).unwrap();
    let house = format!(
        "{house}plugins: {{ fs: plugins/fs.wasm }}\nserve: {{ keep: [checker], triggers: {{ nightly: {{ every: 1h, workflow: review }} }} }}\n"
    );
    files.insert("house.yaml".into(), house.into_bytes());
    files.insert(
        "charts/review.yaml".into(),
        b"chart: review\nkind: workflow\nroles: { reviewer: {} }\ninitial: look\nstates:\n  look: { role: reviewer, on: { role.done: done } }\n  done: { type: final }\n".to_vec(),
    );
    files
}

fn bearing(items: &[&str], edits: &[(&str, &str, &str)]) -> Impact {
    let files = house_files();
    let mut after = files.clone();
    for (name, from, to) in edits {
        let text = String::from_utf8(after[*name].clone()).unwrap();
        assert!(text.contains(from));
        after.insert((*name).to_owned(), text.replace(from, to).into_bytes());
    }
    let load = |files: &Files| {
        load_recorded(Path::new("/house"), files)
            .unwrap_or_else(|report| panic!("{}", report.render(false)))
    };
    let runs = ["coder", "lone"].map(|agent| RunFact {
        run: format!("run-of-{agent}").into(),
        agent: agent.into(),
    });
    let instances = [InstanceFact {
        instance: "i-1".into(),
        workflow: "review".into(),
    }];
    impact(
        &load(&files),
        Some(&load(&after)),
        &items.iter().map(|text| item(text)).collect(),
        &runs,
        &instances,
        &BTreeMap::new(),
    )
}

fn reached(impact: &Impact) -> Vec<String> {
    impact
        .record
        .items
        .iter()
        .map(|line| line.item.to_string())
        .collect()
}

#[test]
fn a_chart_bears_on_those_who_think_by_it_and_on_what_they_bear_on() {
    let impact = bearing(&["chart:think"], &[]);
    assert_eq!(reached(&impact), ["house", "agent:checker", "agent:coder"]);
    let checker = impact
        .record
        .items
        .iter()
        .find(|line| line.item == item("agent:checker"))
        .unwrap();
    assert_eq!(
        (checker.why.as_str(), &checker.depends),
        ("checker thinks by it", &vec![item("chart:think")])
    );
    let house = &impact.record.items[0];
    assert_eq!(
        (house.why.as_str(), &house.depends),
        ("the house keeps checker up", &vec![item("agent:checker")])
    );
    assert_eq!(
        impact
            .record
            .runs
            .iter()
            .map(|run| &**run)
            .collect::<Vec<_>>(),
        ["run-of-coder"]
    );
    assert!(impact.record.instances.is_empty());
}

#[test]
fn a_policy_bears_on_every_agent_beneath_which_it_lies() {
    let impact = bearing(
        &["policy:default"],
        &[("policies/default.yaml", "deny: \"*\"", "allow: \"*\"")],
    );
    assert_eq!(impact.record.agents.len(), 3);
    assert_eq!(impact.record.runs.len(), 2);
    // By the role that one of them takes, on the workflow too.
    assert_eq!(impact.record.instances.len(), 1);
    assert_eq!(
        impact.record.grants,
        [
            "agent lone in every state may now call any other tool of fs: allowed (was nothing)",
            "agent lone in every state may now call fs.read: allowed (was nothing)",
        ]
    );
    assert!(bearing(&["policy:spare"], &[]).record.items.is_empty());
}

#[test]
fn a_plugin_bears_on_agents_and_a_workflow_on_those_who_take_its_roles() {
    let impact = bearing(&["plugin:fs"], &[]);
    assert_eq!(reached(&impact), ["house", "agent:lone", "chart:review"]);
    let impact = bearing(&["chart:review"], &[]);
    assert_eq!(reached(&impact), ["house", "agent:lone"]);
    assert!(
        impact.record.items[0]
            .why
            .contains("the trigger nightly (schedule) starts review")
    );
}

#[test]
fn the_house_bears_on_everything() {
    let impact = bearing(&["house"], &[]);
    assert_eq!(impact.record.agents.len(), 3);
    assert_eq!(
        (impact.record.runs.len(), impact.record.instances.len()),
        (2, 1)
    );
    assert_eq!(impact.record.items[0].item, ItemId::House);
}
