//! Calling single tools with `plugin call --json` in a directory of their own.

use crate::program::{Ran, guests, plugins, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The policy in `open.yaml`: allows everything, with limits that a test reaches quickly.
pub const OPEN: &str = "policy: open\ntools: [{ allow: \"*\" }]\nlimits: { fuel: 50M, deadline: 2s, output: 4KiB, memory: 16MiB }\n";

/// A directory to call tools in.
#[derive(Debug)]
pub struct Calls {
    directory: TempDir,
}

impl Default for Calls {
    fn default() -> Self {
        Calls::new()
    }
}

impl Calls {
    /// An empty directory but for the policy `open.yaml`.
    pub fn new() -> Self {
        let calls = Calls {
            directory: tempfile::tempdir().expect("there is room for a test"),
        };
        calls.write("open.yaml", OPEN);
        // Where time is frozen, sleeping takes none.
        calls.write("real-time.yaml", &format!("{OPEN}clock: real\n"));
        calls
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Write a file there.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        let directory = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory).expect("a test's directory can be written");
        fs::write(path, text).expect("a test's directory can be written");
    }

    /// Call a tool of the component at a path with `--json`, under the policy in a file of the directory or under none.
    pub fn call(
        &self,
        component: &Path,
        tool: &str,
        arguments: &Value,
        policy: Option<&str>,
    ) -> Ran {
        let mut words = vec![
            "plugin".to_owned(),
            "call".into(),
            component.display().to_string(),
            tool.into(),
            arguments.to_string(),
            "--json".into(),
        ];
        words.extend(
            policy
                .into_iter()
                .flat_map(|policy| ["--policy".to_owned(), policy.to_owned()]),
        );
        run(self.path(), words)
    }

    /// Call a tool of the guest `hostile` under `open.yaml`.
    pub fn hostile(&self, tool: &str, arguments: Value) -> Ran {
        self.call(&hostile(), tool, &arguments, Some("open.yaml"))
    }
}

/// The guest that attacks limits and boundaries.
pub fn hostile() -> PathBuf {
    guests().join("hostile.wasm")
}

/// The first-party plugin for files.
pub fn fs_plugin() -> PathBuf {
    plugins().join("fs.wasm")
}
