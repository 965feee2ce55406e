//! What policy hides is not there, whatever call asks and however it is spelled; what is read-only is not written by any call.
//!
//! The guest makes the raw calls of `wasi:filesystem` (`tests/guests/rawfs`), so no library's kindness stands between it and the host.

use crate::common::{grant, mount, script};
use policy::{Access, ClockMode, Grant, HideGlob};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// A tree with secrets in it: hidden by name, by place, and behind links.
fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    let at = |path: &str| tree.path().join(path);
    fs::create_dir_all(at("sub/deep")).unwrap();
    fs::create_dir_all(at("private/inner")).unwrap();
    fs::write(at("a.txt"), "shown").unwrap();
    fs::write(at(".env"), "SECRET=1").unwrap();
    fs::write(at("sub/.env"), "SECRET=2").unwrap();
    fs::write(at("private/key"), "SECRET=3").unwrap();
    fs::write(at("private/inner/key"), "SECRET=4").unwrap();
    symlink(".env", at("to-env")).unwrap();
    symlink("sub/.env", at("to-sub-env")).unwrap();
    symlink("private", at("to-private")).unwrap();
    symlink("to-private/inner", at("to-inner")).unwrap();
    symlink("../private/key", at("sub/to-key")).unwrap();
    symlink("loop-b", at("loop-a")).unwrap();
    symlink("loop-a", at("loop-b")).unwrap();
    tree
}

fn granted(path: &Path, access: Access, hide: &[&str]) -> Grant {
    let mut mount = mount("/w", path, access);
    mount.hide = hide.iter().map(|glob| HideGlob::new(*glob)).collect();
    Grant {
        mounts: vec![mount],
        ..grant()
    }
}

const HIDE: [&str; 2] = ["**/.env", "private"];

/// Spellings of hidden things that lead to them.
const HIDDEN: [&str; 22] = [
    ".env",
    "./.env",
    ".//.env",
    "sub/../.env",
    "sub/deep/../../.env",
    "sub/.env",
    "private",
    "private/",
    "private/.",
    "private/..",
    "private/../a.txt",
    "private/key",
    "private/inner/key",
    "private/inner/../key",
    "private/nothing",
    "sub/../private/key",
    "to-private/../.env",
    "to-private/key",
    "to-inner/key",
    "to-private/inner/../../.env",
    "to-private/",
    ".env/",
];

/// Names that are links to hidden things: the link is there, what it leads to is not.
const LINKS: [&str; 5] = [
    "to-env",
    "to-sub-env",
    "to-private",
    "to-inner",
    "sub/to-key",
];

#[tokio::test]
async fn no_call_finds_a_hidden_name() {
    for path in HIDDEN {
        let tree = tree();
        let before = listing(tree.path());
        let path = format!("0:{path}");
        let path = path.as_str();
        let calls: [&[&str]; 26] = [
            &["open", path, "x", "r"],
            &["open", path, "x", "r nofollow"],
            &["open", path, "x", "w"],
            &["open", path, "x", "w create"],
            &["open", path, "x", "w create excl"],
            &["open", path, "x", "w trunc"],
            &["open", path, "x", "dir"],
            &["open", path, "x", "dir mutate"],
            &["read", path],
            &["write", path, "broken"],
            &["list", path],
            &["stat", path],
            &["lstat", path],
            &["hash", path],
            &["times", path],
            &["ltimes", path],
            &["mkdir", path],
            &["rmdir", path],
            &["unlink", path],
            &["readlink", path],
            &["symlink", "a.txt", path],
            &["rename", path, "0:mine"],
            &["rename", "0:a.txt", path],
            &["link", path, "0:mine"],
            &["link", "0:a.txt", path],
            &["link-follow", path, "0:mine"],
        ];
        let grant = granted(tree.path(), Access::ReadWrite, &HIDE);
        let (said, outcome) = script(&grant, &calls).await;
        for (call, said) in calls.iter().zip(&said) {
            assert_eq!(said, "no-entry", "{call:?}");
        }
        assert_eq!(said.len(), calls.len(), "{outcome:?}");
        assert!(
            outcome
                .refused
                .iter()
                .all(|refused| refused.reason == "policy hides this name")
        );
        assert_eq!(listing(tree.path()), before, "{path}");
    }
}

