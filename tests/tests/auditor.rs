//! The auditor's own judgement of changes. Whoever has the house, its key and the keys of people makes a record in which every hash and every signature holds; only the
//! rules of change control find what was done.

use charthouse_tests::{House, Links, Row, auditor, replace, rows};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Who there is; of `ada` nothing is said, so she may do whatever the rules do not forbid.
const PEOPLE: [(&str, &str); 4] = [
    ("ada", ""),
    ("bob", ", roles: [assessor, engineering, emergency]"),
    ("cyd", ", roles: [quality, verifier]"),
    ("dan", ", roles: [releaser]"),
];

const CLERK: &str = "agent: clerk
version: 1.0.0
model: { provider: idle, name: scripted, context_length: 100000, max_output: 1000 }
cognition: react
context:
  - { id: task, role: system, file: prompts/task.md }
  - { id: history, history: true, flexible: true, trim: oldest }
policy: { tools: [{ deny: \"*\" }] }
";

struct Plant(House);

impl Plant {
    /// A house in which a change was released and an emergency waits for its approval.
    fn new() -> Self {
        let house = House::init::<&str>(&[]);
        for name in ["agents", "plugins", "scripts"] {
            fs::remove_dir_all(house.root.join(name)).unwrap();
        }
        let plant = Plant(house);
        let people: String = PEOPLE
            .iter()
            .map(|(name, roles)| {
                format!("  {name}: {{ key: \"{}\"{roles} }}\n", plant.make_key(name))
            })
            .collect();
        plant.0.write("agents/clerk.yaml", CLERK);
        plant.0.write("prompts/task.md", "Keep the books.\n");
        plant.0.write(
            "scripts/idle.yaml",
            "script: idle\nreplies: [{ text: Nothing. }]\n",
        );
        plant.0.write(
            "house.yaml",
            &format!(
                "house: plant\nstore: sqlite:.charthouse/journal.db\nproviders: {{ idle: {{ kind: scripted, file: scripts/idle.yaml }} }}\n\
                 defaults: {{ policy: default }}\ncontrolled: {{ quorum: 2, board: [engineering, quality] }}\npeople:\n{people}"
            ),
        );
        plant.change("ada", &["baseline"]);
        let asked = ["--title", "Let it be newer", "--reason", "It is old"];
        plant.change(
            "ada",
            &[&["request", "--item", "agent:clerk"], &asked[..]].concat(),
        );
        plant.change("bob", &["assess", "CR-0001", "--notes", "Fine"]);
        plant.change("bob", &["approve", "CR-0001", "--why", "yes"]);
        plant.change("cyd", &["approve", "CR-0001", "--why", "yes"]);
        let file = plant.draft("1.1.0");
        plant.change("ada", &["implement", "CR-0001", "--file", &file]);
        plant.change("cyd", &["verify", "CR-0001", "--notes", "Read it"]);
        plant.change("dan", &["release", "CR-0001", "--effectivity", "now"]);
        let file = plant.draft("1.2.0");
        let urgent = ["--title", "Now", "--why", "It burns", "--file", &file];
        plant.change(
            "bob",
            &[&["emergency", "--item", "agent:clerk"], &urgent[..]].concat(),
        );
        plant
    }

    fn draft(&self, version: &str) -> String {
        let draft = self.0.beside(format!("clerk-{version}"));
        fs::write(&draft, CLERK.replace("1.0.0", version)).unwrap();
        format!("agents/clerk.yaml={}", draft.display())
    }

    fn key(&self, who: &str) -> PathBuf {
        match who.strip_prefix("human:") {
            Some(name) => self.0.beside(format!("keys/{name}")),
            None => self
                .0
                .root
                .join(".charthouse/keys")
                .join(who.replace(':', "-")),
        }
    }

    fn make_key(&self, name: &str) -> String {
        let key = self.key(&format!("human:{name}"));
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(&key)
            .status()
            .expect("ssh-keygen is on this machine");
        assert!(made.success());
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        public.trim().to_owned()
    }

    #[track_caller]
    fn change(&self, who: &str, words: &[&str]) {
        let key = self.key(&format!("human:{who}"));
        let signed = ["--as", who, "--key", key.to_str().unwrap()];
        self.0
            .run([&["change"], words, &signed[..]].concat())
            .expect(0);
    }

    /// The signature of `who` over `text`.
    fn sign(&self, who: &str, text: &str) -> String {
        let file = self.0.beside("to-sign");
        let signature = self.0.beside("to-sign.sig");
        let _ = fs::remove_file(&signature);
        fs::write(&file, text).unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "charthouse", "-f"])
            .args([self.key(who), file])
            .output()
            .unwrap();
        assert!(made.status.success(), "{who}: {made:?}");
        fs::read_to_string(signature).unwrap()
    }

    fn fingerprint(&self, who: &str) -> String {
        let shown = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(self.key(who).with_extension("pub"))
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        shown.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// The bundle of this house with other records, all of it signed anew by those that it names; `None` where the database cannot be written by hand.
    fn forged(&self, name: &str, edit: impl FnOnce(&mut Vec<Row>)) -> Option<PathBuf> {
        let mut forged = rows(&self.0);
        let all = forged.clone();
        edit(&mut forged);
        let mut links = Links::default();
        let mut signed: HashMap<String, (String, Value)> = HashMap::new();
        // Where each record is now, and its hash; of one that is gone the one before it.
        let mut moved: Vec<(u64, String)> = vec![(0, "00".repeat(32))];
        for row in &mut forged {
            let mut body: Value = serde_json::from_str(&row.body).unwrap();
            let place = |seq: &Value| {
                let old = usize::try_from(seq.as_u64().unwrap()).unwrap();
                moved[old.min(moved.len() - 1)].clone()
            };
            if body["signed"]["statement"].is_string() {
                let was = body["signed"].to_string();
                let (_, new) = signed.entry(was.clone()).or_insert_with(|| {
                    let who = body["signed"]["by"].as_str().unwrap();
                    let text = body["signed"]["statement"].as_str().unwrap();
                    let mut said: Value = serde_json::from_str(text).unwrap();
                    let (seq, hash) = place(&said["seen"]["seq"]);
                    said["seen"] = json!({ "hash": hash, "seq": seq });
                    let text = said.to_string();
                    let new = json!({ "by": who, "key": self.fingerprint(who), "statement": text, "signature": self.sign(who, &text) });
                    (was, new)
                });
                body["signed"] = new.clone();
            }
            if row.kind == "checkpoint" {
                let (seq, hash) = place(&body["upto"]["seq"]);
                let (house, time) = (&body["house"], &body["time"]);
                let text = format!(
                    r#"{{"act":"checkpoint","hash":"{hash}","house":{house},"records":{seq},"seq":{seq},"time":{time}}}"#
                );
                body["signature"] = self.sign("house", &text).into();
                body["upto"] = json!({ "seq": seq, "hash": hash });
                body["records"] = seq.into();
            }
            row.body = body.to_string();
            let hash = links.add(row);
            let old = usize::try_from(row.seq).unwrap();
            while moved.len() < old {
                moved.push(moved.last().unwrap().clone());
            }
            moved.push((links.seq, hash));
        }
        replace(&self.0, &forged)?;
        // Whoever has the house has the mark of where its control began, too.
        for mark in [
            ".charthouse/controlled",
            ".charthouse/keys/journal.db.signed",
        ] {
            let _ = std::fs::remove_file(self.0.root.join(mark));
        }
        // Whatever the house itself finds of it, it writes the bundle.
        self.0.run(["audit", "export", name]);
        // For the next.
        replace(&self.0, &all)?;
        Some(self.0.root.join(name))
    }
}

/// Change the body of the records of `kind` of the change `number`.
fn of_change<'a>(
    kind: &'a str,
    number: &'a str,
    edit: impl Fn(&mut Value) + 'a,
) -> impl FnOnce(&mut Vec<Row>) + 'a {
    move |rows| {
        let mut found = 0;
        for row in rows {
            let mut body: Value = serde_json::from_str(&row.body).unwrap();
            if row.kind == kind && body["change"] == number {
                edit(&mut body);
                row.body = body.to_string();
                found += 1;
            }
        }
        assert!(found > 0, "there is no {kind} of {number}");
    }
}

