//! Names of files in a text.

/// How much of one text is looked through.
const SEEN: usize = 64 << 10;
/// Longest path that is one.
const LONGEST: usize = 120;
/// Endings by which a name without a directory is known for a file's.
const ENDINGS: [&str; 37] = [
    "c", "cc", "cfg", "conf", "cpp", "cs", "css", "csv", "go", "h", "hpp", "html", "ini", "java",
    "js", "json", "jsx", "kt", "lock", "md", "php", "proto", "py", "rb", "rs", "scss", "sh", "sql",
    "svg", "swift", "toml", "ts", "tsx", "txt", "xml", "yaml", "yml",
];

/// The paths in `text`, in the order they are named, each as often as it is.
pub fn paths(text: &str) -> impl Iterator<Item = &str> {
    let mut end = text.len().min(SEEN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end]
        .split(|character: char| {
            !(character.is_ascii_alphanumeric() || "._/-+~@:".contains(character))
        })
        .filter(|word| !word.contains("://") && !word.contains("//"))
        // A place in a file is written `path:line:column`.
        .filter_map(|word| word.split(':').next())
        .map(|word| word.trim_end_matches(['.', '-']))
        .filter(|word| is_path(word))
}

fn is_path(word: &str) -> bool {
    if word.len() > LONGEST || word.contains('@') {
        return false;
    }
    let name = word.rsplit('/').next().unwrap_or(word);
    let Some((stem, ending)) = name.rsplit_once('.') else {
        // Without an ending only what is plainly a place: `/etc/hosts`, `./run`.
        let parts = word.split('/').filter(|part| part.len() > 1).count();
        return (word.starts_with('/') || word.starts_with("./")) && parts >= 2;
    };
    let ending_of_file = match word.contains('/') {
        true => {
            (1..=8).contains(&ending.len()) && ending.starts_with(|c: char| c.is_ascii_alphabetic())
        }
        false => !stem.is_empty() && ENDINGS.contains(&ending),
    };
    ending_of_file && (!stem.is_empty() || word.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_other_words() {
        let text = "I changed src/main.rs:12:5, `Cargo.toml` and (/etc/hosts), see https://example.com/a/b.html or ada@example.com; \
            and/or i.e. self.token v1.2.3 read 3/4 of ./scripts/run.sh. {\"path\": \"/workspace/docs/a-b_c.md\"} x.y /";
        let found: Vec<&str> = paths(text).collect();
        assert_eq!(
            found,
            [
                "src/main.rs",
                "Cargo.toml",
                "/etc/hosts",
                "./scripts/run.sh",
                "/workspace/docs/a-b_c.md"
            ]
        );
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_looked_through() {
        let text = "é".repeat(SEEN) + " src/main.rs";
        assert_eq!(paths(&text).next(), None);
    }
}
