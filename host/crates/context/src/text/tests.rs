//! Texts of a payload: how they are trimmed, and where they say they came from.

use super::*;
use crate::{BytesEstimate, Trim};

fn text(text: &str, provenance: Provenance) -> GatheredText {
    GatheredText {
        text: text.into(),
        provenance,
        labels: Vec::new(),
    }
}

fn part(text: GatheredText) -> Part {
    Part {
        text,
        priority: 5,
        protected: false,
    }
}

fn whole(texts: Vec<GatheredText>) -> TextWhole {
    TextWhole::new(
        texts.into_iter().map(part).collect(),
        None,
        0,
        &BytesEstimate,
    )
}

fn shown(body: &TextBody) -> Vec<String> {
    body.segments
        .iter()
        .map(|segment| segment.sent.to_string())
        .collect()
}

#[test]
fn texts_of_one_source_are_joined_and_of_another_kept_apart() {
    let file = || Provenance::File("a.md".into());
    let texts = vec![
        text("one\n", Provenance::House),
        text("  \n", Provenance::Human),
        text("two", Provenance::House),
        text("three", file()),
    ];
    assert_eq!(shown(&whole(texts).body), ["one\n\ntwo", "three"]);
}

#[test]
fn the_end_goes_at_a_line_and_the_text_says_so() {
    let lines: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    let body = whole(vec![text(&lines, Provenance::House)]);
    let cut = body.trimmed(Trim::Tail, 20, &BytesEstimate);
    assert_eq!(
        shown(&cut.body),
        ["line 1\nline 2\nline 3\nline 4\nline 5\n[… 77 tokens cut]"]
    );
    assert_eq!(cut.cut, 77);
    assert!(cut.body.tokens(&BytesEstimate) <= 20);
}

#[test]
fn a_text_without_lines_is_cut_between_characters() {
    let body = whole(vec![text(&"日本語".repeat(100), Provenance::House)]);
    for room in 0..400 {
        let cut = body.trimmed(Trim::Tail, room, &BytesEstimate);
        assert!(cut.body.tokens(&BytesEstimate) <= room);
        assert_eq!(cut.body.segments.is_empty(), room < 13, "{room}");
    }
}

#[test]
fn what_follows_the_cut_is_counted_as_cut() {
    let texts = vec![
        text(&"a ".repeat(100), Provenance::House),
        text(&"b ".repeat(100), Provenance::Human),
    ];
    let body = whole(texts);
    let cut = body.trimmed(Trim::Tail, 40, &BytesEstimate);
    assert_eq!(cut.body.segments.len(), 1);
    assert!(shown(&cut.body)[0].ends_with(&format!("[… {} tokens cut]", cut.cut)));
    assert!(cut.cut > 60);
}

fn lines(count: usize) -> String {
    (1..=count).map(|n| format!("line {n}\n")).collect()
}

#[test]
fn the_middle_goes_and_beginning_and_end_stay() {
    let body = whole(vec![text(&lines(40), Provenance::House)]);
    let cut = body.trimmed(Trim::Middle, 32, &BytesEstimate);
    assert_eq!(
        shown(&cut.body),
        [
            "line 1\nline 2\nline 3\nline 4\nline 5\n[… 68 tokens cut]\nline 37\nline 38\nline 39\nline 40\n"
        ]
    );
    assert_eq!(cut.cut, 68);
    assert!(cut.body.tokens(&BytesEstimate) <= 32);
    let texts = vec![
        text("a beginning that is rather long", Provenance::House),
        text(&"m".repeat(300), Provenance::Human),
        text("an end that is not shorter", Provenance::House),
    ];
    let cut = whole(texts).trimmed(Trim::Middle, 50, &BytesEstimate);
    let shown = shown(&cut.body);
    assert!(
        shown[0].starts_with("a beginning that is rather long"),
        "{shown:?}"
    );
    assert_eq!(shown.last().unwrap(), "an end that is not shorter");
}

