//! "Did you mean": the known name that a misspelt one is closest to.

/// Longer names are never slips of known ones, and comparing them would cost more than it helps.
const LONGEST_COMPARED: usize = 64;

/// The known name that `name` most probably stands for; of several that are equally close the first in the alphabet, in whatever order they come. A third of the
/// letters may be wrong: more is another word.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_COMPARED {
        return None;
    }
    let lower = name.to_lowercase();
    let length = name.chars().count();
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.chars().count();
            let longest = length.max(other);
            // One letter of two may be wrong, but not all there is.
            let most = (longest.max(3) / 3).min(longest.saturating_sub(1));
            // The distance is at least what one is longer than the other.
            (length.abs_diff(other) <= most).then_some(())?;
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance <= most).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_does_not() {
        let known = ["tools", "mounts", "limits"];
        assert_eq!(nearest("toolz", known), Some("tools"));
        assert_eq!(nearest("Mount", known), Some("mounts"));
        assert_eq!(nearest("bb", ["b", "c"]), Some("b"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest(&"t".repeat(10_000), known), None);
    }
}
