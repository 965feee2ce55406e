//! The page as a person meets it: with a pointer, with the keyboard, in the dark, on a telephone, on paper.

use crate::browser::Browser;
use crate::contrast::TOO_FAINT;
use crate::sample;
use serde_json::{Value, json};

const WIDE: (u32, u32) = (1_280, 900);
const NARROW: (u32, u32) = (360, 740);

/// The focused part: where it leads, whether its focus shows, and whether its details do, inside the window.
const FOCUSED: &str = r#"(() => {
  const part = document.activeElement, card = part.querySelector?.('.card');
  if (!card) return null;
  const box = card.getBoundingClientRect();
  return { href: part.getAttribute('href'), outline: getComputedStyle(part).outlineStyle, card: getComputedStyle(card).visibility,
    inside: box.left >= 0 && box.right <= innerWidth && box.width > 100 };
})()"#;

fn overflow(browser: &mut Browser) -> i64 {
    let widths = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
    widths.as_i64().expect("a number")
}

fn links(browser: &mut Browser) -> Vec<Value> {
    let links = browser.evaluate(
        "[...document.querySelectorAll('.parts a')].map(part => part.getAttribute('href'))",
    );
    links.as_array().expect("a list").clone()
}

#[test]
fn every_part_is_reached_with_the_keyboard_and_shows_its_details() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    for (size, name) in [(WIDE, "wide"), (NARROW, "narrow")] {
        browser.show("working", &sample::working().html("coder"), size, "light");
        let links = links(&mut browser);
        assert_eq!(links.len(), 10);
        for link in &links {
            browser.press("Tab", 9);
            let focused = browser.evaluate(FOCUSED);
            let expected =
                json!({"href": link, "outline": "solid", "card": "visible", "inside": true});
            assert_eq!(focused, expected, "{name}");
            if link == "#chunk-4" {
                browser.picture(&format!("context-{name}-focus"), false);
            }
        }
        // The last part leads to its row, which is marked.
        browser.press("Enter", 13);
        let target = browser.evaluate("document.querySelector('tr:target')?.id");
        assert_eq!(target, "reserve");
        browser.press("Tab", 9);
        let next = browser.evaluate(FOCUSED);
        assert_eq!(next["href"], links[0], "nothing else takes the focus");
    }
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn every_part_is_met_by_a_pointer() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.show("working", &sample::working().html("coder"), WIDE, "light");
    let count = links(&mut browser).len();
    for index in 0..count {
        let face = format!("document.querySelectorAll('.parts a')[{index}]");
        let place = browser.evaluate(&format!(
            "(() => {{ const box = {face}.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2, box.width]; }})()"
        ));
        let at = |index: usize| place[index].as_f64().expect("a number");
        assert!(at(2) >= 8.0, "part {index} is {} pixels wide", at(2));
        browser.point(at(0), at(1));
        let card = format!("getComputedStyle({face}.querySelector('.card')).visibility");
        assert_eq!(browser.evaluate(&card), "visible", "part {index}");
    }
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn it_can_be_read_in_the_light_in_the_dark_and_on_a_narrow_screen() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let page = sample::working().html("coder: what the model sees");
    for (size, scheme, name) in [
        (WIDE, "light", "context-light"),
        (WIDE, "dark", "context-dark"),
        (NARROW, "light", "context-narrow"),
        (NARROW, "dark", "context-narrow-dark"),
    ] {
        browser.show("working", &page, size, scheme);
        assert!(overflow(&mut browser) <= 0, "{name} is too wide");
        assert_eq!(browser.evaluate(TOO_FAINT), json!([]), "{name}");
        browser.picture(name, true);
    }
    for width in [320, 500, 639, 641, 800, 1_119, 1_121, 1_920] {
        browser.show("working", &page, (width, 900), "light");
        assert!(overflow(&mut browser) <= 0, "{width} pixels are too narrow");
    }
    browser.show("working", &page, WIDE, "dark");
    let dark = browser.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    assert_eq!(dark, "rgb(14, 20, 26)");
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn parts_are_as_long_as_what_they_hold() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.show("working", &sample::working().html("coder"), WIDE, "light");
    let widths = browser.evaluate("[...document.querySelectorAll('.parts a')].map(part => part.getBoundingClientRect().width)");
    let width = |index: usize| widths[index].as_f64().expect("a number");
    // history : free is 61 204 : 40 328, repo : tools is 9 830 : 5 480.
    for (one, other, ratio) in [(3, 8, 61_204.0 / 40_328.0), (2, 1, 9_830.0 / 5_480.0)] {
        let found = width(one) / width(other);
        assert!((found / ratio - 1.0f64).abs() < 0.02, "{found} for {ratio}");
    }
}

#[test]
fn strangers_do_nothing_to_it() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let title = "</title><script>document.title='owned'</script>";
    for size in [WIDE, NARROW] {
        browser.show("hostile", &sample::hostile().html(title), size, "light");
        browser.picture(&format!("context-hostile-{}", size.0), true);
        assert!(overflow(&mut browser) <= 0, "{size:?}");
        assert_eq!(browser.evaluate("document.title"), title);
        let strange =
            "document.querySelectorAll('script, img, iframe, link, [onfocus], [onerror]').length";
        assert_eq!(browser.evaluate(strange), 0);
        assert_eq!(
            browser.evaluate("document.querySelectorAll('tbody tr').length"),
            8
        );
        browser.picture(&format!("context-hostile-{}", size.0), true);
        browser.show("crowded", &sample::crowded().html("crowded"), size, "dark");
        assert!(overflow(&mut browser) <= 0, "{size:?}");
        browser.picture(&format!("context-crowded-{}", size.0), true);
    }
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn on_paper_nothing_is_hidden_behind_a_pointer() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.show("working", &sample::working().html("coder"), WIDE, "dark");
    let pdf = browser.call("Page.printToPDF", json!({"preferCSSPageSize": true}));
    assert!(
        pdf["data"]
            .as_str()
            .is_some_and(|data| data.starts_with("JVBER")),
        "a PDF"
    );
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let shown = browser.evaluate("[...document.querySelectorAll('.card, .below p')].filter(part => part.offsetParent).length");
    assert_eq!(shown, 0);
    assert_eq!(
        browser.evaluate("document.querySelectorAll('tbody tr').length"),
        11
    );
}
