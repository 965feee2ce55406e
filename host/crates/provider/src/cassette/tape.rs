//! A cassette as it is read: every line checked, every complaint with its place.

use super::mark::{Mark, Marks};
use super::{Exchange, FORMAT, Header};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use types::{Finding, ModelParameters, Place};

/// The longest line that is read. The longest answer that a provider's dialect takes is a fraction of it; what is longer is some other file.
const LONGEST_LINE: u64 = 256 << 20;

/// How many damaged lines are told before the reader gives up: whoever has so many has another file, or a broken disk.
const MOST_FINDINGS: usize = 20;

/// What to do about a damaged line.
const MEND: &str = "delete the line, or record the cassette anew";

/// One exchange on a tape.
pub struct Track {
    /// The line that it stands in, from 1.
    pub line: u32,
    /// The mark of its whole conversation.
    pub conversation: Mark,
    /// The mark of its tools.
    pub tools: Mark,
    /// The model that was asked, and how.
    pub parameters: ModelParameters,
    /// The exchange; gone once it was played, because it is played once.
    pub exchange: Option<Exchange>,
}

/// One item of a conversation, as the tape knows it.
pub struct Step {
    /// The conversation before it.
    pub before: Mark,
    /// Its excerpt.
    pub says: String,
}

/// A whole cassette.
pub struct Tape {
    /// The exchanges, in order.
    pub tracks: Vec<Track>,
    /// Every item, by the mark of the conversation up to and with it.
    pub steps: HashMap<Mark, Step>,
    /// The tools' names, by their mark.
    pub offered: HashMap<Mark, Vec<String>>,
}

impl Tape {
    /// The cassette in `file`, called `shown` in the findings.
    pub fn load(file: &Path, shown: &str) -> Result<Tape, Vec<Finding>> {
        let opened = File::open(file).map_err(|error| {
            vec![match error.kind() {
                // No fault of the house's as long as nobody plays it: it may be about to be recorded.
                io::ErrorKind::NotFound => Finding::warning(
                    &Place::new(shown, 1, 1),
                    "the cassette does not exist yet",
                    "record it first: put `record:` with this file on a provider and run an agent that uses it",
                ),
                _ => finding(
                    shown,
                    (1, 1),
                    format!("the cassette cannot be read ({error})"),
                    "name a file that can be read",
                ),
            }]
        })?;
        Tape::read(BufReader::new(opened), shown)
    }

    /// The cassette in `source`.
    pub fn read(source: impl BufRead, shown: &str) -> Result<Tape, Vec<Finding>> {
        let mut lines = Lines { source, line: 0 };
        let header = lines.next().unwrap_or(Ok(String::new()));
        header
            .map_err(|error| vec![unreadable(shown, 1, &error)])
            .and_then(|line| check_header(&line, shown).map_err(|found| vec![found]))?;
        let mut tape = Tape {
            tracks: Vec::new(),
            steps: HashMap::new(),
            offered: HashMap::new(),
        };
        let mut findings = Vec::new();
        while let Some(text) = lines.next() {
            let taken = match text {
                Err(error) => Err(unreadable(shown, lines.line, &error)),
                Ok(text) if text.trim().is_empty() => Ok(()),
                Ok(text) => tape.take(&text, lines.line, shown),
            };
            findings.extend(taken.err());
            if findings.len() == MOST_FINDINGS {
                break;
            }
        }
        if findings.is_empty() {
            Ok(tape)
        } else {
            Err(findings)
        }
    }

    /// Whether there is nothing to play.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// The number of the next exchange for a payload with these marks, asked with `parameters`: the first that was not played yet, and rather one
    /// that was asked of the same model in the same way.
    pub fn find(&self, marks: &Marks, parameters: &ModelParameters) -> Option<usize> {
        let fits = |track: &Track| {
            track.exchange.is_some()
                && track.conversation == marks.conversation()
                && track.tools == marks.tools
        };
        let same = |track: &Track| {
            let Track { parameters: p, .. } = track;
            (&p.name, p.max_output, p.temperature, p.reasoning)
                == (
                    &parameters.name,
                    parameters.max_output,
                    parameters.temperature,
                    parameters.reasoning,
                )
        };
        let position = |wanted: &dyn Fn(&Track) -> bool| self.tracks.iter().position(wanted);
        position(&|track| fits(track) && same(track)).or_else(|| position(&fits))
    }

