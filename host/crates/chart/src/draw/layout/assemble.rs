//! From places inside each state to one picture: corners added up, the flow turned into left and down, the pieces of each arrow joined.

use super::super::block::{Block, Run};
use super::super::picture::{LabelBox, Line, Picture, Point, Rect, Shape, ShapeKind};
use super::super::scene::{self, Reason, Scene};
use super::Flow;
use super::laid::{LOOP, Laid, Piece, Spot, loop_length};
use super::plan::AFTER_LABEL;
use crate::state::StateId;

/// The room around everything.
const MARGIN: i32 = 12;

/// Join what was laid out.
pub fn assemble(
    scene: &Scene,
    laid: &[Laid],
    flows: &[Flow],
    active: &dyn Fn(StateId) -> bool,
) -> Picture {
    let margin = Point {
        x: MARGIN,
        y: MARGIN,
    };
    let mut corners: Vec<Point> = vec![margin; scene.nodes.len()];
    for node in 0..scene.nodes.len() {
        for &(child, point) in &laid[node].children {
            corners[child] = plus(corners[node], point);
        }
    }
    let rect = |node: usize, size: Spot| {
        let size = flows[scene.nodes[node].parent].point(size);
        Rect {
            x: corners[node].x,
            y: corners[node].y,
            width: size.x,
            height: size.y,
        }
    };
    let nodes = || laid.iter().enumerate();
    let rects: Vec<Rect> = nodes()
        .map(|(n, laid)| rect(n, (laid.length, laid.breadth)))
        .collect();
    let outer: Vec<Rect> = nodes().map(|(n, laid)| rect(n, laid.outer)).collect();
    let shapes: Vec<Shape> = scene
        .nodes
        .iter()
        .zip(&rects)
        .enumerate()
        .map(|(index, (node, rect))| Shape {
            kind: kind(index, node),
            state: node.state,
            parent: node.parent,
            depth: node.depth,
            rect: *rect,
            runs: placed(&node.block, *rect, node, laid[index].header),
            active: index > 0 && active(node.state) && is_state(node),
        })
        .collect();
    let mut lines = arrows(scene, laid, &corners);
    for (index, node) in scene.nodes.iter().enumerate() {
        loops(index, node, rects[index], flows[node.parent], &mut lines);
    }
    Picture {
        width: outer[0].width + 2 * MARGIN,
        height: outer[0].height + 2 * MARGIN,
        separators: separators(scene, &outer),
        shapes,
        lines,
    }
}

fn is_state(node: &scene::Node) -> bool {
    matches!(node.shape, scene::Shape::Box { .. } | scene::Shape::Final)
}

fn kind(index: usize, node: &scene::Node) -> ShapeKind {
    match node.shape {
        _ if index == 0 => ShapeKind::Frame,
        scene::Shape::Box { region: true, .. } => ShapeKind::Region,
        scene::Shape::Box { .. } => ShapeKind::State,
        scene::Shape::Final => ShapeKind::Final,
        scene::Shape::History => ShapeKind::History,
        scene::Shape::Initial => ShapeKind::Initial,
        scene::Shape::Fork => ShapeKind::Fork,
        scene::Shape::Group => ShapeKind::Group,
    }
}

/// The text of a box; where the box is larger than its text and has nothing else in it, the text stands in the middle.
fn placed(block: &Block, rect: Rect, node: &scene::Node, header: Point) -> Vec<Run> {
    let (mut x, mut y) = (rect.x + header.x, rect.y + header.y);
    if node.children.is_empty() {
        x += (rect.width - block.width) / 2;
        y += (rect.height - block.height) / 2;
    }
    moved(block, x, y)
}

fn moved(block: &Block, x: i32, y: i32) -> Vec<Run> {
    let run = |run: &Run| Run {
        x: run.x + x,
        y: run.y + y,
        ..run.clone()
    };
    block.runs.iter().map(run).collect()
}

fn plus(a: Point, b: Point) -> Point {
    Point {
        x: a.x + b.x,
        y: a.y + b.y,
    }
}

