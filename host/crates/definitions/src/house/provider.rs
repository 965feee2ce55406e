//! Providers: what each speaks, how much it may be asked and how long waited for, and where its answers are recorded.
//!
//! A person may write a secret here by mistake. Whatever is not known to be harmless is kept out of every report.

use super::record;
use crate::paths::Paths;
use crate::policy::secret_ref;
use crate::suggest::shown;
use crate::tree::{Kind, Node};
use crate::walk::{Fields, Walk};
use std::sync::Arc;
use std::time::Duration;
use types::{
    Count, Dialect, Marked, Patience, Place, ProviderConfig, ProviderKind, RateLimits, SecretRef,
    UnitError, parse_duration,
};

const EXAMPLE: &str = "{ kind: openai, base_url: \"http://127.0.0.1:11434/v1\" }";
/// Where Anthropic's own API is; its path `/v1/messages` follows.
const ANTHROPIC: &str = "https://api.anthropic.com";
/// More repetitions than these only make a failure slow.
const MOST_RETRIES: u64 = 20;
/// Keys whose values are no secrets.
const HARMLESS: [&str; 9] = [
    "kind", "base_url", "model", "file", "held", "limits", "timeout", "retries", "record",
];

#[derive(Clone, Copy, PartialEq)]
enum Word {
    OpenAi,
    Responses,
    Anthropic,
    Scripted,
    Replay,
}

const WORDS: [(&str, Word); 5] = [
    ("openai", Word::OpenAi),
    ("openai-responses", Word::Responses),
    ("anthropic", Word::Anthropic),
    ("scripted", Word::Scripted),
    ("replay", Word::Replay),
];

/// Read the provider `name`, and where it is recorded.
pub(super) fn read(
    walk: &mut Walk,
    name: &Arc<str>,
    node: &Node,
    paths: &Paths,
) -> Option<(ProviderConfig, Option<Place>)> {
    hide_values(walk, node);
    let mut fields = Fields::of(walk, node, "a provider", EXAMPLE)?;
    let word = fields
        .need(walk, "kind", "this provider", "kind: openai")
        .and_then(|kind| word(walk, kind));
    let Some(word) = word else {
        // Its other keys cannot be judged, but a secret among them must be complained of all the same.
        if let Some(key) = node.get("key") {
            secret_ref(walk, key, "`key`");
        }
        return None;
    };
    let kind = match word {
        Word::Scripted => {
            let help = "add the script, or mend the path: it is relative to the house";
            let example = "file: scripts/survey.yaml";
            named_file(walk, &mut fields, example)
                .and_then(|(text, place)| paths.file(walk, text, place, help))
                .map(|file| ProviderKind::Scripted { file })
        }
        Word::Replay => {
            let help = "name a cassette that a provider with `record` makes: the path is relative to the house";
            let example = "file: cassettes/survey.jsonl";
            // Another provider may be about to record it.
            named_file(walk, &mut fields, example)
                .and_then(|(text, place)| paths.file_to_be(walk, text, place, help))
                .map(|file| ProviderKind::Replay { file })
        }
        http => server(walk, &mut fields, http, paths),
    };
    let is_server = !matches!(word, Word::Scripted | Word::Replay);
    let model = if is_server {
        fields.take("model")
    } else {
        None
    }
    .and_then(|n| walk.text(n, "`model`"))
    .map(Arc::from);
    let (mut limits, mut patience) = (RateLimits::default(), Patience::default());
    if is_server {
        limits = fields
            .take("limits")
            .map(|n| self::limits(walk, n))
            .unwrap_or_default();
        patience = fields
            .take("timeout")
            .map(|n| timeout(walk, n))
            .unwrap_or_default();
        patience.retries = fields.take("retries").and_then(|n| retries(walk, n));
    }
    let record = if word == Word::Replay {
        None
    } else {
        fields.take("record")
    }
    .and_then(|n| Some((record::path(walk, n, paths)?, n.place.clone())));
    fields.finish_with(walk, "a provider of this kind", |key| hint(key, word));
    let (record, recorded_at) = record.unzip();
    let config = ProviderConfig {
        model,
        limits,
        patience,
        record,
        ..ProviderConfig::new(name.clone(), kind?)
    };
    Some((config, recorded_at))
}

