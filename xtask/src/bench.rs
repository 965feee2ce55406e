//! `cargo xtask bench`: what DESIGN §7 asks for, measured against floors in the same run, as a table and as `docs/benchmarks.md`.
//!
//! Figures of the whole program are taken here; figures of a part are taken by that part's own bench, which alone may name what the part is made of.
//! Nothing here fails because something is slow: a time is a fact about a machine, not a test.

mod idle;
mod machine;
mod measure;
mod memory;
mod process;
mod report;
mod server;

use crate::shell::{cargo, root, target};
use crate::{demo, guests, languages, shell};
use anyhow::{Context, Result, bail};
use measure::Figure;
pub use process::Bench as Scene;
use report::Section;
use std::path::Path;
use std::process::{Command, Stdio};

/// Benches inside the parts: package, bench, title, how.
const PARTS: [(&str, &str, &str, &str); 12] = [
    (
        "charthouse-sandbox",
        "call",
        "A sandboxed call",
        "`Sandbox::call` with everything it does (policy's grant, argument check, watched files, memory limit, fuel, deadline, log) in a fresh instance, on one thread where nothing else is said, against raw wasmtime on the same component: the same pooled engine, typed bindings, a fresh instance with a WASI context, and nothing else.",
    ),
    (
        "charthouse-runtime",
        "grants",
        "Grants",
        "From the active states and a tool's name to what the call may do, for a house with a ceiling, a default policy of thirty rules, an agent's own policy and those of three nested states.",
    ),
    (
        "charthouse-sandbox",
        "swap",
        "Hot swap",
        "Every core makes calls without a pause, for half a second with no exchange of generations and half a second with one every 100 ms, in turns. Each exchange is a whole one: the component is read and hashed, compared with what its place needs, its code is loaded, the place changes hands, and the old code goes with the last call under way.",
    ),
    (
        "charthouse-chart",
        "step",
        "Charts",
        "*flat*: two states and an event that changes between them. *par*: four levels (chart, compound, parallel with two regions, eight states in each); every event moves both regions on and counts in four actions. *mix*: *par*, where every eighth event leaves the parallel state and enters it again. Their floor is the same machine written by hand as a `match` over the event's name. *timer* and *history*: steps that also change what waits and what is remembered. A guard's time is what asking it adds to an event.",
    ),
    (
        "charthouse-definitions",
        "load",
        "Loading a chart",
        "From the file to a chart that can run: read, parse, walk, resolve names, compile expressions, work out entry sets, look for what never happens, hash. The floor is `serde-saphyr` reading the same YAML into a `serde_json::Value`.",
    ),
    (
        "charthouse-context",
        "payload",
        "Payload",
        "A coding agent's map with 128k tokens of history. *Whole*: measure every item, plan and assemble. *Next turn*: one exchange more is measured, then plan and assemble. The payload shares its items with the history; encoding it in a provider's dialect comes after (section \"Body\").",
    ),
    (
        "charthouse-provider",
        "body",
        "Body",
        "A request's body for a conversation of tool calls and results of 4 KB each, which is handed to the socket in pieces. *First body*: every text escaped once, every item made, then the body. *Next turn*: one exchange more, then the body of the whole conversation. The floor is memcpy of the body's bytes.",
    ),
    (
        "charthouse-journal",
        "append",
        "Journal",
        "Append of one macrostep (three records, about 1 KiB) in one durable commit, against a commit of the same bytes into a plain SQLite table with the same settings (WAL, `synchronous = FULL`).",
    ),
    (
        "charthouse-runtime",
        "resume",
        "Taking a run up again",
        "From opening the store to the run standing where it stood, with a cold cache of the store and a warm one of the system. A snapshot comes every 256 records; each run ends just before one would come, where the most has to be read. The conversation has prompts of 500 bytes and answers of 750.",
    ),
    (
        "charthouse-runtime",
        "events",
        "Events across agents",
        "Agents of one host on one thread, all parked when their event comes. *Recorded*: what runs hand in at the same time goes into one durable commit, against a commit for each.",
    ),
    (
        "charthouse-runtime",
        "week",
        "A week",
        "A hundred agents that do something every hour, for a week of virtual time: the clock is moved on by an hour at a time. Figures are of the six days after the first.",
    ),
    (
        "charthouse-runtime",
        "ledger",
        "Ledger",
        "From a store with half a million records to the table: every cost record is read, its row found and its figures added, against the same rows read through the same interface and not looked at.",
    ),
];

/// The figures that are taken here, under the name by which they can be asked for.
const PROGRAM: &str = "program";
const IDLE: &str = "idle";
/// What says that the figures of some parts are to be written down as well.
const WRITE: &str = "--write";

