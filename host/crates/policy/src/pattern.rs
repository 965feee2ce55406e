//! Patterns over tool names. One wildcard is enough for names of two short parts, and a hand-written match costs nanoseconds where a compiled
//! matcher would cost more to build than to use.

/// Whether `pattern` matches the whole of `name`. `*` stands for any run of characters, none included and dots included; every other character
/// stands for itself.
///
/// The usual greedy match with one point of return: the last `*` seen is the only one that ever has to take more, so the time is bounded by the
/// product of the lengths and a pattern such as `*a*a*a*b` cannot explode.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            resume = Some((p + 1, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after_star, taken)) = resume {
            p = after_star;
            n = taken + 1;
            resume = Some((after_star, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_takes_any_run_and_nothing_else_is_special() {
        for (pattern, name, expected) in [
            ("*", "fs.read", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("fs.*", "fs.read", true),
            ("fs.*", "fs.", true),
            ("fs.*", "fsx.read", false),
            ("*.read", "fs.read", true),
            ("*.read", "fs.reads", false),
            ("f*.r*d", "fs.read", true),
            ("f*.r*d", "fs.reader", false),
            ("fs.read", "fs.read", true),
            ("fs.read", "fs.readx", false),
            ("fs.readx", "fs.read", false),
            ("fs?read", "fs.read", false),
            ("**read**", "fs.read", true),
            ("*s*s*", "fs.list", true),
            ("*s*s*s*", "fs.list", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_pattern_made_to_backtrack_ends_at_once() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(5_000)));
    }
}
