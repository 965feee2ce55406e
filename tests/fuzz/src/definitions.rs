//! Charts, policies and whole houses: whatever a file says, it is loaded or complained about in words, and what a policy grants stays below the ceiling.

use crate::corpus;
use crate::{Mutator, Target};
use definitions::Report;
use policy::{Grant, Overlay, Request};
use std::path::{Path, PathBuf};
use types::ToolName;

/// A complaint has to be sayable.
fn said(report: &Report) {
    std::hint::black_box(report.render(false).len());
}

/// Policies: parsed, then resolved under each other as ceiling, explained both ways.
pub struct Policies;

/// What everything else in a house would add to a policy.
const POLICY: &str = "\
policy: all
tools: [{ deny: \"*\" }, { allow: [\"fs.*\", \"a.b\"] }, { ask: \"fs.write\" }]
mounts: { /workspace: { from: ., access: read-write, hide: [\"**/.git/**\", \"*.key\"] }, /tmp: { from: x, access: read-only } }
net: [{ allow: \"https://example.org:443/a/**\", methods: [GET, POST] }]
env: { LANG: C }
limits: { memory: 64MiB, fuel: 500M, deadline: 5s, output: 1MiB, calls: 20/turn }
clock: real
random: seeded
";

impl Target for Policies {
    fn corpus(&self) -> Vec<Vec<u8>> {
        let mut found = corpus::definitions(&["policy"]);
        found.push(POLICY.into());
        found
    }

    fn run(&mut self, path: &Path) -> bool {
        let overlay = match definitions::load_policy(path) {
            Ok((overlay, warnings)) => {
                said(&warnings);
                overlay
            }
            Err(report) => {
                said(&report);
                return false;
            }
        };
        let whole = whole();
        for name in ["fs.read", "fs.write", "a.b"] {
            let tool = ToolName::parse(name).unwrap_or_else(|error| panic!("{error}"));
            for (layers, ceiling) in [
                (vec![&overlay], None),
                (vec![&whole, &overlay], Some(&whole)),
                (vec![&whole], Some(&overlay)),
                (vec![&overlay, &whole, &overlay], Some(&overlay)),
            ] {
                let grant = resolved(&layers, ceiling, &tool);
                std::hint::black_box((grant.explain_text(), grant.to_json().to_string()));
                if let Some(ceiling) = ceiling {
                    below(&grant, ceiling, &resolved(&[ceiling], None, &tool));
                }
                for mount in &grant.mounts {
                    if let Ok(hide) = mount.hidden() {
                        std::hint::black_box(hide.hides("a/.git/b.key"));
                    }
                }
            }
        }
        true
    }
}

fn whole() -> Overlay {
    let mut overlay = Overlay::named("whole");
    overlay.clock = None;
    overlay
}

fn resolved(layers: &[&Overlay], ceiling: Option<&Overlay>, tool: &ToolName) -> Grant {
    policy::resolve(&Request {
        root: Path::new("/house"),
        layers,
        ceiling,
        own: definitions::OWN,
        answers: None,
        tool,
    })
}

/// No layer gets more than the ceiling says, and where the ceiling has tool rules, no tool that they do not give.
fn below(grant: &Grant, ceiling: &Overlay, alone: &Grant) {
    let (limits, most) = (&grant.limits, &ceiling.limits);
    let says =
        |most: Option<u64>, got: u64| assert!(most.is_none_or(|most| got <= most), "{grant:?}");
    says(
        most.memory.as_ref().map(|most| most.value.0),
        limits.memory.0,
    );
    says(most.fuel.as_ref().map(|most| most.value.0), limits.fuel.0);
    says(
        most.output.as_ref().map(|most| most.value.0),
        limits.output.0,
    );
    says(
        most.calls.as_ref().map(|most| u64::from(most.value)),
        u64::from(limits.calls),
    );
    let deadline = most.deadline.as_ref().map(|most| most.value);
    assert!(
        deadline.is_none_or(|most| limits.deadline <= most),
        "{grant:?}"
    );
    if !ceiling.tools.is_empty() {
        assert!(grant.verdict <= alone.verdict, "{grant:?}");
    }
}

/// Charts.
pub struct Charts;

impl Target for Charts {
    fn corpus(&self) -> Vec<Vec<u8>> {
        corpus::definitions(&["chart"])
    }

    fn run(&mut self, path: &Path) -> bool {
        match definitions::load_chart(path) {
            Ok((_, warnings)) => {
                said(&warnings);
                true
            }
            Err(report) => {
                said(&report);
                false
            }
        }
    }
}

/// A house of one file each: the input is one of its files, and the first key says which.
pub struct Houses(PathBuf);

const HOUSE: &str = "house: h\nstore: sqlite:.charthouse/journal.db\nproviders: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }\n";
const AGENT: &str = "agent: a\nversion: 1.0.0\nmodel: { provider: p, name: m, context_length: 10000, max_output: 100 }\ncognition: t\ncontext: [{ id: history, history: true, flexible: true, trim: oldest }]\n";
const CHART: &str = "chart: t\nversion: 1.0.0\ninitial: one\nstates:\n  one: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

impl Houses {
    /// In `directory`, which is made anew.
    pub fn in_directory(directory: &Path) -> Self {
        let _ = std::fs::remove_dir_all(directory);
        Houses(directory.to_owned())
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.0.join(file);
        let made = path.parent().map(std::fs::create_dir_all);
        if !matches!(made, Some(Ok(()))) || std::fs::write(&path, bytes).is_err() {
            eprintln!("error: {} cannot be written", path.display());
            std::process::exit(2);
        }
    }
}

impl Target for Houses {
    fn corpus(&self) -> Vec<Vec<u8>> {
        let mut found = corpus::definitions(&["house", "agent", "policy"]);
        found.extend([HOUSE, AGENT, CHART].map(|text| text.as_bytes().to_vec()));
        found
    }

    fn make(&self, mutator: &mut Mutator, seeds: &[Vec<u8>]) -> Vec<u8> {
        mutator.mutated(seeds)
    }

    fn run(&mut self, path: &Path) -> bool {
        let input = std::fs::read(path).unwrap_or_default();
        self.write("house.yaml", HOUSE.as_bytes());
        self.write("agents/a.yaml", AGENT.as_bytes());
        self.write("charts/t.yaml", CHART.as_bytes());
        self.write("policies/p.yaml", b"policy: p\ntools: [{ deny: \"*\" }]\n");
        let place = match input.split(|byte| *byte == b':').next() {
            Some(b"agent") => "agents/a.yaml",
            Some(b"chart") => "charts/t.yaml",
            Some(b"policy") => "policies/p.yaml",
            _ => "house.yaml",
        };
        self.write(place, &input);
        match definitions::load(&self.0) {
            Ok(house) => {
                said(&house.report());
                true
            }
            Err(report) => {
                said(&report);
                false
            }
        }
    }
}