/// What somebody means who writes `key` in a provider of the kind `word`.
fn hint(key: &str, word: Word) -> Option<String> {
    Some(match key {
        "url" | "host" | "endpoint" | "base" => "did you mean `base_url`?".into(),
        "api_key" | "apikey" | "token" | "secret" => {
            "did you mean `key`? It takes `env:NAME` or `file:PATH`".into()
        }
        "held" => {
            "only providers of kind `openai-responses` can hold the conversation: remove it".into()
        }
        "record" if word == Word::Replay => {
            "what comes off a cassette is recorded already: remove it".into()
        }
        "rate_limit" | "rate_limits" | "rpm" | "tpm" => {
            "write `limits: { requests: 60/min, tokens: 200k/min, concurrent: 4 }`".into()
        }
        "timeouts" => "did you mean `timeout`?".into(),
        "path" | "script" | "cassette" if matches!(word, Word::Scripted | Word::Replay) => {
            "did you mean `file`?".into()
        }
        _ => return None,
    })
}

fn word(walk: &mut Walk, kind: &Node) -> Option<Word> {
    let help = match kind.text() {
        Some("responses" | "openai_responses") => "did you mean `openai-responses`?",
        Some("claude") => "did you mean `anthropic`?",
        Some("script" | "mock" | "fake") => "did you mean `scripted`?",
        Some("cassette" | "tape") => "did you mean `replay`?",
        Some(
            "ollama" | "vllm" | "llama.cpp" | "llamacpp" | "lmstudio" | "openrouter" | "litellm"
            | "mistral" | "groq" | "deepseek",
        ) => "it speaks OpenAI's chat completions: write `kind: openai` and its `base_url`",
        _ => return walk.word(kind, "a kind of provider", &WORDS),
    };
    let message = format!(
        "`{}` is not a kind of provider",
        kind.text().unwrap_or_default()
    );
    walk.error(&kind.place, message, help);
    None
}

fn server(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    word: Word,
    paths: &Paths,
) -> Option<ProviderKind> {
    let base_url = if word == Word::Anthropic {
        fields
            .take("base_url")
            .map_or(Some(ANTHROPIC.to_owned()), |n| base_url(walk, n))
    } else {
        let example = "base_url: \"http://127.0.0.1:11434/v1\"";
        fields
            .need(walk, "base_url", "this provider", example)
            .and_then(|n| base_url(walk, n))
    };
    let key = fields.take("key");
    if word == Word::Anthropic && key.is_none() && base_url.as_deref() == Some(ANTHROPIC) {
        walk.warning(
            fields.place(),
            "this provider has no `key`, and Anthropic answers nobody without one",
            "add `key: env:ANTHROPIC_API_KEY`",
        );
    }
    let key = key.map(|n| secret_ref(walk, n, "`key`"));
    let dialect = match word {
        Word::Anthropic => Dialect::Messages,
        Word::Responses => Dialect::Responses {
            held: fields
                .take("held")
                .and_then(|n| walk.bool(n, "`held`"))
                .unwrap_or(false),
        },
        _ => Dialect::ChatCompletions,
    };
    Some(ProviderKind::Http {
        dialect,
        base_url: base_url?,
        key: key.flatten().map(|reference| paths.secret(reference)),
    })
}

fn named_file<'n>(
    walk: &mut Walk,
    fields: &mut Fields<'n>,
    example: &str,
) -> Option<(&'n str, &'n Place)> {
    let node = fields.need(walk, "file", "this provider", example)?;
    Some((walk.text(node, "`file`")?, &node.place))
}

/// Keep what may be a secret out of every report: whatever stands under keys that are not known to be harmless.
fn hide_values(walk: &mut Walk, node: &Node) {
    for entry in node.map().unwrap_or_default() {
        if !HARMLESS.contains(&&*entry.key.text) {
            hide(walk, &entry.value);
        }
    }
}

fn hide(walk: &mut Walk, node: &Node) {
    match &node.kind {
        Kind::Scalar(scalar) if SecretRef::parse(&scalar.text).is_none() => {
            walk.sources.mask(&node.place, scalar.lines);
        }
        Kind::Scalar(_) => {}
        Kind::List(items) => items.iter().for_each(|item| hide(walk, item)),
        Kind::Map(entries) => entries.iter().for_each(|entry| hide(walk, &entry.value)),
    }
}

