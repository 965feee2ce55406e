//! What is left of a conversation without a model: a deterministic extract that says that it is one.
//!
//! Lines are taken in the order of what they are worth until the budget is full, and written in the order in which they are read.

use crate::parts::is_tool;
use crate::paths::paths;
use crate::tokens::{head, tokens};
use charthouse_sdk::{Failure, Turn};
use std::collections::{BTreeMap, BTreeSet};

/// How the first line begins.
const NOTICE: &str = "(An extract, not a summary: ";
/// Most of the reason that the first line gives.
const REASON: usize = 40;
/// Most of the first thing that was said, of any other, and of one answer, in tokens; and the shares of the budget that they may take.
const TASK: usize = 240;
const WISH: usize = 120;
const ANSWER: usize = 40;
const TASK_SHARE: usize = 3;
const WISH_SHARE: usize = 6;
/// Share of the budget that the summary so far may take, in percent.
const EARLIER: usize = 50;
/// Most files and tools that are named.
const NAMED: usize = 60;

/// A line, and where it stands.
struct Line {
    section: Section,
    order: usize,
    text: String,
}

/// The sections, in the order they are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Earlier,
    Human,
    Model,
    Files,
    Tools,
}

impl Section {
    fn heading(self) -> &'static str {
        match self {
            Section::Earlier => "Before:",
            Section::Human => "The human and the house said:",
            Section::Model => "The model answered:",
            Section::Files => "Files named:",
            Section::Tools => "Tools that answered:",
        }
    }
}

/// An extract of `earlier` and `said` in at most `budget` tokens, because of `why`.
pub fn extract(earlier: Option<&str>, said: &[Turn], budget: usize, why: &Failure) -> String {
    let reason = why.message().lines().next().unwrap_or_default().trim();
    let notice = format!("{NOTICE}{})", head(reason, REASON));
    let mut lines = candidates(earlier, said, budget);
    let mut room = budget.saturating_sub(tokens(&notice) + 1);
    let mut opened = BTreeSet::new();
    lines.retain(|line| {
        let heading = match opened.contains(&line.section) {
            true => 0,
            false => tokens(line.section.heading()) + 1,
        };
        let cost = tokens(&line.text) + 1 + heading;
        let fits = cost <= room;
        if fits {
            room -= cost;
            opened.insert(line.section);
        }
        fits
    });
    lines.sort_by_key(|line| (line.section, line.order));
    written(&notice, &lines, budget)
}

fn written(notice: &str, lines: &[Line], budget: usize) -> String {
    let mut text = notice.to_owned();
    let mut section = None;
    for line in lines {
        if section != Some(line.section) {
            text.push('\n');
            text.push_str(line.section.heading());
            section = Some(line.section);
        }
        text.push('\n');
        text.push_str(&line.text);
    }
    // Less than the first line fits into the smallest budgets.
    head(&text, budget).to_owned()
}

/// All lines, what is worth most first: the first wish, the summary so far, the last wishes, files, the last answers, tools.
fn candidates(earlier: Option<&str>, said: &[Turn], budget: usize) -> Vec<Line> {
    let person = |turn: &Turn| matches!(turn.speaker.as_str(), "human" | "house");
    let first = said.iter().position(person).map_or(said.len(), |at| at + 1);
    let mut wishes = quoted(said, Section::Human, WISH.min(budget / WISH_SHARE), person);
    wishes.retain(|line| line.order >= first);
    wishes.reverse();
    let task = quoted(
        &said[..first],
        Section::Human,
        TASK.min(budget / TASK_SHARE),
        person,
    );
    let mut answers = quoted(said, Section::Model, ANSWER, |turn| turn.speaker == "model");
    answers.reverse();
    let mut lines = task;
    lines.extend(before(earlier, budget));
    lines.extend(wishes);
    lines.extend(files(said));
    lines.extend(answers);
    lines.extend(tools(said));
    lines
}

/// The summary so far, without the notice of an extract: there will be a new one.
fn before(earlier: Option<&str>, budget: usize) -> Option<Line> {
    let earlier = earlier?;
    let earlier = match earlier.starts_with(NOTICE) {
        true => earlier.split_once('\n').map_or("", |(_, rest)| rest),
        false => earlier,
    };
    let text = head(earlier.trim(), budget * EARLIER / 100).trim_end();
    (!text.is_empty()).then(|| Line {
        section: Section::Earlier,
        order: 0,
        text: text.to_owned(),
    })
}

