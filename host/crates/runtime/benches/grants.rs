//! What it costs to know what a call may do, on the way to it. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The house has a ceiling, a default policy, an agent's own and three of nested states, with mounts, hidden names, limits and thirty rules for tools. The
//! file under test is included by its path, because nothing outside of the runtime may have grants of it.

#[allow(dead_code, reason = "what is not measured is used in the runtime")]
#[path = "../src/grants.rs"]
mod grants;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use chart::{Effects, Snapshot};
use charthouse_runtime::Binding;
use definitions::{AgentDef, ChartBundle, House};
use grants::Grants;
use measure::{Figure, Goal, compare};
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use types::ToolName;

const ROUNDS: usize = 101;
const CALLS: u32 = 500;

const HOUSE: &str = "\
house: h
store: sqlite:.charthouse/journal.db
providers: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }
defaults: { policy: basic }
ceiling: { mounts: { /workspace: { from: ., access: read-write } }, limits: { memory: 256MiB, fuel: 5G, deadline: 60s } }
";
const AGENT: &str = "\
agent: a
version: 1.0.0
model: { provider: p, name: m, context_length: 10000, max_output: 100 }
cognition: t
context: [{ id: history, history: true, flexible: true, trim: oldest }]
policy: { mounts: { /workspace: { from: ., access: read-only, hide: [\"**/.git/**\", \"*.key\"] } } }
";
const CHART: &str = "\
chart: t
version: 1.0.0
initial: a
states:
  a:
    policy: { tools: [{ allow: [\"fs.*\", \"search.*\"] }] }
    initial: b
    states:
      b:
        policy: { limits: { deadline: 10s } }
        initial: c
        states:
          c: { policy: { tools: [{ deny: \"fs.remove\" }], mounts: { /workspace: read-write } } }
";

fn main() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let root = directory.path();
    write(root, "house.yaml", HOUSE);
    write(root, "agents/a.yaml", AGENT);
    write(root, "charts/t.yaml", CHART);
    let mut rules = "policy: basic\ntools:\n  - deny: \"*\"\n".to_owned();
    for n in 0..30 {
        let _ = writeln!(rules, "  - allow: [\"fs.tool{n}\", \"other{n}.*\"]");
    }
    write(root, "policies/basic.yaml", &rules);
    let house = definitions::load(root).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let (agent, bundle) = (&house.agents["a"], &house.charts["t"]);
    let mut effects = Effects::default();
    let snapshot = chart::start(&bundle.chart, 0, &mut effects);
    let snapshot = snapshot.unwrap_or_else(|error| panic!("{error}"));
    let names = ["fs.read", "fs.write", "search.text", "fs.remove", "net.get"];
    let tools = names.map(|name| ToolName::parse(name).expect("a tool's name"));
    for figure in figures(&house, agent, bundle, &snapshot, &tools) {
        println!("{figure}");
    }
}

fn figures(
    house: &House,
    agent: &AgentDef,
    bundle: &ChartBundle,
    snapshot: &Snapshot,
    tools: &[ToolName],
) -> [Figure; 2] {
    let mut known = Grants::default();
    let compared = compare(
        ROUNDS,
        CALLS,
        |calls| {
            for tool in tools.iter().cycle().take(calls as usize) {
                black_box(known.of(house, agent, bundle, snapshot, None, tool));
            }
        },
        |calls| {
            for tool in tools.iter().cycle().take(calls as usize) {
                let states = snapshot.configuration();
                let layers = grants::layers(house, agent, bundle, states, None);
                black_box(grants::grant(house, agent, &layers, tool));
            }
        },
    );
    let figure = |what: &str, value: f64, goal, note: &str| Figure {
        what: what.into(),
        value: value / 1e3,
        unit: "µs".into(),
        floor: None,
        goal,
        note: note.into(),
    };
    [
        figure(
            "the grant of a call, in states where the tool was called before",
            compared.subject,
            Some(Goal::AtMost(2.0)),
            "A look at the active states and one into a map.",
        ),
        figure(
            "the grant of a call, worked out anew",
            compared.floor,
            None,
            "Six layers under a ceiling, thirty rules: once for each tool and each set of active states.",
        ),
    ]
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    let directory = path.parent().expect("it lies in a directory");
    std::fs::create_dir_all(directory).expect("a directory can be made");
    std::fs::write(path, text).expect("it can be written");
}
