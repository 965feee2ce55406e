//! The whole program: from exec to the first request, what it holds in memory, what checking a house takes.
//!
//! The house is the one that `charthouse init` makes, the agent is the shipped `coder` without what it has over peers (an outline of the workspace, a guard, a
//! summary), and its model is a server on this machine; the shipped `coder` itself has a figure of its own. Two runs of the program come before those that count, so files and compiled code are in the page cache: what is measured is a start on a machine that is in use.

use super::measure::{Figure, Floor, Goal, compare, median, nanoseconds};
use super::memory::{self, Resident};
use super::server::{Answer, Server};
use crate::shell;
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Runs that are timed.
const RUNS: usize = 41;
/// Runs whose memory is looked at.
const MEMORY_RUNS: usize = 7;
/// How long a waiting program is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(300);
/// What a commit writes: four pages of the store.
const COMMIT: usize = 16 << 10;
/// The answer that makes a conversation long.
const LONG_ANSWER: usize = 512 << 10;

/// The agent that most figures are of.
const PLAIN: &str = "plain";
/// The shipped coding agent.
const SHIPPED: &str = "coder";

/// A house to measure in, and who answers its agent.
pub struct Bench {
    host: PathBuf,
    house: PathBuf,
    server: Server,
}

/// The times of one run, from just before the program was started.
struct Times {
    first: f64,
    second: f64,
    exit: f64,
}

impl Bench {
    /// Make a house in `directory`, with the program `host`.
    pub fn new(host: PathBuf, directory: PathBuf) -> Result<Self> {
        if directory.exists() {
            std::fs::remove_dir_all(&directory)
                .with_context(|| format!("cannot clear {}", directory.display()))?;
        }
        shell::run(
            Command::new(&host)
                .args(["init", "--quiet"])
                .arg(&directory),
        )?;
        let server = Server::start()?;
        let ours = format!("http://{}/v1", server.address());
        edit(
            &directory.join("house.yaml"),
            "http://127.0.0.1:11434/v1",
            &ours,
        )?;
        write_plain_agent(&directory)?;
        let bench = Bench {
            host,
            house: directory,
            server,
        };
        for agent in [PLAIN, SHIPPED, PLAIN, SHIPPED] {
            bench.times(agent)?;
        }
        Ok(bench)
    }

    /// All figures of the whole program.
    pub fn figures(&self) -> Result<Vec<Figure>> {
        let mut figures = self.starts()?;
        figures.extend(self.memory()?);
        figures.push(self.check());
        figures.push(self.synchronise()?);
        figures.extend(scale());
        Ok(figures)
    }

