//! Requests put to rules: properties that hold whatever the rules and whatever the URL.

use crate::common::{grant, layer, mount, net, rule};
use charthouse_policy::{Access, Grant, Overlay, SecretRule, Verdict};
use proptest::prelude::*;
use std::net::IpAddr;
use types::SecretRef;

const PATTERNS: [&str; 9] = [
    "*",
    "https://*/**",
    "https://a.example/**",
    "https://a.example/x/**",
    "https://*.example/*",
    "https://a.example:*/x",
    "http://a.example/**",
    "http://127.0.0.1:*/**",
    "http://localhost/**",
];
const URLS: [&str; 12] = [
    "https://a.example/",
    "https://a.example/x",
    "https://a.example/x/y",
    "https://b.a.example/x",
    "https://a.example:8443/x",
    "https://a.example//x;y/z",
    "https://a.example/x%2Fy",
    "http://a.example/x",
    "http://127.0.0.1/x",
    "http://127.0.0.1:99/",
    "http://localhost/x",
    "http://10.1.2.3/x",
];

type Rules = Vec<(bool, &'static str)>;

fn overlay(rules: &Rules) -> Overlay {
    layer("rules", |layer| {
        layer.net = rules
            .iter()
            .map(|(allow, pattern)| {
                let verdict = if *allow {
                    Verdict::Allow
                } else {
                    Verdict::Deny
                };
                net(verdict, pattern)
            })
            .collect();
    })
}

fn granted(rules: &Rules, ceiling: Option<&Rules>) -> Grant {
    let ceiling = ceiling.map(overlay);
    grant(&[&overlay(rules)], ceiling.as_ref(), "web.fetch")
}

fn allows(grant: &Grant, url: &str) -> bool {
    let rules = grant.net_rules();
    rules.is_some_and(|rules| rules.may_request("GET", url).allowed)
}

fn rules() -> impl Strategy<Value = Rules> {
    prop::collection::vec((any::<bool>(), prop::sample::select(&PATTERNS[..])), 0..5)
}

fn url() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&URLS[..])
}

/// The same URL in other spellings.
fn respelled(url: &str, seed: u64) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let at = rest.find('/').unwrap();
    let (authority, path) = rest.split_at(at);
    let bit = |n: u32| seed >> n & 1 == 1;
    let scheme = if bit(0) {
        scheme.to_uppercase()
    } else {
        scheme.to_owned()
    };
    let mut authority = if bit(1) {
        authority.to_uppercase()
    } else {
        authority.to_owned()
    };
    if !authority.contains(':') {
        if bit(2) && !authority.ends_with(|c: char| c.is_ascii_digit()) {
            authority.push('.');
        }
        if bit(3) {
            authority.push_str(if scheme.eq_ignore_ascii_case("https") {
                ":443"
            } else {
                ":80"
            });
        }
    }
    let mut spelled = String::new();
    for (n, c) in path.chars().enumerate() {
        let written_plain =
            path.as_bytes()[..n].last() != Some(&b'%') && (n < 2 || path.as_bytes()[n - 2] != b'%');
        match c {
            c if c.is_ascii_alphanumeric() && written_plain && bit(4 + n as u32 % 32) => {
                spelled.push_str(&format!("%{:02x}", c as u32));
            }
            c => spelled.push(c),
        }
    }
    if bit(40) {
        spelled = format!("/q/..{spelled}");
    }
    if bit(41) {
        spelled = format!("/.{spelled}");
    }
    let query = if bit(42) { "?a=/../b" } else { "" };
    format!("{scheme}://{authority}{spelled}{query}")
}

#[test]
fn a_file_that_holds_a_secret_is_hidden_in_every_mount() {
    let base = layer("base", |layer| {
        layer.tools = vec![rule(Verdict::Allow, "*")];
        layer.mounts = vec![
            mount("/w", Some("."), Some(Access::ReadOnly), &[]),
            mount("/keys", Some("secrets"), Some(Access::ReadOnly), &[]),
            mount("/other", Some("docs"), Some(Access::ReadOnly), &[]),
        ];
        let mut line = net(Verdict::Allow, "https://a.example/**");
        line.value.secret = Some(SecretRule {
            header: "Authorization".into(),
            from: SecretRef::File("./secrets/[token]".into()),
            prefix: String::new(),
        });
        layer.net = vec![line];
    });
    let offline = layer("offline", |layer| {
        layer.net = vec![net(Verdict::Deny, "*")];
    });
    for layers in [vec![&base], vec![&base, &offline]] {
        let grant = grant(&layers, None, "fs.read");
        let hides = |guest: &str, name: &str| {
            let mount = grant.mounts.iter().find(|mount| mount.guest == guest);
            mount.unwrap().hidden().unwrap().hides(name)
        };
        assert!(hides("/w", "secrets/[token]") && hides("/keys", "[token]"));
        assert!(!hides("/w", "secrets/t") && !hides("/other", "[token]"));
        let says = |words: &str| grant.because.iter().any(|line| line.what == words);
        assert!(says("mount /w: hide secrets/[token], which holds a secret"));
    }
}

