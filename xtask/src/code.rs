//! Building the plugins that run code: interpreters compiled to components by tools that come from npm and PyPI. Apart from the other plugins, because not every
//! machine has those registries, and because what comes out is too large to travel in every binary.

use crate::shell::{root, run, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// QuickJS as a component, from JavaScript: npm.
const QUICKJS: &str = "componentize-qjs@0.4.5";
/// CPython as a component, from Python: PyPI.
const CPYTHON: &str = "componentize-py==0.25.1";

/// Build what `which` names (`js`, `python`), or both.
pub fn build(which: &[&str]) -> Result<()> {
    if let Some(other) = which.iter().find(|name| !["js", "python"].contains(*name)) {
        bail!("there is no interpreter `{other}`; there are `js` and `python`");
    }
    let wanted = |name| which.is_empty() || which.contains(&name);
    if wanted("js") {
        js()?;
    }
    if wanted("python") {
        python()?;
    }
    Ok(())
}

/// Whether this machine has what [`js`] needs.
pub fn has_js_tools() -> bool {
    ["npm", "node"].iter().all(|tool| {
        let mut command = Command::new(tool);
        command.arg("--version").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Build `plugins/code-js` into `target/code/code-js.wasm`.
pub fn js() -> Result<()> {
    let here = directory("js")?;
    if !here.join("node_modules/componentize-qjs").is_dir() {
        std::fs::write(here.join("package.json"), "{}")?;
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", QUICKJS])
            .current_dir(&here))?;
    }
    let plugin = root().join("plugins/code-js");
    let wit = assemble(&plugin, &here)?;
    // Beside the packages that it imports.
    std::fs::copy(plugin.join("build.mjs"), here.join("build.mjs"))?;
    run(Command::new("node")
        .arg(here.join("build.mjs"))
        .arg(wit)
        .arg(plugin.join("plugin.js"))
        .arg(target().join("code/code-js.wasm")))
}

/// Build `plugins/code-python` into `target/code/code-python.wasm`.
fn python() -> Result<()> {
    let here = directory("py")?;
    let tool = here.join("bin/componentize-py");
    if !tool.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&here))?;
        run(Command::new(here.join("bin/pip")).args(["install", "--quiet", CPYTHON]))?;
    }
    let plugin = root().join("plugins/code-python");
    let wit = assemble(&plugin, &here)?;
    run(Command::new(tool)
        .arg("-d")
        .arg(wit)
        .args(["-w", "code-python", "componentize", "-p"])
        .arg(&plugin)
        .args(["app", "-o"])
        .arg(target().join("code/code-python.wasm")))
}

fn directory(name: &str) -> Result<PathBuf> {
    let directory = target().join("code").join(name);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// The plugin's world with the packages that it names: WASI's beside it, and charthouse's own from `wit/`.
fn assemble(plugin: &Path, here: &Path) -> Result<PathBuf> {
    let wit = here.join("wit");
    if wit.is_dir() {
        std::fs::remove_dir_all(&wit)?;
    }
    copy_wit(&plugin.join("wit"), &wit)?;
    if plugin.join("wit/deps").is_dir() {
        copy_wit(&plugin.join("wit/deps"), &wit.join("deps"))?;
    }
    copy_wit(&root().join("wit"), &wit.join("deps/charthouse"))?;
    Ok(wit)
}

fn copy_wit(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if let (true, Some(name)) = (
            path.extension().is_some_and(|e| e == "wit"),
            path.file_name(),
        ) {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