#[test]
fn whole_pieces_go_the_least_important_first_and_the_text_says_how_many() {
    let of = |word: &str, priority, protected| Part {
        priority,
        protected,
        ..part(text(
            &format!("{word} {}", "x".repeat(70)),
            Provenance::House,
        ))
    };
    let parts = vec![
        of("first", 1, false),
        of("second", 9, false),
        of("third", 9, false),
        of("fourth", 1, true),
    ];
    let whole = TextWhole::new(parts, None, 0, &BytesEstimate);
    let words = |room: u64| -> Vec<String> {
        let cut = whole.trimmed(Trim::Lowest, room, &BytesEstimate);
        assert!(cut.body.tokens(&BytesEstimate) <= room);
        let text = shown(&cut.body).concat();
        text.split(['\n', ' '])
            .filter(|word| !word.is_empty() && !word.starts_with('x'))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(words(95), ["first", "second", "third", "fourth"]);
    assert_eq!(
        words(85).join(" "),
        "second third fourth [… 1 of 4 pieces cut, 22 tokens]"
    );
    assert_eq!(
        words(65).join(" "),
        "second fourth [… 2 of 4 pieces cut, 43 tokens]"
    );
    assert_eq!(
        words(45).join(" "),
        "fourth [… 3 of 4 pieces cut, 65 tokens]"
    );
    let least = whole.least(Trim::Lowest, &BytesEstimate);
    assert_eq!(words(least), ["fourth"]);
}

/// Counts what it is asked to count.
struct Counting(std::sync::atomic::AtomicU64);

impl Estimator for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn tokens(&self, text: &str) -> u64 {
        let bytes = text.len() as u64;
        self.0
            .fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        bytes.div_ceil(4)
    }
}

#[test]
fn fifty_megabytes_are_measured_once_and_then_only_as_far_as_they_are_kept() {
    let long = "fifty megabytes of log lines\n".repeat(50_000_000 / 29);
    let room = 30_000;
    for trim in [Trim::Tail, Trim::Middle, Trim::Lowest] {
        let counting = Counting(std::sync::atomic::AtomicU64::new(0));
        let parts = vec![part(text(&long, Provenance::House))];
        let whole = TextWhole::new(parts, None, 0, &counting);
        assert_eq!(
            counting.0.swap(0, std::sync::atomic::Ordering::Relaxed),
            long.len() as u64
        );
        let cut = whole.trimmed(trim, room, &counting);
        assert!(cut.body.tokens(&counting) <= room);
        let measured = counting.0.into_inner();
        let kept = room * 4;
        let allowed = if trim == Trim::Lowest {
            long.len() as u64
        } else {
            0
        };
        assert!(measured <= allowed + 6 * kept, "{trim:?}: {measured}");
    }
}

/// Counts more for the whole than for its parts, which no estimator should.
struct Contrary;

impl Estimator for Contrary {
    fn name(&self) -> &str {
        "contrary"
    }

    fn tokens(&self, text: &str) -> u64 {
        let length = text.len() as u64;
        length + length * length / 4_000
    }
}

#[test]
fn a_contrary_estimator_costs_text_and_never_the_limit() {
    let texts = || {
        vec![
            text(&lines(900), Provenance::House),
            text(&lines(50), Provenance::Human),
        ]
    };
    let parts = texts().into_iter().map(part).collect();
    let whole = TextWhole::new(parts, None, 0, &Contrary);
    for trim in [Trim::Tail, Trim::Middle, Trim::Lowest] {
        for room in (0..12_000).step_by(97) {
            let cut = whole.trimmed(trim, room, &Contrary);
            assert!(cut.body.tokens(&Contrary) <= room, "{trim:?} {room}");
        }
        // Whole pieces it may be too long for.
        let cut = whole.trimmed(trim, 12_000, &Contrary);
        assert_eq!(cut.body.segments.is_empty(), trim == Trim::Lowest);
    }
}
