//! Text to file patches. What stands between them (a letter's text, `Index:` lines) is passed over, as every patch program does; what stands in them is not.

use crate::names;

/// What a patch does to one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FilePatch {
    /// Its path before; `None` where it is created.
    pub old: Option<String>,
    /// Its path after; `None` where it is deleted.
    pub new: Option<String>,
    /// Whether the old one stays beside the new one.
    pub copy: bool,
    /// In the order in which they stand.
    pub hunks: Vec<Hunk>,
}

/// One place in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// The first of its lines before, counted from 1; 0 where there is none. `None` where the header gives no numbers.
    pub start: Option<usize>,
    pub lines: Vec<Line>,
    /// The header as it stands, for what is said of it.
    pub header: String,
}

/// A line of a hunk.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: Kind,
    /// Without its line end.
    pub text: String,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Context,
    Removed,
    Added,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Newline,
    CrLf,
    /// `\ No newline at end of file`.
    Missing,
}

impl Line {
    pub fn is_old(&self) -> bool {
        self.kind != Kind::Added
    }

    pub fn is_new(&self) -> bool {
        self.kind != Kind::Removed
    }
}

/// What was read of one file so far.
#[derive(Default)]
struct Begun {
    patch: FilePatch,
    /// What the `diff --git` line says, for a file without `---` and `+++`.
    git: Option<String>,
    is_git: bool,
    created: bool,
    deleted: bool,
    mode_changed: bool,
    /// Whether `rename` or `copy` lines gave the paths.
    moved: bool,
    /// Whether `---` and `+++` were there.
    named: bool,
}

/// Read `text`. An error names the file and the hunk.
pub fn parse(text: &str, strip: Option<usize>) -> Result<Vec<FilePatch>, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut files = Vec::new();
    let mut begun: Option<Begun> = None;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_end_matches(['\n', '\r']);
        let next = lines.get(at + 1).copied().unwrap_or_default();
        if let Some(rest) = line.strip_prefix("diff --git ") {
            finish(begun.take(), strip, &mut files)?;
            begun = Some(Begun {
                git: names::git(rest),
                is_git: true,
                ..Begun::default()
            });
        } else if line.starts_with("--- ") && next.starts_with("+++ ") {
            let mut file = match begun.take() {
                Some(file) if file.is_git && !file.named => file,
                other => {
                    finish(other, strip, &mut files)?;
                    Begun::default()
                }
            };
            file.named = true;
            let (old, new) = (names::path(&line[4..])?, names::path(&next[4..])?);
            if !file.moved {
                (file.patch.old, file.patch.new) = (old, new);
            }
            begun = Some(file);
            at += 1;
        } else if line.starts_with("@@") {
            let Some(file) = begun.as_mut().filter(|file| file.named) else {
                return Err(format!(
                    "line {} of the patch, `{line}`, is a hunk without a file: put `--- a/PATH` and `+++ b/PATH` before it",
                    at + 1
                ));
            };
            at = hunk(&lines, at, file)?;
            continue;
        } else if let Some(file) = begun.as_mut()
            && file.is_git
            && !file.named
        {
            extended(line, file)?;
        } else if let Some(file) = &begun
            && file.patch.hunks.last().is_some()
            && line.starts_with(['+', '-', ' ', '\\'])
            && !line.starts_with("-- ")
            && line != "--"
        {
            return Err(too_long(file, line));
        }
        at += 1;
    }
    finish(begun, strip, &mut files)?;
    if files.is_empty() {
        return Err(
            "there is no file in the patch: each begins with a line `--- a/PATH` and a line `+++ b/PATH`, then hunks that begin with `@@ -1,3 +1,4 @@`"
                .to_owned(),
        );
    }
    Ok(files)
}

fn shown(file: &Begun) -> &str {
    let patch = &file.patch;
    let name = patch.new.as_deref().or(patch.old.as_deref());
    name.or(file.git.as_deref()).unwrap_or("a file")
}

fn too_long(file: &Begun, line: &str) -> String {
    let number = file.patch.hunks.len();
    let header = file.patch.hunks.last().map_or("", |hunk| &hunk.header);
    format!(
        "`{}`, hunk {number} (`{header}`): the line `{line}` stands behind the hunk's end; its header gives fewer lines than it has",
        shown(file)
    )
}

/// A line of git's between `diff --git` and `---`.
fn extended(line: &str, file: &mut Begun) -> Result<(), String> {
    let name = shown(file).to_owned();
    let strange = |what: &str| Err(format!("`{name}`: {what}"));
    if let Some(path) = line.strip_prefix("rename from ") {
        file.patch.old = names::path(path)?;
        file.moved = true;
    } else if let Some(path) = line.strip_prefix("rename to ") {
        file.patch.new = names::path(path)?;
    } else if let Some(path) = line.strip_prefix("copy from ") {
        file.patch.old = names::path(path)?;
        file.moved = true;
        file.patch.copy = true;
    } else if let Some(path) = line.strip_prefix("copy to ") {
        file.patch.new = names::path(path)?;
    } else if let Some(mode) = line.strip_prefix("new file mode ") {
        file.created = true;
        if !mode.starts_with("100") {
            return strange("only regular files are made, no links and no submodules");
        }
    } else if let Some(mode) = line.strip_prefix("deleted file mode ") {
        file.deleted = true;
        if !mode.starts_with("100") {
            return strange("only regular files are deleted, no links and no submodules");
        }
    } else if line.starts_with("old mode ") || line.starts_with("new mode ") {
        file.mode_changed = true;
    } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
        return strange("binary patches cannot be applied");
    }
    Ok(())
}

