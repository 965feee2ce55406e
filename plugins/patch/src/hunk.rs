//! A file's hunks onto a file's content, without any IO.
//!
//! A hunk fits where every one of its old lines stands, in order and without a gap. It is looked for where its header says (moved by as much as the hunk
//! before it was); where it does not fit there, anywhere behind the hunk before it, and then it must fit in one place only.

use crate::parse::{End, FilePatch, Hunk, Kind, Line};

/// How many places are told of a hunk that fits in several.
const TOLD: usize = 5;
/// How much of a line is told.
const TEXT: usize = 120;

/// What the hunks made of a file.
#[derive(Debug)]
pub struct Patched {
    pub content: Vec<u8>,
    pub added: usize,
    pub removed: usize,
    /// By how many lines each hunk was off.
    pub offsets: Vec<i64>,
}

/// A line of the file: its text and its end.
type Stands<'a> = (&'a [u8], &'a [u8]);

/// Apply the hunks of `patch` to `content`. The error says which hunk and why.
pub fn apply(content: &[u8], patch: &FilePatch) -> Result<Patched, String> {
    let lines: Vec<Stands<'_>> = content
        .split_inclusive(|byte| *byte == b'\n')
        .map(split)
        .collect();
    let ends = Ends::of(&lines, patch);
    let mut made: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let keep = |made: &mut Vec<(Vec<u8>, Vec<u8>)>, lines: &[Stands<'_>]| {
        made.extend(
            lines
                .iter()
                .map(|(text, end)| (text.to_vec(), end.to_vec())),
        );
    };
    let (mut done, mut off) = (0, 0_i64);
    let mut patched = Patched {
        content: Vec::new(),
        added: 0,
        removed: 0,
        offsets: Vec::new(),
    };
    for (number, hunk) in patch.hunks.iter().enumerate() {
        let of = match patch.hunks.len() {
            1 => String::new(),
            many => format!(" of {many}"),
        };
        let name = format!("hunk {}{of} (`{}`)", number + 1, hunk.header);
        let at = place(&lines, hunk, done, off, &ends).map_err(|why| format!("{name} {why}"))?;
        if let Some(expected) = expected(hunk, off) {
            off += at as i64 - expected;
        }
        patched.offsets.push(off);
        keep(&mut made, &lines[done..at]);
        let mut old = at;
        for line in &hunk.lines {
            match line.kind {
                Kind::Context => {
                    keep(&mut made, &lines[old..=old]);
                    old += 1;
                }
                Kind::Removed => {
                    patched.removed += 1;
                    old += 1;
                }
                Kind::Added => {
                    patched.added += 1;
                    made.push((line.text.clone().into_bytes(), ends.of_added(line)));
                }
            }
        }
        done = old;
    }
    keep(&mut made, &lines[done..]);
    // Only the last line can be without an end.
    let last = made.len().saturating_sub(1);
    for (at, (text, end)) in made.into_iter().enumerate() {
        patched.content.extend(text);
        match end.is_empty() && at < last {
            true => patched.content.extend(ends.usual.bytes()),
            false => patched.content.extend(end),
        }
    }
    Ok(patched)
}

fn split(line: &[u8]) -> Stands<'_> {
    let end = match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    };
    line.split_at(line.len() - end)
}

/// How lines end in the file and in its patch.
struct Ends {
    /// What added lines get where the patch only writes its own kind of end.
    usual: &'static str,
    /// Whether the patch has both kinds, so that its line ends are meant.
    meant: bool,
}

