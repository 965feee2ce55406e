//! The network simplex: numbers for the ends of arcs so that every arc has its least length and their weighted lengths are least in sum.
//!
//! Layers of a graph and positions within layers are both found with it, as in Gansner, Koutsofios, North and Vo, "A technique for drawing
//! directed graphs" (1993), sections 2.3 and 4.2. It knows nothing of pictures. Cut values are sums over subtrees of the spanning tree and
//! are summed anew after each exchange; what is drawn is small.

/// An arc from `tail` to `head`: the head's number is at least the tail's and `least`.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    pub tail: usize,
    pub head: usize,
    pub least: i32,
    pub weight: i64,
}

impl Arc {
    /// An arc back that only bounds how far its head may lie behind its tail.
    fn is_bound(&self) -> bool {
        self.least < 0 && self.weight == 0
    }

    fn slack(&self, at: &[i32]) -> i32 {
        at[self.head] - at[self.tail] - self.least
    }
}

/// How much work one call may do, in arcs looked at. What has been reached then is still right, only not the best.
const WORK: usize = 30_000_000;

/// Numbers for `count` ends; the least is 0. The arcs must hang together. Those without weight and with a negative least length are bounds, which
/// the least numbers for all the others must keep already; the others must not lead in a circle.
pub fn solve(count: usize, arcs: &[Arc]) -> Vec<i32> {
    let mut at = longest_paths(count, arcs);
    if count > 1 {
        let mut tree = Tree::tight(count, arcs, &mut at);
        let exchanges = WORK / (count + arcs.len()).max(1);
        for _ in 0..exchanges {
            if !tree.exchange(arcs, &mut at) {
                break;
            }
        }
    }
    let least = at.iter().copied().min().unwrap_or(0);
    at.iter_mut().for_each(|number| *number -= least);
    at
}

/// The least numbers that keep all arcs long enough.
fn longest_paths(count: usize, arcs: &[Arc]) -> Vec<i32> {
    let mut waiting = vec![0usize; count];
    let mut out = vec![Vec::new(); count];
    for (index, arc) in arcs.iter().enumerate().filter(|(_, arc)| !arc.is_bound()) {
        waiting[arc.head] += 1;
        out[arc.tail].push(index);
    }
    let mut at = vec![0; count];
    let mut ready: Vec<usize> = (0..count).rev().filter(|v| waiting[*v] == 0).collect();
    while let Some(tail) = ready.pop() {
        for &index in &out[tail] {
            let arc = &arcs[index];
            at[arc.head] = at[arc.head].max(at[tail] + arc.least);
            waiting[arc.head] -= 1;
            if waiting[arc.head] == 0 {
                ready.push(arc.head);
            }
        }
    }
    at
}

/// A spanning tree of arcs without slack.
struct Tree {
    /// The tree's arcs at each end.
    near: Vec<Vec<usize>>,
    inside: Vec<bool>,
    /// The arc towards the root.
    parent: Vec<usize>,
    /// Each end's position when the tree is walked, and one past that of the last end below it.
    from: Vec<u32>,
    to: Vec<u32>,
    order: Vec<usize>,
    /// Weights that leave an end less those that enter it.
    balance: Vec<i64>,
    /// The same of the whole subtree.
    sums: Vec<i64>,
}

const NONE: usize = usize::MAX;

impl Tree {
    /// Grow a tree, moving what is in it until one more arc has no slack.
    fn tight(count: usize, arcs: &[Arc], at: &mut [i32]) -> Self {
        let mut balance = vec![0; count];
        let mut touching = vec![Vec::new(); count];
        for (index, arc) in arcs.iter().enumerate() {
            balance[arc.tail] += arc.weight;
            balance[arc.head] -= arc.weight;
            touching[arc.tail].push(index);
            touching[arc.head].push(index);
        }
        let mut tree = Tree {
            near: vec![Vec::new(); count],
            inside: vec![false; arcs.len()],
            parent: vec![NONE; count],
            from: vec![0; count],
            to: vec![0; count],
            order: Vec::with_capacity(count),
            balance,
            sums: vec![0; count],
        };
        let mut member = vec![false; count];
        let mut members = vec![0];
        member[0] = true;
        let mut grown = 0;
        loop {
            while let Some(&end) = members.get(grown) {
                grown += 1;
                for &index in &touching[end] {
                    let arc = &arcs[index];
                    let other = arc.tail + arc.head - end;
                    if !member[other] && arc.slack(at) == 0 {
                        member[other] = true;
                        members.push(other);
                        tree.add(index, arc);
                    }
                }
            }
            let border = arcs.iter().enumerate();
            let border = border.filter(|(_, a)| member[a.tail] != member[a.head]);
            let Some((index, next)) = border.min_by_key(|(_, arc)| arc.slack(at)) else {
                break;
            };
            let slack = next.slack(at);
            let (shift, outside) = match member[next.tail] {
                true => (slack, next.head),
                false => (-slack, next.tail),
            };
            members.iter().for_each(|end| at[*end] += shift);
            member[outside] = true;
            members.push(outside);
            tree.add(index, next);
        }
        tree.walk(arcs);
        tree
    }

