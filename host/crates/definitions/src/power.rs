//! What energy takes where nothing measures it: watts of the CPU, joules of a model's tokens.

use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use types::{PerToken, Power};

const EXAMPLE: &str = "{ cpu: { watts_idle: 4, watts_busy: 15 }, models: { qwen3-coder: { joules_per_token: { input: 0.02, output: 0.4 } } }, pue: 1.2 }";
/// More than the whole house draws, however large: whoever wrote it meant another unit.
const MOST_WATTS: f64 = 100_000.0;
/// What the largest models on the worst machines take is some ten joules.
const MOST_JOULES: f64 = 10_000.0;
/// Nobody runs a data centre that wastes nine tenths.
const MOST_PUE: f64 = 10.0;

/// Read `power`.
pub(crate) fn read(walk: &mut Walk, node: &Node) -> Power {
    let mut power = Power::default();
    let Some(mut fields) = Fields::of(walk, node, "`power`", EXAMPLE) else {
        return power;
    };
    if let Some(n) = fields.take("cpu") {
        cpu(walk, n, &mut power);
    }
    if let Some(n) = fields.take("models") {
        models(walk, n, &mut power);
    }
    if let Some(n) = fields.take("pue")
        && let Some(pue) = number(walk, n, "`pue`", (1.0, MOST_PUE), "1.2")
    {
        power.pue = pue;
    }
    if let Some(n) = fields.take("meter")
        && let Some(path) = walk.text(n, "`meter`")
    {
        if path.starts_with('/') {
            power.meter = path.into();
        } else {
            walk.error(
                &n.place,
                format!("`{}` is no absolute path", shown(path)),
                "write the directory that holds intel-rapl:0, as `/sys/class/powercap`",
            );
        }
    }
    fields.finish_with(walk, "`power`", |key| match key {
        "watts_idle" | "watts_busy" | "watts" => {
            Some("put it below `cpu`: `cpu: { watts_idle: 4, watts_busy: 15 }`".into())
        }
        "joules_per_token" => {
            Some("put it below `models`, by the model's name: `models: { NAME: { joules_per_token: … } }`".into())
        }
        "gpu" => Some("what a GPU takes is stated by token: `models: { NAME: { joules_per_token: { input: 0.02, output: 0.4 } } }`".into()),
        _ => None,
    });
    power
}

fn cpu(walk: &mut Walk, node: &Node, power: &mut Power) {
    let Some(mut fields) = Fields::of(walk, node, "`cpu`", "{ watts_idle: 4, watts_busy: 15 }")
    else {
        return;
    };
    let mut watts = |walk: &mut Walk, key: &'static str, example: &str| {
        let n = fields.take(key)?;
        number(walk, n, &format!("`{key}`"), (0.0, MOST_WATTS), example)
    };
    power.watts_idle = watts(walk, "watts_idle", "4");
    power.watts_busy = watts(walk, "watts_busy", "15");
    fields.finish(walk, "`cpu`");
}

fn models(walk: &mut Walk, node: &Node, power: &mut Power) {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`models`",
            "a map from models to what they take",
            "write it as `{ qwen3-coder: { joules_per_token: { input: 0.02, output: 0.4 } } }`",
        );
        return;
    };
    for entry in entries {
        let example = "{ joules_per_token: { input: 0.02, output: 0.4 } }";
        let Some(mut fields) = Fields::of(walk, &entry.value, "a model's power", example) else {
            continue;
        };
        let each = fields
            .need(
                walk,
                "joules_per_token",
                "this model",
                "joules_per_token: { input: 0.02, output: 0.4 }",
            )
            .and_then(|n| per_token(walk, n));
        fields.finish(walk, "a model's power");
        if let Some(each) = each {
            power.models.insert(entry.key.text.as_ref().into(), each);
        }
    }
}

fn per_token(walk: &mut Walk, node: &Node) -> Option<PerToken> {
    let example = "{ input: 0.02, output: 0.4 }";
    let mut fields = Fields::of(walk, node, "`joules_per_token`", example)?;
    let joules = |walk: &mut Walk, n: &Node, key: &str| {
        number(walk, n, &format!("`{key}`"), (0.0, MOST_JOULES), "0.4")
    };
    let what = "`joules_per_token`";
    let input = fields
        .need(walk, "input", what, "input: 0.02")
        .and_then(|n| joules(walk, n, "input"));
    let output = fields
        .need(walk, "output", what, "output: 0.4")
        .and_then(|n| joules(walk, n, "output"));
    let cached = match fields.take("cached") {
        Some(n) => joules(walk, n, "cached"),
        // As with prices: what nobody states is not taken to be less.
        None => input,
    };
    fields.finish(walk, what);
    Some(PerToken {
        input: input?,
        cached: cached?,
        output: output?,
    })
}

/// A number between the two.
fn number(
    walk: &mut Walk,
    node: &Node,
    what: &str,
    (least, most): (f64, f64),
    example: &str,
) -> Option<f64> {
    let number = node
        .scalar()
        .filter(|_| !node.is_null())
        .and_then(|scalar| scalar.text.parse::<f64>().ok())
        .filter(|number| (least..=most).contains(number));
    if number.is_none() {
        walk.expected(
            node,
            what,
            &format!("a number from {least} to {most}"),
            &format!("write plain digits without a unit, for instance `{example}`"),
        );
    }
    number
}
