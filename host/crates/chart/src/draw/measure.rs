//! What is wrong with a picture, measured: what overlaps, what passes through what it should go round.

use super::picture::{Picture, Point, Rect, Shape, ShapeKind};
use super::{LabelBox, Line, Run};

/// Something that a viewer would find wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What sort.
    pub kind: FaultKind,
    /// Which things.
    pub what: String,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Two labels overlap.
    LabelOnLabel,
    /// A label overlaps a box that it does not stand in, or a text.
    LabelOnBox,
    /// A shape is not inside the one around it, or outside the picture.
    Outside,
    /// Two shapes of one state overlap.
    Siblings,
    /// A line passes through a box that is not its own.
    LineThroughBox,
    /// A line passes through a label or a text.
    LineThroughText,
    /// Two lines run on top of each other (at the circle of a history they may: it has room for few).
    LineOnLine,
    /// A line does not begin and end at its boxes, or turns otherwise than at right angles.
    Loose,
}

impl Picture {
    /// Everything that is wrong with it; in a good picture nothing is.
    pub fn faults(&self) -> Vec<Fault> {
        let mut measure = Measure {
            picture: self,
            faults: Vec::new(),
        };
        measure.shapes();
        measure.labels();
        for line in &self.lines {
            measure.line(line);
        }
        measure.lines();
        measure.faults
    }
}

struct Measure<'p> {
    picture: &'p Picture,
    faults: Vec<Fault>,
}

