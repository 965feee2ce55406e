//! The plugin as a whole, on trees that are made for it: what it shows, what it remembers, and what must not harm it.

use super::*;
use crate::tokens::{MESSAGE, UNITS, units};
use charthouse_sdk::state;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn tree(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(directory.path(), path, text);
    }
    directory
}

/// Write a file that last changed long ago.
fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
}

fn ask(
    root: &Path,
    params: Value,
    budget: u32,
    query: &str,
) -> Result<(Vec<Fragment>, Work), Failure> {
    let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
    let given = |name: &str| {
        let list = params[name].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    let request = Request {
        params: Params {
            path: params["path"].as_str().unwrap_or("/workspace").to_owned(),
            depth: params["depth"].as_u64(),
            include: given("include"),
            exclude: given("exclude"),
            languages: given("languages"),
            focus: params["focus"].as_bool().unwrap_or_default(),
        },
        budget,
        cognition: Vec::new(),
        workflow: Vec::new(),
        query: query.to_owned(),
    };
    provide(&mounts, &request, now())
}

/// All fragments as the host joins them.
fn shown(root: &Path, params: Value, budget: u32) -> String {
    let (fragments, _) = ask(root, params, budget, "").unwrap();
    let texts: Vec<&str> = fragments
        .iter()
        .map(|fragment| fragment.text.trim_end())
        .collect();
    texts.join("\n\n")
}

fn project() -> TempDir {
    tree(&[
        ("README.md", "# Shop\n"),
        ("Cargo.toml", "[package]\nname = \"shop\"\n"),
        (
            "src/main.rs",
            "mod order;\nfn main() { order::place_order(1); }\n",
        ),
        (
            "src/order.rs",
            "pub fn place_order(n: u8) {}\npub fn never_called() {}\nfn hidden() {}\n",
        ),
        (
            "src/web.rs",
            "use crate::order::place_order;\nfn serve() { place_order(2) }\n",
        ),
        ("tests/order.rs", "fn test() { place_order(3) }\n"),
        ("data.bin", "\0\0"),
    ])
}

#[test]
fn what_others_use_comes_with_its_line_and_its_file() {
    let project = project();
    let text = shown(project.path(), json!({}), 2_000);
    assert!(
        text.starts_with("Source tree of /workspace: 7 files (4 rust, 1 markdown, 1 toml)"),
        "{text}"
    );
    assert!(
        text.contains("\nsrc/ 3\n") && text.contains("\ntests/ 1\n"),
        "{text}"
    );
    assert!(text.contains("src/order.rs\n  1 pub fn place_order(n: u8)\n  2 pub fn never_called()\n  3 fn hidden()\n"), "{text}");
    assert!(text.contains("README.md\n  1 Shop\n"), "{text}");
}

#[test]
fn the_most_used_is_kept_when_little_fits_and_the_rest_is_counted() {
    let project = project();
    let text = shown(project.path(), json!({}), 56);
    assert!(
        text.contains("src/order.rs (2 more)\n  1 pub fn place_order(n: u8)"),
        "{text}"
    );
    assert!(!text.contains("never_called"), "{text}");
}

#[test]
fn no_budget_is_ever_exceeded() {
    let project = project();
    let mut any = false;
    for budget in (0..400).chain([1_000, 10_000, u32::MAX]) {
        let (fragments, _) = ask(project.path(), json!({}), budget, "").unwrap();
        let texts: Vec<&str> = fragments
            .iter()
            .map(|fragment| fragment.text.as_str())
            .collect();
        let tokens = units(&texts.join("\n")).div_ceil(UNITS) + MESSAGE;
        assert!(
            fragments.is_empty() || tokens <= u64::from(budget),
            "{budget}: {tokens}"
        );
        // Too little for one line is nothing, and more is never less.
        any |= !fragments.is_empty();
        assert!(any != fragments.is_empty(), "{budget}");
        assert!(budget > 10 || !any, "{budget}");
        assert!(budget < 100 || any, "{budget}");
    }
}

#[test]
fn the_query_changes_nothing_unless_focus_is_set() {
    let project = project();
    let of = |params: Value, query: &str| ask(project.path(), params, 56, query).unwrap().0;
    assert_eq!(
        of(json!({}), "never_called"),
        of(json!({}), "something else")
    );
    let focused = of(json!({"focus": true}), "What does never_called do?");
    assert!(
        focused
            .iter()
            .any(|fragment| fragment.text.contains("pub fn never_called()")),
        "{focused:?}"
    );
    assert_ne!(focused, of(json!({"focus": true}), ""));
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let project = project();
    let root = project.path();
    let ask = |budget| ask(root, json!({}), budget, "").unwrap();
    let (cold, work) = ask(500);
    assert_eq!(
        work,
        Work {
            read: 6,
            remembered: false
        }
    );
    assert_eq!(
        ask(500),
        (
            cold.clone(),
            Work {
                read: 0,
                remembered: true
            }
        )
    );
    // Another budget is another answer, out of the same outlines.
    assert_eq!(
        ask(501).1,
        Work {
            read: 0,
            remembered: false
        }
    );
    put(root, "src/web.rs", "pub fn renamed_here() {}\n");
    let (changed, work) = ask(500);
    assert_eq!(
        work,
        Work {
            read: 1,
            remembered: false
        }
    );
    assert!(
        changed
            .iter()
            .any(|fragment| fragment.text.contains("renamed_here"))
    );
    // The same as without any memory.
    for key in state::keys("").unwrap() {
        state::delete(&key).unwrap();
    }
    assert_eq!(ask(500).0, changed);
    fs::remove_file(root.join("src/web.rs")).unwrap();
    assert!(
        !ask(500)
            .0
            .iter()
            .any(|fragment| fragment.text.contains("renamed_here"))
    );
}

#[test]
fn a_file_that_has_just_changed_is_looked_at_again() {
    let project = project();
    let path = project.path().join("src/web.rs");
    fs::write(&path, "pub fn first_name() {}\n").unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    assert!(shown(project.path(), json!({}), 900).contains("first_name"));
    // The same size and the same time, but not the same.
    fs::write(&path, "pub fn other_name() {}\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    assert!(shown(project.path(), json!({}), 900).contains("other_name"));
}

#[test]
fn a_damaged_cache_is_made_anew() {
    let project = project();
    let expected = shown(project.path(), json!({}), 900);
    for damage in [&b""[..], b"{}", &[0xff; 100]] {
        for key in state::keys("").unwrap() {
            state::set(&key, damage).unwrap();
        }
        assert_eq!(shown(project.path(), json!({}), 900), expected);
    }
}

#[test]
fn globs_languages_and_paths_choose() {
    let project = project();
    let text = |params: Value| shown(project.path(), params, 2_000);
    let only = text(json!({"include": ["src/*.rs"], "exclude": ["web.rs"]}));
    assert!(
        only.contains("of /workspace: 2 files") && !only.contains("web.rs"),
        "{only}"
    );
    let markdown = text(json!({"languages": ["Markdown"]}));
    assert!(
        markdown.contains("1 Shop") && !markdown.contains("place_order"),
        "{markdown}"
    );
    let below = text(json!({"path": "src"}));
    assert!(
        below.starts_with("Source tree of /workspace/src: 3 files"),
        "{below}"
    );
    let flat = text(json!({"depth": 0}));
    assert!(
        !flat.contains("\nsrc/ 3\n") && flat.contains("place_order"),
        "{flat}"
    );
    for (params, expected) in [
        (json!({"languages": ["pyton"]}), "did you mean `python`?"),
        (json!({"include": ["[a"]}), "`include[0]` is `[a`"),
        (json!({"path": "README.md"}), "it is not a directory"),
        (json!({"path": "/etc"}), "outside of every mount"),
        (json!({"path": "nowhere"}), "there is nothing at that path"),
    ] {
        let failure = ask(project.path(), params, 100, "").unwrap_err();
        assert!(failure.message().contains(expected), "{failure:?}");
    }
}

#[test]
fn ignored_vendored_generated_and_hidden_files_are_left_out() {
    let root = tree(&[
        (".gitignore", "/out\n*.tmp.rs\n"),
        ("src/.gitignore", "!keep.tmp.rs\n"),
        ("src/keep.tmp.rs", "pub fn kept() {}"),
        ("src/drop.rs", "pub fn dropped() {}"),
        ("a.tmp.rs", "pub fn ignored() {}"),
        ("out/a.rs", "pub fn ignored() {}"),
        ("node_modules/a/index.js", "function vendored() {}"),
        (
            "cache/CACHEDIR.TAG",
            "Signature: 8a477f597d28d172789f06886806bc55",
        ),
        ("cache/a.rs", "pub fn vendored() {}"),
        (
            "api.rs",
            "// @generated by something\npub fn generated() {}",
        ),
        (".hidden/a.rs", "pub fn hidden() {}"),
        ("latin.py", "def plain(): pass\n"),
    ]);
    fs::write(
        root.path().join("latin.py"),
        b"# \xe9\xff\ndef caf\xe9(): pass\ndef plain(): pass\n",
    )
    .unwrap();
    put(root.path(), "huge.rs", &"pub fn huge() {}\n".repeat(40_000));
    let text = shown(root.path(), json!({}), 2_000);
    for expected in [
        "kept",
        "dropped",
        "3 def plain()",
        "huge.rs",
        "2 ignored by .gitignore",
        "2 vendored directories",
        "1 generated files",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for absent in [
        "fn ignored",
        "fn vendored",
        "fn generated",
        "fn hidden",
        "fn huge",
    ] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    // Rules above the directory count, too.
    let below = shown(root.path(), json!({"path": "out"}), 2_000);
    assert!(
        below.contains("pub fn ignored()"),
        "what is asked for by name is shown: {below}"
    );
}

#[test]
fn nothing_that_stands_in_a_tree_harms() {
    let root = tree(&[("a.rs", "pub fn fine() {}")]);
    let path = root.path();
    symlink(".", path.join("loop")).unwrap();
    symlink("/etc", path.join("away")).unwrap();
    symlink("nowhere", path.join("broken.rs")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(path.join("pipe.rs"))
            .status()
            .unwrap()
            .success()
    );
    fs::write(path.join(OsStr::from_bytes(b"\xff.rs")), "pub fn odd() {}").unwrap();
    put(path, "line\nbreak.rs", "pub fn split() {}");
    put(path, "locked.rs", "pub fn locked() {}");
    fs::set_permissions(path.join("locked.rs"), fs::Permissions::from_mode(0o0)).unwrap();
    let mut deep = String::new();
    for _ in 0..300 {
        deep.push_str("d/");
    }
    put(path, &format!("{deep}deep.rs"), "pub fn deep_down() {}");
    let text = shown(path, json!({}), 2_000);
    assert!(
        text.contains("pub fn fine()") && text.contains("pub fn deep_down()"),
        "{text}"
    );
    assert!(
        text.contains("line?break.rs") && text.contains("unreadable"),
        "{text}"
    );
    assert!(
        !text.contains("pipe.rs") && !text.contains("broken.rs") && !text.contains("loop"),
        "{text}"
    );
}

#[test]
fn an_empty_tree_is_told() {
    let root = tree(&[]);
    assert_eq!(
        shown(root.path(), json!({}), 100),
        "Source tree of /workspace: 0 files, 0 definitions."
    );
}

#[test]
fn what_one_call_cannot_read_waits_for_the_next() {
    let root = tree(&[]);
    let filler = "// nothing\n".repeat(40_000);
    for n in 0..16 {
        put(
            root.path(),
            &format!("f{n}.rs"),
            &format!("pub fn number_{n}() {{}}\n{filler}"),
        );
    }
    let first = shown(root.path(), json!({}), 3_000);
    assert!(first.contains("files not read yet"), "{first}");
    shown(root.path(), json!({}), 3_000);
    let complete = shown(root.path(), json!({}), 3_000);
    assert!(
        !complete.contains("not read yet") && complete.contains("number_15"),
        "{complete}"
    );
    assert_eq!(shown(root.path(), json!({}), 3_000), complete);
}

#[test]
fn any_bytes_are_scanned_to_their_end() {
    // Pieces that open what others close, in every order that a small generator gives.
    let pieces = [
        "\"",
        "'",
        "`",
        "${",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "/*",
        "*/",
        "//",
        "#",
        "<<EOF\n",
        "\\",
        "\n",
        "r#\"",
        "\"#",
        "fn a",
        "class B",
        "def c",
        "=",
        ";",
        "é",
        "'''",
        "<?php",
        "?>",
        "const (",
        "@\"",
        "R\"x(",
        "typedef struct",
        "#if 1\n",
        "#else\n",
        "#endif\n",
        "\\(",
        "#{",
        "=> ",
        "template <",
    ];
    let mut seed = 1_u32;
    for language in languages::all() {
        for _ in 0..300 {
            let mut text = String::new();
            for _ in 0..60 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(seed >> 16) as usize % pieces.len()]);
                if seed >> 28 == 0 {
                    text.push(' ');
                }
            }
            let outline = scan::scan(&text, language);
            assert!(outline.is_sound(), "{}: {text:?}", language.name);
            let lines = text.lines().count() as u32 + 1;
            assert!(
                outline
                    .definitions
                    .iter()
                    .all(|found| (1..=lines).contains(&found.line))
            );
        }
    }
}
