//! Blocks of text: what stands in a box or at an arrow, each run of it measured and put in its place within the block.

use super::options::Options;
use super::text::{Font, harmless};
use crate::chart::Chart;
use crate::shown::{Shown, ShownTransition};
use crate::state::StateId;

/// What a run of text is, which decides its font and its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The chart's name.
    Heading,
    /// A state's id.
    Title,
    /// A tag, on a pill.
    Tag,
    /// A note of the caller, such as a workflow's role, on a pill.
    Note,
    /// `entry`, `exit`, `invoke` and internal transitions.
    Body,
    /// What triggers a transition.
    Trigger,
    /// A guard or actions.
    Detail,
    /// The letter of a history state.
    Letter,
}

impl Role {
    /// How it is set.
    pub fn font(self) -> Font {
        let (size, bold) = match self {
            Role::Heading => (16, true),
            Role::Title => (13, true),
            Role::Tag | Role::Note => (10, false),
            Role::Letter => (11, true),
            Role::Body | Role::Trigger | Role::Detail => (11, false),
        };
        Font { size, bold }
    }

    /// How high a row of it is.
    fn row(self) -> i32 {
        match self {
            Role::Heading => 22,
            Role::Title => 18,
            Role::Tag | Role::Note => 17,
            Role::Letter => 14,
            Role::Body => 15,
            Role::Trigger | Role::Detail => 14,
        }
    }
}

/// A piece of text at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What it says, cut to what fits.
    pub text: String,
    /// What it is.
    pub role: Role,
    /// Its left edge.
    pub x: i32,
    /// Its baseline.
    pub y: i32,
    /// How wide it is.
    pub width: i32,
}

/// Text in rows; positions count from the block's top left corner, its padding included.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub runs: Vec<Run>,
    pub width: i32,
    pub height: i32,
}

/// How wide a line in a box may be.
const LINE_MAX: i32 = 250;
/// How wide a row of a label may be.
const LABEL_MAX: i32 = 170;
/// How many lines of one sort a box shows; the rest is counted.
const LINES_MAX: usize = 6;

impl Block {
    /// The frame of the whole chart: its name and what it is for.
    pub fn of_chart(chart: &Chart, options: &Options) -> Self {
        let mut rows = Rows::new(12, 8);
        rows.begin(Role::Heading, chart.name(), 480);
        if !chart.version().is_empty() {
            rows.beside(Role::Body, chart.version(), 8);
        }
        if let Some(about) = &options.about {
            let about = harmless(about);
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            for row in Role::Body.font().wrap(&about, 480, 2) {
                rows.begin(Role::Body, &row, 480);
            }
        }
        rows.state_lines(chart, StateId::ROOT);
        rows.finish(8)
    }

    /// A state's box.
    pub fn of_state(chart: &Chart, id: StateId, options: &Options) -> Self {
        let mut rows = Rows::new(12, 8);
        let info = chart.state(id);
        rows.begin(Role::Title, &info.id, LINE_MAX);
        rows.badges(options.notes_of(id), &info.tags);
        rows.state_lines(chart, id);
        rows.finish(8)
    }

    /// A final state: the id beside its ringed dot.
    pub fn of_final(chart: &Chart, id: StateId, options: &Options) -> Self {
        let mut rows = Rows::new(32, 7);
        let info = chart.state(id);
        rows.begin(Role::Title, &info.id, LINE_MAX);
        rows.badges(options.notes_of(id), &info.tags);
        rows.state_lines(chart, id);
        let mut block = rows.finish(7);
        // The right margin is a box's, whatever room the dot takes on the left.
        block.width -= 18;
        block
    }

    /// A circled H.
    pub fn of_history(deep: bool) -> Self {
        let text = if deep { "H*" } else { "H" };
        let width = Role::Letter.font().width(text);
        Block {
            runs: vec![Run {
                text: text.into(),
                role: Role::Letter,
                x: 13 - width / 2,
                y: 17,
                width,
            }],
            width: 26,
            height: 26,
        }
    }

    /// The dot where a compound state begins.
    pub fn dot() -> Self {
        Block {
            runs: Vec::new(),
            width: 12,
            height: 12,
        }
    }

    /// The bar where an arrow divides, lying.
    pub fn bar() -> Self {
        Block {
            runs: Vec::new(),
            width: 56,
            height: 5,
        }
    }

    /// A label: the trigger, then guard and actions below it.
    pub fn of_label(parts: &[(&str, String)]) -> Self {
        let mut rows = Rows::new(4, 2);
        for (what, text) in parts {
            let (role, most) = match *what {
                "trigger" => (Role::Trigger, 1),
                _ => (Role::Detail, 2),
            };
            for row in role.font().wrap(&harmless(text), LABEL_MAX, most) {
                rows.begin(role, &row, LABEL_MAX);
            }
        }
        let mut block = rows.finish(2);
        for run in &mut block.runs {
            run.x = (block.width - run.width) / 2;
        }
        block
    }
}

