//! The order of things within each layer: as few crossings as can be found.
//!
//! Sweeps of barycentres up and down, then exchanges of neighbours, keeping the best order seen (Sugiyama, Tagawa and Toda, 1981; Gansner and
//! others, 1993). The first order is that of the document, and what crosses nothing keeps it.

/// A line between two neighbouring layers.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub upper: usize,
    pub lower: usize,
    /// Where it meets the upper and the lower, between 0 and 1 of their breadth.
    pub at: (f32, f32),
}

/// What is put in order.
pub struct Order<'l> {
    /// The items of each layer.
    pub layers: Vec<Vec<usize>>,
    /// The lines.
    lines: &'l [Line],
    down: Vec<Vec<usize>>,
    up: Vec<Vec<usize>>,
    position: Vec<usize>,
    /// Items that stay where they are: the text of the state before all, ports in the order in which lines come to them.
    fixed: Vec<bool>,
}

/// How often the layers are swept.
const SWEEPS: usize = 12;
const DRAFT_SWEEPS: usize = 2;
/// Above so many lines neighbours are not exchanged one by one.
const EXCHANGED_MAX: usize = 1_500;
/// How many lines are swept in all; a huge graph gets fewer sweeps.
const SWEPT_MAX: usize = 400_000;

impl<'l> Order<'l> {
    pub fn new(layers: Vec<Vec<usize>>, count: usize, lines: &'l [Line], fixed: Vec<bool>) -> Self {
        let mut order = Order {
            layers,
            lines,
            down: vec![Vec::new(); count],
            up: vec![Vec::new(); count],
            position: vec![0; count],
            fixed,
        };
        for (index, line) in lines.iter().enumerate() {
            order.down[line.upper].push(index);
            order.up[line.lower].push(index);
        }
        (0..order.layers.len()).for_each(|layer| order.number(layer));
        order
    }

    /// The best order found; in a draft the search is short.
    pub fn best(mut self, draft: bool) -> Vec<Vec<usize>> {
        let mut best = self.layers.clone();
        let mut least = self.crossings();
        let sweeps = if draft { DRAFT_SWEEPS } else { SWEEPS };
        let sweeps = sweeps.min(SWEPT_MAX / self.lines.len().max(1) + 1);
        for sweep in 0..sweeps {
            if least == 0 {
                break;
            }
            let downward = sweep % 2 == 0;
            for step in 1..self.layers.len() {
                let layer = if downward {
                    step
                } else {
                    self.layers.len() - 1 - step
                };
                self.sweep(layer, downward);
            }
            if self.lines.len() <= EXCHANGED_MAX {
                self.exchange();
            }
            let crossings = self.crossings();
            if crossings < least {
                least = crossings;
                best.clone_from(&self.layers);
            }
        }
        best
    }

    fn number(&mut self, layer: usize) {
        for (position, item) in self.layers[layer].iter().enumerate() {
            self.position[*item] = position;
        }
    }

    /// Sort a layer by where its lines to the layer before (`downward`) or after it lead.
    fn sweep(&mut self, layer: usize, downward: bool) {
        let mut wanted: Vec<(usize, f32)> = Vec::with_capacity(self.layers[layer].len());
        for (position, &item) in self.layers[layer].iter().enumerate() {
            let lines = if downward {
                &self.up[item]
            } else {
                &self.down[item]
            };
            let sum: f32 = lines.iter().map(|line| self.wanted(*line, downward)).sum();
            let at = match lines.len() {
                0 => position as f32,
                count => sum / count as f32,
            };
            wanted.push((item, at));
        }
        // What has no lines on that side keeps its position among the others.
        let free: Vec<usize> = (0..wanted.len())
            .filter(|p| !self.stays(wanted[*p].0, downward))
            .collect();
        let mut sorted: Vec<(usize, f32)> = free.iter().map(|position| wanted[*position]).collect();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        for (position, (item, _)) in free.into_iter().zip(sorted) {
            self.layers[layer][position] = item;
        }
        self.number(layer);
    }

    fn stays(&self, item: usize, downward: bool) -> bool {
        let lines = if downward {
            &self.up[item]
        } else {
            &self.down[item]
        };
        self.fixed[item] || lines.is_empty()
    }

