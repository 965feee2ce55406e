//! A chart as DOT, for Graphviz: states that hold others are clusters, and arrows to them end at their border.

use super::block::{in_words, says};
use super::options::Options;
use super::text::{harmless, push_line};
use crate::chart::Chart;
use crate::state::{StateId, StateInfo, StateType};

/// The text of `chart`.
pub fn dot(chart: &Chart, options: &Options) -> String {
    let mut writer = Writer {
        chart,
        options,
        out: String::new(),
    };
    writer.document();
    writer.out
}

struct Writer<'w> {
    chart: &'w Chart,
    options: &'w Options,
    out: String,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: std::fmt::Arguments<'_>) {
        push_line(&mut self.out, "  ", depth, text);
    }

    fn document(&mut self) {
        let name = quoted(&format!("{} {}", self.chart.name(), self.chart.version()));
        self.line(0, format_args!("digraph {} {{", quoted(self.chart.name())));
        self.line(
            1,
            format_args!(
                "compound=true; label={name}; labelloc=t; labeljust=l; fontname=\"Helvetica\";"
            ),
        );
        self.line(1, format_args!("node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=11];"));
        self.line(
            1,
            format_args!("edge [fontname=\"Helvetica\", fontsize=9];"),
        );
        self.inside(StateId::ROOT, 1);
        for index in 0..self.chart.program.shown.len() {
            self.arrows(StateId::new(index));
        }
        self.out.push_str("}\n");
    }

    fn holds_others(&self, state: StateId) -> bool {
        matches!(
            self.chart.state(state).kind,
            StateType::Compound | StateType::Parallel
        )
    }

    fn inside(&mut self, state: StateId, depth: usize) {
        let program = &self.chart.program;
        let children = self.chart.children(state);
        let index = state.index();
        let shown = &program.shown[index];
        let whole =
            state == StateId::ROOT && shown.transitions.iter().any(|t| !t.targets.is_empty());
        if state != StateId::ROOT || whole {
            // Arrows to a cluster need a node inside it.
            self.line(
                depth,
                format_args!("a{index} [shape=point, style=invis, width=0, label=\"\"];"),
            );
        }
        if !shown.initial.is_empty() {
            self.line(depth, format_args!("i{index} [shape=circle, style=filled, fillcolor=black, width=0.12, label=\"\"];"));
        }
        for child in children {
            if self.holds_others(child) {
                self.cluster(child, depth);
            } else {
                self.node(child, depth);
            }
        }
    }

    fn cluster(&mut self, state: StateId, depth: usize) {
        let parent = self.chart.program.node(state).parent;
        let region = self.chart.state(parent).kind == StateType::Parallel;
        let style = if region { "dashed" } else { "rounded" };
        let color = self.color(state);
        let label = self.label(state);
        self.line(depth, format_args!("subgraph cluster_{} {{", state.index()));
        self.line(
            depth + 1,
            format_args!("label={label}; style={style}; color=\"{color}\"; labeljust=l;"),
        );
        self.inside(state, depth + 1);
        self.line(depth, format_args!("}}"));
    }

    fn node(&mut self, state: StateId, depth: usize) {
        let info = self.chart.state(state);
        let shape = match info.kind {
            StateType::Final => "shape=doublecircle, margin=0.02, ",
            StateType::History { .. } => "shape=circle, margin=0.02, ",
            _ => "",
        };
        let color = self.color(state);
        let fill = if self.options.active.contains(&state) {
            ", fillcolor=\"#d9eafd\""
        } else {
            ""
        };
        let label = self.label(state);
        self.line(
            depth,
            format_args!(
                "n{} [{shape}label={label}, color=\"{color}\"{fill}];",
                state.index()
            ),
        );
    }

    fn color(&self, state: StateId) -> &'static str {
        if self.options.active.contains(&state) {
            "#1668c7"
        } else {
            "#8b97a8"
        }
    }

    /// Id, notes, tags and what happens in the state, a line each.
    fn label(&self, state: StateId) -> String {
        let info: &StateInfo = self.chart.state(state);
        if let StateType::History { deep } = info.kind {
            return quoted(if deep { "H*" } else { "H" });
        }
        let shown = &self.chart.program.shown[state.index()];
        let mut lines = vec![info.id.to_string()];
        lines.extend(
            self.options
                .notes_of(state)
                .iter()
                .map(|note| format!("({note})")),
        );
        lines.extend(info.tags.iter().map(|tag| format!("#{tag}")));
        lines.extend(says(shown));
        quoted(&lines.join("\n"))
    }

    fn arrows(&mut self, source: StateId) {
        let shown = self.chart.program.shown[source.index()].clone();
        let history = matches!(self.chart.state(source).kind, StateType::History { .. });
        for target in &shown.initial {
            let text = match &shown.initial_actions[..] {
                [] => String::new(),
                actions => format!("/ {}", actions.join("; ")),
            };
            let from = if history { 'n' } else { 'i' };
            self.arrow(&format!("{from}{}", source.index()), None, *target, &text);
        }
        for transition in &shown.transitions {
            for target in &transition.targets {
                let (from, tail) = match self.holds_others(source) || source == StateId::ROOT {
                    true => (format!("a{}", source.index()), Some(source)),
                    false => (format!("n{}", source.index()), None),
                };
                self.arrow(&from, tail, *target, &in_words(transition));
            }
        }
    }

    fn arrow(&mut self, from: &str, tail: Option<StateId>, target: StateId, text: &str) {
        let program = &self.chart.program;
        let mut attributes = vec![format!("label={}", quoted(text))];
        // An arrow cannot be cut off at a cluster that holds both its ends.
        if let Some(tail) = tail.filter(|tail| {
            *tail != StateId::ROOT && *tail != target && !program.is_descendant(target, *tail)
        }) {
            attributes.push(format!("ltail=cluster_{}", tail.index()));
        }
        let to = match self.holds_others(target) {
            true => {
                let source: Option<usize> = from[1..].parse().ok();
                let inside = source.is_some_and(|source| {
                    source == target.index() || program.is_descendant(StateId::new(source), target)
                });
                if !inside {
                    attributes.push(format!("lhead=cluster_{}", target.index()));
                }
                format!("a{}", target.index())
            }
            false => format!("n{}", target.index()),
        };
        self.line(
            1,
            format_args!("{from} -> {to} [{}];", attributes.join(", ")),
        );
    }
}

/// A DOT string; line ends become lines set to the left.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let several = text.contains('\n');
    for line in text.split('\n') {
        for c in harmless(line).chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        if several {
            out.push_str("\\l");
        }
    }
    out.push('"');
    out
}
