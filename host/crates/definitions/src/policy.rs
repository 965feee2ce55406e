//! A policy's rules: in a file of its own, in an agent, in a state, as the house's ceiling. What the rules do is `policy`'s business.

mod exec;
mod net;

use crate::suggest::{self, shown};
use crate::tree::{Entry, Node};
use crate::walk::{Fields, Walk};
use policy::{
    Access, ClockMode, HardLinks, LimitsPatch, MountPatch, Overlay, RandomMode, StagePatch,
    ToolRule, Verdict,
};
use types::{Bytes, Count, Marked, SecretRef, UnitError, parse_duration};

const OVERLAY_EXAMPLE: &str = "{ tools: [{ allow: \"fs.*\" }] }";
const TOOLS_EXAMPLE: &str = "[{ deny: \"*\" }, { allow: [\"fs.read\", \"search.*\"] }]";
const MOUNT_EXAMPLE: &str = "/workspace: { from: ., access: read-only }";
/// The host's own tools, which no plugin's name stands before.
const HOST_TOOLS: [&str; 2] = ["signal", "hand_in"];
const HARD_LINKS: [(&str, HardLinks); 2] =
    [("refuse", HardLinks::Refuse), ("allow", HardLinks::Allow)];
const ACCESS: [(&str, Access); 4] = [
    ("none", Access::None),
    ("read-only", Access::ReadOnly),
    ("staged", Access::Staged),
    ("read-write", Access::ReadWrite),
];

/// The overlay that `node` is.
pub(crate) fn overlay(walk: &mut Walk, node: &Node, label: String) -> Overlay {
    if let Some(name) = node.text() {
        walk.error(
            &node.place,
            format!("`policy` must be a map of rules, not the text `{}`", shown(name)),
            "a policy is named only under `defaults` in house.yaml; here write the rules themselves, \
             for instance `{ tools: [{ allow: \"fs.*\" }] }`",
        );
        return Overlay::named(label);
    }
    let Some(mut fields) = Fields::of(walk, node, "a policy", OVERLAY_EXAMPLE) else {
        return Overlay::named(label);
    };
    let overlay = rules(walk, &mut fields, label);
    fields.finish(walk, "a policy");
    overlay
}

/// The rules among `fields`, which may hold more than rules.
pub(crate) fn rules(walk: &mut Walk, fields: &mut Fields<'_>, label: String) -> Overlay {
    let mut overlay = Overlay::named(label);
    if let Some(node) = fields.take("tools") {
        overlay.tools = tools(walk, node);
    }
    if let Some(node) = fields.take("mounts") {
        overlay.mounts = mounts(walk, node);
    }
    if let Some(node) = fields.take("net") {
        overlay.net = net::rules(walk, node);
    }
    if let Some((key, node)) = fields.take_entry("exec") {
        exec::read(walk, &key.place, node, &mut overlay);
    }
    if let Some(node) = fields.take("env") {
        overlay.env = env(walk, node, "plugins never receive secrets");
    }
    if let Some(node) = fields.take("limits") {
        overlay.limits = limits(walk, node);
    }
    if let Some(node) = fields.take("clock") {
        let words = [("real", ClockMode::Real), ("frozen", ClockMode::Frozen)];
        overlay.clock = walk
            .word(node, "a clock", &words)
            .map(|mode| Marked::new(mode, node.place.clone()));
    }
    if let Some(node) = fields.take("random") {
        let words = [("real", RandomMode::Real), ("seeded", RandomMode::Seeded)];
        overlay.random = walk
            .word(node, "a source of randomness", &words)
            .map(|mode| Marked::new(mode, node.place.clone()));
    }
    overlay
}

fn tools(walk: &mut Walk, node: &Node) -> Vec<Marked<ToolRule>> {
    let mut rules = Vec::new();
    for item in walk
        .list(node, "`tools`", TOOLS_EXAMPLE)
        .unwrap_or_default()
    {
        let Some(mut fields) = Fields::of(walk, item, "a tool rule", "{ allow: \"fs.read\" }")
        else {
            continue;
        };
        let said = verdicts(walk, &mut fields, "a tool rule", true);
        fields.finish(walk, "a tool rule");
        let Some((verdict, value)) = said else {
            continue;
        };
        let one = std::slice::from_ref(value);
        for pattern in value.list().unwrap_or(one) {
            if let Some(text) = tool_pattern(walk, pattern) {
                let rule = ToolRule {
                    verdict,
                    pattern: text,
                };
                rules.push(Marked::new(rule, pattern.place.clone()));
            }
        }
    }
    rules
}

