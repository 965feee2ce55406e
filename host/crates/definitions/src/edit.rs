//! Changing which plugins a `house.yaml` has, in its text: every comment and every space that is not about the plugin stays as it is.
//!
//! Where to cut is worked out from the places of the tree, for the ways in which people write such a map. Whether it was cut right is never assumed: the
//! new text is parsed again and must say exactly what the old one said, and the change. Where no way of cutting achieves that, nothing is changed.

use crate::tree::{Entry, Kind, Node, parse};
use std::sync::Arc;
use types::{Place, PluginName};

const KEY: &str = "plugins";

/// `text` with the plugin `name`, which it does not have yet; `value` is what stands behind its name, on one line.
///
/// # Errors
/// What to write by hand, where this way of writing a house is not understood here.
pub fn with_plugin(text: &str, name: &PluginName, value: &str) -> Result<String, String> {
    let by_hand = || format!("add it to house.yaml by hand: `{KEY}: {{ {name}: {value} }}`");
    let old = tree(text).ok_or_else(by_hand)?;
    let wanted = tree(&format!("{KEY}: {{ {name}: {value} }}")).ok_or_else(by_hand)?;
    let added = plugins(&wanted).and_then(Node::map).ok_or_else(by_hand)?;
    additions(text, &old, name, value)
        .into_iter()
        .find(|new| tree(new).is_some_and(|new| differ_by(&old, &new, added)))
        .ok_or_else(by_hand)
}

/// `text` without the plugin `name`.
///
/// # Errors
/// What to do by hand, where this way of writing a house is not understood here.
pub fn without_plugin(text: &str, name: &PluginName) -> Result<String, String> {
    let by_hand = || format!("take `{name}` out of `{KEY}` in house.yaml by hand");
    let old = tree(text).ok_or_else(by_hand)?;
    let entries = plugins(&old).and_then(Node::map).ok_or_else(by_hand)?;
    let at = entries
        .iter()
        .position(|entry| &*entry.key.text == name.as_str())
        .ok_or_else(by_hand)?;
    removals(text, &old, entries, at)
        .into_iter()
        .find(|new| tree(new).is_some_and(|new| differ_by(&new, &old, &entries[at..=at])))
        .ok_or_else(by_hand)
}

fn tree(text: &str) -> Option<Node> {
    let file: Arc<str> = "house.yaml".into();
    let tree = parse(&file, text.strip_prefix('\u{feff}').unwrap_or(text)).ok()?;
    tree.findings.is_empty().then_some(tree.root)
}

fn plugins(root: &Node) -> Option<&Node> {
    root.get(KEY)
}

/// Whether `more` says what `less` says, and has the plugins `added` besides.
fn differ_by(less: &Node, more: &Node, added: &[Entry]) -> bool {
    let rest = |root: &Node| -> Option<Vec<Entry>> {
        let entries = root.map()?.iter();
        Some(
            entries
                .filter(|entry| &*entry.key.text != KEY)
                .cloned()
                .collect(),
        )
    };
    let (Some(less_rest), Some(more_rest)) = (rest(less), rest(more)) else {
        return false;
    };
    let of = |root: &Node| -> Option<Vec<Entry>> {
        match plugins(root) {
            None => Some(Vec::new()),
            Some(node) if node.is_null() => Some(Vec::new()),
            Some(node) => node.map().map(<[Entry]>::to_vec),
        }
    };
    let (Some(less), Some(more)) = (of(less), of(more)) else {
        return false;
    };
    let has = |all: &[Entry], one: &Entry| all.iter().any(|entry| same_entry(entry, one));
    less_rest.len() == more_rest.len()
        && less_rest
            .iter()
            .zip(&more_rest)
            .all(|(a, b)| same_entry(a, b))
        && more.len() == less.len() + added.len()
        && less.iter().chain(added).all(|entry| has(&more, entry))
}

fn same_entry(a: &Entry, b: &Entry) -> bool {
    a.key.text == b.key.text && same(&a.value, &b.value)
}

/// Whether two values are the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar(a), Kind::Scalar(b)) => a.text == b.text && a.value == b.value,
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_entry(a, b))
        }
        _ => false,
    }
}

