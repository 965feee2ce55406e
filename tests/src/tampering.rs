//! What somebody does who has the whole house: other records, with every hash made anew; and the program that an auditor has to find it with.

use crate::{House, Ran, program};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A record as `journal export` writes it, to be changed.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub seq: u64,
    /// Its run.
    pub run: String,
    /// When.
    pub time: i64,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub body: String,
}

/// All records of `house`.
pub fn rows(house: &House) -> Vec<Row> {
    let exported = house.run(["journal", "export"]).expect(0);
    let row = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        Row {
            seq: line["seq"].as_u64().unwrap(),
            run: text("run"),
            time: line["time"].as_i64().unwrap(),
            kind: text("kind"),
            body: text("body"),
        }
    };
    exported.stdout.lines().map(row).collect()
}

/// Put `rows` in the place of all records, with every hash, count and witness made anew as docs/journal.md says; `None` where there is no Python for it.
pub fn replace(house: &House, rows: &[Row]) -> Option<()> {
    let mut chain = Links::default();
    let mut counts = HashMap::new();
    let mut new = Vec::new();
    for row in rows {
        let hash = chain.add(row);
        let nth = counts.entry(&row.run).and_modify(|n| *n += 1).or_insert(1);
        new.push(json!([
            chain.seq, row.run, row.time, row.kind, row.body, hash, nth
        ]));
    }
    let file = house.root.join("rows.json");
    fs::write(&file, json!(new).to_string()).unwrap();
    let script = "import json, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute('DELETE FROM record')
rows = [(s, r, t, k, b, bytes.fromhex(h), n) for s, r, t, k, b, h, n in json.load(open(sys.argv[2]))]
c.executemany('INSERT INTO record (seq, run, time, kind, body, hash, nth) VALUES (?, ?, ?, ?, ?, ?, ?)', rows)
c.execute('UPDATE head SET seq = ?, hash = ?', (rows[-1][0], rows[-1][5]))
c.commit()
c.close()";
    let store = house.root.join(".charthouse/journal.db");
    let status = Command::new("python3")
        .args(["-c", script])
        .arg(&store)
        .arg(&file)
        .status();
    fs::remove_file(&file).unwrap();
    let _ = fs::remove_file(house.root.join(".charthouse/journal.db-head"));
    match status {
        Ok(status) if status.success() => Some(()),
        other => {
            eprintln!(
                "skipped: python3 with sqlite3 is needed to tamper with the database: {other:?}"
            );
            None
        }
    }
}

/// A statement over the journal of `house` by another program than charthouse; `None` where there is no Python to run it.
pub fn sql(house: &House, statement: &str) -> Option<()> {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()";
    let status = Command::new("python3")
        .args(["-c", script])
        .arg(house.root.join(".charthouse/journal.db"))
        .arg(statement)
        .status();
    match status {
        Ok(status) if status.success() => Some(()),
        other => {
            eprintln!(
                "skipped: python3 with sqlite3 is needed to tamper with the database: {other:?}"
            );
            None
        }
    }
}

/// The second program.
pub fn auditor(bundle: &Path, more: &[&str]) -> Ran {
    let place = program().with_file_name("charthouse-auditor");
    assert!(
        place.exists(),
        "{} is not there; run `cargo build -p charthouse-auditor`",
        place.display()
    );
    Ran::of(Command::new(place).arg(bundle).args(more))
}

/// Links of the chain, as docs/journal.md has them.
#[derive(Default)]
pub struct Links {
    previous: [u8; 32],
    /// The number of the last.
    pub seq: u64,
}

impl Links {
    /// The hash of `row` as the next record.
    pub fn add(&mut self, row: &Row) -> String {
        self.seq += 1;
        let mut data = self.previous.to_vec();
        let put = |data: &mut Vec<u8>, text: &str| {
            data.extend((text.len() as u64).to_le_bytes());
            data.extend(text.as_bytes());
        };
        data.extend(self.seq.to_le_bytes());
        put(&mut data, &row.run);
        data.extend(row.time.to_le_bytes());
        put(&mut data, &row.kind);
        data.extend(blake3::hash(row.body.as_bytes()).as_bytes());
        self.previous = blake3::derive_key("charthouse journal record 2", &data);
        self.previous
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
