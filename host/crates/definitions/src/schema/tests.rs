//! Schema and parser know the same keys, and every definition that loads is valid by its schema.

use super::schema;
use crate::kind::Kind;
use crate::tree;
use crate::walk::Walk;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Keys = BTreeMap<String, BTreeSet<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Every definition below `directory`, by kind.
fn definitions(directory: &Path, found: &mut Vec<(Kind, PathBuf, Value)>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            definitions(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = fs::read_to_string(&path).unwrap();
            let Ok(tree) = tree::parse(&"x.yaml".into(), text.trim_start_matches('\u{feff}'))
            else {
                continue;
            };
            let first = tree.root.map().and_then(<[_]>::first);
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| first.is_some_and(|first| &*first.key.text == kind.key()));
            if let Some(kind) = kind {
                let value = serde_json::to_value(tree.root.to_value()).unwrap();
                found.push((kind, path, value));
            }
        }
    }
}

#[test]
fn every_definition_that_loads_is_valid_by_its_schema() {
    let mut found = Vec::new();
    for directory in ["valid", "warned", "base"] {
        definitions(
            &repository().join("tests/definitions").join(directory),
            &mut found,
        );
    }
    for directory in ["charts", "tests/charts"] {
        definitions(&repository().join(directory), &mut found);
    }
    let validators =
        Kind::ALL.map(|kind| (kind, jsonschema::validator_for(&schema(kind)).unwrap()));
    for (kind, path, value) in &found {
        let (_, validator) = validators.iter().find(|(known, _)| known == kind).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
    assert!(found.len() >= 60, "{} definitions are too few", found.len());
}

#[test]
fn what_the_schema_can_know_to_be_wrong_is_not_valid() {
    for (kind, text) in [
        (Kind::House, "house: a\nprovidrs: {}"),
        (Kind::House, "house: a\nproviders: { a: { kind: openai } }"),
        (
            Kind::House,
            "house: a\nproviders: { a: { kind: scripted, file: x, held: true } }",
        ),
        (
            Kind::House,
            "house: a\nproviders: { a: { kind: anthropic, key: sk-1 } }",
        ),
        (
            Kind::Agent,
            "agent: a\nmodel: { provider: p, name: n, context_length: 1k, max_output: 1 }\ncognition: c\ncontext: [{ id: a, text: x, file: y }]",
        ),
        (
            Kind::Agent,
            "agent: a\nmodel: { provider: p, name: n, context_length: 1k, max_output: 1 }\ncognition: c\ncontext: [{ id: a, text: x, expires: 5m }]",
        ),
        (
            Kind::Agent,
            "agent: a\nmodel: { provider: p }\ncognition: c\ncontext: []",
        ),
        (
            Kind::Chart,
            "chart: a\nstates: { b: { context: [{ history: true }] } }",
        ),
        (Kind::Chart, "chart: a\nstates: { b: { after: { 10: c } } }"),
        (
            Kind::Chart,
            "chart: a\nstates: { b: { entry: [{ raise: x, log: y }] } }",
        ),
        (
            Kind::House,
            "house: a\nserve: { triggers: { b: { agent: c } } }",
        ),
        (
            Kind::House,
            "house: a\nserve: { triggers: { b: { agent: c, every: 1m, cron: \"@daily\" } } }",
        ),
        (
            Kind::House,
            "house: a\nserve: { triggers: { b: { agent: c, every: 1m, input: {} } } }",
        ),
        (Kind::House, "house: a\nserve: { http: 7070 }"),
        (
            Kind::Chart,
            "chart: a\nstates: { b: { invoke: { activity: agent, params: { prompt: x } } } }",
        ),
        (Kind::Policy, "policy: a\ntools: [{ permit: x }]"),
        (Kind::Policy, "policy: a\nlimits: { memory: 64 }"),
    ] {
        let tree = tree::parse(&"x.yaml".into(), text);
        let value = serde_json::to_value(tree.ok().unwrap().root.to_value()).unwrap();
        assert!(!jsonschema::is_valid(&schema(kind), &value), "{text}");
    }
}

/// The keys of every map in `schema`, by what complaints call it.
fn keys_of(schema: &Value, keys: &mut Keys) {
    match schema {
        Value::Object(entries) => {
            if let (Some(Value::String(title)), Some(Value::Object(properties))) =
                (entries.get("title"), entries.get("properties"))
            {
                assert_eq!(entries["additionalProperties"], false, "{title}");
                let known = keys.entry(title.clone()).or_default();
                known.extend(properties.keys().cloned());
            }
            entries.values().for_each(|value| keys_of(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
        _ => {}
    }
}

/// The keys that the parser asks for while it loads the houses and charts of `tests/definitions`, by what complaints call the map.
fn keys_asked_for() -> Keys {
    let fixtures = repository().join("tests/definitions");
    let mut keys = Keys::new();
    let cases = ["valid", "warned"].into_iter().flat_map(|kind| {
        let entries = fs::read_dir(fixtures.join(kind)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    for case in cases {
        let house = tempfile::tempdir().unwrap();
        copy(&fixtures.join("base"), house.path());
        copy(&case, house.path());
        let mut walk = Walk::default();
        if house.path().join("chart.yaml").is_file() {
            fs::rename(
                house.path().join("chart.yaml"),
                house.path().join("charts/it.yaml"),
            )
            .unwrap();
        }
        crate::load::load_with(&mut walk, house.path());
        for (what, known) in walk.keys {
            let known = known.into_iter().map(str::to_owned);
            keys.entry(what).or_default().extend(known);
        }
    }
    keys
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn the_schema_has_every_key_that_the_parser_knows_and_no_other() {
    let mut schemas = Keys::new();
    for kind in Kind::ALL {
        keys_of(&schema(kind), &mut schemas);
    }
    let parser = keys_asked_for();
    let differ: Vec<_> = schemas
        .keys()
        .chain(parser.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|what| schemas.get(*what) != parser.get(*what))
        .map(|what| (what, schemas.get(what), parser.get(what)))
        .collect();
    assert!(differ.is_empty(), "schema, then parser: {differ:#?}");
}
