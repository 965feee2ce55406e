//! The record of what happened and what it cost: readable, whole, tamper-evident, written before anything is done.

use charthouse_tests::{House, Plan, keys, sql};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const DIMENSIONS: [&str; 6] = ["agent", "workflow", "state", "tool", "purpose", "model"];

fn house_with_a_run() -> House {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    text: \"Let me see \\u001b[31mred\\u001b[0m.\"\n    calls: [{ tool: hostile.echo, arguments: { text: hello } }]\n  - text: Seen.\n",
        ..Plan::default()
    });
    house.run(["run", "tester", "--json"]).expect(0);
    house
}

fn runs(house: &House) -> Vec<String> {
    let listed = house.run(["journal", "show", "--json"]).expect(0).lines();
    listed
        .iter()
        .map(|run| run["run"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn records_tell_the_whole_story_in_order() {
    let house = house_with_a_run();
    let records = house.journal("");
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "started", "step", "item", "think", "reply", "cost", "call", "outcome", "cost", "item",
            "item", "think", "reply", "cost", "item", "step", "ended"
        ]
    );
    let mut hashes = BTreeSet::new();
    for (index, record) in records.iter().enumerate() {
        assert_eq!(keys(record), ["seq", "run", "time", "kind", "body", "hash"]);
        assert_eq!(record["seq"], OF_THE_HOUSE + index + 1);
        assert!(
            record["time"].as_i64().unwrap() > 1_700_000_000_000,
            "milliseconds since 1970"
        );
        assert!(record["body"].is_object());
        assert!(
            hashes.insert(record["hash"].as_str().unwrap().to_owned()),
            "no two records have one hash"
        );
    }
    let started = &records[0]["body"];
    for what in ["agent", "chart"] {
        assert_eq!(
            started[what]["hash"].as_str().unwrap().len(),
            64,
            "{started}"
        );
        assert_eq!(started[what]["version"], "1.0.0");
    }
    // Every effect has a number, and its outcome has the same.
    assert_eq!(records[3]["body"]["effect"], records[4]["body"]["effect"]);
    assert_eq!(records[6]["body"]["effect"], records[7]["body"]["effect"]);
    // The conversation is on the record as the model reads it.
    let items: Vec<&Value> = records
        .iter()
        .filter(|record| record["kind"] == "item")
        .map(|record| &record["body"]["item"]["type"])
        .collect();
    assert_eq!(items, ["text", "assistant", "result", "assistant"]);
}

#[test]
fn a_person_reads_one_line_a_record_and_no_escape_code_of_a_model() {
    let house = house_with_a_run();
    let text = house.run(["journal", "show", "latest"]).expect(0).stdout;
    // What is in the conversation is told where it was said, answered or returned, and what that cost stands with it.
    let untold = house.journal("item").len() + house.journal("cost").len();
    let told = house.journal("").len() - untold;
    let day = 1;
    assert_eq!(text.lines().count(), day + told);
    for words in [
        "tester 1.0.0 thinks by think 1.0.0",
        "(start) → work",
        "hostile.echo {\"text\":\"hello\"}",
        "turn.done → done",
        "ended",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn runs_are_found_by_id_by_its_beginning_and_as_the_latest() {
    let house = house_with_a_run();
    let second = house
        .run(["run", "tester", "--json"])
        .expect(0)
        .lines()
        .pop()
        .unwrap()["run"]
        .clone();
    let listed = house.run(["journal", "show", "--json"]).expect(0).lines();
    assert_eq!(listed.len(), 2);
    for run in &listed {
        assert_eq!(keys(run), ["run", "first", "last", "records"]);
        assert_eq!(run["records"], 17);
    }
    assert_eq!(house.journal("started")[0]["run"], second);

    let all = runs(&house);
    let show = |wanted: &str| house.run(["journal", "show", wanted, "--json"]);
    for run in &all {
        let by_id = show(run).expect(0);
        assert!(
            by_id
                .lines()
                .iter()
                .all(|record| record["run"] == run.as_str())
        );
        // The last characters are chance, so all but the last tell two runs apart.
        assert_eq!(show(&run[..run.len() - 1]).expect(0).stdout, by_id.stdout);
    }
    let common = all[0]
        .chars()
        .zip(all[1].chars())
        .take_while(|(a, b)| a == b)
        .count();
    show(&all[0][..common]).expect(2).complains(&[
        "is the beginning of several runs",
        &all[0],
        &all[1],
        "write more",
    ]);
    show("1999")
        .expect(1)
        .complains(&["there is no run `1999`", &all[0], &all[1]]);
    let text = house.run(["journal", "show"]).expect(0).stdout;
    assert!(all.iter().all(|run| text.contains(run.as_str())), "{text}");
}

#[test]
fn verify_says_how_many_records_are_whole() {
    let house = house_with_a_run();
    let answer = house.run(["journal", "verify", "--json"]).expect(0).json();
    assert_eq!(
        answer,
        json!({"ok": true, "records": OF_THE_HOUSE + 17 + SIGNED, "first_bad": null})
    );
    assert_eq!(keys(&answer), ["ok", "records", "first_bad"]);
    let text = house.run(["journal", "verify"]).expect(0).stdout;
    assert_eq!(text, "23 records, all as they were written\n");
}

/// Records that the house has before those of its first run: its definitions, and what its three components say of themselves.
const OF_THE_HOUSE: usize = 4;
/// Records that follow when the first process ends: whose the house's key is, and that it signed.
const SIGNED: usize = 2;

/// Overwrite one byte of each occurrence of `old`, in the file itself, as somebody with an editor would.
fn tamper(house: &House, old: &str, new: &str) -> usize {
    assert_eq!(old.len(), new.len());
    let path = house.root.join(".charthouse/journal.db");
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in &places {
        bytes[*at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    fs::write(path, bytes).unwrap();
    places.len()
}

#[test]
fn a_changed_byte_is_found_and_named() {
    for (old, new, kinds) in [
        (
            "\\\"text\\\":\\\"hello\\\"",
            "\\\"text\\\":\\\"hellp\\\"",
            &["reply", "call"][..],
        ),
        ("\"text\":\"Seen.\"", "\"text\":\"Sewn.\"", &["reply"]),
        ("\"status\":\"done\"", "\"status\":\"dome\"", &["ended"]),
        ("\"usd\":\"0\"", "\"usd\":\"9\"", &["cost"]),
    ] {
        let house = house_with_a_run();
        let before = house.journal("");
        assert!(tamper(&house, old, new) > 0, "{old} is in the file as text");
        let answer = house.run(["journal", "verify", "--json"]).expect(1).json();
        assert_eq!(
            (&answer["ok"], &answer["records"]),
            (&json!(false), &json!(OF_THE_HOUSE + 17 + SIGNED)),
            "{old}"
        );
        let bad = answer["first_bad"].as_u64().unwrap() as usize;
        assert!(
            kinds.contains(&before[bad - 1 - OF_THE_HOUSE]["kind"].as_str().unwrap()),
            "{old}: record {bad}"
        );
        let text = house.run(["journal", "verify"]).expect(1).stdout;
        assert!(
            text.contains(&format!(
                "record {bad} is the first that is not as it was written"
            )),
            "{text}"
        );
    }
}

#[test]
fn removed_added_and_reordered_records_are_found() {
    for (statement, first_bad) in [
        ("DELETE FROM record WHERE seq = 5", Some(5)),
        ("DELETE FROM record WHERE seq = 1", Some(1)),
        ("UPDATE record SET body = '{}' WHERE seq = 7", Some(7)),
        ("UPDATE record SET kind = 'other' WHERE seq = 6", Some(6)),
        ("UPDATE record SET run = 'another' WHERE seq = 3", Some(3)),
        ("UPDATE record SET time = time + 1 WHERE seq = 4", Some(4)),
        ("UPDATE record SET seq = 100 WHERE seq = 2", Some(2)),
    ] {
        let house = house_with_a_run();
        if sql(&house, statement).is_none() {
            return;
        }
        let answer = house.run(["journal", "verify", "--json"]).expect(1).json();
        assert_eq!(answer["ok"], false, "{statement}");
        let bad = answer["first_bad"].as_u64();
        // A gap is seen at the record that is missing or at the one behind it.
        assert!(
            bad == first_bad || bad == first_bad.map(|bad| bad + 1),
            "{statement}: {answer}"
        );
    }
}

#[test]
fn a_file_that_is_no_journal_is_6_and_is_left_alone() {
    let house = House::of(Plan::default());
    house.write(
        ".charthouse/journal.db",
        "This is a text that somebody keeps here, longer than a header of a database would be.\n",
    );
    let before = house.read(".charthouse/journal.db");
    for arguments in [
        &["run", "tester"][..],
        &["journal", "show"],
        &["journal", "verify"],
        &["ledger"],
    ] {
        house
            .run(arguments)
            .expect(6)
            .complains(&["journal.db", "is not a journal of charthouse"]);
    }
    assert_eq!(house.read(".charthouse/journal.db"), before);
    let answer = house.run(["journal", "verify", "--json"]).expect(6).json();
    assert_eq!(
        (&answer["ok"], &answer["records"]),
        (&json!(false), &json!(0))
    );
    let problem = answer["problem"].as_str().unwrap();
    assert!(
        problem.contains("is not a journal of charthouse"),
        "{problem}"
    );
}

/// What is asked wrongly, or of a journal that somebody else has, says nothing of the journal.
#[test]
fn a_journal_is_not_blamed_for_what_is_not_its_own() {
    let house = house_with_a_run();
    let ran = house.run(["journal", "verify", "--archive", "nowhere", "--json"]);
    ran.expect(6).complains(&["the archive nowhere: "]);
    let ran = house.run(["journal", "verify", "--archive", "nowhere", "--json"]);
    assert_eq!(ran.stdout, "");
    house
        .run(["journal", "compact", "--older-than", "soon"])
        .expect(2)
        .complains(&["--older-than", "30d, 90d"]);
}

/// The numbers in `told` that cannot be read: `records 12 to 31 and 40 cannot be read`.
fn lost(told: &str) -> BTreeSet<u64> {
    let mut all = BTreeSet::new();
    let sentences = told.split(['\n', ':', ')']);
    for gaps in sentences.filter_map(|sentence| sentence.strip_suffix(" cannot be read")) {
        let gaps = gaps
            .trim_start()
            .split_once(' ')
            .unwrap()
            .1
            .replace(" and ", ", ");
        for gap in gaps.split(", ") {
            let (first, last) = gap.split_once(" to ").unwrap_or((gap, gap));
            all.extend(first.parse::<u64>().unwrap()..=last.parse().unwrap());
        }
    }
    all
}

/// What `verify --json` says of a file that is damaged itself, and what can still be read of it: a program must not be left without an answer, nor a person.
#[test]
fn what_is_left_of_a_damaged_file_is_told_and_what_is_lost_is_named() {
    const PAGE: usize = 4096;
    let house = house_with_a_run();
    let path = house.root.join(".charthouse/journal.db");
    let (whole, run) = (fs::read(&path).unwrap(), runs(&house).remove(0));
    let told_by = |exported: &str| {
        let records = exported.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            (record["seq"].as_u64().unwrap(), record)
        });
        records.collect()
    };
    let all: BTreeMap<u64, Value> = told_by(&house.run(["journal", "export"]).expect(0).stdout);
    let pages = whole.len() / PAGE;
    assert_eq!(pages * PAGE, whole.len());
    let cut = (0..pages)
        .step_by(5)
        .map(|page| whole[..page * PAGE].to_vec());
    let overwritten = (1..pages).map(|page| {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0x5a);
        bytes
    });
    let witness = fs::read(format!("{}-head", path.display())).unwrap();
    let cases = cut.chain(overwritten).map(|bytes| (bytes, true));
    let mut cases: Vec<(Vec<u8>, bool)> = cases.collect();
    // An empty file with nothing beside it is no journal at all.
    let alone = cases
        .iter()
        .skip(1)
        .map(|(bytes, _)| (bytes.clone(), false));
    cases.extend(alone.collect::<Vec<_>>());
    if sql(&house, "DELETE FROM record WHERE seq > 20").is_some() {
        cases.push((fs::read(&path).unwrap(), true));
    }
    let mut some_lost = 0;
    for (case, (bytes, with_witness)) in cases.into_iter().enumerate() {
        for beside in ["-wal", "-shm", "-head"] {
            let _ = fs::remove_file(format!("{}{beside}", path.display()));
        }
        fs::write(&path, bytes).unwrap();
        if with_witness {
            fs::write(format!("{}-head", path.display()), &witness).unwrap();
        }
        let verified = house.run(["journal", "verify", "--json"]);
        assert!(matches!(verified.code, Some(1 | 6)), "{case}: {verified:?}");
        let answer = verified.json();
        assert_eq!(answer["ok"], false, "{case}: {answer}");
        assert_eq!(
            answer["problem"].is_string(),
            verified.code == Some(6),
            "{case}"
        );
        // Nothing that is read is another than was written, but for what verify names; what is not read is said, and the next record is looked for.
        let good = answer["first_bad"].as_u64().unwrap_or(u64::MAX);
        let exported = house.run(["journal", "export"]);
        let left: BTreeMap<u64, Value> = told_by(&exported.stdout);
        for (seq, record) in &left {
            let is_good = |key: &str| record[key] == all[seq][key];
            let is_read = is_good("seq") && is_good("body") && is_good("hash");
            assert!(is_read || *seq >= good, "{case}: {record}");
        }
        if left.len() < all.len() {
            assert_eq!(exported.code, Some(6), "{case}: {exported:?}");
            some_lost += usize::from(!left.is_empty());
        }
        if !left.is_empty() {
            let mut accounted = lost(&exported.stderr);
            accounted.extend(left.keys());
            assert!(accounted.iter().eq(all.keys()), "{case}: {exported:?}");
        }
        for arguments in [
            &["show"][..],
            &["show", &run],
            &["show", &run, "--at", "now"],
        ] {
            let shown = house.run([&["journal"], arguments].concat());
            assert!(matches!(shown.code, Some(0 | 1 | 6)), "{case}: {shown:?}");
            assert!(!shown.stdout.contains("No agent has run"), "{case}");
            assert!(!shown.stderr.contains("panicked"), "{case}: {shown:?}");
        }
    }
    assert!(some_lost > 0, "a page holds some records and not all");
}

#[test]
fn rows_that_are_all_gone_are_not_a_house_in_which_nobody_has_run() {
    let house = house_with_a_run();
    if sql(&house, "DELETE FROM record").is_none() {
        return;
    }
    sql(&house, "UPDATE head SET seq = 0, hash = zeroblob(32)").unwrap();
    for arguments in [&["show"][..], &["show", "--last", "3"], &["export"]] {
        let shown = house.run([&["journal"], arguments].concat());
        assert_ne!(shown.code, Some(0), "{shown:?}");
        assert!(!shown.stdout.contains("No agent has run"), "{shown:?}");
        shown.complains(&["has lost its end", "record 23 had been written"]);
    }
    house.run(["journal", "verify"]).expect(1);
}

#[test]
fn a_store_that_cannot_be_written_stops_the_run_before_anything_is_done() {
    let house = House::of(Plan {
        replies: "  - calls: [{ tool: fs.write, arguments: { path: /workspace/made.txt, text: x } }]\n",
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: ., access: read-write } } }",
        ..Plan::default()
    });
    house.edit(
        "house.yaml",
        "sqlite:.charthouse/journal.db",
        "sqlite:agents/tester.yaml/journal.db",
    );
    house
        .run(["run", "tester"])
        .expect(6)
        .complains(&["journal"]);
    assert!(!house.root.join("made.txt").exists());
}

