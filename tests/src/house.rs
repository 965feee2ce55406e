//! Houses to start the program in: the one that `init` makes, and small ones that a test writes itself.

use crate::program::{Ran, charthouse, copy, guests, plugins, run, shared_cache};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A house in a directory of its own, which is removed with it.
pub struct House {
    /// The house's root.
    pub root: PathBuf,
    directory: TempDir,
}

/// What a small house is to hold: one agent `tester`, one chart `think`, one script that plays the model.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The chart from `initial:` on.
    pub chart: &'a str,
    /// The script's `replies`, as YAML list items.
    pub replies: &'a str,
    /// The agent's policy, as YAML in braces.
    pub policy: &'a str,
    /// More lines of the agent's definition.
    pub agent: &'a str,
    /// More lines of `house.yaml`.
    pub house: &'a str,
    /// Where the agent's model is: an entry of `providers`.
    pub provider: &'a str,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            chart: "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
            replies: "  - text: Nothing to do.\n",
            policy: "{ tools: [{ allow: \"*\" }] }",
            agent: "",
            house: "",
            provider: "{ kind: scripted, file: script.yaml }",
        }
    }
}

impl House {
    /// An empty directory that knows where compiled components are.
    fn empty() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a test");
        let root = directory
            .path()
            .canonicalize()
            .expect("a directory that was just made has a path")
            .join("house");
        share_cache(&root);
        House { root, directory }
    }

    /// A house as `charthouse init` makes it, with `more` arguments.
    pub fn init<A: AsRef<OsStr>>(more: &[A]) -> Self {
        let house = House::empty();
        let mut command = charthouse(house.directory.path());
        command
            .args(["init", "--quiet"])
            .arg(&house.root)
            .args(more);
        Ran::of(&mut command).expect(0);
        house
    }

    /// A house of `plan`'s making, with the plugins `fs` (trusted), `search` (trusted) and `hostile`.
    pub fn of(plan: Plan<'_>) -> Self {
        let house = House::empty();
        for (name, from) in [
            ("fs", plugins()),
            ("search", plugins()),
            ("hostile", guests()),
        ] {
            let file = format!("{name}.wasm");
            copy(&from.join(&file), &house.root.join("plugins").join(&file));
        }
        let Plan {
            chart,
            replies,
            policy,
            agent,
            house: more,
            provider,
        } = plan;
        house.write(
            "charts/think.yaml",
            &format!("chart: think\nversion: 1.0.0\nkind: cognition\n{chart}"),
        );
        house.write(
            "script.yaml",
            &format!("script: replies\nreplies:\n{replies}"),
        );
        house.write(
            "agents/tester.yaml",
            &format!(
                "agent: tester\nversion: 1.0.0\n\
                 model: {{ provider: model, name: test-model, context_length: 200000, max_output: 1000 }}\n\
                 cognition: think\nplugins: [fs, search, hostile]\n\
                 context:\n  - {{ id: tools, role: system, tools: declared, budget: 40000, trim: never, cache: stable }}\n  \
                 - {{ id: history, history: true, flexible: true, trim: oldest }}\n\
                 policy: {policy}\n{agent}"
            ),
        );
        house.write(
            "house.yaml",
            &format!(
                "house: test-house\nstore: sqlite:.charthouse/journal.db\nproviders:\n  model: {provider}\n\
                 plugins:\n  fs: {{ component: plugins/fs.wasm, trusted: true }}\n  \
                 search: {{ component: plugins/search.wasm, trusted: true }}\n  hostile: plugins/hostile.wasm\n{more}"
            ),
        );
        house
    }

    /// Have another agent that is as `tester` is, but for its name and its chart: that from `initial:` on.
    pub fn another(&self, agent: &str, chart: &str) {
        let text = self.read("agents/tester.yaml");
        let text = text.replace("agent: tester", &format!("agent: {agent}"));
        let text = text.replace("cognition: think", &format!("cognition: of-{agent}"));
        self.write(&format!("agents/{agent}.yaml"), &text);
        let chart = format!("chart: of-{agent}\nversion: 1.0.0\nkind: cognition\n{chart}");
        self.write(&format!("charts/of-{agent}.yaml"), &chart);
    }

    /// A path outside the house that goes away with it.
    pub fn beside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.with_file_name("beside").join(name)
    }

    /// Write a file of the house.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        let directory = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory).expect("a test's directory can be written");
        fs::write(path, text).expect("a test's directory can be written");
    }

    /// Read a file of the house.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replace `old`, which must be there, by `new` in a file of the house.
    #[track_caller]
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "`{old}` is not in {path}:\n{text}");
        self.write(path, &text.replace(old, new));
    }

    /// Save a file of the house as careful editors do: beside it, then in its place.
    pub fn replace(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let aside = self.beside("saved");
        let directory = aside.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory).expect("a test's directory can be written");
        fs::write(&aside, bytes).expect("a test's directory can be written");
        fs::rename(aside, self.root.join(path)).expect("a test's directory can be written");
    }

    /// The program, to be started in the house.
    pub fn command(&self) -> Command {
        charthouse(&self.root)
    }

    /// Run the program in the house.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        run(&self.root, arguments)
    }

    /// The records of the latest run that are of `kind`, or all with an empty one.
    #[track_caller]
    pub fn journal(&self, kind: &str) -> Vec<Value> {
        let all = self.run(["journal", "show", "latest", "--json"]).expect(0);
        let mut records = all.lines();
        records.retain(|record| kind.is_empty() || record["kind"] == kind);
        records
    }

    /// Assert that the journal is whole.
    #[track_caller]
    pub fn verify(&self) {
        let answer = self.run(["journal", "verify", "--json"]).expect(0).json();
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

/// With `CHARTHOUSE_TESTS_REPLAY` set, every run that a test leaves behind is executed again, and none may come out otherwise.
impl Drop for House {
    fn drop(&mut self) {
        let wanted = std::env::var_os("CHARTHOUSE_TESTS_REPLAY").is_some();
        if !wanted || std::thread::panicking() || !self.root.join("house.yaml").is_file() {
            return;
        }
        let ran = self.run(["replay", "--all", "--json"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
        for report in ran.lines() {
            assert_ne!(report["verdict"], "different", "{report}");
            // No more is left out than what is said to be: what instances of workflows did.
            let mut left_out = report["not_compared"].as_array().into_iter().flatten();
            let of_instance =
                |why: &Value| why["why"].to_string().contains("instances of workflows");
            assert!(left_out.all(of_instance), "{report}");
        }
    }
}

/// Let the house that is or will be in `root` find the components that other tests compiled.
pub fn share_cache(root: &Path) {
    let own = root.join(".charthouse");
    fs::create_dir_all(&own).expect("a test's directory can be written");
    std::os::unix::fs::symlink(shared_cache(), own.join("cache"))
        .expect("a test's directory can be written");
}
