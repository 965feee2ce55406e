//! Characters that a model may read as others.
//!
//! No table can be complete, and none needs to be: a model is trained on text in which tags are written with the plain characters. What is here are the
//! forms that Unicode itself calls compatible (full width, mathematical, raised, ligatures; by its own tables), the letters of Cyrillic and Greek that look
//! the same as Latin ones in most fonts, small capitals, and whatever is not visible at all.

use unicode_normalization::char::decompose_compatible;

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
            | '≮'
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

/// Whether `c` may stand between the `<` of a tag and its name: `<!charter>`, `<|charter|>`, `<"charter">`.
pub fn decorates(c: char) -> bool {
    c.is_whitespace()
        || slashes(c)
        || matches!(
            c,
            '!' | '?'
                | '|'
                | '"'
                | '\''
                | '`'
                | '´'
                | '‘'
                | '’'
                | '“'
                | '”'
                | '„'
                | '('
                | '['
                | '{'
                | '*'
                | ':'
                | '#'
                | '%'
                | '@'
                | '~'
                | '^'
                | '$'
                | '&'
        )
}

/// Whether nobody sees `c` where it stands: zero-width and format characters, control characters, fillers, marks that join the letter before them.
pub fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}'
            | '\u{300}'..='\u{36f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
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
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// What `c` looks like in plain small letters, digits and signs, one after the other: a ligature is several, what nobody sees none.
pub fn fold(c: char, mut emit: impl FnMut(char)) {
    match c {
        '\0'..='\u{7f}' => emit(c.to_ascii_lowercase()),
        // Alphabets in brackets and boxes, which Unicode takes apart into letters with brackets, or not at all.
        '\u{249c}'..='\u{24b5}' => emit(letter(c, '\u{249c}')),
        '\u{1f110}'..='\u{1f129}' => emit(letter(c, '\u{1f110}')),
        '\u{1f130}'..='\u{1f149}' => emit(letter(c, '\u{1f130}')),
        '\u{1f150}'..='\u{1f169}' => emit(letter(c, '\u{1f150}')),
        '\u{1f170}'..='\u{1f189}' => emit(letter(c, '\u{1f170}')),
        '\u{1f1e6}'..='\u{1f1ff}' => emit(letter(c, '\u{1f1e6}')),
        _ => decompose_compatible(c, |part| {
            if !is_invisible(part) {
                emit(same_shape(part).to_ascii_lowercase());
            }
        }),
    }
}

/// The letter that `c` stands for in an alphabet that begins at `first`.
fn letter(c: char, first: char) -> char {
    let offset = (c as u32).saturating_sub(first as u32);
    u8::try_from(offset).map_or(c, |offset| char::from(b'a' + offset % 26))
}

