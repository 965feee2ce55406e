//! A chart as Mermaid (`stateDiagram-v2`), for pages that draw it themselves.
//!
//! Mermaid knows no history states and no transitions of the chart as a whole: a history becomes a state named `H` or `H*` with a note, the chart
//! a state named `anywhere`; comments in the text say so.

use super::block::{in_words, says};
use super::options::Options;
use super::text::{harmless, push_line};
use crate::chart::Chart;
use crate::shown::Shown;
use crate::state::{StateId, StateType};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Words that mean something else at the beginning of a line.
const WORDS: [&str; 14] = [
    "state",
    "note",
    "end",
    "as",
    "class",
    "classDef",
    "direction",
    "title",
    "scale",
    "hide",
    "style",
    "click",
    "accTitle",
    "accDescr",
];

/// The text of `chart`.
pub fn mermaid(chart: &Chart, options: &Options) -> String {
    let mut writer = Writer {
        chart,
        options,
        names: names(chart),
        out: String::new(),
    };
    writer.document();
    writer.out
}

/// What each state is called: its id where Mermaid can read it.
fn names(chart: &Chart) -> Vec<String> {
    let infos = &chart.program.infos;
    let plain = |id: &str| {
        id.starts_with(|c: char| c.is_ascii_alphabetic())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(id))
    };
    let mut taken: BTreeSet<String> = infos.iter().map(|info| info.id.to_string()).collect();
    let mut name = |(index, id): (usize, &str)| {
        if index > 0 && plain(id) {
            return id.to_owned();
        }
        let mut name = if index == 0 {
            "anywhere".to_owned()
        } else {
            format!("s{index}")
        };
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        name
    };
    infos
        .iter()
        .enumerate()
        .map(|(index, info)| name((index, &info.id)))
        .collect()
}

