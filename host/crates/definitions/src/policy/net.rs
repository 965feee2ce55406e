//! `net`: which URLs a plugin may ask for. What the rules come to is `policy`'s business.

use super::{secret_ref, verdicts};
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use policy::{AddressRange, NetRule, SecretRule, UrlPattern, Verdict};
use types::Marked;

const EXAMPLE: &str = "[{ allow: \"https://api.github.com/repos/**\", methods: [GET] }]";
/// Headers of the connection, and those that say where a request goes or how its body is framed: none of them carries a secret.
const NEVER_SECRET: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "keep-alive",
    "accept-encoding",
];

/// The rules of `net`.
pub(super) fn rules(walk: &mut Walk, node: &Node) -> Vec<Marked<NetRule>> {
    let items = walk.list(node, "`net`", EXAMPLE).unwrap_or_default();
    items.iter().flat_map(|item| rule(walk, item)).collect()
}

/// One item, which may name several patterns.
fn rule(walk: &mut Walk, node: &Node) -> Vec<Marked<NetRule>> {
    const WHAT: &str = "a network rule";
    let example = "{ allow: \"https://example.org/**\" }";
    let Some(mut fields) = Fields::of(walk, node, WHAT, example) else {
        return Vec::new();
    };
    let said = verdicts(walk, &mut fields, WHAT, false);
    let methods = fields
        .take("methods")
        .map_or_else(Vec::new, |node| methods(walk, node));
    let addresses = fields
        .take_entry("addresses")
        .map(|(key, node)| (&key.place, addresses(walk, node)));
    let secret = fields
        .take_entry("secret")
        .map(|(key, node)| (&key.place, secret(walk, node)));
    fields.finish(walk, WHAT);
    let Some((verdict, value)) = said else {
        return Vec::new();
    };
    if verdict == Verdict::Deny {
        let useless = [
            ("addresses", addresses.as_ref().map(|(place, _)| *place)),
            ("secret", secret.as_ref().map(|(place, _)| *place)),
        ];
        for (key, place) in useless {
            if let Some(place) = place {
                walk.error(
                    place,
                    format!("a rule that denies has no use for `{key}`"),
                    "leave it out, or write it beside an `allow`",
                );
            }
        }
    }
    let secret_place = secret.as_ref().map(|(place, _)| *place);
    let addresses = addresses.map_or_else(Vec::new, |(_, addresses)| addresses);
    let secret = secret.and_then(|(_, secret)| secret);
    let one = std::slice::from_ref(value);
    let mut rules = Vec::new();
    for node in value.list().unwrap_or(one) {
        let Some(pattern) = pattern(walk, node) else {
            continue;
        };
        if let Some(place) = secret_place.filter(|_| verdict == Verdict::Allow) {
            check_secret_goes_to(walk, place, &pattern);
        }
        let rule = NetRule {
            verdict,
            pattern,
            methods: methods.clone(),
            addresses: addresses.clone(),
            secret: secret.clone(),
        };
        rules.push(Marked::new(rule, node.place.clone()));
    }
    rules
}

fn pattern(walk: &mut Walk, node: &Node) -> Option<UrlPattern> {
    let text = walk.text(node, "a URL pattern")?;
    match UrlPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            walk.error(
                &node.place,
                format!("`{}` is no pattern of URLs: {error}", shown(text)),
                error.help,
            );
            None
        }
    }
}

/// A secret is for somebody: a rule about everybody must not carry one, and one in the clear is everybody's.
fn check_secret_goes_to(walk: &mut Walk, place: &types::Place, pattern: &UrlPattern) {
    if pattern.is_any_host() {
        walk.error(
            place,
            format!(
                "`{}` would send this secret to any host",
                shown(&pattern.to_string())
            ),
            "name the host that the secret is for, for instance `https://api.example.com/**`",
        );
    } else if pattern.is_clear() && !pattern.is_this_machine() {
        walk.warning(
            place,
            format!(
                "`{}` sends this secret over the network unencrypted",
                shown(&pattern.to_string())
            ),
            "write `https://` if the server speaks it",
        );
    }
}

fn methods(walk: &mut Walk, node: &Node) -> Vec<String> {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let words = KNOWN.map(|method| (method, method));
    let Some(items) = walk.list(node, "`methods`", "[GET, POST]") else {
        return Vec::new();
    };
    if items.is_empty() {
        walk.error(
            &node.place,
            "an empty list of methods could be read as none or as all",
            "leave `methods` out for all of them, or name some: `[GET, HEAD]`",
        );
    }
    items
        .iter()
        .filter_map(|item| walk.word(item, "an HTTP method", &words).map(str::to_owned))
        .collect()
}

fn addresses(walk: &mut Walk, node: &Node) -> Vec<AddressRange> {
    let items = walk.list(node, "`addresses`", "[10.0.0.0/8]");
    let mut ranges = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(text) = walk.text(item, "a range of addresses") else {
            continue;
        };
        match AddressRange::parse(text) {
            Ok(range) => ranges.push(range),
            Err(why) => walk.error(
                &item.place,
                format!(
                    "`{}` is no range of addresses: {}",
                    shown(text),
                    shown(&why)
                ),
                "write one address, or a range such as `10.0.0.0/8` or `fd00::/8`",
            ),
        }
    }
    ranges
}

fn secret(walk: &mut Walk, node: &Node) -> Option<SecretRule> {
    let example = "{ header: Authorization, from: env:NAME }";
    let mut fields = Fields::of(walk, node, "a secret", example)?;
    let header = fields
        .need(walk, "header", "this secret", "header: Authorization")
        .and_then(|node| header(walk, node));
    let from = fields
        .need(walk, "from", "this secret", "from: env:GITHUB_TOKEN")
        .and_then(|node| secret_ref(walk, node, "`from`"));
    let prefix = match fields.take("prefix") {
        None => Some(String::new()),
        Some(node) => prefix(walk, node),
    };
    fields.finish(walk, "a secret");
    Some(SecretRule {
        header: header?,
        from: from?,
        prefix: prefix?,
    })
}

fn header(walk: &mut Walk, node: &Node) -> Option<String> {
    let text = walk.text(node, "`header`")?;
    let is_name = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let lower = text.to_ascii_lowercase();
    if !is_name || NEVER_SECRET.contains(&lower.as_str()) {
        walk.error(
            &node.place,
            format!("`{}` cannot carry a secret", shown(text)),
            "name one header, such as `Authorization` or `X-Api-Key`",
        );
        return None;
    }
    Some(text.to_owned())
}

fn prefix(walk: &mut Walk, node: &Node) -> Option<String> {
    let text = walk.text(node, "`prefix`")?;
    if text.is_empty() || text.len() > 64 || text.bytes().any(|b| !(b' '..=b'~').contains(&b)) {
        walk.error(
            &node.place,
            format!("`{}` cannot stand before a secret", shown(text)),
            "write what the server expects before the value, such as `\"Bearer \"`",
        );
        return None;
    }
    Some(text.to_owned())
}
