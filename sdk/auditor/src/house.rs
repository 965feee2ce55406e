//! What a recorded `house.yaml`, agent or chart says of who may do what. The text is read here anew: what the maker of a bundle says that it says counts for nothing.

use crate::moment;
use crate::ssh::Key;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What holds where `controlled` names nothing else, as docs/controlled.md has it.
const BOARD: [&str; 3] = ["engineering", "quality", "operations"];
const QUORUM: u64 = 2;
const EMERGENCY: &str = "emergency";
const WITHIN_MS: i64 = 24 * 60 * 60 * 1_000;

/// Who there is in a house and who decides, by one revision of its `house.yaml`.
#[derive(Clone, Debug)]
pub struct House {
    /// Whether definitions count only once they are released.
    pub is_controlled: bool,
    /// How many of the board have to approve.
    pub quorum: u64,
    /// The roles that vote.
    pub board: BTreeSet<String>,
    /// The role that an emergency takes.
    pub emergency: String,
    /// How soon an emergency has to be approved.
    pub within_ms: i64,
    /// The policy that applies to everybody.
    pub policy: Option<String>,
    /// Who there is.
    pub people: BTreeMap<String, Person>,
}

/// A person.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their keys.
    pub keys: Vec<Key>,
    /// The roles that they may hold; `None` is any.
    pub roles: Option<BTreeSet<String>>,
}

impl House {
    /// Read the text of a `house.yaml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let said = yaml(text)?;
        let mut house = House {
            is_controlled: false,
            quorum: QUORUM,
            board: BOARD.map(str::to_owned).into(),
            emergency: EMERGENCY.into(),
            within_ms: WITHIN_MS,
            policy: said["defaults"]["policy"].as_str().map(str::to_owned),
            people: BTreeMap::new(),
        };
        for (name, person) in said["people"].as_object().into_iter().flatten() {
            house.people.insert(
                name.clone(),
                Person::of(person).map_err(|why| format!("{name}: {why}"))?,
            );
        }
        match &said["controlled"] {
            Value::Null | Value::Bool(false) => {}
            Value::Bool(true) => house.is_controlled = true,
            Value::Object(_) => house.control(&said["controlled"])?,
            _ => return Err("`controlled` is nothing that could be meant".into()),
        }
        Ok(house)
    }

    fn control(&mut self, said: &Value) -> Result<(), String> {
        self.is_controlled = true;
        if !said["quorum"].is_null() {
            let quorum = said["quorum"].as_u64().filter(|quorum| *quorum > 0);
            self.quorum = quorum.ok_or("`quorum` is no number of people")?;
        }
        if let Some(board) = texts(&said["board"]) {
            self.board = board;
        }
        let emergency = &said["emergency"];
        if let Some(role) = emergency["role"].as_str() {
            self.emergency = role.to_owned();
        }
        if let Some(within) = emergency["within"].as_str() {
            self.within_ms = moment::duration(within).ok_or("`within` is no duration")?;
        }
        Ok(())
    }
}

impl Person {
    fn of(said: &Value) -> Result<Self, String> {
        let one = said["key"].as_str().into_iter();
        let more = said["keys"].as_array().into_iter().flatten();
        let keys: Result<Vec<Key>, String> = one
            .chain(more.map(|key| key.as_str().unwrap_or_default()))
            .map(Key::parse)
            .collect();
        Ok(Person {
            keys: keys?,
            roles: match &said["roles"] {
                Value::Null => None,
                roles => Some(texts(roles).ok_or("its `roles` are no list")?),
            },
        })
    }
}

/// YAML as JSON.
pub fn yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|why| {
        let why = why.to_string();
        why.lines().next().unwrap_or_default().to_owned()
    })
}

/// The texts of a list.
pub fn texts(list: &Value) -> Option<BTreeSet<String>> {
    let list = list.as_array()?.iter();
    list.map(|one| one.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_what_is_read_as_it_is_written() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ada";
        let text = format!(
            "house: plant\ncontrolled: {{ quorum: 3, board: [a, b], emergency: {{ role: night, within: 1h30m }} }}\ndefaults: {{ policy: tight }}\n\
             people:\n  ada: {{ key: \"{key}\", roles: [a, releaser] }}\n  bob:\n    keys: [\"{key}\"]\n"
        );
        let house = House::parse(&text).unwrap();
        assert!(house.is_controlled);
        assert_eq!((house.quorum, house.within_ms), (3, 5_400_000));
        assert_eq!(
            (&*house.emergency, house.policy.as_deref()),
            ("night", Some("tight"))
        );
        assert!(house.board.contains("b") && !house.board.contains("quality"));
        let roles = house.people["ada"].roles.as_ref().unwrap();
        assert!(roles.contains("releaser") && !roles.contains("quality"));
        assert!(house.people["bob"].roles.is_none());
        let bare = House::parse("house: x\ncontrolled: true\n").unwrap();
        assert!(bare.is_controlled && bare.board.contains("operations"));
        assert!(!House::parse("house: x\n").unwrap().is_controlled);
        for bad in [
            "people: { ada: { key: none } }",
            "controlled: { quorum: 0 }",
            "controlled: 7",
            "a: [",
        ] {
            assert!(House::parse(bad).is_err(), "{bad}");
        }
    }
}
