//! What tests that play whole runs share: files on the disk, the room that a run is in, and a model that answers.

#![allow(dead_code, reason = "each test uses a part of it")]

use charthouse_runtime::host::Command;
use charthouse_runtime::{
    Admitted, Asked, Observer, Reloads, RunEnd, RunRequest, SharedJournal, run,
};
use definitions::House;
use sandbox::{Compiler, Sandbox, Settings};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use types::{Clock, ContentHash, Model, Reply, StopReason, Usage};

pub fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub fn load(root: &Path) -> House {
    definitions::load(root).unwrap_or_else(|report| panic!("{}", report.render(false)))
}

/// A sandbox that compiles here, for a house in `root`.
pub fn sandbox(root: &Path, clock: Arc<dyn Clock>) -> Arc<Sandbox> {
    Arc::new(Sandbox::new(Settings {
        cache: root.join(".charthouse/cache"),
        compiler: Compiler::Here,
        concurrency: 1,
        clock,
        state: None,
        http: None,
    }))
}

/// The whole answer of a model that costs nothing and calls nothing.
pub fn reply(text: impl Into<Arc<str>>) -> Reply {
    Reply {
        text: text.into(),
        stop: StopReason::End,
        usage: Usage::default(),
        reasoning: None,
        calls: Vec::new(),
        model: "m".into(),
        abandoned: None,
        request: None,
    }
}

/// A run of `agent` of `house` that asks `model` and hears of nothing but its `prompt`.
pub fn request(
    house: &House,
    agent: &str,
    prompt: Option<&str>,
    model: Arc<dyn Model>,
) -> RunRequest {
    RunRequest {
        agent: agent.into(),
        prompt: prompt.map(str::to_owned),
        asked: vec![Asked {
            model,
            parameters: house.agents[agent].model.clone(),
            free: true,
            here: true,
            identity: ContentHash::of(b""),
        }],
        ask: Box::new(|_, _| Ok(None)),
        inbox: None,
        permit: None,
        resume: None,
        hosted: None,
    }
}

/// Play a run to its end.
pub fn play(
    services: &Admitted,
    journal: &SharedJournal,
    request: RunRequest,
    observer: Observer,
    reloads: Reloads,
) -> RunEnd {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = run(
        services,
        journal,
        request,
        observer,
        reloads,
        std::future::pending(),
    );
    runtime.block_on(run).unwrap()
}

/// Start a run of `agent`.
pub fn start(agent: &str) -> Command {
    Command::Start {
        agent: agent.into(),
        prompt: Some("go".into()),
        instance: None,
        role: None,
        resume: None,
    }
}

/// A runtime whose time passes only while nothing happens.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}