#[tokio::test]
async fn a_link_to_a_hidden_name_is_there_and_leads_nowhere() {
    let tree = tree();
    let grant = granted(tree.path(), Access::ReadWrite, &HIDE);
    for link in LINKS {
        let path = format!("0:{link}");
        let path = path.as_str();
        let slash = format!("{path}/");
        let calls: [&[&str]; 8] = [
            &["open", path, "x", "r"],
            &["open", path, "x", "w trunc"],
            &["open", path, "x", "dir"],
            &["read", path],
            &["stat", path],
            &["hash", path],
            &["times", path],
            &["stat", &slash],
        ];
        let (said, _) = script(&grant, &calls).await;
        for (call, said) in calls.iter().zip(&said) {
            assert_eq!(said, "no-entry", "{call:?}");
        }
        let calls: [&[&str]; 2] = [&["lstat", path], &["readlink", path]];
        let (said, _) = script(&grant, &calls).await;
        assert!(said[0].contains("SymbolicLink"), "{said:?}");
        assert!(said.iter().all(|said| said != "no-entry"), "{said:?}");
    }
    assert_eq!(
        fs::read_to_string(tree.path().join(".env")).unwrap(),
        "SECRET=1"
    );
}

#[tokio::test]
async fn a_link_that_the_guest_makes_leads_to_nothing_hidden() {
    let tree = tree();
    let grant = granted(tree.path(), Access::ReadWrite, &HIDE);
    let (said, _) = script(
        &grant,
        &[
            &["symlink", ".env", "0:mine"],
            &["symlink", "mine", "0:again"],
            &["symlink", "../private", "0:sub/mine"],
            &["read", "0:mine"],
            &["read", "0:again"],
            &["list", "0:sub/mine"],
            &["read", "0:sub/mine/key"],
            &["write", "0:again", "broken"],
            &["open", "0:sub", "s", "dir"],
            &["read", "s:.env"],
            &["read", "s:./.env"],
            &["read", "s:deep/../.env"],
            &["read", "s:../.env"],
            &["rename", "s:.env", "0:mine"],
            &["link", "s:.env", "0:linked"],
            &["stat", "0:loop-a"],
            &["read", "0:loop-a/x"],
        ],
    )
    .await;
    assert_eq!(said[..3], ["ok", "ok", "ok"]);
    for (at, expected) in [
        (3, "no-entry"),
        (4, "no-entry"),
        (5, "no-entry"),
        (6, "no-entry"),
        (7, "no-entry"),
        (8, "ok"),
        (9, "no-entry"),
        (10, "no-entry"),
        (11, "no-entry"),
        (12, "not-permitted"),
        (13, "no-entry"),
        (14, "no-entry"),
        (15, "loop"),
        (16, "loop"),
    ] {
        assert_eq!(said[at], expected, "call {at} of {said:?}");
    }
}

#[tokio::test]
async fn listings_leave_hidden_names_out_and_are_sorted() {
    let tree = tree();
    for name in ["z", "B", "b", "ä", "10", "9"] {
        fs::write(tree.path().join("sub").join(name), "").unwrap();
    }
    let grant = granted(tree.path(), Access::ReadOnly, &HIDE);
    let calls: [&[&str]; 4] = [
        &["list", "0:."],
        &["list", "0:sub"],
        &["stat", "0:."],
        &["stat", "0:sub"],
    ];
    let (said, _) = script(&grant, &calls).await;
    assert_eq!(
        said[0],
        "a.txt loop-a loop-b sub to-env to-inner to-private to-sub-env"
    );
    assert_eq!(said[1], "10 9 B b deep to-key z ä");
    // Neither size nor links tell how many there are besides.
    assert!(
        said[2].ends_with(" 0 x1") && said[3].ends_with(" 0 x1"),
        "{said:?}"
    );
    let (said, _) = script(&granted(tree.path(), Access::ReadOnly, &[]), &calls).await;
    assert_eq!(said[1], ".env 10 9 B b deep to-key z ä");
}

#[tokio::test]
async fn what_is_hidden_by_its_place_is_not_brought_to_light_by_moving_what_holds_it() {
    let tree = tree();
    fs::create_dir_all(tree.path().join("box/secrets")).unwrap();
    fs::write(tree.path().join("box/secrets/key"), "SECRET").unwrap();
    fs::create_dir(tree.path().join("box/empty")).unwrap();
    let grant = granted(tree.path(), Access::ReadWrite, &["box/secrets"]);
    let (said, _) = script(
        &grant,
        &[
            &["rename", "0:box", "0:crate"],
            &["open", "0:box", "b", "dir"],
            &["rename", "b:.", "0:crate"],
            &["rename", "b:secrets", "0:mine"],
            &["rmdir", "0:box"],
            &["list-fd", "b"],
        ],
    )
    .await;
    assert_eq!(said[0], "not-permitted");
    assert!(said[2] == "not-permitted" || said[2] == "busy", "{said:?}");
    assert_eq!(said[3], "no-entry");
    assert_eq!(said[4], "not-empty");
    assert_eq!(said[5], "empty");
}

