//! Where components come from: files, addresses and registries; which bytes are used and which are refused; and that an attempt that fails leaves nothing.

mod registry;
mod shelf;
mod signatures;

use charthouse_tests::{House, Plan, Ran, guests, plugins};
use serde_json::{Value, json};
use shelf::{Shelf, Shelved, digest, sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn house() -> House {
    House::init::<&str>(&[])
}

/// A small component with the tool `echo`.
fn minimal() -> Vec<u8> {
    fs::read(guests().join("minimal.wasm")).unwrap()
}

/// Another one.
fn fs_plugin() -> Vec<u8> {
    fs::read(plugins().join("fs.wasm")).unwrap()
}

/// The same component in every respect but its bytes: a section that nobody looks at is added.
fn touched(component: &[u8]) -> Vec<u8> {
    [component, &[0, 2, 1, b'x']].concat()
}

/// Every file of a house but what the host keeps for itself.
fn files(house: &House) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".charthouse") {
                continue;
            }
            match path.is_dir() {
                true => {
                    found.insert(path.clone(), Vec::new());
                    walk(&path, found);
                }
                false => {
                    found.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&house.root, &mut found);
    found
}

/// Run `arguments`, which must end with `code`, say all of `words`, and change nothing.
#[track_caller]
fn refused(house: &House, arguments: &[&str], code: i32, words: &[&str]) -> Ran {
    let before = files(house);
    let ran = house.run(arguments).expect(code);
    ran.complains(words);
    let after = files(house);
    let changed: Vec<_> = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(*bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(changed.is_empty(), "{arguments:?} changed {changed:?}");
    assert_eq!(before.len(), after.len(), "{arguments:?} took a file away");
    ran
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_component_from_a_file_is_added_pinned_and_used() {
    let house = house();
    let before = house.read("house.yaml");
    let component = guests().join("minimal.wasm");
    let added = house
        .run(["plugin", "add", text(&component), "--json"])
        .expect(0)
        .json();
    assert_eq!(added["added"], "minimal");
    assert_eq!(added["component"], "plugins/minimal.wasm");
    assert_eq!(added["sha256"], sha256(&minimal()));
    assert_eq!(added["size"], minimal().len());
    assert_eq!(added["tools"], json!(["echo"]));
    assert_eq!(added["needs"], json!([]));
    // One line is new, and everything that a person wrote is there still.
    let line = "  minimal: plugins/minimal.wasm\n";
    let after = house.read("house.yaml");
    assert_eq!(after.replace(line, ""), before);
    assert!(after.contains(line), "{after}");
    let lock = house.read("house.lock");
    let pin = format!(
        "  minimal:\n    source: \"{}\"\n    sha256: \"{}\"\n    size: {}\n",
        component.canonicalize().unwrap().display(),
        sha256(&minimal()),
        minimal().len()
    );
    assert!(lock.contains(&pin), "{lock}");
    let checked = house.run(["check"]).expect(0);
    assert!(checked.stdout.contains("7 plugins"), "{}", checked.stdout);
    assert_eq!(checked.stderr, "");
    let info = house
        .run(["plugin", "inspect", "minimal", "--json"])
        .expect(0)
        .json();
    assert_eq!(info["sha256"], sha256(&minimal()));
    house
        .run(["plugin", "call", "minimal", "echo", "{}"])
        .expect(0);
}

#[test]
fn what_init_writes_is_pinned() {
    let house = house();
    let listed = house.run(["plugin", "list", "--json"]).expect(0).json();
    let lock = house.read("house.lock");
    for plugin in listed["plugins"].as_array().unwrap() {
        let pin = format!("sha256: \"{}\"", plugin["sha256"].as_str().unwrap());
        assert!(lock.contains(&pin), "{pin} is not in {lock}");
    }
    house.run(["check"]).expect(0);
}

#[test]
fn a_changed_byte_is_refused_wherever_a_component_is_loaded() {
    let house = House::of(Plan::default());
    house.run(["run", "tester"]).expect(0);
    house.run(["plugin", "pin", "--all"]).expect(0);
    house.run(["run", "tester"]).expect(0);
    let path = house.root.join("plugins/fs.wasm");
    let (was, is) = (sha256(&fs_plugin()), sha256(&touched(&fs_plugin())));
    fs::write(&path, touched(&fs_plugin())).unwrap();
    let both = [
        was.as_str(),
        is.as_str(),
        "charthouse plugin restore fs",
        "--dev",
    ];
    for verb in [
        vec!["run", "tester"],
        vec!["plugin", "list"],
        vec!["plugin", "inspect", "fs"],
        vec!["plugin", "call", "fs", "list", "{}"],
        vec!["context", "show", "tester"],
    ] {
        refused(&house, &verb, 1, &both);
    }
    let called = house
        .run(["plugin", "call", "fs", "list", "{}", "--json"])
        .expect(1)
        .json();
    assert_eq!(called["error"]["kind"], "unavailable", "{called}");
    let said = house.beside("said");
    fs::create_dir_all(said.parent().unwrap()).unwrap();
    fs::write(&said, "hello\n").unwrap();
    let chat = |more: &[&str]| {
        let mut command = house.command();
        command.args(["chat", "tester"]).args(more);
        Ran::of(command.stdin(fs::File::open(&said).unwrap()))
    };
    chat(&[]).expect(1).complains(&both);
    let checked = house.run(["check", "--json"]).expect(3).json();
    let error = &checked["errors"][0];
    assert_eq!(
        (&error["file"], &error["line"]),
        (&json!("house.yaml"), &json!(6)),
        "{checked}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&was) && message.contains(&is), "{message}");

    // With --dev it is used, and said each time.
    for verb in [
        vec!["run", "tester", "--dev"],
        vec!["plugin", "list", "--dev"],
        vec!["plugin", "inspect", "fs", "--dev"],
    ] {
        house
            .run(&verb)
            .expect(0)
            .complains(&[&was, &is, "because of --dev"]);
    }
    chat(&["--dev"]).expect(0).complains(&["because of --dev"]);
    let checked = house.run(["check", "--dev", "--json"]).expect(0).json();
    assert!(
        checked["warnings"][0]["message"]
            .as_str()
            .unwrap()
            .contains(&is),
        "{checked}"
    );

    // Where it came from has other bytes too, so that nothing can be restored; it can be taken for good.
    refused(
        &house,
        &["plugin", "restore", "fs"],
        1,
        &["not what was expected", &was, &is],
    );
    let pinned = house.run(["plugin", "pin", "fs"]).expect(0);
    assert!(pinned.stdout.contains(&is) && pinned.stdout.contains(&was));
    house.run(["run", "tester"]).expect(0);
}

#[test]
fn a_house_without_a_lock_pins_what_is_added_and_warns_of_the_rest() {
    let house = House::of(Plan::default());
    fs::write(house.root.join("plugins/fs.wasm"), touched(&fs_plugin())).unwrap();
    let checked = house.run(["check", "--json"]).expect(0).json();
    assert_eq!(
        checked["warnings"],
        json!([]),
        "nothing is pinned, nothing is warned of"
    );
    let component = guests().join("minimal.wasm");
    house.run(["plugin", "add", text(&component)]).expect(0);
    let checked = house.run(["check", "--json"]).expect(0).json();
    let warned: Vec<&str> = checked["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["message"].as_str().unwrap())
        .collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert!(warned[0].contains("`fs` is not pinned"), "{warned:?}");
    house.run(["run", "tester"]).expect(0);
    house.run(["plugin", "pin", "--all"]).expect(0);
    let checked = house.run(["check", "--json"]).expect(0).json();
    assert_eq!(checked["warnings"], json!([]));
}

#[test]
fn a_component_comes_from_an_address_through_redirects() {
    let house = house();
    let shelf = Shelf::start();
    shelf.file("/files/greet-1.wasm", &minimal());
    shelf.put("/second", Shelved::To("/files/greet-1.wasm".into()));
    let url = shelf.put(
        "/v1/greet.wasm",
        Shelved::To(format!("http://{}/second", shelf.host)),
    );
    let url = format!("{url}?download=1");
    let hash = sha256(&minimal());
    house
        .run(["plugin", "add", &url, "--sha256", &hash, "--trusted"])
        .expect(0);
    assert!(
        house
            .read("house.yaml")
            .contains("  greet: { component: plugins/greet.wasm, trusted: true }\n")
    );
    assert!(
        house
            .read("house.lock")
            .contains(&format!("source: \"{url}\""))
    );
    assert_eq!(
        fs::read(house.root.join("plugins/greet.wasm")).unwrap(),
        minimal()
    );
    house
        .run(["plugin", "call", "greet", "echo", "{}"])
        .expect(0);
}

#[test]
fn what_is_wrong_with_a_source_is_said_and_leaves_nothing() {
    let house = house();
    let shelf = Shelf::start();
    let core = [0, b'a', b's', b'm', 1, 0, 0, 0];
    let module = shelf.file("/core.wasm", &core);
    let damaged = shelf.file("/damaged.wasm", &minimal()[..minimal().len() / 2]);
    let page = shelf.file("/page.wasm", b"<html>log in</html>");
    let empty = shelf.file("/empty.wasm", b"");
    let half = shelf.put("/half.wasm", Shelved::Half(minimal()));
    let large = shelf.put("/large.wasm", Shelved::Endless(300 << 20));
    let gone = format!("http://{}/gone.wasm", shelf.host);
    let circle = shelf.put("/circle.wasm", Shelved::To("/circle.wasm".into()));
    let outside = shelf.put("/outside.wasm", Shelved::To("file:///etc/passwd".into()));
    let refuses = shelf.put("/refuses.wasm", Shelved::Status(500));
    let badspecs = guests().join("badspecs.wasm");
    let missing = house.beside("missing.wasm");
    let minimal_file = guests().join("minimal.wasm");
    let other_hash = "0".repeat(64);
    let cases: Vec<(Vec<&str>, i32, Vec<&str>)> = vec![
        (vec![&module], 1, vec!["/core.wasm"]),
        (vec![&damaged], 1, vec!["cannot compile", "/damaged.wasm"]),
        (vec![&page], 1, vec!["is not WebAssembly"]),
        (vec![&empty], 1, vec!["is empty"]),
        (
            vec![&half],
            1,
            vec!["the connection ended after", "before the file was whole"],
        ),
        (vec![&large], 1, vec!["larger than"]),
        (vec![&gone], 1, vec!["answers 404", "no such"]),
        (vec![&circle], 1, vec!["redirects more than 5 times"]),
        (vec![&outside], 1, vec!["redirects to `file:`"]),
        (vec![&refuses], 1, vec!["answers 500"]),
        (vec!["http://127.0.0.1:9/x.wasm"], 1, vec!["no connection"]),
        (
            vec!["http://example.invalid/x.wasm"],
            2,
            vec!["not encrypted", "--sha256"],
        ),
        (
            vec!["https://me:secret@example.invalid/x.wasm"],
            2,
            vec!["password"],
        ),
        (
            vec!["ftp://example.invalid/x.wasm"],
            2,
            vec!["`ftp:`", "oci://"],
        ),
        (vec![text(&badspecs)], 1, vec!["badspecs"]),
        (vec![text(&missing)], 1, vec!["missing.wasm", "oci://"]),
        (
            vec![text(&house.root), "--name", "x"],
            1,
            vec!["no regular file"],
        ),
        (vec!["charthouse 0.1.0"], 2, vec!["charthouse init"]),
        (
            vec![text(&minimal_file), "--sha256", &other_hash],
            1,
            vec!["not what was expected", &other_hash],
        ),
        (
            vec![text(&minimal_file), "--sha256", "12"],
            2,
            vec!["64 hexadecimal digits"],
        ),
        (
            vec![text(&minimal_file), "--name", "a.b"],
            2,
            vec!["--name"],
        ),
        (
            vec![text(&minimal_file), "--name", "fs"],
            2,
            vec!["a plugin `fs` already", "plugin update fs"],
        ),
    ];
    for (arguments, code, words) in cases {
        let arguments = [&["plugin", "add"], &*arguments].concat();
        let ran = refused(&house, &arguments, code, &words);
        assert_eq!(ran.stdout, "");
    }
    // What cannot be linked names what it wanted.
    let wants = guests().join("net.wasm");
    let ran = house.run(["plugin", "add", text(&wants)]);
    assert!(
        ran.code == Some(0) || ran.stderr.contains("wasi:"),
        "{}",
        ran.stderr
    );
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let house = house();
    fs::write(house.root.join("plugins/minimal.wasm"), b"mine").unwrap();
    let component = guests().join("minimal.wasm");
    refused(
        &house,
        &["plugin", "add", text(&component)],
        1,
        &["plugins/minimal.wasm exists", "--name"],
    );
    // The very same component may lie there already, and one in the folder is used where it lies.
    fs::write(house.root.join("plugins/minimal.wasm"), minimal()).unwrap();
    house.run(["plugin", "add", text(&component)]).expect(0);
    fs::write(house.root.join("plugins/own.wasm"), touched(&minimal())).unwrap();
    house.run(["plugin", "add", "plugins/own.wasm"]).expect(0);
    assert!(
        house
            .read("house.yaml")
            .contains("  own: plugins/own.wasm\n")
    );
    assert!(
        house
            .read("house.lock")
            .contains("source: \"plugins/own.wasm\"")
    );
}

#[test]
fn a_house_that_cannot_be_written_into_is_left_as_it_is() {
    let house = house();
    let component = guests().join("minimal.wasm");
    let original = house.read("house.yaml");
    // A way of writing that nobody can add a line to.
    house.write(
        "house.yaml",
        &original.replace(
            "defaults: { policy: default }",
            "defaults: { policy: default }\n...\n",
        ),
    );
    let ran = house.run(["plugin", "add", text(&component)]);
    if ran.code != Some(0) {
        assert!(
            ran.stderr.contains("by hand") || ran.code == Some(3),
            "{}",
            ran.stderr
        );
        assert!(!house.root.join("plugins/minimal.wasm").exists());
        assert!(!house.read("house.lock").contains("minimal"));
    }
    house.write("house.yaml", "house: [\n");
    refused(
        &house,
        &["plugin", "add", text(&component)],
        3,
        &["house.yaml"],
    );
    // An agent may name what is about to be added.
    house.write("house.yaml", &original);
    house.edit("agents/assistant.yaml", "plugins: [", "plugins: [minimal, ");
    house.run(["check"]).expect(3);
    house.run(["plugin", "add", text(&component)]).expect(0);
    house.run(["check"]).expect(0);
    // And what an agent names cannot be taken away under it.
    refused(
        &house,
        &["plugin", "remove", "minimal"],
        3,
        &["minimal", "nothing was changed"],
    );
}

#[test]
fn a_plugin_is_removed_without_a_trace() {
    let house = house();
    let before = files(&house);
    let component = guests().join("minimal.wasm");
    house.run(["plugin", "add", text(&component)]).expect(0);
    house.run(["plugin", "remove", "minimal"]).expect(0);
    assert!(files(&house) == before, "the house is as it was");
    house.run(["plugin", "add", text(&component)]).expect(0);
    house
        .run(["plugin", "remove", "minimal", "--keep-file"])
        .expect(0);
    assert!(house.root.join("plugins/minimal.wasm").exists());
    refused(
        &house,
        &["plugin", "remove", "minimal"],
        2,
        &["no plugin `minimal`", "fs"],
    );
    // What somebody took out of house.yaml by hand can be taken out of the lock.
    house
        .run(["plugin", "add", "plugins/minimal.wasm"])
        .expect(0);
    house.edit("house.yaml", "  minimal: plugins/minimal.wasm\n", "");
    house
        .run(["check"])
        .expect(0)
        .complains(&["`minimal` is pinned", "plugin remove minimal"]);
    house.run(["plugin", "remove", "minimal"]).expect(0);
    assert_eq!(house.run(["check"]).expect(0).stderr, "");
}

#[test]
fn an_update_says_what_is_different_and_can_be_tried_first() {
    let house = house();
    let shelf = Shelf::start();
    let url = shelf.file("/greet.wasm", &minimal());
    house.run(["plugin", "add", &url]).expect(0);
    let same = house.run(["plugin", "update", "greet"]).expect(0);
    assert!(
        same.stdout.contains("greet: nothing new"),
        "{}",
        same.stdout
    );
    shelf.file("/greet.wasm", &fs_plugin());
    let tried = refused(&house, &["plugin", "update", "greet", "--dry-run"], 0, &[]);
    let (was, is) = (sha256(&minimal()), sha256(&fs_plugin()));
    for word in [
        "would be updated",
        &was,
        &is,
        "+ tool read",
        "- tool echo",
        "+ import wasi:filesystem/",
        "give it mounts",
    ] {
        assert!(
            tried.stdout.contains(word),
            "`{word}` is missing in {}",
            tried.stdout
        );
    }
    // Another plugin's source that has gone does not stop it.
    let other = shelf.file("/other.wasm", &minimal());
    house.run(["plugin", "add", &other]).expect(0);
    shelf.put("/other.wasm", Shelved::Status(410));
    let updated = house.run(["plugin", "update", "--json"]).expect(1).json();
    let of = |name: &str| -> Value {
        let all = updated["plugins"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(of("greet")["status"], "updated");
    assert_eq!(of("greet")["difference"]["tools_removed"], json!(["echo"]));
    assert_eq!(of("fs")["status"], "same");
    assert_eq!(of("other")["status"], "failed");
    assert_eq!(
        fs::read(house.root.join("plugins/greet.wasm")).unwrap(),
        fs_plugin()
    );
    house.run(["check"]).expect(0);
    house.run(["plugin", "inspect", "greet"]).expect(0);
    // An update that is no component leaves the one that is.
    shelf.file("/greet.wasm", b"nonsense");
    refused(
        &house,
        &["plugin", "update", "greet"],
        1,
        &["is not WebAssembly"],
    );
    shelf.put("/greet.wasm", Shelved::Half(minimal()));
    refused(
        &house,
        &["plugin", "update", "greet"],
        1,
        &["before the file was whole"],
    );
    // Another source from now on.
    let elsewhere = shelf.file("/elsewhere.wasm", &minimal());
    house
        .run(["plugin", "update", "greet", "--from", &elsewhere])
        .expect(0);
    assert!(house.read("house.lock").contains(&elsewhere));
    refused(
        &house,
        &["plugin", "update", "nobody"],
        2,
        &["no plugin `nobody`"],
    );
}

#[test]
fn what_is_missing_or_damaged_is_restored_to_the_byte() {
    let house = house();
    let shelf = Shelf::start();
    let url = shelf.file("/greet.wasm", &minimal());
    house.run(["plugin", "add", &url]).expect(0);
    let whole = files(&house);
    fs::remove_file(house.root.join("plugins/greet.wasm")).unwrap();
    fs::write(house.root.join("plugins/fs.wasm"), touched(&fs_plugin())).unwrap();
    house
        .run(["check"])
        .expect(3)
        .complains(&["greet.wasm", "plugin restore"]);
    let restored = house.run(["plugin", "restore", "--json"]).expect(0).json();
    let of = |name: &str| {
        let all = restored["plugins"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["status"].clone()
    };
    assert_eq!(
        (of("greet"), of("fs"), of("search")),
        (json!("restored"), json!("restored"), json!("there"))
    );
    assert!(files(&house) == whole);
    fs::remove_file(house.root.join("plugins/greet.wasm")).unwrap();
    shelf.file("/greet.wasm", &touched(&minimal()));
    refused(
        &house,
        &["plugin", "restore"],
        1,
        &["not what was expected"],
    );
}

#[test]
fn changes_of_one_house_wait_for_each_other() {
    let house = house();
    let component = guests().join("minimal.wasm");
    let running: Vec<_> = (0..4)
        .map(|number| {
            let mut command = house.command();
            command.args([
                "plugin",
                "add",
                text(&component),
                "--name",
                &format!("n{number}"),
            ]);
            command.spawn().unwrap()
        })
        .collect();
    for mut one in running {
        assert!(one.wait().unwrap().success());
    }
    let listed = house.run(["plugin", "list", "--json"]).expect(0).json();
    assert_eq!(listed["plugins"].as_array().unwrap().len(), 10);
    house.run(["check"]).expect(0);
}

#[test]
fn a_swap_by_hand_moves_the_pin_and_a_rollback_moves_it_back() {
    let house = house();
    let fs_there = fs::read(house.root.join("plugins/fs.wasm")).unwrap();
    let other = touched(&fs_there);
    let file = house.beside("other.wasm");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, &other).unwrap();
    let before = house.read("house.lock");
    assert!(before.contains(&sha256(&fs_there)), "{before}");
    house.run(["plugin", "swap", "fs", text(&file)]).expect(0);
    let lock = house.read("house.lock");
    assert!(lock.contains(&sha256(&other)), "{lock}");
    assert!(!lock.contains(&sha256(&fs_there)), "{lock}");
    // It loads as what is pinned, with no warning.
    let checked = house.run(["check"]).expect(0);
    assert_eq!(checked.stderr, "");
    house.run(["plugin", "inspect", "fs"]).expect(0);
    house.run(["plugin", "rollback", "fs"]).expect(0);
    let back = house.read("house.lock");
    assert!(back.contains(&sha256(&fs_there)), "{back}");
    assert_eq!(house.run(["check"]).expect(0).stderr, "");
    // What somebody else put there is still refused.
    fs::write(house.root.join("plugins/fs.wasm"), &other).unwrap();
    refused(&house, &["plugin", "inspect", "fs"], 1, &["house.lock"]);
}
