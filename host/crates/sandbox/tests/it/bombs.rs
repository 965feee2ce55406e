//! Components made to cost: by their depth, by their number of things, by what little makes much of. All are refused when they are loaded, in few
//! words. What costs too much to compile meets the limits of the compiling process, which `compile` tests.

use crate::common::{call_on, grant, load, sandbox, text};
use crate::written::{SPECS, Written, load_bytes};
use serde_json::json;
use std::fmt::Write;

/// Loading must fail with these words, few of them, and the sandbox goes on.
async fn refused(bytes: &[u8], about: &str) {
    let sandbox = sandbox();
    let error = load_bytes(&sandbox, bytes).await.expect_err("it loads");
    let error = error.to_string();
    assert!(error.contains(about), "`{about}` is not in: {error}");
    assert!(error.len() < 4_000, "{} bytes of error", error.len());
    let plugin = load(&sandbox, "hostile").await;
    let echo = call_on(
        &sandbox,
        &plugin,
        &grant(),
        "echo",
        json!({ "text": "fine" }),
    )
    .await;
    assert_eq!(text(&echo), "fine");
}

async fn text_refused(component: &str, about: &str) {
    let bytes = wat::parse_str(component).unwrap_or_else(|error| panic!("{error}"));
    refused(&bytes, about).await;
}

#[tokio::test]
async fn components_within_components_have_an_end() {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..20_000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push((length & 0x7F) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&bytes);
        bytes = outer;
    }
    refused(&bytes, "").await;
}

#[tokio::test]
async fn types_of_types_have_an_end() {
    let mut doubled = "(component (type $t0 (tuple u8 u8))".to_owned();
    let mut chained = "(component (type $t0 (list u8))".to_owned();
    for n in 0..5_000 {
        write!(doubled, "(type $t{} (tuple $t{n} $t{n}))", n + 1).unwrap();
        write!(chained, "(type $t{} (list $t{n}))", n + 1).unwrap();
    }
    text_refused(&(doubled + ")"), "type size exceeds").await;
    text_refused(&(chained + ")"), "nesting is too deep").await;
}

#[tokio::test]
async fn more_of_anything_than_there_may_be_is_refused() {
    let modules = format!("(component {})", "(core module)".repeat(2_000));
    text_refused(&modules, "modules count exceeds").await;
    let places = "0 ".repeat(100_000);
    let jump =
        format!("(component (core module (func (block (br_table {places} (i32.const 0))))))");
    text_refused(&jump, "br_table").await;
    let mut imports = String::new();
    for n in 0..50_000 {
        write!(imports, "(import \"a\" \"{n}\" (func))").unwrap();
    }
    let imports = format!("(component (core module {imports}))");
    text_refused(&imports, "module instance size").await;
}

#[tokio::test]
async fn long_names_are_cut_in_what_is_said() {
    let name = "a".repeat(90_000);
    text_refused(&format!("(component (import \"{name}\" (func)))"), "linked").await;
}

#[tokio::test]
async fn a_plugin_has_so_many_tools_and_no_more() {
    // All of them without a name, far apart from what the harmless one says.
    let written = Written {
        fields: Written::word(SPECS, 65_536) + &Written::word(SPECS + 4, 1_001),
        ..Written::default()
    };
    refused(&written.bytes(), "it has 1001 tools").await;
}

#[tokio::test]
async fn what_is_no_file_or_too_long_a_one_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large.wasm");
    let file = std::fs::File::create(&large).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let pipe = directory.path().join("pipe.wasm");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for (path, about) in [
        (large.as_path(), "no component may be longer than 64MiB"),
        (&pipe, "neither a file nor a directory"),
        (directory.path(), "a directory"),
    ] {
        let name = types::PluginName::parse("p").unwrap();
        let error = sandbox().load(name, path, false).await.err().unwrap();
        assert!(error.to_string().contains(about), "{error}");
    }
}
