//! The other kinds of plugin, each by one small component.

use crate::common::{grant, load, sandbox};
use charthouse_sandbox::{
    CallContext, ContextRequest, GuardDirection, GuardSubject, GuardVerdict, Kind, MemoryChange,
    MemoryEntry, MemoryLayer,
};
use types::{CallErrorKind, Timestamp, Value};

#[tokio::test]
async fn a_context_plugin_provides_fragments() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "ctx").await;
    assert_eq!(plugin.info().kinds, [Kind::Context]);
    let mut request = ContextRequest {
        params: Value::map([("depth", Value::Int(3))]),
        budget: 500,
        cognition: vec!["act".into(), "deep".into()],
        workflow: Vec::new(),
        query: "what now?".into(),
    };
    let context = CallContext::default();
    let fragments = sandbox
        .provide(&plugin, &request, &grant(), &context)
        .await
        .0
        .unwrap();
    let texts: Vec<&str> = fragments.iter().map(|f| f.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "params: {\"depth\":3}",
            "budget: 500",
            "cognition: act/deep",
            "workflow: ",
            "query: what now?"
        ]
    );
    request.params = Value::map([("fail", Value::from("not today"))]);
    let error = sandbox
        .provide(&plugin, &request, &grant(), &context)
        .await
        .0
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (CallErrorKind::Unavailable, "not today")
    );
    request.params = Value::map([("repeat", Value::Int(100_000))]);
    let error = sandbox
        .provide(&plugin, &request, &grant(), &context)
        .await
        .0
        .unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Limit, "{error}");
}

#[tokio::test]
async fn a_memory_plugin_proposes_changes_and_has_no_model_unless_granted() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "mem").await;
    assert_eq!(plugin.info().kinds, [Kind::Memory]);
    let entry = |id: &str, text: &str| MemoryEntry {
        id: id.into(),
        layer: MemoryLayer::Episode,
        text: text.into(),
        time: Timestamp(1),
    };
    let entries = [entry("a", "first"), entry("b", "second")];
    let context = CallContext {
        time: Timestamp(42),
        ..CallContext::default()
    };
    let changes = sandbox
        .consolidate(&plugin, &entries, &grant(), &context)
        .await
        .unwrap();
    let [
        MemoryChange::Add(added),
        MemoryChange::Replace(replaced),
        MemoryChange::Forget(forgotten),
    ] = changes.as_slice()
    else {
        panic!("{changes:?}");
    };
    assert!(
        added.text.contains("the model was denied"),
        "{}",
        added.text
    );
    assert!(added.text.contains("at 42"), "{}", added.text);
    assert_eq!(
        (replaced.id.as_str(), replaced.text.as_str()),
        ("a", "FIRST")
    );
    assert_eq!(forgotten, "b");
}

#[tokio::test]
async fn a_guard_passes_redacts_and_blocks() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "grd").await;
    assert_eq!(plugin.info().kinds, [Kind::Guard]);
    let context = CallContext::default();
    let subject = |text: &str| GuardSubject {
        direction: GuardDirection::BeforeModel,
        text: text.into(),
        provenance: "human".into(),
        labels: vec!["untrusted".into()],
    };
    let inspect = async |text: &str| {
        sandbox
            .inspect(&plugin, &subject(text), &grant(), &context)
            .await
            .0
            .unwrap()
    };
    assert_eq!(inspect("hello").await, GuardVerdict::Pass);
    assert_eq!(
        inspect("it is hunter2").await,
        GuardVerdict::Redact("it is *******".into())
    );
    let (verdict, outcome) = sandbox
        .inspect(&plugin, &subject("TRAP"), &grant(), &context)
        .await;
    let error = verdict.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Trap, "{error}");
    assert_eq!(outcome.result, Err(error));
    assert!(outcome.fuel > 0 && outcome.memory > 0, "{outcome:?}");
    let GuardVerdict::Block(why) = inspect("BLOCK").await else {
        panic!("not blocked");
    };
    assert!(
        why.contains("before the model from human labelled [untrusted]"),
        "{why}"
    );
}

#[tokio::test]
async fn a_plugin_of_one_kind_is_not_another() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "grd").await;
    let error = sandbox
        .provide(
            &plugin,
            &ContextRequest::default(),
            &grant(),
            &CallContext::default(),
        )
        .await
        .0
        .unwrap_err();
    assert!(
        error
            .message
            .contains("exports no charthouse:plugin/context"),
        "{error}"
    );
}
