//! One state after another, from the innermost out: what is inside it gets its place, and its box gets its size.

use super::super::scene::{Scene, Shape};
use super::laid::{Laid, Spot};
use super::order::{self, Order};
use super::plan::{Item, Plan, Side};
use super::{Flow, route};
use std::collections::BTreeMap;

/// Where, across the flow, the line of an arrow comes to a state's border from outside; by state and arrow.
pub type Hints = BTreeMap<(usize, usize), i32>;

/// The room between a border and what is inside.
pub const PADDING: i32 = 14;

/// Lay out all nodes, each in its flow; also where lines come to borders, for another round.
pub fn lay_out(
    scene: &Scene,
    plans: &[Option<Plan>],
    flows: &[Flow],
    hints: &Hints,
    draft: bool,
) -> (Vec<Laid>, Hints) {
    let mut laid = vec![Laid::default(); scene.nodes.len()];
    let mut found = Hints::new();
    let ports = port_counts(scene, plans);
    // States come before what is inside them, dots and bars too.
    for node in (0..scene.nodes.len()).rev() {
        let outside = flows[scene.nodes[node].parent];
        laid[node] = match &plans[node] {
            Some(plan) => {
                let frame = Frame {
                    scene,
                    node,
                    plan,
                    flow: flows[node],
                    outside,
                    draft,
                };
                Inside::new(frame, &mut laid, hints).lay_out(&mut found)
            }
            None => Laid::leaf(scene, node, outside, ports[node]),
        };
        laid[node].make_room_for_loops(scene, node, outside);
    }
    (laid, found)
}

/// How many lines come to each side of each node.
fn port_counts(scene: &Scene, plans: &[Option<Plan>]) -> Vec<[i32; 2]> {
    let mut counts = vec![[0; 2]; scene.nodes.len()];
    for plan in plans.iter().flatten() {
        for link in &plan.links {
            for (item, side) in [(link.upper, link.sides.0), (link.lower, link.sides.1)] {
                if let Item::Child(child) = plan.items[item] {
                    counts[child][side as usize] += 1;
                }
            }
        }
    }
    counts
}

/// Which state, and how it and its surroundings flow.
#[derive(Clone, Copy)]
pub struct Frame<'s> {
    pub scene: &'s Scene,
    pub node: usize,
    pub plan: &'s Plan,
    pub flow: Flow,
    pub outside: Flow,
    /// Whether only its size matters yet.
    pub draft: bool,
}

impl Frame<'_> {
    /// Whether lines cross its border that come from outside or go there.
    fn is_crossed(&self) -> bool {
        self.plan.items.iter().any(|item| match item {
            Item::Port(arrow, _) => {
                let arrow = &self.scene.arrows[*arrow];
                arrow.from != self.node && arrow.to != self.node
            }
            _ => false,
        })
    }

    /// The room between its border and what is inside.
    pub fn padding(&self) -> i32 {
        match self.scene.nodes[self.node].shape {
            Shape::Group => 4,
            _ => PADDING,
        }
    }

    /// Whether those lines turn a corner inside its border.
    pub fn turns(&self) -> bool {
        self.flow != self.outside && self.is_crossed()
    }
}

/// A link's way through one gap between layers.
#[derive(Clone, Copy)]
pub struct Step {
    pub upper: usize,
    pub lower: usize,
    pub link: usize,
    /// Where it meets them; `None` until their ports are spread.
    pub at: (Option<i32>, Option<i32>),
    /// The ports there that may still be moved.
    pub ports: (Option<usize>, Option<usize>),
}

/// A state whose inside is being laid out.
pub struct Inside<'s> {
    pub frame: Frame<'s>,
    pub laid: &'s [Laid],
    hints: &'s Hints,
    /// Whether the state's own text stands above everything and not on the first layer, past which lines come down through its border.
    pub header_above: bool,
    /// The plan's items and the bends.
    pub items: Vec<Item>,
    /// Length along and breadth across the flow.
    pub sizes: Vec<Spot>,
    pub layer: Vec<usize>,
    pub steps: Vec<Step>,
}