/// The texts that may be `text` with the new plugin, the likeliest first.
fn additions(text: &str, root: &Node, name: &PluginName, value: &str) -> Vec<String> {
    let lines = Lines::of(text);
    let line = |indent: usize| format!("{}{name}: {value}{}", " ".repeat(indent), lines.end());
    let Some(first) = root.map().and_then(<[Entry]>::first) else {
        return Vec::new();
    };
    let key = root
        .map()
        .into_iter()
        .flatten()
        .find(|entry| &*entry.key.text == KEY);
    let Some(key) = key else {
        let indent = column(&first.key.place);
        let mut new = text.to_owned();
        if !new.ends_with('\n') {
            new.push_str(lines.end());
        }
        new.push_str(&format!("{}{KEY}:{}", " ".repeat(indent), lines.end()));
        new.push_str(&line(indent + 2));
        return vec![new];
    };
    let under_key = || {
        let at = lines.after(key.key.place.line);
        inserted(text, at, &line(column(&key.key.place) + 2))
    };
    let entries = match &key.value.kind {
        Kind::Map(entries) => entries,
        _ => return vec![under_key()],
    };
    let begin = lines.offset(&key.value.place);
    if text[begin..].starts_with('{') {
        let new = match entries.is_empty() {
            true => format!(" {name}: {value} "),
            false => format!(" {name}: {value},"),
        };
        return vec![inserted(text, begin + 1, &new)];
    }
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return vec![under_key()];
    };
    let indent = column(&first.key.place);
    let end = lines.end_of_entry(last.key.place.line, indent);
    let mut at_end = text[..end].to_owned();
    if !at_end.ends_with('\n') {
        at_end.push_str(lines.end());
    }
    at_end.push_str(&line(indent));
    at_end.push_str(&text[end..]);
    vec![
        at_end,
        inserted(text, lines.start(first.key.place.line), &line(indent)),
    ]
}

/// The texts that may be `text` without the plugin at `at`, the likeliest first.
fn removals(text: &str, root: &Node, entries: &[Entry], at: usize) -> Vec<String> {
    let lines = Lines::of(text);
    let (entry, next) = (&entries[at], entries.get(at + 1));
    let from = lines.offset(&entry.key.place);
    let cut = |from: usize, to: usize| format!("{}{}", &text[..from], &text[to..]);
    let Some(map) = root.get(KEY) else {
        return Vec::new();
    };
    if text[lines.offset(&map.place)..].starts_with('{') {
        if let Some(next) = next {
            return vec![cut(from, lines.offset(&next.key.place))];
        }
        let end = end_of_flow(text, lines.offset(&entry.value.place));
        let before = text[..from].rfind([',', '{']).unwrap_or(from);
        // The comma before it goes too, and the space behind it stays; the brace stays, and no space in it.
        return vec![match text[before..].starts_with('{') {
            true => cut(before + 1, end),
            false => cut(before, text[..end].trim_end().len()),
        }];
    }
    let end = lines.end_of_entry(entry.key.place.line, column(&entry.key.place));
    let start = lines.start(entry.key.place.line);
    if entries.len() > 1 {
        return vec![cut(start, end)];
    }
    // A map that has become empty is written as one.
    let key = root
        .map()
        .into_iter()
        .flatten()
        .find(|entry| &*entry.key.text == KEY);
    let colon = key.and_then(|key| {
        let key = lines.offset(&key.key.place);
        text[key..start].find(':').map(|colon| key + colon + 1)
    });
    colon
        .map(|colon| {
            format!(
                "{} {{}}{}{}",
                &text[..colon],
                &text[colon..start],
                &text[end..]
            )
        })
        .into_iter()
        .collect()
}

fn inserted(text: &str, at: usize, new: &str) -> String {
    // A file whose last line does not end is ended first.
    let gap = match at == text.len() && !text.ends_with('\n') {
        true => "\n",
        false => "",
    };
    format!("{}{gap}{new}{}", &text[..at], &text[at..])
}

/// How far the value at `start` goes in a map that is written in braces: to the `,` or `}` behind it.
fn end_of_flow(text: &str, start: usize) -> usize {
    let (mut depth, mut quote) = (0usize, None);
    for (at, c) in text[start..].char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, ',' | '}') if depth == 0 => return start + at,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

