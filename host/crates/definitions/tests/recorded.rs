//! A house that was recorded is the same house again, whatever has become of the disk.

mod common;

use charthouse_definitions::{House, RecordedFile, load, load_recorded};
use common::{copy, fixtures};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use types::ContentHash;

fn loaded(root: &Path) -> House {
    load(root).unwrap_or_else(|report| panic!("{report}"))
}

fn by_name(files: Vec<RecordedFile>) -> BTreeMap<String, Vec<u8>> {
    files
        .into_iter()
        .map(|file| (file.name.to_string(), file.bytes.to_vec()))
        .collect()
}

/// All that a run goes by, as text; places are those of the files.
fn said(house: &House) -> String {
    let charts: Vec<_> = house
        .charts
        .values()
        .map(|it| {
            let chart = (it.chart.hash(), it.hash, &it.place, &it.doc, &it.migrate);
            let extras = (&it.context, &it.policy, &it.role, &it.roles);
            (chart, extras, &it.calls, &it.children)
        })
        .collect();
    format!(
        "{:#?}",
        (
            (&house.root, &house.name, house.hash, &house.store),
            (&house.providers, &house.prices, &house.plugins, &house.lock),
            (&house.ceiling, &house.default_policy, &house.policies),
            (&house.agents, &house.files, &house.serve),
            charts,
        )
    )
}

fn same(after: &House, before: &House) {
    let (after, before) = (said(after), said(before));
    for (n, (after, before)) in after.lines().zip(before.lines()).enumerate() {
        assert_eq!(after, before, "line {n}");
    }
    assert_eq!(after.len(), before.len());
}

#[test]
fn what_was_recorded_is_loaded_again_from_an_empty_disk() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("house");
    copy(&fixtures().join("base"), &root);
    for case in ["design", "context-sources", "all-of-charts"] {
        copy(&fixtures().join("valid").join(case), &root);
    }
    let text = fs::read_to_string(root.join("house.yaml")).unwrap();
    // A byte order mark is part of what is hashed, and of no line.
    let text = format!(
        "\u{feff}{text}ceiling: {{ mounts: {{ /workspace: {{ from: work, access: read-write }} }} }}\n\
         serve:\n  keep: [coder]\n  triggers:\n    inbox: {{ agent: coder, files: \"/workspace/in/*.md\", prompt: \"{{{{ trigger.path }}}}\" }}\n"
    );
    fs::write(root.join("house.yaml"), text).unwrap();
    let before = loaded(&root);
    let recordable = before.recordable();
    let names: Vec<&str> = recordable.iter().map(|file| &*file.name).collect();
    for name in [
        "house.yaml",
        "agents/coder.yaml",
        "agents/briefing.j2",
        "charts/round.j2",
        "policies/default.yaml",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(names.is_sorted());
    for file in &recordable {
        assert_eq!(file.hash, ContentHash::of(&file.bytes), "{}", file.name);
        assert_eq!(
            file.bytes[..],
            fs::read(root.join(&*file.name)).unwrap(),
            "{}",
            file.name
        );
    }
    for (name, hash) in &before.files {
        let same = recordable.iter().find(|file| file.name == *name);
        assert_eq!(same.map(|file| file.hash), Some(*hash), "{name}");
    }
    let full = before.root.clone();
    fs::remove_dir_all(&root).unwrap();
    let after =
        load_recorded(&full, &by_name(recordable.clone())).unwrap_or_else(|r| panic!("{r}"));
    same(&after, &before);
    // What was loaded from a record can be recorded again.
    assert_eq!(after.recordable().len(), names.len());
}

#[test]
fn nothing_of_what_is_on_the_disk_now_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let before = loaded(directory.path());
    let files = by_name(before.recordable());
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("house.yaml", "house: [");
    write("agents/charter.md", "Do something else.");
    write("agents/other.yaml", "agent: other\n");
    write("charts/think.yaml", "chart: think\n");
    write("house.lock", "lock: 99\n");
    fs::remove_file(directory.path().join("plugins/fs.wasm")).unwrap();
    let after = load_recorded(directory.path(), &files).unwrap_or_else(|r| panic!("{r}"));
    same(&after, &before);
    let charter = after.recordable();
    let charter = charter
        .iter()
        .find(|file| &*file.name == "agents/charter.md");
    assert_eq!(charter.unwrap().bytes[..], files["agents/charter.md"]);
}

#[test]
fn pins_and_keys_are_those_of_the_record() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let sha256 = "0".repeat(64);
    let lock = format!(
        "lock: 1\nplugins:\n  fs: {{ source: here, sha256: \"{sha256}\", size: 1 }}\n  search: {{ source: here, sha256: \"{sha256}\", size: 1 }}\n"
    );
    fs::write(directory.path().join("house.lock"), lock).unwrap();
    let before = loaded(directory.path());
    let files = by_name(before.recordable());
    assert!(files.contains_key("house.lock"));
    fs::remove_file(directory.path().join("house.lock")).unwrap();
    let after = load_recorded(directory.path(), &files).unwrap_or_else(|r| panic!("{r}"));
    assert_eq!(after.lock, before.lock);
    assert!(
        after
            .plugins
            .values()
            .all(|plugin| plugin.component.pin.is_some())
    );
    // And one that was recorded without a lock has none, whatever there is now.
    fs::write(directory.path().join("house.lock"), "lock: 1\n").unwrap();
    let mut files = files;
    files.remove("house.lock");
    let after = load_recorded(directory.path(), &files).unwrap_or_else(|r| panic!("{r}"));
    assert_eq!(after.lock, None);
}

#[cfg(unix)]
#[test]
fn a_text_behind_a_link_is_found_by_the_name_that_its_chunk_has() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let charter = directory.path().join("agents/charter.md");
    fs::create_dir(directory.path().join("texts")).unwrap();
    fs::rename(&charter, directory.path().join("texts/charter.md")).unwrap();
    std::os::unix::fs::symlink("../texts/charter.md", &charter).unwrap();
    let files = by_name(loaded(directory.path()).recordable());
    assert_eq!(files["agents/charter.md"], files["texts/charter.md"]);
    load_recorded(directory.path(), &files).unwrap_or_else(|r| panic!("{r}"));
}

#[test]
fn a_record_that_is_not_whole_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let files = by_name(loaded(directory.path()).recordable());
    let without = |name: &str| {
        let mut files = files.clone();
        files.remove(name).unwrap();
        load_recorded(directory.path(), &files)
    };
    let report = without("house.yaml").unwrap_err().render(false);
    assert!(
        report.contains("not among those that were recorded"),
        "{report}"
    );
    let report = without("charts/think.yaml").unwrap_err().render(false);
    assert!(report.contains("there is no chart `think`"), "{report}");
    // What a payload holds is recorded with the payload.
    without("agents/charter.md").unwrap_or_else(|r| panic!("{r}"));
    assert!(load_recorded(directory.path(), &BTreeMap::new()).is_err());
    let mut broken = files.clone();
    broken.insert("agents/coder.yaml".into(), b"agent: c\xff\n".to_vec());
    let report = load_recorded(directory.path(), &broken)
        .unwrap_err()
        .render(false);
    assert!(report.contains("agents/coder.yaml:1:9"), "{report}");
}
