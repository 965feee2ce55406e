//! A small house under change control, in which people do everything: what a test needs where the way to a release is not what it is about.

use crate::house::{House, Plan};
use crate::program::{Ran, repository, shared_cache};
use serde_json::Value;
use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

/// Who there is, each with the roles that they have.
const PEOPLE: [(&str, &str); 4] = [
    ("ada", "requester, implementer, releaser"),
    ("bob", "assessor, engineering, emergency"),
    ("cyd", "quality, verifier"),
    ("dan", "operations, releaser"),
];
/// The workflow that a change goes through.
const WORKFLOW: &str = "charts/workflows/change-control.yaml";

/// A house in which everybody has a key, which says that it is controlled, and of which nothing is released yet.
pub struct Controlled(House);

impl Deref for Controlled {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

impl Controlled {
    /// One without a baseline.
    pub fn new(plan: Plan<'_>) -> Self {
        Controlled::of(House::of(plan))
    }

    /// The same, of a house that there is.
    pub fn of(house: House) -> Self {
        let house = Controlled(house);
        share_key(&house.root);
        let chart = fs::read_to_string(repository().join(WORKFLOW)).expect("it is shipped");
        house.write(WORKFLOW, &chart);
        let (own, people) = (house.read("house.yaml"), house.people(&PEOPLE));
        house.write("house.yaml", &format!("{own}{people}controlled: true\n"));
        house
    }

    /// One of which everything is released as it is.
    #[track_caller]
    pub fn released(plan: Plan<'_>) -> Self {
        let house = Controlled::new(plan);
        house.does("ada", &["baseline"]);
        house
    }

    /// A verb of `change` that `who` may do; its answer.
    #[track_caller]
    pub fn does(&self, who: &str, words: &[&str]) -> Value {
        self.by(who, &[words, &["--json"]].concat())
            .expect(0)
            .json()
    }

    /// A change of `items`, assessed and approved: its number.
    #[track_caller]
    pub fn approved(&self, items: &[&str]) -> String {
        let mut asked = vec![
            "request",
            "--title",
            "Change it",
            "--reason",
            "It has to be",
        ];
        asked.extend(items.iter().flat_map(|item| ["--item", item]));
        let asked = self.does("ada", &asked);
        let number = asked["change"]
            .as_str()
            .expect("it has a number")
            .to_owned();
        self.does("bob", &["assess", &number, "--notes", "Fine"]);
        self.does("bob", &["approve", &number]);
        self.does("cyd", &["approve", &number]);
        number
    }

    /// The same, implemented: each of `files` is to hold these bytes.
    #[track_caller]
    pub fn implemented(&self, items: &[&str], files: &[(&str, &[u8])]) -> String {
        let number = self.approved(items);
        let brought: Vec<String> = files
            .iter()
            .map(|(file, bytes)| self.brought(file, bytes))
            .collect();
        let mut words = vec!["implement", &number];
        words.extend(brought.iter().flat_map(|file| ["--file", file]));
        self.does("ada", &words);
        number
    }

    /// The same, verified.
    #[track_caller]
    pub fn verified(&self, items: &[&str], files: &[(&str, &[u8])]) -> String {
        let number = self.implemented(items, files);
        self.does("cyd", &["verify", &number, "--notes", "Read and tried"]);
        number
    }

    /// A change of `item` in which `file` becomes `bytes`, from its request to its release with `effectivity`: its number.
    #[track_caller]
    pub fn release(
        &self,
        item: &str,
        file: &str,
        bytes: impl AsRef<[u8]>,
        effectivity: &[&str],
    ) -> String {
        let number = self.verified(&[item], &[(file, bytes.as_ref())]);
        let words = ["release", &number, "--effectivity"];
        self.does("dan", &[&words[..], effectivity].concat());
        number
    }

    /// What says on a command line that `file` is to hold `bytes`.
    pub fn brought(&self, file: &str, bytes: impl AsRef<[u8]>) -> String {
        let draft = self.beside("drafts").join(file);
        let folder = draft.parent().expect("a file lies in a directory");
        fs::create_dir_all(folder).expect("a test's directory can be written");
        fs::write(&draft, bytes).expect("a test's directory can be written");
        format!("{file}={}", draft.display())
    }
}

/// Let the house in `root` have the key that other tests' houses have: what the shared cache says bears its seal, and nothing is compiled for each of them.
fn share_key(root: &Path) {
    let own = root.join(".charthouse/keys/house");
    if own.exists() {
        return;
    }
    let shared = shared_cache().join("house-key");
    if !shared.exists() {
        let me = format!("{}-{:?}", std::process::id(), std::thread::current().id());
        let fresh = shared.with_extension(me);
        let mut command = Command::new("ssh-keygen");
        command.args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "charthouse house",
            "-f",
        ]);
        Ran::of(command.arg(&fresh)).expect(0);
        // Whoever is quicker: a key that another test has got already stays good for its house.
        fs::rename(&fresh, &shared).expect("a test's directory can be written");
    }
    let folder = own.parent().expect("a file lies in a directory");
    fs::create_dir_all(folder).expect("a test's directory can be written");
    fs::copy(&shared, &own).expect("a test's directory can be written");
}
