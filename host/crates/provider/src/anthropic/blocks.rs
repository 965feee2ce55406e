//! A payload as the blocks that this API knows: who says them, in which order, and after which of them a prefix ends.

use super::kept::{Order, Part, order};
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;
use types::{Item, Payload, Reasoning, Role, Text, ToolCall, ToolResult};

/// Most marks in one request; more are refused.
const MOST_MARKS: usize = 4;

/// What is said where the API insists on a person's words and the conversation has none: it takes no conversation that begins with an answer or ends with one.
const BEFORE: &str = "(The conversation began before this.)";
const GO_ON: &str = "Go on.";

/// Who says a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The house, before the conversation begins.
    System,
    /// A person, the host or a tool.
    User,
    /// The model.
    Assistant,
}

/// One block.
#[derive(Debug)]
pub enum Block<'a> {
    /// Somebody's words.
    Text(&'a Text),
    /// Words of the house in the middle of the conversation.
    Reminder(&'a Text),
    /// Words that are in no item.
    Words(Cow<'a, str>),
    /// Blocks of thinking, in JSON, separated by commas.
    Thoughts(Bytes),
    /// One block of thinking.
    Thought(Value),
    /// A call.
    Call(&'a ToolCall),
    /// What a call came to.
    Result(&'a ToolResult),
}

impl Block<'_> {
    /// Whether the API takes a mark on it.
    fn takes_mark(&self) -> bool {
        !matches!(self, Block::Thoughts(_) | Block::Thought(_))
    }
}

/// A block in its place.
#[derive(Debug)]
pub struct Placed<'a> {
    /// Who says it.
    pub speaker: Speaker,
    /// What is said.
    pub block: Block<'a>,
    /// The item that it is of, counted from the front.
    item: usize,
    /// Whether a prefix that will be sent again ends after it.
    pub marked: bool,
}

/// All blocks of a request.
#[derive(Debug, Default)]
pub struct Layout<'a> {
    /// In the order in which they are sent.
    pub blocks: Vec<Placed<'a>>,
    /// Whether a prefix ends after the tools, which stand before all blocks.
    pub tools_marked: bool,
    /// Where the message of the user that is being made begins, and how many results stand in it.
    user_from: usize,
    results: usize,
}

impl<'a> Layout<'a> {
    /// The blocks of `payload`.
    pub fn of(payload: &'a Payload) -> Self {
        let mut layout = Layout {
            blocks: Vec::with_capacity(payload.items.len() + payload.items.len() / 2 + 2),
            ..Layout::default()
        };
        let mut in_system = true;
        for (index, item) in payload.items.iter().enumerate() {
            in_system &= matches!(
                &**item,
                Item::Text {
                    role: Role::System,
                    ..
                }
            );
            layout.add(index, item, in_system);
        }
        layout.fill(payload.items.len());
        layout.mark(&payload.breakpoints, !payload.tools.is_empty());
        layout
    }

    fn add(&mut self, index: usize, item: &'a Item, in_system: bool) {
        match item {
            Item::Text { text, .. } if is_blank(text) => {}
            Item::Text { text, .. } if in_system => {
                self.push(index, Speaker::System, Block::Text(text));
            }
            Item::Text { role, text, .. } => {
                self.push(
                    index,
                    Speaker::User,
                    match role {
                        Role::System => Block::Reminder(text),
                        Role::User => Block::Text(text),
                    },
                );
            }
            Item::Assistant {
                text,
                reasoning,
                calls,
                ..
            } => {
                let from = self.blocks.len();
                self.answer(index, text, reasoning.as_ref(), calls);
                let follows_answer = from.checked_sub(1).is_some_and(|last| {
                    self.blocks[last].speaker == Speaker::Assistant && self.blocks.len() > from
                });
                if follows_answer {
                    // The words that stood there when this was asked for.
                    let words = Placed::new(index, Speaker::User, Block::Words(GO_ON.into()));
                    self.blocks.insert(from, words);
                }
                self.user_from = self.blocks.len();
                self.results = 0;
            }
            Item::Result(result) => {
                // All results stand right after the answer, before anything that was said meanwhile: the API refuses others.
                let at = self.user_from + self.results;
                self.results += 1;
                self.blocks
                    .insert(at, Placed::new(index, Speaker::User, Block::Result(result)));
            }
        }
        if in_system {
            self.user_from = self.blocks.len();
        }
    }

    fn answer(
        &mut self,
        index: usize,
        text: &'a Text,
        reasoning: Option<&'a Reasoning>,
        calls: &'a [ToolCall],
    ) {
        let kept = reasoning.and_then(|reasoning| reasoning.kept.as_ref());
        let mut calls_left = calls.iter();
        match kept.and_then(|kept| order(kept, text, calls)) {
            Some(Order::Mixed(parts)) => {
                let plain = text.plain();
                for part in parts {
                    let block = match part {
                        Part::Thought(block) => Block::Thought(block),
                        Part::Text(from, to) if plain[from..to].trim().is_empty() => continue,
                        Part::Text(from, to) => Block::Words(plain[from..to].to_owned().into()),
                        Part::Call => match calls_left.next() {
                            Some(call) => Block::Call(call),
                            None => continue,
                        },
                    };
                    self.push(index, Speaker::Assistant, block);
                }
                return;
            }
            // Thinking alone is no answer: the API takes it only before what it led to.
            Some(Order::First(blocks)) if !is_blank(text) || !calls.is_empty() => {
                self.push(index, Speaker::Assistant, Block::Thoughts(blocks));
            }
            Some(Order::First(_)) | None => {}
        }
        if !is_blank(text) {
            self.push(index, Speaker::Assistant, Block::Text(text));
        }
        for call in calls_left {
            self.push(index, Speaker::Assistant, Block::Call(call));
        }
    }

    fn push(&mut self, index: usize, speaker: Speaker, block: Block<'a>) {
        self.blocks.push(Placed::new(index, speaker, block));
    }

    /// Puts words where the API insists on them.
    fn fill(&mut self, items: usize) {
        let begin = self
            .blocks
            .iter()
            .position(|placed| placed.speaker != Speaker::System)
            .unwrap_or(self.blocks.len());
        if let Some(first) = self.blocks.get(begin)
            && first.speaker == Speaker::Assistant
        {
            let words = Placed::new(first.item, Speaker::User, Block::Words(BEFORE.into()));
            self.blocks.insert(begin, words);
        }
        if self
            .blocks
            .last()
            .is_none_or(|last| last.speaker != Speaker::User)
        {
            self.push(items, Speaker::User, Block::Words(GO_ON.into()));
        }
    }

    /// Marks the end of each prefix: the longest-lived one, and of the others the longest.
    fn mark(&mut self, breakpoints: &[usize], has_tools: bool) {
        // `None` stands for the end of the tools.
        let mut ends: Vec<Option<usize>> = Vec::with_capacity(breakpoints.len());
        for breakpoint in breakpoints {
            let before = self
                .blocks
                .iter()
                .position(|placed| placed.item >= *breakpoint)
                .unwrap_or(self.blocks.len());
            let end = self.blocks[..before]
                .iter()
                .rposition(|placed| placed.block.takes_mark());
            if (end.is_some() || has_tools) && !ends.contains(&end) {
                ends.push(end);
            }
        }
        let too_many = ends.len().saturating_sub(MOST_MARKS);
        if too_many > 0 {
            ends.drain(1..=too_many);
        }
        for end in ends {
            match end {
                Some(at) => self.blocks[at].marked = true,
                None => self.tools_marked = true,
            }
        }
    }
}

impl<'a> Placed<'a> {
    fn new(item: usize, speaker: Speaker, block: Block<'a>) -> Self {
        Placed {
            speaker,
            block,
            item,
            marked: false,
        }
    }
}

/// Whether `text` is nothing but white space, which the API refuses as a block.
pub fn is_blank(text: &Text) -> bool {
    let mut rest = &text.wire()[..];
    loop {
        rest = match rest {
            [] => return true,
            [b' ', rest @ ..] | [b'\\', b'n' | b'r' | b't' | b'f', rest @ ..] => rest,
            // Rarer white space: looked at in full, and nearly never.
            [b'\\', b'u', ..] => return text.plain().trim().is_empty(),
            [first, ..] if !first.is_ascii() => return text.plain().trim().is_empty(),
            _ => return false,
        };
    }
}
