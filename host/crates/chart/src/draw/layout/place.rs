//! Positions across the flow: lines as straight as can be, nothing nearer to its neighbour than it may.
//!
//! The network simplex finds the best positions (Gansner and others, 1993, section 4.2: lines between bends weigh most). A graph too large for
//! it is swept instead: for each layer in turn the positions nearest to the wanted ones that keep all distances, which is an isotonic
//! regression (pool adjacent violators).

use super::simplex::{self, Arc};

/// What is to be placed.
pub struct Placing<'p> {
    /// The items of each layer in their order.
    pub layers: &'p [Vec<usize>],
    /// The breadth of each item.
    pub breadth: &'p [i32],
    /// The least distance between two neighbours, the first of them before the other.
    pub gap: &'p dyn Fn(usize, usize) -> i32,
    /// The lines.
    pub pulls: &'p [Pull],
    /// The ports they meet.
    pub ports: &'p [Port],
    /// Items that want to be at the beginning, wherever their lines lead: rows begin at the margin.
    pub first: &'p [usize],
    /// Whether the simplex is not worth its time yet.
    pub draft: bool,
}

/// Where a line meets an item.
#[derive(Clone, Copy, Debug)]
pub enum Meet {
    /// At this distance from the item's beginning.
    At(usize, i32),
    /// At the port with this number.
    Port(usize),
}

/// A place on an item's side that may be moved along it.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    pub item: usize,
    /// Where it would best be, and the least and most it may be, from the item's beginning.
    pub best: i32,
    pub range: (i32, i32),
    /// The port after it on the same side is the next in the list, and must keep its distance.
    pub followed: bool,
}

/// A line that wants to be straight.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    pub upper: Meet,
    pub lower: Meet,
    pub weight: i64,
}

/// The distance between ports.
pub const PORTS: i32 = 14;

/// Above so many items and lines the graph is swept.
const SIMPLEX_MAX: usize = 4_000;
/// How often.
const SWEEPS: usize = 10;

/// How much what wants to be at the beginning wants it.
const FIRST: i64 = 100;
/// How much the whole wants to be narrow: not so much that the lightest line bends for it.
const NARROW: i64 = 4;

/// Where each item begins, the least being 0, and where each port is, from its item's beginning.
pub fn place(placing: &Placing<'_>) -> (Vec<i32>, Vec<i32>) {
    let count = placing.breadth.len();
    let (mut at, mut ports) = match count + placing.pulls.len() {
        ..=SIMPLEX_MAX if !placing.draft => by_simplex(placing),
        _ => (by_sweeps(placing), best(placing)),
    };
    let placed = placing.layers.iter().flatten();
    let least = placed.map(|item| at[*item]).min().unwrap_or(0);
    at.iter_mut().for_each(|position| *position -= least);
    centre(placing, &at, &mut ports);
    (at, ports)
}

fn best(placing: &Placing<'_>) -> Vec<i32> {
    placing.ports.iter().map(|port| port.best).collect()
}

/// A port whose line is not straight anyway goes back to where it looks best, as far as its neighbours let it.
fn centre(placing: &Placing<'_>, at: &[i32], ports: &mut [i32]) {
    let meets = |meet: Meet, ports: &[i32]| match meet {
        Meet::At(item, offset) => at[item] + offset,
        Meet::Port(port) => at[placing.ports[port].item] + ports[port],
    };
    let mut bent = vec![false; ports.len()];
    for pull in placing.pulls {
        if meets(pull.upper, ports) != meets(pull.lower, ports) {
            for meet in [pull.upper, pull.lower] {
                if let Meet::Port(port) = meet {
                    bent[port] = true;
                }
            }
        }
    }
    for _ in 0..2 {
        for port in 0..ports.len() {
            let spec = &placing.ports[port];
            if !bent[port] {
                continue;
            }
            let follows = port > 0 && placing.ports[port - 1].followed;
            let least = if follows {
                ports[port - 1] + PORTS
            } else {
                spec.range.0
            };
            let most = if spec.followed {
                ports[port + 1] - PORTS
            } else {
                spec.range.1
            };
            if least <= most {
                ports[port] = spec.best.clamp(least, most);
            }
        }
    }
}