/// What those said whom `by` picks: the first lines of it.
fn quoted(said: &[Turn], section: Section, limit: usize, by: fn(&Turn) -> bool) -> Vec<Line> {
    let turns = said.iter().enumerate().filter(|(_, turn)| by(turn));
    turns
        .filter_map(|(order, turn)| {
            let first = turn.text.trim();
            let first = match section {
                Section::Model => first.lines().next().unwrap_or_default(),
                _ => first,
            };
            let kept = head(first, limit).trim_end();
            let more = if kept.len() < turn.text.trim().len() {
                " …"
            } else {
                ""
            };
            let text = format!("- {}{more}", kept.replace('\n', " "));
            (!kept.is_empty()).then_some(Line {
                section,
                order,
                text,
            })
        })
        .collect()
}

fn files(said: &[Turn]) -> impl Iterator<Item = Line> {
    let mut seen = BTreeSet::new();
    let named = said.iter().flat_map(|turn| paths(&turn.text));
    let new: Vec<&str> = named
        .filter(|path| seen.insert(*path))
        .take(NAMED)
        .collect();
    new.into_iter().enumerate().map(|(order, path)| Line {
        section: Section::Files,
        order,
        text: format!("- {path}"),
    })
}

fn tools(said: &[Turn]) -> impl Iterator<Item = Line> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for turn in said.iter().filter(|turn| is_tool(turn)) {
        *counts.entry(&turn.speaker).or_default() += 1;
    }
    counts
        .into_iter()
        .take(NAMED)
        .enumerate()
        .map(|(order, (tool, count))| Line {
            section: Section::Tools,
            order,
            text: format!("- {} × {count}", head(tool, ANSWER).replace('\n', " ")),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Vec<Turn> {
        vec![
            Turn::new("human", "Mend the pump in src/pump.rs.\nIt must not leak."),
            Turn::new("model", "I read it first.\nThen I go on."),
            Turn::new("fs.read", "fn pump() {} // see docs/pump.md"),
            Turn::new("fs.read", "more of src/pump.rs"),
            Turn::new("search.grep", "nothing"),
            Turn::new("model", "It is mended."),
            Turn::new("human", "Now write a test."),
        ]
    }

    fn denied() -> Failure {
        Failure::denied("this call was not granted a model")
    }

    #[test]
    fn an_extract_says_what_it_is_and_what_was_said() {
        let extract = extract(Some("- Task: pumps"), &said(), 500, &denied());
        assert_eq!(
            extract,
            "(An extract, not a summary: this call was not granted a model)\n\
             Before:\n\
             - Task: pumps\n\
             The human and the house said:\n\
             - Mend the pump in src/pump.rs. It must not leak.\n\
             - Now write a test.\n\
             The model answered:\n\
             - I read it first. …\n\
             - It is mended.\n\
             Files named:\n\
             - src/pump.rs\n\
             - docs/pump.md\n\
             Tools that answered:\n\
             - fs.read × 2\n\
             - search.grep × 1"
        );
    }

    #[test]
    fn it_keeps_to_any_budget_and_to_the_first_wish_longest() {
        for budget in 1..200 {
            let extract = extract(Some("- Task: pumps"), &said(), budget, &denied());
            assert!(tokens(&extract) <= budget, "{budget}: {extract}");
            assert_eq!(
                extract.contains("Now write"),
                extract.contains("Now write a test.")
            );
            if extract.contains("It is mended") {
                assert!(extract.contains("It must not leak"), "{budget}: {extract}");
            }
        }
        assert!(extract(None, &said(), 60, &denied()).contains("Mend the pump"));
    }

    #[test]
    fn the_notice_of_an_earlier_extract_does_not_pile_up() {
        let mut earlier = extract(None, &said(), 300, &denied());
        for _ in 0..3 {
            earlier = extract(Some(&earlier), &said()[6..], 300, &denied());
        }
        assert_eq!(earlier.matches(NOTICE).count(), 1, "{earlier}");
        assert!(earlier.contains("Mend the pump"), "{earlier}");
    }
}