    fn starts(&self) -> Result<Vec<Figure>> {
        let mut runs = Vec::with_capacity(RUNS);
        let mut shipped = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            runs.push((self.times(PLAIN)?, self.floor()?));
            shipped.push(self.times(SHIPPED)?.first);
        }
        let figure = |what: &str, time: fn(&Times) -> f64, goal, note: &str| {
            let value = median(runs.iter().map(|(times, _)| time(times)));
            Figure {
                what: what.into(),
                value,
                unit: "ms".into(),
                floor: Some(Floor {
                    what: "start and end of /bin/true, and a connection".into(),
                    value: median(runs.iter().map(|(_, floor)| *floor)),
                    ratio: median(runs.iter().map(|(times, floor)| time(times) / floor)),
                }),
                goal,
                note: note.into(),
            }
        };
        Ok(vec![
            figure(
                "exec → first request",
                |times| times.first,
                Some(Goal::AtMost(8.0)),
                "Read and check the house, see that its components are those that were hashed, open the store, one durable commit, connect, encode and send.",
            ),
            figure(
                "exec → second request, with the result of a sandboxed call",
                |times| times.second,
                Some(Goal::AtMost(8.0)),
                "The above, and: start the engine, map the plugin's code, call it, two more durable commits.",
            ),
            figure(
                "exec → exit of a run with three requests and one call",
                |times| times.exit,
                None,
                "Four macrosteps, each with its durable commit; the last request is of the state that follows.",
            ),
            Figure {
                what: "exec → first request of the shipped `coder`".into(),
                value: median(shipped),
                unit: "ms".into(),
                floor: None,
                goal: None,
                note: "The same, and: the engine starts, a guard looks at the prompt, and `repo-map` outlines the workspace in the sandbox (out of its cache).".into(),
            },
        ])
    }

    /// Start the agent; its first answer is `first`, so that the second request carries what came of it.
    fn start(&self, agent: &str, first: Answer, rest: Vec<Answer>) -> Result<(Instant, Child)> {
        self.server.play(std::iter::once(first).chain(rest));
        let started = Instant::now();
        let child = Command::new(&self.host)
            .args(["run", agent, "Which house is this?", "--json", "--house"])
            .arg(&self.house)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.host.display()))?;
        Ok((started, child))
    }

    fn times(&self, agent: &str) -> Result<Times> {
        let (started, mut child) = self.start(agent, read_a_file(String::new()), vec![])?;
        let first = self.server.next()?;
        let second = self.server.next()?;
        let status = child.wait()?;
        let exit = started.elapsed();
        ensure!(status.success(), "the run ended with {status}");
        ensure_called(&second.body)?;
        let since = |instant: Instant| milliseconds(instant.duration_since(started));
        Ok(Times {
            first: since(first.first_bytes),
            second: since(second.first_bytes),
            exit: milliseconds(exit),
        })
    }

    /// What nothing that is started and connects can be quicker than.
    fn floor(&self) -> Result<f64> {
        let started = Instant::now();
        run_quietly("/bin/true", &[])?;
        drop(TcpStream::connect(self.server.address())?);
        Ok(milliseconds(started.elapsed()))
    }

    fn memory(&self) -> Result<Vec<Figure>> {
        let mut peaks = Vec::new();
        let mut idle = Vec::new();
        let mut long = Vec::new();
        for _ in 0..MEMORY_RUNS {
            peaks.push(self.peak()?);
            idle.push(self.waiting(String::new())?);
            long.push(
                self.waiting("A line of history, as long as most. ".repeat(LONG_ANSWER / 36))?,
            );
        }
        let total = |all: &[Resident]| median(all.iter().map(|resident| resident.total));
        let (waiting, shared) = (total(&idle), median(idle.iter().map(|r| r.of_files)));
        let figure = |what: &str, value, goal, note: String| Figure {
            what: what.into(),
            value,
            unit: "MiB".into(),
            floor: None,
            goal,
            note,
        };
        let text = LONG_ANSWER as f64 / f64::from(1 << 20);
        Ok(vec![
            figure(
                "peak RSS, one prompt with a sandboxed call",
                median(peaks),
                Some(Goal::AtMost(10.0)),
                "VmHWM, read until the program ended.".into(),
            ),
            figure(
                "idle RSS, session open, after a sandboxed call",
                waiting,
                Some(Goal::AtMost(8.0)),
                format!(
                    "VmRSS while the server is silent; {shared:.1} MiB of it are pages of files (the program itself, the plugin's code), which all processes share and the system can drop; {:.1} MiB are its own.",
                    waiting - shared
                ),
            ),
            figure(
                "idle RSS for 512 KiB of history more",
                total(&long) - waiting,
                Some(Goal::AtMost(1.3 * text)),
                format!("{:.2} × the text.", (total(&long) - waiting) / text),
            ),
        ])
    }

    fn peak(&self) -> Result<f64> {
        let (_, mut child) = self.start(PLAIN, read_a_file(String::new()), vec![])?;
        let mut peak = None;
        let status = loop {
            peak = memory::peak(child.id()).or(peak);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            sleep(Duration::from_micros(200));
        };
        ensure!(status.success(), "the run ended with {status}");
        peak.context("/proc says nothing of the program's memory")
    }

    /// What the program holds while it waits for its second answer, its first having been `text` and a call.
    fn waiting(&self, text: String) -> Result<Resident> {
        let (_, mut child) = self.start(PLAIN, read_a_file(text), vec![Answer::Silence])?;
        self.server.next()?;
        let second = self.server.next()?;
        sleep(SETTLE);
        let resident = memory::resident(child.id());
        child.kill()?;
        child.wait()?;
        ensure_called(&second.body)?;
        resident.context("/proc says nothing of the program's memory")
    }

    fn check(&self) -> Figure {
        let mut failed = 0;
        let house = self.house.display().to_string();
        let host = self.host.display().to_string();
        let compared = compare(
            RUNS,
            1,
            |_| failed += usize::from(run_quietly(&host, &["check", &house]).is_err()),
            |_| drop(run_quietly("/bin/true", &[])),
        );
        Figure {
            what: "`charthouse check` of the house, exec → exit".into(),
            value: compared.subject / 1e6,
            unit: "ms".into(),
            floor: Some(Floor {
                what: "start and end of /bin/true".into(),
                value: compared.floor / 1e6,
                ratio: compared.ratio,
            }),
            goal: None,
            note: match failed {
                0 => "Every definition and script of the house is read and checked.".into(),
                n => format!("{n} of the runs failed."),
            },
        }
    }

    /// What the disk asks for one durable commit: the program cannot be quicker than the commits that it waits for.
    fn synchronise(&self) -> Result<Figure> {
        let path = self.house.join(".charthouse/synchronise.bench");
        let mut file = File::create(&path)?;
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let started = Instant::now();
            file.write_all(&[7; COMMIT])?;
            file.sync_all()?;
            times.push(milliseconds(started.elapsed()));
        }
        std::fs::remove_file(&path)?;
        Ok(Figure {
            what: "16 KiB appended to a file and synchronised".into(),
            value: median(times),
            unit: "ms".into(),
            floor: None,
            goal: None,
            note: "For scale: what this disk, as busy as it was, asks each time something must be durable.".into(),
        })
    }
}

