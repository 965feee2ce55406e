//! What a session shows after each step: plain lines, so that it works over any connection and stays readable in a log.

use super::story::{Story, Told};
use crate::print::{BOLD, CYAN, DIM, Paint, RED, YELLOW, plain};
use crate::verbs::chart::words::{arrow, overlay_lines, source_text};
use chart::{Chart, Effect, GuardNow, Listener, Snapshot};
use definitions::ChartBundle;
use std::fmt::Write;
use std::time::Duration;
use types::write_duration;

/// Characters of what a chart says: with its label, a line fits a terminal of 100.
const LONGEST: usize = 80;

/// Events and effects of one step that are shown.
const TOLD: usize = 20;

/// Where `story` is.
pub fn render(bundle: &ChartBundle, story: &Story, paint: Paint) -> String {
    let mut screen = Screen {
        bundle,
        chart: &bundle.chart,
        story,
        paint,
        out: String::from("\n"),
    };
    let before = story.told.len().saturating_sub(TOLD);
    if before > 0 {
        let text = format!("({before} timers before these)");
        screen.line("", &text);
    }
    story.told[before..]
        .iter()
        .for_each(|told| screen.told(told));
    if story.told.is_empty() {
        let text = format!("nothing happened until {}", time(story.now()));
        screen.line("", &text);
    }
    match story.snapshot() {
        Some(snapshot) => screen.snapshot(snapshot),
        None => screen.line(
            "",
            "the chart cannot go on; `back` takes the last step back",
        ),
    }
    screen.out
}

/// A length of time in words.
pub fn time(milliseconds: i64) -> String {
    write_duration(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(0),
    ))
}

/// The events that have a number, in order: what active states listen to, but for patterns, timers and what only the chart itself raises.
pub fn numbered<'c>(chart: &'c Chart, story: &Story) -> Vec<&'c str> {
    let listeners = story
        .snapshot()
        .map(|s| s.listeners(chart))
        .unwrap_or_default();
    let mut events: Vec<&str> = Vec::new();
    for listener in listeners {
        if has_number(listener.event) && !events.contains(&listener.event) {
            events.push(listener.event);
        }
    }
    events
}

fn has_number(event: &str) -> bool {
    event != "*" && !event.starts_with("timer.") && !event.starts_with("done.state")
}

struct Screen<'s> {
    bundle: &'s ChartBundle,
    chart: &'s Chart,
    story: &'s Story,
    paint: Paint,
    out: String,
}

