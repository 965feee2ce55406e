//! Two values side by side: where they first part, so that a difference is told in a line and not in two pages.

use serde_json::Value as Json;

/// Where `told` and `came` first part, with what stands there in each; `None` where they are the same.
pub(super) fn first(told: &Json, came: &Json) -> Option<(String, String, String)> {
    let (path, told, came) = find(told, came)?;
    let shown = |value: Option<&Json>| value.map_or_else(|| "nothing".into(), Json::to_string);
    Some((path, shown(told), shown(came)))
}

type Parted<'v> = (String, Option<&'v Json>, Option<&'v Json>);

fn find<'v>(told: &'v Json, came: &'v Json) -> Option<Parted<'v>> {
    match (told, came) {
        (Json::Object(left), Json::Object(right)) => {
            let keys = left
                .keys()
                .chain(right.keys().filter(|key| !left.contains_key(*key)));
            let mut parted = keys.filter_map(|key| below(key, left.get(key), right.get(key)));
            parted.next()
        }
        (Json::Array(left), Json::Array(right)) => {
            let longest = left.len().max(right.len());
            (0..longest).find_map(|at| below(&at.to_string(), left.get(at), right.get(at)))
        }
        _ if told == came => None,
        _ => Some((String::new(), Some(told), Some(came))),
    }
}

fn below<'v>(key: &str, told: Option<&'v Json>, came: Option<&'v Json>) -> Option<Parted<'v>> {
    match (told, came) {
        (Some(told), Some(came)) => {
            let (path, told, came) = find(told, came)?;
            let dot = if path.is_empty() { "" } else { "." };
            Some((format!("{key}{dot}{path}"), told, came))
        }
        (told, came) => Some((key.to_owned(), told, came)),
    }
}

#[cfg(test)]
mod tests {
    use super::first;
    use serde_json::json;

    #[test]
    fn the_first_place_is_found_and_nothing_else() {
        let told = json!({ "a": [1, { "b": 2, "c": 3 }], "d": null });
        assert_eq!(first(&told, &told), None);
        let came = json!({ "a": [1, { "b": 2, "c": 4 }], "d": 1 });
        let parted = first(&told, &came).unwrap();
        assert_eq!(parted, ("a.1.c".into(), "3".into(), "4".into()));
        let came = json!({ "a": [1], "d": null });
        let parted = first(&told, &came).unwrap();
        assert_eq!(parted.0, "a.1");
        assert_eq!(parted.2, "nothing");
        let came = json!({ "d": null });
        assert_eq!(first(&came, &told).unwrap().0, "a");
    }
}
