//! What the scanners know of each language, as data: how its comments and strings look, which words define something, and how blocks are made.
//!
//! A language is added by one entry in a table below and one test case beside the scanner.

mod braces;
mod lines;

use crate::outline::Kind;

/// How definitions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Blocks in braces; a definition is what stands before `{` or `;`.
    Braces,
    /// Blocks by indentation; a definition is a line.
    Indented,
    /// Functions are lines, and nothing is nested.
    Flat,
    /// Headings.
    Markdown,
    /// Tables and keys.
    Toml,
    /// Keys at the start of a line.
    Yaml,
}

/// Strings in which nothing, or something unusual, is an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// None.
    No,
    /// `r"…"`, `r#"…"#`, with `b` or `c` before.
    Rust,
    /// `#"…"#`.
    Hashes,
    /// `R"name(…)name"`.
    Delimited,
    /// `r"…"`.
    Prefix,
    /// `@"…""…"`.
    Verbatim,
}

/// One way to write a string.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether a backslash takes the next character's meaning away.
    pub escapes: bool,
    /// Whether it may hold several lines.
    pub lines: bool,
    /// Whether it is a template of JavaScript's.
    pub template: bool,
    /// How a piece of program in it begins, the last byte of which is its bracket.
    pub inside: &'static str,
}

/// What stands in the block of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// Definitions that are listed.
    Members,
    /// A program, or whatever else is of no interest.
    Body,
}

/// Where a definition has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Behind its keyword.
    Next,
    /// Before the first parenthesis.
    Call,
    /// The last of a path behind its keyword (`def self.name`).
    Path,
    /// The keyword is the name.
    Own,
    /// It has none: it says more of something that has one (`impl`, `extension`).
    None,
}

/// A word that begins a definition.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    pub word: &'static str,
    pub kind: Kind,
    pub opens: Opens,
    pub name: Name,
}

/// How functions look that no word begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// There are none.
    No,
    /// `type name(…) {`, anywhere.
    Typed,
    /// `name(…) {` in a class, and `a.b = function (…) {`.
    Methods,
}

/// How a definition tells whether other files can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Always, unless one of [`HIDING`] stands before it.
    Unless,
    /// Where this word stands before it; members of a trait or a class are as visible as that.
    By(&'static str),
    /// Where its name begins with a capital.
    Capital,
}

/// Words that hide a definition from other files.
pub const HIDING: [&str; 2] = ["private", "fileprivate"];

/// A language.
#[derive(Debug)]
pub struct Language {
    /// Its name, as `languages` takes it.
    pub name: &'static str,
    /// Languages of one family call each other's definitions by name.
    pub family: u8,
    pub extensions: &'static [&'static str],
    /// Whole file names.
    pub names: &'static [&'static str],
    pub shape: Shape,
    /// How a comment up to the end of the line begins, and what must not follow.
    pub line_comments: &'static [(&'static str, Option<u8>)],
    /// Whether a line comment begins only behind a blank.
    pub comments_after_blanks: bool,
    pub block_comments: &'static [(&'static str, &'static str)],
    pub nested_comments: bool,
    /// Longer openings first.
    pub quotes: &'static [Quote],
    /// `'x'` is a character and not a string.
    pub characters: bool,
    pub raw: Raw,
    /// `/…/` is a regular expression.
    pub regex: bool,
    /// How a heredoc begins.
    pub heredocs: Option<&'static str>,
    /// Whether blanks may stand between it and its word, and the word may be in lower case, as in a shell.
    pub heredoc_blanks: bool,
    /// Lines that begin with `#` are for a preprocessor.
    pub preprocessor: bool,
    /// The program stands between these.
    pub embedded: Option<(&'static str, &'static str)>,
    /// More bytes that a word may hold.
    pub word_bytes: &'static str,
    /// A statement ends with its line, unless it is clear that it does not.
    pub newline_ends: bool,
    /// `const (` begins a group of definitions.
    pub groups: bool,
    /// Words before a keyword.
    pub modifiers: &'static [&'static str],
    /// Whether a modifier may have arguments: `pub(crate)`.
    pub modifier_arguments: bool,
    pub keywords: &'static [Keyword],
    pub bare: Bare,
    /// Whether `type name(…);` outside a class is worth a line.
    pub prototypes: bool,
    /// Whether a type without a block is defined elsewhere: `struct name;`.
    pub forward: bool,
    pub visible: Visible,
    /// `NAME = …` is a constant.
    pub capitals: bool,
}

