//! A request's body as a chain of shared byte segments.
//!
//! A conversation is long and hardly changes from turn to turn, so its texts are never copied into a request: the body is made of handles to them, with the
//! little that stands between them in one buffer of its own. Making a body again costs as much as there are items, however long they are.

use crate::spelling::WireName;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use types::Text;

/// From this length on, a text is shared; shorter ones are copied. Two more segments cost more memory and time than copying a line of text.
const SHORTEST_SHARED: usize = 256;

/// A finished body.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    segments: Vec<Bytes>,
    length: usize,
}

impl Rope {
    /// What it is made of, in order; none of them empty.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of it in one piece: a copy, for tests and for people.
    pub fn to_vec(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

/// A body in the making.
#[derive(Default)]
pub struct Braid {
    /// What stands between the shared texts, all of it in one buffer.
    glue: Vec<u8>,
    /// The shared texts, each with the length of the glue before it.
    shared: Vec<(usize, Bytes)>,
}

impl Braid {
    /// Room for `items` items of a conversation.
    pub fn with_room_for(items: usize) -> Self {
        Braid {
            glue: Vec::with_capacity(256 + items * 160),
            shared: Vec::with_capacity(items),
        }
    }

    /// Bytes that are part of the wire form already.
    pub fn push(&mut self, bytes: &[u8]) {
        self.glue.extend_from_slice(bytes);
    }

    /// `text` as the inside of a JSON string.
    pub fn inside(&mut self, text: &Text) {
        self.share(text.wire());
    }

    /// `text` as a JSON string.
    pub fn text(&mut self, text: &Text) {
        self.glue.push(b'"');
        self.share(text.wire());
        self.glue.push(b'"');
    }

    /// A name, which needs no escapes, as a JSON string.
    pub fn name(&mut self, name: &WireName) {
        self.glue.push(b'"');
        self.glue.extend_from_slice(name.as_bytes());
        self.glue.push(b'"');
    }

    /// A short text that is kept as it reads, an id for instance, as a JSON string.
    pub fn string(&mut self, text: &str) {
        let needs_escape = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
        if text.bytes().any(needs_escape) {
            return self.json(text);
        }
        self.glue.push(b'"');
        self.glue.extend_from_slice(text.as_bytes());
        self.glue.push(b'"');
    }

    /// Any value as JSON.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.glue, value).expect("writing JSON into memory cannot fail");
    }

    /// `bytes` by handle where that is worth it.
    pub fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < SHORTEST_SHARED {
            self.glue.extend_from_slice(bytes);
        } else {
            self.shared.push((self.glue.len(), bytes.clone()));
        }
    }

    /// The body.
    pub fn finish(self) -> Rope {
        let glue = Bytes::from(self.glue);
        let mut segments = Vec::with_capacity(self.shared.len() * 2 + 1);
        let mut length = glue.len();
        let mut from = 0;
        for (to, shared) in self.shared {
            if to > from {
                segments.push(glue.slice(from..to));
            }
            length += shared.len();
            segments.push(shared);
            from = to;
        }
        if glue.len() > from {
            segments.push(glue.slice(from..));
        }
        Rope { segments, length }
    }
}

/// A rope on its way to the socket. A segment is let go of as soon as it is written: while the model thinks, nothing of the request is left.
pub(crate) struct RopeBody {
    segments: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl From<Rope> for RopeBody {
    fn from(rope: Rope) -> Self {
        RopeBody {
            left: rope.length as u64,
            segments: rope.segments.into_iter(),
        }
    }
}

impl Body for RopeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let segment = self.segments.next();
        self.left -= segment.as_ref().map_or(0, |segment| segment.len() as u64);
        Poll::Ready(segment.map(|segment| Ok(Frame::data(segment))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    /// Exact, so that a `Content-Length` is sent: many small servers do not understand chunks.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shared_and_short_ones_copied() {
        let long = Text::from("x".repeat(SHORTEST_SHARED));
        let short = Text::from("a\"b");
        let mut braid = Braid::default();
        braid.text(&long);
        braid.push(b",");
        braid.text(&short);
        braid.push(b",");
        braid.inside(&long);
        let rope = braid.finish();
        assert_eq!(rope.segments().len(), 4);
        assert_eq!(
            rope.segments()[1].as_ptr(),
            long.wire().as_ptr(),
            "the text's own bytes"
        );
        assert_eq!(rope.segments()[3].as_ptr(), long.wire().as_ptr());
        let expected = format!(r#""{0}","a\"b",{0}"#, "x".repeat(SHORTEST_SHARED));
        assert_eq!(rope.to_vec(), expected.as_bytes());
        assert_eq!(rope.len(), expected.len());
        let body = RopeBody::from(rope);
        assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
    }

    #[test]
    fn strings_are_json() {
        for text in ["", "call_1", "é \"x\"\\", "\n\u{1}"] {
            let mut braid = Braid::default();
            braid.string(text);
            let json = serde_json::to_vec(text).unwrap();
            assert_eq!(braid.finish().to_vec(), json);
        }
    }

    #[test]
    fn an_empty_rope_is_at_its_end() {
        let rope = Braid::default().finish();
        assert!(rope.is_empty() && rope.segments().is_empty());
        assert!(RopeBody::from(rope).is_end_stream());
    }
}