#[tokio::test]
async fn a_directory_that_the_host_moves_where_it_is_hidden_is_hidden_from_those_who_hold_it() {
    let tree = tree();
    fs::create_dir(tree.path().join("held")).unwrap();
    fs::write(tree.path().join("held/x"), "x").unwrap();
    let grant = granted(tree.path(), Access::ReadWrite, &["private"]);
    let stop = AtomicBool::new(false);
    let (before, after) = (tree.path().join("held"), tree.path().join("private/held"));
    // The host moves it to and fro while the guest looks; whenever it is away, it is not there, and the call never sees it hidden under its old name.
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                fs::rename(&before, &after).unwrap();
                fs::rename(&after, &before).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let said = std::thread::spawn(move || {
            let mut calls: Vec<&[&str]> = vec![&["open", "0:.", "r", "dir"]];
            calls.extend(std::iter::repeat_n(
                &["read", "0:private/held/x"] as &[&str],
                200,
            ));
            calls.extend(std::iter::repeat_n(
                &["read", "0:held/../private/held/x"] as &[&str],
                200,
            ));
            calls.extend(std::iter::repeat_n(&["read", "0:held/x"] as &[&str], 200));
            runtime.block_on(script(&grant, &calls)).0
        })
        .join()
        .unwrap();
        stop.store(true, Ordering::Relaxed);
        said
    });
    assert_eq!(said.len(), 601);
    assert!(
        said[1..401].iter().all(|said| said == "no-entry"),
        "{said:?}"
    );
    assert!(
        said[401..]
            .iter()
            .all(|said| said == "no-entry" || said == "x"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_link_that_is_exchanged_during_the_call_never_opens_what_is_hidden() {
    let tree = tree();
    let place = tree.path().join("flip");
    fs::write(&place, "shown").unwrap();
    let grant = granted(tree.path(), Access::ReadOnly, &HIDE);
    let stop = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = tree.path().join("other");
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::remove_file(&other);
                symlink(".env", &other).unwrap();
                fs::rename(&other, &place).unwrap();
                fs::write(&other, "shown").unwrap();
                fs::rename(&other, &place).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let said = std::thread::spawn(move || {
            let calls = vec![&["read", "0:flip"] as &[&str]; 3_000];
            runtime.block_on(script(&grant, &calls)).0
        })
        .join()
        .unwrap();
        stop.store(true, Ordering::Relaxed);
        said
    });
    assert_eq!(said.len(), 3_000);
    // `invalid` is what reading a link comes to that is a file by then.
    let may_be = ["shown", "no-entry", "loop", "invalid", ""];
    let other = said.iter().find(|said| !may_be.contains(&said.as_str()));
    assert_eq!(other, None);
}

#[tokio::test]
async fn no_call_writes_to_a_read_only_mount() {
    for hide in [&[][..], &["**/.env"][..]] {
        let tree = tree();
        let before = listing(tree.path());
        let written = fs::metadata(tree.path().join("a.txt"))
            .unwrap()
            .modified()
            .unwrap();
        let grant = granted(tree.path(), Access::ReadOnly, hide);
        let calls: [&[&str]; 27] = [
            &["open", "0:a.txt", "f", "r"],
            &["open", "0:sub", "d", "r dir"],
            &["open", "0:a.txt", "x", "w"],
            &["open", "0:a.txt", "x", "r w"],
            &["open", "0:a.txt", "x", "r trunc"],
            &["open", "0:new", "x", "r create"],
            &["open", "0:new", "x", "w create excl"],
            &["write", "0:a.txt", "broken"],
            &["write-fd", "f", "0", "broken"],
            &["stream-write-fd", "f", "broken"],
            &["append-fd", "f", "broken"],
            &["size-fd", "f", "1"],
            &["times-fd", "f"],
            &["times-fd", "d"],
            &["times", "0:a.txt"],
            &["ltimes", "0:to-env"],
            &["mkdir", "0:new"],
            &["mkdir", "d:new"],
            &["rmdir", "0:sub/deep"],
            &["unlink", "0:a.txt"],
            &["unlink", "d:to-key"],
            &["symlink", "a.txt", "0:new"],
            &["rename", "0:a.txt", "0:new"],
            &["rename", "d:to-key", "0:a.txt"],
            &["link", "0:a.txt", "0:new"],
            &["link", "0:a.txt", "d:new"],
            &["open", "d:new", "x", "w create trunc"],
        ];
        let (said, outcome) = script(&grant, &calls).await;
        assert_eq!(said[..2], ["ok", "ok"]);
        for (call, said) in calls.iter().zip(&said).skip(2) {
            assert_eq!(said, "not-permitted", "{call:?}");
        }
        assert_eq!(said.len(), calls.len());
        assert!(outcome.refused.len() >= 15, "{:?}", outcome.refused);
        assert_eq!(listing(tree.path()), before);
        let now = fs::metadata(tree.path().join("a.txt"))
            .unwrap()
            .modified()
            .unwrap();
        assert_eq!(now, written);
    }
}