impl<'s> Inside<'s> {
    fn new(frame: Frame<'s>, laid: &'s mut [Laid], hints: &'s Hints) -> Self {
        let Frame {
            scene,
            node,
            plan,
            flow,
            ..
        } = frame;
        let regions = plan.regions(scene, node);
        let of = |item: &usize| match plan.items[*item] {
            Item::Child(child) => Some(child),
            _ => None,
        };
        let nodes: Vec<usize> = regions.iter().filter_map(of).collect();
        let mut layer = plan.layers.clone();
        let stacked = plan.stackable && nodes.len() > 1 && better_stacked(&nodes, laid, flow);
        if stacked {
            layer = plan.ranks(scene, &regions, true);
            let breadth = nodes.iter().map(|n| laid[*n].breadth).max().unwrap_or(0);
            nodes
                .into_iter()
                .for_each(|region| laid[region].widen(breadth, flow));
        } else {
            let length = nodes.iter().map(|n| laid[*n].length).max().unwrap_or(0);
            nodes
                .into_iter()
                .for_each(|region| laid[region].stretch(length, flow));
        }
        let entered = plan
            .items
            .iter()
            .any(|item| matches!(item, Item::Port(_, Side::Start)));
        let header_above = flow == Flow::Right || !entered || frame.turns();
        if !header_above {
            // Beside the header there are only ports: it may be broad.
            let before = |item: &Item| matches!(item, Item::Header | Item::Port(_, Side::Start));
            let moved = plan.items.iter().zip(&mut layer);
            moved
                .filter(|(item, _)| !before(item))
                .for_each(|(_, layer)| *layer += 1);
            if layer
                .iter()
                .zip(&plan.items)
                .all(|(layer, item)| *layer != 1 || before(item))
            {
                layer
                    .iter_mut()
                    .filter(|layer| **layer > 1)
                    .for_each(|layer| *layer -= 1);
            }
        }
        let mut inside = Inside {
            header_above,
            frame,
            laid,
            hints,
            items: plan.items.clone(),
            sizes: Vec::new(),
            layer,
            steps: Vec::new(),
        };
        inside.sizes = inside.items.iter().map(|item| inside.size(*item)).collect();
        inside.cut();
        inside
    }

    fn size(&self, item: Item) -> Spot {
        match item {
            Item::Header => {
                let block = &self.frame.scene.nodes[self.frame.node].block;
                match self.header_above {
                    false => (block.height, (block.width - PADDING).max(0)),
                    true => (0, 0),
                }
            }
            Item::Child(child) => self.laid[child].outer,
            Item::Label(arrow) => self.frame.scene.arrows[arrow]
                .label
                .as_ref()
                .map_or((0, 0), |label| {
                    self.frame.flow.along(label.block.width, label.block.height)
                }),
            Item::Port(..) | Item::Bend => (0, 0),
        }
    }

    /// Cut links into steps from layer to layer.
    fn cut(&mut self) {
        let mut arriving = vec![0; self.items.len()];
        self.frame
            .plan
            .links
            .iter()
            .for_each(|link| arriving[link.lower] += 1);
        for (index, link) in self.frame.plan.links.iter().enumerate() {
            let at = |item: usize, sizes: &[Spot]| match self.items[item] {
                Item::Child(child) => self.laid[child].ports.get(&link.arrow).copied(),
                // An arrow between regions meets its label twice, on the same side.
                Item::Label(_) if item == link.lower && arriving[item] > 1 => None,
                Item::Label(_) => Some(sizes[item].1 / 2),
                _ => Some(0),
            };
            let ends = (at(link.upper, &self.sizes), at(link.lower, &self.sizes));
            let (first, last) = (self.layer[link.upper], self.layer[link.lower]);
            let mut upper = link.upper;
            for layer in first + 1..last {
                let bend = self.items.len();
                self.items.push(Item::Bend);
                self.sizes.push((0, 0));
                self.layer.push(layer);
                let start = if upper == link.upper { ends.0 } else { Some(0) };
                self.steps.push(Step {
                    upper,
                    lower: bend,
                    link: index,
                    at: (start, Some(0)),
                    ports: (None, None),
                });
                upper = bend;
            }
            let start = if upper == link.upper { ends.0 } else { Some(0) };
            self.steps.push(Step {
                upper,
                lower: link.lower,
                link: index,
                at: (start, ends.1),
                ports: (None, None),
            });
        }
    }

    fn lay_out(mut self, found: &mut Hints) -> Laid {
        let layers = self.ordered();
        let ports = self.spread(&layers);
        let across = self.across(&layers, &ports);
        self.note(&across, found);
        route::route(&self, &layers, &across)
    }

