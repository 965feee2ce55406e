//! Lines between the layers of one state, and with them how far apart the layers lie.

use super::super::scene::Shape;
use super::Flow;
use super::inside::{Inside, Step};
use super::laid::{Flowing, FlowingPiece, LANE, Laid, Spot};
use super::plan::{Item, Side};
use super::tracks::{Run, lanes, turns};
use std::collections::BTreeMap;

/// Before the first lane, for lines to come out of a box; after the last, for arrowheads; and where no line needs a lane.
const BEFORE_LANES: i32 = 10;
const AFTER_LANES: i32 = 15;
const STRAIGHT: i32 = 22;

/// Finish a state whose items are in order and in place across the flow.
pub fn route(inside: &Inside<'_>, layers: &[Vec<usize>], across: &[i32]) -> Laid {
    let frame = inside.frame;
    let block = &frame.scene.nodes[frame.node].block;
    let above = if inside.header_above { block.height } else { 0 };
    let mut router = Router {
        inside,
        layers,
        across,
        starts: Vec::with_capacity(layers.len()),
        lengths: Vec::with_capacity(layers.len()),
        lane_at: vec![0; inside.steps.len()],
        turn_at: vec![None; inside.steps.len()],
        lead: match frame.flow {
            Flow::Down => frame.padding(),
            Flow::Right => above.max(frame.padding()),
        },
    };
    let end = router.layers(above);
    let mut flowing = router.flowing(end);
    match frame.flow {
        Flow::Down => flowing.breadth = flowing.breadth.max(block.width),
        Flow::Right => flowing.length = flowing.length.max(block.width),
    }
    router.fill(&mut flowing);
    if frame.turns() {
        match frame.flow {
            Flow::Down => flowing.turn(above, false),
            Flow::Right => flowing.turn(0, true),
        }
    }
    flowing.seen(frame.flow, frame.outside)
}

struct Router<'r> {
    inside: &'r Inside<'r>,
    layers: &'r [Vec<usize>],
    across: &'r [i32],
    /// Along the flow: where each layer begins, how long it is, and where each step runs across.
    starts: Vec<i32>,
    lengths: Vec<i32>,
    lane_at: Vec<i32>,
    /// Where a step changes to another lane, and to which.
    turn_at: Vec<Option<Spot>>,
    /// Where the first item begins across the flow.
    lead: i32,
}