/// The one verdict of a rule and what it is about.
fn verdicts<'n>(
    walk: &mut Walk,
    fields: &mut Fields<'n>,
    what: &str,
    may_ask: bool,
) -> Option<(Verdict, &'n Node)> {
    let mut said: Vec<(Verdict, &'n Node)> = Vec::new();
    said.extend(fields.take("deny").map(|node| (Verdict::Deny, node)));
    if may_ask {
        said.extend(fields.take("ask").map(|node| (Verdict::Ask, node)));
    }
    said.extend(fields.take("allow").map(|node| (Verdict::Allow, node)));
    match said.as_slice() {
        [one] => Some(*one),
        [] if fields.node.map().is_some_and(<[Entry]>::is_empty) => {
            walk.error(
                fields.place(),
                format!("{what} says nothing"),
                "write `{ allow: … }` or `{ deny: … }`",
            );
            None
        }
        // Whatever else stands in it is an unknown key, and reported as one.
        [] => None,
        _ => {
            walk.error(
                fields.place(),
                format!("{what} says two things at once"),
                "the last rule that matches wins, so the order matters: write one list item for each",
            );
            None
        }
    }
}

fn tool_pattern(walk: &mut Walk, node: &Node) -> Option<String> {
    let text = walk.text(node, "a tool pattern")?;
    let wrong = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '*' | '-' | '_')));
    if let Some(c) = wrong {
        let help = match c {
            c if c.is_whitespace() || c == ',' => {
                "one pattern names one tool; write several as a list: `[\"fs.read\", \"fs.list\"]`"
            }
            _ => "a pattern is a tool's name `plugin.tool`, in which `*` stands for anything",
        };
        walk.error(
            &node.place,
            format!(
                "`{}` is no tool pattern: no tool has `{}` in its name",
                shown(text),
                shown(&c.to_string())
            ),
            help,
        );
        return None;
    }
    Some(text.to_owned())
}

fn mounts(walk: &mut Walk, node: &Node) -> Vec<(Marked<String>, MountPatch)> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`mounts`",
            "a map from guest paths",
            &format!("write it as `{{ {MOUNT_EXAMPLE} }}`"),
        );
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let path = guest_path(walk, entry);
            let patch = mount(walk, &entry.value);
            Some((path?, patch?))
        })
        .collect()
}

fn guest_path(walk: &mut Walk, entry: &Entry) -> Option<Marked<String>> {
    let path = &*entry.key.text;
    let complaint = if !path.starts_with('/') {
        Some(format!(
            "write `/{}`: this is the path that the plugin sees",
            shown(path)
        ))
    } else if path.split('/').any(|part| part == "..") {
        Some("`..` may not be part of it".into())
    } else if path.contains(['\0', '\\']) {
        Some("use `/` between directories".into())
    } else {
        None
    };
    if let Some(help) = complaint {
        walk.error(
            &entry.key.place,
            format!("`{}` is no absolute guest path", shown(path)),
            help,
        );
        return None;
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|p| !p.is_empty() && *p != ".")
        .collect();
    let normal = format!("/{}", parts.join("/"));
    Some(Marked::new(normal, entry.key.place.clone()))
}

fn mount(walk: &mut Walk, node: &Node) -> Option<MountPatch> {
    if node.scalar().is_some() && !node.is_null() {
        // A path where the access stands: somebody wants the directory mounted.
        if let Some(path) = node
            .text()
            .filter(|text| *text == "." || text.contains(['/', '~', '\\']))
        {
            walk.error(
                &node.place,
                format!("`{}` is not an access", shown(path)),
                format!(
                    "to mount a directory write `{{ from: {}, access: read-only }}`",
                    shown(path)
                ),
            );
            return None;
        }
        return Some(MountPatch {
            access: Some(access(walk, node)?),
            ..MountPatch::default()
        });
    }
    let mut fields = Fields::of(walk, node, "a mount", "{ from: ., access: read-only }")?;
    let mut patch = MountPatch::default();
    if let Some(node) = fields.take("from") {
        patch.from = walk.marked(node, "`from`");
        if let Some(from) = &patch.from
            && SecretRef::parse(from).is_some()
        {
            walk.error(
                &node.place,
                format!("`{}` is no directory", shown(from)),
                "write a path, relative to the house or absolute",
            );
        }
    }
    if let Some(node) = fields.take("access") {
        patch.access = access(walk, node);
    }
    if let Some(node) = fields.take("hide") {
        for glob in walk
            .list(node, "`hide`", "[\"**/.env\"]")
            .unwrap_or_default()
        {
            if let Some(glob) = hide_glob(walk, glob) {
                patch.hide.push(glob);
            }
        }
    }
    if let Some(node) = fields.take("hard_links") {
        patch.hard_links = walk
            .word(node, "what to do with hard links", &HARD_LINKS)
            .map(|said| Marked::new(said, node.place.clone()));
    }
    if let Some(node) = fields.take("stage")
        && let Some(mut fields) = Fields::of(walk, node, "`stage`", "{ bytes: 16MiB, files: 200 }")
    {
        patch.stage = StagePatch {
            bytes: limit(walk, &mut fields, "bytes", Bytes::parse),
            files: limit(walk, &mut fields, "files", Count::parse),
        };
        fields.finish(walk, "stage");
    }
    fields.finish(walk, "a mount");
    Some(patch)
}

