//! One state after another, from the innermost out: what is inside it gets its place, and its box gets its size.

use super::super::scene::{Scene, Shape};
use super::order::{self, Order};
use super::place::{Meet, PORTS, Placing, Port, Pull, place};
use super::plan::{Item, Plan, Side};
use super::tracks::{Run, lanes};
use super::Flow;
use std::collections::BTreeMap;

/// A position: along the flow, and across it.
pub type Spot = (i32, i32);

/// Where, across the flow, the line of an arrow comes to a state's border from outside; by state and arrow.
pub type Hints = BTreeMap<(usize, usize), i32>;

/// A state, laid out; positions count from its corner.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// Its box.
    pub length: i32,
    pub breadth: i32,
    /// With the arrows from it to itself beside it.
    pub outer: Spot,
    pub children: Vec<(usize, Spot)>,
    pub labels: Vec<(usize, Spot)>,
    pub pieces: Vec<Piece>,
    /// Where arrows cross its border.
    pub ports: BTreeMap<usize, i32>,
}

/// A part of an arrow.
#[derive(Clone, Debug)]
pub struct Piece {
    pub arrow: usize,
    pub part: usize,
    /// From its beginning.
    pub spots: Vec<Spot>,
    /// Whether it meets the border at the end of the flow with its first or last spot.
    border: Option<bool>,
}

/// The room between a border and what is inside.
const PADDING: i32 = 14;
/// How far a port is from the corners.
const PORT_MARGIN: i32 = 10;
/// How far an arrow from a state to itself stands out.
pub const LOOP: i32 = 18;

