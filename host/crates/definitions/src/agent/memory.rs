//! What an agent does with its past: summing up what leaves the window, and consolidating what is remembered.

use super::money;
use crate::context::{parse_budget, tokens_of};
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use context::{Budget, ContextMap, SummaryDef, Trim};
use types::{LOW, Limit, Marked, Measure, Percent, Place, Purpose, Window, parse_duration};

const SUMMARY_EXAMPLE: &str = "{ plugin: digest, at: 70%, every: 40, budget: 4% }";
const CONSOLIDATE_EXAMPLE: &str = "{ plugin: dream, every: 6h, usd: 0.10 }";
/// How full the history's room may be unless the agent says otherwise: late enough that most runs never sum up, early enough to do so beside a turn.
const DEFAULT_AT: Percent = Percent(70_00);
/// How long a summary may be unless the agent says otherwise.
const DEFAULT_BUDGET: Budget = Budget::Share(Percent(5_00));

/// Everything under `memory`.
#[derive(Default)]
pub(super) struct Memory {
    pub summary: Option<SummaryDef>,
    /// Where `summary` stands.
    pub summary_place: Option<Place>,
    /// What summing up may cost in a day.
    pub summary_limit: Option<Limit>,
    /// Where its budget stands.
    budget_place: Option<Place>,
    /// The plugin that consolidates.
    pub consolidate: Option<Marked<String>>,
}

/// Read `memory`.
pub(super) fn read(walk: &mut Walk, node: &Node) -> Memory {
    let example = format!("{{ summary: {SUMMARY_EXAMPLE} }}");
    let Some(mut fields) = Fields::of(walk, node, "`memory`", &example) else {
        return Memory::default();
    };
    let summary = fields.take_entry("summary");
    let consolidate = fields.take_entry("consolidate");
    fields.finish(walk, "`memory`");
    let budget_place = summary.and_then(|(_, node)| Some(node.get("budget")?.place.clone()));
    let read = summary.and_then(|(_, node)| self::summary(walk, node));
    Memory {
        budget_place,
        summary_limit: read.as_ref().and_then(limit),
        summary: read,
        summary_place: summary.map(|(key, _)| key.place.clone()),
        consolidate: consolidate.and_then(|(key, node)| self::consolidate(walk, &key.place, node)),
    }
}

impl Memory {
    /// Warn of a summary that nothing asks for, and of one that leaves no room for what it is the summary of. `window` is what the model takes.
    pub fn check_summary(&self, walk: &mut Walk, map: &ContextMap, window: Option<u64>) {
        let Some(place) = &self.summary_place else {
            return;
        };
        let history = map.chunks.iter().find(|c| c.trim == Trim::Summary);
        let Some(history) = history else {
            walk.warning(
                place,
                "nothing is summed up: no chunk has `trim: summary`",
                "write `trim: summary` for the history, or remove `memory.summary`",
            );
            return;
        };
        let (Some(summary), Some(window)) = (&self.summary, window) else {
            return;
        };
        let others = map
            .chunks
            .iter()
            .filter(|chunk| chunk.id.value != history.id.value);
        let taken: u64 = others
            .filter_map(|chunk| chunk.budget.as_ref())
            .map(|budget| tokens_of(budget.value, window))
            .fold(0, u64::saturating_add);
        let left = window.saturating_sub(taken);
        let room = history
            .budget
            .as_ref()
            .map_or(left, |budget| tokens_of(budget.value, window).min(left));
        let budget = tokens_of(summary.budget, window);
        if budget >= room {
            walk.warning(
                self.budget_place.as_ref().unwrap_or(place),
                format!(
                    "the summary may have {budget} tokens, and the whole history has room for {room}: nothing of the conversation itself would be left"
                ),
                "lower the summary's `budget`, or leave more to the history",
            );
        }
    }
}

/// `usd_per_day` of a summary, as the line of a budget that it is.
fn limit(summary: &SummaryDef) -> Option<Limit> {
    let usd = summary.usd_per_day.as_ref()?;
    Some(Limit {
        measure: Measure::Usd,
        window: Window::Day,
        purpose: Some(Purpose::Summary),
        most: usd.value,
        low: LOW,
        place: usd.place.clone(),
    })
}

fn summary(walk: &mut Walk, node: &Node) -> Option<SummaryDef> {
    let mut fields = Fields::of(walk, node, "`summary`", SUMMARY_EXAMPLE)?;
    let plugin = fields
        .need(walk, "plugin", "this summary", "plugin: digest")
        .and_then(|n| walk.marked(n, "`plugin`"));
    let at = fields.take("at").and_then(|n| {
        let at = walk.unit(n, "`at`", Percent::parse)?.value;
        if at.0 == 0 {
            walk.error(
                &n.place,
                "at 0% everything would be summed up at once",
                "write how full the history's room may become, for instance `70%`, the default",
            );
        }
        Some(at)
    });
    let every = fields.take("every").and_then(|n| {
        let every = walk.whole(n, "`every`")?;
        if every == 0 {
            walk.error(
                &n.place,
                "`every` is 0",
                "write after how many inferences, for instance `40`, or leave it out",
            );
        }
        Some(every)
    });
    let budget = fields.take("budget").and_then(|n| {
        let budget = walk.unit(n, "`budget`", parse_budget)?.value;
        if matches!(budget, Budget::Tokens(0) | Budget::Share(Percent(0))) {
            walk.error(
                &n.place,
                "a summary of no tokens says nothing",
                "write how long it may be, for instance `5%`, the default",
            );
        }
        Some(budget)
    });
    let usd_per_day = fields.take("usd_per_day").and_then(|n| {
        let usd = money(walk, n, "`usd_per_day`")?;
        Some(Marked::new(usd, n.place.clone()))
    });
    fields.finish_with(walk, "`summary`", |key| match key {
        "usd" => Some("did you mean `usd_per_day`?".into()),
        _ => None,
    });
    Some(SummaryDef {
        plugin: plugin?,
        at: at.unwrap_or(DEFAULT_AT),
        every,
        budget: budget.unwrap_or(DEFAULT_BUDGET),
        usd_per_day,
    })
}

/// `consolidate`: checked, but this version does nothing with it.
fn consolidate(walk: &mut Walk, place: &Place, node: &Node) -> Option<Marked<String>> {
    let mut fields = Fields::of(walk, node, "`consolidate`", CONSOLIDATE_EXAMPLE)?;
    let plugin = fields
        .need(walk, "plugin", "this consolidation", "plugin: dream")
        .and_then(|n| walk.marked(n, "`plugin`"));
    if let Some(n) = fields.need(walk, "every", "this consolidation", "every: 6h") {
        walk.unit(n, "`every`", parse_duration);
    }
    if let Some(n) = fields.take("usd") {
        money(walk, n, "`usd`");
    }
    fields.finish(walk, "`consolidate`");
    walk.warning(
        place,
        "`memory.consolidate` is not acted on: this version keeps no memories",
        "it is checked and kept for a later version",
    );
    plugin
}
