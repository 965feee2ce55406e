//! "Did you mean": the known name that a misspelt one is closest to.

/// A suggestion for `name` out of `known`, shown with `prefix`; none where nothing is close.
pub(crate) fn did_you_mean<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str>,
    prefix: &str,
) -> Option<String> {
    let lower = name.to_lowercase();
    let length = name.chars().count();
    // The distance is at least what one is longer than the other.
    let near = |k: &str| {
        let other = k.chars().count();
        length.abs_diff(other) * 3 <= other.max(length).max(3)
    };
    known
        .filter(|k| !k.is_empty() && near(k))
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase()), k))
        // A third of the letters may be wrong; more is another word.
        .filter(|(distance, k)| *distance * 3 <= k.chars().count().max(name.chars().count()).max(3))
        .min()
        .map(|(_, k)| format!("did you mean `{prefix}{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = ["rounds", "changed", "x"];
        let suggest = |name| did_you_mean(name, known.into_iter(), "data.");
        assert_eq!(
            suggest("runds").as_deref(),
            Some("did you mean `data.rounds`?")
        );
        assert_eq!(
            suggest("Changed").as_deref(),
            Some("did you mean `data.changed`?")
        );
        assert_eq!(suggest("unrelated"), None);
    }
}