const NONE: Language = Language {
    name: "",
    family: 0,
    extensions: &[],
    names: &[],
    shape: Shape::Braces,
    line_comments: &[],
    comments_after_blanks: false,
    block_comments: &[],
    nested_comments: false,
    quotes: &[],
    characters: false,
    raw: Raw::No,
    regex: false,
    heredocs: None,
    heredoc_blanks: false,
    preprocessor: false,
    embedded: None,
    word_bytes: "",
    newline_ends: false,
    groups: false,
    modifiers: &[],
    modifier_arguments: false,
    keywords: &[],
    bare: Bare::No,
    prototypes: false,
    forward: false,
    visible: Visible::Unless,
    capitals: false,
};

const fn quote(open: &'static str, escapes: bool, lines: bool) -> Quote {
    Quote {
        open,
        close: open,
        escapes,
        lines,
        template: false,
        inside: "",
    }
}

/// A string that holds pieces of program behind `inside`.
const fn interpolated(quote: Quote, inside: &'static str) -> Quote {
    Quote { inside, ..quote }
}

/// `"…"` on one line.
const DOUBLE: Quote = quote("\"", true, false);
/// `'…'` on one line.
const SINGLE: Quote = quote("'", true, false);
/// `"""…"""`.
const TRIPLE: Quote = quote("\"\"\"", true, true);
/// `/* … */`.
const SLASH_STAR: &[(&str, &str)] = &[("/*", "*/")];
const SLASHES: &[(&str, Option<u8>)] = &[("//", None)];
const HASH: &[(&str, Option<u8>)] = &[("#", None)];

const fn keyword(word: &'static str, kind: Kind, opens: Opens, name: Name) -> Keyword {
    Keyword {
        word,
        kind,
        opens,
        name,
    }
}

/// A type with members.
const fn class(word: &'static str) -> Keyword {
    keyword(word, Kind::Type, Opens::Members, Name::Next)
}

/// A type of which only the name is told.
const fn record(word: &'static str) -> Keyword {
    keyword(word, Kind::Type, Opens::Body, Name::Next)
}

const fn module(word: &'static str) -> Keyword {
    keyword(word, Kind::Module, Opens::Members, Name::Next)
}

const fn function(word: &'static str) -> Keyword {
    keyword(word, Kind::Function, Opens::Body, Name::Next)
}

const fn constant(word: &'static str) -> Keyword {
    keyword(word, Kind::Constant, Opens::Body, Name::Next)
}

const fn field(word: &'static str) -> Keyword {
    keyword(word, Kind::Field, Opens::Body, Name::Next)
}

/// All languages.
pub fn all() -> impl Iterator<Item = &'static Language> {
    braces::LANGUAGES.iter().chain(lines::LANGUAGES)
}

/// The language of a file of this name.
pub fn of_file(name: &str) -> Option<&'static Language> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    all()
        .find(|language| language.names.contains(&name))
        .or_else(|| {
            all().find(|language| {
                !extension.is_empty()
                    && language
                        .extensions
                        .iter()
                        .any(|known| known.eq_ignore_ascii_case(extension))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_belongs_to_two_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for language in all() {
            for extension in language.extensions.iter().chain(language.names) {
                assert!(
                    seen.insert(extension),
                    "{extension} is in {}",
                    language.name
                );
            }
            assert!(language.family > 0, "{} has no family", language.name);
        }
    }

    #[test]
    fn longer_openings_stand_before_shorter_ones_that_begin_them() {
        for language in all() {
            for (index, quote) in language.quotes.iter().enumerate() {
                for earlier in &language.quotes[..index] {
                    assert!(
                        !quote.open.starts_with(earlier.open),
                        "{}: {} is never reached",
                        language.name,
                        quote.open
                    );
                }
            }
        }
    }

    #[test]
    fn files_have_languages() {
        for (name, expected) in [
            ("main.rs", Some("rust")),
            ("a.test.tsx", Some("typescript")),
            ("x.H", Some("c")),
            ("Rakefile", Some("ruby")),
            ("README.md", Some("markdown")),
            ("rs", None),
            ("photo.jpg", None),
            ("", None),
        ] {
            assert_eq!(
                of_file(name).map(|language| language.name),
                expected,
                "{name}"
            );
        }
    }
}
