//! Lists: entries that have an id are known by it, others by what they say.

use super::subject::{Step, written};
use super::tree::Walk;
use definitions::Outline;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeSet;

/// The ids of all entries, where each has one of its own.
fn ids(list: &[Outline]) -> Option<Vec<&str>> {
    let ids: Option<Vec<&str>> = list.iter().map(|entry| entry.get("id")?.text()).collect();
    let ids = ids?;
    let each: BTreeSet<&str> = ids.iter().copied().collect();
    (each.len() == ids.len()).then_some(ids)
}

pub(super) fn compare(walk: &mut Walk<'_>, before: &[Outline], after: &[Outline]) {
    match (ids(before), ids(after)) {
        (Some(one), Some(other)) => by_id(walk, before, after, &one, &other),
        _ => by_content(walk, before, after),
    }
}

fn by_id(walk: &mut Walk<'_>, before: &[Outline], after: &[Outline], was: &[&str], is: &[&str]) {
    for (id, value) in was.iter().zip(before) {
        let now = is.iter().position(|other| other == id);
        walk.in_step(Step::Id((*id).to_owned()), |walk| match now {
            Some(at) => walk.both(value, &after[at]),
            None => walk.removed(value),
        });
    }
    for (id, value) in is.iter().zip(after).filter(|(id, _)| !was.contains(id)) {
        walk.in_step(Step::Id((*id).to_owned()), |walk| walk.added(value));
    }
    let kept = |ids: &[&str], others: &[&str]| -> Vec<String> {
        ids.iter()
            .filter(|id| others.contains(id))
            .map(|id| (*id).to_owned())
            .collect()
    };
    let (was, is) = (kept(was, is), kept(is, was));
    if was != is {
        walk.moved(&was, &is);
    }
}

fn by_content(walk: &mut Walk<'_>, before: &[Outline], after: &[Outline]) {
    let lines = |list: &[Outline]| -> Vec<String> { list.iter().map(written).collect() };
    let (was, is) = (lines(before), lines(after));
    for op in capture_diff_slices(Algorithm::Myers, &was, &is) {
        match op {
            DiffOp::Equal { .. } => {}
            DiffOp::Delete {
                old_index, old_len, ..
            } => gone(walk, before, old_index, old_len),
            DiffOp::Insert {
                new_index, new_len, ..
            } => new(walk, after, new_index, new_len),
            DiffOp::Replace {
                old_index,
                old_len,
                new_index,
                new_len,
            } => {
                let both = old_len.min(new_len);
                for at in 0..both {
                    walk.in_step(Step::Number(new_index + at + 1), |walk| {
                        walk.both(&before[old_index + at], &after[new_index + at]);
                    });
                }
                gone(walk, before, old_index + both, old_len - both);
                new(walk, after, new_index + both, new_len - both);
            }
        }
    }
}

fn gone(walk: &mut Walk<'_>, before: &[Outline], from: usize, count: usize) {
    for (at, value) in before.iter().enumerate().skip(from).take(count) {
        walk.in_step(Step::Number(at + 1), |walk| walk.removed(value));
    }
}

fn new(walk: &mut Walk<'_>, after: &[Outline], from: usize, count: usize) {
    for (at, value) in after.iter().enumerate().skip(from).take(count) {
        walk.in_step(Step::Number(at + 1), |walk| walk.added(value));
    }
}