/// As if `who` had done it.
fn by(body: &mut Value, who: &str) {
    let text = body["signed"]["statement"].as_str().unwrap();
    let mut said: Value = serde_json::from_str(text).unwrap();
    said["by"] = who.into();
    body["signed"]["statement"] = said.to_string().into();
    body["signed"]["by"] = who.into();
    body["by"] = who.into();
}

fn without(kind: &str, who: &str) -> impl FnOnce(&mut Vec<Row>) {
    let (kind, who) = (kind.to_owned(), format!("\"by\":\"{who}\""));
    move |rows| {
        let before = rows.len();
        rows.retain(|row| row.kind != kind || !row.body.contains(&who));
        assert_eq!(rows.len(), before - 1);
    }
}

#[test]
fn what_was_done_by_the_rules_holds_and_is_told() {
    let plant = Plant::new();
    plant.0.run(["audit", "verify"]).expect(0);
    // The same records, signed and linked anew: what is found below is found by the rules.
    let Some(bundle) = plant.forged("same", |_| {}) else {
        return;
    };
    let told = auditor(&bundle, &["--json"]).expect(0).json();
    assert_eq!(told["rules"], json!([]), "{told}");
    let one = &told["changes"][0];
    assert_eq!(
        (&one["change"], &one["status"], &one["holds"]),
        (&json!("CR-0001"), &json!("released"), &json!(true)),
        "{told}"
    );
    let who: Vec<&Value> = one["approved_by"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&who[0]["who"], &who[1]["role"], &one["quorum"]),
        (&json!("human:bob"), &json!("quality"), &json!(2))
    );
    assert!(told["notes"].to_string().contains("CR-0002"), "{told}");
    let text = auditor(&bundle, &[]).expect(0).stdout;
    assert!(text.contains("separation of duties"), "{text}");
}

