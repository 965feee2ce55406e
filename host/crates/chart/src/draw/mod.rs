//! Pictures of a chart: SVG for whoever looks, Mermaid and DOT for other tools, a tree for the terminal.
//!
//! ```text
//! Chart ──scene──▶ boxes, arrows ──layout──▶ Picture ──svg──▶ text
//! ```
//!
//! [`scene`] says what there is to draw, `layout` where it goes, [`svg`] how it looks. All of it is pure: the same chart gives the same bytes.
//! It knows nothing of files, terminals or houses; what stands beside a chart (a workflow's roles) is given in [`Options`].

mod at;
mod block;
mod dot;
mod layout;
mod measure;
mod mermaid;
mod options;
mod picture;
mod scene;
mod svg;
mod text;
mod tree;

pub use at::{AtError, active};
pub use block::{Role, Run};
pub use dot::dot;
pub use measure::{Fault, FaultKind};
pub use mermaid::mermaid;
pub use options::Options;
pub use picture::{LabelBox, Line, Picture, Point, Rect, Shape, ShapeKind};
pub use svg::svg;
pub use text::Font;
pub use tree::{TreeStyle, tree};

use crate::chart::Chart;

/// Lay `chart` out.
pub fn picture(chart: &Chart, options: &Options) -> Picture {
    let scene = scene::Scene::of(chart, options);
    layout::picture(&scene, &|state| options.active.contains(&state))
}
