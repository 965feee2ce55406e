//! `chart show`: the format that the output's name asks for, charts by file and by name, and states that cannot be.

use charthouse_tests::{repository, run};
use std::fs;

fn shipped() -> String {
    let chart = repository().join("charts/cognition/deliberate.yaml");
    chart.to_str().unwrap().to_owned()
}

#[test]
fn the_name_of_the_output_decides() {
    let folder = tempfile::tempdir().unwrap();
    for (name, begins) in [
        ("a.svg", "<svg "),
        ("a.mmd", "---\ntitle: \"deliberate"),
        ("a.dot", "digraph \"deliberate\" {"),
        ("a.txt", "deliberate 1.0.0"),
    ] {
        let file = folder.path().join(name);
        let path = file.to_str().unwrap();
        let ran = run(&repository(), ["chart", "show", &shipped(), "-o", path]).expect(0);
        assert_eq!(ran.stdout, "");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(begins), "{name}: {text}");
    }
    // A flag is stronger than a name, and without either it is a tree.
    let file = folder.path().join("b.svg");
    let path = file.to_str().unwrap();
    run(
        &repository(),
        ["chart", "show", &shipped(), "-o", path, "--format", "tree"],
    )
    .expect(0);
    let tree = fs::read_to_string(&file).unwrap();
    assert_eq!(
        tree,
        run(&repository(), ["chart", "show", &shipped()])
            .expect(0)
            .stdout
    );
    assert!(tree.contains("├─ act"), "{tree}");
    assert!(!tree.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn a_chart_of_the_house_is_found_by_name() {
    let house = tempfile::tempdir().unwrap();
    fs::write(
        house.path().join("house.yaml"),
        "house: small\nstore: sqlite:.charthouse/journal.db\nproviders: {}\n",
    )
    .unwrap();
    fs::create_dir(house.path().join("charts")).unwrap();
    fs::copy(shipped(), house.path().join("charts/other.yaml")).unwrap();
    let ran = run(house.path(), ["chart", "show", "deliberate", "--at", "act"]).expect(0);
    assert!(ran.stdout.contains("● act"), "{}", ran.stdout);
    assert!(ran.stdout.contains("○ check"), "{}", ran.stdout);
    run(house.path(), ["chart", "show", "deliberat"])
        .expect(2)
        .complains(&["no chart of that name", "deliberate"]);
    run(
        &house.path().join("charts"),
        ["chart", "show", "deliberate"],
    )
    .expect(2)
    .complains(&["no house", "--house"]);
}

#[test]
fn a_state_that_is_not_there_is_said() {
    let ran = run(&repository(), ["chart", "show", &shipped(), "--at", "chek"]).expect(2);
    assert!(
        ran.stderr.contains("did you mean `check`?"),
        "{}",
        ran.stderr
    );
    let ran = run(
        &repository(),
        ["chart", "show", &shipped(), "--at", "act,check"],
    )
    .expect(2);
    assert!(
        ran.stderr.contains("cannot be active together"),
        "{}",
        ran.stderr
    );
}