fn by_simplex(placing: &Placing<'_>) -> (Vec<i32>, Vec<i32>) {
    let count = placing.breadth.len();
    // Two more ends hold everything together and keep the whole narrow.
    let (left, right) = (count, count + 1);
    let arc = |tail, head, least, weight| Arc {
        tail,
        head,
        least,
        weight,
    };
    let mut arcs = vec![arc(left, right, 0, NARROW)];
    arcs.extend(placing.first.iter().map(|item| arc(left, *item, 0, FIRST)));
    for layer in placing.layers {
        for pair in layer.windows(2) {
            let least = placing.breadth[pair[0]] + (placing.gap)(pair[0], pair[1]);
            arcs.push(arc(pair[0], pair[1], least, 0));
        }
        if let (Some(&first), Some(&last)) = (layer.first(), layer.last()) {
            arcs.push(arc(left, first, 0, 0));
            arcs.push(arc(last, right, placing.breadth[last], 0));
        }
    }
    let first_port = count + 2;
    for (index, port) in placing.ports.iter().enumerate() {
        let end = first_port + index;
        arcs.push(arc(port.item, end, port.range.0, 0));
        arcs.push(arc(end, port.item, -port.range.1, 0));
        if port.followed {
            arcs.push(arc(end, end + 1, PORTS, 0));
        }
    }
    // Other things equal a port is where it looks best, which keeps boxes in a row under each other.
    let first_best = first_port + placing.ports.len();
    for (index, port) in placing.ports.iter().enumerate() {
        let end = first_best + index;
        arcs.push(arc(end, first_port + index, 0, 1));
        arcs.push(arc(end, port.item, -port.best, 1));
    }
    let first_line = first_best + placing.ports.len();
    for (index, pull) in placing.pulls.iter().enumerate() {
        // The end of the line is no further than either of the things it joins.
        let end = first_line + index;
        for meet in [pull.upper, pull.lower] {
            let (other, offset) = match meet {
                Meet::At(item, offset) => (item, offset),
                Meet::Port(port) => (first_port + port, 0),
            };
            arcs.push(arc(end, other, -offset, pull.weight * 4));
        }
    }
    // Items of no layer hang on the left.
    let mut placed = vec![false; count];
    placing
        .layers
        .iter()
        .flatten()
        .for_each(|i| placed[*i] = true);
    let unplaced = (0..count).filter(|item| !placed[*item]);
    arcs.extend(unplaced.map(|item| arc(left, item, 0, 0)));
    let at = simplex::solve(first_line + placing.pulls.len(), &arcs);
    let ports = placing.ports.iter().enumerate();
    let ports = ports.map(|(index, port)| at[first_port + index] - at[port.item]);
    (at[..count].to_vec(), ports.collect())
}

fn by_sweeps(placing: &Placing<'_>) -> Vec<i32> {
    let mut near: Vec<Vec<(usize, i32, i64)>> = vec![Vec::new(); placing.breadth.len()];
    let meets = |meet: Meet| match meet {
        Meet::At(item, offset) => (item, offset),
        Meet::Port(port) => (placing.ports[port].item, placing.ports[port].best),
    };
    for pull in placing.pulls {
        let ((upper, from), (lower, to)) = (meets(pull.upper), meets(pull.lower));
        near[upper].push((lower, to - from, pull.weight));
        near[lower].push((upper, from - to, pull.weight));
    }
    let mut at = vec![0; placing.breadth.len()];
    for sweep in 0..SWEEPS {
        let mut layers: Vec<&Vec<usize>> = placing.layers.iter().collect();
        if sweep % 2 == 1 {
            layers.reverse();
        }
        for layer in layers {
            settle(placing, layer, &near, &mut at);
        }
    }
    at
}

/// The positions of one layer that are nearest to what its lines want.
fn settle(placing: &Placing<'_>, layer: &[usize], near: &[Vec<(usize, i32, i64)>], at: &mut [i32]) {
    // Pooled neighbours that touch: how many, their weight, and where the first of them wants to be.
    let mut pools: Vec<(usize, f64, f64)> = Vec::new();
    let mut before = 0;
    let mut starts = Vec::with_capacity(layer.len());
    for (position, &item) in layer.iter().enumerate() {
        if position > 0 {
            let left = layer[position - 1];
            before += placing.breadth[left] + (placing.gap)(left, item);
        }
        starts.push(before);
        let first = if placing.first.contains(&item) {
            FIRST
        } else {
            0
        };
        let weight: i64 = first + near[item].iter().map(|(_, _, weight)| weight).sum::<i64>();
        let wanted: i64 = near[item]
            .iter()
            .map(|(other, offset, weight)| i64::from(at[*other] + offset) * weight)
            .sum();
        let (wanted, weight) = match weight {
            0 => (f64::from(at[item]), 0.01),
            weight => (wanted as f64 / weight as f64, weight as f64),
        };
        let mut pool = (1, weight, wanted - f64::from(before));
        while let Some(last) = pools.last().filter(|last| last.2 > pool.2) {
            let weight = last.1 + pool.1;
            let wanted = (last.1 * last.2 + pool.1 * pool.2) / weight;
            pool = (last.0 + pool.0, weight, wanted);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut position = 0;
    for (count, _, wanted) in pools {
        for _ in 0..count {
            at[layer[position]] = wanted.round() as i32 + starts[position];
            position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_keep_distances_and_straighten_a_chain() {
        let layers = vec![vec![0, 1], vec![2, 3], vec![4]];
        let breadth = [100, 20, 0, 60, 40];
        let pull = |upper, lower, weight| Pull {
            upper,
            lower,
            weight,
        };
        let pulls = [
            pull(Meet::At(0, 50), Meet::At(3, 30), 1),
            pull(Meet::At(1, 10), Meet::At(2, 0), 1),
            pull(Meet::At(3, 30), Meet::At(4, 20), 8),
        ];
        let placing = Placing {
            layers: &layers,
            breadth: &breadth,
            gap: &|_, _| 10,
            pulls: &pulls,
            ports: &[],
            first: &[],
            draft: false,
        };
        for at in [by_simplex(&placing).0, by_sweeps(&placing)] {
            for layer in &layers {
                for pair in layer.windows(2) {
                    assert!(at[pair[1]] - at[pair[0]] >= breadth[pair[0]] + 10, "{at:?}");
                }
            }
            // The heavy line is straight.
            assert!((at[3] + 30 - at[4] - 20).abs() <= 1, "{at:?}");
        }
    }
}