fn column(place: &Place) -> usize {
    (place.column as usize).saturating_sub(1)
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        // A byte order mark is no character of the first line.
        let first = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
        let starts = std::iter::once(first)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Lines { text, starts }
    }

    /// How this text ends its lines.
    fn end(&self) -> &'static str {
        match self.text.contains("\r\n") {
            true => "\r\n",
            false => "\n",
        }
    }

    /// Where the line `number`, from 1, begins.
    fn start(&self, number: u32) -> usize {
        let index = (number as usize).saturating_sub(1);
        self.starts.get(index).copied().unwrap_or(self.text.len())
    }

    /// Where the line after `number` begins.
    fn after(&self, number: u32) -> usize {
        self.start(number.saturating_add(1))
    }

    fn offset(&self, place: &Place) -> usize {
        let start = self.start(place.line);
        let ahead = self.text[start..].chars().take(column(place));
        start + ahead.map(char::len_utf8).sum::<usize>()
    }

    /// Where the entry ends whose key stands on the line `number` behind `indent` spaces: after the last line that is indented deeper.
    fn end_of_entry(&self, number: u32, indent: usize) -> usize {
        let mut end = self.after(number);
        for at in number as usize..self.starts.len() {
            let line = &self.text[self.starts[at]..self.start(at as u32 + 2)];
            let content = line.trim_start_matches(' ');
            let said = content.trim();
            if said.is_empty() || said.starts_with('#') {
                continue;
            }
            if line.len() - content.len() <= indent {
                break;
            }
            end = self.start(at as u32 + 2);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> PluginName {
        PluginName::parse(text).unwrap()
    }

    #[test]
    fn a_plugin_is_added_where_the_others_stand() {
        for (before, after) in [
            ("house: h", "house: h\nplugins:\n  new: p.wasm\n"),
            (
                "house: h\n# end\n",
                "house: h\n# end\nplugins:\n  new: p.wasm\n",
            ),
            ("house: h\r\n", "house: h\r\nplugins:\r\n  new: p.wasm\r\n"),
            (
                "house: h\nplugins:   # mine\n    # the files\n    fs: { component: a.wasm, trusted: true }  # yes\n\n# and now\nceiling: {}\n",
                "house: h\nplugins:   # mine\n    # the files\n    fs: { component: a.wasm, trusted: true }  # yes\n    new: p.wasm\n\n# and now\nceiling: {}\n",
            ),
            (
                "house: h\nplugins:\n  fs:\n    component: a.wasm\n    # why\n    trusted: true",
                "house: h\nplugins:\n  fs:\n    component: a.wasm\n    # why\n    trusted: true\n  new: p.wasm\n",
            ),
            (
                "house: h\nplugins: { fs: a.wasm, b: \"x, }\" } # flow\nstore: sqlite:x\n",
                "house: h\nplugins: { new: p.wasm, fs: a.wasm, b: \"x, }\" } # flow\nstore: sqlite:x\n",
            ),
            (
                "house: h\nplugins: {}\n",
                "house: h\nplugins: { new: p.wasm }\n",
            ),
            (
                "house: h\nplugins:\nstore: x\n",
                "house: h\nplugins:\n  new: p.wasm\nstore: x\n",
            ),
            ("house: h\nplugins:", "house: h\nplugins:\n  new: p.wasm\n"),
            (
                "house: h\nplugins:\n  fs: {\n  component: a.wasm\n}\n",
                "house: h\nplugins:\n  new: p.wasm\n  fs: {\n  component: a.wasm\n}\n",
            ),
            (
                "\u{feff}house: h\nplugins: {}\n",
                "\u{feff}house: h\nplugins: { new: p.wasm }\n",
            ),
        ] {
            assert_eq!(
                with_plugin(before, &name("new"), "p.wasm").as_deref(),
                Ok(after),
                "{before}"
            );
        }
    }

    #[test]
    fn a_plugin_is_taken_out_and_nothing_else() {
        for (before, after) in [
            (
                "house: h\nplugins:\n  # the files\n  fs: a.wasm\n  old: { component: p.wasm } # old\n  z: z.wasm\n",
                "house: h\nplugins:\n  # the files\n  fs: a.wasm\n  z: z.wasm\n",
            ),
            (
                "house: h\nplugins:\n  old:\n    component: p.wasm\n    trusted: true\nstore: x\n",
                "house: h\nplugins: {}\nstore: x\n",
            ),
            (
                "house: h\nplugins: { old: p.wasm }\n",
                "house: h\nplugins: {}\n",
            ),
            (
                "house: h\nplugins: { a: a.wasm, old: { component: \"},\", trusted: true } }\n",
                "house: h\nplugins: { a: a.wasm }\n",
            ),
            (
                "house: h\nplugins: { old: p.wasm, b: b.wasm }\n",
                "house: h\nplugins: { b: b.wasm }\n",
            ),
        ] {
            assert_eq!(
                without_plugin(before, &name("old")).as_deref(),
                Ok(after),
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        for text in [
            "",
            "house: [",
            "house: h\nplugins: [a]\n",
            "{ house: h }\n",
            "house: h\nplugins: &x { a: b }\nother: *x\n---\n",
        ] {
            let complaint = with_plugin(text, &name("new"), "p.wasm").unwrap_err();
            assert!(complaint.contains("by hand"), "{text}: {complaint}");
        }
        assert!(without_plugin("house: h\nplugins: { a: b }\n", &name("old")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_out_again(
            names in proptest::collection::btree_set("[a-m]{1,6}", 0..5), style in 0..4, comment in "[ -~&&[^\\\\]]{0,20}", tail in any::<bool>(),
        ) {
            let mut text = String::from("house: h\n");
            let list: Vec<String> = names.iter().map(|n| match style {
                0 | 1 => format!("  {n}: {n}.wasm # {comment}\n"),
                2 => format!("  # {comment}\n  {n}:\n    component: {n}.wasm\n\n"),
                _ => format!("{n}: {{ component: \"{n}.wasm\", trusted: true }}"),
            }).collect();
            match (list.is_empty(), style) {
                (true, _) => {}
                (_, 3) => text.push_str(&format!("plugins: {{ {} }} # {comment}\n", list.join(", "))),
                _ => text.push_str(&format!("plugins: # {comment}\n{}", list.concat())),
            }
            if tail {
                text.push_str(&format!("# {comment}\nstore: sqlite:x\n"));
            }
            let new = name("new");
            let added = with_plugin(&text, &new, "{ component: p.wasm }").unwrap();
            let entry = "new: { component: p.wasm }";
            prop_assert!(added.contains(entry), "{}", added);
            let again = without_plugin(&added, &new).unwrap();
            if !list.is_empty() && style != 3 {
                prop_assert_eq!(again, text);
            }
        }
    }
}
