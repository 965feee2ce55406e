//! Sessions, typed from beginning to end.

use super::session::talk;
use crate::print::Paint;
use definitions::{ChartBundle, load_chart, load_scenarios};
use std::path::{Path, PathBuf};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/cognition/deliberate.yaml")
}

fn session_of(path: &Path, color: bool, typed: impl AsRef<[u8]>) -> String {
    let bundle: ChartBundle = match load_chart(path) {
        Ok((bundle, _)) => bundle,
        Err(report) => panic!("{report}"),
    };
    let mut output = Vec::new();
    let mut input = typed.as_ref();
    talk(&bundle, path, Paint::new(color), &mut input, &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

fn session(typed: impl AsRef<[u8]>) -> String {
    session_of(&shipped(), false, typed)
}

#[test]
fn the_screen_shows_where_the_chart_is_and_what_can_happen_next() {
    let shown = session("turn.done\n");
    let after = shown.rsplit("> ").nth(1).unwrap();
    assert_eq!(
        after,
        r#"
          turn.done at 0s  orient → act
state     act  Do what was asked.
data      * rounds: 1 (was 0)
effects   invoke turn id="act.2" state="act"
running   act.2: turn, which answers turn.done or error
timers    timer.act.10m in 10m
context   act: Now do what was asked, and nothing else.
policy    act: allow fs.*
          act: allow patch.*
          act: /workspace read-write
events     1 turn.done             act → check  if data.rounds < 3 && event.data.changed  (depends on the event)
                                   act → done
           2 error                 act → stuck
             timer.act.10m         act → stuck
"#
    );
    assert!(
        shown.ends_with("> \n"),
        "the end of the input ends it: {shown}"
    );
}

#[test]
fn numbers_names_data_and_time_move_the_chart() {
    let shown = session("1\n1 {\"changed\":true}\nsignal.flawed\n+9m\nnext\nhuman.said\n");
    for told in [
        "orient → act",
        "act → check",
        "signals   signal.flawed",
        "check → act",
        "nothing happened until 9m",
        "timer.act.10m in 1m",
        "timer.act.10m at 10m  act → stuck",
        "stuck  [needs-human]  A person has to look.",
        "stuck → orient",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
}

#[test]
fn a_step_can_be_taken_back_and_all_of_them_too() {
    let shown = session("turn.done\nerror\nback\nback\nback\nerror\nrestart\n");
    let states: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("state     "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        states,
        ["orient", "act", "stuck", "act", "orient", "stuck", "orient"]
    );
    assert!(shown.contains("? this is the start; there is nothing to take back"));
}

#[test]
fn nothing_that_is_typed_ends_it_without_an_explanation() {
    for (typed, told) in [
        (
            "tunr.done",
            "nothing in the chart listens to `tunr.done`: did you mean `turn.done`?",
        ),
        ("7", "the list has the numbers 1 to 2"),
        ("0", "the list has the numbers 1 to 2"),
        ("99999999999999999999999", "nothing in the chart listens to"),
        ("1 {changed", "the data is not JSON"),
        ("next", "no timer is running"),
        ("+x", "`x` is not a duration"),
        ("save", "`save` needs the name of a file"),
        ("save /nowhere/at/all", "cannot write /nowhere/at/all"),
        ("\u{1b}[31mred", "nothing in the chart listens to"),
    ] {
        let shown = session(format!("{typed}\nturn.done\n"));
        assert!(shown.contains(told), "{typed}: {shown}");
        assert!(
            shown.contains("orient → act"),
            "it goes on after `{typed}`: {shown}"
        );
        assert!(
            !shown.contains('\u{1b}'),
            "{typed:?} speaks to the terminal"
        );
    }
    let shown = session(b"\xff\xfe\n1\n".as_slice());
    assert!(shown.contains("orient → act"), "{shown}");
}

#[test]
fn an_event_nobody_hears_and_one_that_comes_too_late_are_told() {
    let shown = session("event noise\nturn.done\nturn.done {\"changed\":false}\nturn.done\n");
    assert!(
        shown.contains("noise at 0s  no transition was taken"),
        "{shown}"
    );
    assert!(
        shown.contains("the chart has ended\n> ? the chart has ended; `back`"),
        "{shown}"
    );
}

#[test]
fn a_session_is_kept_as_a_scenario_and_as_events() {
    let directory = tempfile::tempdir().unwrap();
    let (cases, events) = (
        directory.path().join("my session.yaml"),
        directory.path().join("events"),
    );
    let typed = format!(
        "turn.done\n+1m\nturn.done {{\"changed\":true}}\n+2m\nsave {0}\nsave {0}\nevents {1}\n",
        cases.display(),
        events.display()
    );
    let shown = session(typed);
    assert!(shown.contains("exists; write to another file"), "{shown}");
    assert!(
        shown.contains("the last 2m, which no event follows, are not in it"),
        "{shown}"
    );
    let (file, _) = load_scenarios(&cases).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(*file.name, "my-session");
    let outcome = file.cases[0].play(&file.chart.chart);
    assert!(outcome.failed.is_none(), "{:?}", outcome.failed);
    assert_eq!(outcome.coverage.states().reached, 3);
    assert_eq!(
        std::fs::read_to_string(events).unwrap(),
        "{\"event\":\"turn.done\"}\n{\"event\":\"turn.done\",\"data\":{\"changed\":true},\"after_ms\":60000}\n"
    );
}

#[test]
fn what_a_chart_says_cannot_speak_to_the_terminal_and_styles_can() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loud.yaml");
    let text = "chart: loud\nversion: 1.0.0\ninitial: a\nstates:\n  a:\n    doc: \"\\e]0;owned\\a\"\n    tags: [\"\\e[2J\"]\n    on: { \"go\\e[31m\": { guard: \"'\\e[5m' == 'x'\", target: b } }\n  b: {}\n";
    std::fs::write(&path, text).unwrap();
    assert!(!session_of(&path, false, "look\n").contains('\u{1b}'));
    let styled = session_of(&path, true, "look\n");
    assert!(styled.contains("\u{1b}[1ma\u{1b}[0m"), "{styled}");
    assert!(
        !styled.contains("\u{1b}]")
            && !styled.contains("\u{1b}[2J")
            && !styled.contains("\u{1b}[5m")
    );
}

#[test]
fn a_chart_that_cannot_go_on_says_so_and_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("circle.yaml");
    let text = "chart: circle\nversion: 1.0.0\ndata: { n: 1 }\ninitial: s\nstates:\n  s: { on: { go: a } }\n  a: { always: { guard: data.n > 0, target: b } }\n  b: { always: { guard: data.n > 0, target: a } }\n";
    std::fs::write(&path, text).unwrap();
    let shown = session_of(&path, false, "go\ngo\nback\n");
    assert!(
        shown.contains("error     the chart does not come to rest"),
        "{shown}"
    );
    assert!(shown.contains("? the chart cannot go on"), "{shown}");
    assert!(
        shown.rsplit("> ").nth(1).unwrap().contains("1 go"),
        "{shown}"
    );
}

#[test]
fn a_timer_that_always_sets_itself_again_does_not_hold_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clock.yaml");
    let text = "chart: clock\nversion: 1.0.0\ndata: { ticks: 0 }\ninitial: s\nstates:\n  s: { entry: [{ assign: { ticks: data.ticks + 1 } }, { log: tick }], after: { 1ms: { target: s, reenter: true } } }\n";
    std::fs::write(&path, text).unwrap();
    let shown = session_of(&path, false, "+365d\n+5ms\nback\n");
    assert!(shown.contains("(980 timers before these)"), "{shown}");
    assert!(shown.contains("ticks: 1001"), "{shown}");
    assert!(shown.contains("ticks: 1006 (was 1001)"), "{shown}");
    assert!(shown.len() < 20_000, "{} bytes", shown.len());
}
