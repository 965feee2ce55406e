//! Who could sign at which record: the list in the `house.yaml` that was in force then, and the keys that were on record as somebody's.

use journal::Record;
use serde_json::Value;
use sign::{People, PublicKey, SignatureError, Signed, Statement, Trusted};
use std::collections::HashMap;

/// Reads the people out of the text of a `house.yaml`.
pub type Reads<'a> = &'a dyn Fn(&[u8]) -> Option<People>;

/// What is known of keys and people at a record.
pub struct Signers<'a> {
    reads: Reads<'a>,
    trusted: &'a [Trusted],
    /// The list in force. Of a house that is not controlled, the newest that was recorded.
    current: Option<People>,
    /// The list before, as long as either counts: a release that takes effect later.
    before: Option<(String, People)>,
    /// The list as it is now; only for a house that is not controlled, which puts no list on record before it uses it.
    now: &'a People,
    is_controlled: bool,
    /// Lists in texts that a later record names by hash only.
    by_hash: HashMap<String, People>,
    /// What was implemented, by change: the candidate, and the list if the house is part of it.
    implemented: HashMap<String, (String, Option<People>)>,
    /// Lists of emergencies: they count beside the one before until the next release. Whether others have approved them, and so by which of the two somebody may do
    /// something, is the register's business.
    urgent: HashMap<String, People>,
    /// Keys that are on record: of the house and of agents.
    keys: HashMap<String, Vec<PublicKey>>,
}

