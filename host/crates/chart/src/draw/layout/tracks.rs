//! The lanes between two layers, in which lines run across the flow: no two lines in one lane where they would touch, and as few crossings as
//! the order of lanes allows.

/// A line between two layers, by where it begins above and ends below.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub from: i32,
    pub to: i32,
    /// The line it belongs to; of two runs of a line the first in the list comes first.
    pub line: usize,
}

impl Run {
    fn low(self) -> i32 {
        self.from.min(self.to)
    }

    fn high(self) -> i32 {
        self.from.max(self.to)
    }

    /// How many times this, in a higher lane, crosses `other` in a lower one.
    fn crossings(self, other: Run) -> i32 {
        let within = |run: Run, at: i32| (run.low() < at && at < run.high()) as i32;
        // The way down to its end passes the other's lane; the way down from the other's beginning passes this one's.
        within(other, self.to) + within(self, other.from)
    }

    /// How much it would run on top of `other` or close to it, if this were in a higher lane.
    fn covers(self, other: Run) -> i32 {
        match (self.to - other.from).abs() {
            0..2 => 400,
            2..NEAR => 100,
            _ => 0,
        }
    }

    fn touches(self, other: Run) -> bool {
        self.low() - NEAR < other.high() && other.low() - NEAR < self.high()
    }
}

/// Lines nearer than this look like one.
const NEAR: i32 = 5;

/// Where a run has to turn once more: two lines that swap their places cover each other in any two lanes, so one of them takes a lane on either
/// side of the other's and changes between them at the returned place, clear of all others and of the `straight` lines.
pub fn turns(runs: &[Run], straight: &[i32]) -> Vec<Option<i32>> {
    let mut turns: Vec<Option<i32>> = vec![None; runs.len()];
    for (index, run) in runs.iter().enumerate() {
        let swapped =
            |other: &Run| (run.from - other.to).abs() < 2 && (run.to - other.from).abs() < 2;
        if !runs[..index].iter().any(swapped) {
            continue;
        }
        let ends = runs.iter().flat_map(|run| [run.from, run.to]);
        let taken: Vec<i32> = ends
            .chain(straight.iter().copied())
            .chain(turns.iter().flatten().copied())
            .collect();
        let middle = (run.from + run.to) / 2;
        let mut around = (0..20 * NEAR).flat_map(|by| [middle - by, middle + by]);
        turns[index] = around.find(|at| taken.iter().all(|other| (other - at).abs() >= NEAR));
    }
    turns
}

/// The lane of each run, and how many lanes there are.
pub fn lanes(runs: &[Run]) -> (Vec<usize>, usize) {
    let count = runs.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|index| (runs[*index].low(), runs[*index].high(), *index));
    // `before[b]` holds who must be in a higher lane than `b`, with how much would be lost otherwise.
    let mut below = vec![Vec::new(); count];
    let mut waiting = vec![0i64; count];
    for (position, &a) in order.iter().enumerate() {
        for &b in &order[position + 1..] {
            if runs[b].low() - NEAR >= runs[a].high() {
                break;
            }
            if !runs[a].touches(runs[b]) {
                continue;
            }
            let cost = |upper: usize, lower: usize| {
                let (first, second) = (upper, lower);
                let (upper, lower) = (runs[upper], runs[lower]);
                if upper.line == lower.line {
                    return if first < second { 0 } else { 1_000 };
                }
                upper.crossings(lower) + upper.covers(lower)
            };
            let (first, second) = match cost(a, b) <= cost(b, a) {
                true => (a, b),
                false => (b, a),
            };
            let lost = i64::from((cost(a, b) - cost(b, a)).abs()) + 1;
            below[first].push((second, lost));
            waiting[second] += lost;
        }
    }
    let mut lane = vec![0; count];
    let mut done = vec![false; count];
    let mut lanes = 0;
    for _ in 0..count {
        // Who waits for nobody goes first; in a circle, who loses least.
        let Some(next) = order
            .iter()
            .copied()
            .filter(|index| !done[*index])
            .min_by_key(|index| waiting[*index])
        else {
            break;
        };
        done[next] = true;
        lanes = lanes.max(lane[next] + 1);
        for &(other, lost) in &below[next] {
            waiting[other] -= lost;
            if !done[other] {
                lane[other] = lane[other].max(lane[next] + 1);
            }
        }
    }
    separate(runs, &order, &mut lane, &mut lanes);
    (lane, lanes)
}

/// Where a circle was cut, two runs may share a lane: move one of them to a lane where nothing touches it.
fn separate(runs: &[Run], order: &[usize], lane: &mut [usize], lanes: &mut usize) {
    for (position, &a) in order.iter().enumerate() {
        let clash = |lane: &[usize], wanted: usize| {
            order[..position]
                .iter()
                .any(|b| lane[*b] == wanted && runs[a].touches(runs[*b]))
        };
        if clash(lane, lane[a]) {
            let free = (0..*lanes).find(|wanted| {
                let others = (0..runs.len()).filter(|b| *b != a && lane[*b] == *wanted);
                others.into_iter().all(|b| !runs[a].touches(runs[b]))
            });
            lane[a] = free.unwrap_or(*lanes);
            *lanes = (*lanes).max(lane[a] + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(from: i32, to: i32) -> Run {
        Run {
            from,
            to,
            line: (from * 1_000 + to) as usize,
        }
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // Both go right: the one further right must be higher, or its way down crosses the other.
        let (lane, lanes) = lanes(&[run(0, 50), run(20, 90)]);
        assert_eq!(lanes, 2);
        assert!(lane[1] < lane[0]);
    }

    #[test]
    fn lines_apart_share_a_lane_and_lines_that_swap_do_not() {
        assert_eq!(lanes(&[run(0, 20), run(60, 40)]).1, 1);
        let (lane, _) = lanes(&[run(0, 60), run(60, 0), run(30, 90)]);
        assert!(lane[0] != lane[1] && lane[1] != lane[2] && lane[0] != lane[2]);
        assert_eq!(
            turns(&[run(0, 60), run(60, 0), run(70, 90)], &[31]),
            [None, Some(26), None]
        );
    }
}
