//! The chain of records: each has the hash of the one before it, so that none can be another, missing, moved or too many.

use serde_json::Value;

/// A record, as it stands in a line.
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// Its run.
    pub run: String,
    /// When.
    pub time: i64,
    /// Its kind.
    pub kind: String,
    /// Its hash, which was found to be right.
    pub hash: String,
    /// What it says; nothing where that was left out.
    pub body: Option<Value>,
}

/// Goes along the lines.
pub struct Chain {
    previous: [u8; 32],
    seq: u64,
    link_2_from: u64,
}

impl Chain {
    /// Before the first record. `link_2_from` is the first whose link covers the body by its hash.
    pub fn new(link_2_from: u64) -> Self {
        Chain {
            previous: [0; 32],
            seq: 0,
            link_2_from,
        }
    }

    /// How many records there were.
    pub fn records(&self) -> u64 {
        self.seq
    }

    /// The hash of the last.
    pub fn head(&self) -> String {
        hex(&self.previous)
    }

    /// Take the next line. An error is what is wrong with it; what comes behind proves nothing then.
    pub fn take(&mut self, line: &str) -> Result<Record, String> {
        let said: Value =
            serde_json::from_str(line).map_err(|why| format!("it cannot be read: {why}"))?;
        let text = |key: &str| said[key].as_str().ok_or(format!("it has no `{key}`"));
        let expected = self.seq + 1;
        if said["seq"] != expected {
            return Err(format!("it says that it is record {}", said["seq"]));
        }
        let (run, kind, hash) = (text("run")?, text("kind")?, text("hash")?);
        let time = said["time"].as_i64().ok_or("it has no `time`")?;
        if text("previous")? != hex(&self.previous) {
            return Err("it does not follow on the record before it".into());
        }
        let body = said["body"].as_str();
        let mut hasher = blake3::Hasher::new_derive_key(match expected >= self.link_2_from {
            true => "charthouse journal record 2",
            false => "charthouse journal record 1",
        });
        hasher.update(&self.previous);
        hasher.update(&expected.to_le_bytes());
        put(&mut hasher, run);
        hasher.update(&time.to_le_bytes());
        put(&mut hasher, kind);
        let is_by_hash = expected >= self.link_2_from;
        match (is_by_hash, body, said["body_hash"].as_str()) {
            (true, Some(body), None) => {
                hasher.update(blake3::hash(body.as_bytes()).as_bytes());
            }
            (true, None, Some(hash)) => {
                hasher.update(&unhex(hash).ok_or("its `body_hash` is no hash")?);
            }
            (false, Some(body), None) => put(&mut hasher, body),
            _ => return Err("it has neither one body nor one hash of it".into()),
        }
        let found = *hasher.finalize().as_bytes();
        if hex(&found) != hash {
            return Err("it is not as it was written: its hash is another".into());
        }
        self.previous = found;
        self.seq = expected;
        let body = body.map(|body| {
            serde_json::from_str(body).map_err(|why| format!("its body is no JSON: {why}"))
        });
        Ok(Record {
            seq: expected,
            run: run.to_owned(),
            time,
            kind: kind.to_owned(),
            hash: hash.to_owned(),
            body: body.transpose()?,
        })
    }
}

fn put(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text)
        .ok()
        .map(|hash| *hash.as_bytes())
}
