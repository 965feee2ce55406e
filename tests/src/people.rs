//! The people of a house, each with a key that `ssh-keygen` made, and what they sign.

use crate::house::House;
use crate::program::Ran;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

impl House {
    /// Where the private key of `who` lies: beside the house, in no mount.
    pub fn key(&self, who: &str) -> PathBuf {
        self.beside(format!("keys/{who}"))
    }

    /// Make `who` a key; its public line, as `people` in `house.yaml` lists it.
    pub fn make_key(&self, who: &str) -> String {
        let key = self.key(who);
        let folder = key.parent().expect("a file lies in a directory");
        fs::create_dir_all(folder).expect("a test's directory can be written");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", who, "-f"])
            .arg(&key)
            .status()
            .expect("ssh-keygen is on this machine");
        assert!(made.success());
        let public = fs::read_to_string(key.with_extension("pub")).expect("it was just made");
        public.trim().to_owned()
    }

    /// `people` for `house.yaml`: each with a new key and these roles, or with any where none are named.
    pub fn people(&self, people: &[(&str, &str)]) -> String {
        let line = |(who, roles): &(&str, &str)| {
            let key = self.make_key(who);
            let roles = match *roles {
                "" => String::new(),
                roles => format!(", roles: [{roles}]"),
            };
            format!("  {who}: {{ key: \"{key}\"{roles} }}\n")
        };
        let lines: String = people.iter().map(line).collect();
        format!("people:\n{lines}")
    }

    /// A verb that `who` signs with their own key.
    pub fn signed(&self, who: &str, words: &[&str]) -> Ran {
        let mut command = self.command();
        command.args(words).args(["--as", who, "--key"]);
        Ran::of(command.arg(self.key(who)))
    }

    /// `charthouse change …`, signed by `who`.
    pub fn by(&self, who: &str, words: &[&str]) -> Ran {
        self.signed(who, &[&["change"], words].concat())
    }

    /// One change as `change show --json` tells it.
    #[track_caller]
    pub fn change(&self, number: &str) -> Value {
        let shown = self.run(["change", "show", number, "--json"]);
        shown.expect(0).json()
    }

    /// How that change stands.
    #[track_caller]
    pub fn status(&self, number: &str) -> String {
        let shown = self.change(number);
        shown["status"].as_str().unwrap_or_default().to_owned()
    }

    /// The records of one kind of a run, of an instance, or of `house`.
    #[track_caller]
    pub fn records(&self, run: &str, kind: &str) -> Vec<Value> {
        let shown = self.run(["journal", "show", run, "--json"]).expect(0);
        let mut records = shown.lines();
        records.retain(|record| record["kind"] == kind);
        records
    }

    /// The bodies of all records of one kind, whoever they are of.
    #[track_caller]
    pub fn bodies(&self, kind: &str) -> Vec<Value> {
        let shown = self.run(["journal", "show", "--kind", kind, "--json"]);
        let records = shown.expect(0).lines().into_iter();
        records.map(|record| record["body"].clone()).collect()
    }
}