fn base_url(walk: &mut Walk, node: &Node) -> Option<String> {
    let text = walk.text(node, "`base_url`")?;
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    match host {
        Some(host) if host.contains('@') => {
            walk.sources.mask(&node.place, 1);
            walk.error(
                &node.place,
                "`base_url` must not hold a user name or a password",
                "remove what stands before the `@`, and give the key as `key: env:NAME`",
            );
            None
        }
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => {
            Some(text.trim_end_matches('/').to_owned())
        }
        _ => {
            walk.error(
                &node.place,
                format!("`{}` is no URL of a server", shown(text)),
                "write it with its scheme, for instance `http://127.0.0.1:11434/v1`",
            );
            None
        }
    }
}

fn limits(walk: &mut Walk, node: &Node) -> RateLimits {
    let example = "{ requests: 60/min, tokens: 200k/min, concurrent: 4 }";
    let Some(mut fields) = Fields::of(walk, node, "`limits`", example) else {
        return RateLimits::default();
    };
    let requests = fields.take("requests").and_then(|n| {
        let limit = walk.unit(n, "`requests`", |text| per_minute(text, "60/min"))?;
        not_zero(walk, limit)
    });
    let tokens = fields.take("tokens").and_then(|n| {
        let limit = walk.unit(n, "`tokens`", |text| per_minute(text, "200k/min"))?;
        not_zero(walk, limit)
    });
    let concurrent = fields.take("concurrent").and_then(|n| {
        let number = walk.whole(n, "`concurrent`")?;
        not_zero(walk, Marked::new(number, n.place.clone()))
    });
    fields.finish_with(walk, "`limits`", |key| match key {
        "rpm" => Some("did you mean `requests: 60/min`?".into()),
        "tpm" => Some("did you mean `tokens: 200k/min`?".into()),
        "usd" | "usd_per_day" => Some("money is limited in the agent's `budget`".into()),
        _ => None,
    });
    RateLimits {
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        concurrent: concurrent.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
    }
}

/// `60/min`.
fn per_minute(text: &str, example: &'static str) -> Result<u64, UnitError> {
    let help = match example {
        "60/min" => "write how many in a minute, for instance `60/min`",
        _ => "write how many in a minute, sent and received, for instance `200k/min`",
    };
    text.trim()
        .strip_suffix("/min")
        .and_then(|number| Count::parse(number.trim_end()).ok())
        .map(|count| count.0)
        .ok_or_else(|| UnitError {
            message: format!("`{}` is no number in a minute", shown(text)),
            help,
        })
}

fn not_zero(walk: &mut Walk, limit: Marked<u64>) -> Option<u64> {
    if limit.value == 0 {
        walk.error(
            &limit.place,
            "a limit of 0 would stop every request",
            "raise it, or leave it out for no limit",
        );
        return None;
    }
    Some(limit.value)
}

fn timeout(walk: &mut Walk, node: &Node) -> Patience {
    let example = "{ connect: 10s, idle: 5m, total: 30m }";
    let Some(mut fields) = Fields::of(walk, node, "`timeout`", example) else {
        return Patience::default();
    };
    let mut time = |walk: &mut Walk, key| {
        let node = fields.take(key)?;
        let time = walk.unit(node, &format!("`{key}`"), parse_duration)?;
        if time.is_zero() {
            walk.error(
                &node.place,
                format!("`{key}` is 0: every request would fail"),
                "raise it, or leave it out for the host's default",
            );
        }
        Some(time)
    };
    let connect = time(walk, "connect");
    let idle = time(walk, "idle");
    let total = time(walk, "total");
    if let (Some(idle), Some(total)) = (&idle, &total)
        && idle.value > total.value
    {
        walk.warning(
            &idle.place,
            "`idle` is longer than `total`, so it never acts",
            "lower it: it is the longest wait for the next byte of one answer",
        );
    }
    fields.finish(walk, "`timeout`");
    let value = |time: Option<Marked<Duration>>| time.map(|time| time.value);
    Patience {
        connect: value(connect),
        idle: value(idle),
        total: value(total),
        retries: None,
    }
}

fn retries(walk: &mut Walk, node: &Node) -> Option<u32> {
    let number = walk.whole(node, "`retries`")?;
    if number > MOST_RETRIES {
        walk.error(
            &node.place,
            format!("{number} repetitions are too many"),
            format!(
                "write a number from 0 to {MOST_RETRIES}; each waits longer than the one before"
            ),
        );
        return None;
    }
    u32::try_from(number).ok()
}
