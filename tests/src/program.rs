//! Starting the program and reading what it says.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository's root.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests/ lies in the repository")
        .into()
}

/// The program under test: `CHARTHOUSE_TEST_BIN`, else the debug build.
pub fn program() -> PathBuf {
    from_environment(
        "CHARTHOUSE_TEST_BIN",
        "target/debug/charthouse",
        "cargo build -p charthouse",
    )
}

/// The directory of the first-party components: `CHARTHOUSE_TEST_PLUGINS`, else `target/plugins`.
pub fn plugins() -> PathBuf {
    from_environment(
        "CHARTHOUSE_TEST_PLUGINS",
        "target/plugins",
        "cargo xtask plugins",
    )
}

/// The directory of the test guests: `CHARTHOUSE_TEST_GUESTS`, else `target/guests`.
pub fn guests() -> PathBuf {
    from_environment(
        "CHARTHOUSE_TEST_GUESTS",
        "target/guests",
        "cargo xtask test",
    )
}

fn from_environment(variable: &str, default: &str, remedy: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| repository().join(default), PathBuf::from);
    assert!(
        path.exists(),
        "{} is not there; run `{remedy}`, or set {variable}",
        path.display()
    );
    path
}

/// Where all tests keep compiled components, so that each is compiled once and not once a test. It lies in the target directory.
pub fn shared_cache() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it lies");
    let target = test
        .ancestors()
        .nth(3)
        .expect("tests are built into <target>/<profile>/deps");
    let cache = target.join("tmp/charthouse-cache");
    std::fs::create_dir_all(&cache).expect("the target directory can be written");
    cache
}

/// The program, to be started in `directory`, with nothing in its environment that could change what it does.
pub fn charthouse(directory: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .current_dir(directory)
        .env("XDG_CACHE_HOME", shared_cache())
        .stdin(Stdio::null());
    for variable in [
        "NO_COLOR",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Run the program in `directory` with `arguments` to its end.
pub fn run<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> Ran {
    Ran::of(charthouse(directory).args(arguments))
}

/// Copy a file, making the directory it goes to.
pub fn copy(from: &Path, to: &Path) {
    if let Some(directory) = to.parent() {
        std::fs::create_dir_all(directory).expect("a test's directory can be made");
    }
    std::fs::copy(from, to)
        .unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
}

/// What a run of the program came to.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Run `command` to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Ran::from(output)
    }

    /// The same, after asserting that it ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output, which is one JSON value on one line.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines = self.lines();
        assert_eq!(
            lines.len(),
            1,
            "one line of JSON is expected: {}",
            self.stdout
        );
        lines[0].clone()
    }

    /// Standard output, of which every line is JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let read = |line: &str| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| {
                panic!("{error}: {line}\n--- stderr\n{}", self.stderr);
            })
        };
        self.stdout.lines().map(read).collect()
    }

    /// Assert that standard error holds every one of `words`.
    #[track_caller]
    pub fn complains(&self, words: &[&str]) {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "`{word}` is missing in: {}",
                self.stderr
            );
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The keys of a JSON object, in its order.
#[track_caller]
pub fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object();
    let object = object.unwrap_or_else(|| panic!("an object is expected, not {value}"));
    object.keys().map(String::as_str).collect()
}
