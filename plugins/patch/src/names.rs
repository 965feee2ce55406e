//! Paths as diffs write them: with a date behind a tab, in quotes with escapes where git finds a character strange, with `a/` and `b/` in front.

/// The path on a `---` or `+++` line or behind `rename from`; `None` for `/dev/null`.
pub fn path(text: &str) -> Result<Option<String>, String> {
    let text = text.trim_end_matches(['\r', '\n']);
    let path = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        // What follows a tab is a date.
        None => text
            .split('\t')
            .next()
            .unwrap_or(text)
            .trim_end()
            .to_owned(),
    };
    match path.as_str() {
        "" => Err("a path is empty".to_owned()),
        "/dev/null" => Ok(None),
        _ => Ok(Some(path)),
    }
}

/// A path in git's quotes, without the first of them.
fn unquoted(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    let broken = || format!("the quoted path `\"{text}` cannot be read");
    loop {
        match rest.next().ok_or_else(broken)? {
            b'"' => break,
            b'\\' => bytes.push(match rest.next().ok_or_else(broken)? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'v' => 11,
                b'f' => 12,
                first @ b'0'..=b'3' => {
                    let mut digit = || match rest.next() {
                        Some(digit @ b'0'..=b'7') => Ok(digit - b'0'),
                        _ => Err(broken()),
                    };
                    (first - b'0') * 64 + digit()? * 8 + digit()?
                }
                other => other,
            }),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// The paths of a `diff --git` line, where both are the same but for what stands in front: then they can be told apart in spite of spaces.
pub fn git(line: &str) -> Option<String> {
    if line.starts_with('"') {
        return path(line).ok().flatten();
    }
    let line = line.trim_end();
    let half = line.len() / 2;
    let (old, new) = (line.get(..half)?, line.get(half + 1..)?);
    let (old_rest, new_rest) = (old.split_once('/')?.1, new.split_once('/')?.1);
    (line.get(half..=half) == Some(" ") && old_rest == new_rest).then(|| new.to_owned())
}

/// `path` without its first `count` names; fewer are an error.
pub fn stripped(path: &str, count: usize) -> Result<String, String> {
    let mut rest = path.trim_start_matches('/');
    for _ in 0..count {
        rest = rest
            .split_once('/')
            .map(|(_, rest)| rest.trim_start_matches('/'))
            .ok_or_else(|| {
                format!("the path `{path}` has no {count} names to take off (`strip`)")
            })?;
    }
    match count {
        0 => Ok(path.to_owned()),
        _ => Ok(rest.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_diffs_write_them() {
        for (text, expected) in [
            ("src/a b.rs\t2026-01-01 10:00", Ok(Some("src/a b.rs"))),
            ("a/x\r\n", Ok(Some("a/x"))),
            ("/dev/null", Ok(None)),
            ("/dev/null\t1970-01-01", Ok(None)),
            (r#""a/\303\244 \"q\"\t.txt""#, Ok(Some("a/ä \"q\"\t.txt"))),
            (r#""a/open"#, Err(())),
            (r#""a/\377""#, Err(())),
            ("", Err(())),
        ] {
            let got = path(text);
            assert_eq!(
                got.as_ref().map(Option::as_deref).map_err(|_| ()),
                expected,
                "{text}"
            );
        }
        assert_eq!(git("a/x y b/x y").as_deref(), Some("b/x y"));
        assert_eq!(git("a/x b/y"), None);
        assert_eq!(git("é"), None);
        assert_eq!(stripped("a/b/c", 1).as_deref(), Ok("b/c"));
        assert_eq!(stripped("a//b/c", 2).as_deref(), Ok("c"));
        assert_eq!(stripped("/w/c", 0).as_deref(), Ok("/w/c"));
        assert!(stripped("a", 1).is_err());
    }
}