impl Screen<'_> {
    /// A labelled line.
    fn line(&mut self, label: &str, text: &str) {
        let label = self.paint.with(DIM, &format!("{label:<9}"));
        let _ = writeln!(self.out, "{label} {text}");
    }

    /// Several lines under one label.
    fn lines(&mut self, label: &str, lines: Vec<String>) {
        for (n, text) in lines.iter().enumerate() {
            self.line(if n == 0 { label } else { "" }, text);
        }
    }

    /// What an event came to.
    fn told(&mut self, told: &Told) {
        if let Some(error) = &told.error {
            let error = self.paint.with(RED, &plain(error));
            self.line("error", &error);
            return;
        }
        let event = told.event.as_deref().unwrap_or("start");
        let at = time(told.time);
        let moves: Vec<String> = told.taken.iter().map(|t| arrow(self.chart, *t)).collect();
        let text = match (moves.is_empty(), told.event.is_some()) {
            (false, _) => moves.join(", then "),
            (true, true) => self.paint.with(YELLOW, "no transition was taken"),
            (true, false) => String::new(),
        };
        let event = self.paint.with(BOLD, &clean(event));
        self.line("", format!("{event} at {at}  {text}").trim_end());
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.states(snapshot);
        self.data();
        self.effects();
        self.running(snapshot);
        self.timers(snapshot);
        self.layers(snapshot);
        let signals = snapshot.open_signals(self.chart);
        if !signals.is_empty() {
            self.line("signals", &clean(&signals.join(", ")));
        }
        match snapshot.is_done() {
            true => self.line("end", "the chart has ended"),
            false => self.events(snapshot),
        }
    }

    /// The tree of active states.
    fn states(&mut self, snapshot: &Snapshot) {
        let lines = snapshot.configuration().map(|state| {
            let info = self.chart.state(state);
            let indent = "  ".repeat(usize::from(info.depth).saturating_sub(1));
            let tags = match info.tags.as_slice() {
                [] => String::new(),
                tags => format!("  [{}]", clean(&tags.join(", "))),
            };
            let doc = info.doc.as_deref().map(one_line).unwrap_or_default();
            let id = match info.is_leaf() {
                true => self.paint.with(BOLD, &info.id),
                false => info.id.to_string(),
            };
            let doc = self.paint.with(DIM, &doc);
            format!("{indent}{id}{tags}  {doc}").trim_end().to_owned()
        });
        let lines = lines.collect();
        self.lines("state", lines);
    }

    fn data(&mut self) {
        let lines = self.story.data().map(|(name, value)| {
            let text = format!("{name}: {}", clean(&value.to_string()));
            match self.story.before(name) {
                Some(before) if before != value => {
                    let was = format!("(was {})", clean(&before.to_string()));
                    format!("{} {was}", self.paint.with(YELLOW, &format!("* {text}")))
                }
                _ => format!("  {text}"),
            }
        });
        let lines = lines.collect();
        self.lines("data", lines);
    }

    fn effects(&mut self) {
        let effects = self.story.told.iter().flat_map(|told| &told.effects);
        // Timers have a section of their own.
        let effects = effects.filter(|effect| !matches!(effect, Effect::Schedule { .. }));
        let mut lines: Vec<String> = effects.map(|effect| clean(&effect.to_string())).collect();
        if lines.len() > TOLD {
            let before = lines.len() - TOLD;
            lines.splice(..before, [format!("({before} before these)")]);
        }
        self.lines("effects", lines);
    }

    fn running(&mut self, snapshot: &Snapshot) {
        let lines = snapshot.activities(self.chart).map(|(id, _, activity)| {
            let answers = match activity {
                // A person answers, with an event of its own.
                "ask" => "human.* or error".to_owned(),
                activity => format!("{activity}.done or error"),
            };
            format!("{}: {activity}, which answers {answers}", clean(id))
        });
        let lines = lines.collect();
        self.lines("running", lines);
    }

    fn timers(&mut self, snapshot: &Snapshot) {
        let waiting = snapshot.waiting();
        let lines = waiting
            .iter()
            .map(|(due, event)| format!("{} in {}", clean(event), time(due - self.story.now())));
        self.lines("timers", lines.collect());
    }

    /// What the active states add to the context and to policy, from the outside in: later rules win.
    fn layers(&mut self, snapshot: &Snapshot) {
        let (mut context, mut policy, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for state in snapshot.configuration() {
            let (id, index) = (&self.chart.state(state).id, state.index());
            for chunk in &self.bundle.context[index] {
                context.push(format!("{id}: {}", clean(&source_text(&chunk.source))));
            }
            if let Some(overlay) = &self.bundle.policy[index] {
                policy.extend(overlay_lines(overlay).map(|line| format!("{id}: {}", clean(&line))));
            }
            roles.extend(
                self.bundle.role[index]
                    .iter()
                    .map(|role| format!("{id}: offers {role}")),
            );
        }
        self.lines("role", roles);
        self.lines("context", context);
        self.lines("policy", policy);
    }

    /// What can happen next, with numbers where a number is enough.
    fn events(&mut self, snapshot: &Snapshot) {
        let listeners = snapshot.listeners(self.chart);
        let numbered = numbered(self.chart, self.story);
        let mut lines = Vec::new();
        for (number, event) in numbered.iter().enumerate() {
            let first = format!("{:>2} {}", number + 1, clean(event));
            let same = listeners.iter().filter(|l| l.event == *event);
            self.transitions(&mut lines, &first, same);
        }
        for listener in listeners.iter().filter(|l| !has_number(l.event)) {
            let first = format!("   {}", clean(listener.event));
            self.transitions(&mut lines, &first, std::iter::once(listener));
        }
        if lines.is_empty() {
            lines.push("nothing that could happen here leads anywhere".into());
        }
        self.lines("events", lines);
    }

    fn transitions<'l>(
        &self,
        lines: &mut Vec<String>,
        first: &str,
        same: impl Iterator<Item = &'l Listener<'l>>,
    ) {
        for (n, listener) in same.enumerate() {
            let label = match n {
                0 => first.to_owned(),
                _ => " ".repeat(first.chars().count()),
            };
            let label = format!("{label:<24}");
            let label = match &listener.guard {
                GuardNow::Closed | GuardNow::Fails(_) => self.paint.with(DIM, &label),
                GuardNow::Open | GuardNow::Depends => self.paint.with(CYAN, &label),
            };
            let arrow = arrow(self.chart, listener.transition);
            let guard = self.guard(listener);
            lines.push(format!("{label} {arrow}{guard}"));
        }
    }

    fn guard(&self, listener: &Listener<'_>) -> String {
        let info = self.chart.transition(listener.transition);
        let Some(text) = info.guard() else {
            return String::new();
        };
        let says = match &listener.guard {
            GuardNow::Open => "true now".to_owned(),
            GuardNow::Closed => "false now".to_owned(),
            GuardNow::Depends => "depends on the event".to_owned(),
            GuardNow::Fails(why) => format!("false now: {why}"),
        };
        let says = self.paint.with(DIM, &format!("({})", clean(&says)));
        format!("  if {}  {says}", clean(text))
    }
}

/// The first line of `text`.
fn one_line(text: &str) -> String {
    clean(text.lines().next().unwrap_or(""))
}

/// What a chart says, as one line that fits a terminal and cannot speak to it.
fn clean(text: &str) -> String {
    let text = plain(text).replace(['\n', '\t'], " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
