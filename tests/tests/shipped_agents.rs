//! The shipped agents that think by `react`, `reflect` and `orchestrate`, each from its first word to its last, played without a model. `surveyor` and
//! `coder`, which think by `deliberate`, have files of their own.

use charthouse_tests::House;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

struct Played {
    project: TempDir,
    events: Vec<Value>,
}

/// Run `agent` of a new house in a small project; `replies` are the model's part. It ends with `status`.
fn play(agent: &str, replies: &str, status: &str) -> Played {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("notes.md"), "The sky is green.\n").unwrap();
    let workspace = project.path().to_str().unwrap();
    let house = House::init(&["--access", "read-write", "--workspace", workspace]);
    house.write(
        "scripts/part.yaml",
        &format!("script: part\nreplies:\n{replies}"),
    );
    house.edit(
        "house.yaml",
        "providers:\n",
        "providers:\n  part: { kind: scripted, file: scripts/part.yaml }\n",
    );
    let ran = house.run(["run", agent, "Go", "--provider", "part", "--json"]);
    let events = ran.lines();
    let last = events.last().expect("a last line");
    assert_eq!(last["status"], status, "{}\n{}", ran.stdout, ran.stderr);
    house.verify();
    Played { project, events }
}

impl Played {
    /// The leaf states it was in, in order.
    fn states(&self) -> Vec<&str> {
        let states = self.events.iter().filter(|event| event["type"] == "state");
        let mut states: Vec<&str> = states
            .map(|event| event["configuration"][0].as_str().unwrap())
            .collect();
        // A signal that is only noted leads nowhere else.
        states.dedup();
        states
    }

    /// Everything that the model said.
    fn said(&self) -> String {
        let replies = self.events.iter().filter(|event| event["type"] == "reply");
        replies
            .map(|event| format!("{}\n", event["text"].as_str().unwrap()))
            .collect()
    }

    fn notes(&self) -> String {
        fs::read_to_string(self.project.path().join("notes.md")).unwrap()
    }
}

const WRITE: &str =
    "{ tool: fs.edit, arguments: { path: /workspace/notes.md, old: green, new: blue } }";

#[test]
fn assistant_thinks_and_acts_in_turns_and_can_change_nothing() {
    let played = play(
        "assistant",
        &format!(
            "  - when: turn == 0
    calls: [{{ tool: fs.read, arguments: {{ path: /workspace/notes.md }} }}, {WRITE}]
  - text: \"{{{{ results | map(attribute='text') | join(' | ') }}}}\"
"
        ),
        "done",
    );
    assert_eq!(played.states(), ["think", "act", "think", "done"]);
    let said = played.said();
    assert!(said.contains("The sky is green."), "{said}");
    assert!(
        said.contains("`fs.edit` is refused by policies/default.yaml:"),
        "{said}"
    );
    assert_eq!(played.notes(), "The sky is green.\n");
}

#[test]
fn reviewer_reads_and_judges_and_can_change_nothing() {
    let played = play(
        "reviewer",
        &format!(
            "  - when: turn == 0
    calls: [{{ tool: search.grep, arguments: {{ path: /workspace, pattern: sky }} }}, {WRITE}]
  - text: |
      notes.md:1: the sky is blue.
      rejected
"
        ),
        "done",
    );
    assert_eq!(played.states(), ["think", "act", "think", "done"]);
    assert!(played.said().contains("rejected"));
    assert_eq!(played.notes(), "The sky is green.\n");
}

#[test]
fn editor_criticises_without_a_pen_and_mends_what_was_found() {
    let played = play(
        "editor",
        &format!(
            "  - {{ when: turn == 0, text: A first draft. }}
  - when: turn == 1
    calls: [{WRITE}]
  - when: turn == 2
    calls: [{{ tool: signal, arguments: {{ event: signal.flawed, note: The sky is not green. }} }}]
  - {{ when: turn == 3, text: \"Refused: {{{{ result('fs.edit', 0).text }}}}\" }}
  - when: turn == 4
    calls: [{WRITE}]
  - {{ when: turn == 5, text: Mended. }}
  - {{ text: No flaw is left. }}
"
        ),
        "done",
    );
    assert_eq!(
        played.states(),
        ["work", "critique", "work", "critique", "done"]
    );
    let said = played.said();
    assert!(
        said.contains("`fs.edit` is refused by charts/cognition/reflect.yaml:"),
        "{said}"
    );
    assert_eq!(played.notes(), "The sky is blue.\n");
}

#[test]
fn editor_asks_for_a_person_when_flaws_remain() {
    let replies = "  - when: \"last is not none and last.tool == 'signal' and turn % 3 == 2\"
    text: That is all.
  - when: turn % 3 == 1
    calls: [{ tool: signal, arguments: { event: signal.flawed, note: Still wrong. } }]
  - text: Done.
";
    let played = play("editor", replies, "waiting");
    let states = played.states();
    assert_eq!(
        states,
        [
            "work", "critique", "work", "critique", "work", "critique", "stuck"
        ]
    );
}

#[test]
fn planner_plans_and_carries_out_its_steps_one_by_one() {
    let played = play(
        "planner",
        &format!(
            "  - when: turn == 0
    calls:
      - {{ tool: signal, arguments: {{ event: signal.step, note: Mend the sky. }} }}
      - {{ tool: signal, arguments: {{ event: signal.step, note: Paint the sea. }} }}
      - {WRITE}
  - {{ when: turn == 1, text: \"Two steps. {{{{ result('fs.edit', 0).text }}}}\" }}
  - when: turn == 2
    calls: [{WRITE}]
  - {{ when: turn == 3, text: The sky is blue now. }}
  - when: turn == 4
    calls: [{{ tool: signal, arguments: {{ event: signal.blocked, note: There is no sea. }} }}]
  - {{ text: The sky is mended; there is no sea to paint. }}
"
        ),
        "done",
    );
    let states = played.states();
    assert_eq!(states, ["plan", "delegate", "integrate", "done"]);
    let said = played.said();
    assert!(
        said.contains("`fs.edit` is refused by charts/cognition/orchestrate.yaml:"),
        "{said}"
    );
    assert_eq!(played.notes(), "The sky is blue.\n");
    let delegated =
        |event: &&Value| event["type"] == "state" && event["configuration"][0] == "delegate";
    let why: Vec<&Value> = played
        .events
        .iter()
        .filter(delegated)
        .map(|event| &event["event"])
        .collect();
    assert_eq!(why, ["turn.done", "turn.done"], "one step after the other");
}