    /// The items of each layer in their order.
    fn ordered(&self) -> Vec<Vec<usize>> {
        let mut layers = self.first_order();
        let hint = |item: usize| match self.items[item] {
            Item::Port(arrow, _) => self.hints.get(&(self.frame.node, arrow)).copied(),
            _ => None,
        };
        // Lines that turn a corner come in the order contrary to that of their ports.
        let sign = if self.frame.turns() { -1 } else { 1 };
        let hinted = |layer: &Vec<usize>| layer.iter().any(|item| hint(*item).is_some());
        let mut fixed: Vec<bool> = self
            .items
            .iter()
            .map(|item| *item == Item::Header)
            .collect();
        for layer in &mut layers {
            if hinted(layer) {
                let ports: Vec<usize> = (0..layer.len())
                    .filter(|p| matches!(self.items[layer[*p]], Item::Port(..)))
                    .collect();
                let mut sorted: Vec<usize> = ports.iter().map(|p| layer[*p]).collect();
                sorted.sort_by_key(|item| hint(*item).unwrap_or(0) * sign);
                for (position, item) in ports.into_iter().zip(sorted) {
                    layer[position] = item;
                    fixed[item] = true;
                }
            }
        }
        let part = |at: Option<i32>, item: usize| match at {
            Some(at) if matches!(self.items[item], Item::Child(_)) => {
                at as f32 / self.sizes[item].1.max(1) as f32
            }
            _ => 0.5,
        };
        let lines: Vec<order::Line> = self
            .steps
            .iter()
            .map(|step| order::Line {
                upper: step.upper,
                lower: step.lower,
                at: (part(step.at.0, step.upper), part(step.at.1, step.lower)),
            })
            .collect();
        Order::new(layers, self.items.len(), &lines, fixed).best(self.frame.draft)
    }

    /// The order of a walk along the links, which begins with the document's.
    fn first_order(&self) -> Vec<Vec<usize>> {
        let mut down = vec![Vec::new(); self.items.len()];
        for step in &self.steps {
            down[step.upper].push(step.lower);
        }
        let count = self.layer.iter().max().map_or(0, |last| last + 1);
        let mut layers = vec![Vec::new(); count];
        let mut seen = vec![false; self.items.len()];
        for first in 0..self.frame.plan.items.len() {
            let mut stack = vec![first];
            while let Some(item) = stack.pop() {
                if std::mem::replace(&mut seen[item], true) {
                    continue;
                }
                layers[self.layer[item]].push(item);
                stack.extend(down[item].iter().rev());
            }
        }
        if self.header_above {
            layers
                .iter_mut()
                .for_each(|layer| layer.retain(|item| self.items[*item] != Item::Header));
        }
        layers
    }

    /// Remember where lines come to the borders of children.
    fn note(&self, across: &[i32], found: &mut Hints) {
        for step in &self.steps {
            let arrow = self.frame.plan.links[step.link].arrow;
            let at = |item: usize, at: Option<i32>| across[item] + at.unwrap_or(0);
            for (item, other, there) in [
                (step.upper, step.lower, step.at.1),
                (step.lower, step.upper, step.at.0),
            ] {
                if let Item::Child(child) = self.items[item]
                    && self.laid[child].ports.contains_key(&arrow)
                {
                    found.insert((child, arrow), at(other, there) - across[item]);
                }
            }
        }
        // An arrow that begins or ends at this state's own border comes from nowhere: it stays where it is.
        for (item, kind) in self.items.iter().enumerate() {
            if let Item::Port(arrow, _) = kind {
                let at = if self.frame.turns() {
                    -across[item]
                } else {
                    across[item]
                };
                found.entry((self.frame.node, *arrow)).or_insert(at);
            }
        }
    }
}

/// Whether regions one after another come nearer to the shape of a page than side by side.
fn better_stacked(regions: &[usize], laid: &[Laid], flow: Flow) -> bool {
    let sum = |of: fn(&Laid) -> i32| regions.iter().map(|r| of(&laid[*r])).sum::<i32>();
    let most = |of: fn(&Laid) -> i32| regions.iter().map(|r| of(&laid[*r])).max().unwrap_or(1);
    let off = |length: i32, breadth: i32| {
        let (width, height) = match flow {
            Flow::Down => (breadth, length),
            Flow::Right => (length, breadth),
        };
        (f64::from(width.max(1)) / f64::from(height.max(1)) / 1.5)
            .ln()
            .abs()
    };
    let beside = off(most(|l| l.outer.0), sum(|l| l.outer.1));
    let stacked = off(sum(|l| l.outer.0), most(|l| l.outer.1));
    stacked + 0.3 < beside
}
