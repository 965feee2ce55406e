//! The graph inside one state: what stands in it, how it hangs together, and on which layer each thing lies.
//!
//! An arrow between states that lie deep in different states is cut where it crosses a border. Each state then has a graph of its own, in
//! which an arrow from or to the outside ends at a port on the border where the flow begins or ends. Planning goes from the outside in,
//! because which border an arrow crosses follows from the layers outside; it needs no sizes.

use super::super::scene::{Scene, Shape};
use super::simplex::{self, Arc};
use std::collections::{BTreeMap, BTreeSet};

/// Where the flow enters a box, or where it leaves it: above and below, or left and right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Start,
    End,
}

/// What stands in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The state's own text; in pictures that flow down only.
    Header,
    /// A node of the scene.
    Child(usize),
    /// The label of an arrow.
    Label(usize),
    /// Where an arrow crosses the border.
    Port(usize, Side),
    /// Where a long line passes a layer.
    Bend,
}

/// A piece of an arrow, from a lower layer to a higher one.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub upper: usize,
    pub lower: usize,
    pub arrow: usize,
    /// Whether the arrow goes from `upper` to `lower`.
    pub forward: bool,
    /// Which part of the arrow it is, from 0 at its source; parts are joined in this order.
    pub part: usize,
    /// How much it wants to be short.
    pub pull: i64,
    /// The sides at which it meets `upper` and `lower`; not End and Start where both ends lie on one layer.
    pub sides: (Side, Side),
}

/// The graph inside one state.
pub struct Plan {
    pub items: Vec<Item>,
    pub links: Vec<Link>,
    /// The layer of each item.
    pub layers: Vec<usize>,
    /// Whether the regions may as well stand one after the other.
    pub stackable: bool,
}

/// How much more an arrow pulls than the beginning, to which what nothing holds keeps.
const PULL: i64 = 64;

/// Parts of an arrow: inside its source, up to its label, on from it, and inside its target.
const DEEPEST: usize = 128;
const BEFORE_LABEL: usize = DEEPEST;
pub const AFTER_LABEL: usize = DEEPEST + 1;

/// An arrow that crosses the border of a state.
#[derive(Clone, Copy)]
struct Crossing {
    arrow: usize,
    side: Side,
    entering: bool,
}

/// The plans of all nodes; of those without children there is nothing in it.
pub fn plans(scene: &Scene) -> Vec<Option<Plan>> {
    let mut inside = vec![Vec::new(); scene.nodes.len()];
    for (index, arrow) in scene.arrows.iter().enumerate() {
        inside[scene.common(arrow.from, arrow.to)].push(index);
    }
    let mut crossings = vec![Vec::new(); scene.nodes.len()];
    let mut plans = Vec::with_capacity(scene.nodes.len());
    for (node, arrows) in inside.iter().enumerate() {
        let has_children = !scene.nodes[node].children.is_empty();
        plans.push(has_children.then(|| {
            let planner = Planner::new(scene, node, arrows);
            planner.finish(&mut crossings)
        }));
    }
    plans
}

struct Planner<'s> {
    scene: &'s Scene,
    node: usize,
    arrows: &'s [usize],
    items: Vec<Item>,
    links: Vec<Link>,
    /// Where each child of the node is among `items`.
    places: BTreeMap<usize, usize>,
}

impl<'s> Planner<'s> {
    fn new(scene: &'s Scene, node: usize, arrows: &'s [usize]) -> Self {
        let mut items = vec![Item::Header];
        let mut places = BTreeMap::new();
        let children = &scene.nodes[node].children;
        let is_start = |child: &&usize| scene.nodes[**child].shape == Shape::Initial;
        let starts = children.iter().filter(is_start);
        for &child in starts.chain(children.iter().filter(|child| !is_start(child))) {
            places.insert(child, items.len());
            items.push(Item::Child(child));
        }
        Planner {
            scene,
            node,
            arrows,
            items,
            links: Vec::new(),
            places,
        }
    }

    fn parallel(&self) -> bool {
        matches!(
            self.scene.nodes[self.node].shape,
            Shape::Box { parallel: true, .. }
        )
    }

    /// The item that is `node` or has it inside.
    fn item(&self, node: usize) -> usize {
        self.places[&self.scene.towards(self.node, node)]
    }

    fn is_region(&self, item: usize) -> bool {
        let Item::Child(child) = self.items[item] else {
            return false;
        };
        matches!(
            self.scene.nodes[child].shape,
            Shape::Box { region: true, .. } | Shape::Final
        ) && self.parallel()
    }

