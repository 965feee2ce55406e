//! The definitions that the simulated house has: timers, regions side by side, children, letters, questions, and the workflow that is shipped.

use std::fs;
use std::path::Path;

const HOUSE: &str = "\
house: h
store: sqlite:journal.db
providers: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }
serve: { restart: { first: 1s, most: 1m, crashes: 6, within: 10m }, most_running: 4 }
";

const AGENTS: [(&str, &str); 6] = [
    ("solo", "cognition: work"),
    ("ticker", "cognition: ticks"),
    ("listener", "cognition: ears"),
    (
        "parent",
        "cognition: delegate\nchildren: { depth: 2, at_once: 4, total: 20 }",
    ),
    ("coder", "cognition: work\nroles: [implementer]"),
    ("critic", "cognition: work\nroles: [reviewer, implementer]"),
];

const CHARTS: [(&str, &str); 5] = [
    (
        "work",
        "\
initial: work
states:
  work: { invoke: turn, on: { turn.done: done, error: pause } }
  pause: { after: { 2m: work } }
  done: { type: final }
",
    ),
    (
        "ticks",
        "\
data: { n: 0 }
initial: both
states:
  both:
    type: parallel
    states:
      clock:
        initial: wait
        states:
          wait: { after: { 30m: tick } }
          tick:
            entry: [{ assign: { n: data.n + 1 } }, { send: { event: poke, target: \"agent:listener\", data: data.n } }]
            invoke: think
            on: { think.done: wait, error: wait }
      talk:
        initial: quiet
        states:
          quiet: { on: { human.said: busy, signal.go: busy } }
          busy: { invoke: turn, on: { turn.done: quiet, error: quiet } }
",
    ),
    (
        "ears",
        "\
data: { heard: 0 }
initial: idle
states:
  idle:
    on:
      poke: { actions: [{ assign: { heard: data.heard + 1 } }], target: hear }
      human.said: question
  hear: { invoke: turn, on: { turn.done: idle, error: idle } }
  question: { invoke: ask, on: { ask.done: idle, error: idle }, after: { 20m: idle } }
",
    ),
    (
        "delegate",
        "\
initial: first
states:
  first:
    invoke: { activity: agent, params: { agent: solo, prompt: Look around. } }
    on: { agent.done: second, error: second }
  second:
    invoke: { activity: agent, params: { agent: solo, prompt: Look again., deadline: 1h } }
    on: { agent.done: done, error: done }
  done: { type: final }
",
    ),
    (
        "clocked",
        "\
kind: workflow
roles: { writer: {}, checker: { never: writer } }
data: { rounds: 0 }
initial: both
states:
  both:
    type: parallel
    states:
      write:
        initial: writing
        states:
          writing: { role: writer, on: { role.done: { guard: \"event.data.state == 'writing'\", target: written } } }
          written: { type: final }
      check:
        initial: checking
        states:
          checking: { role: checker, on: { role.done: { guard: \"event.data.state == 'checking'\", target: checked } } }
          checked: { type: final }
    on: { done.state.both: over }
    after: { 3h: over }
  over: { type: final }
",
    ),
];

/// Write the house to `root`.
pub fn write(root: &Path) {
    let put = |file: &str, text: &str| {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("house.yaml", HOUSE);
    for (name, more) in AGENTS {
        let text = format!(
            "agent: {name}\nversion: 1.0.0\nmodel: {{ provider: p, name: m, context_length: 20000, max_output: 100 }}\ncontext:\n  - {{ id: history, history: true, flexible: true, trim: oldest }}\n  - {{ id: workflow, role: user, slot: workflow, budget: 10%, trim: tail }}\n{more}\n"
        );
        put(&format!("agents/{name}.yaml"), &text);
    }
    for (name, text) in CHARTS {
        put(
            &format!("charts/{name}.yaml"),
            &format!("chart: {name}\nversion: 1.0.0\n{text}"),
        );
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../charts/workflows/implement-review.yaml");
    put(
        "charts/implement-review.yaml",
        &fs::read_to_string(shipped).unwrap(),
    );
}
