//! Server-sent events, as the WHATWG HTML standard defines the stream: bytes in, the name and `data` of each event out.
//!
//! Bytes arrive cut anywhere, also inside a character or between a carriage return and its line feed, so nothing is decoded before its line
//! is whole.

use crate::dialect::Event;

/// Longest event that is taken. Providers send a few KiB; whoever sends more than this is not one, and would fill the memory.
const LONGEST_EVENT: usize = 16 << 20;

/// An event longer than [`LONGEST_EVENT`], or one that is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub enum SseError {
    /// Too long.
    TooLong,
    /// Not UTF-8.
    NotText,
}

/// Splits a stream of bytes into events.
#[derive(Default)]
pub struct Events {
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// The `event` line of the event that is not whole yet.
    name: Vec<u8>,
    /// Its `data` lines.
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return, so that a line feed right after it belongs to the same line end.
    after_return: bool,
    began: bool,
}

impl Events {
    /// Take `bytes` and hand each event that they complete to `found`, in order.
    ///
    /// # Errors
    /// What `found` returns, and [`SseError`] for what is no event stream.
    pub fn push<E: From<SseError>>(
        &mut self,
        bytes: &[u8],
        mut found: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(rest);
                self.check_length()?;
                return Ok(());
            };
            self.line.extend_from_slice(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.check_length()?;
            self.end_line(&mut found)?;
        }
        Ok(())
    }

    /// The stream has ended: an event that lacks its empty line is handed out too, because several servers end so.
    ///
    /// # Errors
    /// As [`Events::push`].
    pub fn end<E: From<SseError>>(
        &mut self,
        mut found: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.line.is_empty() {
            self.end_line(&mut found)?;
        }
        self.dispatch(&mut found)
    }

    fn check_length(&self) -> Result<(), SseError> {
        if self.line.len() + self.data.len() > LONGEST_EVENT {
            return Err(SseError::TooLong);
        }
        Ok(())
    }

    fn end_line<E: From<SseError>>(
        &mut self,
        found: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.began, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch(found)?;
        } else if let Some(value) = value_of(&line, b"event") {
            self.name.clear();
            self.name.extend_from_slice(value);
        } else if let Some(value) = value_of(&line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
        // The buffer goes back, so that a long stream allocates once.
        line.clear();
        self.line = line;
        Ok(())
    }

    fn dispatch<E: From<SseError>>(
        &mut self,
        found: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let result = if std::mem::take(&mut self.has_data) {
            let text = |bytes| std::str::from_utf8(bytes).map_err(|_| SseError::NotText);
            found(Event {
                name: text(&self.name)?,
                data: text(&self.data)?,
            })
        } else {
            Ok(())
        };
        self.name.clear();
        self.data.clear();
        result
    }
}

/// The value of a line of `field`; `None` for comments and other fields.
fn value_of<'a>(line: &'a [u8], field: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(field)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(event: Event<'_>) -> String {
        let Event { name, data } = event;
        match name {
            "" => data.to_owned(),
            name => format!("{name}={data}"),
        }
    }

    /// The events of `stream` when it arrives in pieces of `size` bytes.
    fn events(stream: &[u8], size: usize) -> Result<Vec<String>, SseError> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in stream.chunks(size) {
            events.push(piece, |event| {
                all.push(shown(event));
                Ok::<_, SseError>(())
            })?;
        }
        events.end(|event| {
            all.push(shown(event));
            Ok::<_, SseError>(())
        })?;
        Ok(all)
    }

    #[test]
    fn it_does_not_matter_where_the_stream_is_cut() {
        let streams: [(&str, &[&str]); 6] = [
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\r\n\r\ndata: é🦀\r\n\r\n", &["a", "é🦀"]),
            ("data:a\r\rdata:  b\r\r", &["a", " b"]),
            (
                ": hello\n\nevent: x\nid: 1\ndata: 1\ndata: 2\n\ndata: 3\n\nevent: gone\n\ndata: 4\n\n",
                &["x=1\n2", "3", "4"],
            ),
            ("\u{feff}data: a\n\ndatabase: no\n\ndata\n\n", &["a", ""]),
            ("data: whole\n\ndata: cut off", &["whole", "cut off"]),
        ];
        for (stream, expected) in streams {
            for size in 1..=stream.len() {
                assert_eq!(
                    events(stream.as_bytes(), size).unwrap(),
                    expected,
                    "{stream:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let long = vec![b'x'; LONGEST_EVENT + 1];
        assert_eq!(events(&long, 1 << 16), Err(SseError::TooLong));
        assert_eq!(events(b"data: \xff\n\n", 3), Err(SseError::NotText));
    }
}