fn access(walk: &mut Walk, node: &Node) -> Option<Marked<Access>> {
    // Short forms of other programs, too far from the words for a guess by spelling.
    let meant = match node.text() {
        Some("ro" | "r" | "read") => Some("read-only"),
        Some("rw" | "w" | "write" | "readwrite") => Some("read-write"),
        _ => None,
    };
    if let (Some(meant), Some(text)) = (meant, node.text()) {
        walk.error(
            &node.place,
            format!("`{text}` is not an access"),
            format!("did you mean `{meant}`?"),
        );
        return None;
    }
    walk.word(node, "an access", &ACCESS)
        .map(|access| Marked::new(access, node.place.clone()))
}

fn hide_glob(walk: &mut Walk, node: &Node) -> Option<Marked<String>> {
    let glob = walk.marked(node, "a glob of hidden names")?;
    // Only these characters can make a glob unreadable, and compiling one is the slowest thing a loader could do.
    if glob.contains(['[', ']', '{', '}', '\\'])
        && let Err(error) = policy::HideGlob::check(&glob)
    {
        walk.error(
            &node.place,
            format!("`{}` is not a glob: {}", shown(&glob), error.reason),
            "write it like `**/.env` or `secrets/*.key`, relative to the mount",
        );
        return None;
    }
    Some(glob)
}

/// A reference to a secret. Anything else might be the secret itself, so it is neither repeated in the message nor shown with its line.
pub(crate) fn secret_ref(walk: &mut Walk, node: &Node, what: &str) -> Option<SecretRef> {
    let reference = node.text().and_then(SecretRef::parse);
    if let Some((message, help)) = node.text().and_then(|text| almost_secret(text, what)) {
        let lines = node.scalar().map_or(1, |scalar| scalar.lines);
        // What stands behind `env:` may be the secret itself.
        walk.sources.mask(&node.place, lines);
        walk.error(&node.place, message, help);
        return None;
    }
    if reference.is_none() {
        let lines = node.scalar().map_or(1, |scalar| scalar.lines);
        walk.sources.mask(&node.place, lines);
        walk.error(
            &node.place,
            format!("{what} must refer to a secret, never be one"),
            "put the secret into an environment variable or a file and write `env:NAME` or `file:PATH`; \
             if this was a real one, treat it as leaked",
        );
    }
    reference
}

/// What is wrong with `text`, which is meant as a reference to a secret and can hold none.
fn almost_secret(text: &str, what: &str) -> Option<(String, String)> {
    let no_name = |sort: &str, example: &str| {
        let message = format!("{what}: `{sort}:` names nothing");
        Some((message, format!("write its name behind it: `{example}`")))
    };
    let inside = |text: &'_ str| {
        text.trim_start_matches('{')
            .trim_end_matches('}')
            .to_owned()
    };
    match text.split_once(':') {
        Some(("env", "")) => return no_name("env", "env:API_KEY"),
        Some(("file", "")) => return no_name("file", "file:keys/api"),
        Some(("env", name)) if !is_variable(name) => {
            let message = format!("{what}: this cannot be the name of an environment variable");
            let help = "write the variable's name behind `env:`, letters, digits and `_` only; the secret itself stands in the variable";
            return Some((message, help.into()));
        }
        Some((sort, name))
            if ["env", "file"].contains(&&*sort.to_lowercase())
                && sort != sort.to_lowercase()
                && is_variable(name) =>
        {
            let message =
                format!("{what} refers to a secret by `env:` or `file:`, in small letters");
            return Some((
                message,
                format!("did you mean `{}:{name}`?", sort.to_lowercase()),
            ));
        }
        _ => {}
    }
    let variable = inside(text.strip_prefix('$')?);
    let is_harmless = is_variable(&variable) && !variable.contains(char::is_lowercase);
    let message = format!("{what}: `$` means nothing here");
    is_harmless.then(|| (message, format!("did you mean `env:{variable}`?")))
}