    fn take(&mut self, text: &str, line: u32, shown: &str) -> Result<(), Finding> {
        let exchange: Exchange =
            serde_json::from_str(text).map_err(|error| damaged(shown, line, text, &error))?;
        let mut before = exchange.follows.unwrap_or(Mark::START);
        if before != Mark::START && !self.steps.contains_key(&before) {
            return Err(finding(
                shown,
                (line, 1),
                format!(
                    "the exchange goes on from a conversation ({before}) that no line above it holds"
                ),
                "put back the line that is missing, or record the cassette anew",
            ));
        }
        for said in &exchange.items {
            let says = said.says.clone();
            // A mark hashes what stands before it, so a second way to it would be the same.
            self.steps.entry(said.mark).or_insert(Step { before, says });
            before = said.mark;
        }
        if let Some(names) = &exchange.offered {
            self.offered.insert(exchange.tools, names.clone());
        }
        self.tracks.push(Track {
            line,
            conversation: before,
            tools: exchange.tools,
            parameters: exchange.parameters.clone(),
            exchange: Some(exchange),
        });
        Ok(())
    }

    /// The conversation that ends with `mark`, from its first item on.
    pub fn conversation(&self, mark: Mark) -> Vec<Mark> {
        let mut marks = Vec::new();
        let mut seen = HashSet::new();
        let mut at = mark;
        // A cassette that was tampered with may go in a circle.
        while let Some(step) = self.steps.get(&at).filter(|_| seen.insert(at)) {
            marks.push(at);
            at = step.before;
        }
        marks.reverse();
        marks
    }
}

/// Check the first line.
pub fn check_header(line: &str, shown: &str) -> Result<(), Finding> {
    #[derive(Deserialize)]
    struct Version {
        cassette: u64,
    }
    let here = (1, 1);
    if line.trim().is_empty() {
        return Err(finding(
            shown,
            here,
            "the file is empty and no cassette",
            "record one: put `record:` with this file on a provider; it makes the file itself",
        ));
    }
    // The version first: what else a newer header holds is not for this build to say.
    let version = serde_json::from_str::<Version>(line).map_err(|_| {
        finding(
            shown,
            here,
            "the file is no cassette: its first line is not a cassette's header",
            "name a file that `record:` has made",
        )
    })?;
    if version.cassette > FORMAT {
        return Err(finding(
            shown,
            here,
            format!(
                "the cassette is of format {} and this charthouse reads up to {FORMAT}: a newer one has made it",
                version.cassette
            ),
            "update charthouse, or record the cassette anew",
        ));
    }
    serde_json::from_str::<Header>(line)
        .map(|_| ())
        .map_err(|error| damaged(shown, 1, line, &error))
}

fn damaged(shown: &str, line: u32, text: &str, error: &serde_json::Error) -> Finding {
    if error.is_eof() && !text.ends_with('\n') {
        return finding(
            shown,
            (line, 1),
            "the line breaks off in the middle: the host was stopped while it recorded, or the file was cut",
            MEND,
        );
    }
    // serde_json counts bytes, people count characters.
    let bytes = error.column().saturating_sub(1).min(text.len());
    let column = String::from_utf8_lossy(&text.as_bytes()[..bytes])
        .chars()
        .count()
        + 1;
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    finding(
        shown,
        (line, u32::try_from(column).unwrap_or(u32::MAX)),
        format!("the line is no exchange of a cassette: {what}"),
        MEND,
    )
}

fn unreadable(shown: &str, line: u32, error: &io::Error) -> Finding {
    finding(
        shown,
        (line, 1),
        format!("the line cannot be read ({error})"),
        MEND,
    )
}

fn finding(
    shown: &str,
    (line, column): (u32, u32),
    what: impl Into<String>,
    help: &str,
) -> Finding {
    Finding::error(&Place::new(shown, line, column), what, help)
}

/// Lines with their end, so that a last line without one can be told.
struct Lines<R> {
    source: R,
    line: u32,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut bytes = Vec::new();
        let read = self
            .source
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes);
        self.line += 1;
        match read {
            Err(error) => Some(Err(error)),
            Ok(0) => None,
            Ok(_) => Some(
                String::from_utf8(bytes)
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")),
            ),
        }
    }
}
