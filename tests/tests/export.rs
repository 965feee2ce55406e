//! The record for other programs: lines by which the chain can be checked without charthouse, and traces that a collector takes.

use charthouse_tests::{Held, House, Plan, UnderWay, keys};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn house_with_a_run() -> House {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    text: \"Ünï \\u0007 code\"\n    calls:\n      - { tool: hostile.echo, arguments: { text: hello } }\n      - { tool: fs.write, arguments: { path: /workspace/a.txt, text: x } }\n  - text: Seen.\n",
        policy: "{ tools: [{ allow: \"*\" }, { deny: fs.write }] }",
        ..Plan::default()
    });
    house.run(["run", "tester", "--json"]).expect(0);
    house
}

fn export(house: &House, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec!["journal", "export"];
    all.extend(arguments);
    house.run(all).expect(0).lines()
}

/// The hash of a line as docs/journal.md says it is computed.
fn hash_of(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let previous = blake3::Hash::from_hex(text("previous")).unwrap();
    let mut hasher = blake3::Hasher::new_derive_key("charthouse journal record 2");
    hasher.update(previous.as_bytes());
    hasher.update(&line["seq"].as_u64().unwrap().to_le_bytes());
    for (name, number) in [("run", line["time"].as_i64()), ("kind", None)] {
        let text = text(name);
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
        if let Some(time) = number {
            hasher.update(&time.to_le_bytes());
        }
    }
    hasher.update(blake3::hash(text("body").as_bytes()).as_bytes());
    hasher.finalize().to_hex().to_string()
}

#[test]
fn the_chain_can_be_checked_from_the_lines_alone() {
    let house = house_with_a_run();
    house
        .run([
            "memory",
            "add",
            "tester",
            "of the house",
            "--layer",
            "facts",
        ])
        .expect(0);
    house.run(["run", "tester", "--json"]).expect(0);
    let lines = export(&house, &[]);
    let mut previous = "0".repeat(64);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(
            keys(line),
            ["seq", "run", "time", "kind", "body", "previous", "hash"]
        );
        assert_eq!(line["seq"], index + 1);
        assert_eq!(line["previous"], previous.as_str());
        assert_eq!(line["hash"], hash_of(line).as_str(), "{line}");
        previous = line["hash"].as_str().unwrap().to_owned();
    }
    assert!(lines.iter().any(|line| line["run"] == "house"));
    // A part of it can be checked too: each line says what was before it.
    let run = export(&house, &["latest"]);
    assert!(run.len() < lines.len() && run.iter().all(|line| lines.contains(line)));
    let told = house.journal("");
    for (line, record) in run.iter().zip(&told) {
        let body: Value = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
        assert_eq!(&body, &record["body"], "the body is the very text");
    }
    assert_eq!(export(&house, &["--until", "1h"]), Vec::<Value>::new());
    assert_eq!(export(&house, &["--since", "1h"]), lines);
}

#[test]
fn an_export_goes_to_a_file_of_its_own_and_never_over_the_journal() {
    let house = house_with_a_run();
    let printed = house.run(["journal", "export"]).expect(0).stdout;
    house
        .run(["journal", "export", "-o", "out.jsonl"])
        .expect(0);
    assert_eq!(house.read("out.jsonl"), printed);
    for file in [
        ".charthouse/journal.db",
        ".charthouse/../.charthouse/journal.db-wal",
    ] {
        house
            .run(["journal", "export", "-o", file])
            .expect(2)
            .complains(&["the journal itself", "-o export.jsonl"]);
    }
    house.verify();
    house
        .run(["journal", "export", "-o", "no/such/folder/x"])
        .expect(1)
        .complains(&["cannot write no/such/folder/x"]);
    let empty = House::of(Plan::default());
    empty
        .run(["journal", "export"])
        .expect(1)
        .complains(&["no agent has run"]);
}

/// Spans with their attributes as plain values, in the order in which they ended.
fn spans(lines: &[Value]) -> Vec<(Value, BTreeMap<String, Value>)> {
    let mut spans = Vec::new();
    for line in lines {
        assert_eq!(keys(line), ["resourceSpans"]);
        for resource in line["resourceSpans"].as_array().unwrap() {
            assert_eq!(
                resource["resource"]["attributes"][0],
                json!({ "key": "service.name", "value": { "stringValue": "charthouse" } })
            );
            for scope in resource["scopeSpans"].as_array().unwrap() {
                spans.extend(scope["spans"].as_array().unwrap().clone());
            }
        }
    }
    let said = |span: &Value| {
        let attributes = span["attributes"].as_array().unwrap().iter();
        let plain = |attribute: &Value| {
            let value = attribute["value"]
                .as_object()
                .unwrap()
                .iter()
                .next()
                .unwrap();
            if value.0 == "intValue" {
                assert!(value.1.is_string(), "64-bit numbers are texts: {attribute}");
            }
            (
                attribute["key"].as_str().unwrap().to_owned(),
                value.1.clone(),
            )
        };
        attributes.map(plain).collect()
    };
    spans
        .into_iter()
        .map(|span| (span.clone(), said(&span)))
        .collect()
}