impl<'a> Signers<'a> {
    /// Before the first record. `now` is the list as it is today.
    pub fn new(reads: Reads<'a>, now: &'a People, trusted: &'a [Trusted]) -> Self {
        Signers {
            reads,
            trusted,
            current: None,
            before: None,
            now,
            is_controlled: false,
            by_hash: HashMap::new(),
            implemented: HashMap::new(),
            urgent: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    /// The house's keys so far.
    pub fn of_house(&self) -> &[PublicKey] {
        self.keys.get("house").map_or(&[], Vec::as_slice)
    }

    /// What `record`, which has `body`, makes known before its own signature is looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn before(&mut self, record: &Record, body: &Value) -> Result<(), String> {
        match record.kind.as_str() {
            "identity" => self.identity(body),
            // It vouches for itself: whoever wants more keeps an anchor of it.
            "change.baseline" => {
                self.is_controlled = true;
                if let Some(people) = self.of_revisions(body) {
                    self.current = Some(people);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What `record` changes for those that follow.
    pub fn after(&mut self, record: &Record, body: &Value) {
        let change = body["change"].as_str().unwrap_or_default().to_owned();
        match record.kind.as_str() {
            "definitions" if !self.is_controlled => {
                let files = body["files"].as_array().into_iter().flatten();
                if let Some(file) = files.into_iter().find(|file| is_house(file))
                    && let Some(people) = self.of_file(file)
                {
                    self.current = Some(people);
                }
            }
            "change.implemented" => {
                let people = self.of_revisions(body);
                let candidate = body["candidate"].as_str().unwrap_or_default().to_owned();
                self.implemented.insert(change, (candidate, people));
            }
            "change.emergency" => {
                if let Some(people) = self.of_revisions(body) {
                    self.urgent.insert(change, people);
                }
            }
            "change.rejected" | "change.withdrawn" => {
                self.urgent.remove(&change);
            }
            "change.released" => {
                let on = body["on"].as_str().unwrap_or_default();
                let found = self.implemented.get(&change);
                let people = found.filter(|(candidate, _)| candidate == on);
                if let Some(people) = people.and_then(|(_, people)| people.clone()) {
                    let old = self.current.replace(people);
                    self.urgent.clear();
                    if body["effectivity"]["when"].is_object() {
                        self.before = old.map(|old| (change, old));
                    }
                }
            }
            "change.effective" => {
                self.before = self.before.take().filter(|(of, _)| *of != change);
            }
            _ => {}
        }
    }

    /// Whether `signed` is by whom it says: what it says.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, signed: &Signed) -> Result<Statement, SignatureError> {
        if !signed.by.starts_with("human:") {
            let keys = self.keys.get(&signed.by).map_or(&[][..], Vec::as_slice);
            let key = signed.signer()?;
            return match keys.iter().find(|known| known.is(&key)) {
                Some(known) => signed.verify(known),
                None => Err(SignatureError::NotTheirs {
                    by: signed.by.clone(),
                    key: key.fingerprint(),
                    owner: None,
                }),
            };
        }
        let mut lists: Vec<&People> = self.current.iter().collect();
        lists.extend(self.before.as_ref().map(|(_, people)| people));
        lists.extend(self.urgent.values());
        if !self.is_controlled {
            lists.push(self.now);
        }
        let mut first = None;
        for list in lists {
            match list.verify(signed) {
                Ok(said) => return self.as_trusted(signed).map(|()| said),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        Err(first.unwrap_or_else(|| SignatureError::NotListed {
            by: signed.by.clone(),
            known: Vec::new(),
        }))
    }

    /// Where somebody from outside has named the keys of a person, the house's own list alone does not do.
    fn as_trusted(&self, signed: &Signed) -> Result<(), SignatureError> {
        let name = signed.by.strip_prefix("human:").unwrap_or(&signed.by);
        let is_of = |trusted: &&Trusted| {
            trusted
                .principals
                .iter()
                .any(|who| who == name || *who == signed.by)
        };
        let mut theirs = self.trusted.iter().filter(is_of).peekable();
        if theirs.peek().is_none() {
            return Ok(());
        }
        let key = signed.signer()?;
        match theirs.any(|trusted| trusted.key.is(&key)) {
            true => Ok(()),
            false => Err(SignatureError::NotTheirs {
                by: signed.by.clone(),
                key: key.fingerprint(),
                owner: None,
            }),
        }
    }

    fn identity(&mut self, body: &Value) -> Result<(), String> {
        let who = body["who"].as_str().unwrap_or_default();
        let key = body["key"].as_str().unwrap_or_default();
        let key = PublicKey::parse(key).map_err(|why| format!("it names no key: {why}"))?;
        if !(who == "house" || who.starts_with("agent:")) {
            return Err("it says of nobody whose the key is".into());
        }
        let known = self.keys.entry(who.to_owned()).or_default();
        if known.is_empty() || known.iter().any(|known| known.is(&key)) {
            known.push(key);
            return Ok(());
        }
        if self.trusted.iter().any(|trusted| trusted.key.is(&key)) {
            known.push(key);
            return Ok(());
        }
        Err(format!(
            "it gives {who} another key ({}) than it had ({}): keys are never exchanged unless somebody from outside vouches for it (--trust FILE)",
            key.fingerprint(),
            known[0].fingerprint()
        ))
    }

    /// The list in the `house.yaml` of the item `house`, if it is among the revisions of `body`.
    fn of_revisions(&mut self, body: &Value) -> Option<People> {
        let revisions = body["revisions"].as_array()?;
        let house = revisions
            .iter()
            .find(|revision| revision["item"] == "house")?;
        let file = house["files"]
            .as_array()?
            .iter()
            .find(|file| is_house(file))?;
        self.of_file(file)
    }

    /// The list in a recorded file; a text that was recorded before is named by its hash.
    fn of_file(&mut self, file: &Value) -> Option<People> {
        let hash = file["hash"].as_str().unwrap_or_default();
        match file["text"].as_str() {
            Some(text) => {
                let people = (self.reads)(text.as_bytes())?;
                self.by_hash.insert(hash.to_owned(), people.clone());
                Some(people)
            }
            None => self.by_hash.get(hash).cloned(),
        }
    }
}

fn is_house(file: &Value) -> bool {
    file["file"] == "house.yaml" || file["name"] == "house.yaml"
}
