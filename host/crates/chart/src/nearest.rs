//! "Did you mean": the known name that a misspelt one is closest to.

/// A suggestion for `name` out of `known`, shown with `prefix`; none where nothing is close.
pub(crate) fn did_you_mean<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str>,
    prefix: &str,
) -> Option<String> {
    let best = types::nearest(name, known)?;
    Some(format!("did you mean `{prefix}{best}`?"))
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
