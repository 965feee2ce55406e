//! Transitions, chunks and rules of policy in a few words, as the chart verbs print them.

use chart::{Chart, TransitionId};
use context::Source;
use policy::Overlay;

/// `orient → act`.
pub fn arrow(chart: &Chart, transition: TransitionId) -> String {
    let info = chart.transition(transition);
    let source = match &*chart.state(info.source()).id {
        "" => "(chart)",
        id => id,
    };
    match info.targets() {
        [] => format!("{source}, staying"),
        targets => {
            let targets: Vec<&str> = targets.iter().map(|t| &*chart.state(*t).id).collect();
            format!("{source} → {}", targets.join(", "))
        }
    }
}

/// Where a chunk's text comes from, or the text itself.
pub fn source_text(source: &Source) -> String {
    match source {
        Source::Text(text) => text.to_string(),
        Source::File(file) => format!("the file {file}"),
        Source::Template(context::Template::Inline(text)) => text.to_string(),
        Source::Template(context::Template::File(file)) => format!("the template {file}"),
        Source::Memory(_) => "what is remembered".into(),
        Source::Plugin { name, .. } => format!("what the plugin {name} provides"),
        Source::Tools(_) => "the tools".into(),
        Source::History => "the conversation".into(),
        Source::Slot(_) => "what states add".into(),
    }
}

/// The rules of one layer, a line for each.
pub fn overlay_lines(overlay: &Overlay) -> impl Iterator<Item = String> {
    let tools = overlay
        .tools
        .iter()
        .map(|rule| format!("{} {}", rule.verdict, rule.pattern));
    let mounts = overlay.mounts.iter().map(|(path, patch)| {
        let access = patch
            .access
            .as_ref()
            .map_or_else(String::new, |a| format!(" {}", **a));
        format!("{path}{access}")
    });
    let net = overlay
        .net
        .iter()
        .map(|rule| format!("net {} {}", rule.verdict, rule.pattern));
    let env = overlay.env.iter().map(|(name, _)| format!("env {name}"));
    let limits = &overlay.limits;
    let limits = [
        limits
            .memory
            .as_ref()
            .map(|limit| format!("memory {}", **limit)),
        limits
            .fuel
            .as_ref()
            .map(|limit| format!("fuel {}", **limit)),
        limits
            .deadline
            .as_ref()
            .map(|limit| format!("deadline {}", types::write_duration(**limit))),
        limits
            .output
            .as_ref()
            .map(|limit| format!("output {}", **limit)),
        limits
            .calls
            .as_ref()
            .map(|limit| format!("calls {}/turn", **limit)),
        overlay
            .clock
            .as_ref()
            .map(|mode| format!("clock {}", **mode)),
        overlay
            .random
            .as_ref()
            .map(|mode| format!("random {}", **mode)),
    ];
    let limits = limits.into_iter().flatten();
    tools.chain(mounts).chain(net).chain(env).chain(limits)
}
