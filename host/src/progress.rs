//! What a person sees of a run: one live line on a terminal, plain lines in a pipe. What the model says goes to standard output, the rest to standard error.

use crate::print::{color_on_stderr, err, one_line, plain, takes_controls, terminal_is_lent};
use runtime::{RunEnd, RunEvent, Status};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Follows a run.
pub struct Progress {
    live: bool,
    stdout_live: bool,
    color: bool,
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    state: String,
    doing: String,
    input: u64,
    output: u64,
    calls: u64,
    /// The model's text stands on a line that has not ended.
    text_open: bool,
    /// The part of that line which is held back, as somebody types below it.
    held: String,
}

impl Progress {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Progress {
            live: std::io::stderr().is_terminal() && takes_controls(),
            stdout_live: std::io::stdout().is_terminal(),
            color: color_on_stderr(),
            started: Instant::now(),
            seen: Mutex::new(Seen::default()),
        }
    }

    /// Show what happened.
    pub fn see(&self, event: &RunEvent) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        match event {
            RunEvent::Started {
                run,
                agent,
                provider,
                model,
            } => {
                self.line(
                    &mut seen,
                    &format!("run {run}: {agent} asks {model} at {provider}"),
                );
            }
            RunEvent::State {
                event,
                configuration,
            } => {
                seen.state = configuration.join(" + ");
                seen.doing.clear();
                let why = event
                    .as_deref()
                    .map(|event| format!("  ({event})"))
                    .unwrap_or_default();
                let text = format!("{} {}{why}", self.paint("1", "state"), seen.state);
                self.line(&mut seen, &text);
            }
            RunEvent::Think { tokens, .. } => {
                seen.doing = format!("thinking about {tokens} tokens");
            }
            RunEvent::Text { text } => {
                self.text(&mut seen, text);
                return;
            }
            RunEvent::Reply { usage, .. } => {
                seen.input += usage.input;
                seen.output += usage.output;
                seen.doing.clear();
            }
            RunEvent::Call {
                tool, arguments, ..
            } => {
                seen.calls += 1;
                seen.doing = format!("{tool} {}", short(arguments));
            }
            RunEvent::Outcome {
                tool,
                ok,
                error,
                wall_us,
                ..
            } => {
                let time = format!("{:.1} ms", *wall_us as f64 / 1e3);
                let text = match (ok, error) {
                    (true, _) => format!("  {} {}  {time}", self.paint("32", "✓"), plain(tool)),
                    (false, Some(error)) => {
                        let (tool, error) = (plain(tool), plain(error));
                        format!("  {} {tool}  {error}", self.paint("31", "✗"))
                    }
                    (false, None) => format!("  {} {}", self.paint("31", "✗"), plain(tool)),
                };
                seen.doing.clear();
                self.line(&mut seen, &text);
            }
            RunEvent::Log { source, message } => {
                let text = format!("  {}: {}", plain(source), plain(message));
                self.line(&mut seen, &text);
            }
            RunEvent::Permission { tool, answer, .. } => {
                let said = match *answer {
                    "once" => "allowed once",
                    "run" => "allowed in this run",
                    "always" => "allowed from now on",
                    _ => "not allowed",
                };
                self.line(&mut seen, &format!("  {said}: {}", plain(tool)));
            }
            RunEvent::Ask { question } => {
                let text = format!("  asked: {}", plain(&question.to_string()));
                self.line(&mut seen, &text);
            }
            RunEvent::Reloaded {
                files,
                changes,
                later,
            } => {
                let mut names: Vec<&str> = files.iter().map(|change| &*change.file).collect();
                if names.is_empty() {
                    names.push("a script");
                }
                self.line(
                    &mut seen,
                    &format!("  reloaded: {}", plain(&names.join(", "))),
                );
                for change in changes {
                    self.line(&mut seen, &format!("    {}", plain(change)));
                }
                for what in later {
                    self.line(&mut seen, &format!("    not now: {}", plain(what)));
                }
            }
            RunEvent::NotReloaded { why } => {
                let what = "what was saved is not used, the definitions before go on:";
                self.line(&mut seen, &format!("  {} {what}", self.paint("31", "✗")));
                for line in why.lines() {
                    let text = format!("    {}", plain(line));
                    self.line(&mut seen, text.trim_end());
                }
            }
            RunEvent::Guard {
                guard,
                subject,
                verdict,
                why,
            } => {
                let what = match *verdict {
                    "redact" => "took something out of",
                    "block" => "held back",
                    _ => "could not look at, so held back,",
                };
                let why = why.as_deref().map(|why| format!(": {}", plain(why)));
                let text = format!(
                    "  {} the guard {guard} {what} {}{}",
                    self.paint("33", "!"),
                    plain(subject),
                    why.unwrap_or_default()
                );
                self.line(&mut seen, &text);
            }
            RunEvent::Interrupted { activities } => {
                seen.doing.clear();
                let what = match activities {
                    0 => "nothing was under way",
                    _ => "stopped",
                };
                self.line(&mut seen, &format!("  {} {what}", self.paint("33", "■")));
            }
            RunEvent::Rest { cause, .. } => {
                seen.doing.clear();
                match cause {
                    Some(cause) => {
                        let text = format!("  {} {}", self.paint("31", "✗"), plain(&cause.message));
                        self.line(&mut seen, &text);
                    }
                    None => self.end_line(&mut seen),
                }
                // Nothing moves now: the line belongs to whoever types.
                return;
            }
            RunEvent::Reasoning { .. } | RunEvent::Done { .. } => {}
        }
        self.status(&seen);
    }

    /// A question comes: whatever stands on a line that has not ended is ended or taken away.
    pub fn make_room(&self) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        self.end_line(&mut seen);
    }

    /// Where a conversation stands, in a line: how it came to rest, the state, tokens and cost.
    pub fn status_line(&self, status: Status, usd: &str) -> String {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        let text = format!(
            "{} · {} · {} tokens in, {} out · ${usd}",
            word(status).1,
            seen.state,
            seen.input,
            seen.output
        );
        self.paint("2", &one_line(&text))
    }

    /// Say how it ended and where the record lies.
    pub fn finish(&self, end: &RunEnd, store: &Path) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        let (color, word) = word(end.status);
        let text = format!(
            "{} in {:.1} s: {} calls, {} tokens in, {} out",
            self.paint(color, word),
            self.started.elapsed().as_secs_f64(),
            seen.calls,
            seen.input,
            seen.output
        );
        self.line(&mut seen, &text);
        if let Some(cause) = &end.cause {
            self.line(&mut seen, &format!("because: {}", plain(&cause.message)));
        }
        self.line(
            &mut seen,
            &format!("journal: {} (run {})", store.display(), end.run),
        );
    }

    fn line(&self, seen: &mut Seen, text: &str) {
        self.end_line(seen);
        err(&format!("{text}\n"));
    }

    /// The model's own words, as they come.
    fn text(&self, seen: &mut Seen, text: &str) {
        // Only the live line may be taken away, never what the model has said so far.
        if !seen.text_open {
            self.clear();
        }
        if !text.is_empty() {
            seen.text_open = !text.ends_with('\n');
        }
        let mut out = std::io::stdout().lock();
        if !self.stdout_live {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            return;
        }
        seen.held.push_str(&plain(text));
        if terminal_is_lent() {
            // Above the line that is being typed there is room for whole lines only.
            if let Some(end) = seen.held.rfind('\n') {
                let rest = seen.held.split_off(end + 1);
                err(&std::mem::replace(&mut seen.held, rest));
            }
        } else {
            let text = std::mem::take(&mut seen.held);
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// Whatever comes next begins on a line of its own.
    fn end_line(&self, seen: &mut Seen) {
        let held = std::mem::take(&mut seen.held);
        match (std::mem::take(&mut seen.text_open), held.is_empty()) {
            (true, true) => {
                let _ = writeln!(std::io::stdout());
            }
            (true, false) => err(&format!("{held}\n")),
            (false, _) => self.clear(),
        }
    }

    /// The live line: state, what is being done, tokens so far.
    fn status(&self, seen: &Seen) {
        if !self.live || seen.text_open || terminal_is_lent() {
            return;
        }
        let text = format!(
            "{} · {} · {} tokens",
            seen.state,
            if seen.doing.is_empty() {
                "…"
            } else {
                &seen.doing
            },
            seen.input + seen.output
        );
        err(&format!("\r\x1b[2K{}", self.paint("2", &one_line(&text))));
    }

    fn clear(&self) {
        if self.live && !terminal_is_lent() {
            err("\r\x1b[2K");
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A status as people read it, with its colour.
fn word(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Done => ("32", "done"),
        Status::Waiting => ("33", "waiting"),
        Status::Failed => ("31", "failed"),
        Status::Cancelled => ("33", "cancelled"),
        Status::Budget => ("33", "out of budget"),
    }
}

/// Arguments cut to fit a line.
fn short(arguments: &str) -> String {
    let mut line: String = arguments
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if arguments.chars().count() > 60 {
        line.push('…');
    }
    line
}