    fn add(&mut self, index: usize, arc: &Arc) {
        self.inside[index] = true;
        self.near[arc.tail].push(index);
        self.near[arc.head].push(index);
    }

    /// Number the ends from the root and sum up the subtrees.
    fn walk(&mut self, arcs: &[Arc]) {
        self.order.clear();
        let mut stack = vec![0];
        self.parent[0] = NONE;
        while let Some(end) = stack.pop() {
            self.from[end] = self.order.len() as u32;
            self.order.push(end);
            for &index in &self.near[end] {
                if index != self.parent[end] {
                    let other = arcs[index].tail + arcs[index].head - end;
                    self.parent[other] = index;
                    stack.push(other);
                }
            }
        }
        self.sums.copy_from_slice(&self.balance);
        for end in &self.order {
            self.to[*end] = self.from[*end] + 1;
        }
        for &end in self.order.iter().rev() {
            let index = self.parent[end];
            if index != NONE {
                let above = arcs[index].tail + arcs[index].head - end;
                self.sums[above] += self.sums[end];
                self.to[above] = self.to[above].max(self.to[end]);
            }
        }
    }

    fn below(&self, end: usize, top: usize) -> bool {
        (self.from[top]..self.to[top]).contains(&self.from[end])
    }

    /// Exchange the arc that costs most for one without slack; false when none costs anything.
    fn exchange(&mut self, arcs: &[Arc], at: &mut [i32]) -> bool {
        let cut = |end: usize| match self.parent[end] {
            NONE => 0,
            index if arcs[index].tail == end => self.sums[end],
            _ => -self.sums[end],
        };
        let Some(&top) = self.order.iter().min_by_key(|end| cut(**end)) else {
            return false;
        };
        if cut(top) >= 0 {
            return false;
        }
        let leaving = self.parent[top];
        let tail_below = arcs[leaving].tail == top;
        // The one that comes in leads from the head's side to the tail's.
        let across = |arc: &Arc| {
            let (tail, head) = (self.below(arc.tail, top), self.below(arc.head, top));
            tail != head && head == tail_below
        };
        let entering = arcs
            .iter()
            .enumerate()
            .filter(|(index, arc)| !self.inside[*index] && across(arc))
            .min_by_key(|(_, arc)| arc.slack(at));
        let Some((entering, arc)) = entering else {
            return false;
        };
        let slack = arc.slack(at);
        let shift = if tail_below { -slack } else { slack };
        for end in &self.order[self.from[top] as usize..self.to[top] as usize] {
            at[*end] += shift;
        }
        self.inside[leaving] = false;
        for end in [arcs[leaving].tail, arcs[leaving].head] {
            self.near[end].retain(|index| *index != leaving);
        }
        self.add(entering, arc);
        self.walk(arcs);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arc(tail: usize, head: usize, least: i32, weight: i64) -> Arc {
        Arc {
            tail,
            head,
            least,
            weight,
        }
    }

    #[test]
    fn a_short_branch_moves_to_where_its_heavy_arc_is_short() {
        // 0 → 1 → 2 → 3, and 0 → 4 → 3 with a heavy arc 4 → 3.
        let arcs = [
            arc(0, 1, 1, 1),
            arc(1, 2, 1, 1),
            arc(2, 3, 1, 1),
            arc(0, 4, 1, 1),
            arc(4, 3, 1, 5),
        ];
        assert_eq!(solve(5, &arcs), [0, 1, 2, 3, 2]);
    }

    #[test]
    fn the_sum_of_lengths_is_the_least_there_is() {
        // Small enough to try every possibility.
        let arcs = [
            arc(0, 2, 1, 3),
            arc(1, 2, 2, 1),
            arc(0, 3, 1, 1),
            arc(1, 3, 1, 4),
            arc(2, 4, 1, 1),
            arc(3, 4, 3, 2),
        ];
        let cost = |at: &[i32]| -> i64 {
            arcs.iter()
                .map(|a| a.weight * i64::from(at[a.head] - at[a.tail]))
                .sum()
        };
        let mut best = i64::MAX;
        for code in 0..8i32.pow(5) {
            let at: Vec<i32> = (0..5).map(|end| code / 8i32.pow(end) % 8).collect();
            if arcs.iter().all(|arc| arc.slack(&at) >= 0) {
                best = best.min(cost(&at));
            }
        }
        assert_eq!(cost(&solve(5, &arcs)), best);
    }
}
