//! A layer and its commit against a plain directory: whatever a guest does, it sees the same and leaves the same; and a host that is killed among the steps
//! of a commit, after any of them, finds the one state or the other.

use super::commit::{perform, prepare};
use super::*;
use crate::files::fs::{DescriptorFlags, OpenFlags, PathFlags};
use crate::files::open::Wanted;
use policy::{HardLinks, Hide, HideGlob};
use proptest::prelude::*;
use proptest::sample::select;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

const LIMITS: StageLimits = StageLimits {
    bytes: 1 << 20,
    files: 1_000,
};

fn base(root: &Path) -> Base {
    let key = std::env::temp_dir().join(format!("charthouse-test-{}.key", std::process::id()));
    Base::new(Arc::new(fs::File::open(root).unwrap()), root, key)
}

fn layer_with(root: &Path, limits: StageLimits, hide: &[&str]) -> Layer {
    let globs: Vec<HideGlob> = hide.iter().map(|glob| HideGlob::new(*glob)).collect();
    let mount = WatchedMount {
        guest: "/w".into(),
        hide: (!hide.is_empty()).then(|| Arc::new(Hide::new(&globs).unwrap())),
        fixed_directories: false,
        hard_links: HardLinks::Allow,
    };
    Layer::new(base(root), mount, limits)
}

fn layer(root: &Path) -> Layer {
    layer_with(root, LIMITS, &[])
}

#[derive(Clone, Debug)]
enum Op {
    Write(String, String),
    Patch(String, u64, String),
    Cut(String, u64),
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Rename(String, String),
    Symlink(String, String),
    Link(String, String),
    Read(String),
    List(String),
    Stat(String),
}

fn open(layer: &mut Layer, path: &str, open: OpenFlags) -> Result<Arc<Mutex<Content>>, Fault> {
    let wanted = Wanted::new(PathFlags::SYMLINK_FOLLOW, open, DescriptorFlags::WRITE);
    match layer.open(ROOT, path, &wanted)? {
        Opened::File(_, content) => Ok(content),
        Opened::Directory(_) => Err(Errno::ISDIR.into()),
    }
}

fn write(layer: &mut Layer, path: &str, text: &str) -> Result<(), Fault> {
    let content = open(layer, path, OpenFlags::CREATE | OpenFlags::TRUNCATE)?;
    let written = content::lock(&content).write(text.as_bytes(), 0);
    written.map_err(|error| Fault::Os(Errno::from_raw_os_error(error.raw_os_error().unwrap_or(5))))
}

/// What an operation says in the layer.
fn in_layer(layer: &mut Layer, op: &Op) -> Result<String, String> {
    let done = |()| String::new();
    let said = match op {
        Op::Write(path, text) => write(layer, path, text).map(done),
        Op::Patch(path, at, text) => open(layer, path, OpenFlags::empty()).map(|content| {
            content::lock(&content).write(text.as_bytes(), *at).unwrap();
            String::new()
        }),
        Op::Cut(path, size) => open(layer, path, OpenFlags::empty()).map(|content| {
            content::lock(&content).set_size(*size).unwrap();
            String::new()
        }),
        Op::Mkdir(path) => layer.create_directory(ROOT, path).map(done),
        Op::Rmdir(path) => layer.remove_directory(ROOT, path).map(done),
        Op::Unlink(path) => layer.unlink(ROOT, path).map(done),
        Op::Rename(from, to) => layer.rename(ROOT, from, ROOT, to).map(done),
        Op::Symlink(target, path) => layer.symlink(ROOT, target, path).map(done),
        Op::Link(from, to) => layer.link(ROOT, from, ROOT, to).map(done),
        Op::Read(path) => {
            let wanted = Wanted::new(
                PathFlags::SYMLINK_FOLLOW,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            );
            match layer.open(ROOT, path, &wanted) {
                Ok(Opened::File(_, content)) => {
                    let bytes = content::lock(&content).read(1 << 16, 0).unwrap();
                    Ok(String::from_utf8(bytes).unwrap())
                }
                Ok(Opened::Directory(_)) => Err(Errno::ISDIR.into()),
                Err(fault) => Err(fault),
            }
        }
        Op::List(path) => {
            let wanted = Wanted::new(
                PathFlags::SYMLINK_FOLLOW,
                OpenFlags::DIRECTORY,
                DescriptorFlags::READ,
            );
            match layer.open(ROOT, path, &wanted) {
                Ok(Opened::Directory(id)) => layer.list(id).map(|(entries, _)| {
                    let names = entries
                        .into_iter()
                        .map(|e| format!("{} {:?}", e.name, e.type_));
                    let mut names: Vec<String> = names.collect();
                    names.sort();
                    names.join(" ")
                }),
                Ok(Opened::File(..)) => Err(Errno::NOTDIR.into()),
                Err(fault) => Err(fault),
            }
        }
        Op::Stat(path) => layer.stat(ROOT, path, false).map(|(stat, _)| {
            let size = if format!("{:?}", stat.type_).contains("Directory") {
                0
            } else {
                stat.size
            };
            format!("{:?} {size}", stat.type_)
        }),
    };
    said.map_err(|fault| format!("{fault:?}"))
}

