//! Text of strangers in HTML: it can neither open a tag, nor leave its attribute, nor turn the text around it.

/// `text` for the inside of an element or of a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            // What no page may hold, and what would turn the direction of all that follows.
            character if character.is_control() || turns(character) => safe.push('\u{fffd}'),
            character => safe.push(character),
        }
    }
    safe
}

/// `text` in an element of its own, whose direction of writing touches nothing around it.
pub(super) fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

fn turns(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out() {
        assert_eq!(
            escape("<b onclick='x'>\"&amp;\u{202e}\u{0}\n"),
            "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;amp;\u{fffd}\u{fffd} "
        );
        assert_eq!(isolated("é 日本"), "<bdi>é 日本</bdi>");
    }
}
