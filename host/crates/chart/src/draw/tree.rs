//! A chart as a tree for the terminal: a line for each state, its transitions beneath it.

use super::block::in_words;
use super::options::Options;
use super::text::harmless;
use crate::chart::Chart;
use crate::shown::ShownTransition;
use crate::state::{StateId, StateType};

/// How a tree is shown.
#[derive(Clone, Copy, Debug)]
pub struct TreeStyle {
    /// Whether the terminal shows colours.
    pub color: bool,
    /// How many columns it has.
    pub columns: usize,
}

/// The text of `chart`.
pub fn tree(chart: &Chart, options: &Options, style: TreeStyle) -> String {
    let mut writer = Writer {
        chart,
        options,
        style,
        out: String::new(),
    };
    writer.document();
    writer.out
}

/// Terminal codes.
const BOLD: &str = "1";
const DIM: &str = "2";
const ACTIVE: &str = "1;36";

struct Writer<'w> {
    chart: &'w Chart,
    options: &'w Options,
    style: TreeStyle,
    out: String,
}

/// A line under construction, cut at the terminal's edge.
struct Row {
    text: String,
    left: usize,
    color: bool,
}

impl Row {
    fn put(&mut self, code: &str, text: &str) {
        let text = harmless(text);
        let count = text.chars().count();
        let shown: String = match count > self.left {
            true if self.left == 0 => return,
            true => text.chars().take(self.left - 1).chain(['…']).collect(),
            false => text.into_owned(),
        };
        self.left = self.left.saturating_sub(count);
        match self.color && !code.is_empty() {
            true => self.text.push_str(&format!("\x1b[{code}m{shown}\x1b[0m")),
            false => self.text.push_str(&shown),
        }
    }
}

impl Writer<'_> {
    fn row(&self) -> Row {
        Row {
            text: String::new(),
            left: self.style.columns.max(20),
            color: self.style.color,
        }
    }

    fn end(&mut self, row: Row) {
        self.out.push_str(row.text.trim_end());
        self.out.push('\n');
    }

    fn document(&mut self) {
        let mut row = self.row();
        row.put(BOLD, self.chart.name());
        row.put("", &format!(" {}", self.chart.version()));
        if let Some(about) = &self.options.about {
            row.put(DIM, &format!("  {}", first_line(about)));
        }
        self.end(row);
        self.details(StateId::ROOT, "│ ");
        self.children(StateId::ROOT, "");
    }

    fn children(&mut self, state: StateId, before: &str) {
        let program = &self.chart.program;
        let mut child = state.index() + 1;
        while child < program.end(state) {
            let id = StateId::new(child);
            child = program.end(id);
            self.state(id, before, child == program.end(state));
        }
    }

    fn state(&mut self, id: StateId, before: &str, last: bool) {
        let program = &self.chart.program;
        let info = self.chart.state(id);
        let parent = &program.shown[program.node(id).parent.index()];
        let mut row = self.row();
        row.put(DIM, before);
        row.put(DIM, if last { "└─ " } else { "├─ " });
        let active = self.options.active.contains(&id);
        if !self.options.active.is_empty() {
            let history = matches!(info.kind, StateType::History { .. });
            row.put(
                if active { ACTIVE } else { DIM },
                match (active, history) {
                    (_, true) => "  ",
                    (true, _) => "● ",
                    (false, _) => "○ ",
                },
            );
        }
        row.put(if active { ACTIVE } else { BOLD }, &info.id);
        let mut words: Vec<String> = Vec::new();
        match info.kind {
            StateType::Parallel => words.push("parallel".into()),
            StateType::Final => words.push("final".into()),
            StateType::History { deep: false } => words.push("H".into()),
            StateType::History { deep: true } => words.push("H*".into()),
            StateType::Atomic | StateType::Compound => {}
        }
        if parent.initial.contains(&id) && program.node(id).parent.index() < id.index() {
            words.push("initial".into());
        }
        words.extend(self.options.notes_of(id).iter().cloned());
        words.extend(info.tags.iter().map(|tag| format!("#{tag}")));
        for word in words {
            row.put("", &format!("  {word}"));
        }
        if let Some(doc) = &info.doc {
            row.put(DIM, &format!("  {}", first_line(doc)));
        }
        self.end(row);
        let inside = format!("{before}{}", if last { "   " } else { "│  " });
        let has_children = program.end(id) > id.index() + 1;
        self.details(
            id,
            &format!("{inside}{}", if has_children { "│ " } else { "  " }),
        );
        self.children(id, &inside);
    }

    /// What happens in a state and where it leads, a line each.
    fn details(&mut self, id: StateId, before: &str) {
        let shown = &self.chart.program.shown[id.index()];
        let mut lines: Vec<(String, String)> = Vec::new();
        for (name, texts) in [
            ("entry / ", &shown.entry),
            ("exit / ", &shown.exit),
            ("invoke ", &shown.invoke),
        ] {
            if !texts.is_empty() {
                lines.push((format!("{name}{}", texts.join("; ")), String::new()));
            }
        }
        if matches!(self.chart.state(id).kind, StateType::History { .. }) {
            lines.push(("default".into(), self.targets(&shown.initial)));
        }
        let transition = |t: &ShownTransition| (in_words(t), self.targets(&t.targets));
        lines.extend(shown.transitions.iter().map(transition));
        for (text, targets) in lines {
            let mut row = self.row();
            row.put(DIM, before);
            // Where it leads must stay in sight, whatever else is cut.
            let room = row.left.saturating_sub(targets.chars().count()).max(1);
            let rest = row.left - room;
            row.left = room;
            row.put("", &text);
            row.left += rest;
            row.put("", &targets);
            self.end(row);
        }
    }

    fn targets(&self, targets: &[StateId]) -> String {
        let names: Vec<&str> = targets
            .iter()
            .map(|id| &*self.chart.state(*id).id)
            .collect();
        match names[..] {
            [] => String::new(),
            _ => format!(" → {}", names.join(", ")),
        }
    }
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
