//! Agents that stand still in one daemon: what each holds in memory, what they take of the processor, and how long a daemon takes to start with them.
//!
//! They are begun through the control socket as a person would begin them, until the daemon has parked them all; then it is ended and started anew, so that what
//! is measured is a house that has them and nothing that was left over from making them.

use super::measure::{Figure, Floor, Goal, median};
use super::memory;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// So many agents stand still.
const AGENTS: [usize; 3] = [0, 1_000, 10_000];
/// Starts that are timed.
const STARTS: usize = 5;
/// How long a daemon is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);
/// How long its use of the processor is watched.
const WATCHED: Duration = Duration::from_secs(5);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How many agents are begun before it is waited for them.
const BATCH: usize = 50;

const HOUSE: &str = "\
house: idle
store: sqlite:.charthouse/journal.db
providers: { script: { kind: scripted, file: script.yaml } }
";
const SCRIPT: &str = "script: replies\nreplies:\n  - text: Nothing to do.\n";
const AGENT: &str = "\
agent: waiter
version: 1.0.0
model: { provider: script, name: script, context_length: 100000, max_output: 1000 }
cognition: wait
context: [{ id: history, history: true, flexible: true, trim: oldest }]
";
const CHART: &str = "\
chart: wait
version: 1.0.0
kind: cognition
initial: idle
states:
  idle: { on: { human.said: answer } }
  answer: { invoke: turn, on: { turn.done: idle } }
";

/// A daemon that serves the house, and a line to it.
struct Daemon {
    child: Child,
    line: BufReader<UnixStream>,
    /// From just before its start to its first answer, in milliseconds.
    started: f64,
}

/// One house with some agents.
struct Stood {
    agents: usize,
    started: f64,
    resident: f64,
    own: f64,
    processor: f64,
}

/// The figures, with the program `host` and houses in `directory`.
pub fn figures(host: &Path, directory: &Path) -> Result<Vec<Figure>> {
    let mut stood = Vec::new();
    let house = house(directory)?;
    for agents in AGENTS {
        begin(host, &house, agents)?;
        stood.push(stand(host, &house, agents)?);
    }
    let [none, rest @ ..] = &stood[..] else {
        bail!("nothing was measured");
    };
    let figure = |what: String, value: f64, unit: &str, goal, note: String| Figure {
        what,
        value,
        unit: unit.into(),
        floor: None,
        goal,
        note,
    };
    let mut figures = vec![figure(
        "RSS of a daemon without agents".into(),
        none.resident,
        "MiB",
        None,
        format!(
            "VmRSS; {:.1} MiB of it are its own, the rest are pages of the program.",
            none.own
        ),
    )];
    for some in rest {
        let (agents, all) = (some.agents as f64, thousands(some.agents));
        figures.push(figure(
            format!("RSS for each of {all} agents that stand still"),
            (some.resident - none.resident) * 1024.0 / agents,
            "KiB",
            Some(Goal::AtMost(16.0)),
            format!(
                "{:.1} MiB in all; a run that stands still is a line in a table, and the rest of it is in the journal.",
                some.resident
            ),
        ));
        figures.push(figure(
            format!("processor time of a daemon with {all} agents, in five seconds"),
            some.processor,
            "ms",
            Some(Goal::AtMost(0.0)),
            "utime and stime of /proc, which count in steps of 10 ms: nobody asks whether something is due, a timer says so.".into(),
        ));
        figures.push(Figure {
            floor: Some(Floor {
                what: "a daemon without agents".into(),
                value: none.started,
                ratio: some.started / none.started,
            }),
            ..figure(
                format!("exec → first answer of a daemon with {all} agents"),
                some.started,
                "ms",
                None,
                "The program starts, checks the house, reads who is there and answers on its socket.".into(),
            )
        });
    }
    Ok(figures)
}

