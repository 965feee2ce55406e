//! Conversations at a terminal: what a person sees on the screen, what was typed ahead, and the modes in which the terminal is left.
//!
//! Where there is no terminal to be had, the tests say so and do nothing.

use charthouse_tests::{Answer, House, ModelServer, Plan, Said, Terminal};
use std::process::Command;
use std::time::Duration;

fn house(server: &ModelServer, chart: Option<&str>) -> House {
    let plan = Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        ..Plan::default()
    };
    House::of(Plan {
        chart: chart.unwrap_or(plan.chart),
        ..plan
    })
}

#[test]
fn the_answer_stays_while_it_streams_and_what_was_typed_ahead_is_said_in_order() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let server = ModelServer::start(move |asked| {
        let said = asked.messages().last().unwrap()["content"].clone();
        if said.as_str().unwrap().contains("first") {
            gone.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        // Every word is a delta of its own.
        Answer::Say(Said::text("one two three four five six seven"))
    });
    let house = house(&server, None);
    let Some(mut terminal) = Terminal::open(
        &house,
        "$charthouse chat tester; echo \"code $?\"; stty -a | tr ' ' '\\n' | grep -x -e -*icanon -e -*echo",
    ) else {
        return;
    };
    terminal.until("asked", |screen| screen.ends_with("tester> "));
    terminal.press(b"the first\r");
    terminal.until("the model is asked", |_| server.asked().len() == 1);
    terminal.press(b"the second\rthe third\r");
    go.send(()).unwrap();
    terminal.until("three answers and a prompt", |screen| {
        screen
            .matches("one two three four five six seven\n")
            .count()
            == 3
            && screen.ends_with("tester> ")
    });
    let said: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.messages().last().unwrap()["content"].clone())
        .collect();
    assert_eq!(said, ["the first", "the second", "the third"]);
    let screen = terminal.screen();
    let status: Vec<_> = screen
        .lines()
        .filter(|row| row.starts_with("done · "))
        .collect();
    assert_eq!(status.len(), 3, "{screen}");
    assert!(
        status.iter().all(|row| row.chars().count() == 29),
        "{screen}"
    );
    terminal.press(b"\x04");
    terminal.until("it ends well", |screen| {
        screen.contains("code 0") && screen.contains("\nicanon") && screen.contains("\necho")
    });
}

#[test]
fn a_signal_at_the_prompt_leaves_the_terminal_as_it_was() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("Here.")));
    let house = house(&server, None);
    for (signal, rested) in [("TERM", false), ("TERM", true), ("HUP", true)] {
        let Some(mut terminal) = Terminal::open(
            &house,
            "sh -c 'echo $$ > pid; exec '$charthouse' chat tester'; echo \"code $?\"; stty -a | tr ' ' '\\n' | grep -x -e -*icanon -e -*echo",
        ) else {
            return;
        };
        terminal.until("asked", |screen| screen.ends_with("tester> "));
        if rested {
            terminal.press(b"hello\r");
            terminal.until("answered", |screen| {
                screen.contains("Here.") && screen.ends_with("tester> ")
            });
        }
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), house.read("pid").trim()])
            .status();
        assert!(sent.unwrap().success());
        terminal.until("the terminal is itself again", |screen| {
            screen.contains("\ncode 1\nicanon\necho\n")
        });
        assert!(
            terminal.raw().contains("\x1b[?2004l"),
            "what is pasted is not marked any more"
        );
    }
}

#[test]
fn what_happens_while_somebody_types_is_printed_above_the_line() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("Tick.\nTock")));
    let house = house(
        &server,
        Some(
            "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: rest } }\n  \
             rest: { tags: [needs-human], on: { human.said: work }, after: { 700ms: again } }\n  \
             again: { invoke: turn, on: { turn.done: quiet } }\n  \
             quiet: { tags: [needs-human], on: { human.said: done } }\n  done: { type: final }\n",
        ),
    );
    let Some(mut terminal) = Terminal::open(&house, "$charthouse chat tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("asked", |screen| screen.ends_with("tester> "));
    terminal.press(b"hello\r");
    terminal.until("answered", |screen| screen.ends_with("tester> "));
    terminal.press(b"half a mess");
    terminal.until("the timer's turn stands above the line", |screen| {
        screen.matches("Tick.\nTock\n").count() == 2
            && screen.contains("state quiet")
            && screen.matches("waiting · ").count() == 2
            && screen.ends_with("tester> half a mess")
    });
    terminal.press(b"age\r");
    terminal.until("it was one message", |screen| {
        screen.contains("tester> half a message\n")
            && screen.contains("state done")
            && screen.ends_with("tester> ")
    });
    terminal.press(b"/quit\r");
    terminal.until("it ends well", |screen| screen.contains("code 0"));
    assert!(
        house.journal("said").last().unwrap()["body"]
            .to_string()
            .contains("half a message")
    );
}

#[test]
fn what_is_no_text_is_asked_for_again() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("Here.")));
    let house = house(&server, None);
    let Some(mut terminal) = Terminal::open(&house, "$charthouse chat tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("asked", |screen| screen.ends_with("tester> "));
    terminal.press(b"gr\xfc\xdfe\r");
    terminal.until("refused", |screen| {
        screen.contains("not UTF-8") && screen.ends_with("tester> ")
    });
    terminal.press("grüße\r".as_bytes());
    terminal.until("answered", |screen| screen.contains("Here."));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_terminal_that_knows_no_control_sequences_gets_none() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("a\u{202e}b\u{1b}[2Jc")));
    let house = house(&server, None);
    let Some(mut terminal) = Terminal::open(
        &house,
        "TERM=dumb; export TERM; $charthouse chat tester; echo \"code $?\"",
    ) else {
        return;
    };
    terminal.until("asked", |screen| screen.ends_with("tester> "));
    terminal.press(b"hello\r");
    terminal.until("answered", |screen| {
        screen.contains("a\u{fffd}b\u{fffd}[2Jc") && screen.ends_with("tester> ")
    });
    terminal.press(b"/quit\r");
    terminal.until("it ends", |screen| screen.contains("code 0"));
    assert!(!terminal.raw().contains('\x1b'), "{:?}", terminal.raw());
}
