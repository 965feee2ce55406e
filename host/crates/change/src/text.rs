//! What is one word wherever it is written: in records, in messages and on the command line. Such a type says how it is read and shown, and all else follows from that.

/// Shows `$name` for a programmer as for anybody else, and puts it into records as the text that `$parse` reads.
macro_rules! is_text {
    ($name:ty, $error:ty, $parse:expr) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                $parse(&text)
            }
        }
    };
}

pub(crate) use is_text;

/// At most a line of a stranger's text.
pub(crate) fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| match c {
        c if c.is_control() => '\u{fffd}',
        c => c,
    });
    clean.take(100).collect()
}