proptest! {
    #[test]
    fn how_a_url_is_spelled_changes_nothing(rules in rules(), url in url(), seed in any::<u64>()) {
        let grant = granted(&rules, None);
        let other = respelled(url, seed);
        prop_assert_eq!(allows(&grant, url), allows(&grant, &other), "{} {}", url, other);
    }

    #[test]
    fn a_ceiling_only_takes_away(rules in rules(), ceiling in rules(), url in url()) {
        let with = allows(&granted(&rules, Some(&ceiling)), url);
        prop_assert!(!with || allows(&granted(&rules, None), url));
        let closed = ceiling.last() == Some(&(false, "*"));
        prop_assert!(!(closed && with));
    }

    #[test]
    fn one_more_rule_changes_only_what_it_is_about(
        rules in rules(), allow in any::<bool>(), pattern in prop::sample::select(&PATTERNS[..]), url in url(),
    ) {
        let before = allows(&granted(&rules, None), url);
        let mut more = rules.clone();
        more.push((allow, pattern));
        let after = allows(&granted(&more, None), url);
        prop_assert!(before == after || after == allow, "a rule that says {} made it {}", allow, after);
        // A path that can be read in several ways needs several matches.
        let plain = !url.contains(';') && !url.contains('%');
        let alone = allows(&granted(&vec![(true, pattern)], None), url);
        prop_assert!(before == after || !allow || alone || !plain);
    }

    #[test]
    fn without_an_allowing_rule_nothing_is_allowed(rules in rules(), url in url()) {
        let none: Rules = rules.into_iter().map(|(_, pattern)| (false, pattern)).collect();
        prop_assert!(!allows(&granted(&none, None), url));
    }

    #[test]
    fn the_rule_that_is_named_is_the_one_that_decided(rules in rules(), url in url()) {
        let grant = granted(&rules, None);
        let Some(lines) = grant.net_rules() else { return Ok(()) };
        let decision = lines.may_request("GET", url);
        let Some(named) = &decision.rule else { return Ok(()) };
        let place = |line: &charthouse_policy::NetLine| format!("{}:{}", line.place.file, line.place.line);
        prop_assert!(grant.net.iter().any(|line| place(line) == *named));
        prop_assert!(decision.reason.contains(named.as_str()), "{}", decision.reason);
    }

    #[test]
    fn no_address_of_nobody_is_reached_unless_it_is_named(bits in any::<u128>(), four in any::<bool>()) {
        let address: IpAddr = match four {
            true => std::net::Ipv4Addr::from_bits(bits as u32).into(),
            false => std::net::Ipv6Addr::from_bits(bits).into(),
        };
        let everyone = granted(&vec![(true, "*")], None).net_rules().unwrap();
        let reach = everyone.may_request("GET", "https://a.example/").reach;
        let nobodys = match address {
            IpAddr::V4(four) => {
                four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
                    || four.is_broadcast() || four.is_unspecified() || four.is_documentation()
            }
            IpAddr::V6(six) => six.is_loopback() || six.is_multicast() || six.is_unspecified()
                || six.is_unique_local() || six.is_unicast_link_local(),
        };
        prop_assert!(!(nobodys && reach.permits(address).is_ok()), "{}", address);
        let written = match address {
            IpAddr::V4(four) => format!("http://{four}/"),
            IpAddr::V6(six) => format!("http://[{six}]/"),
        };
        prop_assert!(!(nobodys && everyone.may_request("GET", &written).allowed));
    }

    #[test]
    fn no_url_makes_anyone_panic(url in "\\PC{0,40}", path in "(/|%|\\.|;|[a-z0-9]|%2[ef]){0,20}") {
        let everyone = granted(&vec![(true, "*")], None).net_rules().unwrap();
        everyone.may_request("GET", &url);
        let decision = everyone.may_request("GET", &format!("https://a.example/{path}"));
        // What is sent is a fixed point: reading it again changes nothing.
        if let Some(target) = decision.target {
            let again = everyone.may_request("GET", target.url()).target.unwrap();
            prop_assert_eq!(again.url(), target.url());
        }
    }
}