#[test]
fn what_breaks_a_rule_is_found_though_every_signature_holds() {
    let plant = Plant::new();
    let voted = |who: &'static str| {
        of_change("change.voted", "CR-0001", move |body| {
            if body["by"] == "human:cyd" {
                by(body, who);
            }
        })
    };
    let day = 24 * 60 * 60 * 1_000;
    type Forgery<'a> = Box<dyn FnOnce(&mut Vec<Row>) + 'a>;
    let cases: Vec<(&str, &str, &str, Forgery<'_>)> = vec![
        ("strange", "CR-0001", "roles", Box::new(voted("human:dan"))),
        (
            "wanted",
            "CR-0001",
            "separation of duties",
            Box::new(voted("human:ada")),
        ),
        ("twice", "CR-0001", "roles", Box::new(voted("human:bob"))),
        (
            "few",
            "CR-0001",
            "quorum",
            Box::new(without("change.voted", "human:cyd")),
        ),
        (
            "own",
            "CR-0001",
            "separation of duties",
            Box::new(of_change("change.verified", "CR-0001", |body| {
                by(body, "human:ada");
            })),
        ),
        (
            "unseen",
            "CR-0001",
            "verification by evidence",
            Box::new(without("change.verified", "human:cyd")),
        ),
        (
            "other",
            "CR-0001",
            "released as it was approved",
            Box::new(of_change("change.released", "CR-0001", |body| {
                body["revisions"][0]["to"] = "ab".repeat(32).into();
            })),
        ),
        (
            "text",
            "CR-0001",
            "released as it was approved",
            Box::new(of_change("change.implemented", "CR-0001", |body| {
                let text = CLERK.replace("deny", "allow");
                let file = &mut body["revisions"][0]["files"][0];
                file["hash"] = blake3::hash(text.as_bytes()).to_string().into();
                file["text"] = text.into();
            })),
        ),
        (
            "wider",
            "CR-0001",
            "recorded as it was signed",
            Box::new(of_change("change.requested", "CR-0001", |body| {
                body["items"] = json!(["agent:clerk", "house"]);
            })),
        ),
        (
            "words",
            "CR-0001",
            "recorded as it was signed",
            Box::new(of_change("change.voted", "CR-0001", |body| {
                body["why"] = "after I had been paid".into();
            })),
        ),
        (
            "gap",
            "CR-0002",
            "counting changes",
            Box::new(|rows: &mut Vec<Row>| {
                rows.retain(|row| {
                    !row.kind.starts_with("change.") || !row.body.contains("CR-0001")
                });
            }),
        ),
        (
            "never",
            "CR-0002",
            "emergencies",
            Box::new(|rows: &mut Vec<Row>| {
                for row in rows {
                    row.time -= 3 * day;
                    let mut body: Value = serde_json::from_str(&row.body).unwrap();
                    if row.kind == "change.emergency" {
                        let seconds = (row.time + day) / 1_000;
                        let due = Command::new("date")
                            .args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%SZ"])
                            .output();
                        let due = String::from_utf8(due.unwrap().stdout).unwrap();
                        body["due"] = due.trim().into();
                        row.body = body.to_string();
                    }
                }
            }),
        ),
        (
            "long",
            "CR-0002",
            "emergencies",
            Box::new(of_change("change.emergency", "CR-0002", |body| {
                body["due"] = "2099-01-01T00:00:00Z".into();
            })),
        ),
    ];
    for (name, change, rule, edit) in cases {
        let Some(bundle) = plant.forged(name, edit) else {
            return;
        };
        let told = auditor(&bundle, &["--json"]).expect(1).json();
        let (bad, found) = (told["bad"].as_array().unwrap(), &told["rules"][0]);
        assert!(
            found["change"] == change && found["rule"] == rule,
            "{name}: {told:#}"
        );
        // Nothing else is wrong with it, and it is said where it is.
        assert!(
            bad.iter()
                .all(|bad| bad.as_str().unwrap().contains("against the rule of")),
            "{name}: {told:#}"
        );
        if name == "text" {
            let report = fs::read_to_string(bundle.join("report.html")).unwrap();
            assert!(report.contains("or the record does not count"), "{report}");
        }
        let record = format!("{change}, record {}: ", found["record"]);
        let text = auditor(&bundle, &[]).expect(1).stdout;
        assert!(text.contains(&record), "{name}: {text}");
    }
}

