//! A node that has been laid out, and what its surroundings ask of it: to be longer, to be turned, to leave room for arrows to itself.

use super::super::picture::Point;
use super::super::scene::{Scene, Shape};
use super::Flow;
use super::place::PORTS;
use super::plan::Side;
use std::collections::BTreeMap;

/// A position: along the flow, and across it.
pub type Spot = (i32, i32);

/// A node, laid out. Points count from its corner; lengths are along the flow of what it stands in.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// Its box.
    pub length: i32,
    pub breadth: i32,
    /// With the arrows from it to itself beside it.
    pub outer: Spot,
    /// Where its own text begins.
    pub header: Point,
    pub children: Vec<(usize, Point)>,
    pub labels: Vec<(usize, Point)>,
    pub pieces: Vec<Piece>,
    /// Where, across the flow, arrows cross its border.
    pub ports: BTreeMap<usize, i32>,
}

/// A part of an arrow.
#[derive(Clone, Debug)]
pub struct Piece {
    pub arrow: usize,
    pub part: usize,
    /// From its beginning.
    pub points: Vec<Point>,
    /// Whether it meets the far border with its first point or (false) its last, and in the direction of which flow.
    pub border: Option<(bool, Flow)>,
}

/// How far an arrow from a state to itself stands out.
pub const LOOP: i32 = 18;
/// The distance between lines that turn beside each other.
pub const LANE: i32 = 9;

/// How much of its state's side an arrow to itself takes.
pub fn loop_length(label: i32) -> i32 {
    label.max(22) + 8
}

impl Laid {
    /// A node with nothing in it, to which so many lines come on either side.
    pub fn leaf(scene: &Scene, node: usize, flow: Flow, ports: [i32; 2]) -> Self {
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
    pub fn make_room_for_loops(&mut self, scene: &Scene, node: usize, flow: Flow) {
        let (mut needed, mut widest) = (0, 0);
        for label in &scene.nodes[node].loops {
            let (length, breadth) = flow.along(label.block.width, label.block.height);
            needed += loop_length(length);
            widest = widest.max(breadth);
        }
        self.stretch(self.length.max(needed), flow);
        let beside = if needed == 0 { 0 } else { LOOP + 4 + widest };
        self.outer = (self.length, self.breadth + beside);
    }

    /// Make it longer: what meets its far border goes on to it.
    pub fn stretch(&mut self, length: i32, flow: Flow) {
        self.outer.0 += length - self.length;
        self.length = length;
        self.reach(length, flow);
    }

    /// Make it broader.
    pub fn widen(&mut self, breadth: i32, flow: Flow) {
        self.outer.1 += breadth - self.breadth;
        self.breadth = breadth;
        self.reach(breadth, flow.other());
    }

    fn reach(&mut self, border: i32, flow: Flow) {
        for piece in &mut self.pieces {
            let Some((first, _)) = piece.border.filter(|(_, along)| *along == flow) else {
                continue;
            };
            let point = match first {
                true => piece.points.first_mut(),
                false => piece.points.last_mut(),
            };
            match (point, flow) {
                (Some(point), Flow::Down) => point.y = border,
                (Some(point), Flow::Right) => point.x = border,
                (None, _) => {}
            }
        }
    }
}

/// The inside of a state as its own flow has it.
pub struct Flowing {
    pub length: i32,
    pub breadth: i32,
    pub header: Spot,
    pub children: Vec<(usize, Spot)>,
    pub labels: Vec<(usize, Spot)>,
    pub pieces: Vec<FlowingPiece>,
    pub ports: BTreeMap<usize, (Side, i32)>,
    /// Whether lines that cross its border turn a corner before.
    pub turned: bool,
}

/// A part of an arrow in it.
pub struct FlowingPiece {
    pub arrow: usize,
    pub part: usize,
    /// From its upper end.
    pub spots: Vec<Spot>,
    pub forward: bool,
    /// Whether its upper end is a port, or its lower end.
    pub starts: bool,
    pub ends: bool,
}

impl Flowing {
    /// Let the lines that cross the border do so where the flow of the surroundings begins and ends: they turn the corner in lanes, the one
    /// nearest to the corner outermost. `header` is how long the part of the state is that its text takes, where that lies in their way.
    pub fn turn(&mut self, header: i32, moves_header: bool) {
        self.turned = true;
        let lanes = |side: Side| {
            let ports = self.ports.iter().filter(move |(_, port)| port.0 == side);
            let mut ports: Vec<(i32, usize)> =
                ports.map(|(arrow, port)| (port.1, *arrow)).collect();
            ports.sort_unstable();
            ports
        };
        let (starts, mut ends) = (lanes(Side::Start), lanes(Side::End));
        ends.reverse();
        let room = |count: usize| match count {
            0 => 0,
            count => LANE * count as i32 + LANE,
        };
        let (before, after) = (room(starts.len()), room(ends.len()));
        let inner_end = self.length + before;
        // Whoever is nearest to the inside turns last.
        let start_lane: BTreeMap<usize, i32> = starts
            .iter()
            .enumerate()
            .map(|(rank, (_, arrow))| (*arrow, header + before - LANE * (rank as i32 + 1)))
            .collect();
        let end_lane: BTreeMap<usize, i32> = ends
            .iter()
            .enumerate()
            .map(|(rank, (_, arrow))| (*arrow, inner_end + LANE * (rank as i32 + 1) - 4))
            .collect();
        for piece in &mut self.pieces {
            piece.spots.iter_mut().for_each(|spot| spot.0 += before);
            if piece.starts
                && let Some(&lane) = start_lane.get(&piece.arrow)
                && let Some(first) = piece.spots.first_mut()
            {
                first.0 = lane;
                piece.spots.insert(0, (lane, 0));
            }
            if piece.ends
                && let Some(&lane) = end_lane.get(&piece.arrow)
                && let Some(last) = piece.spots.last_mut()
            {
                last.0 = lane;
                piece.spots.push((lane, self.breadth));
            }
        }
        let children = self.children.iter_mut().map(|(_, spot)| spot);
        let labels = self.labels.iter_mut().map(|(_, spot)| spot);
        children.chain(labels).for_each(|spot| spot.0 += before);
        if moves_header {
            self.header.0 += before;
        }
        self.length = inner_end + after;
        for (arrow, lane) in start_lane.into_iter().chain(end_lane) {
            if let Some(port) = self.ports.get_mut(&arrow) {
                port.1 = lane;
            }
        }
    }

    /// As its surroundings see it, whose flow may be another than its own.
    pub fn seen(self, own: Flow, outside: Flow) -> Laid {
        let point = |spot: Spot| own.point(spot);
        let along = if self.turned { own.other() } else { own };
        let (width, height) = own.along(self.length, self.breadth);
        let (length, breadth) = outside.along(width, height);
        let piece = |piece: FlowingPiece| {
            let mut points: Vec<Point> = piece.spots.into_iter().map(point).collect();
            if !piece.forward {
                points.reverse();
            }
            Piece {
                arrow: piece.arrow,
                part: piece.part,
                points,
                border: piece.ends.then_some((!piece.forward, along)),
            }
        };
        Laid {
            length,
            breadth,
            outer: (length, breadth),
            header: point(self.header),
            children: self
                .children
                .into_iter()
                .map(|(n, spot)| (n, point(spot)))
                .collect(),
            labels: self
                .labels
                .into_iter()
                .map(|(n, spot)| (n, point(spot)))
                .collect(),
            pieces: self.pieces.into_iter().map(piece).collect(),
            ports: self
                .ports
                .into_iter()
                .map(|(arrow, port)| (arrow, port.1))
                .collect(),
        }
    }
}