fn kind(file_type: fs::FileType) -> &'static str {
    if file_type.is_dir() {
        "DescriptorType::Directory"
    } else if file_type.is_symlink() {
        "DescriptorType::SymbolicLink"
    } else {
        "DescriptorType::RegularFile"
    }
}

/// The same in a plain directory.
fn in_plain(root: &Path, op: &Op) -> std::io::Result<String> {
    let at = |path: &str| root.join(path);
    let done = |()| String::new();
    match op {
        Op::Write(path, text) => fs::write(at(path), text).map(done),
        Op::Patch(path, offset, text) => {
            let file = fs::File::options().write(true).open(at(path))?;
            file.write_all_at(text.as_bytes(), *offset).map(done)
        }
        Op::Cut(path, size) => {
            let file = fs::File::options().write(true).open(at(path))?;
            file.set_len(*size).map(done)
        }
        Op::Mkdir(path) => fs::create_dir(at(path)).map(done),
        Op::Rmdir(path) => fs::remove_dir(at(path)).map(done),
        Op::Unlink(path) => fs::remove_file(at(path)).map(done),
        Op::Rename(from, to) => {
            // As the host does: see `replaced`.
            let mode = fs::symlink_metadata(at(to))
                .ok()
                .filter(|found| found.is_file());
            let is_file = fs::symlink_metadata(at(from)).is_ok_and(|found| found.is_file());
            let is_other = fs::canonicalize(at(from)).ok() != fs::canonicalize(at(to)).ok();
            fs::rename(at(from), at(to))?;
            if let (Some(found), true, true) = (mode, is_file, is_other) {
                fs::set_permissions(at(to), found.permissions())?;
            }
            Ok(String::new())
        }
        Op::Symlink(target, path) => symlink(target, at(path)).map(done),
        Op::Link(from, to) => {
            if at(from).is_symlink() {
                return Err(Errno::PERM.into());
            }
            fs::hard_link(at(from), at(to)).map(done)
        }
        Op::Read(path) => fs::read_to_string(at(path)),
        Op::List(path) => {
            let mut names = Vec::new();
            for entry in fs::read_dir(at(path))? {
                let entry = entry?;
                let name = entry.file_name().into_string().unwrap();
                names.push(format!("{name} {}", kind(entry.file_type()?)));
            }
            names.sort();
            Ok(names.join(" "))
        }
        Op::Stat(path) => fs::symlink_metadata(at(path)).map(|found| {
            let size = if found.is_dir() { 0 } else { found.len() };
            format!("{} {size}", kind(found.file_type()))
        }),
    }
}

/// Everything below `root`: kinds, contents, targets, permissions, and which names are one file.
fn state(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    let mut inodes: std::collections::BTreeMap<u64, Vec<String>> = Default::default();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let metadata = path.symlink_metadata().unwrap();
            found.push(if metadata.is_dir() {
                open.push(path);
                format!("{name}/")
            } else if metadata.is_symlink() {
                format!("{name} -> {}", fs::read_link(path).unwrap().display())
            } else {
                inodes.entry(metadata.ino()).or_default().push(name.clone());
                format!(
                    "{name} {:o} {:?}",
                    metadata.mode() & 0o777,
                    fs::read(path).unwrap()
                )
            });
        }
    }
    for mut names in inodes.into_values().filter(|names| names.len() > 1) {
        names.sort();
        found.push(format!("one file: {names:?}"));
    }
    found.sort();
    found
}

