//! Who could sign at which record.
//!
//! The keys of the house and of agents stand in records of the kind `identity`, those of people in the `house.yaml` of recorded revisions, which is read here anew:
//! keys/people.json is for whoever wants to look at a signature by hand. Whoever has the keys of people from elsewhere gives them (`--key`).

use crate::house::House;
use crate::ssh::Key;
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys by who has them.
#[derive(Default)]
pub struct Keys {
    /// From elsewhere.
    given: Vec<(Vec<String>, Key)>,
    /// On record, of the house and of agents.
    identities: BTreeMap<String, Vec<Key>>,
    /// On record, of people.
    people: Vec<List>,
    /// Lists that are in force.
    in_force: Vec<usize>,
    /// What was implemented for a change.
    implemented: BTreeMap<String, (String, usize)>,
    is_controlled: bool,
    /// Lists of emergencies that nobody else has approved: nobody signs by these yet.
    waiting: BTreeMap<String, usize>,
}

struct List {
    hash: String,
    people: BTreeMap<String, Vec<Key>>,
}

impl Keys {
    /// From the text of `--key`.
    pub fn given(text: Option<&str>) -> Result<Self, String> {
        let mut keys = Keys::default();
        for (n, line) in text.unwrap_or_default().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = line
                .find("ssh-ed25519 ")
                .ok_or(format!("--key, line {}: no Ed25519 key of OpenSSH", n + 1))?;
            let (before, key) = line.split_at(at);
            let key = Key::parse(key).map_err(|why| format!("--key, line {}: {why}", n + 1))?;
            let names = before.split_whitespace().next().unwrap_or_default();
            let names = names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect();
            keys.given.push((names, key));
        }
        match text {
            Some(_) if keys.given.is_empty() => Err("--key: there is no key in it".into()),
            _ => Ok(keys),
        }
    }

    /// Whether keys/people.json, which people read, says the same as the recorded texts.
    pub fn agree(&self, people: &str) -> Result<(), String> {
        let all: Value = serde_json::from_str(people).map_err(|why| why.to_string())?;
        for said in all.as_array().ok_or("it is no list")? {
            let known = self.people.iter().find(|list| said["hash"] == *list.hash);
            let (Some(known), Some(people)) = (known, said["people"].as_object()) else {
                continue;
            };
            for (name, person) in people {
                let keys = person["keys"].as_array().into_iter().flatten();
                let keys: Result<Vec<Key>, String> = keys
                    .map(|key| Key::parse(key.as_str().unwrap_or_default()))
                    .collect();
                if known.people.get(name) != Some(&keys?) {
                    return Err(format!(
                        "it gives {name} other keys than the recorded house.yaml"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What a record makes known of keys. An error is what is wrong with it.
    pub fn take(&mut self, kind: &str, body: &Value) -> Result<(), String> {
        let change = body["change"].as_str().unwrap_or_default().to_owned();
        match kind {
            "identity" => return self.identity(body),
            "definitions" if !self.is_controlled => {
                if let Some(list) = self.list(body["files"].as_array())? {
                    self.in_force = vec![list];
                }
            }
            "change.baseline" => {
                self.is_controlled = true;
                if let Some(list) = self.of_revisions(body)? {
                    self.in_force = vec![list];
                }
            }
            "change.implemented" => {
                self.implemented.remove(&change);
                if let Some(list) = self.of_revisions(body)? {
                    let candidate = body["candidate"].as_str().unwrap_or_default().to_owned();
                    self.implemented.insert(change, (candidate, list));
                }
            }
            "change.emergency" => {
                if let Some(list) = self.of_revisions(body)? {
                    self.waiting.insert(change, list);
                }
            }
            "change.rejected" | "change.withdrawn" => {
                self.waiting.remove(&change);
            }
            "change.released" => {
                let found = self.implemented.get(&change);
                if let Some((_, list)) =
                    found.filter(|(candidate, _)| body["on"] == candidate.as_str())
                {
                    // Until it takes effect either list counts.
                    match body["effectivity"]["when"].is_object() {
                        true => self.in_force.push(*list),
                        false => {
                            self.in_force = vec![*list];
                            self.waiting.clear();
                        }
                    }
                }
            }
            "change.effective" => {
                if let Some((_, list)) = self.implemented.get(&change)
                    && self.in_force.contains(list)
                {
                    self.in_force = vec![*list];
                    self.waiting.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Others have approved what `change` put in force in an emergency.
    pub fn confirmed(&mut self, change: &str) {
        if let Some(list) = self.waiting.remove(change) {
            // A list whose date has not come stays behind it.
            self.in_force.splice(..self.in_force.len().min(1), [list]);
        }
    }

    /// The house's keys on record.
    pub fn of_house(&self) -> &[Key] {
        self.identities.get("house").map_or(&[], Vec::as_slice)
    }

    /// Keys of the house that were given; those that have no name count for it.
    pub fn given_of_house(&self) -> Vec<Key> {
        let is_house =
            |names: &Vec<String>| names.is_empty() || names.iter().any(|name| name == "house");
        self.given
            .iter()
            .filter(|(names, _)| is_house(names))
            .map(|(_, key)| *key)
            .collect()
    }

    /// The names in `--key` of which nobody is on record: that a key was given, and not used, must not pass for one that holds.
    pub fn strangers(&self) -> Vec<&str> {
        let known = |name: &&str| {
            let person = name.strip_prefix("human:").unwrap_or(name);
            *name == "house"
                || self.identities.contains_key(*name)
                || self
                    .people
                    .iter()
                    .any(|list| list.people.contains_key(person))
        };
        let names = self.given.iter().flat_map(|(names, _)| names);
        names
            .map(String::as_str)
            .filter(|name| !known(name))
            .collect()
    }

    /// Whether `key` is a key of `who` now.
    pub fn is_of(&self, who: &str, key: &Key) -> Result<(), String> {
        let refused = || format!("{} is not a key of {who} at that time", key.fingerprint());
        let Some(name) = who.strip_prefix("human:") else {
            let known = self
                .identities
                .get(who)
                .is_some_and(|keys| keys.contains(key));
            return known.then_some(()).ok_or_else(refused);
        };
        let mut given = self
            .given
            .iter()
            .filter(|(names, _)| names.iter().any(|given| given == who || given == name))
            .peekable();
        if given.peek().is_some() {
            return match given.any(|(_, given)| given == key) {
                true => Ok(()),
                false => Err(format!(
                    "{} is not the key of {who} that was given",
                    key.fingerprint()
                )),
            };
        }
        let lists = self
            .in_force
            .iter()
            .filter_map(|list| self.people.get(*list));
        match lists
            .filter_map(|list| list.people.get(name))
            .any(|keys| keys.contains(key))
        {
            true => Ok(()),
            false => Err(refused()),
        }
    }

    fn identity(&mut self, body: &Value) -> Result<(), String> {
        let who = body["who"].as_str().unwrap_or_default().to_owned();
        let key = Key::parse(body["key"].as_str().unwrap_or_default())?;
        let is_given = self.given.iter().any(|(_, given)| *given == key);
        let known = self.identities.entry(who.clone()).or_default();
        if !known.is_empty() && !known.contains(&key) && !is_given {
            return Err(format!(
                "it gives {who} another key than it had, and nobody from outside vouches for that (--key)"
            ));
        }
        known.push(key);
        Ok(())
    }

    fn of_revisions(&mut self, body: &Value) -> Result<Option<usize>, String> {
        let revisions = body["revisions"].as_array().into_iter().flatten();
        let house = revisions
            .into_iter()
            .find(|revision| revision["item"] == "house");
        match house {
            Some(house) => self.list(house["files"].as_array()),
            None => Ok(None),
        }
    }

    /// The list that the `house.yaml` among `files` has; a text that was recorded before is named by its hash.
    fn list(&mut self, files: Option<&Vec<Value>>) -> Result<Option<usize>, String> {
        let is_house = |file: &&Value| file["file"] == "house.yaml" || file["name"] == "house.yaml";
        let Some(file) = files.into_iter().flatten().find(is_house) else {
            return Ok(None);
        };
        let hash = match file["text"].as_str() {
            Some(text) => blake3::hash(text.as_bytes()).to_string(),
            None => file["hash"].as_str().unwrap_or_default().to_owned(),
        };
        if let Some(known) = self.people.iter().position(|list| list.hash == hash) {
            return Ok(Some(known));
        }
        let Some(text) = file["text"].as_str() else {
            return Ok(None);
        };
        let house =
            House::parse(text).map_err(|why| format!("its house.yaml cannot be read: {why}"))?;
        let people = house.people.into_iter();
        self.people.push(List {
            hash,
            people: people.map(|(name, person)| (name, person.keys)).collect(),
        });
        Ok(Some(self.people.len() - 1))
    }
}