/// Whether a shell could have a variable of this name.
fn is_variable(name: &str) -> bool {
    let all = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    all && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
}

pub(crate) fn env(walk: &mut Walk, node: &Node, never: &str) -> Vec<(Marked<String>, String)> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`env`",
            "a map from names to values",
            "write it as `{ LANG: C.UTF-8 }`",
        );
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let name = &*entry.key.text;
            if name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
                walk.error(
                    &entry.key.place,
                    format!(
                        "`{}` cannot be the name of an environment variable",
                        shown(name)
                    ),
                    "use letters, digits and `_`",
                );
                return None;
            }
            let value = walk.as_written(&entry.value, &format!("`{}`", shown(name)))?;
            if SecretRef::parse(value).is_some() {
                walk.error(
                    &entry.value.place,
                    format!("`{}` is not looked up here: {never}", shown(value)),
                    "write the value that the plugin may see, or leave the variable out",
                );
                return None;
            }
            Some((
                Marked::new(name.to_owned(), entry.key.place.clone()),
                value.to_owned(),
            ))
        })
        .collect()
}

fn limits(walk: &mut Walk, node: &Node) -> LimitsPatch {
    let example = "{ memory: 64MiB, deadline: 5s }";
    let Some(mut fields) = Fields::of(walk, node, "`limits`", example) else {
        return LimitsPatch::default();
    };
    let patch = LimitsPatch {
        memory: limit(walk, &mut fields, "memory", Bytes::parse),
        fuel: limit(walk, &mut fields, "fuel", Count::parse),
        deadline: limit(walk, &mut fields, "deadline", parse_duration),
        output: limit(walk, &mut fields, "output", Bytes::parse),
        calls: limit(walk, &mut fields, "calls", calls_per_turn),
        requests: limit(walk, &mut fields, "requests", requests_per_call),
        sent: limit(walk, &mut fields, "sent", Bytes::parse),
        received: limit(walk, &mut fields, "received", Bytes::parse),
    };
    fields.finish(walk, "limits");
    patch
}

fn limit<T: Default + PartialEq>(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, UnitError>,
) -> Option<Marked<T>> {
    let node = fields.take(key)?;
    let limit = walk.unit(node, &format!("`{key}`"), parse)?;
    if limit.value == T::default() {
        walk.error(
            &node.place,
            format!("a limit of nothing for `{key}` would stop every call"),
            "to refuse calls, deny the tools instead",
        );
        return None;
    }
    Some(limit)
}

fn calls_per_turn(text: &str) -> Result<u32, UnitError> {
    text.strip_suffix("/turn")
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| UnitError {
            message: format!("`{}` is no number of calls", shown(text)),
            help: "write how many a turn may make, for instance `20/turn`",
        })
}

fn requests_per_call(text: &str) -> Result<u32, UnitError> {
    text.strip_suffix("/call")
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| UnitError {
            message: format!("`{}` is no number of requests", shown(text)),
            help: "write how many a call may make, for instance `50/call`",
        })
}

/// Warn of tool patterns that look like a slip of the pen, given the names of the house's plugins.
pub(crate) fn check_patterns(walk: &mut Walk, overlay: &Overlay, plugins: &[&str]) {
    for rule in &overlay.tools {
        let pattern = rule.pattern.as_str();
        let plugin = pattern.split('.').next().unwrap_or(pattern);
        if plugin.contains('*') {
            continue;
        }
        // What runs commands belongs to the host.
        if pattern == policy::EXEC_TOOL {
            continue;
        }
        let known = plugins.contains(&plugin);
        if known && !pattern.contains('.') {
            walk.warning(
                &rule.place,
                format!("`{plugin}` names a plugin, not a tool, so this rule matches nothing"),
                format!("for all its tools write `{plugin}.*`"),
            );
        } else if !pattern.contains(['.', '*']) && !HOST_TOOLS.contains(&pattern) {
            walk.warning(
                &rule.place,
                format!(
                    "`{}` is no tool's full name, so this rule matches nothing",
                    shown(pattern)
                ),
                "tools are called `plugin.tool`, for instance `fs.read`",
            );
        } else if !known
            && pattern.contains('.')
            && let Some(best) = suggest::nearest(plugin, plugins.iter().copied())
        {
            walk.warning(
                &rule.place,
                format!("the house has no plugin `{plugin}`, so this rule matches nothing"),
                format!("did you mean `{best}`?"),
            );
        }
    }
}
