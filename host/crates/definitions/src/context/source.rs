//! Where a chunk's text comes from, and the keys that only some sources have. It knows nothing of budgets and of the map around the chunk.

use crate::tree::{Key, Node, Style};
use crate::walk::{Fields, Walk};
use context::{Depends, Slot, Source, Template, ToolsMode};
use std::sync::Arc;
use types::{Marked, MemoryLayer, Place, Value, parse_duration};

/// What only an agent's own map can hold.
const OF_MAPS: [&str; 3] = ["tools", "history", "slot"];

/// The one source that a chunk has.
pub(super) fn source(walk: &mut Walk, fields: &mut Fields<'_>, of_state: bool) -> Option<Source> {
    let mut take = |key| fields.take(key).map(|node| (key, node));
    let mut given = vec![
        take("text"),
        take("file"),
        take("template"),
        take("plugin"),
        take("memory"),
    ];
    if !of_state {
        given.extend(OF_MAPS.map(take));
    }
    let given: Vec<(&str, &Node)> = given.into_iter().flatten().collect();
    let extras = Extras::take(fields);
    let list = if of_state {
        "`text`, `file`, `template`, `plugin` or `memory`"
    } else {
        "`text`, `file`, `template`, `plugin`, `memory`, `tools`, `history` or `slot`"
    };
    let (key, node) = match given.as_slice() {
        [one] => *one,
        [] => {
            none(walk, fields, list);
            return None;
        }
        _ => {
            let message = "this chunk has more than one source";
            let help =
                format!("give it exactly one of {list}, and make the rest chunks of their own");
            walk.error(fields.place(), message, help);
            return None;
        }
    };
    if key != "plugin" {
        extras.refuse(walk);
    }
    match key {
        "text" => walk
            .text(node, "`text`")
            .map(|text| Source::Text(text.into())),
        "file" => walk.marked(node, "`file`").map(Source::File),
        "template" => template(walk, node).map(Source::Template),
        "plugin" => plugin(walk, node, &extras),
        "memory" => {
            let words = [
                ("episodes", MemoryLayer::Episodes),
                ("facts", MemoryLayer::Facts),
                ("skills", MemoryLayer::Skills),
            ];
            walk.word(node, "a layer of memory", &words)
                .map(Source::Memory)
        }
        "tools" => {
            let words = [
                ("allowed", ToolsMode::Allowed),
                ("declared", ToolsMode::Declared),
            ];
            walk.word(node, "a way to offer tools", &words)
                .map(Source::Tools)
        }
        "slot" => {
            let words = [("cognition", Slot::Cognition), ("workflow", Slot::Workflow)];
            walk.word(node, "a slot", &words).map(Source::Slot)
        }
        _ => history(walk, node),
    }
}

/// A chunk without a source, or with one that a state cannot have.
fn none(walk: &mut Walk, fields: &mut Fields<'_>, list: &str) {
    // Not `any`: each key is known from now on.
    let elsewhere = OF_MAPS.map(|key| fields.take(key).is_some());
    let (message, help) = if elsewhere.contains(&true) {
        (
            "this source belongs into an agent's map, not into a state",
            format!("a state can add {list}"),
        )
    } else {
        ("this chunk has no source", format!("give it one of {list}"))
    };
    walk.error(fields.place(), message, help);
}

fn history(walk: &mut Walk, node: &Node) -> Option<Source> {
    if walk.bool(node, "`history`")? {
        return Some(Source::History);
    }
    walk.error(
        &node.place,
        "`history: false` is no source",
        "write `history: true`, or remove the chunk",
    );
    None
}