#[test]
fn before_the_first_run_there_is_no_journal_and_nothing_is_made() {
    let house = House::of(Plan::default());
    for arguments in [&["journal", "show"][..], &["journal", "verify"]] {
        let told = house.run(arguments).expect(0);
        assert!(told.stdout.contains("No agent has run"), "{}", told.stdout);
    }
    let verified = house.run(["journal", "verify", "--json"]).expect(0).json();
    assert_eq!(
        verified,
        json!({ "ok": true, "records": 0, "first_bad": null })
    );
    house
        .run(["journal", "show", "latest"])
        .expect(1)
        .complains(&["no run `latest`", "charthouse run"]);
    let ledger = house.run(["ledger", "--json"]).expect(0).json();
    assert_eq!(ledger["rows"], json!([]));
    assert_eq!(ledger["total"]["calls"], 0);
    assert!(
        house
            .run(["ledger"])
            .expect(0)
            .stdout
            .contains("Nothing has been spent yet")
    );
    assert!(!house.root.join(".charthouse/journal.db").exists());
}

#[test]
fn the_ledger_adds_up_to_the_same_by_every_dimension() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor"]).expect(0);
    house.run(["run", "surveyor"]).expect(0);
    let report = |by: &str| house.run(["ledger", "--by", by, "--json"]).expect(0).json();
    let total = report("agent")["total"].clone();
    assert_eq!(
        keys(&total),
        [
            "calls",
            "tokens",
            "usd",
            "wall_ms",
            "joules",
            "expected_cached",
            "cpu_ms",
            "fuel",
            "bytes"
        ]
    );
    for by in DIMENSIONS {
        let report = report(by);
        assert_eq!(keys(&report), ["rows", "total"]);
        assert_eq!(report["total"], total, "{by}");
        let rows = report["rows"].as_array().unwrap();
        for row in rows {
            let mut found = keys(row);
            found.retain(|key| !["expected_cached", "cpu_ms", "fuel", "bytes"].contains(key));
            assert_eq!(found, [by, "calls", "tokens", "usd", "wall_ms", "joules"]);
            assert_eq!(
                keys(&row["tokens"]),
                ["input", "cached", "output", "reasoning"]
            );
            assert_eq!(keys(&row["joules"]), ["value", "how"]);
            assert!(row["usd"].is_string(), "money is decimal text");
        }
        let sum = |pointer: &str| {
            rows.iter()
                .map(|row| row.pointer(pointer).unwrap().as_u64().unwrap())
                .sum::<u64>()
        };
        for pointer in ["/calls", "/tokens/input", "/tokens/output"] {
            assert_eq!(
                total.pointer(pointer).unwrap(),
                sum(pointer),
                "{by} {pointer}"
            );
        }
        let names: BTreeSet<&str> = rows.iter().map(|row| row[by].as_str().unwrap()).collect();
        assert_eq!(names.len(), rows.len(), "each has one row");
        assert!(
            house
                .run(["ledger", "--by", by])
                .expect(0)
                .stdout
                .to_lowercase()
                .contains(by)
        );
    }
    let names = |by: &str| -> BTreeSet<String> {
        report(by)["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[by].as_str().unwrap().to_owned())
            .collect()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names("agent"), set(&["surveyor"]));
    assert_eq!(names("state"), set(&["orient", "act", "check"]));
    assert_eq!(
        names("tool"),
        set(&[
            "(none)",
            "search.count",
            "search.grep",
            "fs.write",
            "fs.read"
        ])
    );
    assert_eq!(names("purpose"), set(&["work"]));
    assert_eq!(names("model"), set(&["(none)", "scripted"]));
    assert_eq!(names("workflow"), set(&["(none)"]));
    // The calls on the ledger are the ones in the journal.
    let recorded: usize = runs(&house)
        .iter()
        .map(|run| {
            house
                .run(["journal", "show", run, "--json"])
                .expect(0)
                .lines()
                .iter()
                .filter(|record| record["kind"] == "cost")
                .count()
        })
        .sum();
    assert_eq!(total["calls"], recorded);
}