impl Router<'_> {
    /// Where a step leaves its upper item and meets its lower one, across the flow.
    fn ends(&self, step: &Step) -> (i32, i32) {
        (
            self.across[step.upper] + step.at.0.unwrap_or(0),
            self.across[step.lower] + step.at.1.unwrap_or(0),
        )
    }

    fn is_ports_only(&self, layer: &[usize]) -> bool {
        layer
            .iter()
            .all(|item| matches!(self.inside.items[*item], Item::Port(..)))
    }

    /// Put the layers one after another; the answer is where they end.
    fn layers(&mut self, above: i32) -> i32 {
        let padding = self.inside.frame.padding();
        let steps = &self.inside.steps;
        let mut gaps: Vec<Vec<usize>> = vec![Vec::new(); self.layers.len()];
        for (index, step) in steps.iter().enumerate() {
            gaps[self.inside.layer[step.upper]].push(index);
        }
        let mut at = match (self.inside.frame.flow, self.layers.first()) {
            (Flow::Right, Some(first)) if !self.is_ports_only(first) => padding,
            (Flow::Right, _) => 0,
            (Flow::Down, _) => above,
        };
        let first = at;
        for (layer, items) in self.layers.iter().enumerate() {
            let length = items.iter().map(|i| self.inside.sizes[*i].0).max();
            self.starts.push(at);
            self.lengths.push(length.unwrap_or(0));
            at += length.unwrap_or(0);
            let count = self.lanes(&gaps[layer], at + BEFORE_LANES);
            if layer + 1 == self.layers.len() {
                break;
            }
            at += match (count as i32, gaps[layer].is_empty()) {
                // Before the first thing there is only the border.
                (_, true) if items.is_empty() => match self.inside.frame.flow {
                    Flow::Down => 2,
                    Flow::Right => padding - first,
                },
                (_, true) => 8,
                (0, false) => STRAIGHT,
                (count, false) => BEFORE_LANES + LANE * (count - 1) + AFTER_LANES,
            };
        }
        let ends_in_ports = self.layers.last().is_some_and(|l| self.is_ports_only(l));
        at + if ends_in_ports { 0 } else { padding }
    }

    /// Give the steps of one gap, whose first lane is at `first`, their lanes; the answer is how many there are.
    fn lanes(&mut self, steps: &[usize], first: i32) -> usize {
        let ends = |step: &usize| self.ends(&self.inside.steps[*step]);
        let (steps, straight): (Vec<usize>, Vec<usize>) =
            steps.iter().partition(|step| ends(step).0 != ends(step).1);
        let run = |(line, (from, to))| Run { from, to, line };
        let mut runs: Vec<Run> = steps.iter().map(ends).enumerate().map(run).collect();
        let straight: Vec<i32> = straight.iter().map(|step| ends(step).0).collect();
        let turns = turns(&runs, &straight);
        // A run that turns once more is two.
        for (line, turn) in turns.iter().enumerate() {
            if let Some(at) = *turn {
                let to = std::mem::replace(&mut runs[line].to, at);
                runs.push(Run { from: at, to, line });
            }
        }
        let (lane, count) = lanes(&runs);
        let mut second = steps.len();
        for (index, step) in steps.iter().enumerate() {
            self.lane_at[*step] = first + LANE * lane[index] as i32;
            if let Some(at) = turns[index] {
                self.turn_at[*step] = Some((at, first + LANE * lane[second] as i32));
                second += 1;
            }
        }
        count
    }

    /// The state with its size and nothing in it.
    fn flowing(&self, end: i32) -> Flowing {
        let items = self.layers.iter().flatten();
        let breadth = items.map(|item| self.across[*item] + self.inside.sizes[*item].1);
        Flowing {
            length: end,
            breadth: self.lead + breadth.max().unwrap_or(0) + self.inside.frame.padding(),
            header: (0, 0),
            children: Vec::new(),
            labels: Vec::new(),
            pieces: Vec::new(),
            ports: BTreeMap::new(),
            turned: false,
        }
    }

    fn fill(&self, flowing: &mut Flowing) {
        let items = &self.inside.items;
        let along: Vec<i32> = (0..items.len())
            .map(|item| self.along(item, flowing.length))
            .collect();
        for (item, kind) in items.iter().enumerate() {
            let spot = (along[item], self.across[item] + self.lead);
            match *kind {
                Item::Child(child) => flowing.children.push((child, spot)),
                Item::Label(arrow) => flowing.labels.push((arrow, spot)),
                Item::Port(arrow, side) => {
                    flowing.ports.insert(arrow, (side, spot.1));
                }
                Item::Header | Item::Bend => {}
            }
        }
        let mut steps = self.inside.steps.iter().enumerate().peekable();
        for (index, link) in self.inside.frame.plan.links.iter().enumerate() {
            let mut spots: Vec<Spot> = Vec::new();
            while let Some((number, step)) = steps.next_if(|(_, step)| step.link == index) {
                let (from, to) = self.ends(step);
                let (from, to) = (from + self.lead, to + self.lead);
                if spots.is_empty() {
                    spots.push((along[step.upper] + self.length(step.upper), from));
                }
                if from != to {
                    spots.push((self.lane_at[number], from));
                    let mut lane = self.lane_at[number];
                    if let Some((at, next)) = self.turn_at[number] {
                        spots.push((lane, at + self.lead));
                        spots.push((next, at + self.lead));
                        lane = next;
                    }
                    spots.push((lane, to));
                }
                if step.lower == link.lower {
                    spots.push((along[step.lower], to));
                }
            }
            flowing.pieces.push(FlowingPiece {
                arrow: link.arrow,
                part: link.part,
                spots,
                forward: link.forward,
                starts: matches!(items[link.upper], Item::Port(_, Side::Start)),
                ends: matches!(items[link.lower], Item::Port(_, Side::End)),
            });
        }
    }

    /// Where an item begins along the flow, in a state of this length.
    fn along(&self, item: usize, length: i32) -> i32 {
        let layer = self.inside.layer[item];
        let start = self.starts.get(layer).copied().unwrap_or(0);
        let spare = self.lengths.get(layer).copied().unwrap_or(0) - self.inside.sizes[item].0;
        let scene = self.inside.frame.scene;
        match self.inside.items[item] {
            Item::Child(child) if scene.nodes[child].shape == Shape::Initial => start + spare,
            Item::Child(_) | Item::Label(_) => start + spare / 2,
            Item::Port(_, Side::End) => length,
            Item::Port(_, Side::Start) => 0,
            Item::Header | Item::Bend => start,
        }
    }

    /// How long an item's box is.
    fn length(&self, item: usize) -> i32 {
        match self.inside.items[item] {
            Item::Child(child) => self.inside.laid[child].length,
            _ => self.inside.sizes[item].0,
        }
    }
}
