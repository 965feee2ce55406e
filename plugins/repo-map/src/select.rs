//! What fits: definitions are taken greedily by rank, each with what it stands in, until the budget is full.

use crate::outline::Outline;
use crate::rank::Ranks;
use crate::tokens::units;
use crate::walk::Found;
use std::collections::BTreeSet;

/// After so many that do not fit in a row, nothing that matters fits any more.
const MISSES_MAX: usize = 200;

/// What is shown of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Whether its path is shown.
    pub file: bool,
    /// Indices of the definitions shown, in order.
    pub definitions: BTreeSet<usize>,
}

/// The line of a file.
pub fn file_line(path: &str) -> String {
    // A path is data: it must not be able to begin a line of its own.
    format!("{}\n", path.replace(char::is_control, "?"))
}

/// The line of a definition.
pub fn definition_line(outline: &Outline, index: usize) -> String {
    let mut depth = 1;
    let mut at = outline.definitions[index].parent();
    while let Some(parent) = at {
        depth += 1;
        at = outline.definitions[parent].parent();
    }
    let signature = outline.signature(index).replace(char::is_control, " ");
    format!(
        "{}{} {signature}\n",
        "  ".repeat(depth),
        outline.definitions[index].line
    )
}

/// The line that stands for `count` definitions which are not shown.
pub fn rest_line(count: usize) -> String {
    format!("  … {count} more\n")
}

/// Choose what to show in `room` units.
pub fn select(
    files: &[Found],
    outlines: &[Option<Outline>],
    ranks: &Ranks,
    mut room: u64,
) -> Vec<Shown> {
    let mut shown = vec![Shown::default(); files.len()];
    let mut misses = 0;
    for (file, definition) in candidates(files, ranks) {
        let mut cost = 0;
        if !shown[file].file {
            // The first of a group begins with a blank line; counted for each file, which leaves a little room.
            cost += units(&file_line(&files[file].path)) + units("\n");
        }
        let mut chain = Vec::new();
        if let (Some(definition), Some(outline)) = (definition, &outlines[file]) {
            if shown[file].definitions.is_empty() {
                cost += units(&rest_line(
                    outline.definitions.len() + outline.more as usize,
                ));
            }
            let mut at = Some(definition);
            while let Some(index) = at.filter(|index| !shown[file].definitions.contains(index)) {
                cost += units(&definition_line(outline, index));
                chain.push(index);
                at = outline.definitions[index].parent();
            }
        }
        if cost > room {
            misses += 1;
            if misses > MISSES_MAX {
                break;
            }
            continue;
        }
        misses = 0;
        room -= cost;
        shown[file].file = true;
        shown[file].definitions.extend(chain);
    }
    shown
}

/// Everything that could be shown, the most important first; what is equally important in order of path and line.
fn candidates(files: &[Found], ranks: &Ranks) -> Vec<(usize, Option<usize>)> {
    let mut all: Vec<(f64, usize, Option<usize>)> = Vec::new();
    for file in 0..files.len() {
        // Its name alone says a little.
        all.push((ranks.files[file] * 0.02, file, None));
        for (definition, rank) in ranks.definitions[file].iter().enumerate() {
            if *rank > 0.0 {
                all.push((*rank, file, Some(definition)));
            }
        }
    }
    all.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
    });
    all.into_iter()
        .map(|(_, file, definition)| (file, definition))
        .collect()
}