impl Measure<'_> {
    fn fault(&mut self, kind: FaultKind, what: String) {
        self.faults.push(Fault { kind, what });
    }

    fn is_ancestor(&self, above: usize, mut shape: usize) -> bool {
        while shape != 0 {
            shape = self.picture.shapes[shape].parent;
            if shape == above {
                return true;
            }
        }
        false
    }

    fn is_leaf(&self, index: usize) -> bool {
        let mut shapes = self.picture.shapes.iter().enumerate();
        shapes.all(|(other, shape)| other == 0 || shape.parent != index)
    }

    fn shapes(&mut self) {
        let shapes = &self.picture.shapes;
        let page = Rect {
            x: 0,
            y: 0,
            width: self.picture.width,
            height: self.picture.height,
        };
        for (index, shape) in shapes.iter().enumerate() {
            let around = if index == 0 {
                page
            } else {
                shapes[shape.parent].rect
            };
            if !around.contains(&shape.rect) {
                self.fault(FaultKind::Outside, format!("{index} {:?}", shape.rect));
            }
            for run in &shape.runs {
                if !shape.rect.contains(&text(run)) {
                    self.fault(FaultKind::Outside, format!("`{}` of {index}", run.text));
                }
            }
            for (other, second) in shapes.iter().enumerate().skip(index + 1) {
                let siblings = index != 0 && second.parent == shape.parent;
                if siblings && shape.rect.overlap(&second.rect) > 0 {
                    self.fault(FaultKind::Siblings, format!("{index} {other}"));
                }
                let inside = second.parent == index;
                if inside
                    && shape
                        .runs
                        .iter()
                        .any(|run| text(run).overlap(&second.rect) > 0)
                {
                    self.fault(FaultKind::Siblings, format!("text of {index} and {other}"));
                }
            }
        }
    }

    fn labels(&mut self) {
        let labels: Vec<&LabelBox> = self
            .picture
            .lines
            .iter()
            .filter_map(|l| l.label.as_ref())
            .collect();
        for (index, label) in labels.iter().enumerate() {
            for other in &labels[index + 1..] {
                if label.rect.overlap(&other.rect) > 0 {
                    self.fault(
                        FaultKind::LabelOnLabel,
                        format!("`{}` `{}`", label.full, other.full),
                    );
                }
            }
            for (number, shape) in self.picture.shapes.iter().enumerate() {
                let overlaps = shape.rect.overlap(&label.rect) > 0;
                let within = shape.rect.contains(&label.rect) && !self.is_leaf(number);
                let on_text = shape
                    .runs
                    .iter()
                    .any(|run| text(run).overlap(&label.rect) > 0);
                if overlaps && (!within || on_text) {
                    self.fault(FaultKind::LabelOnBox, format!("`{}` {number}", label.full));
                }
            }
        }
    }

    fn line(&mut self, line: &Line) {
        let name = format!("{} → {}", line.from, line.to);
        let ends = line
            .parts
            .first()
            .and_then(|p| p.first())
            .zip(line.parts.last().and_then(|p| p.last()));
        let near = |shape: &Shape, point: &Point| {
            // The border, or a round shape's inside of a few pixels.
            let round = matches!(shape.kind, ShapeKind::History);
            let (slack, rect) = (i32::from(round) * 3, shape.rect);
            let within = (rect.x..=rect.right()).contains(&point.x)
                && (rect.y..=rect.bottom()).contains(&point.y);
            let to_border = [
                point.x - rect.x,
                rect.right() - point.x,
                point.y - rect.y,
                rect.bottom() - point.y,
            ];
            within && to_border.iter().any(|distance| *distance <= slack)
        };
        let shapes = &self.picture.shapes;
        let attached = ends.is_some_and(|(first, last)| {
            near(&shapes[line.from], first) && near(&shapes[line.to], last)
        });
        if !attached {
            self.fault(FaultKind::Loose, format!("{name}: ends"));
        }
        for (from, to) in segments(line) {
            if from.x != to.x && from.y != to.y {
                self.fault(FaultKind::Loose, format!("{name}: slanted"));
            }
            for (index, shape) in self.picture.shapes.iter().enumerate() {
                let own = index == line.from || index == line.to;
                let around = self.is_ancestor(index, line.from) || self.is_ancestor(index, line.to);
                let allowed = around || own && !self.is_leaf(index);
                if !allowed && shape.rect.cut_by(from, to) {
                    self.fault(FaultKind::LineThroughBox, format!("{name} through {index}"));
                }
                if shape.runs.iter().any(|run| text(run).cut_by(from, to)) {
                    self.fault(
                        FaultKind::LineThroughText,
                        format!("{name} through text of {index}"),
                    );
                }
            }
            for label in self
                .picture
                .lines
                .iter()
                .filter_map(|other| other.label.as_ref())
            {
                if label.rect.cut_by(from, to) {
                    self.fault(
                        FaultKind::LineThroughText,
                        format!("{name} through `{}`", label.full),
                    );
                }
            }
        }
    }

    fn lines(&mut self) {
        let lines = &self.picture.lines;
        let mut found = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            for (other, second) in lines.iter().enumerate().skip(index + 1) {
                let together = segments(line)
                    .flat_map(|a| segments(second).map(move |b| shared(a, b)))
                    .max();
                // At the circle of a history there is room for few lines side by side.
                let ends = [line.from, line.to];
                let circle = ends
                    .into_iter()
                    .filter(|shape| [second.from, second.to].contains(shape))
                    .any(|shape| self.picture.shapes[shape].kind == ShapeKind::History);
                if !circle && together.unwrap_or(0) > 3 {
                    found.push(format!(
                        "{index} {other}: {} → {}, {} → {}",
                        line.from, line.to, second.from, second.to
                    ));
                }
            }
        }
        for what in found {
            self.fault(FaultKind::LineOnLine, what);
        }
    }
}

/// The rectangle of a text.
fn text(run: &Run) -> Rect {
    let size = run.role.font().size;
    Rect {
        x: run.x,
        y: run.y - size * 3 / 4,
        width: run.width,
        height: size,
    }
}

fn segments(line: &Line) -> impl Iterator<Item = (Point, Point)> + '_ {
    line.parts
        .iter()
        .flat_map(|part| part.windows(2).map(|pair| (pair[0], pair[1])))
}

/// How far two segments run on top of each other.
fn shared(a: (Point, Point), b: (Point, Point)) -> i32 {
    let overlap = |a: (i32, i32), b: (i32, i32)| {
        (a.0.max(a.1)).min(b.0.max(b.1)) - (a.0.min(a.1)).max(b.0.min(b.1))
    };
    let vertical = a.0.x == a.1.x && b.0.x == b.1.x && a.0.x == b.0.x;
    let horizontal = a.0.y == a.1.y && b.0.y == b.1.y && a.0.y == b.0.y;
    match (vertical, horizontal) {
        (true, _) => overlap((a.0.y, a.1.y), (b.0.y, b.1.y)),
        (_, true) => overlap((a.0.x, a.1.x), (b.0.x, b.1.x)),
        _ => 0,
    }
}
