//! The same data as a table, for whoever would rather read: every chunk, the empty ones too, with gauges that are each on their own scale.

use super::{isolated, kind, number, width};
use crate::render::percent;
use crate::{ChunkReport, MapReport};
use std::fmt::Write;
use types::{CacheClass, Role};

/// Draw the table. Its roles are spelt out because narrow screens lay it out as cards, and browsers then forget that it is a table.
pub(super) fn draw(report: &MapReport, page: &mut String) {
    page.push_str(
        "<section aria-labelledby=\"chunks\">\n<h2 id=\"chunks\">Every chunk in figures</h2>\n\
         <table role=\"table\" aria-labelledby=\"chunks\">\n<thead role=\"rowgroup\"><tr role=\"row\">",
    );
    for name in [
        "Chunk", "Fill", "Tokens", "Budget", "Trimmed", "Cached", "Kept", "From",
    ] {
        let class = match name {
            "Budget" => " class=\"number budget\"",
            "Tokens" | "Trimmed" | "Cached" => " class=\"number\"",
            _ => "",
        };
        let _ = write!(
            page,
            "<th role=\"columnheader\" scope=\"col\"{class}>{name}</th>"
        );
    }
    page.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for (index, chunk) in report.chunks.iter().enumerate() {
        row(report, index + 1, chunk, page);
    }
    space(
        "free",
        "free",
        "room that nothing takes",
        report.free(),
        report,
        page,
    );
    space(
        "reserve",
        "answer",
        "kept for the model’s answer",
        report.reserve,
        report,
        page,
    );
    page.push_str("</tbody>\n</table>\n</section>\n");
}

fn row(report: &MapReport, place: usize, chunk: &ChunkReport, page: &mut String) {
    let role = match chunk.role {
        Role::System => "system",
        Role::User => "user",
    };
    let kept = match chunk.cache {
        CacheClass::Stable => "stable",
        CacheClass::Volatile => "volatile",
    };
    let note = chunk.note.as_ref().map_or_else(String::new, |note| {
        format!("<span class=\"note\">Note: {}</span>", isolated(note))
    });
    let _ = write!(
        page,
        "<tr role=\"row\" id=\"chunk-{place}\" class=\"{class}\">\
         <th role=\"rowheader\" scope=\"row\">{place}. {id}<span class=\"faint\">{source}, as {role}</span>{note}</th>\
         <td role=\"cell\" class=\"wide\" data-name=\"Fill\">{gauge}</td>",
        class = kind(chunk).0,
        id = isolated(&chunk.id),
        source = isolated(&chunk.source),
        gauge = gauge(chunk),
    );
    let budget = match chunk.budget {
        Some(budget) => {
            format!(
                "{}<br><span class=\"faint\">{} full</span>",
                number(budget),
                percent(chunk.tokens, budget)
            )
        }
        None => "<span class=\"faint\">what is left</span>".to_owned(),
    };
    let tokens = match chunk.tokens {
        0 => "<span class=\"faint\">empty</span>".to_owned(),
        tokens => format!(
            "{}<br><span class=\"faint\">{}</span>",
            number(tokens),
            percent(tokens, report.room())
        ),
    };
    for (name, value) in [
        ("Tokens", tokens),
        ("Budget", budget),
        ("Trimmed", some(chunk.trimmed)),
        ("Cached", some(chunk.cached)),
    ] {
        let _ = write!(
            page,
            "<td role=\"cell\" class=\"number\" data-name=\"{name}\">{value}</td>"
        );
    }
    let _ = write!(
        page,
        "<td role=\"cell\" class=\"kept\" data-name=\"Kept\">{kept}<br><span class=\"faint\">priority {}</span></td>\
         <td role=\"cell\" class=\"wide\" data-name=\"From\"><ul>",
        chunk.priority
    );
    for share in &chunk.provenance {
        let _ = write!(
            page,
            "<li>{} <span class=\"faint\">{}</span></li>",
            isolated(&share.from),
            number(share.tokens)
        );
    }
    page.push_str("</ul></td></tr>\n");
}

fn some(tokens: u64) -> String {
    match tokens {
        0 => "<span class=\"faint\">–</span>".to_owned(),
        tokens => number(tokens),
    }
}

/// How full a chunk is: what it holds, what of that is cached, what was cut, and where its budget ends.
fn gauge(chunk: &ChunkReport) -> String {
    let whole = chunk
        .tokens
        .saturating_add(chunk.trimmed)
        .max(chunk.budget.unwrap_or(0))
        .max(1);
    let mut gauge = String::from("<div class=\"gauge\" aria-hidden=\"true\">");
    if chunk.tokens > 0 {
        let _ = write!(
            gauge,
            "<span class=\"held\" style=\"--held:{}\"><i style=\"--cached:{}\"></i></span>",
            width(chunk.tokens, whole),
            width(chunk.cached, chunk.tokens)
        );
    }
    if chunk.trimmed > 0 {
        let _ = write!(
            gauge,
            "<span class=\"cut\" style=\"--cut:{}\"></span>",
            width(chunk.trimmed, whole)
        );
    }
    if let Some(budget) = chunk.budget {
        let _ = write!(
            gauge,
            "<span class=\"limit\" style=\"--limit:{}\"></span>",
            width(budget, whole)
        );
    }
    gauge + "</div>"
}

/// A part of the window that holds nothing.
fn space(class: &str, name: &str, what: &str, tokens: u64, report: &MapReport, page: &mut String) {
    let _ = writeln!(
        page,
        "<tr role=\"row\" id=\"{class}\" class=\"{class}\"><th role=\"rowheader\" scope=\"row\">{name}<span class=\"faint\">{what}</span></th>\
         <td role=\"cell\" class=\"wide\" data-name=\"Share\">{share} of the window</td>\
         <td role=\"cell\" class=\"number\" data-name=\"Tokens\">{tokens}</td>\
         <td role=\"cell\" colspan=\"5\"></td></tr>",
        share = percent(tokens, report.limit),
        tokens = number(tokens),
    );
}
