//! Components that are not what they should be, and a cache that was damaged.

use crate::common::{call_on, grant, guest, load, sandbox, settings, text};
use charthouse_sandbox::{Sandbox, SandboxError};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use types::{ContentHash, PluginName};

async fn refused(bytes: &[u8]) -> String {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, bytes).unwrap();
    let name = PluginName::parse("plugin").unwrap();
    let error = sandbox().load(name, &path, false).await.err().unwrap();
    error.to_string()
}

#[tokio::test]
async fn what_is_no_component_is_named() {
    assert!(refused(b"").await.contains("empty"));
    assert!(refused(b"#!/bin/sh\n").await.contains("not WebAssembly"));
    assert!(
        refused(b"\0asm\x01\0\0\0")
            .await
            .contains("core WebAssembly module")
    );
    assert!(
        refused(b"\0asm\x0d\0\x01\0garbage")
            .await
            .contains("cannot compile")
    );
    assert!(
        refused(b"\0asm\x0d\0\x01\0")
            .await
            .contains("exports nothing that can be called")
    );
}

#[tokio::test]
async fn a_component_that_imports_the_network_is_linked_and_says_so() {
    let plugin = load(&sandbox(), "net").await;
    let imports = &plugin.info().imports;
    assert!(
        imports.iter().any(|name| name.starts_with("wasi:sockets/")),
        "{imports:?}"
    );
}

#[tokio::test]
async fn specs_are_checked() {
    let name = PluginName::parse("badspecs").unwrap();
    let error = sandbox()
        .load(name, &guest("badspecs"), false)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, SandboxError::Probe { .. }), "{error}");
}

/// The one file in `cache` that ends so.
fn file(cache: &TempDir, extension: &str) -> PathBuf {
    let found: Vec<PathBuf> = fs::read_dir(cache.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

async fn echo(cache: &TempDir) -> String {
    echo_of(Sandbox::new(settings(cache.path().to_owned()))).await
}

async fn echo_of(sandbox: Sandbox) -> String {
    let plugin = load(&sandbox, "minimal").await;
    let arguments = json!({ "text": "hello" });
    text(&call_on(&sandbox, &plugin, &grant(), "echo", arguments).await)
}

#[tokio::test]
async fn damaged_code_is_made_again() {
    let cache = TempDir::new().unwrap();
    let expected = echo(&cache).await;
    let code = file(&cache, "cwasm");
    let whole = fs::read(&code).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
        },
        |bytes| bytes.extend_from_slice(b"more"),
    ];
    for damage in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&code, &bytes).unwrap();
        assert_eq!(echo(&cache).await, expected);
        assert_eq!(fs::read(&code).unwrap(), whole);
    }
    fs::write(file(&cache, "sum"), "nonsense").unwrap();
    assert_eq!(echo(&cache).await, expected);
    fs::write(file(&cache, "json"), "{").unwrap();
    assert_eq!(echo(&cache).await, expected);
}

#[tokio::test]
async fn code_that_the_house_has_not_sealed_is_not_run() {
    let cache = TempDir::new().unwrap();
    let sealed = |key: u8| {
        let seal = move |bytes: &[u8]| Some(ContentHash::of(&[&[key], bytes].concat()));
        Sandbox::new(settings(cache.path().to_owned())).sealed(Arc::new(seal))
    };
    let expected = echo_of(sealed(1)).await;
    let (code, sum) = (file(&cache, "cwasm"), file(&cache, "sum"));
    let (whole, said) = (fs::read(&code).unwrap(), fs::read_to_string(&sum).unwrap());
    let made = || fs::metadata(&code).unwrap().modified().unwrap();
    let before = made();
    assert_eq!(echo_of(sealed(1)).await, expected);
    assert_eq!(made(), before, "what is sealed is not compiled again");
    // Code of another component, with its own sum: as it is, and with the seal that another sum bears.
    let other = TempDir::new().unwrap();
    load(&Sandbox::new(settings(other.path().to_owned())), "hostile").await;
    let (others, its_sum) = (file(&other, "cwasm"), file(&other, "sum"));
    let its_sum = fs::read_to_string(its_sum).unwrap();
    let seal = said.lines().nth(1).unwrap();
    for sum_of_it in [its_sum.clone(), format!("{its_sum}\n{seal}")] {
        fs::copy(&others, &code).unwrap();
        fs::write(&sum, sum_of_it).unwrap();
        assert_eq!(echo_of(sealed(1)).await, expected);
        assert_eq!(fs::read(&code).unwrap(), whole);
        assert_eq!(fs::read_to_string(&sum).unwrap(), said);
    }
    // What is said of the component itself.
    let json = file(&cache, "json");
    let (own, text) = (fs::read(&json).unwrap(), fs::read_to_string(&json).unwrap());
    fs::write(&json, text.lines().next().unwrap().replace("echo", "ohce")).unwrap();
    assert_eq!(echo_of(sealed(1)).await, expected);
    assert_eq!(fs::read(&json).unwrap(), own);
    // Another key believes nothing of it, and who asks for no seal can do with it.
    assert_eq!(echo_of(sealed(2)).await, expected);
    assert_ne!(fs::read_to_string(&sum).unwrap(), said);
    assert_eq!(echo(&cache).await, expected);
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let cache = TempDir::new().unwrap();
    echo(&cache).await;
    let before = fs::metadata(file(&cache, "cwasm"))
        .unwrap()
        .modified()
        .unwrap();
    echo(&cache).await;
    let after = fs::metadata(file(&cache, "cwasm"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_component_that_changes_under_a_loaded_plugin_does_not_run_as_the_old_one() {
    let cache = TempDir::new().unwrap();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("p.wasm");
    fs::copy(guest("minimal"), &path).unwrap();
    let sandbox = Sandbox::new(settings(cache.path().to_owned()));
    let name = PluginName::parse("p").unwrap();
    let first = sandbox.load(name.clone(), &path, false).await.unwrap();
    fs::copy(guest("hostile"), &path).unwrap();
    let second = sandbox.load(name, &path, false).await.unwrap();
    assert_ne!(first.info().hash, second.info().hash);
    assert!(second.tool("spin").is_some() && first.tool("spin").is_none());
}