/// A block under construction.
struct Rows {
    block: Block,
    left: i32,
    /// The right end of the last run of the row.
    end: i32,
    /// The top of the row, and of the next.
    top: i32,
    next: i32,
}

impl Rows {
    fn new(left: i32, top: i32) -> Self {
        Rows {
            block: Block::default(),
            left,
            end: left,
            top,
            next: top,
        }
    }

    /// Put `text` into a new row.
    fn begin(&mut self, role: Role, text: &str, limit: i32) {
        self.top = self.next;
        self.next += role.row();
        self.end = self.left;
        self.put(role, text, self.left, limit);
    }

    /// Put `text` into the same row.
    fn beside(&mut self, role: Role, text: &str, space: i32) {
        self.put(role, text, self.end + space, LINE_MAX);
    }

    fn put(&mut self, role: Role, text: &str, x: i32, limit: i32) {
        let font = role.font();
        let text = harmless(text);
        let text = font.clip(&text, limit).into_owned();
        let width = font.width(&text);
        let middle = self.top + (self.next - self.top) / 2;
        self.block.runs.push(Run {
            text,
            role,
            x,
            y: middle + font.size * 36 / 100,
            width,
        });
        self.end = x + width;
        self.block.width = self.block.width.max(self.end + self.left);
    }

    /// Notes and tags as pills, beside the title while there is room.
    fn badges(&mut self, notes: &[String], tags: &[String]) {
        let notes = notes.iter().map(|text| (Role::Note, text));
        let tags = tags.iter().map(|text| (Role::Tag, text));
        for (role, text) in notes.chain(tags) {
            // The pill stands six pixels out on either side.
            let width = role.font().width(&harmless(text));
            if self.end + 20 + width > self.left + LINE_MAX {
                self.top = self.next;
                self.next += role.row();
                self.end = self.left - 8;
            }
            self.beside(role, text, 14);
            self.end += 6;
            self.block.width = self.block.width.max(self.end + self.left);
        }
    }

    /// What happens in a state: one line each.
    fn state_lines(&mut self, chart: &Chart, id: StateId) {
        let shown = &chart.program.shown[id.index()];
        let internal = shown.transitions.iter().filter(|t| t.targets.is_empty());
        self.lines("entry / ", shown.entry.iter().map(String::as_str));
        self.lines("exit / ", shown.exit.iter().map(String::as_str));
        self.lines("invoke ", shown.invoke.iter().map(String::as_str));
        self.lines("output ", shown.output.iter().map(String::as_str));
        let internal: Vec<String> = internal.map(in_words).collect();
        self.lines("", internal.iter().map(String::as_str));
    }

    fn lines<'t>(&mut self, before: &str, texts: impl ExactSizeIterator<Item = &'t str>) {
        let count = texts.len();
        let shown = if count > LINES_MAX {
            LINES_MAX - 1
        } else {
            count
        };
        for text in texts.take(shown) {
            self.begin(Role::Body, &format!("{before}{text}"), LINE_MAX);
        }
        if count > shown {
            let more = format!("{before}… and {} more", count - shown);
            self.begin(Role::Body, &more, LINE_MAX);
        }
    }

    fn finish(mut self, bottom: i32) -> Block {
        self.block.height = self.next + bottom;
        self.block
    }
}

/// What happens in a state and leads nowhere else, a line each.
pub(super) fn says(shown: &Shown) -> impl Iterator<Item = String> {
    let content = [
        ("entry / ", &shown.entry),
        ("exit / ", &shown.exit),
        ("invoke ", &shown.invoke),
    ];
    let content = content
        .into_iter()
        .flat_map(|(before, texts)| texts.iter().map(move |text| format!("{before}{text}")));
    let output = shown.output.iter().map(|text| format!("output {text}"));
    let internal = shown.transitions.iter().filter(|t| t.targets.is_empty());
    content.chain(output).chain(internal.map(in_words))
}

/// A transition in one line.
pub(super) fn in_words(transition: &ShownTransition) -> String {
    let mut text = transition.trigger.clone();
    if let Some(guard) = &transition.guard {
        text.push_str(&format!(" [{guard}]"));
    }
    if !transition.actions.is_empty() {
        text.push_str(&format!(" / {}", transition.actions.join("; ")));
    }
    if transition.reenter && !transition.targets.is_empty() {
        text.push_str(" (re-enters)");
    }
    text
}
