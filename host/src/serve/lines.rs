//! Lines as a client sends them: bounded in length and in the time that one may take, and nothing is lost when the reading of one is broken off.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep_until};

/// The longest line that is read.
pub const LONGEST: usize = 1 << 20;
/// How long a line may take from its first byte to its last.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);
/// How long a client may say nothing, unless it watches.
const SILENT: Duration = Duration::from_secs(15 * 60);

/// What a client sends.
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// So much of the buffer has no end of a line in it.
    searched: usize,
    /// The line is too long: the rest of it is passed over.
    passing_over: bool,
    /// When what has begun must be there.
    end: Instant,
    /// Whether it may be silent for as long as it wants.
    pub patient: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// One that was longer than [`LONGEST`].
    TooLong,
    /// Nothing for too long, or half a line.
    Silent,
    /// The client has gone.
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines that come from `reader`.
    pub fn new(reader: R) -> Self {
        Lines {
            reader,
            buffer: Vec::new(),
            searched: 0,
            passing_over: false,
            end: Instant::now() + SILENT,
            patient: false,
        }
    }

    /// The next line. Breaking this off loses nothing.
    pub async fn next(&mut self) -> io::Result<Line> {
        loop {
            if let Some(line) = self.buffered() {
                return Ok(line);
            }
            let half = self.passing_over || !self.buffer.is_empty();
            let timed = half || !self.patient;
            let read = tokio::select! {
                read = self.reader.read_buf(&mut self.buffer) => read?,
                () = sleep_until(self.end), if timed => return Ok(Line::Silent),
            };
            if read == 0 {
                let rest = std::mem::take(&mut self.buffer);
                self.searched = 0;
                return Ok(match rest.is_empty() || self.passing_over {
                    true => Line::End,
                    false => Line::Whole(rest),
                });
            }
            if !half {
                self.end = Instant::now() + WHOLE_WITHIN;
            }
        }
    }

    /// The answer to the last line has been given: the time for the next begins.
    pub fn wait_anew(&mut self) {
        self.end = Instant::now()
            + match self.buffer.is_empty() {
                true => SILENT,
                false => WHOLE_WITHIN,
            };
    }

    fn buffered(&mut self) -> Option<Line> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|b| *b == b'\n');
        let Some(found) = found else {
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST || self.passing_over {
                self.buffer.clear();
                self.searched = 0;
                self.passing_over = true;
            }
            return None;
        };
        let rest = self.buffer.split_off(self.searched + found + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        line.pop();
        let too_long = std::mem::take(&mut self.passing_over) || line.len() > LONGEST;
        Some(match too_long {
            true => Line::TooLong,
            false => Line::Whole(line),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn run(test: impl Future<Output = ()>) {
        crate::open::block_on(test).unwrap();
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.into())
    }

    #[test]
    fn lines_come_one_by_one_however_they_are_sent() {
        run(async {
            let (mut client, server) = tokio::io::duplex(8);
            let mut lines = Lines::new(server);
            let send = async {
                for piece in ["{}", "\n\n{\"a\"", ":1}\nlast"] {
                    client.write_all(piece.as_bytes()).await.unwrap();
                }
                drop(client);
            };
            let read = async {
                for expected in ["{}", "", "{\"a\":1}", "last"] {
                    assert_eq!(lines.next().await.unwrap(), whole(expected));
                }
                assert_eq!(lines.next().await.unwrap(), Line::End);
            };
            tokio::join!(send, read);
        });
    }

    #[test]
    fn a_line_that_is_too_long_takes_no_memory_and_hides_no_other() {
        run(async {
            let (mut client, server) = tokio::io::duplex(1 << 16);
            let mut lines = Lines::new(server);
            let send = async {
                for _ in 0..64 {
                    client.write_all(&vec![b'x'; 1 << 16]).await.unwrap();
                }
                client.write_all(b"\nnext\n").await.unwrap();
            };
            let read = async {
                assert_eq!(lines.next().await.unwrap(), Line::TooLong);
                assert!(lines.buffer.capacity() < 2 * LONGEST + (1 << 17));
                assert_eq!(lines.next().await.unwrap(), whole("next"));
            };
            tokio::join!(send, read);
        });
    }
}
