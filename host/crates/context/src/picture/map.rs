//! The window from end to end: every chunk that holds something, what is free, and what is kept for the answer.

use super::{escape, isolated, kind, number, width};
use crate::render::percent;
use crate::{ChunkReport, MapReport};
use std::fmt::Write;
use types::CacheClass;

/// Draw the map with its details and its legend.
pub(super) fn draw(report: &MapReport, page: &mut String) {
    let held = report
        .chunks
        .iter()
        .enumerate()
        .filter(|(_, chunk)| chunk.tokens > 0);
    let count = held.clone().count() + 2;
    let _ = write!(
        page,
        "<section aria-labelledby=\"map\">\n<h2 id=\"map\">The window, in the order of the map</h2>\n<div class=\"map\">\n\
         <ol class=\"parts\" style=\"--count:{count}\">\n"
    );
    for (index, chunk) in held {
        part(report, index + 1, chunk, page);
    }
    let free = report.free();
    if free > 0 {
        space(
            "free",
            "free",
            free,
            "tokens that could still be sent",
            report,
            page,
        );
    }
    if report.reserve > 0 {
        space(
            "reserve",
            "answer",
            report.reserve,
            "tokens kept free for the model’s answer",
            report,
            page,
        );
    }
    let _ = write!(
        page,
        "</ol>\n<p class=\"scale\" aria-hidden=\"true\"><span>0</span><span>{} tokens: the model’s whole window</span></p>\n\
         <div class=\"below\"><p>Point at a part, or walk through them with the Tab key, to see what it holds. Enter leads to its row in the table.</p>\n",
        number(report.limit)
    );
    legend(report, page);
    page.push_str("</div>\n</div>\n</section>\n");
}

fn part(report: &MapReport, place: usize, chunk: &ChunkReport, page: &mut String) {
    let (class, _) = kind(chunk);
    let stability = stability(chunk);
    let share = percent(chunk.tokens, report.room());
    let gone = match chunk.trimmed {
        0 => String::new(),
        trimmed => format!("<span class=\"gone\">✂ {}</span>", number(trimmed)),
    };
    let _ = write!(
        page,
        "<li style=\"--tokens:{tokens}\"><a class=\"{class} {stability}\" href=\"#chunk-{place}\" aria-label=\"{place}. {name}: {facts}\">\
         <span class=\"face\"><span class=\"label\"><b>{id}</b><span class=\"place\">{place}</span><span class=\"count\">{count}<span class=\"share\">{share}</span></span>{gone}</span>\
         <span class=\"lane\"><i style=\"--cached:{cached}\"></i></span></span>\
         <span class=\"card\"><b>{place}. {id}</b> <span class=\"faint\">{source}</span>",
        tokens = chunk.tokens,
        name = escape(&chunk.id),
        facts = escape(&facts(report, chunk).join(", ")),
        id = isolated(&chunk.id),
        count = match chunk.budget {
            Some(budget) => format!("{} of {}", number(chunk.tokens), number(budget)),
            None => number(chunk.tokens),
        },
        cached = width(chunk.cached, chunk.tokens),
        source = isolated(&chunk.source),
    );
    page.push_str("<span class=\"facts\">");
    for fact in facts(report, chunk) {
        let _ = write!(page, "<span>{}</span>", escape(&fact));
    }
    page.push_str("</span><span class=\"facts\">");
    for share in &chunk.provenance {
        let _ = write!(
            page,
            "<span><span class=\"faint\">from</span> {} {}</span>",
            isolated(&share.from),
            percent(share.tokens, chunk.tokens)
        );
    }
    page.push_str("</span>");
    if let Some(note) = &chunk.note {
        let _ = write!(page, "<span class=\"note\">Note: {}</span>", isolated(note));
    }
    page.push_str("</span></a></li>\n");
}

/// A part that holds nothing.
fn space(class: &str, name: &str, tokens: u64, what: &str, report: &MapReport, page: &mut String) {
    let (count, share) = (number(tokens), percent(tokens, report.limit));
    let _ = writeln!(
        page,
        "<li style=\"--tokens:{tokens}\"><a class=\"{class}\" href=\"#{class}\" aria-label=\"{name}: {count} {what}\">\
         <span class=\"face\"><span class=\"label\"><b>{name}</b><span class=\"count\">{count}</span></span></span>\
         <span class=\"card\"><b>{name}</b><span class=\"facts\"><span>{count} {what}</span><span>{share} of the window</span></span></span></a></li>"
    );
}

/// What there is to say of a chunk, each in a few words.
fn facts(report: &MapReport, chunk: &ChunkReport) -> Vec<String> {
    let mut facts = vec![format!(
        "{} tokens, {} of the room",
        number(chunk.tokens),
        percent(chunk.tokens, report.room())
    )];
    facts.push(match chunk.budget {
        Some(budget) => format!(
            "budget {}, {} full",
            number(budget),
            percent(chunk.tokens, budget)
        ),
        None => "no budget: takes what the others leave".to_owned(),
    });
    if chunk.trimmed > 0 {
        facts.push(format!("{} trimmed", number(chunk.trimmed)));
    }
    if chunk.cached > 0 {
        facts.push(format!("{} expected cached", number(chunk.cached)));
    }
    facts.push(stability(chunk).to_owned());
    facts.push(format!("priority {}", chunk.priority));
    facts
}

fn stability(chunk: &ChunkReport) -> &'static str {
    match chunk.cache {
        CacheClass::Stable => "stable",
        CacheClass::Volatile => "volatile",
    }
}

fn legend(report: &MapReport, page: &mut String) {
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for chunk in report.chunks.iter().filter(|chunk| chunk.tokens > 0) {
        if !kinds.contains(&kind(chunk)) {
            kinds.push(kind(chunk));
        }
    }
    page.push_str("<ul class=\"legend\" aria-label=\"Legend\">\n");
    for (class, name) in kinds {
        let _ = writeln!(
            page,
            "<li><span class=\"swatch {class}\"></span>{name}</li>"
        );
    }
    for (class, name) in [
        ("stable", "stable: the same for the whole run"),
        ("volatile", "volatile"),
        ("kept", "expected in the provider’s cache"),
        ("cut", "trimmed"),
        ("limit", "budget"),
    ] {
        let _ = writeln!(
            page,
            "<li><span class=\"swatch {class}\"></span>{name}</li>"
        );
    }
    page.push_str("</ul>\n");
}