struct Writer<'w> {
    chart: &'w Chart,
    options: &'w Options,
    names: Vec<String>,
    out: String,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: std::fmt::Arguments<'_>) {
        push_line(&mut self.out, "    ", depth, text);
    }

    fn shown(&self, state: StateId) -> &Shown {
        &self.chart.program.shown[state.index()]
    }

    fn name(&self, state: StateId) -> String {
        self.names[state.index()].clone()
    }

    fn document(&mut self) {
        let title = quoted(&format!("{} {}", self.chart.name(), self.chart.version()));
        self.line(
            0,
            format_args!("---\ntitle: \"{title}\"\n---\nstateDiagram-v2"),
        );
        let histories = self.chart.states();
        if histories.into_iter().any(|(_, info)| is_history(info.kind)) {
            self.line(1, format_args!("%% Mermaid has no history states: they are drawn as states named H, or H* for deep ones."));
        }
        let whole = self.shown(StateId::ROOT).transitions.clone();
        if whole
            .iter()
            .any(|transition| !transition.targets.is_empty())
        {
            self.line(
                1,
                format_args!("%% Transitions of the chart as a whole leave the state `anywhere`."),
            );
            let name = self.name(StateId::ROOT);
            self.line(1, format_args!("state \"anywhere\" as {name}"));
        }
        self.inside(StateId::ROOT, 1);
        let active = self.options.active.iter().copied();
        let leaves: Vec<String> = active
            .filter(|state| self.chart.state(*state).is_leaf())
            .map(|state| self.name(state))
            .collect();
        if !leaves.is_empty() {
            self.line(
                1,
                format_args!(
                    "classDef active fill:#d9eafd,stroke:#1668c7,stroke-width:2px,color:#0d4a94"
                ),
            );
            self.line(1, format_args!("class {} active", leaves.join(",")));
        }
    }

    /// What stands in a state: its children, where it begins, and the transitions that lead no further than it.
    fn inside(&mut self, state: StateId, depth: usize) {
        let program = &self.chart.program;
        let children = self.chart.children(state);
        let parallel = program.infos[state.index()].kind == StateType::Parallel;
        for (number, child) in children.iter().enumerate() {
            if parallel && number > 0 {
                self.line(depth, format_args!("--"));
            }
            self.state(*child, depth);
            if parallel {
                let name = self.name(*child);
                self.line(depth, format_args!("[*] --> {name}"));
            }
        }
        let shown = self.shown(state).clone();
        for target in &shown.initial {
            let name = self.name(*target);
            let label = label(&actions(&shown.initial_actions));
            self.line(depth, format_args!("[*] --> {name}{label}"));
        }
        self.transitions(state, depth);
    }

    fn state(&mut self, state: StateId, depth: usize) {
        let info = self.chart.state(state).clone();
        let name = self.name(state);
        let mut texts = self.lines(state);
        match info.kind {
            StateType::History { deep } => {
                let text = if deep { "H*" } else { "H" };
                self.line(depth, format_args!("state \"{text}\" as {name}"));
                let kind = if deep { "Deep" } else { "Shallow" };
                let note = quoted(&format!("{kind} history {}", info.id));
                self.line(depth, format_args!("note right of {name} : {note}"));
            }
            StateType::Atomic | StateType::Final => {
                let text = quoted(&info.id);
                self.line(depth, format_args!("state \"{text}\" as {name}"));
                for text in texts.drain(..) {
                    let text = quoted(&text);
                    self.line(depth, format_args!("{name} : {text}"));
                }
                if info.kind == StateType::Final {
                    self.line(depth, format_args!("{name} --> [*]"));
                }
            }
            StateType::Compound | StateType::Parallel => {
                let text = quoted(&info.id);
                self.line(depth, format_args!("state \"{text}\" as {name} {{"));
                self.inside(state, depth + 1);
                self.line(depth, format_args!("}}"));
                if !texts.is_empty() {
                    self.line(depth, format_args!("note right of {name}"));
                    for text in texts.drain(..) {
                        let text = quoted(&text);
                        self.line(depth + 1, format_args!("{text}"));
                    }
                    self.line(depth, format_args!("end note"));
                }
            }
        }
    }

    /// What a state says of itself.
    fn lines(&self, state: StateId) -> Vec<String> {
        let shown = self.shown(state);
        let info = self.chart.state(state);
        let mut lines: Vec<String> = self.options.notes_of(state).to_vec();
        lines.extend(info.tags.iter().map(|tag| format!("tag {tag}")));
        lines.extend(says(shown));
        lines
    }

    /// Transitions whose innermost common state is `inside`.
    fn transitions(&mut self, inside: StateId, depth: usize) {
        let program = &self.chart.program;
        let belongs = |source: StateId, target: StateId| {
            let within = |state: StateId| program.is_descendant(state, inside);
            match inside == StateId::ROOT && source == StateId::ROOT {
                true => true,
                // The smallest state that holds both and is neither.
                false => {
                    within(source)
                        && within(target)
                        && !program
                            .ancestors(source)
                            .take_while(|above| *above != inside)
                            .any(|above| program.is_descendant(target, above))
                }
            }
        };
        let mut lines = Vec::new();
        for (index, shown) in program.shown.iter().enumerate() {
            let source = StateId::new(index);
            if matches!(program.infos[index].kind, StateType::History { .. }) {
                for target in shown
                    .initial
                    .iter()
                    .filter(|target| belongs(source, **target))
                {
                    let label = label(&actions(&shown.initial_actions));
                    lines.push(format!(
                        "{} --> {}{label}",
                        self.name(source),
                        self.name(*target)
                    ));
                }
            }
            for transition in &shown.transitions {
                for target in transition
                    .targets
                    .iter()
                    .filter(|target| belongs(source, **target))
                {
                    let label = label(&in_words(transition));
                    lines.push(format!(
                        "{} --> {}{label}",
                        self.name(source),
                        self.name(*target)
                    ));
                }
            }
        }
        for line in lines {
            self.line(depth, format_args!("{line}"));
        }
    }
}

fn is_history(kind: StateType) -> bool {
    matches!(kind, StateType::History { .. })
}

fn actions(list: &[String]) -> String {
    match list {
        [] => String::new(),
        list => format!("/ {}", list.join("; ")),
    }
}

fn label(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(" : {}", quoted(text)),
    }
}

/// Text in which nothing means anything to Mermaid.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '"' | '#' | ':' | ';' | '<' | '>' | '{' | '}' | '%' | '\\' | '`' | '&' => {
                let _ = write!(out, "#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}
