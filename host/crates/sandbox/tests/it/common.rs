//! A sandbox over a directory of its own, and short ways to call a hostile tool under a grant.

use charthouse_sandbox::{
    CallContext, Compiler, GuestModel, Plugin, Sandbox, Settings, ToolRequest,
};
use policy::{Access, ClockMode, Grant, HardLinks, Mount, RandomMode};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use types::{
    CallError, CallErrorKind, Clock, Http, Model, ModelError, ModelErrorKind, ModelFuture,
    ModelParameters, ModelSink, Outcome, Part, Payload, PluginName, Reply, State, StateSize,
    StopReason, Timestamp, ToolName, Usage,
};

/// The component of the test guest `name`.
pub fn guest(name: &str) -> PathBuf {
    let path = guest_path(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask test`",
        path.display()
    );
    path
}

/// Where the component of the test guest `name` is, once it is built.
pub fn guest_path(name: &str) -> PathBuf {
    let directory = std::env::var_os("CHARTHOUSE_TEST_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/guests"),
        PathBuf::from,
    );
    directory.join(format!("{name}.wasm"))
}

struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Plugin state in memory.
#[derive(Default)]
pub struct TestState(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl State for TestState {
    fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        let key = (plugin.to_owned(), key.to_owned());
        Ok(self.0.lock().unwrap().get(&key).cloned())
    }
    fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        let key = (plugin.to_owned(), key.to_owned());
        match value {
            Some(value) => self.0.lock().unwrap().insert(key, value.to_owned()),
            None => self.0.lock().unwrap().remove(&key),
        };
        Ok(())
    }
    fn keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, String> {
        let all = self.0.lock().unwrap();
        let ours = all
            .keys()
            .filter(|(p, k)| p == plugin && k.starts_with(prefix));
        Ok(ours.map(|(_, k)| k.clone()).collect())
    }
    fn held(&self, plugin: &str) -> Result<StateSize, String> {
        let all = self.0.lock().unwrap();
        let ours: Vec<_> = all.iter().filter(|((p, _), _)| p == plugin).collect();
        Ok(StateSize {
            keys: ours.len() as u64,
            bytes: ours
                .iter()
                .map(|((_, k), v)| (k.len() + v.len()) as u64)
                .sum(),
        })
    }
}

/// How a model behaves.
enum Manner {
    Answers(&'static str),
    Refuses,
    NeverAnswers,
}

/// A model that behaves so and keeps what it was asked.
pub struct TestModel {
    manner: Manner,
    asked: Mutex<Vec<Payload>>,
}

impl TestModel {
    /// One that answers `text`, whatever it is asked.
    pub fn answers(text: &'static str) -> Arc<Self> {
        TestModel::new(Manner::Answers(text))
    }

    /// One that has no time.
    pub fn refuses() -> Arc<Self> {
        TestModel::new(Manner::Refuses)
    }

    /// One that never answers.
    pub fn never_answers() -> Arc<Self> {
        TestModel::new(Manner::NeverAnswers)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Payload> {
        self.asked.lock().unwrap().clone()
    }

    fn new(manner: Manner) -> Arc<Self> {
        Arc::new(TestModel {
            manner,
            asked: Mutex::default(),
        })
    }

    /// A call that may use it.
    pub fn granted(self: &Arc<Self>) -> CallContext {
        CallContext {
            model: Some(GuestModel {
                model: self.clone(),
                parameters: ModelParameters {
                    provider: "p".into(),
                    name: "m".into(),
                    context_length: 1_000,
                    max_output: 100,
                    temperature: None,
                    reasoning: None,
                },
            }),
            ..CallContext::default()
        }
    }
}

impl Model for TestModel {
    fn complete<'a>(&'a self, payload: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        self.asked.lock().unwrap().push(payload.clone());
        Box::pin(async {
            match self.manner {
                Manner::Answers(text) => Ok(Reply {
                    text: text.into(),
                    reasoning: None,
                    calls: Vec::new(),
                    stop: StopReason::End,
                    usage: Usage::default(),
                    model: "m".into(),
                    abandoned: None,
                    request: None,
                }),
                Manner::Refuses => Err(ModelError::new(
                    ModelErrorKind::RateLimited,
                    "too many requests; wait a minute",
                )),
                Manner::NeverAnswers => std::future::pending().await,
            }
        })
    }
}

/// A cache that all tests of one process share: each guest is compiled once.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("code-cache")
}

/// Settings over `cache`.
pub fn settings(cache: PathBuf) -> Settings {
    Settings {
        cache,
        compiler: Compiler::Here,
        concurrency: 8,
        clock: Arc::new(TestClock(Instant::now())),
        state: Some(Arc::new(TestState::default())),
        http: None,
    }
}

/// A sandbox.
pub fn sandbox() -> Sandbox {
    Sandbox::new(settings(cache()))
}

/// A sandbox whose guests' requests `http` makes.
pub fn sandbox_with(http: Arc<dyn Http>) -> Sandbox {
    Sandbox::new(Settings {
        http: Some(http),
        ..settings(cache())
    })
}

/// Load the guest `name`.
pub async fn load(sandbox: &Sandbox, name: &str) -> Arc<Plugin> {
    let plugin = PluginName::parse(name).unwrap();
    sandbox.load(plugin, &guest(name), true).await.unwrap()
}

/// A grant that allows a tool and gives it nothing.
pub fn grant() -> Grant {
    Grant {
        clock: ClockMode::Real,
        random: RandomMode::Real,
        ..Grant::bare(ToolName::parse("hostile.any").unwrap())
    }
}

/// A mount of `host` at `guest`.
pub fn mount(guest: &str, host: &Path, access: Access) -> Mount {
    Mount {
        guest: guest.into(),
        host: host.to_owned(),
        access,
        hide: Vec::new(),
        hard_links: HardLinks::Allow,
        stage: policy::Stage::default(),
        within: None,
    }
}

/// Call a tool of the hostile guest.
pub async fn call(grant: &Grant, tool: &str, arguments: serde_json::Value) -> Outcome {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    call_on(&sandbox, &plugin, grant, tool, arguments).await
}

/// Call a tool of `plugin`.
pub async fn call_on(
    sandbox: &Sandbox,
    plugin: &Plugin,
    grant: &Grant,
    tool: &str,
    arguments: serde_json::Value,
) -> Outcome {
    let request = ToolRequest {
        tool,
        arguments: &arguments.to_string(),
        id: "test/1",
        grant,
    };
    let context = CallContext {
        time: Timestamp(1_234_567_890_123),
        seed: "test/1".into(),
        ..CallContext::default()
    };
    sandbox.call(plugin, request, &context).await
}

/// The answer's text.
#[track_caller]
pub fn text(outcome: &Outcome) -> String {
    match outcome.result.as_deref() {
        Ok([Part::Text(text)]) => text.clone(),
        Ok([Part::Json(json)]) => json.to_string(),
        other => panic!("not one text: {other:?}"),
    }
}

/// The error, which must be of `kind` and speak of `about`.
#[track_caller]
pub fn error(outcome: &Outcome, kind: CallErrorKind, about: &str) -> CallError {
    let error = outcome.result.clone().expect_err("it succeeded");
    assert_eq!(error.kind, kind, "{error}");
    assert!(
        error.message.contains(about),
        "`{about}` is not in: {error}"
    );
    error
}

/// Play a script of raw file calls (see `tests/guests/rawfs`); what each came to.
pub async fn script(grant: &Grant, ops: &[&[&str]]) -> (Vec<String>, Outcome) {
    let sandbox = sandbox();
    script_on(&sandbox, grant, ops, "ok").await
}

/// The same on `sandbox`, ending as `end` says: `ok`, `fail` or `trap`.
pub async fn script_on(
    sandbox: &Sandbox,
    grant: &Grant,
    ops: &[&[&str]],
    end: &str,
) -> (Vec<String>, Outcome) {
    let plugin = load(sandbox, "rawfs").await;
    let ops = serde_json::to_string(ops).unwrap();
    let arguments = serde_json::json!({ "ops": ops, "end": end });
    let outcome = call_on(sandbox, &plugin, grant, "script", arguments).await;
    let said = match outcome.result.as_deref() {
        Ok([Part::Json(said)]) => serde_json::from_value(said.clone()).unwrap(),
        Err(error) if end == "fail" => serde_json::from_str(&error.message).unwrap_or_default(),
        _ => Vec::new(),
    };
    (said, outcome)
}