impl Ends {
    fn of(lines: &[Stands<'_>], patch: &FilePatch) -> Self {
        let all = || patch.hunks.iter().flat_map(|hunk| &hunk.lines);
        let has = |end| all().any(|line| line.end == end);
        let meant = has(End::CrLf) && has(End::Newline);
        let crlf = lines.iter().filter(|(_, end)| *end == b"\r\n").count();
        let usual = match lines.first() {
            // A new file gets what its patch has.
            None if has(End::CrLf) => "\r\n",
            None => "\n",
            Some(_) if crlf * 2 > lines.len() => "\r\n",
            Some((_, end)) if lines.len() == 1 && *end == b"\r\n" => "\r\n",
            Some(_) => "\n",
        };
        Ends { usual, meant }
    }

    fn of_added(&self, line: &Line) -> Vec<u8> {
        match line.end {
            End::Missing => Vec::new(),
            End::CrLf if self.meant => b"\r\n".to_vec(),
            End::Newline if self.meant => b"\n".to_vec(),
            _ => self.usual.as_bytes().to_vec(),
        }
    }

    /// Whether the line of the file is the old `line` of the patch.
    fn same(&self, stands: &Stands<'_>, line: &Line, is_last: bool) -> bool {
        if stands.0 != line.text.as_bytes() {
            return false;
        }
        match line.end {
            End::Missing => is_last && stands.1.is_empty(),
            // The last line may lack its end without the patch saying so.
            _ if stands.1.is_empty() => true,
            End::CrLf if self.meant => stands.1 == b"\r\n",
            End::Newline if self.meant => stands.1 == b"\n",
            _ => true,
        }
    }
}

/// Where the hunk should begin, counted from 0, when those before it were off by `off`.
fn expected(hunk: &Hunk, off: i64) -> Option<i64> {
    let start = hunk.start? as i64;
    let is_insertion = !hunk.lines.iter().any(Line::is_old);
    // An insertion's number is that of the line before it.
    Some(
        if is_insertion {
            start
        } else {
            (start - 1).max(0)
        } + off,
    )
}

/// Where the hunk fits in `lines`, at or behind `from`.
fn place(
    lines: &[Stands<'_>],
    hunk: &Hunk,
    from: usize,
    off: i64,
    ends: &Ends,
) -> Result<usize, String> {
    let old: Vec<&Line> = hunk.lines.iter().filter(|line| line.is_old()).collect();
    let expected = expected(hunk, off);
    let stated = expected.and_then(|at| usize::try_from(at).ok());
    let fits = |at: usize, wanted: &[&Line]| {
        at + wanted.len() <= lines.len()
            && wanted
                .iter()
                .enumerate()
                .all(|(i, line)| ends.same(&lines[at + i], line, at + i + 1 == lines.len()))
    };
    if old.is_empty() {
        return match stated {
            Some(at) if at >= from && at <= lines.len() => Ok(at),
            _ if lines.is_empty() => Ok(0),
            _ => Err(
                "only adds lines and does not say between which: give a line or more of context around them"
                    .to_owned(),
            ),
        };
    }
    if let Some(at) = stated
        && at >= from
        && fits(at, &old)
    {
        return Ok(at);
    }
    let places: Vec<usize> = (from..=lines.len().saturating_sub(old.len()))
        .filter(|at| fits(*at, &old))
        .collect();
    match places.as_slice() {
        [at] => Ok(*at),
        [] => {
            let new: Vec<&Line> = hunk.lines.iter().filter(|line| line.is_new()).collect();
            let is_there = hunk.lines.iter().any(|line| line.kind == Kind::Added)
                && (0..=lines.len().saturating_sub(new.len())).any(|at| fits(at, &new));
            if is_there {
                return Err(
                    "does not fit, but what it would make of the file is already there: leave it out"
                        .to_owned(),
                );
            }
            if (0..from).any(|at| fits(at, &old)) {
                return Err(
                    "fits only before the end of the hunk before it: hunks stand in the order of the file's lines and do not overlap"
                        .to_owned(),
                );
            }
            Err(mismatch(lines, &old, from, stated, ends))
        }
        many => Err(format!(
            "fits in {} places (from lines {}) and not where it says: give more lines of context, or the right line number",
            many.len(),
            listed(many)
        )),
    }
}

fn listed(places: &[usize]) -> String {
    let told: Vec<String> = places
        .iter()
        .take(TOLD)
        .map(|at| (at + 1).to_string())
        .collect();
    match places.len() > TOLD {
        true => format!("{} and others", told.join(", ")),
        false => told.join(", "),
    }
}

/// What stands where the hunk comes nearest to fitting.
fn mismatch(
    lines: &[Stands<'_>],
    old: &[&Line],
    from: usize,
    stated: Option<usize>,
    ends: &Ends,
) -> String {
    let alike = |at: usize| {
        let pairs = old.iter().zip(lines.iter().skip(at));
        pairs
            .filter(|(line, stands)| stands.0 == line.text.as_bytes())
            .count()
    };
    let near = |at: usize| stated.map_or(0, |stated| stated.abs_diff(at));
    let best = (from..lines.len()).max_by_key(|at| (alike(*at), std::cmp::Reverse(near(*at))));
    let best = match best {
        Some(at) if alike(at) > 0 => at,
        _ => stated.unwrap_or(from).max(from),
    };
    let wrong = old.iter().enumerate().find(|(i, line)| {
        lines
            .get(best + i)
            .is_none_or(|stands| !ends.same(stands, line, best + i + 1 == lines.len()))
    });
    let Some((i, line)) = wrong else {
        return "does not fit".to_owned();
    };
    let expects = cut(&line.text);
    match lines.get(best + i) {
        None => format!(
            "does not fit: it expects `{expects}` as line {}, but the file has {} lines",
            best + i + 1,
            lines.len()
        ),
        Some(stands) if stands.0 == line.text.as_bytes() => format!(
            "does not fit: line {}, `{expects}`, ends otherwise than it says ({})",
            best + i + 1,
            match stands.1 {
                b"\r\n" => "in the file, with CR LF",
                b"\n" => "in the file, with a newline",
                _ => "in the file, without a newline",
            }
        ),
        Some(stands) => format!(
            "does not fit: line {} is `{}`, but it expects `{expects}`; read the file again and give its lines exactly",
            best + i + 1,
            cut(&String::from_utf8_lossy(stands.0))
        ),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
