//! Conversations written to a journal and read back from their end.

use super::*;
use context::BytesEstimate;
use journal::NewRecord;
use serde_json::Value;
use types::{Role, Timestamp, ToolCall, ToolResult};

const BY: &str = "bytes/3.6";

fn measure(item: Item) -> HistoryItem {
    HistoryItem::measured(Arc::new(item), &BytesEstimate)
}

fn human(text: &str) -> Item {
    Item::Text {
        role: Role::User,
        text: text.into(),
        provenance: Provenance::Human,
        labels: Vec::new(),
    }
}

/// A prompt, and `turns` calls with their results.
fn conversation(turns: usize) -> Vec<Item> {
    let mut items = vec![human("Carry on.")];
    for turn in 0..turns {
        let id: Arc<str> = format!("call_{turn}").into();
        items.push(Item::Assistant {
            text: "".into(),
            reasoning: None,
            calls: vec![ToolCall {
                id: id.clone(),
                name: "fs.read".into(),
                arguments: "{}".into(),
            }],
            provenance: Provenance::Model("m".into()),
        });
        items.push(Item::Result(ToolResult {
            call: id,
            name: "fs.read".into(),
            text: format!("result {turn}").into(),
            failed: false,
            provenance: Provenance::House,
            labels: Vec::new(),
        }));
    }
    items
}

/// Records of `items` as a run writes them, changed by `change`.
fn bodies(items: &[Item], change: impl Fn(usize, &mut Value)) -> Vec<String> {
    let mut history = History::default();
    let body = |(n, item): (usize, &Item)| {
        let mut body = json!({ "n": n, "item": item, "before": history.mark(), "by": BY });
        history.push(measure(item.clone()));
        change(n, &mut body);
        body.to_string()
    };
    items.iter().enumerate().map(body).collect()
}

fn journal(bodies: &[String]) -> (tempfile::TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
    let records: Vec<NewRecord<'_>> = bodies
        .iter()
        .flat_map(|body| [("r", body), ("other", body)])
        .map(|(run, body)| NewRecord {
            run,
            time: Timestamp(0),
            kind: Kind::Item.name(),
            body,
        })
        .collect();
    journal.append(&records).unwrap();
    (directory, journal)
}

fn needed(tokens: u64) -> Needed {
    Needed {
        tokens,
        from: usize::MAX,
    }
}

#[test]
fn the_end_is_read_and_the_prompt_that_stands_before_it() {
    let items = conversation(1_000);
    let (_directory, journal) = journal(&bodies(&items, |_, _| {}));
    let ending = ending(&journal, "r", None, BY, &needed(2_000), measure).unwrap();
    let start = ending.before.all.items;
    assert!((1_500..1_990).contains(&start), "{start}");
    assert_eq!(ending.items, items[start..]);
    assert_eq!(ending.prompt.as_ref(), items.first());
    let whole = History::from(items.iter().cloned().map(measure).collect::<Vec<_>>());
    let mut history = History::after(ending.before, ending.prompt.map(measure));
    ending
        .items
        .into_iter()
        .for_each(|item| history.push(measure(item)));
    assert_eq!(history.mark(), whole.mark());
    assert!(history.meets(&needed(2_000)));

    // A wider window: what is missing is read, and not more than a page too much.
    read_back(&journal, "r", None, &mut history, &needed(20_000), measure).unwrap();
    assert!(history.meets(&needed(20_000)));
    assert!(history.start() > 0);
    assert_eq!(history.items(), &whole.items()[history.start()..]);
    assert_eq!(history.mark(), whole.mark());
    read_back(
        &journal,
        "r",
        None,
        &mut history,
        &needed(u64::MAX),
        measure,
    )
    .unwrap();
    assert_eq!(history.items(), whole.items());
}

#[test]
fn records_that_say_less_or_count_otherwise_are_all_read() {
    let items = conversation(100);
    for (name, value) in [("before", Value::Null), ("by", json!("o200k_base"))] {
        let change = |_, body: &mut Value| body[name] = value.clone();
        let (_directory, journal) = journal(&bodies(&items, change));
        let ending = ending(&journal, "r", None, BY, &needed(10), measure).unwrap();
        assert_eq!(
            (ending.before, ending.items),
            (Mark::default(), items.clone())
        );
    }
    // A conversation begun by an earlier version and carried on by this one.
    let change = |n, body: &mut Value| {
        if n < 150 {
            body["before"] = Value::Null;
        }
    };
    let (_directory, journal) = journal(&bodies(&items, change));
    let ending = ending(&journal, "r", None, BY, &needed(u64::MAX), measure).unwrap();
    assert_eq!(ending.items, items);
}

#[test]
fn an_item_that_is_missing_is_told_and_nothing_is_made_up() {
    let items = conversation(100);
    let mut bodies = bodies(&items, |_, _| {});
    bodies.remove(90);
    let (_directory, journal) = journal(&bodies);
    let error = ending(&journal, "r", None, BY, &needed(u64::MAX), measure).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("item 90 of the conversation is missing"),
        "{error}"
    );
    // What stands behind it is all that is needed.
    assert!(ending(&journal, "r", None, BY, &needed(500), measure).is_ok());
}

#[test]
fn a_run_that_said_nothing_has_no_end() {
    let (_directory, journal) = journal(&[]);
    let ending = ending(&journal, "r", None, BY, &needed(500), measure).unwrap();
    assert_eq!((ending.before, ending.items), (Mark::default(), Vec::new()));
}
