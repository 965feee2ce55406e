//! Two payloads side by side in plain text, for people: what they share, where they part, and why.

use crate::render::{filled, percent, printable, shortened};
use crate::{Change, ChunkShare, Held, Parting, Shared};
use std::fmt::Write;

/// Widest picture: text for people fits 100 columns.
const WIDEST: usize = 100;
/// Below this nothing can be told apart.
const NARROWEST: usize = 60;
/// Columns for `1234567 sent before, 1234567 anew` and its gap.
const FIGURES: usize = 34;

impl Shared {
    /// Draw it in at most `width` columns (60 to 100): for each chunk of the later payload what of it was sent before, and under the chunk at which the two part
    /// the reason.
    pub fn render(&self, width: usize) -> String {
        let width = width.clamp(NARROWEST, WIDEST);
        let whole = self.tokens.saturating_add(self.anew);
        let share = percent(self.tokens, whole);
        let heading = [
            format!(
                "{} of {whole} tokens were sent before ({share}),",
                self.tokens
            ),
            format!("{} are sent anew", self.anew),
        ];
        let mut text = filled(heading.iter().map(String::as_str), width).join("\n") + "\n\n";
        let names = self.chunks.iter().map(|chunk| chunk.chunk.chars().count());
        let layout = Layout {
            width,
            id: names.max().unwrap_or(0).min(width / 4),
            full: self.chunks.iter().map(tokens).max().unwrap_or(0).max(1),
        };
        let mut told = false;
        for chunk in &self.chunks {
            layout.chunk(chunk, &mut text);
            if let Some(parting) = &self.parts_at
                && parting.after.chunk == chunk.chunk
                && !told
            {
                told = true;
                layout.reason(&parting.reason(), &mut text);
            }
        }
        if self.parts_at.is_none() {
            text += "Nothing is sent anew: the one before it began with all of this.\n";
        }
        text
    }
}

impl Parting {
    /// Why the two part, in a sentence.
    pub fn reason(&self) -> String {
        let chunk = printable(&self.chunk);
        let before = self.before.as_ref();
        let (were, are) = (before.map_or(0, |part| part.tokens), self.after.tokens);
        match self.what {
            Change::Model => {
                "another model is asked, which has cached nothing of what the one before it was sent".into()
            }
            Change::Tools => format!(
                "other tools are offered ({were} tokens before, {are} now); they stand before everything else, so all of it is sent anew"
            ),
            Change::Text => format!("`{chunk}` reads otherwise ({were} tokens before, {are} now)"),
            Change::Cut => match (before.map(|part| &part.held), &self.after.held) {
                (Some(Held::History { from: was, .. }), Held::History { from: is, .. }) => format!(
                    "`{chunk}` was cut: item {was} of the conversation stood here, now it is item {is}"
                ),
                (Some(Held::History { from, .. }), _) => format!(
                    "`{chunk}` was cut: item {from} of the conversation stood here, now a summary does"
                ),
                (_, Held::History { from, .. }) => format!(
                    "`{chunk}` was cut: a summary stood here, now item {from} of the conversation does"
                ),
                _ => format!("the summary in `{chunk}` was made anew"),
            },
            Change::New => match (before, &self.after.held) {
                (_, Held::History { from, .. }) => {
                    format!("the conversation has gone on, from its item {from}; nothing before it has changed")
                }
                (Some(_), _) => format!("`{chunk}` holds something that was not there, and pushes back what followed"),
                (None, _) => format!("`{chunk}` holds something that was not there; nothing before it has changed"),
            },
            Change::Gone => format!("`{chunk}` holds less than it did ({were} tokens stood here)"),
        }
    }
}

fn tokens(chunk: &ChunkShare) -> u64 {
    chunk.shared.saturating_add(chunk.anew)
}

/// Columns of one picture.
struct Layout {
    width: usize,
    id: usize,
    /// Tokens of a full bar.
    full: u64,
}

impl Layout {
    fn chunk(&self, chunk: &ChunkShare, text: &mut String) {
        let bar = self.width - self.id - FIGURES - 3;
        let columns = |tokens: u64| {
            let columns = (u128::from(tokens) * bar as u128 / u128::from(self.full)) as usize;
            columns.max(usize::from(tokens > 0))
        };
        let held = columns(tokens(chunk));
        let shared = match chunk.anew {
            0 => held,
            _ => columns(chunk.shared).min(held.saturating_sub(1)),
        };
        let figures = match (chunk.shared, chunk.anew) {
            (shared, 0) => format!("{shared} sent before"),
            (0, anew) => format!("{anew} anew"),
            (shared, anew) => format!("{shared} sent before, {anew} anew"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:id$}  {}{}{} {figures:>FIGURES$}",
            shortened(&printable(&chunk.chunk), self.id),
            "█".repeat(shared),
            "▒".repeat(held - shared),
            " ".repeat(bar.saturating_sub(held)),
            id = self.id,
        );
    }

    fn reason(&self, reason: &str, text: &mut String) {
        let indent = self.id + 2;
        for (index, line) in filled(reason.split(' '), self.width - indent - 2)
            .iter()
            .enumerate()
        {
            let mark = if index == 0 { "╰ " } else { "  " };
            let _ = writeln!(text, "{:indent$}{mark}{line}", "");
        }
    }
}
