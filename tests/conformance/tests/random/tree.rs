//! The shape of a random chart: which states there are, what they are, who their parents are. Everything else (transitions, starts, actions)
//! is put on it afterwards, when all names are known.

use super::choices::Choices;

/// What sort of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Normal,
    Parallel,
    Final,
    Shallow,
    Deep,
}

/// A state of the shape.
#[derive(Clone, Debug)]
pub struct Shape {
    pub id: String,
    pub sort: Sort,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
}

/// All states in document order; the root is 0.
#[derive(Clone, Debug)]
pub struct Tree(pub Vec<Shape>);

impl Tree {
    /// A random one with at most about `room` states.
    pub fn random(choices: &mut Choices<'_>, room: usize) -> Self {
        let mut tree = Tree(Vec::new());
        tree.push(String::new(), Sort::Normal, None);
        tree.fill(choices, 0, 0, room);
        tree
    }

    fn push(&mut self, id: String, sort: Sort, parent: Option<usize>) -> usize {
        let number = self.0.len();
        self.0.push(Shape {
            id,
            sort,
            parent,
            children: Vec::new(),
        });
        if let Some(parent) = parent {
            self.0[parent].children.push(number);
        }
        number
    }

    fn fill(&mut self, choices: &mut Choices<'_>, state: usize, depth: usize, room: usize) {
        let parallel = self.0[state].sort == Sort::Parallel;
        let count = if depth == 0 || parallel {
            2 + choices.below(3)
        } else {
            1 + choices.below(3)
        };
        for _ in 0..count {
            let id = format!("s{}", self.0.len());
            let inner =
                depth < 5 && self.0.len() < room && choices.chance(if depth < 2 { 60 } else { 40 });
            let sort = match choices.below(10) {
                0..4 if inner => Sort::Parallel,
                0..2 if !inner && !parallel && depth > 0 => Sort::Final,
                0 if !inner && !parallel => Sort::Final,
                _ => Sort::Normal,
            };
            let child = self.push(id, sort, Some(state));
            if inner {
                self.fill(choices, child, depth + 1, room);
            }
        }
        if depth > 0 && choices.chance(35) {
            let sort = if choices.chance(50) {
                Sort::Deep
            } else {
                Sort::Shallow
            };
            let id = format!("s{}", self.0.len());
            self.push(id, sort, Some(state));
        }
        let has_state = self.0[state].children.iter().any(|c| !self.is_history(*c));
        let only_final = self.0[state]
            .children
            .iter()
            .all(|c| self.0[*c].sort == Sort::Final);
        if !has_state || (only_final && depth == 0) {
            let id = format!("s{}", self.0.len());
            self.push(id, Sort::Normal, Some(state));
        }
    }

    pub fn is_history(&self, state: usize) -> bool {
        matches!(self.0[state].sort, Sort::Shallow | Sort::Deep)
    }

    /// Children that are states.
    pub fn states_in(&self, state: usize) -> Vec<usize> {
        let children = self.0[state].children.iter().copied();
        children.filter(|c| !self.is_history(*c)).collect()
    }

    pub fn is_inside(&self, state: usize, of: usize) -> bool {
        let mut at = self.0[state].parent;
        while let Some(parent) = at {
            if parent == of {
                return true;
            }
            at = self.0[parent].parent;
        }
        false
    }

    /// Everything strictly inside.
    pub fn inside(&self, of: usize) -> Vec<usize> {
        (0..self.0.len())
            .filter(|s| self.is_inside(*s, of))
            .collect()
    }

    /// States to go to together somewhere inside `of`: one, or one in each of several regions. `no_history_of`: a state whose own histories
    /// may not be among them.
    pub fn targets(
        &self,
        choices: &mut Choices<'_>,
        of: usize,
        no_history_of: Option<usize>,
    ) -> Vec<usize> {
        let allowed = |s: &usize| {
            !(self.is_history(*s) && no_history_of.is_some() && self.0[*s].parent == no_history_of)
        };
        let regions = |p: &usize| self.0[*p].sort == Sort::Parallel;
        let mut parallels = self.inside(of);
        parallels.push(of);
        parallels.retain(regions);
        if !parallels.is_empty() && choices.chance(25) {
            let parallel = parallels[choices.below(parallels.len())];
            let mut targets = Vec::new();
            for region in self.states_in(parallel) {
                if !choices.chance(70) {
                    continue;
                }
                let mut inside = self.inside(region);
                inside.push(region);
                inside.retain(allowed);
                targets.push(inside[choices.below(inside.len())]);
            }
            // Not always in document order.
            if choices.chance(30) {
                targets.reverse();
            }
            if !targets.is_empty() {
                return targets;
            }
        }
        let mut inside = self.inside(of);
        inside.retain(allowed);
        vec![inside[choices.below(inside.len())]]
    }
}