#[tokio::test]
async fn what_would_block_is_not_opened_even_where_it_comes_in_a_race() {
    for hide in [&[][..], &["**/.env"][..]] {
        let tree = tree();
        let fifo = tree.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
        symlink("fifo", tree.path().join("to-fifo")).unwrap();
        let grant = granted(tree.path(), Access::ReadWrite, hide);
        let calls: [&[&str]; 6] = [
            &["open", "0:fifo", "x", "r"],
            &["open", "0:fifo", "x", "w"],
            &["open", "0:to-fifo", "x", "r"],
            &["open", "0:socket", "x", "r"],
            &["open", "0:fifo", "x", "r w"],
            &["open", "0:fifo", "x", "w create trunc"],
        ];
        let (said, outcome) = script(&grant, &calls).await;
        assert!(said.iter().all(|said| said == "not-permitted"), "{said:?}");
        assert!(outcome.refused[0].reason.contains("only regular files"));
        drop(socket);
    }
}

#[tokio::test]
async fn one_object_has_one_hash_and_an_open_directory_lists_itself() {
    let tree = tree();
    for (hide, clock) in [
        (&[][..], ClockMode::Real),
        (&HIDE[..], ClockMode::Real),
        (&HIDE[..], ClockMode::Frozen),
    ] {
        let grant = Grant {
            clock,
            ..granted(tree.path(), Access::ReadOnly, hide)
        };
        let (said, _) = script(
            &grant,
            &[
                &["open", "0:a.txt", "f", "r"],
                &["open", "0:sub", "d", "dir"],
                &["hash", "0:a.txt"],
                &["hash-fd", "f"],
                &["hash", "0:sub"],
                &["hash-fd", "d"],
                &["hash", "0:sub/."],
            ],
        )
        .await;
        assert_eq!(said[2], said[3]);
        assert_eq!(said[4], said[5]);
        assert_eq!(said[4], said[6]);
        assert_ne!(said[2], said[4]);
    }
}

#[tokio::test]
async fn where_the_clock_stands_still_so_do_the_times_of_files() {
    let calls: [&[&str]; 6] = [
        &["times-of", "0:a.txt"],
        &["stat", "0:sub"],
        &["open", "0:a.txt", "f", "r"],
        &["hash", "0:sub"],
        &["hash-fd", "f"],
        &["hash", "0:sub"],
    ];
    let run = async || {
        // Another tree, made at another time, with other inodes.
        let tree = tree();
        let grant = Grant {
            clock: ClockMode::Frozen,
            ..granted(tree.path(), Access::ReadOnly, &[])
        };
        let (said, outcome) = script(&grant, &calls).await;
        (said, outcome.fuel)
    };
    let (first, second) = (run().await, run().await);
    assert_eq!(first, second);
    assert_eq!(first.0[0], "1234567890123 1234567890123 1234567890123");
    let tree = tree();
    let grant = Grant {
        clock: ClockMode::Frozen,
        ..granted(tree.path(), Access::ReadWrite, &[])
    };
    let (said, _) = script(&grant, &[&["times", "0:a.txt"]]).await;
    assert_eq!(said, ["ok"]);
    let modified = fs::metadata(tree.path().join("a.txt"))
        .unwrap()
        .modified()
        .unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_millis(), 1_234_567_890_123);
}

/// Every path below `root` with what a file holds.
fn listing(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap().file_type();
            let what = if kind.is_dir() {
                open.push(path.clone());
                "directory".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                fs::read_to_string(&path).unwrap()
            };
            found.push((path.display().to_string(), what));
        }
    }
    found.sort();
    found
}