    fn wanted(&self, line: usize, downward: bool) -> f32 {
        let line = &self.lines[line];
        let (other, there, here) = match downward {
            true => (line.upper, line.at.0, line.at.1),
            false => (line.lower, line.at.1, line.at.0),
        };
        self.position[other] as f32 + there - (here - 0.5)
    }

    /// Exchange neighbours while that saves crossings.
    fn exchange(&mut self) {
        for _ in 0..8 {
            let mut better = false;
            for layer in 0..self.layers.len() {
                for position in 1..self.layers[layer].len() {
                    let (left, right) = (
                        self.layers[layer][position - 1],
                        self.layers[layer][position],
                    );
                    if self.fixed[left] || self.fixed[right] {
                        continue;
                    }
                    if self.between(right, left) < self.between(left, right) {
                        self.layers[layer].swap(position - 1, position);
                        self.position.swap(left, right);
                        better = true;
                    }
                }
            }
            if !better {
                break;
            }
        }
    }

    /// Crossings among the lines of two neighbours of a layer, the first of them left.
    fn between(&self, left: usize, right: usize) -> usize {
        let far = |line: usize, up: bool| {
            let line = &self.lines[line];
            match up {
                true => (self.position[line.upper], line.at.0),
                false => (self.position[line.lower], line.at.1),
            }
        };
        let count = |lines: &[Vec<usize>], up: bool| -> usize {
            let of = |item: usize| lines[item].iter().map(move |line| far(*line, up));
            of(left).map(|l| of(right).filter(|r| l > *r).count()).sum()
        };
        count(&self.up, true) + count(&self.down, false)
    }

    /// All crossings.
    fn crossings(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| self.crossings_below(layer))
            .sum()
    }

    fn crossings_below(&self, layer: &[usize]) -> usize {
        let mut ends: Vec<((usize, f32), (usize, f32))> = Vec::new();
        for &item in layer {
            for &line in &self.down[item] {
                let line = &self.lines[line];
                let lower = (self.position[line.lower], line.at.1);
                ends.push(((self.position[item], line.at.0), lower));
            }
        }
        let by = |a: (usize, f32), b: (usize, f32)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        ends.sort_by(|a, b| by(a.0, b.0).then(by(a.1, b.1)));
        // Lines that meet above or below do not cross: equals are no inversion.
        let mut lower: Vec<(usize, f32)> = ends.into_iter().map(|(_, lower)| lower).collect();
        let mut spare = lower.clone();
        inversions(&mut lower, &mut spare)
    }
}

/// Pairs out of order, counted while merging.
fn inversions(keys: &mut [(usize, f32)], spare: &mut [(usize, f32)]) -> usize {
    let middle = keys.len() / 2;
    if middle == 0 {
        return 0;
    }
    let mut count = inversions(&mut keys[..middle], &mut spare[..middle]);
    count += inversions(&mut keys[middle..], &mut spare[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in spare.iter_mut() {
        let take_right = left == middle || right < keys.len() && keys[right] < keys[left];
        if take_right {
            count += middle - left;
            *slot = keys[right];
            right += 1;
        } else {
            *slot = keys[left];
            left += 1;
        }
    }
    keys.copy_from_slice(spare);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(upper: usize, lower: usize) -> Line {
        Line {
            upper,
            lower,
            at: (0.5, 0.5),
        }
    }

    #[test]
    fn crossings_are_counted_and_undone() {
        // 0 1 2 above 3 4 5, each leading to the one opposite.
        let lines = [line(0, 5), line(1, 4), line(2, 3)];
        let layers = vec![vec![0, 1, 2], vec![3, 4, 5]];
        let order = Order::new(layers, 6, &lines, vec![false; 6]);
        assert_eq!(order.crossings(), 3);
        assert_eq!(order.best(false)[1], [5, 4, 3]);
    }

    #[test]
    fn what_is_fixed_stays() {
        let lines = [line(0, 3), line(1, 2)];
        let layers = vec![vec![0, 1], vec![2, 3]];
        let fixed = vec![false, false, true, true];
        let best = Order::new(layers, 4, &lines, fixed).best(false);
        assert_eq!(best, [vec![1, 0], vec![2, 3]]);
    }
}
