//! A chart with a place for everything: what [`svg`](super::svg) paints, and what a test measures.
//!
//! All numbers are pixels from the top left corner.

use super::block::Run;
use crate::state::StateId;

/// A point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Down.
    pub y: i32,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Its left edge.
    pub x: i32,
    /// Its upper edge.
    pub y: i32,
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
}

impl Rect {
    /// One past its right edge.
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    /// One past its lower edge.
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }

    /// The area that both cover.
    pub fn overlap(&self, other: &Rect) -> i64 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        i64::from(width.max(0)) * i64::from(height.max(0))
    }

    /// Whether `other` lies in it.
    pub fn contains(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// Whether a line from `from` to `to`, which runs along an axis, passes through its inside.
    pub fn cut_by(&self, from: Point, to: Point) -> bool {
        from.x.min(to.x) < self.right()
            && self.x < from.x.max(to.x)
            && from.y > self.y
            && from.y < self.bottom()
            && from.y == to.y
            || from.y.min(to.y) < self.bottom()
                && self.y < from.y.max(to.y)
                && from.x > self.x
                && from.x < self.right()
                && from.x == to.x
    }
}

/// What sort of shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeKind {
    /// The chart's own frame.
    Frame,
    /// A state's box.
    State,
    /// A region of a parallel state: a part of its box.
    Region,
    /// A final state.
    Final,
    /// A circled H.
    History,
    /// The dot where a compound state begins.
    Initial,
    /// The bar where an arrow divides.
    Fork,
    /// Nothing to see: a row or column of what stands in a state.
    Group,
}

/// Something drawn as a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What sort.
    pub kind: ShapeKind,
    /// The state it shows or belongs to.
    pub state: StateId,
    /// The shape around it; its own number for the frame.
    pub parent: usize,
    /// How many shapes are around it.
    pub depth: usize,
    /// Where it is.
    pub rect: Rect,
    /// Its text.
    pub runs: Vec<Run>,
    /// Whether its state is active.
    pub active: bool,
}

/// The label of an arrow.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelBox {
    /// Where it is.
    pub rect: Rect,
    /// Its text.
    pub runs: Vec<Run>,
    /// Its text in full.
    pub full: String,
}

/// An arrow.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The shape where it begins.
    pub from: usize,
    /// The shape where it ends.
    pub to: usize,
    /// Its parts from beginning to end; between them stands its label. Each runs along the axes.
    pub parts: Vec<Vec<Point>>,
    /// Whether it ends with an arrowhead.
    pub head: bool,
    /// Whether it is a start or the default of a history and not a transition.
    pub default: bool,
    /// Its label.
    pub label: Option<LabelBox>,
}

/// A chart, laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
    /// Outer shapes before inner ones.
    pub shapes: Vec<Shape>,
    /// The arrows.
    pub lines: Vec<Line>,
    /// The dashed lines between regions.
    pub separators: Vec<(Point, Point)>,
}
