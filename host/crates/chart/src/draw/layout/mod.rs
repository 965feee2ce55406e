//! Finds a place for everything: a layered drawing (Sugiyama) of each state's inside, from the innermost out.
//!
//! [`plan`] cuts the arrows at the borders and puts what stands in a state on layers, labels included, so that a label has its own place like
//! everything else. [`inside`] then lays out one state after another: [`order`] within layers, [`place`] across the flow, [`tracks`] for what
//! runs between layers. A line therefore passes no box that is not its own. All of it works along and across the flow, which goes down or to
//! the right; where a state's flow is not that of what it stands in, lines turn a corner inside its border ([`laid`]). Which way each state
//! flows is tried out, and whether it is [`fold`]ed: the whole should be small and have the shape of a page.
//!
//! No well-kept library known to us lays out nested graphs with room for labels: those at hand follow Graphviz, whose layers know no nested boxes.

mod across;
mod assemble;
mod fold;
mod inside;
mod laid;
mod order;
mod place;
mod plan;
mod route;
mod simplex;
mod tracks;

use super::picture::{Picture, Point};
use super::scene::{Node, Scene, Shape};
use crate::state::StateId;
use inside::Hints;
use laid::{Laid, Spot};
use plan::Plan;

/// Where the flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Down,
    Right,
}

impl Flow {
    /// A width and a height as a length along the flow and a breadth across it.
    fn along(self, width: i32, height: i32) -> (i32, i32) {
        match self {
            Flow::Down => (height, width),
            Flow::Right => (width, height),
        }
    }

    /// A position along and across the flow as a point.
    fn point(self, (along, across): Spot) -> Point {
        match self {
            Flow::Down => Point {
                x: across,
                y: along,
            },
            Flow::Right => Point {
                x: along,
                y: across,
            },
        }
    }

    fn other(self) -> Self {
        match self {
            Flow::Down => Flow::Right,
            Flow::Right => Flow::Down,
        }
    }
}

/// How often the layout is done anew with what the last one showed about where lines come from.
const ROUNDS: usize = 3;
/// Above so many nodes and arrows it is not, and nothing is tried out.
const HUGE: usize = 1_500;
/// A picture further than this from the shape of a page (three and a half times as long one way) is folded.
const STRETCHED: f64 = 0.9;
/// How many nodes may be laid out in all while looking for better flows.
const TRIED_MAX: usize = 3_000;

/// The picture of `scene`.
pub(super) fn picture(scene: &Scene, active: &dyn Fn(StateId) -> bool) -> Picture {
    let plans = plan::plans(scene);
    let flows = flows(scene, &plans);
    if is_stretched(scene, &plans, &flows) {
        let (scene, plans) = fold::folded(scene, plans);
        let flows = self::flows(&scene, &plans);
        return finished(&scene, &plans, &flows, active);
    }
    finished(scene, &plans, &flows, active)
}

fn is_huge(scene: &Scene) -> bool {
    scene.nodes.len() + scene.arrows.len() > HUGE
}

fn finished(
    scene: &Scene,
    plans: &[Option<Plan>],
    flows: &[Flow],
    active: &dyn Fn(StateId) -> bool,
) -> Picture {
    let rounds = if is_huge(scene) { 1 } else { ROUNDS };
    let laid = lay_out(scene, plans, flows, rounds);
    assemble::assemble(scene, &laid, flows, active)
}

/// The flow of each state: from all down and from all to the right, whichever single changes make the whole more like a page.
fn flows(scene: &Scene, plans: &[Option<Plan>]) -> Vec<Flow> {
    if is_huge(scene) {
        let of = |node: &Node| {
            if node.shape == Shape::Group {
                Flow::Down
            } else {
                Flow::Right
            }
        };
        return scene.nodes.iter().map(of).collect();
    }
    let judge = |flows: &[Flow]| {
        let (laid, _) = inside::lay_out(scene, plans, flows, &Hints::new(), true);
        unsightly(&laid, flows[0])
    };
    let count = scene.nodes.len();
    let mut tries = TRIED_MAX / count;
    let mut best = (vec![Flow::Down; count], f64::INFINITY);
    for all in [Flow::Down, Flow::Right] {
        // Groups lie across what they are groups of.
        let group = |node: &Node| node.shape == Shape::Group;
        let mut flows: Vec<Flow> = scene
            .nodes
            .iter()
            .map(|node| if group(node) { all.other() } else { all })
            .collect();
        let mut least = judge(&flows);
        let mut better = true;
        while better && tries > 0 {
            better = false;
            for node in (0..count).filter(|node| plans[*node].is_some()) {
                if tries == 0 {
                    break;
                }
                tries -= 1;
                flows[node] = flows[node].other();
                let now = judge(&flows);
                if now < least - 0.02 {
                    least = now;
                    better = true;
                } else {
                    flows[node] = flows[node].other();
                }
            }
        }
        if least < best.1 {
            best = (flows, least);
        }
    }
    best.0
}

fn lay_out(scene: &Scene, plans: &[Option<Plan>], flows: &[Flow], rounds: usize) -> Vec<Laid> {
    let mut hints = Hints::new();
    let mut laid = Vec::new();
    for _ in 0..rounds {
        (laid, hints) = inside::lay_out(scene, plans, flows, &hints, false);
    }
    laid
}

/// Whether the whole is much longer one way than the other.
fn is_stretched(scene: &Scene, plans: &[Option<Plan>], flows: &[Flow]) -> bool {
    let (laid, _) = inside::lay_out(scene, plans, flows, &Hints::new(), true);
    laid.first()
        .is_some_and(|frame| off_page(flows[0].point(frame.outer)) > STRETCHED)
}

/// How far a size is from the shape of a page, as a logarithm.
fn off_page(size: Point) -> f64 {
    (f64::from(size.x.max(1)) / f64::from(size.y.max(1)) / 1.4)
        .ln()
        .abs()
}

/// How far a layout is from a small one of the shape of a page.
fn unsightly(laid: &[Laid], flow: Flow) -> f64 {
    let Some(frame) = laid.first() else {
        return 0.0;
    };
    let size = flow.point(frame.outer);
    let (width, height) = (f64::from(size.x), f64::from(size.y));
    let off = off_page(size);
    let lines = laid.iter().flat_map(|laid| &laid.pieces);
    let length: i64 = lines.map(|piece| length(&piece.points)).sum();
    (width * height).ln() + off * off * 1.2 + 0.4 * (1.0 + length as f64).ln()
}

fn length(points: &[Point]) -> i64 {
    let step = |pair: &[Point]| (pair[0].x - pair[1].x).abs() + (pair[0].y - pair[1].y).abs();
    points.windows(2).map(|pair| i64::from(step(pair))).sum()
}
