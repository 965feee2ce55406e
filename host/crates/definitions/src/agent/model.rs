//! Which model an agent asks, which ones instead when that one cannot answer, and how tokens are counted for it.

use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use context::Vocabulary;
use types::{Count, Effort, Marked, ModelParameters, Place};

const EXAMPLE: &str =
    "{ provider: local, name: qwen3-coder, context_length: 131072, max_output: 8192 }";

/// How the tokens of a payload are counted before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// By an estimate that learns from what the provider reports.
    #[default]
    Estimate,
    /// By the model's own vocabulary, where it is known.
    Exact,
    /// By the vocabulary of this name.
    Named(String),
}

/// Everything under `model`, with the places that later checks speak of.
pub(super) struct Model {
    pub parameters: ModelParameters,
    pub counting: Counting,
    /// The models that are asked instead, in order, each with the place where it stands.
    pub fallback: Vec<Marked<ModelParameters>>,
    /// The providers that are named.
    pub providers: Vec<Marked<String>>,
}

/// Read `model`. `None` when the first model is not known.
pub(super) fn read(walk: &mut Walk, node: &Node) -> Option<Model> {
    let mut fields = Fields::of(walk, node, "`model`", EXAMPLE)?;
    let first = one(walk, &mut fields, None);
    let counting = fields
        .take("tokens")
        .map(|n| counting(walk, n, first.name.as_deref()))
        .unwrap_or_default();
    let mut others = Vec::new();
    if let Some(list) = fields.take("fallback") {
        let example = "[{ provider: claude, name: claude-sonnet-4-5 }]";
        for item in walk.list(list, "`fallback`", example).unwrap_or_default() {
            others.extend(fallback(walk, item, &first));
        }
    }
    fields.finish_with(walk, "`model`", synonym);
    let mut providers: Vec<Marked<String>> = first.provider.iter().cloned().collect();
    providers.extend(others.iter().filter_map(|other| other.provider.clone()));
    let parameters = first.parameters()?;
    let mut fallback: Vec<Marked<ModelParameters>> = Vec::new();
    for other in others {
        let place = other.place.clone();
        let Some(other) = other.parameters() else {
            continue;
        };
        let same = |known: &ModelParameters| {
            (&known.provider, &known.name) == (&other.provider, &other.name)
        };
        if same(&parameters) || fallback.iter().any(|known| same(known)) {
            walk.error(
                &place,
                format!(
                    "`{}` of `{}` is asked already",
                    shown(&other.name),
                    shown(&other.provider)
                ),
                "name another model or another provider, or remove this one: what it could not answer it will not answer now",
            );
        }
        fallback.push(Marked::new(other, place));
    }
    Some(Model {
        parameters,
        counting,
        fallback,
        providers,
    })
}

/// What is said of one model.
struct Draft {
    provider: Option<Marked<String>>,
    name: Option<String>,
    context_length: Option<u64>,
    max_output: Option<u64>,
    temperature: Option<f64>,
    reasoning: Option<Effort>,
    place: Place,
}

impl Draft {
    fn parameters(self) -> Option<ModelParameters> {
        Some(ModelParameters {
            provider: self.provider?.as_str().into(),
            name: self.name?.into(),
            context_length: self.context_length?,
            max_output: self.max_output?,
            temperature: self.temperature,
            reasoning: self.reasoning,
        })
    }
}

fn fallback(walk: &mut Walk, node: &Node, first: &Draft) -> Option<Draft> {
    let mut fields = Fields::of(
        walk,
        node,
        "a fallback",
        "{ provider: claude, name: claude-sonnet-4-5 }",
    )?;
    let draft = one(walk, &mut fields, Some(first));
    fields.finish_with(walk, "a fallback", |key| match key {
        "fallback" => Some("write all of them into one list, in the order they are asked".into()),
        "tokens" => Some("tokens are counted by the first model's way".into()),
        other => synonym(other),
    });
    Some(draft)
}

/// What other programs call the keys of a model.
fn synonym(key: &str) -> Option<String> {
    let ours = match key {
        "max_tokens" | "max_output_tokens" | "max_completion_tokens" => "max_output",
        "context" | "context_window" | "window" | "n_ctx" | "max_context" => "context_length",
        "model" | "id" => "name",
        "effort" | "reasoning_effort" | "thinking" => "reasoning",
        _ => return None,
    };
    Some(format!("did you mean `{ours}`?"))
}

