//! Which tools may be called: the verdict on one, and on all of them at once for context maps.

use crate::grant::Subject;
use crate::resolve::{Reasons, Request};
use crate::{Overlay, ToolRule, Verdict, pattern};
use types::{Marked, ToolName};

/// What a rule said, and who wrote it.
type Ruling<'a> = (&'a Marked<ToolRule>, &'a Overlay);

/// The last rule over all layers that matches.
fn last_match<'a>(layers: &[&'a Overlay], tool: &str) -> Option<Ruling<'a>> {
    layers
        .iter()
        .rev()
        .find_map(|layer| Some((in_layer(layer, tool)?, *layer)))
}

/// The last rule of one layer that matches.
fn in_layer<'a>(layer: &'a Overlay, tool: &str) -> Option<&'a Marked<ToolRule>> {
    let rules = layer.tools.iter().rev();
    rules
        .into_iter()
        .find(|rule| pattern::matches(&rule.pattern, tool))
}

/// The verdict and the rule that really decided: the ceiling's only where it says less, an answer's only where somebody would have to be asked. No match
/// denies.
fn verdict<'a>(
    layers: &[&'a Overlay],
    ceiling: Option<&'a Overlay>,
    answers: Option<&'a Overlay>,
    tool: &str,
) -> (Verdict, Option<Ruling<'a>>) {
    let asked = unanswered(layers, ceiling, tool);
    let answer = answers
        .filter(|_| asked.0 == Verdict::Ask)
        .and_then(|answers| Some((in_layer(answers, tool)?, answers)));
    match answer {
        Some((rule, answers)) => (rule.verdict, Some((rule, answers))),
        None => asked,
    }
}

/// The same before anybody has answered.
fn unanswered<'a>(
    layers: &[&'a Overlay],
    ceiling: Option<&'a Overlay>,
    tool: &str,
) -> (Verdict, Option<Ruling<'a>>) {
    let ruling = last_match(layers, tool);
    let verdict = ruling.map_or(Verdict::Deny, |(rule, _)| rule.verdict);
    let cap = ceiling.and_then(|ceiling| Some((in_layer(ceiling, tool)?, ceiling)));
    match cap {
        Some((rule, ceiling)) if rule.verdict < verdict => (rule.verdict, Some((rule, ceiling))),
        _ => (verdict, ruling),
    }
}

/// The verdict on the requested tool, with its line.
pub(crate) fn decide(request: &Request<'_>, ledger: &mut Reasons) -> Verdict {
    let tool = request.tool;
    let (verdict, ruling) = verdict(
        request.layers,
        request.ceiling,
        request.answers,
        tool.as_str(),
    );
    match ruling {
        Some((rule, layer)) => {
            let what = format!(
                "tool {tool}: {verdict} (rule {}: \"{}\")",
                rule.verdict, rule.pattern
            );
            ledger.decided(Subject::Tool, what, &rule.place, layer);
        }
        None => ledger.by_default(
            Subject::Tool,
            format!("tool {tool}: deny (no rule matches it)"),
        ),
    }
    verdict
}

/// The verdict on each of `tools` under `layers`, and what was answered for good, in the order given. What `tools: allowed` offers are those that are not [`Verdict::Deny`].
pub fn tools_open<'a>(
    layers: &[&Overlay],
    ceiling: Option<&Overlay>,
    answers: Option<&Overlay>,
    tools: impl IntoIterator<Item = &'a ToolName>,
) -> Vec<(ToolName, Verdict)> {
    let judge = |tool: &ToolName| {
        let (verdict, _) = verdict(layers, ceiling, answers, tool.as_str());
        (tool.clone(), verdict)
    };
    tools.into_iter().map(judge).collect()
}

/// Whether some stack of layers would let `tool` be called, or ask for it. The caller gives one stack for each state that can be reached: the house's
/// and the agent's layers with those of the state's path.
pub fn could_open<'a, S>(
    stacks: impl IntoIterator<Item = S>,
    ceiling: Option<&Overlay>,
    tool: &ToolName,
) -> bool
where
    S: AsRef<[&'a Overlay]>,
{
    let mut stacks = stacks.into_iter();
    stacks.any(|stack| unanswered(stack.as_ref(), ceiling, tool.as_str()).0 != Verdict::Deny)
}

/// Those of `tools` that some stack would open, in the order given: what `tools: declared` offers.
pub fn tools_declared<'a>(
    stacks: &[Vec<&Overlay>],
    ceiling: Option<&Overlay>,
    tools: impl IntoIterator<Item = &'a ToolName>,
) -> Vec<ToolName> {
    let tools = tools.into_iter();
    tools
        .filter(|tool| could_open(stacks, ceiling, tool))
        .cloned()
        .collect()
}