/// kill -9 in the middle of a call: the call is on the record, its outcome is not, and the record is whole.
#[test]
fn what_was_begun_is_on_the_record_when_the_process_is_killed() {
    let house = House::of(Plan {
        replies: "  - calls: [{ tool: hostile.sleep, arguments: { ms: 600000 } }]\n",
        policy: "{ tools: [{ allow: \"*\" }], limits: { deadline: 10m }, clock: real }",
        ..Plan::default()
    });
    let mut child = house
        .command()
        .args(["run", "tester", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"type\":\"call\"")));
    // The line is shown when the call is put into the commit; once the guest sleeps nothing more is written, so waiting for the record ends.
    let call = loop {
        let found = house.run(["journal", "show", "latest", "--json"]);
        let records = if found.code == Some(0) {
            found.lines()
        } else {
            Vec::new()
        };
        if let Some(call) = records.iter().find(|record| record["kind"] == "call") {
            break call.clone();
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before its call was recorded"
        );
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(call["body"]["tool"], "hostile.sleep");
    assert_eq!(
        call["body"]["repeat"], "once",
        "whoever resumes must know that this may not be run twice"
    );
    assert_eq!(house.journal("call").len(), 1);
    assert!(house.journal("outcome").is_empty() && house.journal("ended").is_empty());
    house.verify();
    // The next run goes on with the same journal.
    house.write(
        "script.yaml",
        "script: replies\nreplies:\n  - text: Done.\n",
    );
    house.run(["run", "tester"]).expect(0);
    assert_eq!(runs(&house).len(), 2);
    house.verify();
}