#[test]
fn a_run_on_what_no_release_covers_is_found() {
    let plant = Plant::new();
    plant.0.run(["run", "clerk", "Go"]).expect(0);
    let export = |more: &[&str]| {
        let name = format!("bundle-{}", more.len());
        let words = [&["audit", "export", &name][..], more].concat();
        plant.0.run(words).expect(0);
        plant.0.root.join(name)
    };
    let whole = export(&[]);
    let told = auditor(&whole, &["--json"]).expect(0).json();
    let runs = &told["runs"];
    assert_eq!(
        *runs,
        json!({ "judged": 1, "not_judged": 0, "uncovered": [] }),
        "{told:#}"
    );
    let text = auditor(&whole, &[]).expect(0).stdout;
    assert!(text.contains("each time with what was released"), "{text}");
    // What the report says of a change is what it changes, as `change diff` has it.
    let report = fs::read_to_string(whole.join("report.html")).unwrap();
    let of_first = report.split("<h2>CR-0001").nth(1).unwrap();
    let of_first = of_first.split("<h2>").next().unwrap();
    for words in [
        "Stands: <b>released, in force since 20",
        "<span class=\"title\">agent:clerk ",
        "1.1.0",
        "what agents may do otherwise",
    ] {
        assert!(of_first.contains(words), "{words}: {of_first}");
    }
    let lean = auditor(&export(&["--change", "CR-0001"]), &["--json"]).expect(0);
    assert_eq!(lean.json()["runs"], *runs, "{}", lean.stdout);
    let draft = |rows: &mut Vec<Row>| {
        for row in rows.iter_mut().filter(|row| row.kind == "definitions") {
            let mut body: Value = serde_json::from_str(&row.body).unwrap();
            let mut files = body["files"].as_array_mut().unwrap().iter_mut();
            let clerk = files.find(|file| file["file"] == "agents/clerk.yaml");
            clerk.unwrap()["hash"] = "ab".repeat(32).into();
            row.body = body.to_string();
        }
    };
    let Some(forged) = plant.forged("drafts", draft) else {
        return;
    };
    let told = auditor(&forged, &["--json"]).expect(1).json();
    let uncovered = &told["runs"]["uncovered"];
    assert_eq!(uncovered.as_array().unwrap().len(), 1, "{told:#}");
    let what = uncovered[0]["what"].as_str().unwrap();
    assert!(what.starts_with("agents/clerk.yaml (abab"), "{told:#}");
    let bad = told["bad"].as_array().unwrap();
    assert!(
        bad.len() == 1 && bad[0].as_str().unwrap().contains("no release covers"),
        "{told:#}"
    );
    let exchanged = |rows: &mut Vec<Row>| {
        let row = rows.iter_mut().find(|row| row.kind == "think").unwrap();
        let mut body: Value = serde_json::from_str(&row.body).unwrap();
        body["made_of"]["plugins"] = json!([{ "name": "spare", "hash": "ab".repeat(32) }]);
        row.body = body.to_string();
    };
    let Some(forged) = plant.forged("exchanged", exchanged) else {
        return;
    };
    let told = auditor(&forged, &["--json"]).expect(1).json();
    let what = told["runs"]["uncovered"][0]["what"].as_str();
    assert!(
        what.is_some_and(|what| what.starts_with("plugin:spare (abab")),
        "{told:#}"
    );
}
