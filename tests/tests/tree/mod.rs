//! The other side of the comparison: counts a tree by the rules as the report states them, knowing nothing of how the plugins do it, and
//! reads a report back from its Markdown.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A row of languages: name, files, lines, bytes.
pub type Language = (String, usize, usize, usize);
/// A row of files: path, bytes, lines or the word `binary`.
pub type Large = (String, usize, String);
/// Where a mark stands: file and line.
pub type Place = (String, usize);

/// What a tree holds.
#[derive(Debug, Default)]
pub struct Figures {
    pub size: BTreeMap<String, usize>,
    pub languages: Vec<Language>,
    pub largest: Vec<Large>,
    pub marks: BTreeMap<Place, String>,
    pub left_out: BTreeMap<String, usize>,
}

impl Figures {
    /// Count `root`.
    pub fn of(root: &Path) -> Self {
        let mut figures = Figures::default();
        for key in ["Files", "of these binary", "Lines", "Bytes"] {
            figures.size.insert(key.into(), 0);
        }
        for key in [
            "Hidden entries",
            "Symbolic links",
            "Cache directories",
            "Special files",
            "Unreadable",
        ] {
            figures.left_out.insert(key.into(), 0);
        }
        figures.walk(root, "");
        figures
            .languages
            .sort_by(|a, b| (b.2, b.1, &a.0).cmp(&(a.2, a.1, &b.0)));
        figures
            .largest
            .sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        let binary = figures.size["of these binary"];
        figures.left_out.insert(
            "Binary files (counted as files, without lines)".into(),
            binary,
        );
        figures
    }

    fn leave_out(&mut self, why: &str) {
        *self.left_out.get_mut(why).expect("a known reason") += 1;
    }

    fn walk(&mut self, directory: &Path, prefix: &str) {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let kind = entry.file_type().unwrap();
            if name.as_bytes().starts_with(b".") {
                self.leave_out("Hidden entries");
                continue;
            }
            let Some(name) = name.to_str() else {
                self.leave_out("Unreadable");
                continue;
            };
            let path = format!("{prefix}{name}");
            if kind.is_symlink() {
                self.leave_out("Symbolic links");
            } else if kind.is_dir() {
                let tag = fs::read(entry.path().join("CACHEDIR.TAG")).unwrap_or_default();
                if tag.starts_with(CACHE_SIGNATURE) {
                    self.leave_out("Cache directories");
                } else {
                    self.walk(&entry.path(), &format!("{path}/"));
                }
            } else if kind.is_file() {
                self.file(&path, name, &fs::read(entry.path()).unwrap());
            } else {
                self.leave_out("Special files");
            }
        }
    }

    fn file(&mut self, path: &str, name: &str, bytes: &[u8]) {
        let binary = bytes.contains(&0);
        let lines = if binary {
            0
        } else {
            bytes.iter().filter(|byte| **byte == b'\n').count()
        };
        for (key, more) in [
            ("Files", 1),
            ("of these binary", usize::from(binary)),
            ("Lines", lines),
            ("Bytes", bytes.len()),
        ] {
            *self.size.get_mut(key).expect("a known figure") += more;
        }
        let language = language(name);
        match self.languages.iter_mut().find(|row| row.0 == language) {
            Some(row) => (row.1, row.2, row.3) = (row.1 + 1, row.2 + lines, row.3 + bytes.len()),
            None => self.languages.push((language, 1, lines, bytes.len())),
        }
        let shown = if binary {
            "binary".to_owned()
        } else {
            lines.to_string()
        };
        self.largest.push((visible(path), bytes.len(), shown));
        if !binary {
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                let text = String::from_utf8_lossy(line);
                if text.contains("TODO") || text.contains("FIXME") {
                    self.marks
                        .insert((visible(path), index + 1), visible(text.trim()));
                }
            }
        }
    }
}

/// The few languages that these tests write.
fn language(name: &str) -> String {
    let known = [
        ("rs", "Rust"),
        ("py", "Python"),
        ("md", "Markdown"),
        ("txt", "Text"),
        ("sh", "Shell"),
        ("js", "JavaScript"),
        ("yaml", "YAML"),
        ("wit", "WIT"),
    ];
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => {
            match known.iter().find(|(known, _)| *known == extension) {
                Some((_, language)) => (*language).to_owned(),
                None => format!("other (.{extension})"),
            }
        }
        _ => "other (no extension)".to_owned(),
    }
}

/// A text as a report shows it on one line.
fn visible(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if c.is_control() || c == '\u{202e}' => {
                shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)))
            }
            c => shown.push(c),
        }
    }
    shown
}

