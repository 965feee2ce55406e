//! The first fragment: what there is, how much of it is shown, and the directories.

use crate::index::Index;
use crate::tokens::units;
use crate::walk::{FILES_MAX, Tree};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Languages that the summary names.
const LANGUAGES: usize = 6;

/// How much is shown of how much.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub files: usize,
    pub definitions: usize,
    pub shown_files: usize,
    pub shown_definitions: usize,
}

/// The overview in at most `room` units. `counts` must be known before what is shown is chosen: give the totals, which take the most digits, to learn its size.
pub fn overview(
    title: &str,
    tree: &Tree,
    index: &Index,
    counts: Counts,
    depth: Option<u64>,
    room: u64,
) -> Option<String> {
    let shown = match counts.shown_files {
        0 => String::new(),
        _ => format!(
            " Shown: {} of them in {} files.",
            counts.shown_definitions, counts.shown_files
        ),
    };
    let short = format!(
        "Source tree of {title}: {} files, {} definitions.{shown}\n",
        counts.files, counts.definitions
    );
    if units(&short) > room {
        return None;
    }
    let mut long = format!("Source tree of {title}: {} files", counts.files);
    let languages = languages(tree);
    if !languages.is_empty() {
        let _ = write!(long, " ({languages})");
    }
    let _ = write!(long, ", {} definitions.{shown}", counts.definitions);
    long.push_str(
        " Below, each line of a file begins with its line number; what other files use most was chosen, `(n more)` counts what was not.\n",
    );
    if let Some(notes) = notes(tree, index) {
        let _ = writeln!(long, "Left out: {notes}.");
    }
    // A text that is mostly about itself helps nobody.
    let mut text = if units(&long) * 2 <= room {
        long
    } else {
        short
    };
    directories(tree, depth, room - units(&text), &mut text);
    Some(text)
}

fn languages(tree: &Tree) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &tree.files {
        if let Some(language) = file.language {
            *counts.entry(language.name).or_default() += 1;
        }
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let named = counts.iter().take(LANGUAGES);
    let words: Vec<String> = named
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    words.join(", ")
}

/// What was left out, in words.
fn notes(tree: &Tree, index: &Index) -> Option<String> {
    let left = &tree.left_out;
    let counted = [
        (left.ignored, "ignored by .gitignore"),
        (left.vendored, "vendored directories"),
        (index.generated, "generated files"),
        (index.binary, "binary files"),
        (left.unreadable + index.unreadable, "unreadable"),
        (
            index.waiting,
            "files not read yet (they follow with the next call)",
        ),
    ];
    let mut words: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if left.too_many {
        words.push(format!("all beyond the first {FILES_MAX} files"));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// A directory of the overview.
#[derive(Default)]
struct Node<'a> {
    below: BTreeMap<&'a str, Node<'a>>,
    /// Files in it and below it.
    files: usize,
    /// Files in it alone.
    own: usize,
}

/// Add the directories, those of a level together, the fullest first as long as there is room; they stand in order of path.
fn directories(tree: &Tree, depth: Option<u64>, room: u64, text: &mut String) {
    let mut root = Node::default();
    for file in &tree.files {
        let mut node = &mut root;
        node.files += 1;
        let mut parts = file.path.split('/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                node.own += 1;
                break;
            }
            node = node.below.entry(part).or_default();
            node.files += 1;
        }
    }
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let mut level: Vec<(String, String, &Node<'_>, usize)> = Vec::new();
    push_below(&root, "", 0, &mut level);
    // Room for the line that says how many are missing.
    let mut left = room.saturating_sub(units("… 000000 more directories\n"));
    let mut missing = 0;
    let mut number = 1;
    while !level.is_empty() {
        let mut next = Vec::new();
        level.sort_by(|a, b| b.2.files.cmp(&a.2.files).then_with(|| a.0.cmp(&b.0)));
        for (key, label, node, indent) in level {
            let line = format!("{}{label}/ {}\n", "  ".repeat(indent), node.files);
            let cost = units(&line);
            if cost > left || depth.is_some_and(|depth| number > depth) {
                missing += 1 + count(node);
                continue;
            }
            left -= cost;
            push_below(node, &key, indent + 1, &mut next);
            lines.insert(key, line);
        }
        level = next;
        number += 1;
    }
    text.extend(lines.into_values());
    // What the author of the map did not ask for is not missing.
    if missing > 0 && depth.is_none() && room >= units("… 000000 more directories\n") {
        let _ = writeln!(text, "… {missing} more directories");
    }
}

/// The directories in `node`: one that only leads on to another is one with it.
fn push_below<'n>(
    node: &'n Node<'_>,
    above: &str,
    indent: usize,
    level: &mut Vec<(String, String, &'n Node<'n>, usize)>,
) {
    for (name, mut inner) in &node.below {
        let mut label = (*name).to_owned();
        while inner.own == 0 && inner.below.len() == 1 {
            let Some((name, only)) = inner.below.iter().next() else {
                break;
            };
            label = format!("{label}/{name}");
            inner = only;
        }
        // Sorted with what ends a name, so that what is in a directory follows it at once.
        let key = format!("{above}{label}/");
        level.push((key, label.replace(char::is_control, "?"), inner, indent));
    }
}

fn count(node: &Node<'_>) -> usize {
    // Directories nest as deep as paths are long, which the host bounds.
    node.below.values().map(|inner| 1 + count(inner)).sum()
}