#[test]
fn a_run_is_a_trace_by_the_conventions() {
    let house = house_with_a_run();
    let lines = export(&house, &["--format", "otlp"]);
    assert_eq!(
        lines,
        export(&house, &["latest", "--format", "otlp"]),
        "ids follow from the record"
    );
    let spans = spans(&lines);
    let hexadecimal = |value: &Value, digits: usize| {
        let text = value.as_str().unwrap();
        assert!(
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{text}"
        );
        text.to_owned()
    };
    let ids: BTreeSet<String> = spans
        .iter()
        .map(|(span, _)| hexadecimal(&span["spanId"], 16))
        .collect();
    assert_eq!(ids.len(), spans.len());
    let traces: BTreeSet<String> = spans
        .iter()
        .map(|(span, _)| hexadecimal(&span["traceId"], 32))
        .collect();
    assert_eq!(traces.len(), 1);
    let nanoseconds = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    for (span, _) in &spans {
        let (start, end) = (
            nanoseconds(&span["startTimeUnixNano"]),
            nanoseconds(&span["endTimeUnixNano"]),
        );
        assert!(start <= end && start > 1_700_000_000_000_000_000, "{span}");
        assert!(span["kind"].is_u64());
        if let Some(parent) = span["parentSpanId"].as_str() {
            assert!(ids.contains(parent), "{span}");
        }
    }
    let named = |name: &str| -> Vec<&(Value, BTreeMap<String, Value>)> {
        spans
            .iter()
            .filter(|(span, _)| span["name"] == name)
            .collect()
    };
    let root = named("invoke_agent tester");
    assert_eq!(root.len(), 1);
    let (span, said) = root[0];
    assert!(span.get("parentSpanId").is_none());
    assert_eq!(said["gen_ai.operation.name"], "invoke_agent");
    assert_eq!(said["gen_ai.agent.name"], "tester");
    assert_eq!(said["charthouse.status"], "done");
    let states: Vec<&Value> = span["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["name"])
        .collect();
    assert_eq!(states, ["state", "state"]);
    let turn = named("turn work");
    assert_eq!(turn[0].0["parentSpanId"], span["spanId"]);
    let chats = named("chat test-model");
    let replies = house.journal("reply");
    assert_eq!(chats.len(), replies.len());
    for ((span, said), reply) in chats.iter().zip(&replies) {
        assert_eq!(
            (&span["kind"], &span["parentSpanId"]),
            (&json!(3), &turn[0].0["spanId"])
        );
        assert_eq!(said["gen_ai.operation.name"], "chat");
        assert_eq!(said["gen_ai.provider.name"], "model");
        assert_eq!(said["gen_ai.request.model"], "test-model");
        let usage = &reply["body"]["reply"]["usage"];
        assert_eq!(
            said["gen_ai.usage.input_tokens"],
            usage["input"].to_string()
        );
        assert_eq!(
            said["gen_ai.usage.output_tokens"],
            usage["output"].to_string()
        );
        assert_eq!(said["charthouse.cost.usd"], "0");
    }
    let (echo, said) = named("execute_tool hostile.echo")[0];
    assert_eq!(said["gen_ai.tool.name"], "hostile.echo");
    assert_eq!(
        said["gen_ai.tool.call.id"],
        house.journal("call")[0]["body"]["call"]
    );
    assert_eq!(echo["status"], json!({}));
    let (write, said) = named("execute_tool fs.write")[0];
    assert_eq!(said["error.type"], "denied");
    assert_eq!(write["status"]["code"], 2);
    assert!(
        said["charthouse.rule"]
            .as_str()
            .unwrap()
            .starts_with("agents/tester.yaml:")
    );
    // What was said stays in the journal.
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains("hello") && !text.contains("Seen."), "{text}");
}

#[test]
fn what_a_killed_run_left_open_ends_with_its_record() {
    let model = Held::new();
    let house = House::of(Plan {
        provider: &model.provider(),
        ..Plan::default()
    });
    let mut run = UnderWay::begin(&house);
    run.until("think");
    while house.run(["journal", "show", "latest", "--json"]).code != Some(0) {
        std::thread::yield_now();
    }
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    let last = house.journal("").pop().unwrap()["time"].as_u64().unwrap();
    let spans = spans(&export(&house, &["--format", "otlp"]));
    assert!(spans.len() >= 2, "{spans:?}");
    for (span, said) in spans {
        assert_eq!(said["error.type"], "unfinished", "{span}");
        assert_eq!(span["status"]["code"], 2);
        assert_eq!(span["endTimeUnixNano"], format!("{}", last * 1_000_000));
    }
}
