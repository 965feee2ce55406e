//! `cargo xtask demo -- --change`: a change of what an agent may do, from its request to its evidence. `clerk` may not write; it asks to, and makes the change; `judge` assesses and
//! votes; `ada`, a person with a key, votes too, verifies and releases. The run of `clerk` that is under way all the time goes by the new revision from its release on.

use super::daemon::{Daemon, PATIENCE};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const HOUSE: &str = r#"house: plant
store: sqlite:.charthouse/journal.db
providers:
  clerk: { kind: scripted, file: scripts/clerk.yaml }
  judge: { kind: scripted, file: scripts/judge.yaml }
plugins:
  fs: { component: plugins/fs.wasm, trusted: true }
defaults: { policy: default }
controlled: { quorum: 2, board: [engineering, quality] }
people:
"#;

/// It does what it is told, and rests until it is told something again.
const ON_CALL: &str = "chart: on-call
version: 1.0.0
kind: cognition
initial: work
states:
  work: { invoke: turn, on: { turn.done: rest, error: rest } }
  rest: { on: { human.said: work } }
";

/// The agent whose policy is changed.
const CLERK: &str = "agent: clerk
version: 1.0.0
model: { provider: clerk, name: scripted, context_length: 100000, max_output: 2000 }
cognition: on-call
plugins: [fs]
roles: [requester, implementer]
context:
  - { id: tools, role: system, tools: declared, budget: 8000, trim: never }
  - { id: workflow, role: system, slot: workflow, budget: 4000, trim: tail }
  - { id: history, history: true, flexible: true, trim: oldest }
policy: { tools: [{ deny: \"fs.write\" }] }
";

const DENIED: &str = "{ tools: [{ deny: \"fs.write\" }] }";
const ALLOWED: &str = "{ tools: [{ allow: \"fs.write\" }], mounts: { /workspace/notes: { from: notes, access: read-write } } }";
const DRAFT: &str =
    "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: ., access: read-write } } }";

/// What plays the clerk's model: it keeps notes when it is told to; in its roles it asks for the change, and makes it.
const CLERK_SCRIPT: &str = r#"script: clerk
since: "Note:"
replies:
  - when: "'hand_in' in tools and 'You request a change' in system"
    calls: [{ tool: hand_in, arguments: { outcome: requested, notes: "I am told to keep notes, and may not write", artefacts: { title: "Let clerk write anywhere", items: ["agent:clerk"] } } }]
  - when: "'hand_in' in tools and 'was sent back' in system"
    calls: [{ tool: hand_in, arguments: { outcome: requested, notes: "Where it keeps notes, as the board asked", artefacts: { title: "Let clerk write in notes", items: ["agent:clerk"] } } }]
  - when: "'hand_in' in tools and 'You implement' in system"
    calls: [{ tool: hand_in, arguments: { outcome: implemented, notes: "One rule and one mount", artefacts: { files: { agents/clerk.yaml: NEW } } } }]
  - when: "'hand_in' not in tools and prompt and called('fs.write') == 0"
    calls: [{ tool: fs.write, arguments: { path: /workspace/notes/pump.md, text: "{{ prompt }}\n" } }]
  - text: "{{ 'Nothing to do.' if last is none else ('I could not.' if last.failed else 'Noted.') }}"
"#;

const JUDGE: &str = "agent: judge
version: 1.0.0
model: { provider: judge, name: scripted, context_length: 100000, max_output: 2000 }
cognition: react
roles: [assessor, engineering]
context:
  - { id: tools, role: system, tools: declared, budget: 8000, trim: never }
  - { id: workflow, role: system, slot: workflow, budget: 4000, trim: tail }
  - { id: history, history: true, flexible: true, trim: oldest }
";

/// What plays the judge's model: it is against the first proposal, and for the second.
const JUDGE_SCRIPT: &str = r#"script: judge
replies:
  - when: "'hand_in' in tools and 'You assess' in system"
    calls: [{ tool: hand_in, arguments: { outcome: assessed, notes: "Only clerk is concerned" } }]
  - when: "'hand_in' in tools and 'You sit on the board' in system and called('hand_in') == 0"
    calls: [{ tool: hand_in, arguments: { outcome: reject, notes: "Where it keeps notes is enough" } }]
  - when: "'hand_in' in tools and 'You sit on the board' in system"
    calls: [{ tool: hand_in, arguments: { outcome: approve, notes: "No wider than it has to be" } }]
  - text: Nothing to do.
"#;

const CHANGE: &str = "CR-0001";

/// Show all of it in a folder that is not there yet.
pub fn show(host: &Path, auditor: &Path, place: &Path) -> Result<()> {
    let begun = Instant::now();
    let demo = Demo::new(host, auditor, place)?;
    let daemon = demo.begin()?;
    let run = demo.is_denied()?;
    demo.is_decided()?;
    demo.is_made(&run)?;
    demo.is_released(&run)?;
    demo.refuses_a_draft(daemon)?;
    demo.is_evidence()?;
    println!(
        "\nAll of it came out as it should, in {:.1} s. To read on:\n  cd {}\n  {} change show {CHANGE}\n  {}",
        begun.elapsed().as_secs_f64(),
        demo.house.display(),
        host.display(),
        place.join("bundle/report.html").display()
    );
    Ok(())
}

/// A house, and who plays in it.
struct Demo {
    host: PathBuf,
    auditor: PathBuf,
    place: PathBuf,
    house: PathBuf,
}

/// What a command said.
struct Answer {
    typed: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("`{}`: {}", self.typed, self.text))
    }

    /// It says all of `words`.
    fn says(&self, words: &[&str]) -> Result<&Self> {
        for word in words {
            ensure!(
                self.text.contains(word),
                "`{}` does not say `{word}`:\n{}",
                self.typed,
                self.text
            );
        }
        Ok(self)
    }

    /// Print the lines in which one of `words` is; all of them without any.
    fn print(&self, words: &[&str]) -> &Self {
        let matters =
            |line: &&str| words.is_empty() || words.iter().any(|word| line.contains(word));
        for line in self.text.lines().filter(matters) {
            println!("  {line}");
        }
        self
    }
}

/// A word as one types it in a shell.
fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{word}'"),
    }
}