/// Take up a file that has been read to its end.
fn finish(
    begun: Option<Begun>,
    strip: Option<usize>,
    files: &mut Vec<FilePatch>,
) -> Result<(), String> {
    let Some(mut file) = begun else {
        return Ok(());
    };
    if file.moved && (file.patch.old.is_none() || file.patch.new.is_none()) {
        return Err(format!(
            "`{}`: `rename from` and `rename to` (or `copy from` and `copy to`) come together",
            shown(&file)
        ));
    }
    if !file.named && !file.moved {
        match file.git.clone() {
            Some(path) if file.created => file.patch.new = Some(path),
            Some(path) if file.deleted => file.patch.old = Some(path),
            // Nothing but a mode, which is ignored.
            _ if file.mode_changed => return Ok(()),
            _ => {
                return Err(format!(
                    "`{}`: the patch says nothing about it",
                    shown(&file)
                ));
            }
        }
    }
    if file.named && file.patch.hunks.is_empty() && file.patch.old == file.patch.new {
        return Err(format!(
            "`{}` has no hunk: each begins with a line like `@@ -1,3 +1,4 @@`",
            shown(&file)
        ));
    }
    let prefixed = file.is_git || has_prefixes(&file.patch);
    let count = strip.unwrap_or(usize::from(prefixed));
    // What `rename from` says has no `a/`.
    let count = count.saturating_sub(usize::from(file.moved));
    let mut patch = file.patch;
    for path in [&mut patch.old, &mut patch.new].into_iter().flatten() {
        *path = names::stripped(path, count)?;
    }
    if patch.old.is_none() && patch.new.is_none() {
        return Err("a file is `/dev/null` before and after".to_owned());
    }
    files.push(patch);
    Ok(())
}

/// Whether the paths begin as git's do.
fn has_prefixes(patch: &FilePatch) -> bool {
    let begins = |path: &Option<String>, prefix: &str| {
        path.as_deref().is_none_or(|path| path.starts_with(prefix))
    };
    begins(&patch.old, "a/") && begins(&patch.new, "b/")
}

/// `-10,7` to (10, 7).
fn range(text: &str, sign: char) -> Option<(usize, usize)> {
    let text = text.strip_prefix(sign)?;
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

/// Read the hunk whose header is `lines[at]`; the number of the line behind it.
fn hunk(lines: &[&str], at: usize, file: &mut Begun) -> Result<usize, String> {
    let header = lines[at].trim_end_matches(['\n', '\r']).to_owned();
    let number = file.patch.hunks.len() + 1;
    let wrong = |file: &Begun, what: &str| {
        Err(format!(
            "`{}`, hunk {number} (`{header}`): {what}",
            shown(file)
        ))
    };
    let mut words = header.trim_start_matches('@').split_whitespace();
    let ranges = (
        words.next().and_then(|word| range(word, '-')),
        words.next().and_then(|word| range(word, '+')),
    );
    let counts = match ranges {
        (Some((_, old)), Some((_, new))) => Some((old, new)),
        _ if header
            .trim_start_matches('@')
            .trim_start()
            .starts_with(['-', '+']) =>
        {
            return wrong(
                file,
                "its header cannot be read; it is written `@@ -10,3 +10,4 @@`",
            );
        }
        _ => None,
    };
    let mut hunk = Hunk {
        start: ranges.0.map(|(start, _)| start),
        lines: Vec::new(),
        header: header.clone(),
    };
    let mut seen = (0, 0);
    let mut next = at + 1;
    while let Some(line) = lines.get(next) {
        let is_over = match counts {
            Some(counts) => seen == counts,
            None => ends_a_hunk(lines, next),
        };
        if line.starts_with('\\') {
            if let Some(last) = hunk.lines.last_mut() {
                last.end = End::Missing;
            }
            next += 1;
            continue;
        }
        if is_over {
            break;
        }
        let Some(line) = read_line(line) else {
            break;
        };
        seen.0 += usize::from(line.is_old());
        seen.1 += usize::from(line.is_new());
        hunk.lines.push(line);
        next += 1;
    }
    if counts.is_none() {
        // Blank lines behind the last hunk are the letter's, not the file's.
        while hunk.lines.last().is_some_and(|line| {
            line.kind == Kind::Context && line.text.is_empty() && next == lines.len()
        }) {
            hunk.lines.pop();
        }
    }
    if let Some((old, new)) = counts
        && seen != (old, new)
    {
        return wrong(
            file,
            &format!(
                "its header gives {old} old and {new} new lines, but it has {} and {}; correct the header or complete the hunk (context lines begin with a space)",
                seen.0, seen.1
            ),
        );
    }
    if hunk.lines.iter().all(|line| line.kind == Kind::Context) {
        return wrong(file, "it changes nothing: no line begins with `+` or `-`");
    }
    file.patch.hunks.push(hunk);
    Ok(next)
}

/// Whether a hunk without numbers ends before `lines[at]`.
fn ends_a_hunk(lines: &[&str], at: usize) -> bool {
    let next = lines.get(at + 1).copied().unwrap_or_default();
    lines[at].starts_with("@@")
        || lines[at].starts_with("diff --git ")
        || lines[at].starts_with("--- ") && next.starts_with("+++ ")
}

/// A line of a hunk. One without anything, not even the space, is an empty line of context that somebody trimmed.
fn read_line(line: &str) -> Option<Line> {
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => match line.strip_suffix('\r') {
            Some(line) => (line, End::CrLf),
            None => (line, End::Newline),
        },
        None => (line, End::Newline),
    };
    let kind = match line.as_bytes().first() {
        None | Some(b' ') => Kind::Context,
        Some(b'-') => Kind::Removed,
        Some(b'+') => Kind::Added,
        Some(_) => return None,
    };
    let text = line.get(1..).unwrap_or_default().to_owned();
    Some(Line { kind, text, end })
}
