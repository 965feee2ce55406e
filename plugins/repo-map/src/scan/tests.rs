//! One case a language, each family in a room of its own: a text that is meant to fool the scanner, and the outline that a person would write.

mod c;
mod csharp;
mod go;
mod java;
mod javascript;
mod markup;
mod php;
mod python;
mod ruby;
mod rust;
mod shell;
mod swift;

use super::scan;
use crate::languages;
use crate::outline::Outline;

fn lines(outline: &Outline) -> String {
    let line = |index: usize| {
        let mut depth = 0;
        let mut at = outline.definitions[index].parent();
        while let Some(parent) = at {
            depth += 1;
            at = outline.definitions[parent].parent();
        }
        format!(
            "{}{} {}\n",
            "  ".repeat(depth),
            outline.definitions[index].line,
            outline.signature(index)
        )
    };
    (0..outline.definitions.len()).map(line).collect()
}

#[track_caller]
fn check(file: &str, text: &str, expected: &str) {
    let language = languages::of_file(file).expect("a known language");
    let outline = scan(text, language);
    assert!(outline.is_sound());
    let found = lines(&outline);
    assert!(
        found == expected,
        "{file}:\n--- found\n{found}--- expected\n{expected}"
    );
}
