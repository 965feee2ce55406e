//! What cannot be read is said, and keeps nothing else from going on.

use super::stage::{Stage, left_patient};
use crate::common::runtime;
use crate::{begin, left_letter, minutes, piece};
use charthouse_runtime::host::{Command, Hosting, RefusedCode, look};
use journal::{Bulk, Compaction, NewRecord};
use serde_json::{Value as Json, json};
use std::path::Path;
use types::Timestamp;

fn append(stage: &Stage, run: &str, kind: &str, body: &Json) {
    let body = body.to_string();
    let record = NewRecord {
        run,
        time: Timestamp(stage.now()),
        kind,
        body: &body,
    };
    stage.journal().append(&[record]).unwrap();
}

fn show(instance: &str) -> Command {
    Command::WorkflowShow {
        instance: instance.into(),
    }
}

#[test]
fn an_instance_that_cannot_be_read_is_listed_and_says_why() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let (whole, damaged) = stage
            .live(async |host| (piece(host).await, piece(host).await))
            .await;
        append(&stage, &damaged, "step", &json!({ "time": "never" }));
        let is_told = |list: &Json, refused: charthouse_runtime::host::Refused| {
            let mut instances = list["instances"].as_array().unwrap().iter();
            let mut of = |id: &str| instances.find(|line| line["instance"] == id).unwrap();
            assert_eq!(of(&whole)["status"], "open");
            let line = of(&damaged);
            assert_eq!(
                (&line["status"], &line["chart"]),
                (&json!("damaged"), &json!("piece"))
            );
            assert_eq!(refused.code, RefusedCode::Store);
            assert!(
                refused.message.contains("does not fit"),
                "{}",
                refused.message
            );
        };
        let (journal, house) = (stage.journal(), stage.house());
        let ask = |command: &Command| look(&journal, Some(&house), &house.root, command);
        let list = ask(&Command::WorkflowList {}).unwrap();
        is_told(&list, ask(&show(&damaged)).unwrap_err());
        stage
            .live(async |host| {
                let list = host.ask(Command::WorkflowList {}).await.unwrap();
                is_told(&list, host.ask(show(&damaged)).await.unwrap_err());
            })
            .await;
    });
}

#[test]
fn without_a_host_an_instance_is_named_as_with_one() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let ids = stage
            .live(async |host| [piece(host).await, piece(host).await])
            .await;
        let both = ids[0].chars().zip(ids[1].chars());
        let both: String = both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
        let journal = stage.journal();
        let ask = |wanted: &str| look(&journal, None, Path::new("/"), &show(wanted));
        for (wanted, why) in [("", "is empty"), (&*both, "more than one instance")] {
            let refused = ask(wanted).unwrap_err();
            assert_eq!(refused.code, RefusedCode::BadCommand, "{wanted}");
            assert!(refused.message.contains(why), "{}", refused.message);
        }
        let refused = ask("nobody").unwrap_err();
        assert_eq!(refused.code, RefusedCode::NoSuchInstance);
    });
}

/// What a call came to was taken out of the journal before anybody knew of it: its run cannot go on, and all others do.
#[test]
fn a_run_of_which_too_much_was_taken_out_keeps_no_host_from_beginning() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let run = left_patient(&stage).await;
        let invoke = json!([{ "type": "invoke", "id": "a", "activity": "turn", "state": "idle", "params": {} }]);
        append(
            &stage,
            &run,
            "step",
            &json!({ "event": { "name": "e" }, "time": stage.now(), "configuration": ["idle"], "effects": invoke }),
        );
        append(
            &stage,
            &run,
            "call",
            &json!({ "effect": 7, "invocation": "a", "call": "c", "tool": "t", "arguments": "{}", "repeat": "once" }),
        );
        append(&stage, &run, "outcome", &json!({ "effect": 7, "outcome": "x".repeat(500) }));
        let compacted = stage.journal().compact(&Compaction {
            from: Bulk::Runs(&[&run]),
            kinds: &["outcome"],
            at_least: 0,
            archive: None,
            anew: false,
            now: Timestamp(stage.now()),
        });
        assert_eq!(compacted.unwrap().records, 1);
        left_letter(&stage, &run, "human.enough");
        stage
            .live(async |host| {
                let other = begin(host, "solo").await;
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(stage.records(&other, "ended")[0]["status"], "done");
            })
            .await;
        assert!(stage.records(&run, "ended").is_empty());
    });
}
