//! Long chains are folded like lines of text: what stands in a state is divided into groups, each a row or a column, one after another.
//!
//! A group is a node of the scene that is not drawn. To the layout it is a state like any other, so an arrow from one row to the next leaves
//! through the group's border and comes in through that of the next.

use super::super::block::Block;
use super::super::scene::{Arrow, Node, Scene, Shape};
use super::plan::{Item, Plan};
use super::{Flow, inside, is_huge, off_page, plan, unsightly};
use std::borrow::Cow;

/// A state with fewer layers of children than this is not folded.
const LAYERS_MIN: usize = 5;
/// Into how many groups it is tried to fold one.
const GROUPS: [usize; 10] = [2, 3, 4, 5, 6, 8, 11, 15, 20, 28];
/// How many arrows may lead from one group to others.
const BETWEEN_MAX: usize = 9;
/// How many nodes may be laid out in all while trying.
const TRIED_MAX: usize = 12_000;

/// The scene with its long states folded, where that makes it more like a page, and its plans.
pub fn folded<'s>(
    scene: &'s Scene,
    plans: Vec<Option<Plan>>,
) -> (Cow<'s, Scene>, Vec<Option<Plan>>) {
    let mut scene = Cow::Borrowed(scene);
    let mut plans = plans;
    let mut tries = TRIED_MAX / (scene.nodes.len() + scene.arrows.len()) + 1;
    let long: Vec<usize> = (0..scene.nodes.len())
        .filter(|node| {
            plans[*node]
                .as_ref()
                .is_some_and(|plan| layers(plan).len() >= LAYERS_MIN)
        })
        .filter(|node| !matches!(scene.nodes[*node].shape, Shape::Box { parallel: true, .. }))
        // Of a huge chart there is only time for the outermost.
        .filter(|node| *node == 0 || !is_huge(&scene))
        .collect();
    // From the inside out, so that numbers of those still to come stay the same: a folded scene has new nodes behind them only.
    for node in long.into_iter().rev() {
        let Some(plan) = &plans[node] else {
            continue;
        };
        let layers = layers(plan);
        let (mut least, off) = judge(&scene, &plans, node);
        // So many groups bring the shape about right.
        let wanted = off.exp().sqrt();
        let mut counts = GROUPS;
        counts.sort_by(|a, b| {
            let off = |count: usize| (count as f64 / wanted).ln().abs();
            off(*a).total_cmp(&off(*b))
        });
        let mut best = None;
        for count in counts
            .into_iter()
            .filter(|count| count * 2 <= layers.len())
            .take(4)
        {
            if tries == 0 {
                break;
            }
            tries -= 1;
            let candidate = fold(&scene, node, &layers, count);
            if !is_huge(&scene) && is_tangled(&candidate, node, count) {
                continue;
            }
            let candidate_plans = plan::plans(&candidate);
            let (now, _) = judge(&candidate, &candidate_plans, node);
            // A fold must be worth it: a straight chain is easier to follow.
            if now < least - 0.1 {
                least = now;
                best = Some((candidate, candidate_plans));
            }
        }
        if let Some((candidate, candidate_plans)) = best {
            scene = Cow::Owned(candidate);
            plans = candidate_plans;
        }
    }
    (scene, plans)
}

/// Whether so many arrows lead from group to group that a fold would hide where they go.
fn is_tangled(scene: &Scene, node: usize, groups: usize) -> bool {
    let between = |arrow: &&Arrow| {
        let ends = [arrow.from, arrow.to];
        !ends.contains(&node) && scene.common(arrow.from, arrow.to) == node
    };
    scene.arrows.iter().filter(between).count() > BETWEEN_MAX * (groups - 1)
}

/// The children on each layer that has any.
fn layers(plan: &Plan) -> Vec<Vec<usize>> {
    let mut layers = vec![Vec::new(); plan.layers.iter().max().map_or(0, |last| last + 1)];
    for (item, layer) in plan.items.iter().zip(&plan.layers) {
        if let Item::Child(child) = item {
            layers[*layer].push(*child);
        }
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

/// How the best of both flows of `node` looks, with its groups across it and everything else flowing as they do; and how far from a page.
fn judge(scene: &Scene, plans: &[Option<Plan>], node: usize) -> (f64, f64) {
    let grouped = scene.nodes[node]
        .children
        .iter()
        .any(|child| scene.nodes[*child].shape == Shape::Group);
    let look = |flow: Flow| {
        let mut flows = vec![if grouped { flow.other() } else { flow }; scene.nodes.len()];
        flows[node] = flow;
        let (laid, _) = inside::lay_out(scene, plans, &flows, &inside::Hints::new(), true);
        let outside = flows[scene.nodes[node].parent];
        (
            unsightly(&laid[node..], outside),
            off_page(outside.point(laid[node].outer)),
        )
    };
    let right = look(Flow::Right);
    if is_huge(scene) {
        return right;
    }
    let down = look(Flow::Down);
    if down.0 < right.0 { down } else { right }
}

/// The scene with the children of `node`, which lie on `layers`, in so many groups.
fn fold(scene: &Scene, node: usize, layers: &[Vec<usize>], groups: usize) -> Scene {
    let count = scene.nodes.len();
    let mut nodes = scene.nodes.clone();
    let mut parents: Vec<usize> = nodes.iter().map(|node| node.parent).collect();
    for group in 0..groups {
        parents.push(node);
        for layer in &layers[layers.len() * group / groups..layers.len() * (group + 1) / groups] {
            layer
                .iter()
                .for_each(|child| parents[*child] = count + group);
        }
        nodes.push(Node {
            shape: Shape::Group,
            state: scene.nodes[node].state,
            parent: node,
            depth: 0,
            children: Vec::new(),
            block: Block::default(),
            loops: Vec::new(),
        });
    }
    sorted(nodes, parents, scene, node)
}

/// The nodes in an order in which parents come before children and siblings keep theirs; all before `node` stay where they are.
fn sorted(nodes: Vec<Node>, parents: Vec<usize>, scene: &Scene, node: usize) -> Scene {
    let old = scene.nodes.len();
    let mut order: Vec<usize> = (0..=node).collect();
    order.extend(old..nodes.len());
    order.extend(node + 1..old);
    let mut place = vec![0; nodes.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(to, from)| place[*from] = to);
    let mut sorted: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut result: Vec<Node> = Vec::with_capacity(order.len());
    for from in order {
        let Some(mut moved) = sorted[from].take() else {
            continue;
        };
        let index = result.len();
        moved.parent = place[parents[from]];
        moved.children = Vec::new();
        if index > 0 {
            moved.depth = result[moved.parent].depth + 1;
            result[moved.parent].children.push(index);
        }
        result.push(moved);
    }
    let mut arrows = scene.arrows.clone();
    for arrow in &mut arrows {
        arrow.from = place[arrow.from];
        arrow.to = place[arrow.to];
    }
    Scene {
        nodes: result,
        arrows,
    }
}
