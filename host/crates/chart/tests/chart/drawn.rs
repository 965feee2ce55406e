//! What is written about a chart: SVG that any reader accepts, Mermaid, DOT and the tree as their readers expect them.

use crate::support::chart;
use charthouse_chart::draw::{AtError, Options, TreeStyle, active, dot, mermaid, svg, tree};
use charthouse_chart::*;
use serde_json::json;

/// A chart with a bit of everything.
fn everything() -> Chart {
    chart(json!({
        "chart": "night-shift",
        "data": {"n": 0},
        "initial": "idle",
        "on": {"stop": "done"},
        "states": {
            "idle": {
                "tags": ["needs-human"],
                "on": {"go": {"guard": "data.n < 3", "target": "work", "actions": [{"assign": {"n": "data.n + 1"}}]},
                       "tick": {"actions": [{"raise": "go"}]}},
                "after": {"10m": "done"},
            },
            "work": {
                "type": "parallel",
                "entry": [{"log": "'hello'"}],
                "states": {
                    "left": {"initial": "l1", "states": {
                        "l1": {"invoke": "turn", "on": {"turn.done": "l2"}},
                        "l2": {"type": "final"},
                        "past": {"type": "history", "history": "deep", "target": "l1"},
                    }},
                    "right": {"initial": "end", "states": {"end": {"on": {"again": {"target": "end", "reenter": true}}}}},
                },
                "on": {"done.state.work": ["idle"]},
            },
            "done": {"type": "final"},
        },
    }))
}

fn at(chart: &Chart, names: &[&str]) -> Options {
    Options {
        about: Some("Works <at> night & \"sleeps\" by day.".into()),
        active: active(chart, names).expect("a configuration"),
        ..Options::default()
    }
}

fn ids(chart: &Chart, names: &[&str]) -> Result<Vec<String>, AtError> {
    let states = active(chart, names)?;
    Ok(states
        .iter()
        .map(|id| chart.state(*id).id.to_string())
        .collect())
}

/// Reads a document strictly enough for this: every tag closed in order, no stray `<` or `&`, no character that XML forbids.
fn read_xml(text: &str) -> Vec<(String, String)> {
    let forbidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    assert!(!text.contains(forbidden), "a forbidden character");
    let mut open: Vec<String> = Vec::new();
    let mut texts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        let end = tag.find('>').expect("a tag that ends");
        assert!(!before.contains('>') || open.last().is_some_and(|tag| tag == "style"));
        check_entities(before);
        texts.push((open.last().cloned().unwrap_or_default(), before.to_owned()));
        let inside = &tag[1..end];
        assert_eq!(inside.matches('"').count() % 2, 0, "{inside}");
        check_entities(inside);
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !inside.ends_with('/') {
            open.push(inside.split(' ').next().unwrap_or_default().to_owned());
        }
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty(), "{open:?} stay open");
    texts
}

fn check_entities(text: &str) {
    for entity in text.split('&').skip(1) {
        let name = entity.split(';').next().unwrap_or_default();
        assert!(
            ["amp", "lt", "gt", "quot", "#39"].contains(&name),
            "&{name}"
        );
    }
}

