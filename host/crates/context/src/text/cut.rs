//! How a text is cut to its room: at its end, in its middle, or by whole pieces. Each says in the text itself how much went.
//!
//! A long text is measured block by block and only as far as it is kept, so that cutting fifty megabytes to a window costs what the window holds, with an
//! exact tokenizer too. Blocks end at fixed distances from the end that stays, so that more room never keeps less. Their sum may be a little more than the
//! whole is (no estimator counts less for two halves than for both together, but a few tokens more they may take), never less in earnest; what is sent is
//! measured as it is all the same.

use super::{Segment, TextBody, TextCut, TextWhole};
use crate::section::Tags;
use crate::{Estimator, Trim};

/// Bytes that are measured at a time.
const BLOCK: usize = 4096;

/// How often a cut that came out too long (because an estimator counts more for the whole than for its parts) is tried again with less.
const ATTEMPTS: u32 = 16;

impl TextWhole {
    /// The least that `trim` can bring it to.
    pub fn least(&self, trim: Trim, estimator: &dyn Estimator) -> u64 {
        match trim {
            Trim::Never => self.tokens,
            Trim::Lowest => self.protected(estimator).tokens(estimator),
            Trim::Oldest | Trim::Tail | Trim::Middle | Trim::Summary => 0,
        }
    }

    /// What of it is sent in `room` tokens, which are at least [`TextWhole::least`]. What has a meaning only for a conversation cuts the end.
    pub fn trimmed(&self, trim: Trim, room: u64, estimator: &dyn Estimator) -> TextCut {
        if self.tokens <= room {
            return self.whole();
        }
        let cutter = Cutter {
            whole: self,
            estimator,
            envelope: estimator.message()
                + self
                    .tags
                    .as_ref()
                    .map_or(0, |tags| estimator.tokens(&tags.alone())),
        };
        let cut = match trim {
            Trim::Middle => cutter.verified(room, |room| cutter.middle(room)),
            Trim::Lowest => cutter.verified(room, |room| cutter.lowest(room)),
            Trim::Never | Trim::Oldest | Trim::Tail | Trim::Summary => {
                cutter.verified(room, |room| cutter.tail(room))
            }
        };
        let cut = cut.unwrap_or_else(|| match trim {
            Trim::Lowest => cutter.only_protected(),
            _ => TextCut {
                body: TextBody::default(),
                cut: self.tokens,
            },
        });
        TextCut {
            cut: self.cut + cut.cut,
            ..cut
        }
    }

    fn protected(&self, estimator: &dyn Estimator) -> TextBody {
        let protected = self.parts.iter().filter(|part| part.protected);
        TextBody::new(protected, self.tags.as_ref(), estimator)
    }
}

/// One cut in the making.
struct Cutter<'a> {
    whole: &'a TextWhole,
    estimator: &'a dyn Estimator,
    /// Tokens around each segment: its message and its tags.
    envelope: u64,
}