    fn finish(mut self, crossings: &mut [Vec<Crossing>]) -> Plan {
        // Arrows between two children; those that begin or end at the state itself hang on its border.
        let ends = |arrow: &usize| {
            let arrow = &self.scene.arrows[*arrow];
            let end = |node| (node != self.node).then(|| self.item(node));
            (end(arrow.from), end(arrow.to))
        };
        let ends: Vec<_> = self.arrows.iter().map(ends).collect();
        let backward = self.backward(&ends);
        let mut among_regions = false;
        let here: Vec<Crossing> = std::mem::take(&mut crossings[self.node]);
        for (position, &arrow) in self.arrows.iter().enumerate() {
            let (from, to) = match ends[position] {
                (Some(from), Some(to)) => (from, to),
                (None, Some(to)) => (self.port(arrow, Side::Start), to),
                (Some(from), None) => (from, self.port(arrow, Side::End)),
                (None, None) => continue,
            };
            let level = self.is_region(from) && self.is_region(to);
            among_regions |= level;
            let sides = match (level, backward[position]) {
                (true, _) => (Side::End, Side::End),
                (false, false) => (Side::End, Side::Start),
                (false, true) => (Side::Start, Side::End),
            };
            self.connect(arrow, from, to, sides);
            self.pass_on(crossings, arrow, from, sides.0, false);
            self.pass_on(crossings, arrow, to, sides.1, true);
        }
        for crossing in here {
            self.cross(crossings, crossing);
        }
        let stackable = self.parallel() && !among_regions;
        let mut plan = Plan {
            items: self.items,
            links: self.links,
            layers: Vec::new(),
            stackable,
        };
        let regions = plan.regions(self.scene, self.node);
        plan.layers = plan.ranks(self.scene, &regions, false);
        plan
    }

    fn port(&mut self, arrow: usize, side: Side) -> usize {
        self.items.push(Item::Port(arrow, side));
        self.items.len() - 1
    }

    /// The links of an arrow from one item to another, its label between.
    fn connect(&mut self, arrow: usize, from: usize, to: usize, sides: (Side, Side)) {
        let link = |upper, lower, forward, part, pull, sides| Link {
            upper,
            lower,
            arrow,
            forward,
            part,
            pull,
            sides,
        };
        let down = (Side::End, Side::Start);
        let labelled = self.scene.arrows[arrow].label.is_some();
        // Arrows between regions need something below them to turn at.
        if !labelled && sides != (Side::End, Side::End) {
            let pull = match self.items[from] {
                Item::Child(child) if self.scene.nodes[child].shape == Shape::Initial => 3,
                _ => 2,
            };
            self.links.push(match sides.0 {
                Side::End => link(from, to, true, BEFORE_LABEL, pull, down),
                Side::Start => link(to, from, false, BEFORE_LABEL, pull, down),
            });
            return;
        }
        let label = self.items.len();
        self.items.push(Item::Label(arrow));
        self.links.push(match sides.0 {
            Side::End => link(from, label, true, BEFORE_LABEL, 2, down),
            Side::Start => link(label, from, false, BEFORE_LABEL, 2, down),
        });
        self.links.push(match (sides.0, sides.1) {
            (_, Side::Start) => link(label, to, true, AFTER_LABEL, 1, down),
            (Side::Start, Side::End) => link(to, label, false, AFTER_LABEL, 1, down),
            (Side::End, Side::End) => link(to, label, false, AFTER_LABEL, 1, down),
        });
    }

    /// Tell a child that an arrow which ends inside it comes through its border.
    fn pass_on(
        &self,
        crossings: &mut [Vec<Crossing>],
        arrow: usize,
        item: usize,
        side: Side,
        entering: bool,
    ) {
        let Item::Child(child) = self.items[item] else {
            return;
        };
        let end = match entering {
            true => self.scene.arrows[arrow].to,
            false => self.scene.arrows[arrow].from,
        };
        if end != child {
            crossings[child].push(Crossing {
                arrow,
                side,
                entering,
            });
        }
    }

    /// The link of an arrow between the border and a child.
    fn cross(&mut self, crossings: &mut [Vec<Crossing>], crossing: Crossing) {
        let Crossing {
            arrow,
            side,
            entering,
        } = crossing;
        let end = match entering {
            true => self.scene.arrows[arrow].to,
            false => self.scene.arrows[arrow].from,
        };
        let item = self.item(end);
        let port = self.port(arrow, side);
        let depth = self.scene.nodes[self.node].depth;
        let (upper, lower) = match side {
            Side::Start => (port, item),
            Side::End => (item, port),
        };
        self.links.push(Link {
            upper,
            lower,
            arrow,
            forward: entering == (side == Side::Start),
            part: match entering {
                true => AFTER_LABEL + 1 + depth,
                false => DEEPEST - 1 - depth,
            },
            pull: 1,
            sides: (Side::End, Side::Start),
        });
        self.pass_on(crossings, arrow, item, side, entering);
    }