/// A report, read back.
#[derive(Debug)]
pub struct Report {
    pub text: String,
    pub size: BTreeMap<String, usize>,
    pub languages: Vec<Language>,
    pub largest: Vec<Large>,
    pub marks: Vec<(Place, String)>,
    pub marked_lines: usize,
    pub marked_files: usize,
    pub left_out: BTreeMap<String, usize>,
}

impl Report {
    /// Read the Markdown of a report.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        let section = |title: &str| -> Vec<&str> {
            let heading = format!("## {title}");
            let mut lines = text.lines().skip_while(|line| **line != heading);
            assert!(
                lines.next().is_some(),
                "there is no section {title}: {text}"
            );
            lines.take_while(|line| !line.starts_with("## ")).collect()
        };
        let number = |text: &str| -> usize {
            text.parse()
                .unwrap_or_else(|_| panic!("`{text}` is no number"))
        };
        let pairs = |lines: &[&str]| -> BTreeMap<String, usize> {
            rows(lines)
                .into_iter()
                .map(|row| (row[0].clone(), number(&row[1])))
                .collect()
        };
        let marks = section("Marks");
        let summary: Vec<&str> = marks
            .iter()
            .find(|line| line.contains("hold TODO or FIXME"))
            .expect("a summary of the marks")
            .split(' ')
            .collect();
        let listed = marks
            .iter()
            .filter_map(|line| line.strip_prefix("- "))
            .map(mark);
        Report {
            text: text.to_owned(),
            size: pairs(&section("Size")),
            languages: rows(&section("Languages"))
                .into_iter()
                .map(|row| {
                    (
                        row[0].clone(),
                        number(&row[1]),
                        number(&row[2]),
                        number(&row[3]),
                    )
                })
                .collect(),
            largest: rows(&section("Largest files"))
                .into_iter()
                .map(|row| (code(&row[0]).0, number(&row[1]), row[2].clone()))
                .collect(),
            marked_lines: number(summary[0]),
            marked_files: number(summary[3]),
            marks: listed.collect(),
            left_out: pairs(&section("Rules")),
        }
    }
}

/// `- `file:line` `text``
fn mark(line: &str) -> (Place, String) {
    let (place, rest) = code(line);
    let (path, number) = place.rsplit_once(':').expect("a mark has a line");
    let number = number.parse().expect("a line is a number");
    // An empty text has no span of its own to be read.
    ((path.to_owned(), number), code(rest.trim_start()).0)
}

/// The cells of a table's rows, without the two lines of its head.
fn rows(lines: &[&str]) -> Vec<Vec<String>> {
    let table = lines.iter().filter(|line| line.starts_with('|')).skip(2);
    table.map(|line| cells(line)).collect()
}

/// Cells end at a `|` that no `\` stands before.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in line.chars().skip(1) {
        match c {
            '|' if !escaped => cells.push(String::new()),
            c => cells.last_mut().expect("there is one").push(c),
        }
        escaped = c == '\\';
    }
    cells.pop();
    cells
        .iter()
        .map(|cell| {
            cell.strip_prefix(' ')
                .and_then(|cell| cell.strip_suffix(' '))
                .unwrap_or(cell)
                .to_owned()
        })
        .collect()
}

/// The text of the code span that `text` begins with, as CommonMark reads it in a table, and what follows.
fn code(text: &str) -> (String, &str) {
    let fence = text.chars().take_while(|c| *c == '`').count();
    assert!(fence > 0, "no code span: {text}");
    let body = &text[fence..];
    let mut at = 0;
    let end = loop {
        let run = body[at..]
            .find('`')
            .unwrap_or_else(|| panic!("a code span without an end: {text}"))
            + at;
        let length = body[run..].chars().take_while(|c| *c == '`').count();
        if length == fence {
            break run;
        }
        at = run + length;
    };
    let inside = &body[..end];
    let padded = inside.len() > 2
        && inside.starts_with(' ')
        && inside.ends_with(' ')
        && !inside.trim().is_empty();
    let inside = if padded {
        &inside[1..inside.len() - 1]
    } else {
        inside
    };
    (inside.replace("\\|", "|"), &body[end + fence..])
}

/// Everything below `root`: path, size, time of the last change, content of files. Links are not followed.
pub fn contents(root: &Path) -> BTreeMap<Vec<u8>, (u64, Option<SystemTime>, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        let content = if metadata.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        all.insert(
            path.as_os_str().as_bytes().to_owned(),
            (metadata.len(), metadata.modified().ok(), content),
        );
    }
    all
}
