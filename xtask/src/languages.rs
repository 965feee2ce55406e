//! `cargo xtask languages`: the test guests that are written in C, JavaScript and Python, with toolchains from the registries of those languages.
//!
//! The toolchains are installed below `target/tools`, each once. Where one cannot be had (no network, no Python, no Node) its guest is left out, and
//! that is said; tests and benches take those that are there.

use crate::shell::{root, run, target};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WORLD: &str = "tool-plugin";
const PYTHON_TOOLS: [&str; 2] = ["componentize-py==0.25.1", "ziglang==0.17.0"];
const NODE_TOOLS: [&str; 2] = [
    "@bytecodealliance/componentize-js@0.23.0",
    "@bytecodealliance/preview2-shim@0.17.9",
];

/// Build what can be built into `target/guests` as `lang-NAME.wasm`, and answer what is there.
pub fn run_all() -> Result<Vec<PathBuf>> {
    let guests = target().join("guests");
    std::fs::create_dir_all(&guests)?;
    let mut built = Vec::new();
    for (name, build) in [
        ("c", c as fn(&Path, &Path) -> Result<()>),
        ("javascript", javascript),
        ("python", python),
    ] {
        let source = root().join("tests/guests/languages").join(name);
        let out = guests.join(format!("lang-{name}.wasm"));
        if is_newer(&out, &source) {
            built.push(out);
            continue;
        }
        match build(&source, &out) {
            Ok(()) => built.push(out),
            Err(error) => eprintln!("  left out: the guest in {name}: {error:#}"),
        }
    }
    Ok(built)
}

/// Whether `out` is newer than everything in `source` and than the interface.
fn is_newer(out: &Path, source: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified());
    let Ok(made) = time(out) else { return false };
    let wit = root().join("wit");
    let inputs = [source, &wit].into_iter();
    let files = inputs.filter_map(|directory| std::fs::read_dir(directory).ok());
    files
        .flatten()
        .flatten()
        .all(|file| time(&file.path()).is_ok_and(|changed| changed < made))
}

fn python(source: &Path, out: &Path) -> Result<()> {
    let tools = python_tools()?;
    run(Command::new(tools.join("bin/componentize-py"))
        .current_dir(source)
        .arg("--wit-path")
        .arg(root().join("wit"))
        .args(["--world", WORLD, "componentize", "app", "--output"])
        .arg(out))
}

fn javascript(source: &Path, out: &Path) -> Result<()> {
    let tools = target().join("tools/node");
    if !tools.join("node_modules/@bytecodealliance").exists() {
        std::fs::create_dir_all(&tools)?;
        run(Command::new("npm")
            .current_dir(&tools)
            .args(["install", "--silent", "--no-save", "--no-package-lock"])
            .args(NODE_TOOLS))?;
    }
    run(Command::new("node")
        .current_dir(&tools)
        .arg(source.join("build.mjs"))
        .arg(root().join("wit"))
        .arg(out))
}

/// A C program becomes a core module that imports WASI preview 1; the adapter makes a component of it.
fn c(source: &Path, out: &Path) -> Result<()> {
    let module = out.with_extension("module");
    run(Command::new(python_tools()?.join("bin/python"))
        .args(["-m", "ziglang", "cc", "-target", "wasm32-wasi"])
        .args(["-mexec-model=reactor", "-Os", "-o"])
        .arg(&module)
        .arg(source.join("tool.c")))?;
    let mut core = std::fs::read(&module)?;
    std::fs::remove_file(&module)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    let component = ComponentEncoder::default()
        .module(&core)?
        .adapter("wasi_snapshot_preview1", adapter)?
        .encode()?;
    std::fs::write(out, component).with_context(|| format!("cannot write {}", out.display()))
}

/// Python's tools, and the C compiler that comes by the same way.
fn python_tools() -> Result<PathBuf> {
    let tools = target().join("tools/python");
    if !tools.join("bin/componentize-py").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
        run(Command::new(tools.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .args(PYTHON_TOOLS))?;
    }
    Ok(tools)
}