fn house(directory: &Path) -> Result<PathBuf> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)
            .with_context(|| format!("cannot clear {}", directory.display()))?;
    }
    for (file, text) in [
        ("house.yaml", HOUSE),
        ("script.yaml", SCRIPT),
        ("agents/waiter.yaml", AGENT),
        ("charts/wait.yaml", CHART),
    ] {
        let path = directory.join(file);
        let parent = path.parent().context("a file lies in a directory")?;
        std::fs::create_dir_all(parent)?;
        std::fs::write(&path, text)?;
    }
    Ok(directory.canonicalize()?)
}

/// Have so many agents in the house, all of them parked.
fn begin(host: &Path, house: &Path, agents: usize) -> Result<()> {
    let mut daemon = Daemon::start(host, house)?;
    let there = daemon.ask(&json!({ "do": "health" }))?["runs"].as_u64();
    let mut left = agents.saturating_sub(usize::try_from(there.unwrap_or(0))?);
    while left > 0 {
        for _ in 0..left.min(BATCH) {
            daemon.ask(&json!({ "do": "start", "agent": "waiter" }))?;
        }
        left -= left.min(BATCH);
        daemon.quiet()?;
    }
    daemon.end()
}

/// A daemon over them that does nothing.
fn stand(host: &Path, house: &Path, agents: usize) -> Result<Stood> {
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 1..STARTS {
        let daemon = Daemon::start(host, house)?;
        starts.push(daemon.started);
        daemon.end()?;
    }
    let mut daemon = Daemon::start(host, house)?;
    starts.push(daemon.started);
    let health = daemon.ask(&json!({ "do": "health" }))?;
    ensure!(
        health["runs"] == json!(agents) && health["running"] == json!(0),
        "{agents} agents should stand still: {health}"
    );
    sleep(SETTLE);
    let resident = memory::resident(daemon.child.id()).context("the daemon is gone")?;
    let before = processor(daemon.child.id())?;
    sleep(WATCHED);
    let after = processor(daemon.child.id())?;
    daemon.end()?;
    Ok(Stood {
        agents,
        started: median(starts),
        resident: resident.total,
        own: resident.total - resident.of_files,
        processor: after - before,
    })
}

impl Daemon {
    fn start(host: &Path, house: &Path) -> Result<Self> {
        let started = Instant::now();
        let child = Command::new(host)
            .args(["serve", "--house"])
            .arg(house)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", host.display()))?;
        let socket = house.join(".charthouse/control.sock");
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(_) if started.elapsed() < PATIENCE => sleep(Duration::from_millis(1)),
                Err(error) => {
                    return Err(error).with_context(|| format!("nobody at {}", socket.display()));
                }
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut daemon = Daemon {
            child,
            line: BufReader::new(stream),
            started: 0.0,
        };
        daemon.ask(&json!({ "do": "health" }))?;
        daemon.started = started.elapsed().as_secs_f64() * 1e3;
        Ok(daemon)
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        let line = format!("{command}\n");
        self.line.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.line.read_line(&mut answer)?;
        let mut answer: Value = serde_json::from_str(&answer)
            .with_context(|| format!("the daemon answered {answer:?}"))?;
        match answer.get_mut("ok") {
            Some(ok) => Ok(ok.take()),
            None => bail!("the daemon answered {answer}"),
        }
    }

    /// Wait until nothing runs.
    fn quiet(&mut self) -> Result<()> {
        loop {
            let health = self.ask(&json!({ "do": "health" }))?;
            ensure!(health["status"] == "ok", "the daemon says {health}");
            if health["running"] == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(1));
        }
    }

    fn end(mut self) -> Result<()> {
        self.ask(&json!({ "do": "shutdown" }))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }
}

/// What a process has had of the processor, in milliseconds.
fn processor(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a name ends")?;
    let field = |n: usize| -> Result<f64> {
        let field = fields.split_whitespace().nth(n).context("too few fields")?;
        Ok(field.parse()?)
    };
    // Fields 14 and 15 of proc(5), in hundredths of a second everywhere on Linux.
    Ok((field(11)? + field(12)?) * 10.0)
}

fn thousands(n: usize) -> String {
    match n {
        0..1_000 => n.to_string(),
        _ => format!("{},{:03}", n / 1_000, n % 1_000),
    }
}
