//! Summaries, and the model a call may use: what is granted is passed on, what is not is denied, and every limit covers the model too.

use crate::common::{TestModel, grant, load, sandbox};
use charthouse_sandbox::{CallContext, ContextRequest, Kind, SummaryRequest, SummaryTurn};
use policy::{Grant, Verdict};
use std::time::Duration;
use types::{Bytes, CallError, CallErrorKind, Count, Item, Outcome, Provenance, Role};

async fn summarise(
    order: &str,
    grant: &Grant,
    context: &CallContext,
) -> (Result<String, CallError>, Outcome) {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "sum").await;
    let turn = |speaker: &str, text: &str| SummaryTurn {
        speaker: speaker.into(),
        text: text.into(),
    };
    let request = SummaryRequest {
        earlier: Some("before".into()),
        said: vec![turn("fs.read", "a file"), turn("human", order)],
        budget: 40,
    };
    sandbox.summarise(&plugin, &request, grant, context).await
}

#[track_caller]
fn refused(
    (summary, outcome): (Result<String, CallError>, Outcome),
    kind: CallErrorKind,
) -> String {
    let error = summary.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert_eq!(outcome.result.unwrap_err().message, error.message);
    error.message
}

#[tokio::test]
async fn a_summary_plugin_is_shown_everything_and_the_journal_gets_no_summary() {
    let plugin = load(&sandbox(), "sum").await;
    assert_eq!(plugin.info().kinds, [Kind::Memory]);
    let (summary, outcome) = summarise("SHOW", &grant(), &CallContext::default()).await;
    assert_eq!(
        summary.unwrap(),
        r#"earlier: Some("before"); said: fs.read: a file / human: SHOW; budget: 40"#
    );
    assert_eq!(outcome.result, Ok(Vec::new()));
    assert!(outcome.fuel > 0 && outcome.memory > 0);
    assert_eq!(outcome.log, ["debug: sums up 2 turns"]);
    let failed = summarise("FAIL", &grant(), &CallContext::default()).await;
    assert_eq!(
        refused(failed, CallErrorKind::Failed),
        "it was asked to fail"
    );
}

#[tokio::test]
async fn a_granted_model_is_asked_with_the_smaller_limit_and_no_tools() {
    let model = TestModel::answers("in short");
    let (summary, _) = summarise("ASK", &grant(), &model.granted()).await;
    assert_eq!(summary.unwrap(), "in short");
    let asked = model.asked();
    let [payload] = asked.as_slice() else {
        panic!("asked {} times", asked.len());
    };
    assert_eq!(payload.parameters.max_output, 40);
    assert!(payload.tools.is_empty());
    let [system, prompt] = payload.items.as_slice() else {
        panic!("{:?}", payload.items);
    };
    let Item::Text {
        role: Role::System,
        text,
        provenance: Provenance::Plugin { name, .. },
        ..
    } = &**system
    else {
        panic!("{system:?}");
    };
    assert_eq!((&*text.plain(), &**name), ("Sum up.", "sum"));
    let Item::Text { role, text, .. } = &**prompt else {
        panic!("{prompt:?}");
    };
    assert_eq!(*role, Role::User);
    assert!(text.plain().contains("fs.read: a file"), "{text}");
}

#[tokio::test]
async fn no_model_and_a_model_that_fails_are_failures_in_words() {
    let none = summarise("ASK", &grant(), &CallContext::default()).await;
    let said = refused(none, CallErrorKind::Denied);
    assert!(said.contains("not granted a model"), "{said}");
    let model = TestModel::refuses();
    let failed = summarise("ASK", &grant(), &model.granted()).await;
    let said = refused(failed, CallErrorKind::Unavailable);
    assert!(said.contains("wait a minute"), "{said}");
}

#[tokio::test]
async fn a_summary_beyond_the_output_limit_is_refused() {
    let mut grant = grant();
    grant.limits.output = Bytes(1_000);
    let context = CallContext::default();
    let (fits, _) = summarise("FILL 1000", &grant, &context).await;
    assert_eq!(fits.unwrap().len(), 1_000);
    let said = refused(
        summarise("FILL 1001", &grant, &context).await,
        CallErrorKind::Limit,
    );
    assert!(said.contains("output limit"), "{said}");
}

#[tokio::test]
async fn the_deadline_ends_a_guest_that_spins_and_a_model_that_never_answers() {
    let mut grant = grant();
    grant.limits.deadline = Duration::from_millis(100);
    grant.limits.fuel = Count(1_000_000_000_000);
    let spins = summarise("SPIN", &grant, &CallContext::default()).await;
    let said = refused(spins, CallErrorKind::Limit);
    assert!(said.contains("deadline of 100ms"), "{said}");
    let model = TestModel::never_answers();
    let waits = summarise("ASK", &grant, &model.granted()).await;
    let said = refused(waits, CallErrorKind::Limit);
    assert!(said.contains("deadline of 100ms"), "{said}");
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test]
async fn a_denied_plugin_is_not_started_and_one_that_cannot_sum_up_says_so() {
    let mut denied = grant();
    denied.verdict = Verdict::Deny;
    let (summary, outcome) = summarise("SHOW", &denied, &CallContext::default()).await;
    assert_eq!(summary.unwrap_err().kind, CallErrorKind::Denied);
    assert_eq!(outcome.fuel, 0);
    let sandbox = sandbox();
    let memory = load(&sandbox, "mem").await;
    let context = CallContext::default();
    let (summary, _) = sandbox
        .summarise(&memory, &SummaryRequest::default(), &grant(), &context)
        .await;
    let said = summary.unwrap_err().message;
    assert!(
        said.contains("exports no charthouse:plugin/summary"),
        "{said}"
    );
    let summary = load(&sandbox, "sum").await;
    let (fragments, _) = sandbox
        .provide(&summary, &ContextRequest::default(), &grant(), &context)
        .await;
    assert!(fragments.is_err());
}
