//! Paints a picture as SVG that needs nothing but itself: light or dark as the viewer prefers, the words in full for whoever points at them
//! or has them read aloud.

use super::block::{Role, Run};
use super::picture::{LabelBox, Line, Picture, Point, Rect, Shape, ShapeKind};
use super::text::harmless;
use super::{Options, picture};
use crate::chart::Chart;
use std::fmt::Write;

/// How far corners of lines are rounded.
const CORNER: i32 = 7;
/// How long an arrowhead is.
const HEAD: i32 = 8;

/// The picture of `chart` as SVG.
pub fn svg(chart: &Chart, options: &Options) -> String {
    let picture = picture(chart, options);
    let mut paint = Paint {
        chart,
        out: String::with_capacity(64 * 1024),
    };
    paint.document(&picture, options);
    paint.out
}

struct Paint<'c> {
    chart: &'c Chart,
    out: String,
}

impl Paint<'_> {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.out.write_fmt(text);
        self.out.push('\n');
    }

    fn document(&mut self, picture: &Picture, options: &Options) {
        let (width, height) = (picture.width, picture.height);
        self.line(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title description">"#
        ));
        self.line(format_args!(
            r#"<title id="title">Statechart {}</title>"#,
            escaped(self.chart.name())
        ));
        let description = self.description(options);
        self.line(format_args!(
            r#"<desc id="description">{}</desc>"#,
            escaped(&description)
        ));
        self.line(format_args!("<style>{STYLE}</style>"));
        self.line(format_args!(
            r#"<rect class="canvas" width="{width}" height="{height}"/>"#
        ));
        let mut levels = vec![0; picture.shapes.len()];
        let mut composite = vec![false; picture.shapes.len()];
        for (index, shape) in picture.shapes.iter().enumerate().skip(1) {
            let nests = picture.shapes[shape.parent].kind != ShapeKind::Group;
            levels[index] = levels[shape.parent] + usize::from(nests);
            composite[shape.parent] = true;
        }
        for (index, shape) in picture.shapes.iter().enumerate() {
            let shade = match (composite[index], levels[index] % 2) {
                (false, _) => "box",
                (true, 1) => "outer",
                (true, _) => "inner",
            };
            self.shape(shape, shade);
        }
        for (from, to) in &picture.separators {
            self.line(format_args!(
                r#"<path class="separator" d="M{} {}L{} {}"/>"#,
                from.x, from.y, to.x, to.y
            ));
        }
        for line in &picture.lines {
            self.arrow(line);
        }
        for line in &picture.lines {
            if let Some(label) = &line.label {
                self.label(label);
            }
        }
        self.out.push_str("</svg>\n");
    }

    fn description(&self, options: &Options) -> String {
        let about = options.about.as_deref().unwrap_or_default().trim();
        let mut text = about.to_owned();
        if !text.is_empty() {
            text.push(' ');
        }
        let shown = &self.chart.program.shown;
        let transitions: usize = shown.iter().map(|state| state.transitions.len()).sum();
        let states = self.chart.states().count();
        let _ = write!(text, "{states} states, {transitions} transitions.");
        let active: Vec<&str> = options
            .active
            .iter()
            .filter(|id| self.chart.state(**id).is_leaf())
            .map(|id| &*self.chart.state(*id).id)
            .collect();
        if !active.is_empty() {
            let _ = write!(text, " Active: {}.", active.join(", "));
        }
        text
    }

    fn shape(&mut self, shape: &Shape, shade: &str) {
        let rect = shape.rect;
        let (x, y) = (rect.x + rect.width / 2, rect.y + rect.height / 2);
        let active = if shape.active { " active" } else { "" };
        match shape.kind {
            ShapeKind::Initial => {
                self.line(format_args!(
                    r#"<circle class="dot" cx="{x}" cy="{y}" r="{}"/>"#,
                    rect.width / 2
                ));
                return;
            }
            ShapeKind::Fork => {
                self.line(format_args!(
                    r#"<rect class="dot" x="{}" y="{}" width="{}" height="{}" rx="2"/>"#,
                    rect.x, rect.y, rect.width, rect.height
                ));
                return;
            }
            ShapeKind::Group => return,
            _ => {}
        }
        self.line(format_args!(r#"<g class="state{active}">"#));
        let info = self.chart.state(shape.state);
        if shape.kind != ShapeKind::Frame {
            let mut title = info.id.to_string();
            if let Some(doc) = &info.doc {
                let _ = write!(title, ": {}", doc.trim());
            }
            self.line(format_args!("<title>{}</title>", escaped(&title)));
        }
        match shape.kind {
            ShapeKind::Frame => self.boxed("frame", rect, 10),
            ShapeKind::Region => self.boxed("region", rect, 8),
            ShapeKind::Final => {
                self.boxed("final", rect, rect.height / 2);
                let (x, y) = (rect.x + 18, rect.y + 16);
                let y = shape.runs.first().map_or(y, |run| run.y - 5);
                self.line(format_args!(
                    r#"<circle class="ring" cx="{x}" cy="{y}" r="7.5"/>"#
                ));
                self.line(format_args!(
                    r#"<circle class="dot" cx="{x}" cy="{y}" r="4"/>"#
                ));
            }
            ShapeKind::History => self.line(format_args!(
                r#"<circle class="box" cx="{x}" cy="{y}" r="{}"/>"#,
                rect.width / 2
            )),
            _ => self.boxed(shade, rect, if shade == "box" { 8 } else { 10 }),
        }
        self.runs(&shape.runs);
        self.out.push_str("</g>\n");
    }

    fn boxed(&mut self, class: &str, rect: Rect, corner: i32) {
        self.line(format_args!(
            r#"<rect class="{class}" x="{}.5" y="{}.5" width="{}" height="{}" rx="{corner}"/>"#,
            rect.x,
            rect.y,
            rect.width - 1,
            rect.height - 1
        ));
    }

    fn runs(&mut self, runs: &[Run]) {
        for run in runs {
            let class = class(run.role);
            if matches!(run.role, Role::Tag | Role::Note) {
                self.line(format_args!(
                    r#"<rect class="{class}-pill" x="{}" y="{}" width="{}" height="15" rx="7.5"/>"#,
                    run.x - 6,
                    run.y - 11,
                    run.width + 12
                ));
            }
            self.line(format_args!(
                r#"<text class="{class}" x="{}" y="{}" textLength="{}" lengthAdjust="spacingAndGlyphs">{}</text>"#,
                run.x,
                run.y,
                run.width.max(1),
                escaped(&run.text)
            ));
        }
    }

    fn arrow(&mut self, line: &Line) {
        let class = if line.default {
            "arrow default"
        } else {
            "arrow"
        };
        let title = match &line.label {
            Some(label) => format!("<title>{}</title>", escaped(&label.full)),
            None => String::new(),
        };
        self.line(format_args!(r#"<g class="{class}">{title}"#));
        let last = line.parts.len() - 1;
        for (index, part) in line.parts.iter().enumerate() {
            let path = rounded(part, line.head && index == last);
            self.line(format_args!(r#"<path d="{path}"/>"#));
        }
        if line.head
            && let Some(&[.., before, tip]) = line.parts.last().map(Vec::as_slice)
        {
            self.head(before, tip);
        }
        self.out.push_str("</g>\n");
    }

    fn head(&mut self, before: Point, tip: Point) {
        let (x, y) = ((tip.x - before.x).signum(), (tip.y - before.y).signum());
        let back = Point {
            x: tip.x - x * HEAD,
            y: tip.y - y * HEAD,
        };
        self.line(format_args!(
            r#"<path class="head" d="M{} {}L{} {}L{} {}z"/>"#,
            tip.x,
            tip.y,
            back.x + y * 4,
            back.y + x * 4,
            back.x - y * 4,
            back.y - x * 4
        ));
    }

    fn label(&mut self, label: &LabelBox) {
        self.line(format_args!(
            r#"<g class="label"><title>{}</title>"#,
            escaped(&label.full)
        ));
        self.runs(&label.runs);
        self.out.push_str("</g>\n");
    }
}

fn class(role: Role) -> &'static str {
    match role {
        Role::Heading => "heading",
        Role::Title => "title",
        Role::Tag => "tag",
        Role::Note => "note",
        Role::Body => "body",
        Role::Trigger => "trigger",
        Role::Detail => "detail",
        Role::Letter => "letter",
    }
}

/// A path along `points` with rounded corners; before an arrowhead it ends a little early.
fn rounded(points: &[Point], head: bool) -> String {
    let mut path = String::new();
    let Some((first, rest)) = points.split_first() else {
        return path;
    };
    let _ = write!(path, "M{} {}", first.x, first.y);
    for (index, &point) in rest.iter().enumerate() {
        let before = points[index];
        let Some(&after) = rest.get(index + 1) else {
            let short = if head { HEAD - 1 } else { 0 };
            let end = towards(point, before, short.min(distance(point, before)));
            let _ = write!(path, "L{} {}", end.x, end.y);
            continue;
        };
        let radius = CORNER
            .min(distance(before, point) / 2)
            .min(distance(point, after) / 2);
        let (start, end) = (
            towards(point, before, radius),
            towards(point, after, radius),
        );
        let _ = write!(
            path,
            "L{} {}Q{} {} {} {}",
            start.x, start.y, point.x, point.y, end.x, end.y
        );
    }
    path
}

fn distance(a: Point, b: Point) -> i32 {
    (a.x - b.x).abs() + (a.y - b.y).abs()
}

/// The point `by` pixels from `from` on the way to `to`, which lies on the same axis.
fn towards(from: Point, to: Point, by: i32) -> Point {
    Point {
        x: from.x + (to.x - from.x).signum() * by,
        y: from.y + (to.y - from.y).signum() * by,
    }
}

/// `text` as it may stand in a document.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Colours and fonts. The fonts named first have the widths that the layout was made with.
const STYLE: &str = r#"
text{font-family:Helvetica,Arial,"Liberation Sans","Nimbus Sans",sans-serif;font-size:11px;fill:#2b3440;white-space:pre}
.heading{font-size:16px;font-weight:bold;fill:#141b24}
.title{font-size:13px;font-weight:bold;fill:#141b24}
.letter{font-weight:bold}
.tag,.note{font-size:10px}
.body{fill:#4d5866}
.trigger{fill:#1f2937}
.detail{fill:#66717f}
.tag{fill:#7a4a06}.tag-pill{fill:#fdf0d7}
.note{fill:#4b3a96}.note-pill{fill:#ece8fb}
.canvas{fill:#ffffff}
.frame{fill:#ffffff;stroke:#dde2e9}
.box,.final{fill:#ffffff;stroke:#8b97a8}
.outer{fill:#f4f6f9;stroke:#a9b4c3}
.inner{fill:#e9edf3;stroke:#a0acbc}
.region{fill:#8b97a8;fill-opacity:.06;stroke:none}
.separator{stroke:#8b97a8;stroke-dasharray:5 4;fill:none}
.dot{fill:#2b3440}
.ring{fill:none;stroke:#2b3440;stroke-width:1.4}
.arrow path{fill:none;stroke:#5c6a7d;stroke-width:1.3}
.arrow path.head{fill:#5c6a7d;stroke:none}
.arrow.default path{stroke:#2b3440}.arrow.default path.head{fill:#2b3440;stroke:none}
.active>.box,.active>.final{fill:#d9eafd;stroke:#1668c7;stroke-width:2}
.active>.outer,.active>.inner{stroke:#1668c7;stroke-width:2}
.active>.region{fill:#1668c7;fill-opacity:.07}
.active>.title{fill:#0d4a94}
@media (prefers-color-scheme:dark){
text{fill:#d3dae4}
.heading,.title{fill:#f1f4f8}
.body{fill:#a9b4c2}
.trigger{fill:#dfe5ed}
.detail{fill:#98a4b3}
.tag{fill:#f3cf8f}.tag-pill{fill:#46351a}
.note{fill:#cfc4ff}.note-pill{fill:#352e5c}
.canvas,.frame{fill:#12161c}.frame{stroke:#2a323d}
.box,.final{fill:#1b222b;stroke:#6b7889}
.outer{fill:#171c24;stroke:#4d5968}
.inner{fill:#202732;stroke:#566373}
.separator{stroke:#6b7889}
.dot{fill:#d3dae4}
.ring{stroke:#d3dae4}
.arrow path{stroke:#8d9bad}.arrow path.head{fill:#8d9bad}
.arrow.default path{stroke:#d3dae4}.arrow.default path.head{fill:#d3dae4}
.active>.box,.active>.final{fill:#12365f;stroke:#5aa9f7}
.active>.outer,.active>.inner{stroke:#5aa9f7}
.active>.title{fill:#bfe0ff}
}
"#;