/// Letters that Unicode does not take apart: small capitals, letters with a stroke or a hook, those of other scripts that look like Latin ones.
fn same_shape(c: char) -> char {
    match c {
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹘' | '﹣' | '⁃' | '˗' => '-',
        '。' | '｡' => '.',
        'Ⱥ' | 'ɑ' | 'Α' | 'α' | 'А' | 'а' | 'ᴀ' | 'ᶏ' | 'ⱥ' => 'a',
        'ƀ' | 'Ɓ' | 'Ƃ' | 'ƃ' | 'Ƀ' | 'ɓ' | 'ʙ' | 'Β' | 'В' | 'Ь' | 'в' | 'ь' | 'ᵬ' | 'ᶀ' | 'Ꞗ'
        | 'ꞗ' => 'b',
        'Ƈ' | 'ƈ' | 'Ȼ' | 'ȼ' | 'ɕ' | 'ϲ' | 'Ϲ' | 'С' | 'с' | 'ᴄ' | 'Ꞓ' | 'ꞓ' | 'ꞔ' | 'Ꞔ' | '𝼝' => {
            'c'
        }
        'Đ' | 'đ' | 'Ɗ' | 'Ƌ' | 'ƌ' | 'ȡ' | 'ɖ' | 'ɗ' | 'Ԁ' | 'ԁ' | 'ᴅ' | 'ᵭ' | 'ᶁ' | 'ᶑ' | 'Ꟈ'
        | 'ꟈ' => 'd',
        'Ɇ' | 'ɇ' | 'ɛ' | 'Ε' | 'ε' | 'Е' | 'е' | 'ҽ' | 'ᴇ' | 'ᶒ' | 'ⱸ' | 'ꬴ' => {
            'e'
        }
        'Ƒ' | 'ƒ' | 'Ϝ' | 'ᵮ' | 'ᶂ' | 'ꜰ' | 'Ꞙ' | 'ꞙ' => 'f',
        'Ɠ' | 'Ǥ' | 'ǥ' | 'ɠ' | 'ɡ' | 'ɢ' | 'ʛ' | 'Ԍ' | 'ց' | 'ᶃ' | 'Ꞡ' | 'ꞡ' | 'Ɡ' | 'ꬶ' => {
            'g'
        }
        'Ħ' | 'ħ' | 'ɦ' | 'ʜ' | 'Η' | 'Н' | 'н' | 'Һ' | 'һ' | 'հ' | 'Ⱨ' | 'ⱨ' | 'ꞕ' | 'Ɦ' => {
            'h'
        }
        'ı' | 'Ɨ' | 'ɨ' | 'ɩ' | 'ɪ' | 'Ι' | 'ι' | 'І' | 'і' | 'ᵻ' | 'ᶖ' | 'Ɪ' | '𝼚' => {
            'i'
        }
        'ȷ' | 'Ɉ' | 'ɉ' | 'ɟ' | 'ʄ' | 'ʝ' | 'Ϳ' | 'ϳ' | 'Ј' | 'ј' | 'ᴊ' | 'Ʝ' => 'j',
        'Ƙ' | 'ƙ' | 'Κ' | 'κ' | 'К' | 'к' | 'ĸ' | 'ᴋ' | 'ᶄ' | 'Ⱪ' | 'ⱪ' | 'Ꝁ' | 'ꝁ' | 'Ꝃ' | 'ꝃ'
        | 'Ꝅ' | 'ꝅ' | 'Ꞣ' | 'ꞣ' => 'k',
        'Ł' | 'ł' | 'ƚ' | 'ȴ' | 'Ƚ' | 'ɫ' | 'ɬ' | 'ɭ' | 'ʟ' | 'Ӏ' | 'ӏ' | 'ᴌ' | 'ᶅ' | 'Ⱡ' | 'ⱡ'
        | 'Ɫ' | 'Ꝉ' | 'ꝉ' | 'ꞎ' | 'Ɬ' | 'ꬷ' | 'ꬸ' | 'ꬹ' | '𝼄' | '𝼑' | '𝼓' => {
            'l'
        }
        'ɱ' | 'Μ' | 'М' | 'м' | 'ᴍ' | 'ᵯ' | 'ᶆ' | 'Ɱ' | 'ꬺ' => 'm',
        'Ɲ' | 'ƞ' | 'Ƞ' | 'ȵ' | 'ɲ' | 'ɳ' | 'ɴ' | 'Ν' | 'η' | 'п' | 'ո' | 'ᵰ' | 'ᶇ' | 'Ꞑ' | 'ꞑ'
        | 'Ꞥ' | 'ꞥ' | 'ꬻ' => 'n',
        'Ø' | 'ø' | 'Ɵ' | 'Ο' | 'ο' | 'О' | 'о' | 'Օ' | 'օ' | 'ᴏ' | 'ⱺ' | 'Ꝋ' | 'ꝋ' | 'Ꝍ' | 'ꝍ'
        | '𝼛' => 'o',
        'Ƥ' | 'ƥ' | 'Ρ' | 'ρ' | 'Р' | 'р' | 'ᴘ' | 'ᵱ' | 'ᵽ' | 'ᶈ' | '℘' | 'Ᵽ' | 'Ꝑ' | 'ꝑ' | 'Ꝓ'
        | 'ꝓ' | 'Ꝕ' | 'ꝕ' => 'p',
        'ɋ' | 'ʠ' | 'Ԛ' | 'ԛ' | 'Ꝗ' | 'ꝗ' | 'Ꝙ' | 'ꝙ' | 'ꞯ' => 'q',
        'Ɍ' | 'ɍ' | 'ɼ' | 'ɽ' | 'ɾ' | 'ʀ' | 'г' | 'ᵲ' | 'ᵳ' | 'ᶉ' | 'Ɽ' | 'Ꞧ' | 'ꞧ' | 'ꭆ' | 'ꭉ'
        | 'ꭋ' | 'ꭌ' | '𝼖' => 'r',
        'ȿ' | 'ʂ' | 'Ѕ' | 'ѕ' | 'ᵴ' | 'ᶊ' | 'ẜ' | 'ẝ' | 'Ȿ' | 'ꜱ' | 'Ꞩ' | 'ꞩ' | 'Ʂ' | 'Ꟊ' | 'ꟊ'
        | '𝼞' => 's',
        'Ŧ' | 'ŧ' | 'ƫ' | 'Ƭ' | 'ƭ' | 'Ʈ' | 'ȶ' | 'Ⱦ' | 'ʈ' | 'Τ' | 'τ' | 'Т' | 'т' | 'ᴛ' | 'ᵵ'
        | 'ⱦ' | '𝼉' => 't',
        'Ʉ' | 'ʉ' | 'ʊ' | 'υ' | 'Ս' | 'ս' | 'ᴜ' | 'ᵾ' | 'ᶙ' | 'Ꞹ' | 'ꞹ' | 'ꭎ' | 'ꭒ' => {
            'u'
        }
        'Ʋ' | 'ʋ' | 'ν' | 'Ѵ' | 'ѵ' | 'ᴠ' | 'ᶌ' | 'ⱱ' | 'ⱴ' | 'Ꝟ' | 'ꝟ' => 'v',
        'ω' | 'Ԝ' | 'ԝ' | 'ᴡ' | 'Ⱳ' | 'ⱳ' => 'w',
        'Χ' | 'χ' | 'Х' | 'х' | 'ᶍ' | 'ꭖ' | 'ꭗ' | 'ꭘ' | 'ꭙ' => 'x',
        'Ƴ' | 'ƴ' | 'Ɏ' | 'ɏ' | 'ʏ' | 'Υ' | 'γ' | 'У' | 'у' | 'Ү' | 'ү' | 'Ỿ' | 'ỿ' | 'ꭚ' => {
            'y'
        }
        'Ƶ' | 'ƶ' | 'Ȥ' | 'ȥ' | 'ɀ' | 'ʐ' | 'ʑ' | 'Ζ' | 'ᴢ' | 'ᵶ' | 'ᶎ' | 'Ⱬ' | 'ⱬ' | 'Ɀ' | 'Ᶎ' => {
            'z'
        }
        other => other,
    }
}
