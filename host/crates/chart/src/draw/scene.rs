//! What there is to draw of a chart: boxes with their text, and arrows between them, before anything has a place.
//!
//! Everything that is drawn as a shape is a [`Node`]: states, and what is no state but stands among them (the dot where a compound state
//! begins, the bar from which a transition enters several regions at once). The first node is the chart itself.

use super::block::Block;
use super::options::Options;
use super::text::harmless;
use crate::chart::Chart;
use crate::shown::{Shown, ShownTransition};
use crate::state::{StateId, StateType};

/// Everything there is to draw.
#[derive(Clone)]
pub(super) struct Scene {
    /// Parents before children, in document order.
    pub nodes: Vec<Node>,
    pub arrows: Vec<Arrow>,
}

/// A shape.
#[derive(Clone)]
pub(super) struct Node {
    pub shape: Shape,
    /// The state it shows, or to which it belongs.
    pub state: StateId,
    pub parent: usize,
    pub depth: usize,
    pub children: Vec<usize>,
    /// The text in it.
    pub block: Block,
    /// Transitions from it to itself.
    pub loops: Vec<Label>,
}

/// What sort of shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A state's box; the chart's own frame is one too.
    Box { parallel: bool, region: bool },
    /// A final state.
    Final,
    /// A circled H.
    History,
    /// The dot where a compound state begins.
    Initial,
    /// The bar where an arrow divides.
    Fork,
    /// Nothing to see: a row or column of what stands in a state.
    Group,
}

/// Why an arrow is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A transition.
    Transition,
    /// A start, or the default of a history.
    Default,
}

/// A line from one node to another, with an arrowhead unless it ends at a fork.
#[derive(Clone)]
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: Option<Label>,
    pub reason: Reason,
}

/// What stands at an arrow.
#[derive(Clone)]
pub(super) struct Label {
    pub block: Block,
    /// In full, for whoever points at it.
    pub full: String,
}

impl Scene {
    /// The scene of `chart`.
    pub fn of(chart: &Chart, options: &Options) -> Self {
        let mut scene = Scene {
            nodes: Vec::new(),
            arrows: Vec::new(),
        };
        let program = &chart.program;
        let mut of_state = Vec::with_capacity(program.infos.len());
        for index in 0..program.infos.len() {
            let id = StateId::new(index);
            let parent = of_state
                .get(program.node(id).parent.index())
                .copied()
                .unwrap_or(0);
            let region =
                index > 0 && matches!(scene.nodes[parent].shape, Shape::Box { parallel: true, .. });
            let kind = program.infos[index].kind;
            let shape = match kind {
                StateType::Final => Shape::Final,
                StateType::History { .. } => Shape::History,
                kind => Shape::Box {
                    parallel: kind == StateType::Parallel,
                    region,
                },
            };
            let block = match (index, kind) {
                (0, _) => Block::of_chart(chart, options),
                (_, StateType::History { deep }) => Block::of_history(deep),
                (_, StateType::Final) => Block::of_final(chart, id, options),
                _ => Block::of_state(chart, id, options),
            };
            of_state.push(scene.add(shape, id, parent, block));
        }
        for (index, &node) in of_state.iter().enumerate() {
            scene.connect(&program.shown[index], node, &of_state);
        }
        scene
    }

    fn add(&mut self, shape: Shape, state: StateId, parent: usize, block: Block) -> usize {
        let index = self.nodes.len();
        let depth = match index {
            0 => 0,
            _ => self.nodes[parent].depth + 1,
        };
        if index > 0 {
            self.nodes[parent].children.push(index);
        }
        self.nodes.push(Node {
            shape,
            state,
            parent,
            depth,
            children: Vec::new(),
            block,
            loops: Vec::new(),
        });
        index
    }

    /// Arrows that begin at `node`: its start and its transitions.
    fn connect(&mut self, shown: &Shown, node: usize, of_state: &[usize]) {
        let (state, history) = (
            self.nodes[node].state,
            self.nodes[node].shape == Shape::History,
        );
        if !shown.initial.is_empty() {
            let label = (!shown.initial_actions.is_empty())
                .then(|| Label::of(&[("", format!("/ {}", shown.initial_actions.join("; ")))]));
            let from = match history {
                true => node,
                false => self.add(Shape::Initial, state, node, Block::dot()),
            };
            let targets: Vec<usize> = shown.initial.iter().map(|t| of_state[t.index()]).collect();
            self.arrow(from, &targets, label, Reason::Default);
        }
        for transition in &shown.transitions {
            let targets = &transition.targets;
            if targets.is_empty() {
                continue;
            }
            let label = Some(Label::of_transition(transition));
            if let [target] = targets[..]
                && target == state
            {
                self.nodes[node].loops.extend(label);
                continue;
            }
            let targets: Vec<usize> = targets.iter().map(|t| of_state[t.index()]).collect();
            self.arrow(node, &targets, label, Reason::Transition);
        }
    }

    /// One arrow, or one that divides.
    fn arrow(&mut self, from: usize, targets: &[usize], label: Option<Label>, reason: Reason) {
        if let &[to] = targets {
            self.arrows.push(Arrow {
                from,
                to,
                label,
                reason,
            });
            return;
        }
        let inside = targets
            .iter()
            .fold(from, |common, to| self.common(common, *to));
        let fork = self.add(Shape::Fork, self.nodes[from].state, inside, Block::bar());
        let bare = |from, to, label| Arrow {
            from,
            to,
            label,
            reason,
        };
        self.arrows.push(bare(from, fork, label));
        for &to in targets {
            self.arrows.push(bare(fork, to, None));
        }
    }

    /// The innermost node that is both or has both inside it.
    pub fn common(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            match self.nodes[a].depth >= self.nodes[b].depth {
                true => a = self.nodes[a].parent,
                false => b = self.nodes[b].parent,
            }
        }
        a
    }

    /// The child of `inside` that is `node` or has it inside.
    pub fn towards(&self, inside: usize, mut node: usize) -> usize {
        while self.nodes[node].parent != inside {
            node = self.nodes[node].parent;
        }
        node
    }
}

impl Label {
    fn of_transition(transition: &ShownTransition) -> Self {
        let mut parts = vec![("trigger", transition.trigger.clone())];
        if let Some(guard) = &transition.guard {
            parts.push(("guard", format!("[{guard}]")));
        }
        if !transition.actions.is_empty() {
            parts.push(("", format!("/ {}", transition.actions.join("; "))));
        }
        if transition.reenter {
            parts.push(("", "(re-enters)".into()));
        }
        Label::of(&parts)
    }

    fn of(parts: &[(&str, String)]) -> Self {
        let full: Vec<_> = parts.iter().map(|(_, text)| text.as_str()).collect();
        Label {
            full: harmless(&full.join(" ")).into_owned(),
            block: Block::of_label(parts),
        }
    }
}