/// Kill the process at many moments of a run that writes files. Whatever was done is on the record, and the record is whole.
#[test]
fn nothing_is_done_that_is_not_on_the_record() {
    let replies: String = (0..12)
        .map(|n| format!("  - when: \"turn == {n}\"\n    calls: [{{ tool: fs.write, arguments: {{ path: /workspace/made/{n}.txt, text: x }} }}]\n"))
        .collect();
    let house = House::of(Plan {
        replies: &format!("{replies}  - text: Done.\n"),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: ., access: read-write } } }",
        ..Plan::default()
    });
    for stop_after in [1, 2, 5, 9, 12] {
        let _ = fs::remove_dir_all(house.root.join("made"));
        let mut child = house
            .command()
            .args(["run", "tester", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let outcomes = lines
            .map(|line| line.unwrap())
            .filter(|line| line.contains("\"type\":\"outcome\""));
        assert_eq!(outcomes.take(stop_after).count(), stop_after);
        child.kill().unwrap();
        child.wait().unwrap();
        house.verify();
        let recorded: BTreeSet<String> = house
            .journal("call")
            .iter()
            .map(|record| {
                let arguments: Value =
                    serde_json::from_str(record["body"]["arguments"].as_str().unwrap()).unwrap();
                arguments["path"]
                    .as_str()
                    .unwrap()
                    .replace("/workspace/made/", "")
            })
            .collect();
        let made = fs::read_dir(house.root.join("made"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        for file in made {
            assert!(
                recorded.contains(&file),
                "{file} was written and is not in the journal: {recorded:?}"
            );
        }
    }
}

#[test]
fn two_runs_at_once_share_one_journal() {
    let house = House::of(Plan {
        replies: "  - when: \"turn < 5\"\n    calls: [{ tool: hostile.echo, arguments: { text: x } }]\n  - text: Done.\n",
        ..Plan::default()
    });
    let children: Vec<_> = (0..4)
        .map(|_| {
            house
                .command()
                .args(["run", "tester", "--json"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    house.verify();
    let all = runs(&house);
    assert_eq!(all.len(), 4);
    for run in all {
        let records = house
            .run(["journal", "show", &run, "--json"])
            .expect(0)
            .lines();
        assert_eq!(records.last().unwrap()["body"]["status"], "done");
    }
}
