//! A notebook that outlives calls: notes are kept in the plugin's own state, and read from files that policy mounts.

use charthouse_sdk::{Failure, Json, export_tools, log, state, tool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where the notes are kept.
const KEY: &str = "notes";

#[derive(Serialize, Deserialize)]
struct Note {
    id: u64,
    text: String,
    tags: Vec<String>,
}

/// What goes wrong here, in the author's own words.
enum Trouble {
    Empty,
    NoFile(String, std::io::Error),
    State(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::State(failure)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Empty => Failure::invalid("`text` is empty: say what is to be kept"),
            Trouble::NoFile(path, why) => Failure::invalid(format!(
                "{path} cannot be read: {why}; name a text file in a mounted directory"
            )),
            Trouble::State(failure) => failure,
        }
    }
}

fn notes() -> Result<Vec<Note>, Failure> {
    Ok(state::get_json(KEY)?.unwrap_or_default())
}

fn next_id(notes: &[Note]) -> u64 {
    notes.last().map_or(1, |note| note.id + 1)
}

/// Keeps a note for later. Answers its number and how many there are.
#[tool(effect = once)]
fn add(
    /// What to keep.
    text: String,
    /// Words to find it by.
    tags: Option<Vec<String>>,
) -> Result<Json<Value>, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Trouble::Empty);
    }
    let mut notes = notes()?;
    let id = next_id(&notes);
    notes.push(Note {
        id,
        text: text.to_owned(),
        tags: tags.unwrap_or_default(),
    });
    state::set_json(KEY, &notes)?;
    log::info(format!("note {id}"));
    Ok(Json(json!({"id": id, "notes": notes.len()})))
}

/// Finds notes, the oldest first. Without a word or a tag it lists all.
#[tool(effect = none)]
fn find(
    /// Only notes in which this occurs, whatever its case.
    word: Option<String>,
    /// Only notes with this tag.
    tag: Option<String>,
    /// How many at most; `more` says how many were left out.
    #[default(10)]
    most: usize,
) -> Result<Json<Value>, Trouble> {
    let word = word.unwrap_or_default().to_lowercase();
    let mut found = notes()?;
    found.retain(|note| {
        note.text.to_lowercase().contains(&word)
            && tag.as_ref().is_none_or(|tag| note.tags.contains(tag))
    });
    let more = found.len().saturating_sub(most);
    found.truncate(most);
    Ok(Json(json!({"notes": found, "more": more})))
}

/// Makes a note of each line of a text file that is not empty. Answers how many notes there are.
#[tool(effect = once)]
fn import(
    /// The file's absolute path.
    path: String,
) -> Result<Json<Value>, Trouble> {
    let text = std::fs::read_to_string(&path).map_err(|why| Trouble::NoFile(path, why))?;
    let mut notes = notes()?;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let id = next_id(&notes);
        notes.push(Note {
            id,
            text: line.to_owned(),
            tags: Vec::new(),
        });
    }
    state::set_json(KEY, &notes)?;
    Ok(Json(json!({"notes": notes.len()})))
}

export_tools!(add, find, import);
