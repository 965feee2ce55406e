//! `cargo xtask wire`: our dialects against servers that others have written, started on this machine for as long as the tests run.
//!
//! What they need (Python, Node, packages) is no part of what `cargo xtask test` needs. It is installed under `target/wire` and nowhere else.

use crate::shell::{self, cargo, root, target};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to start: LiteLLM's takes a quarter of a minute on a fast machine.
const LONGEST_START: Duration = Duration::from_secs(180);

/// Install what is missing, start the servers and run the tests; LiteLLM's proxy only where `with` asks for it.
pub fn run(with: &[&str]) -> Result<()> {
    let with_litellm = match with {
        [] => false,
        ["litellm"] => true,
        _ => bail!("`cargo xtask wire` knows `litellm` only"),
    };
    let place = target().join("wire");
    fs::create_dir_all(&place)?;
    let python = python(&place, with_litellm)?;
    let aimock = aimock(&place)?;

    let mut judge = Command::new(&python);
    judge.arg(tests().join("judge.py"));
    let judge = Server::start("judge", &place, judge, |command, port| {
        command.env("PORT", port);
    })?;
    let mut mock = Command::new("node");
    mock.arg(aimock)
        .args(["--strict", "--log-level", "warn", "--fixtures"])
        .arg(tests().join("fixtures.json"));
    let mock = Server::start("aimock", &place, mock, |command, port| {
        command.args(["--port", port]);
    })?;
    let mut tests = cargo();
    tests
        .args(["test", "--locked", "--package", "charthouse-provider"])
        .args(["--test", "independent", "--", "--ignored"])
        .env("CHARTHOUSE_WIRE_JUDGE", judge.url())
        .env("CHARTHOUSE_WIRE_AIMOCK", mock.url());
    if !with_litellm {
        tests.args(["--skip", "litellm"]);
        return shell::run(&mut tests);
    }
    let litellm = litellm(&place, &python, &judge)?;
    tests.env("CHARTHOUSE_WIRE_LITELLM", litellm.url());
    shell::run(&mut tests)
}

fn tests() -> PathBuf {
    root().join("tests/wire")
}

/// A Python that has the packages.
fn python(place: &Path, with_litellm: bool) -> Result<PathBuf> {
    let venv = place.join("venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            .context("Python 3 with `venv` is needed (on Debian the package `python3-venv`)")?;
    }
    let mut lists = vec!["requirements.txt"];
    lists.extend(with_litellm.then_some("requirements-litellm.txt"));
    for list in lists {
        once(&tests().join(list), &venv, |list| {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(list);
            shell::run(&mut pip)
        })?;
    }
    Ok(python)
}

/// Where aimock's program is.
fn aimock(place: &Path) -> Result<PathBuf> {
    let folder = place.join("npm");
    fs::create_dir_all(&folder)?;
    once(&tests().join("package.json"), &folder, |list| {
        fs::copy(list, folder.join("package.json"))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit"])
            .args(["--ignore-scripts", "--prefix"])
            .arg(&folder);
        shell::run(&mut npm).context("Node 20 with `npm` is needed")
    })?;
    Ok(folder.join("node_modules/@copilotkit/aimock/dist/cli.js"))
}

/// Install what `list` names into `folder`, unless just that was done before.
fn once(list: &Path, folder: &Path, install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = list.file_name().context("a list is a file")?;
    let done = folder.join(format!("{}.done", name.to_string_lossy()));
    let wanted = fs::read(list)?;
    if fs::read(&done).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    install(list)?;
    Ok(fs::write(done, wanted)?)
}

fn litellm(place: &Path, python: &Path, judge: &Server) -> Result<Server> {
    let mut litellm = Command::new(python.with_file_name("litellm"));
    litellm
        .args(["--host", "127.0.0.1", "--config"])
        .arg(tests().join("litellm.yaml"))
        .env("JUDGE", format!("{}/any/v1", judge.url()))
        // Otherwise it looks for its prices on the network first.
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    Server::start("litellm", place, litellm, |command, port| {
        command.args(["--port", port]);
    })
}

/// A server that ends when this does.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Start `command` on a free port, which `tell` tells it, and wait until it listens.
    fn start(
        name: &str,
        place: &Path,
        mut command: Command,
        tell: impl FnOnce(&mut Command, &str),
    ) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        tell(&mut command, &address.port().to_string());
        let path = place.join(format!("{name}.log"));
        let log = File::create(&path)?;
        command.stdout(log.try_clone()?).stderr(log);
        eprintln!("+ {name} on {address}, log in {}", path.display());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Server { child, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait()?;
            if ended.is_some() || began.elapsed() > LONGEST_START {
                bail!("{name} did not start: see {}", path.display());
            }
            sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