/// A template's text, or the map that names its file.
fn template(walk: &mut Walk, node: &Node) -> Option<Template> {
    if node.map().is_none() {
        if node.text().is_none() {
            let expected = "a template's text, or the map that names its file";
            let help = "write `template: \"You are {{ agent.name }}.\"`, or `template: { file: briefing.j2 }`";
            walk.expected(node, "`template`", expected, help);
            return None;
        }
        let text = walk.marked(node, "`template`")?;
        let place = first_character(node);
        return Some(Template::Inline(Marked::new(Arc::from(text.value), place)));
    }
    let mut fields = Fields::of(walk, node, "`template`", "{ file: briefing.j2 }")?;
    let file = fields
        .need(walk, "file", "this template", "file: briefing.j2")
        .and_then(|node| walk.marked(node, "`file`"));
    fields.finish_with(walk, "a template", |key| match key {
        "text" | "inline" => Some("write the text itself: `template: \"…\"`".into()),
        "params" | "data" | "variables" => Some(
            "a template is filled from what the agent, its chart and its model are: it takes no parameters"
                .into(),
        ),
        _ => None,
    });
    file.map(Template::File)
}

/// Where the text of the scalar `node` begins, so that a complaint about a template points into it.
pub(crate) fn first_character(node: &Node) -> Place {
    let mut place = node.place.clone();
    if node
        .scalar()
        .is_some_and(|scalar| scalar.style == Style::Quoted)
    {
        place.column += 1;
    }
    place
}

/// What only a plugin's chunk can say.
struct Extras<'n> {
    params: Option<(&'n Key, &'n Node)>,
    expires: Option<(&'n Key, &'n Node)>,
    depends: Option<(&'n Key, &'n Node)>,
}

impl<'n> Extras<'n> {
    fn take(fields: &mut Fields<'n>) -> Self {
        Extras {
            params: fields.take_entry("params"),
            expires: fields.take_entry("expires"),
            depends: fields.take_entry("depends"),
        }
    }

    /// Complain of each in the chunk of another source.
    fn refuse(&self, walk: &mut Walk) {
        for (key, _) in [self.params, self.expires, self.depends]
            .into_iter()
            .flatten()
        {
            let help = match &*key.text {
                "params" => "remove it, or name the `plugin` that takes them",
                _ => "remove it: what is not a plugin's is looked up anew for every payload",
            };
            let message = format!("`{}` belongs to chunks of a plugin", key.text);
            walk.error(&key.place, message, help);
        }
    }
}

fn plugin(walk: &mut Walk, node: &Node, extras: &Extras<'_>) -> Option<Source> {
    let params = match extras.params {
        Some((_, node)) if node.map().is_some() => Some(node.to_value()),
        Some((_, node)) => {
            walk.expected(node, "`params`", "a map", "write it as `{ depth: 3 }`");
            None
        }
        None => Some(Value::map::<&str>([])),
    };
    let expires = extras.expires.and_then(|(_, node)| {
        let expires = walk.unit(node, "`expires`", parse_duration)?;
        if expires.is_zero() {
            walk.error(
                &node.place,
                "what expires at once need not be kept",
                "leave `expires` out: then the plugin is asked for every payload",
            );
        }
        Some(expires.value)
    });
    let depends = extras
        .depends
        .map(|(_, node)| depends(walk, node))
        .unwrap_or_default();
    if let (Some((key, _)), None) = (extras.depends, extras.expires) {
        walk.warning(
            &key.place,
            "`depends` does nothing without `expires`: nothing is kept, so the plugin is asked for every payload",
            "add for how long its answer stays good while these stay the same, for instance `expires: 10m`",
        );
    }
    Some(Source::Plugin {
        name: walk.marked(node, "`plugin`")?,
        params: params?,
        expires,
        depends,
    })
}

fn depends(walk: &mut Walk, node: &Node) -> Depends {
    #[derive(Clone, Copy)]
    enum On {
        States,
        Query,
    }
    let words = [("states", On::States), ("query", On::Query)];
    let mut depends = Depends::default();
    for item in walk
        .list(node, "`depends`", "[states, query]")
        .unwrap_or_default()
    {
        match walk.word(item, "something that an answer can depend on", &words) {
            Some(On::States) => depends.states = true,
            Some(On::Query) => depends.query = true,
            None => {}
        }
    }
    depends
}
