//! The fragments: the overview, then one for each top-level directory.
//!
//! The host trims at the tail. So the directories come in order of their weight and the files of each in order of path; as all of it was chosen to fit, the order
//! matters only where the host measures more tokens than we do.

use crate::index::Index;
use crate::outline::Outline;
use crate::overview::{Counts, overview};
use crate::rank::Ranks;
use crate::select::{Shown, definition_line, file_line, select};
use crate::tokens::{MESSAGE, UNITS, units};
use crate::walk::Tree;
use charthouse_sdk::Fragment;
use std::collections::BTreeMap;

/// Parts of the budget that the overview may take at most: one in so many.
const OVERVIEW_SHARE: u64 = 4;
/// Below this many units (60 tokens) the overview is one line.
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
    let counts = Counts {
        files: tree.files.len(),
        definitions: index.outlines.iter().flatten().map(Outline::len).sum(),
        shown_files: 0,
        shown_definitions: 0,
    };
    let most = Counts {
        shown_files: counts.files,
        shown_definitions: counts.definitions,
        ..counts
    };
    // Where there is little room, what is there matters more than where.
    let (overview_room, depth) = match room < SMALL {
        true => (room, Some(0)),
        false => ((room / OVERVIEW_SHARE).max(SMALL / 2), frame.depth),
    };
    let title = frame.title.replace(char::is_control, "?");
    let overview = |counts| overview(&title, tree, index, counts, depth, overview_room);
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
        let all = index.outlines[file].as_ref().map_or(0, Outline::len);
        text.push_str(&file_line(&found.path, all - shown[file].definitions.len()));
        for definition in &shown[file].definitions {
            if let Some(outline) = &index.outlines[file] {
                text.push_str(&definition_line(outline, *definition));
            }
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
