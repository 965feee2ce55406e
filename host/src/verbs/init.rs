//! `init`: a house that runs at once.

use crate::cli::{AccessOption, Init};
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::supply::Source;
use crate::{open, print, shipped};
use definitions::{Lock, Locked};
use std::fs;
use std::path::Path;
use types::{PluginName, Sha256};

/// What the shipped files say of /workspace, and what `--workspace` puts in its place.
const WORKSPACE: &str = "/workspace: { from: ., access: read-only";

/// Where the shipped scenarios find the shipped charts, and where those of a house find the house's.
const SHIPPED_CHARTS: &str = "chart: ../";
const CHARTS: &str = "chart: ../charts/";

pub fn run(options: &Init) -> Result<u8, Failure> {
    let house = &options.directory;
    if house.join("house.yaml").exists() {
        if add_missing_components(house)? {
            return Ok(0);
        }
        return Err(
            Failure::new(NOT_SO, format!("{} is a house already", house.display()))
                .help("run `charthouse check` in it, or give another directory"),
        );
    }
    let workspace = workspace(options)?;
    refuse_to_overwrite(house)?;
    for shipped in shipped::DEFINITIONS {
        let mut text = shipped.text.replace(WORKSPACE, &workspace);
        if shipped.path.starts_with("scenarios/") {
            text = text.replace(SHIPPED_CHARTS, CHARTS);
        }
        write(house, shipped.path, text.as_bytes())?;
    }
    for (name, component) in shipped::COMPONENTS {
        write(house, &component_path(name), component)?;
    }
    if !shipped::COMPONENTS.is_empty() {
        let lock = shipped::COMPONENTS.iter().filter_map(pinned).collect();
        write(
            house,
            "house.lock",
            Lock { plugins: lock }.text().as_bytes(),
        )?;
    }
    for directory in ["plugins", "out", ".charthouse"] {
        let path = house.join(directory);
        fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
    }
    // What the host keeps for itself does not belong in anybody's repository.
    write(house, ".charthouse/.gitignore", b"*\n")?;
    prepare(house);
    if !options.quiet {
        print::out(&welcome(house))?;
    }
    if shipped::COMPONENTS.is_empty() {
        print::err(&format!(
            "warning: this binary was built without the first-party components\nhelp: run `cargo xtask plugins` in charthouse's repository and copy target/plugins/*.wasm to {}\n",
            house.join("plugins").display()
        ));
    }
    Ok(0)
}

/// In a house that lacks some of the first-party components: write those and nothing else. Whether there were any.
fn add_missing_components(house: &Path) -> Result<bool, Failure> {
    let missing: Vec<_> = shipped::COMPONENTS
        .iter()
        .filter(|(name, _)| !house.join(component_path(name)).exists())
        .collect();
    for (name, component) in &missing {
        let path = component_path(name);
        write(house, &path, component)?;
        print::out(&format!("{path} was missing and is there again\n"))?;
    }
    Ok(!missing.is_empty())
}

/// A component that came with the program, as `house.lock` pins it.
fn pinned((name, component): &(&str, &[u8])) -> Option<(PluginName, Locked)> {
    let locked = Locked {
        sha256: Sha256::of(component),
        size: component.len() as u64,
        source: Source::Shipped.to_string(),
        manifest: None,
        signature: None,
    };
    Some((PluginName::parse(name).ok()?, locked))
}

/// Compile the components now, so that the first run starts in milliseconds. What fails here fails again, and is reported, where it matters.
fn prepare(house: &Path) {
    let Ok(house) = open::house(house) else {
        return;
    };
    let plugins: Vec<_> = house.plugins.clone().into_iter().collect();
    let services = open::services(house);
    let _ = open::block_on(async {
        for (name, plugin) in plugins {
            let _ = services
                .sandbox
                .load(name, &plugin.component, plugin.trusted)
                .await;
        }
    });
}

fn workspace(options: &Init) -> Result<String, Failure> {
    let access = match options.access {
        AccessOption::ReadOnly => "read-only",
        AccessOption::ReadWrite => "read-write",
    };
    let from = match &options.workspace {
        None => ".".to_owned(),
        Some(directory) => {
            let directory = directory.canonicalize().map_err(|error| {
                Failure::new(
                    USAGE,
                    format!(
                        "the workspace {} cannot be used: {error}",
                        directory.display()
                    ),
                )
            })?;
            if !directory.is_dir() {
                return Err(Failure::new(
                    USAGE,
                    format!("the workspace {} is not a directory", directory.display()),
                ));
            }
            let text = directory.to_str().ok_or_else(|| {
                Failure::new(
                    USAGE,
                    format!("the workspace's path {} is not UTF-8", directory.display()),
                )
            })?;
            // A JSON string is a YAML string, whatever the path holds.
            serde_json::Value::from(text).to_string()
        }
    };
    Ok(format!("/workspace: {{ from: {from}, access: {access}"))
}

/// Every file in the way is found before the first is written, so that whoever moves it away can start again.
fn refuse_to_overwrite(house: &Path) -> Result<(), Failure> {
    let definitions = shipped::DEFINITIONS.iter().map(|file| file.path.to_owned());
    let components = shipped::COMPONENTS
        .iter()
        .map(|(name, _)| component_path(name));
    let taken: Vec<String> = definitions
        .chain(["house.lock".to_owned()])
        .chain(components)
        .map(|path| house.join(path))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    let (verb, that) = match taken.len() {
        1 => ("exists and is left as it is", "that file"),
        _ => ("exist and are left as they are", "those files"),
    };
    Err(
        Failure::new(NOT_SO, format!("{} {verb}", taken.join(", "))).help(format!(
            "make the house in an empty directory, or move {that} away"
        )),
    )
}

fn component_path(name: &str) -> String {
    format!("plugins/{name}.wasm")
}

fn write(house: &Path, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = house.join(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    }
    fs::write(&path, bytes).map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(NOT_SO, format!("cannot write {}: {error}", path.display()))
}

fn welcome(house: &Path) -> String {
    let enter = match house.as_os_str() == "." {
        true => String::new(),
        false => format!("  cd {}\n", house.display()),
    };
    format!(
        "A house is made in {}.\n\nNext:\n{enter}  charthouse check                  # every definition is explained where it is wrong\n  charthouse run surveyor           # no key and no network: surveys /workspace, writes out/survey.md\n  charthouse ledger --by tool       # what it took\n  charthouse chart run charts/cognition/deliberate.yaml    # try out how it thinks\n",
        house.display()
    )
}