impl Cutter<'_> {
    /// The cut for `room`; with less where it came out longer. `None` where nothing fits.
    fn verified(&self, room: u64, cut: impl Fn(u64) -> Option<TextCut>) -> Option<TextCut> {
        let mut goal = room;
        for _ in 0..ATTEMPTS {
            let cut = cut(goal)?;
            let tokens = cut.body.tokens(self.estimator);
            if tokens <= room {
                return Some(cut);
            }
            goal = goal.checked_sub((tokens - room).max(goal / 16).max(1))?;
        }
        None
    }

    fn segments(&self) -> &[Segment] {
        &self.whole.body.segments
    }

    fn tags(&self) -> Option<&Tags> {
        self.whole.tags.as_ref()
    }

    /// Tokens of the longest line that says how much was cut and of the line ends around it, so that whether a cut fits does not depend on the digits of
    /// what it cuts.
    fn note_tokens(&self, before: &str, after: &str) -> u64 {
        let line = note(self.whole.tokens);
        self.estimator.tokens(&format!("{before}{line}{after}"))
    }

    /// As much of the beginning as fits together with a last line that says how much was cut.
    fn tail(&self, room: u64) -> Option<TextCut> {
        let head = self.head(room.checked_sub(self.note_tokens("\n", ""))?)?;
        Some(self.closed(&head, None))
    }

    /// As much of the beginning and of the end, half of the room each, with a line between that says how much was cut.
    fn middle(&self, room: u64) -> Option<TextCut> {
        let room = room.checked_sub(self.note_tokens("\n", "\n"))?;
        // A single segment has its message and tags once, and not once in each half.
        let once = if self.segments().len() == 1 {
            self.envelope
        } else {
            0
        };
        let room = room.checked_sub(once)?;
        let half = room / 2;
        match (self.head(half + once), self.foot(room - half + once)) {
            (Some(head), foot) => Some(self.closed(&head, foot.as_ref())),
            (None, Some(foot)) => Some(self.opened(&foot)),
            (None, None) => None,
        }
    }

    /// The longest beginning that takes at most `room` tokens, at the end of a line if that does not give up too much.
    fn head(&self, room: u64) -> Option<End> {
        let mut left = room;
        for (index, segment) in self.segments().iter().enumerate() {
            let cost = segment.tokens + self.estimator.message();
            if cost <= left {
                left -= cost;
                continue;
            }
            let within = left.checked_sub(self.envelope).map_or(0, |left| {
                line_end(
                    &segment.text,
                    longest_beginning(&segment.text, left, self.estimator),
                )
            });
            if !segment.text[..within].trim().is_empty() {
                return Some(End { index, at: within });
            }
            // No word of it fits: the one before it ends what is kept.
            let before = index.checked_sub(1)?;
            let at = self.segments()[before].text.len();
            return Some(End { index: before, at });
        }
        None
    }

    /// The longest end that takes at most `room` tokens, from the beginning of a line on if that does not give up too much.
    fn foot(&self, room: u64) -> Option<End> {
        let mut left = room;
        for (index, segment) in self.segments().iter().enumerate().rev() {
            let cost = segment.tokens + self.estimator.message();
            if cost <= left {
                left -= cost;
                continue;
            }
            let at = left
                .checked_sub(self.envelope)
                .map_or(segment.text.len(), |left| {
                    line_start(
                        &segment.text,
                        longest_end(&segment.text, left, self.estimator),
                    )
                });
            if !segment.text[at..].trim().is_empty() {
                return Some(End { index, at });
            }
            let after = index + 1;
            return (after < self.segments().len()).then_some(End {
                index: after,
                at: 0,
            });
        }
        None
    }

    /// The beginning up to `head`, the line, and the end from `foot` on.
    fn closed(&self, head: &End, foot: Option<&End>) -> TextCut {
        let segments = self.segments();
        let segment = &segments[head.index];
        let kept = &segment.text[..head.at];
        // Where parts are counted a little longer than the whole, the two may meet; they must not overlap.
        let foot = foot.filter(|foot| (foot.index, foot.at) > (head.index, head.at));
        let mut cut = self
            .whole
            .tokens
            .saturating_sub(self.used(&segments[..head.index]) + self.piece(kept));
        let mut behind = &segments[segments.len()..];
        let mut text = String::with_capacity(kept.len() + 64);
        text.push_str(kept);
        let mut partial = None;
        if let Some(foot) = foot {
            let rest = &segments[foot.index].text[foot.at..];
            behind = &segments[foot.index + 1..];
            cut = cut.saturating_sub(self.used(behind));
            if foot.index == head.index {
                cut = cut.saturating_sub(self.estimator.tokens(rest));
                partial = Some(rest);
            } else if foot.at == 0 {
                behind = &segments[foot.index..];
                cut = cut.saturating_sub(self.used(&behind[..1]));
            } else {
                cut = cut.saturating_sub(self.piece(rest));
            }
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&note(cut));
        if let Some(rest) = partial {
            text.push('\n');
            text.push_str(rest);
        }
        let mut kept = segments[..head.index].to_vec();
        kept.push(segment.with(&text, self.tags(), self.estimator));
        if let Some(foot) = foot.filter(|foot| foot.index > head.index && foot.at > 0) {
            let segment = &segments[foot.index];
            kept.push(segment.with(&segment.text[foot.at..], self.tags(), self.estimator));
        }
        kept.extend_from_slice(behind);
        TextCut {
            body: TextBody { segments: kept },
            cut,
        }
    }

    /// The line, and the end from `foot` on.
    fn opened(&self, foot: &End) -> TextCut {
        let segments = self.segments();
        let (segment, behind) = (&segments[foot.index], &segments[foot.index + 1..]);
        let rest = &segment.text[foot.at..];
        let cut = self.whole.tokens - self.used(behind);
        let cut = cut.saturating_sub(self.piece(rest));
        let text = format!("{}\n{rest}", note(cut));
        let mut kept = vec![segment.with(&text, self.tags(), self.estimator)];
        kept.extend_from_slice(behind);
        TextCut {
            body: TextBody { segments: kept },
            cut,
        }
    }

    /// Tokens of whole segments.
    fn used(&self, segments: &[Segment]) -> u64 {
        let messages = segments.len() as u64 * self.estimator.message();
        segments.iter().map(|segment| segment.tokens).sum::<u64>() + messages
    }

    /// Tokens of a part of a segment, with what is around it.
    fn piece(&self, text: &str) -> u64 {
        self.envelope + self.estimator.tokens(text)
    }

    /// The most important pieces, whole, with a last line that says how many went.
    fn lowest(&self, room: u64) -> Option<TextCut> {
        let parts = &self.whole.parts;
        let note = self.estimator.tokens(&format!(
            "\n{}",
            pieces_note(parts.len(), parts.len(), self.whole.tokens)
        ));
        let mut left = room.checked_sub(note)?;
        // Each run of one source is one segment. With some of its pieces gone there are no more of them than before.
        let mut run_of = Vec::with_capacity(parts.len());
        let mut runs = 0;
        for (index, part) in parts.iter().enumerate() {
            let goes_on = index > 0 && super::is_same_source(&parts[index - 1].text, &part.text);
            runs += usize::from(!goes_on);
            run_of.push(runs - 1);
        }
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|&index| {
            let part = &parts[index];
            (!part.protected, std::cmp::Reverse(part.priority), index)
        });
        let blank_line = self.estimator.tokens("\n\n");
        let mut opened = vec![false; runs];
        let mut kept = vec![false; parts.len()];
        for index in order {
            let around = if opened[run_of[index]] {
                blank_line
            } else {
                self.envelope
            };
            let cost = self.estimator.tokens(&parts[index].text.text) + around;
            let Some(after) = left.checked_sub(cost) else {
                if parts[index].protected {
                    return None;
                }
                break;
            };
            left = after;
            opened[run_of[index]] = true;
            kept[index] = true;
        }
        Some(self.pieces(&kept, true)).filter(|cut| !cut.body.segments.is_empty())
    }

    /// What may not go, when not even the line fits beside it.
    fn only_protected(&self) -> TextCut {
        let kept: Vec<bool> = self.whole.parts.iter().map(|part| part.protected).collect();
        self.pieces(&kept, false)
    }

    fn pieces(&self, kept: &[bool], say_so: bool) -> TextCut {
        let parts = self.whole.parts.iter().zip(kept);
        let parts = parts.filter(|(_, kept)| **kept).map(|(part, _)| part);
        let mut body = TextBody::new(parts, self.tags(), self.estimator);
        let cut = self
            .whole
            .tokens
            .saturating_sub(body.tokens(self.estimator));
        let gone = kept.iter().filter(|kept| !**kept).count();
        if let Some(last) = body.segments.last_mut().filter(|_| say_so) {
            let line = pieces_note(gone, kept.len(), cut);
            let text = format!("{}\n{line}", last.text.trim_end());
            *last = last.with(&text, self.tags(), self.estimator);
        }
        TextCut { body, cut }
    }
}

