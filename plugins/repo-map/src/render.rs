//! The fragments: the overview, then one for each top-level directory.
//!
//! The host trims at the tail. So the directories come in order of their weight and the files of each in order of path; as all of it was chosen to fit, the order
//! matters only where the host measures more tokens than we do.

use crate::index::Index;
use crate::overview::{Counts, overview};
use crate::rank::Ranks;
use crate::select::{Shown, definition_line, file_line, rest_line, select};
use crate::tokens::{MESSAGE, UNITS, units};
use crate::walk::Tree;
use charthouse_sdk::Fragment;
use std::collections::BTreeMap;

/// Parts of the budget that the overview may take at most: one in so many.
const OVERVIEW_SHARE: u64 = 4;
/// Below this many units the whole budget goes to the overview: about 60 tokens.
const SMALL: u64 = 60 * UNITS;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The directory's path, as the guest sees it.
    pub title: &'a str,
    /// Tokens.
    pub budget: u32,
    /// Levels of directories in the overview.
    pub depth: Option<u64>,
}

/// The fragments for `tree`. None where not even the first line fits.
pub fn render(frame: Frame<'_>, tree: &Tree, index: &Index, ranks: &Ranks) -> Vec<Fragment> {
    let room = u64::from(frame.budget).saturating_sub(MESSAGE) * UNITS;
    let definitions =
        |outline: &crate::outline::Outline| outline.definitions.len() + outline.more as usize;
    let counts = Counts {
        files: tree.files.len(),
        definitions: index.outlines.iter().flatten().map(definitions).sum(),
        shown_files: 0,
        shown_definitions: 0,
    };
    let most = Counts {
        shown_files: counts.files,
        shown_definitions: counts.definitions,
        ..counts
    };
    let overview_room = match room < SMALL {
        true => room,
        false => (room / OVERVIEW_SHARE).max(SMALL / 2),
    };
    let title = frame.title.replace(char::is_control, "?");
    let overview = |counts| overview(&title, tree, index, counts, frame.depth, overview_room);
    let Some(reserved) = overview(most) else {
        return Vec::new();
    };
    let shown = select(&tree.files, &index.outlines, ranks, room - units(&reserved));
    let counts = Counts {
        shown_files: shown.iter().filter(|shown| shown.file).count(),
        shown_definitions: shown.iter().map(|shown| shown.definitions.len()).sum(),
        ..counts
    };
    let mut fragments = Vec::new();
    fragments.extend(overview(counts).map(|text| Fragment::new(text, frame.title)));
    fragments.extend(groups(frame.title, tree, index, ranks, &shown));
    fragments
}

/// One fragment for each directory at the top; files that stand there themselves are one more.
fn groups(
    title: &str,
    tree: &Tree,
    index: &Index,
    ranks: &Ranks,
    shown: &[Shown],
) -> Vec<Fragment> {
    let mut groups: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    for (file, found) in tree.files.iter().enumerate() {
        if !shown[file].file {
            continue;
        }
        let group = found.path.split_once('/').map_or("", |(group, _)| group);
        let (weight, text) = groups.entry(group).or_default();
        *weight += ranks.files[file];
        text.push_str(&file_line(&found.path));
        let Some(outline) = &index.outlines[file] else {
            continue;
        };
        for definition in &shown[file].definitions {
            text.push_str(&definition_line(outline, *definition));
        }
        let all = outline.definitions.len() + outline.more as usize;
        let rest = all - shown[file].definitions.len();
        if rest > 0 && !shown[file].definitions.is_empty() {
            text.push_str(&rest_line(rest));
        }
    }
    let mut groups: Vec<(&str, (f64, String))> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(b.0)));
    let source = |group: &str| match group {
        "" => title.to_owned(),
        group => format!("{}/{group}", title.trim_end_matches('/')),
    };
    groups
        .into_iter()
        .map(|(group, (_, text))| Fragment::new(text, source(group)))
        .collect()
}
