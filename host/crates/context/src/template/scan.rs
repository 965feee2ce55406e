//! Where in a template something is written. The engine compiles a template but says of what it finds only the line, and people want the column.

/// A `{% tag %}`, or an `{{ expression }}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// A tag's first word; an expression has none.
    pub word: &'a str,
    /// Where its first brace stands, in bytes.
    pub start: usize,
    /// Where what follows it begins.
    pub end: usize,
}

/// Whether a tag of this name reads or is read by another template.
pub fn reaches_out(word: &str) -> bool {
    matches!(word, "include" | "import" | "from" | "extends" | "block")
}

/// The tags and expressions of a template, in order; what stands in comments and in `raw` is none.
pub struct Tags<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Tags<'a> {
    pub fn of(source: &'a str) -> Self {
        Tags { source, at: 0 }
    }

    /// The offset after the next `end`.
    fn after(&self, from: usize, end: &str) -> usize {
        let found = self.source[from..].find(end);
        found.map_or(self.source.len(), |at| from + at + end.len())
    }

    /// The offset after the `end` of a tag that has begun: one that stands in no text and no bracket.
    fn after_tag(&self, from: usize, end: &str) -> usize {
        let bytes = self.source.as_bytes();
        let mut depth = 0usize;
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                _ if depth == 0 && bytes[at..].starts_with(end.as_bytes()) => {
                    return at + end.len();
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                quote @ (b'"' | b'\'') => {
                    at += 1;
                    while at < bytes.len() && bytes[at] != quote {
                        at += 1 + usize::from(bytes[at] == b'\\');
                    }
                }
                _ => {}
            }
            at += 1;
        }
        bytes.len()
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let start = self.at + self.source[self.at..].find('{')?;
            let rest = &self.source[start + 1..];
            self.at = start + 1;
            let (word, end) = match rest.as_bytes().first() {
                Some(b'#') => {
                    self.at = self.after(start + 2, "#}");
                    continue;
                }
                Some(b'{') => ("", self.after_tag(start + 2, "}}")),
                Some(b'%') => {
                    let inside = rest[1..].trim_start_matches(['-', '+']).trim_start();
                    let end = inside.find(|c: char| !c.is_ascii_alphabetic());
                    let word = &inside[..end.unwrap_or(inside.len())];
                    (word, self.after_tag(start + 2, "%}"))
                }
                _ => continue,
            };
            self.at = match word {
                "raw" => self.after(end, "endraw"),
                _ => end,
            };
            return Some(Tag { word, start, end });
        }
    }
}

/// A filter or a test that an expression or a tag uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is a filter; else it is a test.
    pub filter: bool,
    /// Where the name stands.
    pub at: usize,
}

/// The filters and tests that `tag` of `source` uses: names behind `|`, behind `is` or `is not`, and behind the tag `filter`.
pub fn uses<'a>(source: &'a str, tag: &Tag<'a>) -> Vec<Use<'a>> {
    let mut found = Vec::new();
    let mut words = Words {
        source: &source[..tag.end],
        at: tag.start + 2,
    }
    .peekable();
    let mut before = "";
    while let Some((at, word)) = words.next() {
        let filter = match word {
            "|" => true,
            "is" if before != "." => {
                words.next_if(|(_, next)| *next == "not");
                false
            }
            "filter" if tag.word == "filter" && before.is_empty() => true,
            _ => {
                // The dashes of `{%-` are no part of what is said.
                before = if matches!(word, "-" | "+") && before.is_empty() {
                    ""
                } else {
                    word
                };
                continue;
            }
        };
        before = &source[at..at + word.len()];
        if let Some((at, name)) = words.next_if(|(_, next)| is_name(next)) {
            before = name;
            found.push(Use { name, filter, at });
        }
    }
    found
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and signs from `at` on, each with where it stands; what stands in quotes is one.
struct Words<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.source.get(self.at..)?;
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.source[start..];
        let first = rest.chars().next()?;
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            '"' | '\'' => {
                let mut escaped = true;
                let end = rest.find(|c| {
                    let closes = c == first && !escaped;
                    escaped = c == '\\' && !escaped;
                    closes
                });
                end.map_or(rest.len(), |end| end + 1)
            }
            c if part(c) => rest.find(|c| !part(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        self.at = start + length;
        Some((start, &rest[..length]))
    }
}

/// Where `path` (such as `agent.name`) first stands in an expression or a tag.
pub fn find_name(source: &str, path: &str) -> Option<usize> {
    occurrences(source, path).next()
}

/// Where `path` first stands on line `line`, counted from 1.
pub fn names_on_line(source: &str, path: &str, line: usize) -> Option<usize> {
    let start: usize = source
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let end = source[start..]
        .find('\n')
        .map_or(source.len(), |at| start + at);
    occurrences(source, path).find(|at| (start..end).contains(at))
}

/// Whole occurrences of `path` between braces.
fn occurrences<'a>(source: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    source
        .match_indices(path)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = source[..at].chars().next_back();
            let after = source[at + path.len()..].chars().next();
            !before.is_some_and(|c| part(c) || c == '.') && !after.is_some_and(part)
        })
        .filter(|&at| {
            let opened = source[..at].rfind("{{").max(source[..at].rfind("{%"));
            let closed = source[..at].rfind("}}").max(source[..at].rfind("%}"));
            opened.is_some() && opened > closed
        })
}
