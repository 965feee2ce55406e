//! The surveyor's report against figures that come from elsewhere: a plain walk written here from the rules that the report states, and
//! `find`, `wc` and `grep` where they can say the same.

mod tree;

use charthouse_tests::{House, Ran};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tree::{Figures, Report};

/// How many marks a report lists at most, as its rules say.
const LISTED: usize = 2_000;

/// Survey `workspace` and compare the report with what an independent count says.
#[track_caller]
fn survey(workspace: &Path) -> Report {
    let house = House::init(&[Path::new("--workspace"), workspace]);
    let expected = Figures::of(workspace);
    let before = tree::contents(workspace);
    house.run(["run", "surveyor", "--json"]).expect(0);
    assert_eq!(
        tree::contents(workspace),
        before,
        "the workspace was changed"
    );
    let out: Vec<_> = fs::read_dir(house.root.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(out, ["survey.md"]);
    house.verify();
    let report = Report::read(&house.read("out/survey.md"));
    compare(&report, &expected);
    report
}

#[track_caller]
fn compare(report: &Report, expected: &Figures) {
    assert_eq!(report.size, expected.size, "the size");
    assert_eq!(report.languages, expected.languages, "the languages");
    let largest: Vec<_> = expected.largest.iter().take(10).cloned().collect();
    assert_eq!(report.largest, largest, "the largest files");
    assert_eq!(report.left_out, expected.left_out, "what was left out");
    assert_eq!(report.marked_lines, expected.marks.len(), "how many marks");
    let files: std::collections::BTreeSet<_> =
        expected.marks.keys().map(|(path, _)| path).collect();
    assert_eq!(
        report.marked_files,
        files.len(),
        "how many files hold marks"
    );
    assert_eq!(
        report.marks.len(),
        expected.marks.len().min(LISTED),
        "how many marks are listed"
    );
    for (place, text) in &report.marks {
        let line = expected
            .marks
            .get(place)
            .unwrap_or_else(|| panic!("there is no mark at {place:?}"));
        assert_eq!(text, line, "{place:?}");
    }
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn workspace() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_empty_directory() {
    let workspace = workspace();
    let report = survey(workspace.path());
    assert_eq!(
        report.size,
        BTreeMap::from(
            [
                ("Files", 0),
                ("of these binary", 0),
                ("Lines", 0),
                ("Bytes", 0)
            ]
            .map(|(k, v)| (k.to_owned(), v))
        )
    );
    assert!(report.languages.is_empty() && report.largest.is_empty() && report.marks.is_empty());
}

#[test]
fn line_ends_of_every_kind() {
    let workspace = workspace();
    let root = workspace.path();
    write(root, "unix.rs", "fn a() {}\n// TODO one\n");
    write(
        root,
        "dos.rs",
        "fn a() {}\r\n// TODO two\r\n// FIXME three\r\n",
    );
    write(root, "old_mac.txt", "a\rTODO\rb");
    write(root, "no_end.py", "# FIXME at the very end");
    write(root, "only_ends.txt", "\n\n\n");
    write(root, "empty.md", "");
    write(root, "both.md", "TODO FIXME TODO\nFIXMETODO\ntodo fixme\n");
    write(root, "latin1.txt", b"caf\xe9 TODO\n");
    let report = survey(root);
    assert_eq!(report.size["Lines"], 2 + 3 + 3 + 3 + 1);
    assert_eq!(report.marked_lines, 1 + 2 + 1 + 1 + 2 + 1);
}

#[test]
fn names_that_break_naive_reports() {
    let workspace = workspace();
    let root = workspace.path();
    let names = [
        "with space.rs",
        " leading",
        "trailing ",
        "tick`s``.md",
        "`",
        "pipe|s.txt",
        "new\nline.py",
        "tab\tname.sh",
        "star*.rs",
        "<b>.md",
        "[link](x).md",
        "colon:12.rs",
        "-rf",
        "--help",
        "quo\"te'.rs",
        "back\\slash.txt",
        "dollar$HOME.sh",
        "{{ 7 * 7 }}.md",
        "{% raw %}.md",
        "ünï🦀.rs",
        "e\u{301}.txt",
        "\u{202e}cod.exe",
        "a;b&c.rs",
        "#hash.md",
        "%41.txt",
        "~",
        "CON",
        "x.unknownkind",
        "dir with | and `/in side.rs",
    ];
    for (number, name) in names.iter().enumerate() {
        write(
            root,
            name,
            format!(
                "{}// TODO in `{number}` | {{{{ x }}}}\n",
                "line\n".repeat(number)
            ),
        );
    }
    let report = survey(root);
    assert_eq!(report.size["Files"], names.len());
    assert_eq!(report.marked_lines, names.len());
}

#[test]
fn what_is_no_file_is_tallied_and_never_followed() {
    let beside = workspace();
    write(beside.path(), "secret.rs", "// TODO steal\n");
    let workspace = workspace();
    let root = workspace.path();
    write(root, "src/real.rs", "fn real() {} // TODO\n");
    for (target, link) in [
        (beside.path().to_str().unwrap(), "out"),
        ("/etc/passwd", "src/passwd.rs"),
        ("..", "src/up"),
        (".", "loop"),
        ("a", "b"),
        ("b", "a"),
        ("nowhere", "dangling.rs"),
        ("src/real.rs", "alias.rs"),
        ("src", "alias_of_directory"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    let fifo = root.join("pipe.rs");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.rs")).unwrap();
    write(root, ".hidden.rs", "// TODO\n");
    write(root, ".git/config", "TODO\n");
    write(root, "src/.secret", "KEY=TODO\n");
    symlink("/etc", root.join(".hidden_link")).unwrap();
    let report = survey(root);
    assert_eq!(report.size["Files"], 1);
    assert_eq!(report.left_out["Symbolic links"], 9);
    assert_eq!(report.left_out["Special files"], 2);
    assert_eq!(report.left_out["Hidden entries"], 4);
}

#[test]
fn binary_files_and_caches() {
    let workspace = workspace();
    let root = workspace.path();
    write(root, "logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rTODO\n");
    write(root, "one_nul.rs", b"fn a() {} // TODO\n\0");
    // The NUL stands far behind what a peek at the beginning would see.
    let mut late = b"text // TODO\n".repeat(100_000);
    late.push(0);
    write(root, "late.rs", &late);
    write(root, "just_text.rs", "// TODO\n");
    write(
        root,
        "target/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n# made by cargo\n",
    );
    write(root, "target/debug/huge.rs", "// TODO\n".repeat(1_000));
    write(
        root,
        "not_a_cache/CACHEDIR.TAG",
        "Signature: something else\n",
    );
    write(root, "not_a_cache/a.rs", "// FIXME\n");
    let report = survey(root);
    assert_eq!(report.left_out["Cache directories"], 1);
    assert_eq!(report.size["of these binary"], 3);
    assert_eq!(report.marked_lines, 2);
}

#[test]
fn names_that_are_not_utf8_are_counted_as_unreadable() {
    let workspace = workspace();
    let root = workspace.path();
    write(root, "good.rs", "// TODO\n");
    for name in [&b"bad\xff.rs"[..], b"\xc3\x28.md", b"also\xfe"] {
        fs::write(root.join(std::ffi::OsStr::from_bytes(name)), "TODO\n").unwrap();
    }
    write(root, "sub/z.rs", "fn z() {}\n");
    fs::create_dir(root.join(std::ffi::OsStr::from_bytes(b"sub/dir\xff"))).unwrap();
    let report = survey(root);
    assert_eq!(report.size["Files"], 2);
    assert_eq!(report.left_out["Unreadable"], 4);
}

#[test]
fn a_line_of_many_megabytes() {
    let workspace = workspace();
    let root = workspace.path();
    let mut line = "x".repeat(5 << 20);
    line.push_str(" TODO here ");
    line.push_str(&"y".repeat(3 << 20));
    write(
        root,
        "minified.js",
        format!("first\n{line}\nthird FIXME\n{line}"),
    );
    let house = House::init(&[Path::new("--workspace"), root]);
    house.run(["run", "surveyor", "--json"]).expect(0);
    let report = Report::read(&house.read("out/survey.md"));
    let expected = Figures::of(root);
    assert_eq!(
        (&report.size, &report.largest),
        (&expected.size, &expected.largest)
    );
    let places: Vec<_> = report
        .marks
        .iter()
        .map(|(place, _)| place.clone())
        .collect();
    assert_eq!(
        places,
        [2, 3, 4].map(|line| ("minified.js".to_owned(), line))
    );
    assert!(
        report.marks.iter().all(|(_, text)| text.len() < 2_000),
        "a long line is cut"
    );
}

#[test]
fn more_marks_than_a_report_lists() {
    let workspace = workspace();
    let root = workspace.path();
    write(root, "a.rs", "// TODO\n".repeat(1_700));
    write(root, "b/c.py", "# FIXME\nx = 1\n".repeat(900));
    let report = survey(root);
    assert_eq!(report.marked_lines, 2_600);
    assert_eq!(report.marks.len(), LISTED);
    assert!(report.text.contains("At most 2,000 are listed above"));
}

#[test]
fn a_tree_of_three_thousand_files_agrees_with_find_wc_and_grep() {
    let workspace = workspace();
    let root = workspace.path();
    let extensions = ["rs", "py", "md", "txt", "sh", "odd"];
    for number in 0..3_000_usize {
        let extension = extensions[number % extensions.len()];
        let path = format!("d{}/s {}/f{number}.{extension}", number % 17, number % 5);
        let mark = if number % 50 == 0 { "see TODO\n" } else { "" };
        write(
            root,
            &path,
            format!("{}{mark}", "some words\n".repeat(number % 23)),
        );
    }
    let report = survey(root);
    let shell = |script: &str| -> usize {
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(root)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace()
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("{script}: {text}"))
    };
    assert_eq!(report.size["Files"], shell("find . -type f | wc -l"));
    assert_eq!(
        report.size["Lines"],
        shell("find . -type f -exec cat {} + | wc -l")
    );
    assert_eq!(
        report.size["Bytes"],
        shell("find . -type f -exec cat {} + | wc -c")
    );
    assert_eq!(
        report.marked_lines,
        shell("grep -rE 'TODO|FIXME' . | wc -l")
    );
    let rust = report.languages.iter().find(|row| row.0 == "Rust").unwrap();
    assert_eq!(rust.1, shell("find . -name '*.rs' | wc -l"));
    assert_eq!(rust.2, shell("find . -name '*.rs' -exec cat {} + | wc -l"));
}

#[test]
fn this_repository_agrees_with_an_independent_count() {
    // Sources only: what others build or write meanwhile would change between the two counts.
    survey(&charthouse_tests::repository().join("wit"));
    survey(&charthouse_tests::repository().join("charts"));
}

#[test]
fn deep_directories() {
    let workspace = workspace();
    let mut path = String::new();
    for level in 0..150 {
        path.push_str("d/");
        write(
            workspace.path(),
            &format!("{path}f{level}.rs"),
            "fn f() {}\n",
        );
    }
    let report = survey(workspace.path());
    assert_eq!(report.size["Files"], 150);
}

/// What cannot be read is told, not fatal. Root reads everything, so as root the program is started as another user.
#[test]
fn what_cannot_be_read_is_tallied() {
    let workspace = workspace();
    let root = workspace.path();
    write(root, "open.rs", "// TODO\n");
    write(root, "closed.rs", "// TODO\n");
    write(root, "closed_directory/inside.rs", "// TODO\n");
    write(root, "only_names/inside.rs", "// TODO\n");
    let expected_files = 1;
    let house = House::init(&[Path::new("--workspace"), root]);
    let mut command = house.command();
    as_somebody_else(&house, root, &mut command);
    for (path, mode) in [
        ("closed.rs", 0o000),
        ("closed_directory", 0o000),
        ("only_names", 0o444),
    ] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let ran = Ran::of(command.args(["run", "surveyor", "--json"]));
    // So that the directory can be removed again.
    for path in ["closed_directory", "only_names"] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    ran.expect(0);
    let report = Report::read(&house.read("out/survey.md"));
    assert_eq!(report.size["Files"], expected_files, "{}", report.text);
    assert_eq!(report.marked_lines, 1);
    assert_eq!(report.left_out["Unreadable"], 3, "{}", report.text);
    for path in [
        "`closed.rs` (unreadable)",
        "`closed_directory` (unreadable)",
        "`only_names` (unreadable)",
    ] {
        assert!(report.text.contains(path), "{path}: {}", report.text);
    }
}

/// When this is root: give house and workspace to `nobody`, and let `command` run as that.
fn as_somebody_else(house: &House, workspace: &Path, command: &mut Command) {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // The program may lie where only root may go; a copy beside the house does not. The house's cache is the tests' own.
    let program = house.beside("charthouse");
    charthouse_tests::copy(&charthouse_tests::program(), &program);
    let cache = house.root.join(".charthouse/cache");
    fs::remove_file(&cache).unwrap();
    fs::create_dir(&cache).unwrap();
    for entry in fs::read_dir(charthouse_tests::shared_cache()).unwrap() {
        let entry = entry.unwrap();
        // Others put files there and rename them meanwhile; what is gone is not needed.
        let _ = fs::copy(entry.path(), cache.join(entry.file_name()));
    }
    let above = house.root.parent().unwrap();
    for directory in [above, workspace] {
        let status = Command::new("chown")
            .args(["-R", &NOBODY.to_string()])
            .arg(directory)
            .status();
        assert!(status.unwrap().success());
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut other = Command::new(program);
    other
        .current_dir(&house.root)
        .uid(NOBODY)
        .gid(NOBODY)
        .env("HOME", above);
    *command = other;
}

#[test]
fn the_house_itself_is_the_workspace_when_none_is_named() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor"]).expect(0);
    let first = Report::read(&house.read("out/survey.md"));
    // The second survey sees the first one's report.
    let expected = Figures::of(&house.root);
    house.run(["run", "surveyor"]).expect(0);
    let second = Report::read(&house.read("out/survey.md"));
    assert_eq!(second.size["Files"], first.size["Files"] + 1);
    assert_eq!(second.size, expected.size);
    assert_eq!(second.largest, expected.largest[..10]);
    assert!(
        !second.text.contains(".charthouse"),
        "what the host keeps for itself is not seen"
    );
}

#[test]
fn a_prompt_heads_the_report_and_breaks_nothing() {
    let workspace = workspace();
    write(workspace.path(), "a.rs", "// TODO\n");
    let house = House::init(&[Path::new("--workspace"), workspace.path()]);
    let prompt = "Look at {{ 7 * 7 }} | `this`";
    house.run(["run", "surveyor", prompt]).expect(0);
    let text = house.read("out/survey.md");
    assert!(text.contains(prompt), "{text}");
    assert_eq!(Report::read(&text).size["Files"], 1);
}

/// The house hides some names from every guest. A guest cannot count what it cannot see, so the report has to say so.
#[test]
fn what_the_house_hides_is_not_seen_and_the_rules_say_so() {
    let workspace = workspace();
    write(workspace.path(), "a.rs", "fn a() {}\n");
    write(workspace.path(), ".env", "KEY=TODO\n");
    let house = House::init(&[Path::new("--workspace"), workspace.path()]);
    house.run(["run", "surveyor"]).expect(0);
    let report = Report::read(&house.read("out/survey.md"));
    assert_eq!(report.left_out["Hidden entries"], 0);
    assert!(!report.text.contains(".env"), "{}", report.text);
    let rules = report.text.split("## Rules").nth(1).unwrap();
    assert!(
        rules.contains("policy"),
        "the rules do not say that names which the policy hides are not tallied: {rules}"
    );
}

/// The tool answers in pages of so many bytes. A report of long lines still lists what it says it lists.
#[test]
fn marks_on_long_lines_are_all_listed() {
    let workspace = workspace();
    let line = format!("// TODO {}\n", "word ".repeat(45));
    write(workspace.path(), "long.rs", line.repeat(1_500));
    let report = survey(workspace.path());
    assert_eq!(report.marks.len(), 1_500);
}

#[test]
fn more_languages_than_a_report_lists() {
    let workspace = workspace();
    for number in 0..520 {
        write(
            workspace.path(),
            &format!("f.x{number:03}"),
            "line\n".repeat(number % 7),
        );
    }
    let house = House::init(&[Path::new("--workspace"), workspace.path()]);
    house.run(["run", "surveyor"]).expect(0);
    let report = Report::read(&house.read("out/survey.md"));
    let expected = Figures::of(workspace.path());
    assert_eq!(report.size, expected.size);
    // What has no row of its own is in the last one, so that the rows sum up to the whole.
    assert_eq!(report.languages.iter().map(|row| row.1).sum::<usize>(), 520);
    assert_eq!(
        report.languages.iter().map(|row| row.2).sum::<usize>(),
        expected.size["Lines"]
    );
    assert_eq!(report.languages.last().unwrap().0, "20 others");
}