/// Lay out all nodes; also where lines come to borders, for another round.
pub fn lay_out(
    scene: &Scene,
    plans: &[Option<Plan>],
    flow: Flow,
    hints: &Hints,
) -> (Vec<Laid>, Hints) {
    let mut laid = vec![Laid::default(); scene.nodes.len()];
    let mut found = Hints::new();
    let ports = port_counts(scene, plans);
    // States come before what is inside them, dots and bars too.
    for node in (0..scene.nodes.len()).rev() {
        laid[node] = match &plans[node] {
            Some(plan) => Inside::new(scene, node, plan, flow, &mut laid, hints).lay_out(&mut found),
            None => leaf(scene, node, flow, ports[node]),
        };
        make_room_for_loops(scene, node, flow, &mut laid[node]);
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

fn leaf(scene: &Scene, node: usize, flow: Flow, ports: [i32; 2]) -> Laid {
    let block = &scene.nodes[node].block;
    let (width, height) = match (scene.nodes[node].shape, flow) {
        (Shape::Fork, Flow::Right) => (block.height, block.width),
        (Shape::Box { .. }, _) => (block.width.max(64), block.height.max(34)),
        _ => (block.width, block.height),
    };
    let (length, breadth) = flow.along(width, height);
    let needed = match scene.nodes[node].shape {
        Shape::Initial | Shape::History => 0,
        _ => (ports[0].max(ports[1]) - 1) * PORTS + 20,
    };
    Laid {
        length,
        breadth: breadth.max(needed),
        ..Laid::default()
    }
}

/// Arrows from a state to itself stand on its right or, where the flow goes right, below it.
fn make_room_for_loops(scene: &Scene, node: usize, flow: Flow, laid: &mut Laid) {
    let loops = &scene.nodes[node].loops;
    let sizes = loops.iter().map(|label| flow.along(label.block.width, label.block.height));
    let (mut needed, mut widest) = (0, 0);
    for (length, breadth) in sizes {
        needed += loop_length(length);
        widest = widest.max(breadth);
    }
    laid.stretch(laid.length.max(needed));
    let beside = if loops.is_empty() { 0 } else { LOOP + 4 + widest };
    laid.outer = (laid.length, laid.breadth + beside);
}

/// How much of its state's side an arrow to itself takes.
pub fn loop_length(label: i32) -> i32 {
    label.max(22) + 8
}

impl Laid {
    /// Make it longer: what meets its far border goes on to it.
    fn stretch(&mut self, length: i32) {
        self.length = length;
        for piece in &mut self.pieces {
            let spot = match piece.border {
                Some(true) => piece.spots.first_mut(),
                Some(false) => piece.spots.last_mut(),
                None => None,
            };
            if let Some(spot) = spot {
                spot.0 = length;
            }
        }
    }
}

/// A link's way through one gap between layers.
#[derive(Clone, Copy)]
struct Step {
    upper: usize,
    lower: usize,
    link: usize,
    /// Where it meets them; `None` until their ports are spread.
    at: (Option<i32>, Option<i32>),
    /// The ports there that may still be moved.
    ports: (Option<usize>, Option<usize>),
}

struct Inside<'s> {
    scene: &'s Scene,
    node: usize,
    plan: &'s Plan,
    flow: Flow,
    laid: &'s [Laid],
    hints: &'s Hints,
    /// Whether the state's own text stands above everything and not on the first layer, past which lines come down through its border.
    header_above: bool,
    /// The plan's items and the bends.
    items: Vec<Item>,
    /// Length along and breadth across the flow.
    sizes: Vec<Spot>,
    layer: Vec<usize>,
    steps: Vec<Step>,
}

impl<'s> Inside<'s> {
    fn new(
        scene: &'s Scene,
        node: usize,
        plan: &'s Plan,
        flow: Flow,
        laid: &'s mut [Laid],
        hints: &'s Hints,
    ) -> Self {
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
            for region in nodes {
                let more = breadth - laid[region].breadth;
                laid[region].breadth += more;
                laid[region].outer.1 += more;
            }
        } else {
            let length = nodes.iter().map(|n| laid[*n].length).max().unwrap_or(0);
            for region in nodes {
                laid[region].stretch(length);
                laid[region].outer.0 = length;
            }
        }
        let entered = plan.items.iter().any(|item| matches!(item, Item::Port(_, Side::Start)));
        let mut inside = Inside {
            header_above: flow == Flow::Right || !entered,
            scene,
            node,
            plan,
            flow,
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
                let block = &self.scene.nodes[self.node].block;
                match self.header_above {
                    false => (block.height, block.width - PADDING),
                    true => (0, 0),
                }
            }
            Item::Child(child) => self.laid[child].outer,
            Item::Label(arrow) => self.scene.arrows[arrow]
                .label
                .as_ref()
                .map_or((0, 0), |label| {
                    self.flow.along(label.block.width, label.block.height)
                }),
            Item::Port(..) | Item::Bend => (0, 0),
        }
    }

    /// Cut links into steps from layer to layer.
    fn cut(&mut self) {
        let mut arriving = vec![0; self.items.len()];
        self.plan.links.iter().for_each(|link| arriving[link.lower] += 1);
        for (index, link) in self.plan.links.iter().enumerate() {
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
        self.route(&layers, &across)
    }

    /// The items of each layer in their order.
    fn ordered(&self) -> Vec<Vec<usize>> {
        let mut layers = self.first_order();
        let hint = |item: usize| match self.items[item] {
            Item::Port(arrow, _) => self.hints.get(&(self.node, arrow)).copied(),
            _ => None,
        };
        let hinted = |layer: &Vec<usize>| layer.iter().any(|item| hint(*item).is_some());
        let mut fixed: Vec<bool> = self.items.iter().map(|item| *item == Item::Header).collect();
        for layer in &mut layers {
            if hinted(layer) {
                let ports: Vec<usize> = (0..layer.len())
                    .filter(|p| matches!(self.items[layer[*p]], Item::Port(..)))
                    .collect();
                let mut sorted: Vec<usize> = ports.iter().map(|p| layer[*p]).collect();
                sorted.sort_by_key(|item| hint(*item).unwrap_or(0));
                for (position, item) in ports.into_iter().zip(sorted) {
                    layer[position] = item;
                    fixed[item] = true;
                }
            }
        }
        let part = |at: Option<i32>, item: usize| match at {
            Some(at) if self.sizes[item].1 > 0 => at as f32 / self.sizes[item].1 as f32,
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
        Order::new(layers, self.items.len(), &lines, fixed).best()
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
        for first in 0..self.plan.items.len() {
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
            layers.iter_mut().for_each(|layer| layer.retain(|item| self.items[*item] != Item::Header));
        }
        layers
    }

    /// Give the steps that meet a side anywhere a port on it, in the order of where they come from.
    fn spread(&mut self, layers: &[Vec<usize>]) -> Vec<Port> {
        let mut position = vec![0; self.items.len()];
        for layer in layers {
            layer.iter().enumerate().for_each(|(p, item)| position[*item] = p);
        }
        // By item and whether its lower side: the steps that meet it.
        let mut sides: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            sides.entry((step.upper, true)).or_default().push(index);
            sides.entry((step.lower, false)).or_default().push(index);
        }
        let mut ports = Vec::new();
        for ((item, lower_side), steps) in sides {
            let own = |step: &Step| if lower_side { step.at.0 } else { step.at.1 };
            let taken: Vec<i32> = steps.iter().filter_map(|s| own(&self.steps[*s])).collect();
            let mut free: Vec<usize> = steps
                .into_iter()
                .filter(|s| own(&self.steps[*s]).is_none())
                .collect();
            free.sort_by_key(|s| {
                let step = &self.steps[*s];
                let (other, at) = match lower_side {
                    true => (step.lower, step.at.1),
                    false => (step.upper, step.at.0),
                };
                (position[other], at, *s)
            });
            let breadth = self.side(item);
            let places = spread(breadth, &taken, free.len());
            let count = free.len() as i32;
            let room = breadth - 2 * PORT_MARGIN - PORTS * (count - 1);
            let fixed = !taken.is_empty() || room < 0 || !self.is_box(item);
            for (number, (step, best)) in free.into_iter().zip(places).enumerate() {
                let step = &mut self.steps[step];
                let (at, port) = match lower_side {
                    true => (&mut step.at.0, &mut step.ports.0),
                    false => (&mut step.at.1, &mut step.ports.1),
                };
                *at = Some(best);
                if fixed {
                    continue;
                }
                *port = Some(ports.len());
                let least = PORT_MARGIN + PORTS * number as i32;
                ports.push(Port {
                    item,
                    best,
                    range: (least, least + room),
                    followed: number as i32 + 1 < count,
                });
            }
        }
        ports
    }

    /// How broad the side of an item is at which lines meet it.
    fn side(&self, item: usize) -> i32 {
        match self.items[item] {
            Item::Child(child) => self.laid[child].breadth,
            _ => self.sizes[item].1,
        }
    }

    fn is_box(&self, item: usize) -> bool {
        matches!(self.items[item], Item::Child(child)
            if matches!(self.scene.nodes[child].shape, Shape::Box { .. } | Shape::Final | Shape::Fork))
    }

    /// Where each item begins, across the flow.
    fn across(&mut self, layers: &[Vec<usize>], ports: &[Port]) -> Vec<i32> {
        let bends = |item: usize| !matches!(self.items[item], Item::Child(_) | Item::Label(_));
        let meet = |item: usize, at: Option<i32>, port: Option<usize>| match port {
            Some(port) => Meet::Port(port),
            None => Meet::At(item, at.unwrap_or(0)),
        };
        let pulls: Vec<Pull> = self
            .steps
            .iter()
            .map(|step| Pull {
                upper: meet(step.upper, step.at.0, step.ports.0),
                lower: meet(step.lower, step.at.1, step.ports.1),
                weight: match (bends(step.upper), bends(step.lower)) {
                    (true, true) => 8,
                    (false, false) => 3,
                    _ => 2,
                },
            })
            .collect();
        let breadth: Vec<i32> = self.sizes.iter().map(|size| size.1).collect();
        let gap = |a: usize, b: usize| self.gap(a, b);
        let (mut at, ports) = place(&Placing {
            layers,
            breadth: &breadth,
            gap: &gap,
            pulls: &pulls,
            ports,
        });
        for step in &mut self.steps {
            for (at, port) in [(&mut step.at.0, step.ports.0), (&mut step.at.1, step.ports.1)] {
                *at = port.map(|port| ports[port]).or(*at);
            }
        }
        // The header stands first in its layer and nothing pulls it.
        for (item, at) in at.iter_mut().enumerate() {
            if self.items[item] == Item::Header {
                *at = 0;
            }
        }
        at
    }

    /// The least distance between neighbours on a layer.
    fn gap(&self, a: usize, b: usize) -> i32 {
        let rank = |item: usize| match self.items[item] {
            Item::Child(child) => match self.scene.nodes[child].shape {
                Shape::Box { region: true, .. } => 20,
                Shape::Box { .. } | Shape::Final => 14,
                _ => 10,
            },
            Item::Header => 10,
            Item::Label(_) => 7,
            Item::Port(..) => 7,
            Item::Bend => 6,
        };
        rank(a) + rank(b)
    }

    /// Remember where lines come to the borders of children.
    fn note(&self, across: &[i32], found: &mut Hints) {
        for step in &self.steps {
            let arrow = self.plan.links[step.link].arrow;
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
                found.entry((self.node, *arrow)).or_insert(across[item]);
            }
        }
    }

    /// Lines between the layers, and with them how far apart the layers lie.
    fn route(&self, layers: &[Vec<usize>], across: &[i32]) -> Laid {
        let node = &self.scene.nodes[self.node];
        let ends = |step: &Step| {
            (
                across[step.upper] + step.at.0.unwrap_or(0),
                across[step.lower] + step.at.1.unwrap_or(0),
            )
        };
        let mut gaps: Vec<Vec<usize>> = vec![Vec::new(); layers.len()];
        for (index, step) in self.steps.iter().enumerate() {
            gaps[self.layer[step.upper]].push(index);
        }
        // Along the flow: where each layer begins, and the lane of each step.
        let mut starts = vec![0; layers.len()];
        let mut lengths = vec![0; layers.len()];
        let mut lane_at = vec![0; self.steps.len()];
        let ports_only = |layer: &Vec<usize>| {
            layer.iter().all(|item| matches!(self.items[*item], Item::Port(..)))
        };
        let above = if self.header_above { node.block.height } else { 0 };
        let mut at = match (self.flow, layers.first()) {
            (Flow::Right, Some(first)) if !first.is_empty() && !ports_only(first) => PADDING,
            (Flow::Right, _) => 0,
            (Flow::Down, _) => above,
        };
        for (layer, items) in layers.iter().enumerate() {
            starts[layer] = at;
            lengths[layer] = items.iter().map(|i| self.sizes[*i].0).max().unwrap_or(0);
            at += lengths[layer];
            let bent: Vec<usize> = gaps[layer]
                .iter()
                .copied()
                .filter(|s| ends(&self.steps[*s]).0 != ends(&self.steps[*s]).1)
                .collect();
            let runs: Vec<Run> = bent
                .iter()
                .map(|s| ends(&self.steps[*s]))
                .map(|(from, to)| Run { from, to })
                .collect();
            let (lane, count) = lanes(&runs);
            for (step, lane) in bent.iter().zip(lane) {
                lane_at[*step] = at + 10 + 9 * lane as i32;
            }
            if layer + 1 < layers.len() {
                at += match (count as i32, gaps[layer].is_empty(), items.is_empty()) {
                    (_, _, true) if self.flow == Flow::Down => 2,
                    (_, _, true) => PADDING,
                    (0, true, _) => 8,
                    (0, false, _) => 22,
                    (lanes, ..) => 10 + 9 * (lanes - 1) + 15,
                };
            }
        }
        let last_ports = layers.last().is_some_and(ports_only);
        let mut laid = Laid {
            length: at + if last_ports { 0 } else { PADDING },
            ..Laid::default()
        };
        let lead = match self.flow {
            Flow::Down => PADDING,
            Flow::Right => above.max(PADDING),
        };
        let breadth = layers
            .iter()
            .flatten()
            .map(|i| across[*i] + self.sizes[*i].1)
            .max()
            .unwrap_or(0);
        laid.breadth = lead + breadth + PADDING;
        match self.flow {
            Flow::Down => laid.breadth = laid.breadth.max(node.block.width),
            Flow::Right => laid.length = laid.length.max(node.block.width),
        }
        // Where each item begins along the flow.
        let along: Vec<i32> = (0..self.items.len())
            .map(|item| {
                let layer = self.layer[item];
                let spare = lengths.get(layer).copied().unwrap_or(0) - self.sizes[item].0;
                let start = starts.get(layer).copied().unwrap_or(0);
                match self.items[item] {
                    Item::Child(child) if self.scene.nodes[child].shape == Shape::Initial => {
                        start + spare
                    }
                    Item::Child(_) | Item::Label(_) => start + spare / 2,
                    Item::Port(_, Side::End) => laid.length,
                    Item::Port(_, Side::Start) => 0,
                    _ => start,
                }
            })
            .collect();
        for (item, kind) in self.items.iter().enumerate() {
            let spot = (along[item], across[item] + lead);
            match *kind {
                Item::Child(child) => laid.children.push((child, spot)),
                Item::Label(arrow) => laid.labels.push((arrow, spot)),
                Item::Port(arrow, _) => {
                    laid.ports.insert(arrow, spot.1);
                }
                Item::Header | Item::Bend => {}
            }
        }
        self.pieces(&mut laid, lead, &along, &lane_at, &ends);
        laid
    }

    fn pieces(
        &self,
        laid: &mut Laid,
        lead: i32,
        along: &[i32],
        lane_at: &[i32],
        ends: &dyn Fn(&Step) -> (i32, i32),
    ) {
        let mut at = 0;
        for (index, link) in self.plan.links.iter().enumerate() {
            let mut spots: Vec<Spot> = Vec::new();
            while at < self.steps.len() && self.steps[at].link == index {
                let step = &self.steps[at];
                let (from, to) = ends(step);
                let (from, to) = (from + lead, to + lead);
                if spots.is_empty() {
                    spots.push((self.meets(step.upper, true, along), from));
                }
                if from != to {
                    spots.push((lane_at[at], from));
                    spots.push((lane_at[at], to));
                }
                at += 1;
                if step.lower == link.lower {
                    spots.push((self.meets(step.lower, false, along), to));
                }
            }
            let border = matches!(self.items[link.lower], Item::Port(_, Side::End));
            if !link.forward {
                spots.reverse();
            }
            laid.pieces.push(Piece {
                arrow: link.arrow,
                part: link.part,
                spots,
                border: border.then_some(!link.forward),
            });
        }
    }

    /// Where, along the flow, a line meets an item.
    fn meets(&self, item: usize, lower_side: bool, along: &[i32]) -> i32 {
        let length = match self.items[item] {
            Item::Child(child) => self.laid[child].length,
            _ => self.sizes[item].0,
        };
        along[item] + if lower_side { length } else { 0 }
    }
}

/// Places for `count` more ports on a side of `breadth`, evenly and clear of those `taken`.
fn spread(breadth: i32, taken: &[i32], count: usize) -> Vec<i32> {
    let mut places: Vec<i32> = Vec::with_capacity(count);
    for number in 0..count as i32 {
        let even = breadth * (number + 1) / (count as i32 + 1);
        let clear = |at: &i32| taken.iter().all(|port| (port - at).abs() >= 10);
        let near = (0..breadth).flat_map(|distance| [even - distance, even + distance]);
        let mut inside = near.filter(|at| (6..=breadth - 6).contains(at));
        places.push(inside.find(clear).unwrap_or(even));
    }
    places.sort_unstable();
    places
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
        (f64::from(width.max(1)) / f64::from(height.max(1)) / 1.5).ln().abs()
    };
    let beside = off(most(|l| l.outer.0), sum(|l| l.outer.1));
    let stacked = off(sum(|l| l.outer.0), most(|l| l.outer.1));
    stacked + 0.3 < beside
}
