//! The page without a browser: what stands in it, and what does not.

use crate::sample;

/// The values of an attribute, in the order of the page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    page.split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn every_chunk_is_in_the_map_and_in_the_table() {
    let report = sample::working();
    let page = report.html("coder");
    let links = values(&page, "href");
    let ids = values(&page, "id");
    // One holds nothing, and is in the table alone; free space and the answer's reserve are parts too.
    assert_eq!(links.len(), report.chunks.len() - 1 + 2);
    for link in &links {
        let target = link.strip_prefix('#').expect("links stay in the page");
        assert!(ids.contains(&target), "{link} leads nowhere");
    }
    for (index, chunk) in report.chunks.iter().enumerate() {
        assert!(
            ids.contains(&&*format!("chunk-{}", index + 1)),
            "{}",
            chunk.id
        );
    }
    let labels = values(&page, "aria-label");
    assert!(labels.contains(
        &"4. history: 61\u{202f}204 tokens, 49.8% of the room, no budget: takes what the others leave, 38\u{202f}700 trimmed, \
          57\u{202f}950 expected cached, volatile, priority 6"
    ));
    assert!(labels.contains(&"free: 40\u{202f}328 tokens that could still be sent"));
    assert!(labels.contains(&"answer: 8\u{202f}192 tokens kept free for the model’s answer"));
    for words in [
        "Note: <bdi>served from an earlier turn",
        "<bdi>plugin:fs@3b90c2d1e6f7</bdi>",
        "<bdi>model:qwen3-coder</bdi>",
        "learnt from 12 replies, off by 2.1%",
        "74.3% full",
    ] {
        assert!(page.contains(words), "the page says `{words}`");
    }
}

#[test]
fn parts_are_in_proportion() {
    let report = sample::working();
    let page = report.html("coder");
    let shares: Vec<u64> = page
        .split("<li style=\"--tokens:")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    let held = report.chunks.iter().map(|chunk| chunk.tokens);
    let held: Vec<u64> = held.filter(|tokens| *tokens > 0).collect();
    assert_eq!(shares[..held.len()], held);
    assert_eq!(shares.iter().sum::<u64>(), report.limit);
}

#[test]
fn the_page_needs_nothing_but_itself() {
    for page in [
        sample::working().html("coder"),
        sample::hostile().html("x"),
        sample::crowded().html("x"),
    ] {
        for forbidden in [
            "<script", "<link", "<img", "<iframe", "http:", "https:", "url(", "@import", "src=",
        ] {
            let outside = page.replace("url(javascript", "").replace("src=x", "");
            assert!(!outside.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn strangers_text_stays_text() {
    let page = sample::hostile().html("</title><script>document.title='owned'</script>");
    assert!(!page.contains("<script"));
    assert!(!page.contains("<img"));
    assert!(!page.contains('\u{202e}') && !page.contains('\0') && !page.contains('\u{1b}'));
    // No attribute but those that are written here.
    assert!(!page.contains("\" onfocus"));
    assert!(page.contains("&quot; onfocus=&quot;"));
    let opened = page.matches("<span").count();
    assert_eq!(opened, page.matches("</span>").count());
    for element in [
        "li", "a", "tr", "td", "th", "ol", "ul", "div", "section", "bdi", "b",
    ] {
        let opened = page.matches(&format!("<{element}>")).count()
            + page.matches(&format!("<{element} ")).count();
        let closed = page.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}");
    }
}

#[test]
fn an_empty_map_has_a_page_too() {
    let mut report = sample::working();
    report.chunks.clear();
    (report.limit, report.reserve, report.total, report.cached) = (0, 0, 0, 0);
    report.calibration = None;
    let page = report.html("");
    assert!(page.contains("0 chunks fill 0.0% of the 0 tokens"));
    assert!(!page.contains("href="));
}

#[test]
fn the_same_report_is_the_same_page() {
    assert_eq!(sample::working().html("a"), sample::working().html("a"));
}
