//! `cargo xtask …`: the few commands that build, show, test and measure everything. The README names them; `.ci/run` calls `test`.

mod bench;
mod code;
mod demo;
mod distribution;
mod docs;
mod guests;
mod languages;
mod order;
mod sdk;
mod shell;
mod test;
mod wire;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask VERB

  plugins              build every component under plugins/ into target/plugins
  code [js] [python]   build the interpreters that run code into target/code (needs npm, PyPI)
  demo [-- DIR]        the main job on the embedded provider: survey DIR (default: this repository); then a workflow of two agents
  demo -- --change     a policy change from request to evidence: two agents and a person who signs (needs ssh-keygen)
  test                 everything CI checks: fmt, clippy, tests, doc tests, arrows, generated docs
  languages            build the test guests in C, JavaScript and Python, with toolchains from their registries
  sdk [-- LANG…]       for each language the template and the example, built and called (needs what it can install)
  wire [-- litellm]    the providers' dialects against servers that others have written (needs Python and Node)
  conformance          the statechart conformance cases
  fuzz [--seconds N]   inputs that nobody would write, for everything that reads what strangers write
  bench [PART…]        ratios against floors measured in the same run; all parts together write docs/benchmarks.md, some of them with --write
  order [-- PROGRAM]   which functions belong side by side, for the linker (needs cc, nm): host/build/order.txt
  docs [--check]       generate docs/cli.md from the program's own help
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = arguments
        .iter()
        .skip(1)
        .map(String::as_str)
        .filter(|argument| *argument != "--")
        .collect();
    match arguments.first().map(String::as_str) {
        Some("plugins") => guests::plugins().map(|_| ()),
        Some("code") => code::build(&rest),
        Some("demo") => demo::run(&rest),
        Some("test") => test::run(),
        Some("languages") => languages::run_all().map(|_| ()),
        Some("sdk") => sdk::run(&rest),
        Some("wire") => wire::run(&rest),
        Some("conformance") => test::conformance(),
        Some("fuzz") => test::fuzz(&rest),
        Some("bench") => bench::run(&rest),
        Some("order") => order::run(&rest),
        Some("docs") => docs::run(rest.contains(&"--check")),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no `cargo xtask {other}`\n\n{HELP}"),
    }
}