/// The verb. `asked` names the parts to measure, for whoever works on one; the figures of all, taken in one run, are written down, those of some where it says `--write`.
pub fn run(asked: &[&str]) -> Result<()> {
    let wanted: Vec<&str> = asked
        .iter()
        .copied()
        .filter(|word| *word != WRITE)
        .collect();
    let writes = wanted.is_empty() || wanted.len() < asked.len();
    let parts: Vec<&str> = [PROGRAM, IDLE]
        .into_iter()
        .chain(PARTS.iter().map(|(_, bench, ..)| *bench))
        .collect();
    if let Some(unknown) = wanted.iter().find(|part| !parts.contains(part)) {
        bail!(
            "there is no part `{unknown}` to measure; there are {}",
            parts.join(", ")
        );
    }
    let is_wanted = |part: &str| wanted.is_empty() || wanted.contains(&part);
    let mut facts = machine::facts()?;
    facts.push((
        "configuration",
        format!(
            "release profile ({}), glibc's allocator, warm page cache, code cache filled by `charthouse init`",
            profile()?
        ),
    ));
    let guests = guests::tests()?;
    languages::run_all()?;
    // All of it before anything is measured: a compiler at work would be measured with it.
    let host = (is_wanted(PROGRAM) || is_wanted(IDLE))
        .then(demo::build_host)
        .transpose()?;
    let benches: Vec<&str> = PARTS
        .iter()
        .map(|(_, bench, ..)| *bench)
        .filter(|bench| is_wanted(bench))
        .collect();
    if !benches.is_empty() {
        build(&benches)?;
    }
    let mut sections = Vec::new();
    if let Some(host) = host.as_ref().filter(|_| is_wanted(PROGRAM)) {
        sections.push(Section {
            title: "The whole program",
            how: "The house is the one that `charthouse init` makes; `charthouse run` of the shipped `coder`, without its outline of the workspace, its guard and its summary, asks a server on this machine, which takes the time of the first bytes of each request and lets the agent read a file in the sandbox. Starting the program is part of the time.",
            figures: process::Bench::new(host.clone(), target().join("bench/house"))?.figures()?,
        });
    }
    if let Some(host) = host.as_ref().filter(|_| is_wanted(IDLE)) {
        sections.push(Section {
            title: "Agents that stand still",
            how: "`charthouse serve` of a house with one agent definition and so many runs of it, each begun through the control socket and parked. Then the daemon is ended and started anew, and left alone.",
            figures: idle::figures(host, &target().join("bench/idle"))?,
        });
    }
    for (_, bench, title, how) in PARTS.iter().filter(|(_, bench, ..)| is_wanted(bench)) {
        sections.push(Section {
            title,
            how,
            figures: part(bench, &guests)?,
        });
    }
    print!("{}", report::terminal(&sections));
    if !writes {
        return Ok(());
    }
    let path = root().join("docs/benchmarks.md");
    let page = match wanted.is_empty() {
        true => {
            facts.push(("load after", machine::load()));
            report::page(&facts, &sections)
        }
        false => {
            let page = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let date = facts.iter().find(|(name, _)| *name == "date");
            let date = date.map_or("", |(_, date)| date);
            report::renewed(&page, date, &sections)
                .context("docs/benchmarks.md lacks a part: measure all of them first")?
        }
    };
    std::fs::create_dir_all(root().join("docs"))?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nwritten: {}", path.display());
    Ok(())
}

/// The release profile as the workspace's manifest has it.
fn profile() -> Result<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml"))?;
    let section = manifest
        .lines()
        .skip_while(|line| *line != "[profile.release]");
    let settings: Vec<&str> = section
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let small: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("[profile.release.package."))
        .map(|name| name.trim_end_matches(']'))
        .collect();
    Ok(match small.is_empty() {
        true => settings.join(", "),
        false => format!(
            "{}; {} small (\"s\")",
            settings.join(", "),
            small.join(", ")
        ),
    })
}

/// `cargo bench` for all parts together, always: for another set of packages cargo would choose other features and compile the libraries again.
fn cargo_bench() -> Command {
    let mut command = cargo();
    command.args(["bench", "--locked"]);
    for (package, ..) in PARTS {
        command.args(["--package", package]);
    }
    command
}

fn build(benches: &[&str]) -> Result<()> {
    let mut command = cargo_bench();
    command.arg("--no-run");
    for bench in benches {
        command.args(["--bench", bench]);
    }
    shell::run(&mut command)
}

/// Run one part's bench and take the figures it prints.
fn part(bench: &str, guests: &Path) -> Result<Vec<Figure>> {
    eprintln!("+ cargo bench --bench {bench}");
    let output = cargo_bench()
        .args(["--quiet", "--bench", bench])
        .env("CHARTHOUSE_TEST_GUESTS", guests)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the bench `{bench}` ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("a bench prints text")?;
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| {
            serde_json::from_str(line)
                .with_context(|| format!("the bench `{bench}` printed {line}"))
        })
        .collect()
}
