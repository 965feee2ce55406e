//! Finds a place for everything: a layered drawing (Sugiyama) of each state's inside, from the innermost out.
//!
//! [`plan`] cuts the arrows at the borders and puts what stands in a state on layers, labels included, so that a label has its own place like
//! everything else. [`inside`] then lays out one state after another: [`order`] within layers, [`place`] across the flow, [`tracks`] for what
//! runs between layers. A line therefore passes no box that is not its own. All of it works along and across the flow; whether the flow
//! goes down or to the right is only said where sizes come in and [`picture`](super::picture) points come out. Both are tried, and the one
//! nearer to the shape of a page is kept.
//!
//! No library was found that lays out nested graphs with room for labels (Graphviz's algorithms, which the crates at hand follow, know no nested boxes).

mod assemble;
mod inside;
mod order;
mod place;
mod plan;
mod simplex;
mod tracks;

use super::picture::Picture;
use super::scene::Scene;
use inside::{Hints, Laid};
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
}

/// How often the layout is done anew with what the last one showed about where lines come from.
const ROUNDS: usize = 3;
/// Above so many nodes only one flow is tried, and once.
const SMALL: usize = 400;

/// The picture of `scene`.
pub(super) fn picture(scene: &Scene, active: &dyn Fn(crate::StateId) -> bool) -> Picture {
    let plans = plan::plans(scene);
    if scene.nodes.len() > SMALL {
        let laid = lay_out(scene, &plans, Flow::Right, 1);
        return assemble::assemble(scene, &laid, Flow::Right, active);
    }
    let flows = [Flow::Down, Flow::Right];
    let pictures = flows.map(|flow| {
        let laid = lay_out(scene, &plans, flow, ROUNDS);
        assemble::assemble(scene, &laid, flow, active)
    });
    let [down, right] = pictures;
    if unsightly(&right) < unsightly(&down) {
        right
    } else {
        down
    }
}

fn lay_out(scene: &Scene, plans: &[Option<Plan>], flow: Flow, rounds: usize) -> Vec<Laid> {
    let mut hints = Hints::new();
    let mut laid = Vec::new();
    for _ in 0..rounds {
        (laid, hints) = inside::lay_out(scene, plans, flow, &hints);
    }
    laid
}

/// How far a picture is from a small one of the shape of a page.
fn unsightly(picture: &Picture) -> f64 {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let off = (width / height / 1.4).ln().abs();
    (width * height).ln() + off * off * 1.5
}