/// One model. Numbers that a fallback does not give are those of the `first`; how long it may think is its own, because many models do not take it.
fn one(walk: &mut Walk, fields: &mut Fields<'_>, first: Option<&Draft>) -> Draft {
    let what = match first {
        None => "this model",
        Some(_) => "this fallback",
    };
    let provider = fields
        .need(walk, "provider", what, "provider: local")
        .and_then(|n| walk.marked(n, "`provider`"));
    let name = fields
        .need(walk, "name", what, "name: qwen3-coder")
        .and_then(|n| walk.text(n, "`name`"));
    let mut number = |walk: &mut Walk, key, label: &str, example: &str| {
        let node = match first {
            None => fields.need(walk, key, what, example),
            Some(_) => fields.take(key),
        };
        (node, node.and_then(|n| tokens(walk, n, label)))
    };
    let (length_node, mut context_length) = number(
        walk,
        "context_length",
        "`context_length`",
        "context_length: 131072",
    );
    let (output_node, mut max_output) =
        number(walk, "max_output", "`max_output`", "max_output: 8192");
    let mut temperature_ = fields
        .take("temperature")
        .and_then(|n| temperature(walk, n));
    let reasoning = fields.take("reasoning").and_then(|n| {
        let words = [
            ("low", Effort::Low),
            ("medium", Effort::Medium),
            ("high", Effort::High),
        ];
        walk.word(n, "a length of reasoning", &words)
    });
    if let Some(first) = first {
        if length_node.is_none() {
            context_length = first.context_length;
        }
        if output_node.is_none() {
            max_output = first.max_output;
        }
        temperature_ = temperature_.or(first.temperature);
    }
    if let (Some(length), Some(output), Some(node)) =
        (context_length, max_output, output_node.or(length_node))
        && output >= length
    {
        walk.error(
            &node.place,
            format!("`max_output` ({output}) leaves nothing of `context_length` ({length}) for the input"),
            match output_node {
                Some(_) => "input and output share the window: lower `max_output`",
                None => "it has the first model's `max_output`: give it one of its own",
            },
        );
    }
    Draft {
        provider,
        name: name.map(str::to_owned),
        context_length,
        max_output,
        temperature: temperature_,
        reasoning,
        place: fields.place().clone(),
    }
}

/// How the tokens of `model` are counted.
fn counting(walk: &mut Walk, node: &Node, model: Option<&str>) -> Counting {
    #[derive(Clone, Copy)]
    enum Way {
        Estimate,
        Exact,
        Named(Vocabulary),
    }
    let mut words = vec![("estimate", Way::Estimate), ("exact", Way::Exact)];
    words.extend(Vocabulary::ALL.map(|known| (known.as_str(), Way::Named(known))));
    match walk.word(node, "a way to count tokens", &words) {
        Some(Way::Exact) => {
            if let Some(model) = model.filter(|model| Vocabulary::of_model(model).is_none()) {
                let known = Vocabulary::ALL.map(|known| format!("`tokens: {}`", known.as_str()));
                walk.error(
                    &node.place,
                    format!("the vocabulary of `{}` is not known, so its tokens cannot be counted exactly", shown(model)),
                    format!(
                        "write `tokens: estimate`, or name the vocabulary if it has one of these: {}",
                        known.join(", ")
                    ),
                );
            }
            Counting::Exact
        }
        Some(Way::Named(vocabulary)) => Counting::Named(vocabulary.as_str().to_owned()),
        Some(Way::Estimate) | None => Counting::Estimate,
    }
}

fn tokens(walk: &mut Walk, node: &Node, what: &str) -> Option<u64> {
    let count = walk.unit(node, what, Count::parse)?;
    if count.0 == 0 {
        walk.error(
            &node.place,
            format!("{what} is 0"),
            "write a number of tokens, for instance `8192`",
        );
        return None;
    }
    Some(count.0)
}

fn temperature(walk: &mut Walk, node: &Node) -> Option<f64> {
    let number = match node.scalar().map(|scalar| scalar.value) {
        Some(Typed::Int(n)) => Some(n as f64),
        Some(Typed::Float(x)) => Some(x),
        _ => None,
    };
    let fits = number.filter(|x| (0.0..=2.0).contains(x));
    if fits.is_none() {
        let help = match node.text().map(str::parse::<f64>) {
            Some(Ok(_)) => "take the quotes away",
            _ => "leave it out for the provider's default",
        };
        walk.expected(node, "`temperature`", "a number from 0 to 2", help);
    }
    fits
}
