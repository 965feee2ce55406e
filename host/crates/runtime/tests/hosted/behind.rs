//! In whose name the house says something to a run.

use super::stage::Stage;
use crate::common::{runtime, start};
use charthouse_runtime::host::{Command, Fire, FireHow, Hosting};
use serde_json::Value as Json;

/// Who is behind what the house says to a run stands beside it: a person, or a trigger.
#[test]
fn what_the_house_says_to_a_run_names_who_is_behind_it() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let begun = host.ask(start("brittle")).await.unwrap();
                let run = begun["run"].as_str().unwrap().to_owned();
                let signal = || Command::Signal {
                    run: run.clone(),
                    event: "signal.nothing".into(),
                    data: None,
                };
                host.ask(signal()).await.unwrap();
                let fire = Fire {
                    schedule: None,
                    trigger: "nightly".into(),
                    key: "1".into(),
                    subject: String::new(),
                    due: stage.now(),
                    how: FireHow::Start,
                    then: Some(Box::new(signal())),
                };
                host.ask(Command::Fire(fire)).await.unwrap();
                let sent = stage.records("house", "sent");
                let mut by: Vec<&Json> = sent.iter().map(|sent| &sent["by"]).collect();
                by.drain(..by.len() - 2);
                assert_eq!(by, ["person", "trigger:nightly"]);
            })
            .await;
    });
}
