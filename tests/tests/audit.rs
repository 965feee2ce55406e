//! The record as evidence: `audit verify` finds every kind of tampering, also by somebody who makes all hashes anew, and a bundle is verified by a program that shares no
//! code with the one that made it.

use charthouse_tests::{House, Plan, Ran, Row, auditor, replace, rows, sql};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn house_with_a_run() -> House {
    let house = House::of(Plan::default());
    house.run(["run", "tester", "hello"]).expect(0);
    house
}

fn verify(house: &House, more: &[&str]) -> Ran {
    house.run([&["audit", "verify", "--json"], more].concat())
}

fn export(house: &House) -> PathBuf {
    house.run(["audit", "export", "bundle"]).expect(0);
    house.root.join("bundle")
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to.join(entry.file_name())),
            false => {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn every_process_that_wrote_signs_the_record_and_no_other() {
    let house = house_with_a_run();
    let found = verify(&house, &[]).expect(0).json();
    assert_eq!(
        (&found["ok"], &found["checkpoints"]),
        (&json!(true), &json!(1)),
        "{found}"
    );
    let key = house.root.join(".charthouse/keys/house");
    assert!(key.exists() && key.with_extension("pub").exists());
    for reads in [
        &["ledger"][..],
        &["journal", "show"],
        &["journal", "verify"],
        &["audit", "verify"],
        &["check"],
    ] {
        house.run(reads).expect(0);
    }
    assert_eq!(
        verify(&house, &[]).expect(0).json()["records"],
        found["records"],
        "who only reads writes nothing"
    );
    house
        .run([
            "memory",
            "add",
            "tester",
            "--layer",
            "facts",
            "tests live in tests/",
        ])
        .expect(0);
    let after = verify(&house, &[]).expect(0).json();
    assert_eq!(after["checkpoints"], 2, "{after}");
    house.run(["journal", "verify"]).expect(0);
}

#[test]
fn tampering_is_found_though_every_hash_was_made_anew() {
    let house = house_with_a_run();
    let all = rows(&house);
    let middle = all.len() / 2;
    let mut edited = all.clone();
    edited[middle].body = "{}".into();
    let mut inserted = all.clone();
    inserted.insert(
        middle,
        Row {
            kind: "said".into(),
            body: "{\"text\":\"I said so\"}".into(),
            ..all[middle].clone()
        },
    );
    let mut deleted = all.clone();
    deleted.remove(middle);
    let mut moved = all.clone();
    moved.swap(middle, middle + 1);
    let bare: Vec<Row> = all
        .iter()
        .filter(|row| row.kind != "checkpoint")
        .cloned()
        .collect();
    for (what, rows) in [
        ("edited", edited),
        ("inserted", inserted),
        ("deleted", deleted),
        ("moved", moved),
        ("unsigned", bare),
    ] {
        if replace(&house, &rows).is_none() {
            return;
        }
        house.run(["journal", "verify"]).expect(0);
        let found = verify(&house, &[]).expect(1).json();
        assert_eq!(found["ok"], false, "{what}: {found}");
        let text = house.run(["audit", "verify"]).expect(1).stdout;
        assert!(
            text.contains("do NOT all hold") && text.contains("what to do"),
            "{what}: {text}"
        );
    }
    replace(&house, &all).unwrap();
    verify(&house, &[]).expect(0);
}

#[test]
fn a_shorter_record_is_found_by_its_anchor_and_a_new_key_by_the_one_that_is_trusted() {
    let house = house_with_a_run();
    house
        .run(["audit", "anchor", "-o", "../anchor.json"])
        .expect(0);
    fs::copy(
        house.root.join(".charthouse/keys/house.pub"),
        house.root.join("../house.pub"),
    )
    .unwrap();
    let with = ["--anchor", "../anchor.json", "--trust", "../house.pub"];
    let found = verify(&house, &with).expect(0).json();
    assert_eq!(found["trusted"], true, "{found}");
    assert!(found["anchored"].as_u64().unwrap() > 0);
    let all = rows(&house);
    let unsigned = |row: &&Row| !matches!(row.kind.as_str(), "checkpoint" | "identity");
    let bare: Vec<Row> = all.iter().filter(unsigned).cloned().collect();
    if replace(&house, &bare[..bare.len() - 2]).is_none() {
        return;
    }
    let why = verify(&house, &["--anchor", "../anchor.json"])
        .expect(1)
        .json();
    assert!(why["why"].as_str().unwrap().contains("is missing"), "{why}");
    // A thief with all of the house: another key, a history of their own, signed as it should be.
    fs::remove_dir_all(house.root.join(".charthouse/keys")).unwrap();
    house
        .run([
            "memory",
            "add",
            "tester",
            "--layer",
            "facts",
            "nothing happened",
        ])
        .expect(0);
    verify(&house, &[]).expect(0);
    let why = verify(&house, &["--trust", "../house.pub"])
        .expect(1)
        .json();
    assert!(
        why["why"]
            .as_str()
            .unwrap()
            .contains("not the one that is trusted"),
        "{why}"
    );
    verify(&house, &["--anchor", "../anchor.json"]).expect(1);
}

#[test]
fn a_bundle_is_verified_by_another_program_and_read_by_people() {
    let house = house_with_a_run();
    let bundle = export(&house);
    let found = auditor(&bundle, &["--json"]).expect(0).json();
    assert_eq!(found["ok"], true, "{found}");
    let key = house.root.join(".charthouse/keys/house.pub");
    let anchor = bundle.join("anchor.json");
    let with = [
        "--key",
        key.to_str().unwrap(),
        "--anchor",
        anchor.to_str().unwrap(),
        "--json",
    ];
    let found = auditor(&bundle, &with).expect(0).json();
    assert_eq!(found["key_given"], true, "{found}");
    assert!(found["anchored"].as_u64().unwrap() > 0, "{found}");
    let report = fs::read_to_string(bundle.join("report.html")).unwrap();
    assert!(
        report.contains("Costs") && !report.contains("<script"),
        "{report}"
    );
    house
        .run(["audit", "export", "bundle"])
        .expect(2)
        .complains(&["there is something already"]);
    // Only what was said from tomorrow on: bodies are left out, and all of it still holds.
    house
        .run(["audit", "export", "lean", "--since", "2100-01-01"])
        .expect(0);
    let lean = house.root.join("lean");
    auditor(&lean, &[]).expect(0);
    let lines = fs::read_to_string(lean.join("records.jsonl")).unwrap();
    assert!(lines.contains("body_hash") && !lines.contains("\"kind\":\"said\",\"previous\":\"x"));
    assert!(
        !lines
            .lines()
            .any(|line| line.contains("\"kind\":\"reply\"") && line.contains("\"body\":")),
        "{lines}"
    );
    house
        .run(["audit", "export", "none", "--change", "CR-0009"])
        .expect(1)
        .complains(&["CR-0009"]);
    auditor(&house.root.join("nothing"), &[]).expect(3);
    auditor(&bundle, &["--what"]).expect(2);
}

#[test]
fn openssh_verifies_the_signature_of_a_bundle() {
    let house = house_with_a_run();
    let bundle = export(&house);
    let arguments = [
        "-Y",
        "verify",
        "-n",
        "charthouse",
        "-f",
        "keys/allowed_signers",
        "-I",
        "house",
        "-s",
        "manifest.json.sig",
    ];
    let manifest = fs::File::open(bundle.join("manifest.json")).unwrap();
    match Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(&bundle)
        .stdin(manifest)
        .output()
    {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(why) => eprintln!("skipped: ssh-keygen is needed to compare with: {why}"),
    }
}

#[test]
fn one_flipped_byte_anywhere_in_a_bundle_is_found() {
    let house = house_with_a_run();
    let bundle = export(&house);
    let mut flipped = 0;
    for file in files(&bundle) {
        let whole = fs::read(&file).unwrap();
        // The ends, and up to 24 places between, no two files at the same ones.
        let step = (whole.len() / 24).max(1);
        let first = flipped % step;
        let places = (first..whole.len())
            .step_by(step)
            .chain([0, whole.len() - 1]);
        for place in places {
            let mut other = whole.clone();
            other[place] ^= 1 << (flipped % 8);
            fs::write(&file, &other).unwrap();
            let ran = auditor(&bundle, &[]);
            assert_eq!(
                ran.code,
                Some(1),
                "{} at {place}: {}{}",
                file.display(),
                ran.stdout,
                ran.stderr
            );
            flipped += 1;
        }
        fs::write(&file, &whole).unwrap();
    }
    assert!(flipped >= 200, "{flipped} are too few");
    auditor(&bundle, &[]).expect(0);
}

#[test]
fn a_bundle_of_which_something_is_missing_moved_or_added_is_found() {
    let house = house_with_a_run();
    let bundle = export(&house);
    let bad = |change: &dyn Fn(&Path)| {
        let other = tempfile::tempdir().unwrap();
        copy_all(&bundle, other.path());
        change(other.path());
        let found = auditor(other.path(), &["--json"]).expect(1).json();
        assert!(!found["bad"].as_array().unwrap().is_empty());
    };
    let lines = |change: fn(&mut Vec<String>)| {
        move |folder: &Path| {
            let path = folder.join("records.jsonl");
            let text = fs::read_to_string(&path).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            fs::write(&path, lines.join("\n") + "\n").unwrap();
        }
    };
    bad(&lines(|lines| drop(lines.remove(3))));
    bad(&lines(|lines| lines.swap(3, 4)));
    bad(&lines(|lines| lines.insert(3, lines[3].clone())));
    bad(&lines(|lines| lines.truncate(lines.len() - 1)));
    bad(&lines(Vec::clear));
    bad(&|folder| fs::write(folder.join("more.txt"), "x").unwrap());
    bad(&|folder| fs::remove_file(folder.join("README.txt")).unwrap());
    bad(&|folder| fs::write(folder.join("manifest.json.sig"), "").unwrap());
    // Whoever made another bundle, of another house, signed it as it should be: only that it is another house can be told.
    let other = house_with_a_run();
    let another = export(&other);
    auditor(&another, &[]).expect(0);
    let key = house.root.join(".charthouse/keys/house.pub");
    auditor(&another, &["--key", key.to_str().unwrap()]).expect(1);
    let anchor = bundle.join("anchor.json");
    auditor(&another, &["--anchor", anchor.to_str().unwrap()]).expect(1);
    bad(&|folder| {
        fs::copy(
            another.join("manifest.json.sig"),
            folder.join("manifest.json.sig"),
        )
        .unwrap();
    });
    bad(&|folder| {
        fs::copy(another.join("records.jsonl"), folder.join("records.jsonl")).unwrap();
    });
}

#[test]
fn how_long_bodies_are_kept_is_shown_and_cannot_be_undercut() {
    let house = House::of(Plan {
        house: "retention: { reply: 400d, think: forever, item: 7d, outcome: 7d, texts: 1d, snapshot: 1d }\n",
        ..Plan::default()
    });
    house.run(["run", "tester", "hello"]).expect(0);
    let dry = |more: &[&str]| {
        house
            .run([&["journal", "compact", "--dry-run", "--json"], more].concat())
            .expect(0)
            .json()
    };
    let of = |would: &Value, kind: &str| {
        let rows = would["would"].as_array().unwrap();
        rows.iter().find(|row| row["kind"] == kind).unwrap().clone()
    };
    let would = dry(&["--older-than", "0s"]);
    assert_eq!(of(&would, "think")["kept"], "forever", "{would}");
    assert_eq!(
        (
            &of(&would, "reply")["kept"],
            &of(&would, "reply")["records"]
        ),
        (&json!("400d"), &json!(0)),
        "{would}"
    );
    let before = verify(&house, &[]).expect(0).json()["records"].clone();
    assert_eq!(
        verify(&house, &[]).expect(0).json()["records"],
        before,
        "a dry run writes nothing"
    );
    std::thread::sleep(std::time::Duration::from_millis(20));
    house
        .run(["journal", "compact", "--older-than", "0s"])
        .expect(0);
    let kept = rows(&house);
    for kind in ["reply", "think"] {
        let bodies = kept.iter().filter(|row| row.kind == kind);
        assert!(
            bodies.clone().count() > 0
                && bodies
                    .clone()
                    .all(|row| !row.body.contains("\"compacted\"")),
            "{kind}"
        );
    }
    verify(&house, &[]).expect(0);
    auditor(&export(&house), &[]).expect(0);
}

#[test]
fn where_nothing_is_said_bodies_are_kept_for_thirty_days_whatever_is_asked() {
    let house = House::of(Plan::default());
    house
        .run(["run", "tester", &"hello ".repeat(200)])
        .expect(0);
    let all = ["journal", "compact", "--older-than"];
    for short in ["0s", "7d", "29d"] {
        let refused = house.run([&all[..], &[short]].concat()).expect(2);
        refused.complains(&["are kept for 30d where `retention`", "help: say there"]);
    }
    // Where nothing is to be taken out, the file is written anew all the same.
    let told = house
        .run([&all[..], &["30d", "--anew"]].concat())
        .expect(0)
        .stdout;
    assert!(told.starts_with("0 bodies"), "{told}");
    assert!(told.contains("the file was written anew"), "{told}");
    verify(&house, &[]).expect(0);
}

#[test]
fn a_journal_that_is_gone_is_missed_where_anything_says_that_there_was_one() {
    let fresh = House::of(Plan::default());
    let told = verify(&fresh, &[]).expect(0).json();
    assert_eq!((&told["ok"], &told["records"]), (&json!(true), &json!(0)));
    let house = house_with_a_run();
    let key = house.root.join(".charthouse/keys/house.pub");
    let trust = ["--trust", key.to_str().unwrap()];
    let missed = verify(&fresh, &trust).expect(1).json()["why"].clone();
    assert!(
        missed
            .as_str()
            .unwrap()
            .contains("there is nothing that they signed")
    );
    for entry in fs::read_dir(house.root.join(".charthouse")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let missed = verify(&house, &[]).expect(1).json()["why"].clone();
    assert!(
        missed.as_str().unwrap().contains("the house has a key"),
        "{missed}"
    );
    fs::create_dir(fresh.root.join(".charthouse/changes")).unwrap();
    verify(&fresh, &[]).expect(1);
}

#[test]
fn every_currency_is_shown_with_the_rates_by_which_it_is_in_dollars() {
    let server = charthouse_tests::ModelServer::start(|_: &charthouse_tests::Asked| {
        charthouse_tests::Answer::Say(charthouse_tests::Said {
            usage: (1_000_000, 0, 0),
            ..charthouse_tests::Said::text("Done.")
        })
    });
    let prices =
        "prices: { test-model: { from: 2020-01-01, input: 2, output: 0, currency: EUR } }\n";
    let house = House::of(Plan {
        house: prices,
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        ..Plan::default()
    });
    house.run(["run", "tester", "hello"]).expect(0);
    let text = house.read("house.yaml");
    let rate = "exchange: { EUR: { from: 2020-01-01, usd: 1.10 } }\n";
    house.write("house.yaml", &format!("{text}{rate}"));
    house.run(["run", "tester", "hello"]).expect(0);
    let bundle = export(&house);
    auditor(&bundle, &[]).expect(0);
    let figures = fs::read_to_string(bundle.join("figures.json")).unwrap();
    let figures: Value = serde_json::from_str(&figures).unwrap();
    let total = &figures["costs"]["total"];
    assert_eq!(total["usd"], "2.2");
    assert_eq!(
        total["currencies"],
        json!({ "EUR": { "paid": "4", "usd": "2.2", "without_rate": "2", "rates": ["1.1"] } })
    );
    let report = fs::read_to_string(bundle.join("report.html")).unwrap();
    assert!(
        report.contains("EUR 4 (USD 2.2; EUR 2 without a rate, in no sum)")
            && report.contains("by the rates of the house: USD 1.1"),
        "{report}"
    );
    let review = house.run(["audit", "review"]).expect(0).stdout;
    assert!(review.contains("2.2 USD, EUR 2 without a rate"), "{review}");
}

#[test]
fn a_house_whose_key_or_witness_is_lost_says_so_and_goes_on_only_where_it_is_told_to() {
    let house = house_with_a_run();
    let keys = house.root.join(".charthouse/keys");
    let (key, kept) = (keys.join("house"), house.beside("house"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::copy(&key, &kept).unwrap();
    fs::copy(keys.join("house.pub"), kept.with_extension("pub")).unwrap();
    for file in ["house", "house.pub"] {
        fs::remove_file(keys.join(file)).unwrap();
    }
    // A run does its work, signs nothing, and says why.
    let ran = house.run(["run", "tester", "hello"]).expect(0);
    assert!(
        ran.stderr.contains("not signed yet") && ran.stderr.contains("--new-key"),
        "{}",
        ran.stderr
    );
    assert!(!key.exists(), "no other key is made");
    house
        .run(["audit", "export", "bundle"])
        .expect(6)
        .complains(&["restore it from a backup"]);
    let found = verify(&house, &[]).expect(0).json();
    assert!(found["unsigned"].as_u64().unwrap() > 0, "{found}");
    // Said loudly, a new one is begun; who verifies knows both or refuses it.
    let begun = house
        .run(["audit", "anchor", "--new-key", "-o", "../anchor.json"])
        .expect(0);
    assert!(
        begun.stderr.contains("signs with a new key"),
        "{}",
        begun.stderr
    );
    verify(&house, &[]).expect(1);
    let both = fs::read_to_string(kept.with_extension("pub")).unwrap()
        + &fs::read_to_string(keys.join("house.pub")).unwrap();
    let both: String = both.lines().map(|key| format!("house {key}\n")).collect();
    house.write("../both", &both);
    verify(&house, &["--trust", "../both"]).expect(0);
    house.run(["audit", "export", "doubted"]).expect(1);
    house
        .run(["audit", "export", "bundle", "--trust", "../both"])
        .expect(0);
    let both = house.root.with_file_name("both");
    auditor(
        &house.root.join("bundle"),
        &["--key", both.to_str().unwrap()],
    )
    .expect(0);
    house
        .run(["audit", "anchor", "--new-key"])
        .expect(1)
        .complains(&["is there"]);
    // The witness beside the journal is gone.
    let witness = house.root.join(".charthouse/journal.db-head");
    assert!(witness.exists());
    fs::remove_file(&witness).unwrap();
    let told = verify(&house, &["--trust", "../both"]).expect(0).json();
    let notes = told["notes"].as_array().unwrap().iter();
    let of_witness = |note: &Value| note.as_str().unwrap().contains("journal.db-head");
    assert!(notes.clone().any(of_witness), "{told}");
    let chain = house.run(["journal", "verify", "--json"]).expect(0).json();
    assert!(chain["notes"].as_array().unwrap().iter().any(of_witness));
    let ran = house.run(["run", "tester", "hello"]).expect(0);
    assert!(
        ran.stderr.contains("journal.db-head was not there"),
        "{}",
        ran.stderr
    );
    let chain = house.run(["journal", "verify", "--json"]).expect(0).json();
    assert!(chain["notes"].is_null(), "{chain}");
    // And the head within: which record is bad is told all the same.
    fs::remove_file(&witness).unwrap();
    if sql(&house, "DELETE FROM head").is_some() {
        let chain = house.run(["journal", "verify", "--json"]).expect(1).json();
        let next = chain["records"].as_u64().unwrap() + 1;
        assert_eq!(chain["first_bad"], next, "{chain}");
        let told = verify(&house, &["--trust", "../both"]).expect(1).json();
        assert!(
            told["bad"].to_string().contains(&next.to_string()),
            "{told}"
        );
    }
}

#[test]
fn nothing_is_signed_or_exported_behind_an_end_that_is_gone() {
    let house = house_with_a_run();
    house.run(["run", "tester", "again"]).expect(0);
    let all = rows(&house);
    let first = all.iter().position(|row| row.kind == "checkpoint").unwrap();
    // Cut off before the last checkpoint, with the witness beside the journal.
    if replace(&house, &all[..first + 3]).is_none() {
        return;
    }
    let _ = fs::remove_file(house.root.join(".charthouse/journal.db-head"));
    house.run(["journal", "verify"]).expect(0);
    verify(&house, &[]).expect(1);
    house
        .run(["audit", "export", "bundle"])
        .expect(1)
        .complains(&["does not sign its record any further", "audit verify"]);
    let before = house.run(["audit", "verify", "--json"]).json()["checkpoints"].clone();
    let ran = house.run(["run", "tester", "once more"]);
    assert!(ran.stderr.contains("is not signed yet"), "{}", ran.stderr);
    let after = verify(&house, &[]).expect(1).json();
    assert_eq!(after["checkpoints"], before, "{after}");
    assert!(!house.root.join("bundle").exists());
}