/// Other ways to call a tool.
fn scale() -> Vec<Figure> {
    let figure = |what: &str, value: f64| Figure {
        what: what.into(),
        value: value / 1e6,
        unit: "ms".into(),
        floor: None,
        goal: None,
        note: "For scale: what a tool costs that is a program.".into(),
    };
    let timed = |program: &str, arguments: &[&str]| -> Option<f64> {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            run_quietly(program, arguments).ok()?;
            times.push(nanoseconds(started.elapsed()));
        }
        Some(median(times))
    };
    let mut figures = Vec::new();
    figures.extend(timed("/bin/true", &[]).map(|time| figure("fork + exec of /bin/true", time)));
    figures.extend(timed("python3", &["-c", "pass"]).map(|time| figure("`python3 -c pass`", time)));
    figures
}

/// The shipped coding agent as its peers are: without an outline of the workspace, without a guard and a summary; and with room for a long history.
fn write_plain_agent(house: &Path) -> Result<()> {
    let shipped = std::fs::read_to_string(house.join("agents/coder.yaml"))?;
    let more = |line: &&str| {
        !["guards:", "memory:"]
            .iter()
            .any(|key| line.starts_with(key))
            && !line.contains("id: repo")
    };
    let plain: Vec<&str> = shipped.lines().filter(more).collect();
    let plain = plain
        .join("\n")
        .replace("agent: coder", "agent: plain")
        .replace(", repo-map]", "]")
        .replace("trim: summary", "trim: oldest")
        .replace("context_length: 131072", "context_length: 1000000");
    ensure!(
        plain.contains("context_length: 1000000") && plain.contains("agent: plain"),
        "the shipped agent is not what it was"
    );
    Ok(std::fs::write(
        house.join("agents/plain.yaml"),
        plain + "\n",
    )?)
}

/// Write `new` for `old` in the file at `path`.
fn edit(path: &Path, old: &str, new: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    ensure!(
        text.contains(old),
        "the shipped {} has no `{old}`",
        path.display()
    );
    Ok(std::fs::write(path, text.replace(old, new))?)
}

/// An answer that reads a file of the house in the sandbox.
fn read_a_file(text: String) -> Answer {
    let arguments = json!({ "path": "/workspace/house.yaml" });
    Answer::Say(text, vec![("fs__read", arguments)])
}

/// The second request must carry what the file holds, or what was measured is something else.
fn ensure_called(body: &str) -> Result<()> {
    if body.contains("house: my-house") {
        return Ok(());
    }
    let end: String = body.chars().rev().take(600).collect();
    let end: String = end.chars().rev().collect();
    bail!("the second request does not carry the result of the call; it ends with\n{end}")
}

fn run_quietly(program: impl AsRef<Path>, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program.as_ref())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    nanoseconds(time) / 1e6
}
