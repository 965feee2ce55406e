//! What stands in one state across its flow: where lines meet boxes, and where the boxes are.

use super::super::scene::Shape;
use super::inside::{Inside, Step};
use super::place::{Meet, PORTS, Placing, Port, Pull, place};
use super::plan::Item;
use std::collections::BTreeMap;

/// How far a port is from the corners.
const PORT_MARGIN: i32 = 10;

impl Inside<'_> {
    /// Give the steps that meet a side anywhere a port on it, in the order of where they come from.
    pub fn spread(&mut self, layers: &[Vec<usize>]) -> Vec<Port> {
        let mut position = vec![0; self.items.len()];
        for layer in layers {
            layer
                .iter()
                .enumerate()
                .for_each(|(p, item)| position[*item] = p);
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
            if !matches!(self.frame.scene.nodes[child].shape, Shape::Initial | Shape::History))
    }

    /// Where each item begins, across the flow.
    pub fn across(&mut self, layers: &[Vec<usize>], ports: &[Port]) -> Vec<i32> {
        // A label on a long line should not make it bend.
        let bends = |item: usize| !matches!(self.items[item], Item::Child(_));
        let meet = |item: usize, at: Option<i32>, port: Option<usize>| match port {
            Some(port) => Meet::Port(port),
            None => Meet::At(item, at.unwrap_or(0)),
        };
        let is_group = |item: usize| matches!(self.items[item], Item::Child(child) if self.frame.scene.nodes[child].shape == Shape::Group);
        let pulls: Vec<Pull> = self
            .steps
            .iter()
            .map(|step| Pull {
                upper: meet(step.upper, step.at.0, step.ports.0),
                lower: meet(step.lower, step.at.1, step.ports.1),
                weight: match (bends(step.upper), bends(step.lower)) {
                    // Rows begin at the margin, wherever the one above them ended.
                    _ if is_group(step.upper) || is_group(step.lower) => 0,
                    (true, true) => 8,
                    (false, false) => 3,
                    _ => 2,
                },
            })
            .collect();
        let breadth: Vec<i32> = self.sizes.iter().map(|size| size.1).collect();
        let gap = |a: usize, b: usize| self.gap(a, b);
        let first: Vec<usize> = (0..self.items.len())
            .filter(|item| is_group(*item))
            .collect();
        let (mut at, ports) = place(&Placing {
            layers,
            breadth: &breadth,
            gap: &gap,
            pulls: &pulls,
            ports,
            first: &first,
            draft: self.frame.draft,
        });
        for step in &mut self.steps {
            for (at, port) in [
                (&mut step.at.0, step.ports.0),
                (&mut step.at.1, step.ports.1),
            ] {
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
            Item::Child(child) => match self.frame.scene.nodes[child].shape {
                Shape::Box { region: true, .. } => 20,
                Shape::Box { .. } | Shape::Final | Shape::Group => 14,
                _ => 10,
            },
            Item::Header => 10,
            Item::Label(_) => 7,
            Item::Port(..) => 7,
            Item::Bend => 6,
        };
        rank(a) + rank(b)
    }
}

/// Places for `count` more ports on a side of `breadth`, evenly and clear of those `taken`.
fn spread(breadth: i32, taken: &[i32], count: usize) -> Vec<i32> {
    let mut places: Vec<i32> = Vec::with_capacity(count);
    for number in 0..count as i32 {
        let even = breadth * (number + 1) / (count as i32 + 1);
        let find = |room: i32| {
            let near = (0..breadth).flat_map(|distance| [even - distance, even + distance]);
            let mut inside = near.filter(|at| (6..=breadth - 6).contains(at));
            let clear = |at: &i32| {
                taken
                    .iter()
                    .chain(&places)
                    .all(|port| (port - at).abs() >= room)
            };
            inside.find(clear)
        };
        // Where there is too little room for all they stand closer.
        let place = [10, 6, 3].into_iter().find_map(find);
        places.push(place.unwrap_or(even));
    }
    places.sort_unstable();
    places
}
