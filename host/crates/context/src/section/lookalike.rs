//! Characters that a model may read as others.
//!
//! No table can be complete, and none needs to be: a model is trained on text in which tags are written with the plain characters. What is here are the
//! forms that Unicode itself calls compatible (full width, mathematical, circled), the letters of Cyrillic and Greek that look the same as Latin ones in
//! most fonts, and whatever is not visible at all.

/// Whether `c` looks like `<`.
pub fn opens(c: char) -> bool {
    matches!(
        c,
        '<' | '＜'
            | '﹤'
            | '‹'
            | '˂'
            | '〈'
            | '\u{2329}'
            | '⟨'
            | '❬'
            | '❮'
            | '❰'
            | '⦑'
            | '⧼'
            | '≺'
            | '⋖'
            | 'ᐸ'
            | 'ᚲ'
            | '𝈶'
            | '«'
            | '≪'
            | '⟪'
            | '《'
    )
}

/// Whether `c` looks like `/` or `\`.
pub fn slashes(c: char) -> bool {
    matches!(
        c,
        '/' | '\\'
            | '／'
            | '＼'
            | '⁄'
            | '∕'
            | '∖'
            | '⧵'
            | '⧸'
            | '⧹'
            | '╱'
            | '╲'
            | '⟋'
            | '⟍'
            | '〳'
            | '﹨'
    )
}

/// Whether nobody sees `c` where it stands: zero-width and format characters, control characters, fillers, marks that join the letter before them.
pub fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}'
            | '\u{300}'..='\u{36f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{fe20}'..='\u{fe2f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The plain small letter, digit or sign that `c` looks like; `c` itself where it looks like none.
pub fn folded(c: char) -> char {
    let letter = |first: char| within(c, first, b'a', 26);
    match c {
        '\0'..='\u{7f}' => c.to_ascii_lowercase(),
        // The whole of ASCII in full width, at a fixed distance.
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(c as u32 - 0xfee0).map_or(c, |c| c.to_ascii_lowercase())
        }
        // Alphabets of 26 capitals and 26 small letters each, one after the other.
        '\u{1d400}'..='\u{1d6a3}' => letter('\u{1d400}'),
        '\u{1d7ce}'..='\u{1d7ff}' => within(c, '\u{1d7ce}', b'0', 10),
        '\u{249c}'..='\u{24b5}' => letter('\u{249c}'),
        '\u{24b6}'..='\u{24e9}' => letter('\u{24b6}'),
        '\u{1f110}'..='\u{1f129}' => letter('\u{1f110}'),
        '\u{1f130}'..='\u{1f149}' => letter('\u{1f130}'),
        '\u{1f150}'..='\u{1f169}' => letter('\u{1f150}'),
        '\u{1f170}'..='\u{1f189}' => letter('\u{1f170}'),
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹘' | '﹣' | '⁃' => '-',
        '․' | '。' | '｡' => '.',
        _ => same_shape(c),
    }
}

/// The `width` characters from `plain` on, over and over from `first` on.
fn within(c: char, first: char, plain: u8, width: u32) -> char {
    let offset = (c as u32 - first as u32) % width;
    u8::try_from(offset).map_or(c, |offset| char::from(plain + offset))
}

/// Letters of other scripts that look like Latin ones.
fn same_shape(c: char) -> char {
    match c {
        'а' | 'А' | 'α' | 'Α' | 'ɑ' => 'a',
        'В' | 'Β' | 'в' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'ⅽ' | 'Ⅽ' => 'c',
        'ԁ' | 'Ԁ' | 'ⅾ' | 'Ⅾ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' | 'ё' | 'Ё' | 'ҽ' => 'e',
        'Ϝ' | 'ƒ' => 'f',
        'ɡ' | 'ց' | 'Ԍ' => 'g',
        'һ' | 'Һ' | 'Н' | 'Η' | 'н' | 'հ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' | 'ї' | 'ⅰ' | 'Ⅰ' | 'İ' => 'i',
        'ј' | 'Ј' | 'ϳ' | 'Ϳ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | '\u{212a}' => 'k',
        'ӏ' | 'Ӏ' | 'ⅼ' | 'Ⅼ' | 'ʟ' => 'l',
        'м' | 'М' | 'Μ' | 'ⅿ' | 'Ⅿ' => 'm',
        'п' | 'Ν' | 'η' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'Օ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' | 'Ԛ' => 'q',
        'г' | 'ɼ' => 'r',
        'ѕ' | 'Ѕ' | 'ſ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' | 'ս' | 'Ս' => 'u',
        'ѵ' | 'Ѵ' | 'ν' | 'ⅴ' | 'Ⅴ' => 'v',
        'ԝ' | 'Ԝ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' | 'ⅹ' | 'Ⅹ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ү' | 'Ү' => 'y',
        'Ζ' | 'ᴢ' => 'z',
        other => other,
    }
}