fn typed(program: &str, words: &[&str]) -> String {
    std::iter::once(program.to_owned())
        .chain(words.iter().map(|one| word(one)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn title(text: &str) {
    println!("\n── {text}");
}

fn type_in(typed: &str) {
    println!("\n$ {typed}");
}

/// Run `command`, which has to end with `code`.
fn answer(mut command: Command, typed: String, code: i32) -> Result<Answer> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    ensure!(
        output.status.code() == Some(code),
        "`{typed}` ended with {}, not with {code}:\n{text}",
        output.status
    );
    Ok(Answer { typed, text })
}

/// Ask again and again until there is what is asked for.
fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("it did not come to this: {what}");
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

impl Demo {
    fn new(host: &Path, auditor: &Path, place: &Path) -> Result<Self> {
        let demo = Demo {
            host: host.to_owned(),
            auditor: auditor.to_owned(),
            place: place.to_owned(),
            house: place.join("house"),
        };
        title("A house under control: two agents, clerk and judge, and a person, ada");
        fs::create_dir_all(place.join("keys"))?;
        let made = typed(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                "ada",
                "-f",
                "../keys/ada",
            ],
        );
        let mut init = Command::new(host);
        init.args(["init", "--quiet"]).arg(&demo.house);
        answer(init, "charthouse init --quiet house".into(), 0)?;
        for name in ["agents", "scripts", "scenarios"] {
            let folder = demo.house.join(name);
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        let mut keygen = Command::new("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
            .arg("../keys/ada")
            .current_dir(&demo.house);
        type_in(&made);
        answer(keygen, made, 0).context("the person of this demo has a key that OpenSSH makes")?;
        let public = fs::read_to_string(place.join("keys/ada.pub"))?;
        let quoted = json!(CLERK.replace("1.0.0", "1.1.0").replace(DENIED, ALLOWED)).to_string();
        for (file, text) in [
            (
                "house.yaml",
                format!("{HOUSE}  ada: {{ key: \"{}\" }}\n", public.trim()),
            ),
            ("charts/cognition/on-call.yaml", ON_CALL.to_owned()),
            ("agents/clerk.yaml", CLERK.to_owned()),
            ("agents/judge.yaml", JUDGE.to_owned()),
            ("scripts/clerk.yaml", CLERK_SCRIPT.replace("NEW", &quoted)),
            ("scripts/judge.yaml", JUDGE_SCRIPT.to_owned()),
            ("notes/README.md", "What clerk notes.\n".to_owned()),
        ] {
            let path = demo.house.join(file);
            fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            fs::write(path, text)?;
        }
        demo.says(&["run", "clerk"], 4)?
            .says(&["change baseline"])?
            .print(&["error:"]);
        demo.by_ada(&["baseline"])?.print(&[]);
        Ok(demo)
    }

    /// `charthouse …` in the house, which nobody is shown.
    fn ask(&self, words: &[&str], code: i32) -> Result<Answer> {
        let mut command = Command::new(&self.host);
        command.args(words).current_dir(&self.house);
        answer(command, typed("charthouse", words), code)
    }

    /// The same, as a person types it.
    fn says(&self, words: &[&str], code: i32) -> Result<Answer> {
        type_in(&typed("charthouse", words));
        self.ask(words, code)
    }

    /// `charthouse change …`, signed by ada.
    fn by_ada(&self, words: &[&str]) -> Result<Answer> {
        let all = [&["change"], words, &["--as", "ada", "--key", "../keys/ada"]].concat();
        self.says(&all, 0)
    }

    fn status(&self) -> Result<Value> {
        self.ask(&["change", "show", CHANGE, "--json"], 0)?.json()
    }

    /// The records of a kind of a run: out of all, because a run that was just started may have none yet, and `journal show` then knows no such run.
    fn records(&self, run: &str, kind: &str) -> Result<Vec<Value>> {
        let shown = self.ask(&["journal", "show", "--kind", kind, "--json"], 0)?;
        let mut records = Vec::new();
        for line in shown.text.lines() {
            let record: Value = serde_json::from_str(line).context("a record is JSON")?;
            if record["run"] == run {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// The outcomes of a run's calls, as soon as there are as many; each with the record's number.
    fn outcomes(&self, run: &str, count: usize) -> Result<Vec<Value>> {
        until("clerk has called its tool", || {
            let all = self.records(run, "outcome")?;
            Ok((all.len() >= count).then_some(all))
        })
    }

    fn begin(&self) -> Result<Daemon> {
        type_in("charthouse serve &");
        let mut command = Command::new(&self.host);
        command.args(["serve", "--json"]).current_dir(&self.house);
        Daemon::begin(command)
    }

    /// Tell the run something that it has to note, and show what comes of it: its call, and whether it was allowed.
    fn tell(&self, run: &str, text: &str, nth: usize) -> Result<Value> {
        self.says(&["agents", "say", run, text], 0)?;
        self.comes_of_it(run, nth)
    }

    fn comes_of_it(&self, run: &str, nth: usize) -> Result<Value> {
        let outcome = self.outcomes(run, nth)?.swap_remove(nth - 1);
        self.says(&["journal", "show", run, "--kind", "outcome"], 0)?
            .print(&[]);
        Ok(outcome)
    }

    fn is_denied(&self) -> Result<String> {
        title("clerk is at work, and is told to keep a note: its policy denies that");
        let words = [
            "agents",
            "start",
            "clerk",
            "Note: the pump was oiled.",
            "--json",
        ];
        let run = self.says(&words, 0)?.json()?["run"]
            .as_str()
            .context("a run has an id")?
            .to_owned();
        println!("  the run {run}");
        let outcome = self.comes_of_it(&run, 1)?;
        ensure!(is_denied(&outcome), "it was not denied: {outcome}");
        self.has_no_note()?;
        Ok(run)
    }

    fn note(&self) -> PathBuf {
        self.house.join("notes/pump.md")
    }

    fn has_no_note(&self) -> Result<()> {
        ensure!(
            !self.note().exists(),
            "there is a note that nobody may write"
        );
        Ok(())
    }

    /// The two agents, each by itself: asked for, assessed, rejected; asked for anew, assessed, approved by one of two.
    fn is_decided(&self) -> Result<()> {
        title("A change: clerk asks for it, judge assesses and rejects it; clerk asks for less");
        self.says(&["workflow", "start", "change-control"], 0)?
            .print(&[]);
        until("judge has voted twice", || {
            // Before clerk has asked, there is no such change.
            let listed = self.ask(&["change", "list", "--json"], 0)?.json()?;
            if listed["changes"].as_array().is_none_or(Vec::is_empty) {
                return Ok(None);
            }
            let votes = self.status()?["votes"].as_array().map_or(0, Vec::len);
            Ok((votes == 2).then_some(()))
        })?;
        let status = self.status()?;
        let votes = [&status["votes"][0]["vote"], &status["votes"][1]["vote"]];
        ensure!(
            votes == ["reject", "approve"],
            "judge voted otherwise: {votes:?}"
        );
        self.story()?;
        title("ada, who did not ask for it, has the other vote");
        self.by_ada(&[
            "approve",
            CHANGE,
            "--role",
            "quality",
            "--why",
            "It is bounded",
        ])?
        .print(&[]);
        Ok(())
    }

    /// What happened so far, as the change tells it.
    fn story(&self) -> Result<()> {
        let told = self.says(&["change", "show", CHANGE], 0)?;
        let told = told
            .says(&["What happened", "rejected as engineering"])?
            .text
            .lines();
        for line in told.take_while(|line| !line.starts_with("What depends")) {
            println!("  {line}");
        }
        Ok(())
    }

    fn is_made(&self, run: &str) -> Result<()> {
        title("clerk makes it; that puts nothing in force, and clerk is denied as before");
        until("clerk has implemented it", || {
            Ok((self.status()?["status"] == "implemented").then_some(()))
        })?;
        self.says(&["change", "diff", CHANGE], 0)?
            .says(&["fs.write"])?
            .print(&[]);
        let outcome = self.tell(run, "Note: the pump was oiled.", 2)?;
        ensure!(
            is_denied(&outcome),
            "it counts before it is released: {outcome}"
        );
        self.has_no_note()?;
        title("ada verifies it");
        self.by_ada(&[
            "verify",
            CHANGE,
            "--run-scenarios",
            "--notes",
            "Read it, and looked at what differs",
        ])?
        .says(&["passed"])?
        .print(&[]);
        Ok(())
    }

    fn is_released(&self, run: &str) -> Result<()> {
        title("ada releases it; the same run of clerk goes by it from that instant");
        self.by_ada(&["release", CHANGE, "--effectivity", "now"])?
            .print(&[]);
        until("it is in its place", || {
            Ok((self.status()?["status"] == "effective").then_some(()))
        })?;
        let outcome = self.tell(run, "Note: the pump was oiled.", 3)?;
        ensure!(!is_denied(&outcome), "it is denied still: {outcome}");
        type_in("cat notes/pump.md");
        let note = fs::read_to_string(self.note()).context("it has written nothing")?;
        println!("  {}", note.trim());
        Ok(())
    }

    fn refuses_a_draft(&self, mut daemon: Daemon) -> Result<()> {
        title("Somebody edits the policy by hand: a draft, which nothing loads");
        let file = self.house.join("agents/clerk.yaml");
        let released = fs::read_to_string(&file)?;
        ensure!(
            released.contains(ALLOWED),
            "the released file is not in its place"
        );
        type_in("$EDITOR agents/clerk.yaml        # write anywhere");
        fs::write(&file, released.replace(ALLOWED, DRAFT))?;
        let said = daemon.until("why it does not load that", |event| {
            let message = event["message"].as_str().unwrap_or_default();
            message.contains("agents/clerk.yaml") && message.contains("Open CR-0002")
        })?;
        println!("  serve: {}", said["message"].as_str().unwrap_or_default());
        self.says(&["serve", "--stop"], 0)?;
        daemon.ended()?;
        self.says(&["run", "clerk"], 4)?
            .says(&["agent:clerk", "Open CR-0002"])?
            .print(&["error:"]);
        self.says(&["change", "restore"], 0)?
            .says(&["agents/clerk.yaml"])?
            .print(&[]);
        ensure!(fs::read_to_string(&file)? == released, "it is not restored");
        Ok(())
    }

    fn is_evidence(&self) -> Result<()> {
        title("The record, as evidence");
        self.says(&["audit", "verify"], 0)?
            .says(&["agent:clerk", "agent:judge", "human:ada"])?
            .print(&[]);
        self.says(&["audit", "export", "../bundle"], 0)?.print(&[]);
        self.audit(0)?.says(&["All holds"])?.print(&[]);
        let file = self.place.join("bundle/records.jsonl");
        let mut bytes = fs::read(&file)?;
        let at = bytes.len() / 2;
        type_in(&format!(
            "# one bit of byte {at} of ../bundle/records.jsonl is flipped"
        ));
        bytes[at] ^= 1;
        fs::write(&file, &bytes)?;
        self.audit(1)?
            .says(&["does NOT hold", "records.jsonl"])?
            .print(&[]);
        bytes[at] ^= 1;
        fs::write(&file, &bytes)?;
        type_in("# and back again");
        self.audit(0)?.says(&["All holds"])?.print(&["All holds"]);
        Ok(())
    }

    /// The second program looks at the bundle.
    fn audit(&self, code: i32) -> Result<Answer> {
        let words = ["../bundle", "--key", ".charthouse/keys/house.pub"];
        let typed = typed("charthouse-auditor", &words);
        type_in(&typed);
        let mut command = Command::new(&self.auditor);
        command.args(words).current_dir(&self.house);
        answer(command, typed, code)
    }
}

/// Whether the outcome of a call is that a rule denied it.
fn is_denied(outcome: &Value) -> bool {
    outcome["body"].to_string().contains("denied")
}
