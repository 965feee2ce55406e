//! The template engine as scripts use it: strict, bounded, and able to write Markdown that no file name can break.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// How many instructions one template may run. A report over a large directory needs some hundred thousand; this many end within a second
/// or two on an old machine.
const FUEL: u64 = 20_000_000;

/// The environment that conditions and templates run in.
///
/// Names that are not there are errors, loops end when the fuel does, a line that holds only a `{% block %}` leaves no empty line behind,
/// and a text keeps its last line end.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.add_filter("code", code);
    environment.add_filter("thousands", thousands);
    environment.add_filter("bytes", bytes);
    environment
}

/// Any text as a Markdown code span, in a paragraph or in a table's cell, on one line.
fn code(text: &str) -> String {
    let mut inside = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => inside.push_str("\\|"),
            c if is_hidden(c) => inside.extend(c.escape_default()),
            c => inside.push(c),
        }
    }
    let fence = "`".repeat(longest_run(&inside, '`') + 1);
    // CommonMark takes one space off both ends where both have one, and a backtick must not touch the fence.
    let spaced = |c| c == ' ' || c == '`';
    let pad = if inside.is_empty() || inside.starts_with(spaced) || inside.ends_with(spaced) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{inside}{pad}{fence}")
}

/// Characters that would break the line, or make the text look like another one.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

/// `1234567` as `1,234,567`.
fn thousands(number: &Value) -> Result<String, Error> {
    if !number.is_number() {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("`{number}` is not a number"),
        ));
    }
    let digits = number.to_string();
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits
        .find('.')
        .map_or((digits, ""), |dot| digits.split_at(dot));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{number} is too large to be written out"),
        ));
    }
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(fraction);
    Ok(grouped)
}

/// A number of bytes as people read it: `512 B`, `1.5 KiB`.
fn bytes(value: &Value) -> Result<String, Error> {
    let Some(count) = u64::try_from(value.clone()).ok() else {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("`{value}` is not a number of bytes"),
        ));
    };
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        // What would be rounded up to 1024.0 is one of the next unit.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    Ok(if unit == "B" {
        format!("{count} B")
    } else {
        format!("{size:.1} {unit}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> Result<String, Error> {
        environment().render_str(template, Value::from(()))
    }

    #[test]
    fn any_name_is_safe_as_code() {
        for (name, expected) in [
            ("a.rs", "`a.rs`"),
            ("a b", "`a b`"),
            ("a|b", r"`a\|b`"),
            ("`", "`` ` ``"),
            ("a``b`c", "```a``b`c```"),
            (" a", "`  a `"),
            ("", "`  `"),
            ("a\nb\u{1b}[0m", r"`a\nb\u{1b}[0m`"),
            ("gpj\u{202e}.exe", r"`gpj\u{202e}.exe`"),
            ("né🦀", "`né🦀`"),
        ] {
            assert_eq!(code(name), expected);
        }
    }

    #[test]
    fn numbers_as_people_read_them() {
        for (template, expected) in [
            ("{{ 0 | thousands }}", "0"),
            ("{{ 999 | thousands }}", "999"),
            ("{{ 1234567 | thousands }}", "1,234,567"),
            ("{{ -1000 | thousands }}", "-1,000"),
            ("{{ 1234.5 | thousands }}", "1,234.5"),
            ("{{ 0 | bytes }}", "0 B"),
            ("{{ 1023 | bytes }}", "1023 B"),
            ("{{ 1024 | bytes }}", "1.0 KiB"),
            ("{{ 1536 | bytes }}", "1.5 KiB"),
            ("{{ 1048575 | bytes }}", "1.0 MiB"),
        ] {
            assert_eq!(render(template).unwrap(), expected, "{template}");
        }
        assert!(render("{{ 'x' | thousands }}").is_err());
        assert!(render("{{ -1 | bytes }}").is_err());
        assert!(render("{{ 'x' | bytes }}").is_err());
    }

    #[test]
    fn a_loop_without_end_ends() {
        let nested =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
        assert_eq!(render(nested).unwrap_err().kind(), ErrorKind::OutOfFuel);
    }

    #[test]
    fn lines_come_out_as_they_stand() {
        assert_eq!(
            render("{% for n in [1, 2] %}\n- {{ n }}\n{% endfor %}\n").unwrap(),
            "- 1\n- 2\n"
        );
        assert_eq!(render("a\n").unwrap(), "a\n");
        assert!(render("{{ nothing }}").is_err());
    }
}