/// A place in a body: a byte of a segment.
struct End {
    index: usize,
    at: usize,
}

fn note(cut: u64) -> String {
    format!("[… {cut} tokens cut]")
}

fn pieces_note(gone: usize, of: usize, cut: u64) -> String {
    format!("[… {gone} of {of} pieces cut, {cut} tokens]")
}

/// The end of the longest beginning of `text` that takes at most `room` tokens.
fn longest_beginning(text: &str, room: u64, estimator: &dyn Estimator) -> usize {
    let mut left = room;
    let mut end = 0;
    while end < text.len() {
        let next = text.floor_char_boundary(end + BLOCK);
        let block = &text[end..next];
        let tokens = estimator.tokens(block);
        if tokens > left {
            return end + bisected(block, |at| estimator.tokens(&block[..at]) <= left);
        }
        left -= tokens;
        end = next;
    }
    end
}

/// The start of the longest end of `text` that takes at most `room` tokens.
fn longest_end(text: &str, room: u64, estimator: &dyn Estimator) -> usize {
    let mut left = room;
    let mut start = text.len();
    while start > 0 {
        let next = text.ceil_char_boundary(start.saturating_sub(BLOCK));
        let block = &text[next..start];
        let tokens = estimator.tokens(block);
        if tokens > left {
            // The first place from which on it does not fit is the last one before the answer.
            let last = bisected(block, |at| estimator.tokens(&block[at..]) > left);
            return next + block.ceil_char_boundary(last + 1).min(block.len());
        }
        left -= tokens;
        start = next;
    }
    start
}

/// The last character boundary of `text` at which `holds`, which it does at 0 and up to some boundary.
fn bisected(text: &str, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = text.ceil_char_boundary(low + (high - low).div_ceil(2));
        if holds(middle) {
            low = middle;
        } else {
            high = text.floor_char_boundary(middle - 1);
        }
    }
    low
}

/// The end of the last whole line before `end`, unless that would give up more than half: then `end` itself.
fn line_end(text: &str, end: usize) -> usize {
    match text[..end].rfind('\n') {
        Some(newline) if end < text.len() && (newline + 1) * 2 >= end => newline + 1,
        _ => end,
    }
}

/// The start of the first whole line after `start`, unless that would give up more than half: then `start` itself.
fn line_start(text: &str, start: usize) -> usize {
    if start == 0 || text[..start].ends_with('\n') {
        return start;
    }
    let length = text.len() - start;
    match text[start..].find('\n') {
        Some(newline) if (length - newline - 1) * 2 >= length => start + newline + 1,
        _ => start,
    }
}
