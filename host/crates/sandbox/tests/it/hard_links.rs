//! `hard_links: refuse`: a file that has another name is somebody else's file too.

use crate::common::{grant, mount, script};
use policy::{Access, Grant, HardLinks};
use std::fs;
use tempfile::TempDir;

fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    let at = |path: &str| tree.path().join(path);
    fs::create_dir_all(at("w/sub")).unwrap();
    fs::write(at("w/own"), "own").unwrap();
    fs::write(at("outside"), "outside").unwrap();
    fs::hard_link(at("outside"), at("w/planted")).unwrap();
    std::os::unix::fs::symlink("../planted", at("w/sub/to-planted")).unwrap();
    tree
}

fn granted(tree: &TempDir, hard_links: HardLinks) -> Grant {
    let mut mount = mount("/w", &tree.path().join("w"), Access::ReadWrite);
    mount.hard_links = hard_links;
    Grant {
        mounts: vec![mount],
        ..grant()
    }
}

#[tokio::test]
async fn a_file_with_another_name_is_neither_opened_nor_moved_and_none_is_made() {
    let tree = tree();
    let calls: [&[&str]; 10] = [
        &["read", "0:planted"],
        &["read", "0:sub/to-planted"],
        &["write", "0:planted", "broken"],
        &["open", "0:planted", "x", "w trunc"],
        &["open", "0:planted", "x", "r nofollow"],
        &["rename", "0:planted", "0:mine"],
        &["link", "0:own", "0:second"],
        &["read", "0:own"],
        &["stat", "0:planted"],
        &["list", "0:."],
    ];
    let (said, outcome) = script(&granted(&tree, HardLinks::Refuse), &calls).await;
    assert!(
        said[..7].iter().all(|said| said == "not-permitted"),
        "{said:?}"
    );
    assert_eq!(said[7], "own");
    assert!(said[8].contains("RegularFile 7 x2"), "{said:?}");
    assert_eq!(said[9], "own planted sub");
    assert!(
        outcome.refused[0]
            .reason
            .contains("several names (hard links)"),
        "{:?}",
        outcome.refused
    );
    assert_eq!(
        fs::read_to_string(tree.path().join("outside")).unwrap(),
        "outside"
    );
    // What is allowed to be removed is the name, not the file.
    let (said, _) = script(
        &granted(&tree, HardLinks::Refuse),
        &[&["unlink", "0:planted"], &["write", "0:planted", "new"]],
    )
    .await;
    assert_eq!(said, ["ok", "ok"]);
    assert_eq!(
        fs::read_to_string(tree.path().join("outside")).unwrap(),
        "outside"
    );
}

#[tokio::test]
async fn elsewhere_they_are_files_like_any_other() {
    let tree = tree();
    let calls: [&[&str]; 4] = [
        &["read", "0:planted"],
        &["write", "0:sub/to-planted", "written"],
        &["rename", "0:planted", "0:mine"],
        &["link", "0:own", "0:second"],
    ];
    let (said, _) = script(&granted(&tree, HardLinks::Allow), &calls).await;
    assert_eq!(said, ["outside", "ok", "ok", "ok"]);
    assert_eq!(
        fs::read_to_string(tree.path().join("outside")).unwrap(),
        "written"
    );
}