fn tree() -> TempDir {
    let root = TempDir::new().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::create_dir(at("c")).unwrap();
    fs::write(at("a/c"), "a/c below").unwrap();
    fs::write(at("a/b/a"), "a/b/a below").unwrap();
    fs::write(at("d"), "d below").unwrap();
    fs::set_permissions(at("d"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a/c", at("l")).unwrap();
    symlink("b", at("a/l")).unwrap();
    root
}

fn paths() -> impl Strategy<Value = String> {
    let name = || select(vec!["a", "b", "c", "d", "l"]);
    prop_oneof![
        3 => name().prop_map(str::to_owned),
        4 => (name(), name()).prop_map(|(a, b)| format!("{a}/{b}")),
        2 => (name(), name(), name()).prop_map(|(a, b, c)| format!("{a}/{b}/{c}")),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let text = || select(vec!["", "x", "some text", "more\ntext\n"]).prop_map(str::to_owned);
    let target = select(vec!["a", "b", "c/d", "a/b", "l"]).prop_map(str::to_owned);
    let op = prop_oneof![
        5 => (paths(), text()).prop_map(|(path, text)| Op::Write(path, text)),
        2 => (paths(), 0..20_u64, text()).prop_map(|(path, at, text)| Op::Patch(path, at, text)),
        1 => (paths(), 0..20_u64).prop_map(|(path, size)| Op::Cut(path, size)),
        3 => paths().prop_map(Op::Mkdir),
        2 => paths().prop_map(Op::Rmdir),
        3 => paths().prop_map(Op::Unlink),
        7 => (paths(), paths()).prop_map(|(from, to)| Op::Rename(from, to)),
        2 => (target, paths()).prop_map(|(target, path)| Op::Symlink(target, path)),
        2 => (paths(), paths()).prop_map(|(from, to)| Op::Link(from, to)),
        2 => paths().prop_map(Op::Read),
        2 => paths().prop_map(Op::List),
        2 => paths().prop_map(Op::Stat),
    ];
    proptest::collection::vec(op, 1..30)
}

/// Do `ops` on both and compare what each says.
fn both(layer: &mut Layer, plain: &Path, ops: &[Op]) {
    for op in ops {
        let said = in_layer(layer, op);
        let expected = in_plain(plain, op);
        match (&said, &expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{op:?} of {ops:?}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{op:?}: {said:?}, plain {expected:?}; of {ops:#?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_layer_is_like_a_plain_directory_and_its_commit_makes_it_one(ops in ops()) {
        let (staged, plain) = (tree(), tree());
        let before = state(staged.path());
        let mut layer = layer(staged.path());
        both(&mut layer, plain.path(), &ops);
        prop_assert_eq!(state(staged.path()), before);
        let changes = layer.changes();
        prop_assert!(layer.commit(&changes).is_ok());
        prop_assert_eq!(state(staged.path()), state(plain.path()), "{:#?}", ops);
    }

    #[test]
    fn a_commit_that_is_cut_off_anywhere_is_finished_or_taken_back(ops in ops(), cut in 0..40_usize, again in 0..40_usize) {
        let (staged, plain) = (tree(), tree());
        let before = state(staged.path());
        let mut layer = layer(staged.path());
        both(&mut layer, plain.path(), &ops);
        let plan = layer.plan();
        let base = base(staged.path());
        let workshop = prepare(&base, &plan).unwrap();
        let mut done = 0;
        for cut in [cut, again] {
            // Twice, the second time by one who finishes what the first began.
            for step in plan.steps.iter().take(cut) {
                if let plan::Step::MakeDirectory { path } = step && base.stat(path).is_ok() {
                    continue;
                }
                perform(&base, &workshop, step).unwrap();
            }
            done = done.max(cut.min(plan.steps.len()));
        }
        if ops.len() % 2 == 0 {
            prop_assert_eq!(recover(&base).unwrap(), 1);
            prop_assert_eq!(state(staged.path()), state(plain.path()), "{:#?}\n{:#?}", ops, plan.steps);
        } else {
            commit::undo(&base, &workshop, &plan.steps[..done]).unwrap();
            workshop.remove().unwrap();
            prop_assert_eq!(state(staged.path()), before, "{:#?}\n{:#?}", ops, plan.steps);
        }
    }
}

#[test]
fn whoever_changed_the_same_meanwhile_wins() {
    type Change = fn(&Path);
    let cases: [(&[Op], Change, &str); 7] = [
        (
            &[Op::Write("d".into(), "x".into())],
            |root| fs::write(root.join("d"), "theirs, of another length").unwrap(),
            "d",
        ),
        (
            &[Op::Unlink("d".into())],
            |root| fs::write(root.join("d"), "d belox").unwrap(),
            "d",
        ),
        (
            &[Op::Write("new".into(), "x".into())],
            |root| fs::write(root.join("new"), "theirs").unwrap(),
            "new",
        ),
        (
            &[Op::Mkdir("new".into())],
            |root| fs::create_dir(root.join("new")).unwrap(),
            "new",
        ),
        (
            &[Op::Rename("d".into(), "new".into())],
            |root| fs::remove_file(root.join("d")).unwrap(),
            "d",
        ),
        (
            &[Op::Unlink("a/b/a".into()), Op::Rmdir("a/b".into())],
            |root| fs::write(root.join("a/b/new"), "").unwrap(),
            "a/b",
        ),
        (
            &[
                Op::Write("c/one".into(), "x".into()),
                Op::Write("d".into(), "y".into()),
            ],
            |root| {
                fs::remove_dir(root.join("c")).unwrap();
                symlink("a", root.join("c")).unwrap();
            },
            "c",
        ),
    ];
    for (ops, change, path) in cases {
        let root = tree();
        let mut layer = layer(root.path());
        for op in ops {
            in_layer(&mut layer, op).unwrap();
        }
        let changes = layer.changes();
        change(root.path());
        let before = state(root.path());
        match layer.commit(&changes) {
            Err(Refused::Uncommitted(Uncommitted::Conflict(at))) => assert_eq!(at, path, "{ops:?}"),
            // What cannot be reached without a link is no place of this call's any more.
            Err(Refused::Uncommitted(Uncommitted::Failed(_))) if path == "c" => {}
            _ => panic!("{ops:?} was committed"),
        }
        assert_eq!(state(root.path()), before, "{ops:?}");
    }
    // What nobody touched may change as it likes.
    let root = tree();
    let mut layer = layer(root.path());
    in_layer(&mut layer, &Op::Read("a/c".into())).unwrap();
    in_layer(&mut layer, &Op::Write("d".into(), "x".into())).unwrap();
    fs::write(root.path().join("a/c"), "theirs").unwrap();
    assert!(layer.commit(&layer.changes()).is_ok());
    assert_eq!(fs::read_to_string(root.path().join("d")).unwrap(), "x");
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_its_other_names() {
    let root = tree();
    fs::hard_link(root.path().join("d"), root.path().join("e")).unwrap();
    let mut layer = layer(root.path());
    // As careful programs write: beside it, then over it.
    write(&mut layer, ".d.part", "new").unwrap();
    layer.rename(ROOT, ".d.part", ROOT, "d").unwrap();
    let changes = layer.changes();
    let told: Vec<String> = changes.told.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["changed d (7B to 3B)"]);
    assert!(layer.commit(&changes).is_ok());
    let mode = root.path().join("d").metadata().unwrap().mode() & 0o777;
    assert_eq!(mode, 0o755);
    assert_eq!(
        fs::read_to_string(root.path().join("e")).unwrap(),
        "d below"
    );
}

#[test]
fn what_changed_is_told_with_its_lines() {
    let root = tree();
    fs::write(root.path().join("bin"), b"\0\x01").unwrap();
    let mut layer = layer(root.path());
    write(&mut layer, "d", "d below\nand more\n").unwrap();
    write(&mut layer, "bin", "\0\0\0").unwrap();
    write(&mut layer, "new/x", "x").unwrap_err();
    layer.create_directory(ROOT, "new").unwrap();
    write(&mut layer, "new/x", "x\n").unwrap();
    layer.rename(ROOT, "a/c", ROOT, "moved").unwrap();
    layer.unlink(ROOT, "l").unwrap();
    let told = layer.changes().told;
    let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "changed bin (2B to 3B)",
            "changed d (7B to 17B)",
            "deleted link l",
            "renamed a/c to moved",
            "created directory new",
            "created new/x (2B)"
        ]
    );
    assert_eq!(told[0].diff, None);
    assert_eq!(
        told[1].diff.as_deref().unwrap(),
        "--- a/d\n+++ b/d\n@@ -1 +1,2 @@\n-d below\n\\ No newline at end of file\n+d below\n+and more\n"
    );
    assert_eq!(
        told[5].diff.as_deref().unwrap(),
        "--- /dev/null\n+++ b/new/x\n@@ -0,0 +1 @@\n+x\n"
    );
}

#[test]
fn a_layer_takes_so_many_bytes_and_names_and_no_more() {
    let root = tree();
    let limits = StageLimits {
        bytes: 20,
        files: 2,
    };
    let mut layer = layer_with(root.path(), limits, &[]);
    write(&mut layer, "x", "0123456789").unwrap();
    // The copy of what is below counts too.
    let patch = |layer: &mut Layer, at| {
        let content = open(layer, "d", OpenFlags::empty()).unwrap();
        content::lock(&content).write(b"0123", at)
    };
    patch(&mut layer, 6).unwrap();
    let full = patch(&mut layer, 7).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
    let content = open(&mut layer, "d", OpenFlags::empty()).unwrap();
    assert!(content::lock(&content).set_size(1 << 40).is_err());
    // What is given back can be used again.
    content::lock(&content).set_size(0).unwrap();
    patch(&mut layer, 0).unwrap();
    layer.create_directory(ROOT, "y").unwrap();
    let changes = layer.changes();
    assert!(
        matches!(layer.commit(&changes), Err(Refused::Limit(why)) if why.contains("changes 3 files"))
    );
    assert!(!root.path().join("x").exists());
    let mut layer = layer_with(root.path(), limits, &[]);
    let made = (0..1_000).take_while(|n| layer.create_directory(ROOT, &format!("n{n}")).is_ok());
    assert!(made.count() < 100);
}

#[test]
fn a_directory_that_holds_something_hidden_is_not_empty() {
    let root = tree();
    fs::write(root.path().join("c/.env"), "SECRET").unwrap();
    let mut layer = layer_with(root.path(), LIMITS, &["**/.env"]);
    assert_eq!(
        layer.remove_directory(ROOT, "c"),
        Err(Errno::NOTEMPTY.into())
    );
    assert_eq!(
        in_layer(&mut layer, &Op::List("c".into())),
        Ok(String::new())
    );
    for op in [
        Op::Read("c/.env".into()),
        Op::Write("c/.env".into(), "x".into()),
        Op::Rename("c/.env".into(), "x".into()),
        Op::Rename("d".into(), "c/.env".into()),
        Op::Link("c/.env".into(), "x".into()),
        Op::Unlink("c/.env".into()),
        Op::Mkdir("c/.env".into()),
        Op::Stat("c/.env".into()),
    ] {
        assert_eq!(
            in_layer(&mut layer, &op),
            Err("Hidden".to_owned()),
            "{op:?}"
        );
    }
    // Moved along with its directory it is as hidden as before.
    layer.rename(ROOT, "c", ROOT, "e").unwrap();
    assert_eq!(
        in_layer(&mut layer, &Op::Read("e/.env".into())),
        Err("Hidden".to_owned())
    );
    assert!(layer.commit(&layer.changes()).is_ok());
    assert_eq!(
        fs::read_to_string(root.path().join("e/.env")).unwrap(),
        "SECRET"
    );
}

#[test]
fn whoever_has_a_file_open_sees_what_is_written() {
    let root = tree();
    let mut layer = layer(root.path());
    let held = open(&mut layer, "d", OpenFlags::empty()).unwrap();
    write(&mut layer, "d", "new").unwrap();
    assert_eq!(content::lock(&held).read(100, 0).unwrap(), b"new");
    layer.unlink(ROOT, "d").unwrap();
    content::lock(&held).write(b"gone", 0).unwrap();
    assert_eq!(content::lock(&held).read(100, 0).unwrap(), b"gone");
    assert!(layer.commit(&layer.changes()).is_ok());
    assert!(!root.path().join("d").exists());
}

#[test]
fn a_list_of_steps_that_somebody_else_wrote_is_not_followed() {
    let root = tree();
    let own = root.path().join(".charthouse-staged-9-9");
    fs::create_dir_all(own.join("old")).unwrap();
    let inode = fs::metadata(root.path().join("d")).unwrap().ino();
    let steps = format!(
        r#"[{{"do":"take","from":"d","slot":1,"inode":{inode},"deleted_directory":false}},{{"do":"put-old","slot":1,"path":"shown"}}]"#
    );
    fs::write(own.join("intent"), format!("{}{steps}", "x".repeat(32))).unwrap();
    let before = state(root.path());
    let why = recover(&base(root.path())).unwrap_err();
    assert!(why.contains("somebody else"), "{why}");
    assert_eq!(state(root.path()), before);
    // Nor is one that was ours, in another place.
    let other = tree();
    let mut layer = layer(other.path());
    in_layer(&mut layer, &Op::Rename("d".into(), "shown".into())).unwrap();
    let workshop = prepare(&base(other.path()), &layer.plan()).unwrap();
    drop(workshop);
    let entries = fs::read_dir(other.path()).unwrap().flatten();
    let ours = entries
        .map(|entry| entry.path())
        .find(|path| path.join("intent").exists());
    fs::copy(ours.unwrap().join("intent"), own.join("intent")).unwrap();
    assert!(recover(&base(root.path())).is_err());
    assert!(recover(&base(other.path())).is_ok());
    assert!(other.path().join("shown").exists());
}