#[test]
fn svg_is_well_formed_and_says_what_it_shows() {
    let chart = everything();
    let text = svg(&chart, &at(&chart, &["l1"]));
    let texts = read_xml(&text);
    let has = |tag: &str, text: &str| texts.iter().any(|t| t.0 == tag && t.1 == text);
    assert!(has("title", "Statechart night-shift"));
    assert!(
        has("title", "go [data.n &lt; 3] / n := data.n + 1"),
        "the label in full"
    );
    assert!(has("text", "needs-human"));
    assert!(
        has("text", "tick / raise go"),
        "an internal transition in its box"
    );
    assert!(has("text", "H*"));
    let description = texts.iter().find(|t| t.0 == "desc").expect("a description");
    assert_eq!(
        description.1,
        "Works &lt;at&gt; night &amp; &quot;sleeps&quot; by day. 9 states, 7 transitions. Active: l1, end."
    );
    assert!(text.contains("prefers-color-scheme:dark"));
    // Nothing is fetched from elsewhere.
    let outside = text.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http") && !outside.contains("url(") && !outside.contains("href"));
    assert_eq!(text.matches(r#"<g class="state active">"#).count(), 5);
}

#[test]
fn text_cannot_break_out_of_its_place() {
    let nasty = "data.n == 1 && '</text><script>\"\u{202e}\u{0}\u{7}שלום' != ''";
    let chart = chart(json!({
        "data": {"n": 0},
        "initial": "a",
        "states": {
            "a": {"tags": ["<b>&\u{1b}[31m"], "on": {"go": {"guard": nasty, "target": "b"}}},
            "b": {},
        },
    }));
    let options = Options::default();
    let text = svg(&chart, &options);
    let texts = read_xml(&text);
    assert!(texts.iter().any(|t| t.1.contains("שלום")), "letters stay");
    assert!(!text.contains("<script") && !text.contains('\u{202e}'));
    let color = TreeStyle {
        color: false,
        columns: 100,
    };
    for text in [
        tree(&chart, &options, color),
        mermaid(&chart, &options),
        dot(&chart, &options),
    ] {
        let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(control), "{text:?}");
    }
    assert!(
        dot(&chart, &options).contains(r#"<script>\""#),
        "quotes are escaped"
    );
    assert!(mermaid(&chart, &options).contains("#60;script#62;#34;"));
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    let options = at(&everything(), &["idle"]);
    assert_eq!(svg(&everything(), &options), svg(&everything(), &options));
}

#[test]
fn mermaid_as_its_parser_expects_it() {
    let chart = everything();
    let expected = r#"---
title: "night-shift 1.0.0"
---
stateDiagram-v2
    %% Mermaid has no history states: they are drawn as states named H, or H* for deep ones.
    %% Transitions of the chart as a whole leave the state `anywhere`.
    state "anywhere" as anywhere
    state "idle" as idle
    idle : tag needs-human
    idle : tick / raise go
    state "work" as work {
        state "left" as left {
            state "l1" as l1
            l1 : invoke turn
            state "l2" as l2
            l2 --> [*]
            state "H*" as past
            note right of past : Deep history past
            [*] --> l1
            l1 --> l2 : turn.done
            past --> l1
        }
        [*] --> left
        --
        state "right" as right {
            state "end" as s8
            [*] --> s8
            s8 --> s8 : again (re-enters)
        }
        [*] --> right
    }
    note right of work
        entry / log 'hello'
    end note
    state "done" as done
    done --> [*]
    [*] --> idle
    anywhere --> done : stop
    idle --> work : go [data.n #60; 3] / n #58;= data.n + 1
    idle --> done : after 10m
    work --> idle : done.state.work
    classDef active fill:#d9eafd,stroke:#1668c7,stroke-width:2px,color:#0d4a94
    class l1,s8 active
"#;
    let text = mermaid(&chart, &at(&chart, &["l1"]));
    assert_eq!(text, expected, "{text}");
}

#[test]
fn dot_cuts_arrows_at_clusters() {
    let chart = everything();
    let text = dot(&chart, &at(&chart, &["l1"]));
    for line in [
        r##"  compound=true; label="night-shift 1.0.0"; labelloc=t; labeljust=l; fontname="Helvetica";"##,
        r##"  n1 [label="idle\l#needs-human\ltick / raise go\l", color="#8b97a8"];"##,
        r##"  subgraph cluster_2 {"##,
        r##"      n4 [label="l1\linvoke turn\l", color="#1668c7", fillcolor="#d9eafd"];"##,
        r##"      n6 [shape=circle, margin=0.02, label="H*", color="#8b97a8"];"##,
        r##"  n1 -> a2 [label="go [data.n < 3] / n := data.n + 1", lhead=cluster_2];"##,
        r##"  a2 -> n1 [label="done.state.work", ltail=cluster_2];"##,
        r##"  a0 -> n9 [label="stop"];"##,
        r##"  i3 -> n4 [label=""];"##,
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn the_tree_fits_the_terminal() {
    let chart = everything();
    let style = TreeStyle {
        color: false,
        columns: 60,
    };
    let expected = r#"night-shift 1.0.0  Works <at> night & "sleeps" by day.
│ stop → done
├─ ○ idle  initial  #needs-human
│    go [data.n < 3] / n := data.n + 1 → work
│    tick / raise go
│    after 10m → done
├─ ● work  parallel
│  │ entry / log 'hello'
│  │ done.state.work → idle
│  ├─ ● left
│  │  ├─ ● l1  initial
│  │  │    invoke turn
│  │  │    turn.done → l2
│  │  ├─ ○ l2  final
│  │  └─   past  H*
│  │       default → l1
│  └─ ● right
│     └─ ● end  initial
│          again (re-enters) → end
└─ ○ done  final
"#;
    let text = tree(&chart, &at(&chart, &["l1"]), style);
    assert_eq!(text, expected, "{text}");
    let narrow = TreeStyle {
        color: true,
        columns: 24,
    };
    let text = tree(&chart, &at(&chart, &["l1"]), narrow);
    assert!(
        text.contains("\u{1b}[1;36ml1\u{1b}[0m"),
        "the active state is marked"
    );
    for line in text.lines() {
        let mut plain = line.to_owned();
        while let Some(start) = plain.find('\u{1b}') {
            let end = plain[start..].find('m').expect("a code that ends");
            plain.replace_range(start..=start + end, "");
        }
        assert!(plain.chars().count() <= 24, "{plain}");
    }
    assert!(text.contains(" → work"), "where it leads stays in sight");
}

#[test]
fn states_that_are_named_bring_others_with_them() {
    let chart = everything();
    assert_eq!(
        ids(&chart, &["work"]).expect("fine"),
        ["work", "left", "l1", "right", "end"]
    );
    assert_eq!(
        ids(&chart, &["l2"]).expect("fine"),
        ["work", "left", "l2", "right", "end"]
    );
    assert_eq!(ids(&chart, &[]).expect("fine"), [""; 0]);
    let wrong =
        |names: &[&str]| ids(&chart, names).map_err(|error| format!("{error}; {}", error.help()));
    assert_eq!(
        wrong(&["wrok"]).expect_err("unknown"),
        "the chart `night-shift` has no state `wrok`; did you mean `work`?"
    );
    assert_eq!(
        wrong(&["l1", "l2"]).expect_err("exclusive"),
        "`l1` and `l2` cannot be active together: only one state of `left` is at a time; \
         name one of them; several states are active together only in different regions of a parallel state"
    );
    assert!(matches!(
        ids(&chart, &["idle", "end"]),
        Err(AtError::Exclusive { .. })
    ));
    assert!(matches!(
        ids(&chart, &["past"]),
        Err(AtError::History { .. })
    ));
    assert!(matches!(ids(&chart, &[""]), Err(AtError::Unknown { .. })));
}