    /// Which arrows lead back, seen from the start in document order: drawn upwards, they leave no circle.
    fn backward(&self, ends: &[(Option<usize>, Option<usize>)]) -> Vec<bool> {
        let is_group = |child: &usize| self.scene.nodes[*child].shape == Shape::Group;
        if self.scene.nodes[self.node].children.iter().any(is_group) {
            // Rows are in order already.
            let back = |(from, to): &(Option<usize>, Option<usize>)| {
                from.is_some() && to.is_some() && from > to
            };
            return ends.iter().map(back).collect();
        }
        // All regions are active at once: they are one.
        let one = |item: usize| {
            if self.is_region(item) {
                self.items.len()
            } else {
                item
            }
        };
        let mut out = vec![Vec::new(); self.items.len() + 1];
        for (position, ends) in ends.iter().enumerate() {
            if let (Some(from), Some(to)) = *ends {
                out[one(from)].push((position, one(to)));
            }
        }
        let mut backward = vec![false; ends.len()];
        let (mut open, mut done) = (vec![false; out.len()], vec![false; out.len()]);
        let entered = ends.iter().filter(|(from, _)| from.is_none());
        let first = (0..self.items.len()).filter(|item| {
            matches!(self.items[*item], Item::Child(child) if self.scene.nodes[child].shape == Shape::Initial)
        });
        let roots: Vec<usize> = first
            .chain(entered.filter_map(|(_, to)| *to))
            .chain(0..self.items.len())
            .map(one)
            .collect();
        for root in roots {
            if done[root] || open[root] {
                continue;
            }
            open[root] = true;
            let mut path = vec![(root, 0)];
            while let Some((at, next)) = path.last_mut() {
                let Some(&(position, to)) = out[*at].get(*next) else {
                    done[*at] = true;
                    open[*at] = false;
                    path.pop();
                    continue;
                };
                *next += 1;
                if open[to] {
                    backward[position] = to != *at;
                } else if !done[to] {
                    open[to] = true;
                    path.push((to, 0));
                }
            }
        }
        backward
    }
}

impl Plan {
    /// The regions among the items.
    pub fn regions(&self, scene: &Scene, node: usize) -> BTreeSet<usize> {
        let parallel = matches!(scene.nodes[node].shape, Shape::Box { parallel: true, .. });
        let region = |item: &usize| {
            matches!(self.items[*item], Item::Child(child)
                if parallel && matches!(scene.nodes[child].shape, Shape::Box { .. } | Shape::Final))
        };
        (0..self.items.len()).filter(region).collect()
    }

    /// The layer of each item. Regions lie on one layer or, `stacked`, on layers after one another.
    pub fn ranks(&self, scene: &Scene, regions: &BTreeSet<usize>, stacked: bool) -> Vec<usize> {
        let count = self.items.len();
        // The ends of the simplex: the items, where all begins, and where all ends. Regions on one layer share the end of the first.
        let (top, bottom) = (count, count + 1);
        let first = regions.first().copied();
        let end = |item: usize| match self.items[item] {
            Item::Header | Item::Port(_, Side::Start) => top,
            Item::Port(_, Side::End) => bottom,
            _ if !stacked && regions.contains(&item) => first.unwrap_or(item),
            _ => item,
        };
        let arc = |tail, head, least, weight| Arc {
            tail,
            head,
            least,
            weight,
        };
        let mut arcs = Vec::new();
        for item in 0..count {
            let start = match self.items[item] {
                Item::Child(child) => scene.nodes[child].shape == Shape::Initial,
                _ => false,
            };
            arcs.push(arc(top, item, i32::from(!start), 1));
            arcs.push(arc(item, bottom, 1, 0));
        }
        for link in &self.links {
            let (upper, lower) = (end(link.upper), end(link.lower));
            if upper != lower {
                arcs.push(arc(upper, lower, 1, link.pull * PULL));
            }
        }
        if stacked {
            for (above, below) in regions.iter().zip(regions.iter().skip(1)) {
                arcs.push(arc(*above, *below, 1, PULL));
            }
        }
        let ranks = simplex::solve(count + 2, &arcs);
        let layer = |item: usize| (ranks[end(item)] - ranks[top]).max(0) as usize;
        let last = (0..count)
            .filter(|item| !matches!(self.items[*item], Item::Port(_, Side::End)))
            .map(layer)
            .max()
            .unwrap_or(0);
        let settle = |item: usize| match self.items[item] {
            Item::Port(_, Side::End) => last + 1,
            _ => layer(item),
        };
        (0..count).map(settle).collect()
    }
}