fn arrows(scene: &Scene, laid: &[Laid], corners: &[Point]) -> Vec<Line> {
    let mut pieces: Vec<Vec<(&Piece, Point)>> = vec![Vec::new(); scene.arrows.len()];
    let mut labels: Vec<Option<Point>> = vec![None; scene.arrows.len()];
    for (laid, corner) in laid.iter().zip(corners) {
        for piece in &laid.pieces {
            pieces[piece.arrow].push((piece, *corner));
        }
        for (arrow, point) in &laid.labels {
            labels[*arrow] = Some(plus(*corner, *point));
        }
    }
    let joined = |mut pieces: Vec<(&Piece, Point)>, split: bool| {
        pieces.sort_by_key(|(piece, _)| piece.part);
        let mut parts = vec![Vec::new()];
        for (piece, corner) in pieces {
            if split && piece.part == AFTER_LABEL {
                parts.push(Vec::new());
            }
            let points = piece.points.iter().map(|point| plus(*point, corner));
            if let Some(part) = parts.last_mut() {
                part.extend(points);
            }
        }
        parts.into_iter().map(simplified).collect()
    };
    let arrows = scene.arrows.iter().enumerate();
    arrows
        .map(|(index, arrow)| {
            let label = arrow.label.as_ref().zip(labels[index]);
            Line {
                from: arrow.from,
                to: arrow.to,
                parts: joined(std::mem::take(&mut pieces[index]), labels[index].is_some()),
                head: scene.nodes[arrow.to].shape != scene::Shape::Fork,
                default: arrow.reason == Reason::Default,
                label: label.map(|(label, corner)| label_at(label, corner.x, corner.y)),
            }
        })
        .collect()
}

fn label_at(label: &scene::Label, x: i32, y: i32) -> LabelBox {
    LabelBox {
        rect: Rect {
            x,
            y,
            width: label.block.width,
            height: label.block.height,
        },
        runs: moved(&label.block, x, y),
        full: label.full.clone(),
    }
}

/// Without points that a straight line passes anyway.
fn simplified(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., a, b] = kept[..] {
            let straight = a.x == b.x && b.x == point.x || a.y == b.y && b.y == point.y;
            // Only where it goes on, not where it turns back.
            let onward = (b.x - a.x) * (point.x - b.x) >= 0 && (b.y - a.y) * (point.y - b.y) >= 0;
            if straight && onward {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

/// Arrows from a state to itself: out of its side, along it, and back.
fn loops(index: usize, node: &scene::Node, rect: Rect, flow: Flow, lines: &mut Vec<Line>) {
    let side = match flow {
        Flow::Down => rect.height,
        Flow::Right => rect.width,
    };
    let length =
        |label: &scene::Label| loop_length(flow.along(label.block.width, label.block.height).0);
    let needed: i32 = node.loops.iter().map(length).sum();
    let mut at = (side - needed) / 2;
    for label in &node.loops {
        let own = length(label);
        // The loop itself is no wider than it must be; its label stands at its middle.
        let half = 8;
        let middle = at + own / 2;
        let points = match flow {
            Flow::Down => [(0, -half), (LOOP, -half), (LOOP, half), (0, half)]
                .map(|(x, y)| (rect.right() + x, rect.y + middle + y)),
            Flow::Right => [(-half, 0), (-half, LOOP), (half, LOOP), (half, 0)]
                .map(|(x, y)| (rect.x + middle + x, rect.bottom() + y)),
        };
        let (width, height) = (label.block.width, label.block.height);
        let (x, y) = match flow {
            Flow::Down => (rect.right() + LOOP + 2, rect.y + middle - height / 2),
            Flow::Right => (rect.x + middle - width / 2, rect.bottom() + LOOP + 2),
        };
        lines.push(Line {
            from: index,
            to: index,
            parts: vec![points.map(|(x, y)| Point { x, y }).to_vec()],
            head: true,
            default: false,
            label: Some(label_at(label, x, y)),
        });
        at += own;
    }
}

/// The dashed lines between neighbouring regions and what stands beside them.
fn separators(scene: &Scene, rects: &[Rect]) -> Vec<(Point, Point)> {
    let mut lines = Vec::new();
    for (index, node) in scene.nodes.iter().enumerate() {
        let region = |child: &&usize| {
            matches!(
                scene.nodes[**child].shape,
                scene::Shape::Box { region: true, .. }
            )
        };
        let mut regions: Vec<Rect> = node
            .children
            .iter()
            .filter(region)
            .map(|child| rects[*child])
            .collect();
        regions.sort_by_key(|rect| (rect.x, rect.y));
        let outer = rects[index];
        for pair in regions.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let point = |x, y| Point { x, y };
            if b.x >= a.right() {
                let x = (a.right() + b.x) / 2;
                let (top, bottom) = (a.y.min(b.y), a.bottom().max(b.bottom()));
                lines.push((point(x, top), point(x, bottom)));
            } else {
                let (upper, lower) = if a.y < b.y { (a, b) } else { (b, a) };
                let y = (upper.bottom() + lower.y) / 2;
                lines.push((point(outer.x, y), point(outer.right(), y)));
            }
        }
    }
    lines
}
