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

/// The line of a file, of which `more` definitions are not shown.
pub fn file_line(path: &str, more: usize) -> String {
    // A path is data: it must not be able to begin a line of its own.
    let path = path.replace(char::is_control, "?");
    match more {
        0 => format!("{path}\n"),
        more => format!("{path} ({more} more)\n"),
    }
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
            let all = outlines[file].as_ref().map_or(0, Outline::len);
            // The first of a group begins with a blank line; counted for each file, which leaves a little room.
            cost += units(&file_line(&files[file].path, all)) + units("\n");
        }
        let mut chain = Vec::new();
        if let (Some(definition), Some(outline)) = (definition, &outlines[file]) {
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
