//! Puts the first-party components into the binary, where they have been built: `charthouse init` writes them out. And the templates of new plugins.
//!
//! They are looked for in `CHARTHOUSE_PLUGINS` and then in `target/plugins`. A binary built without them works and says how to add them.

#[path = "build/templates.rs"]
mod templates;

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=CHARTHOUSE_PLUGINS");
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let directory = std::env::var_os("CHARTHOUSE_PLUGINS")
        .map_or_else(|| here.join("../target/plugins"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut components: Vec<PathBuf> = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    components.sort();
    let mut code = String::from("&[\n");
    for path in &components {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let _ = writeln!(
            code,
            "    ({name:?}, include_bytes!({:?}) as &[u8]),",
            path.display().to_string()
        );
    }
    code.push_str("]\n");
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("components.rs"), code).expect("cannot write to OUT_DIR");
    let manifest = here.clone();
    let root = here.join("..").canonicalize().unwrap_or(here);
    templates::write(&root, &out);
    order(&manifest);
}

/// Have the linker put side by side what is used every day (`cargo xtask order` says which functions those are), and write relocations short. Both save memory and
/// nothing else, so they are left out wherever another linker may be at work than the one that comes with the compiler.
fn order(manifest: &Path) {
    let list = manifest.join("build/order.txt");
    println!("cargo::rerun-if-changed={}", list.display());
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let known =
        variable("TARGET") == "x86_64-unknown-linux-gnu" && variable("PROFILE") == "release";
    let linker = variable("CARGO_ENCODED_RUSTFLAGS").contains("link")
        || std::env::var_os("RUSTC_LINKER").is_some();
    if known && !linker && list.exists() {
        let list = list.display();
        println!("cargo::rustc-link-arg-bins=-Wl,--symbol-ordering-file={list}");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
