//! Whom an agent asks and what it sends: every value of the newer keys arrives where the other parts look for it, and what is left out has its default.

mod common;

use charthouse_definitions::{AgentDef, Counting, House, load};
use common::{copy, fixtures};
use context::{Budget, Depends, Sections, Source, Template, Trim};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;
use types::{
    Dialect, Effort, MemoryLayer, Patience, Percent, PluginName, ProviderKind, RateLimits,
    SecretRef,
};

/// The base house with the case `name` over it.
fn house(name: &str) -> (TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    copy(&fixtures().join("valid").join(name), directory.path());
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    (directory, house)
}

fn source<'a>(agent: &'a AgentDef, id: &str) -> (&'a Source, Trim) {
    let chunk = agent.context.chunks.iter().find(|c| c.id.value == id);
    let chunk = chunk.expect("the chunk is there");
    (&chunk.source, chunk.trim)
}

#[test]
fn every_source_of_a_chunk_arrives() {
    let (_directory, house) = house("context-sources");
    let agent = &house.agents["coder"];
    let (Source::Template(Template::Inline(text)), Trim::Tail) = source(agent, "about") else {
        panic!("an inline template");
    };
    assert_eq!(&***text, "You are {{ agent.name }}.");
    assert_eq!(text.place.to_string(), "agents/coder.yaml:18:43");
    let (Source::Template(Template::File(file)), Trim::Middle) = source(agent, "briefing") else {
        panic!("a template in a file");
    };
    assert_eq!(file.as_str(), "agents/briefing.j2");
    for (id, layer, trim) in [
        ("skills", MemoryLayer::Skills, Trim::Lowest),
        ("facts", MemoryLayer::Facts, Trim::Lowest),
        ("episodes", MemoryLayer::Episodes, Trim::Tail),
    ] {
        assert_eq!(source(agent, id), (&Source::Memory(layer), trim));
    }
    let both = Depends {
        states: true,
        query: true,
    };
    for (id, kept, on) in [
        ("repo", Some(Duration::from_secs(600)), both),
        ("state", None, Depends::default()),
    ] {
        let Source::Plugin {
            expires, depends, ..
        } = source(agent, id).0
        else {
            panic!("a plugin");
        };
        assert_eq!((*expires, *depends), (kept, on), "{id}");
    }
    assert_eq!(source(agent, "history").1, Trim::Summary);
    let work = house.charts["think"].chart.find("work").unwrap().index();
    let of_state = &house.charts["think"].context[work];
    assert!(matches!(
        &of_state[2].source,
        Source::Template(Template::File(file)) if file.as_str() == "charts/round.j2"
    ));
    assert_eq!(of_state[3].source, Source::Memory(MemoryLayer::Skills));
}

#[test]
fn what_an_agent_says_of_payload_models_guards_and_summary_arrives() {
    let (_directory, house) = house("context-sources");
    let agent = &house.agents["coder"];
    assert_eq!(agent.context.deadline, Duration::from_secs(2));
    assert_eq!(agent.context.sections, Sections::Xml);
    let guards: Vec<&str> = agent.guards.iter().map(PluginName::as_str).collect();
    assert_eq!(guards, ["search", "fs"]);
    assert_eq!(agent.counting, Counting::Named("o200k_base".into()));
    assert_eq!(agent.model.reasoning, Some(Effort::Medium));
    let [small, other] = agent.fallback.as_slice() else {
        panic!("two fallbacks");
    };
    assert_eq!((&*small.provider, &*small.name), ("script", "small"));
    assert_eq!((small.context_length, small.max_output), (16_000, 2_000));
    assert_eq!(
        (small.temperature, small.reasoning),
        (Some(1.0), Some(Effort::Low))
    );
    // Numbers are the first model's; how long it may think is each model's own.
    assert_eq!((other.context_length, other.max_output), (32_000, 4_000));
    assert_eq!((other.temperature, other.reasoning), (Some(0.2), None));
    let summary = agent.context.summary.as_ref().unwrap();
    assert_eq!(summary.plugin.as_str(), "search");
    assert_eq!((summary.at, summary.every), (Percent(6_000), Some(40)));
    assert_eq!(summary.budget, Budget::Share(Percent(400)));
    assert_eq!(summary.usd_per_day.as_ref().unwrap().to_string(), "0.10");
}

