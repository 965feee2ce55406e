//! The workflows that are played.

use definitions::ChartBundle;
use std::path::Path;
use std::sync::Arc;

/// The one that comes with charthouse.
pub fn implement_review() -> Arc<ChartBundle> {
    shipped("implement-review")
}

/// Another one that does.
pub fn shipped(name: &str) -> Arc<ChartBundle> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    load(&root.join(format!("../../../charts/workflows/{name}.yaml")))
}

/// A chart written in a test.
pub fn chart(text: &str) -> Arc<ChartBundle> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.yaml");
    std::fs::write(&path, text).unwrap();
    load(&path)
}

fn load(path: &Path) -> Arc<ChartBundle> {
    match definitions::load_chart(path) {
        Ok((bundle, _)) => Arc::new(bundle),
        Err(report) => panic!("{}", report.render(false)),
    }
}

/// Three roles at once, each in its region, and one role that has work in two of them.
pub const SIDE_BY_SIDE: &str = "\
chart: side-by-side
version: 1.0.0
kind: workflow
roles: { writer: {}, tester: { never: writer }, editor: {} }
data: { rounds: 0 }
initial: work
states:
  work:
    type: parallel
    context: [{ text: Together. }]
    states:
      text:
        initial: write
        states:
          write:
            role: writer
            policy: { mounts: { /workspace: read-write } }
            on: { role.done: { guard: \"event.data.state == 'write'\", target: edit } }
          edit:
            role: editor
            on:
              role.done:
                - { guard: \"event.data.state == 'edit' && event.data.outcome == 'again'\", target: edit, reenter: true }
                - { guard: \"event.data.state == 'edit'\", target: text_done }
          text_done: { type: final }
      test:
        initial: testing
        states:
          testing:
            role: tester
            policy: { mounts: { /workspace: read-only } }
            on: { role.done: { guard: \"event.data.state == 'testing'\", target: pictures } }
          pictures:
            role: editor
            on: { role.done: { guard: \"event.data.state == 'pictures'\", target: test_done } }
          test_done: { type: final }
    on:
      done.state.work: done
      human.stopped: stopped
  stopped: { tags: [needs-human], on: { human.resumed: work } }
  done: { type: final }
";

/// Timers, delayed sends, history, a question to a person, events for others and for itself.
pub const BUSY: &str = "\
chart: busy
version: 1.0.0
kind: workflow
roles: { worker: {}, checker: { never: [worker, boss] }, boss: {} }
data: { rounds: 0, hurried: false, said: null, input: null }
initial: main
on:
  human.cancelled: over
states:
  main:
    initial: work
    entry: [{ assign: { rounds: data.rounds + 1 } }]
    on:
      human.paused: paused
      work.started: { actions: [{ assign: { input: event.data.input } }] }
      role.detached: { actions: [{ send: { event: missing, target: workflow } }] }
    states:
      before: { type: history, history: deep, target: work }
      work:
        role: worker
        entry: [{ send: { event: hurry, delay: 1h, id: hurry } }]
        exit: [{ cancel: hurry }]
        on:
          hurry: { actions: [{ assign: { hurried: true } }, { send: { event: faster, target: \"agent:coder\", data: { rounds: data.rounds } } }] }
          role.done: check
          missing: { target: work, reenter: true }
        after: { 2h: asking }
      asking:
        role: boss
        invoke: { activity: ask, params: { question: Shall I go on? } }
        on: { ask.done: { target: work, actions: [{ assign: { said: event.data.text } }] }, role.done: work }
      check:
        role: checker
        on:
          role.done:
            - { guard: \"event.data.outcome == 'accepted'\", target: over }
            - { guard: data.rounds < 50, target: main, reenter: true }
            - over
          role.detached: asking
  paused: { on: { human.resumed: before } }
  over: { type: final, output: { rounds: data.rounds } }
";