#[test]
fn what_an_agent_leaves_out_has_its_default() {
    let (_directory, house) = house("agent-guards-of-the-house");
    let agent = &house.agents["coder"];
    assert_eq!(agent.context.deadline, context::DEFAULT_DEADLINE);
    assert_eq!(agent.context.sections, Sections::ByModel);
    assert_eq!(agent.counting, Counting::Estimate);
    assert!(agent.fallback.is_empty() && agent.model.reasoning.is_none());
    // A guard is not one of the plugins whose tools the agent may use.
    assert_eq!((agent.guards.len(), agent.plugins.len()), (1, 1));
    let summary = agent.context.summary.as_ref().unwrap();
    assert_eq!((summary.at, summary.every), (Percent(7_000), None));
    assert_eq!(summary.budget, Budget::Share(Percent(500)));
    assert!(summary.usd_per_day.is_none());
}

#[test]
fn every_kind_of_provider_arrives() {
    let (_directory, house) = house("house-providers");
    let http = |name: &str| match &house.providers[name].kind {
        ProviderKind::Http {
            dialect,
            base_url,
            key,
        } => (*dialect, base_url.as_str(), key.clone()),
        other => panic!("{other:?}"),
    };
    let local = &house.providers["local"];
    assert_eq!(http("local").0, Dialect::ChatCompletions);
    assert_eq!(
        local.limits,
        RateLimits {
            requests_per_minute: Some(60),
            tokens_per_minute: Some(200_000),
            concurrent: Some(4),
        }
    );
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(
        local.patience,
        Patience {
            connect: seconds(10),
            idle: seconds(300),
            total: seconds(1_800),
            retries: Some(2),
        }
    );
    let cassette = house.root.join("cassettes/local.jsonl");
    assert_eq!(local.record.as_ref(), Some(&cassette));
    let key = SecretRef::File(house.root.join("secrets/key"));
    assert_eq!(
        http("held"),
        (
            Dialect::Responses { held: true },
            "https://models.example/v1",
            Some(key)
        )
    );
    assert_eq!(house.providers["held"].patience.retries, Some(0));
    assert_eq!(http("fresh").0, Dialect::Responses { held: false });
    assert_eq!(
        (
            house.providers["fresh"].limits,
            house.providers["fresh"].patience
        ),
        (RateLimits::default(), Patience::default())
    );
    let key = SecretRef::Env("ANTHROPIC_API_KEY".into());
    assert_eq!(
        http("claude"),
        (Dialect::Messages, "https://api.anthropic.com", Some(key))
    );
    let record = house.providers["claude"].record.as_ref();
    assert_eq!(record, Some(&house.root.join("cassettes/claude.jsonl")));
    let played = ProviderKind::Replay {
        file: house.root.join("cassettes/played.jsonl"),
    };
    assert_eq!(house.providers["played"].kind, played);
    let longer = house.providers["longer"].record.as_ref();
    assert_eq!(longer, Some(&house.root.join("cassettes/played.jsonl")));
    let coming = ProviderKind::Replay { file: cassette };
    assert_eq!(house.providers["coming"].kind, coming);
    assert!(house.providers["spoken"].record.is_some());
}

#[cfg(unix)]
#[test]
fn no_link_leads_a_cassette_out_of_the_house_or_onto_what_it_is_made_of() {
    let outside = tempfile::tempdir().unwrap();
    for (target, said) in [
        (outside.path().to_owned(), "it leads out of the house"),
        (outside.path().join("gone"), "it does not exist"),
        ("scripts".into(), "is what `local` answers from"),
        (
            "agents".into(),
            "lies where the host looks for its own agents",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        copy(&fixtures().join("base"), directory.path());
        let link = directory.path().join("cassettes");
        std::os::unix::fs::symlink(&target, link).unwrap();
        let file = directory.path().join("house.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let recorded = text.replace(
            "providers:\n",
            "providers:\n  local: { kind: scripted, file: scripts/replies.yaml, record: cassettes/replies.yaml }\n",
        );
        fs::write(&file, recorded).unwrap();
        let report = load(directory.path()).unwrap_err();
        let messages: Vec<&str> = report.findings.iter().map(|f| &*f.message).collect();
        assert!(
            messages.len() == 1 && messages[0].contains(said),
            "{target:?}: {messages:?}"
        );
    }
}
