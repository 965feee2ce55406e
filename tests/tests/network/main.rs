//! A plugin on the network, from the policy that a person writes to the bytes that a server sees: what is allowed works, what is not is refused in words that
//! name the rule, and secrets stay with the host.

mod site;

use charthouse_tests::{
    Calls, House, Plan, Ran, Told, charthouse, copy, fs_plugin, guests, repository,
};
use serde_json::{Value, json};
use site::{Site, page};
use std::io::Write;
use std::time::Duration;

const SECRET: &str = "tok_0123/456789+abcdef";

/// Call the test guest's only tool under a policy with these `net` rules.
fn fetch(net: &str, arguments: Value) -> Ran {
    let calls = Calls::new();
    fetch_in(&calls, net, "", arguments)
}

fn fetch_in(calls: &Calls, net: &str, more: &str, arguments: Value) -> Ran {
    calls.write(
        "net.yaml",
        &format!("policy: net\ntools: [{{ allow: web.fetch }}]\n{more}net:\n{net}"),
    );
    let mut command = charthouse(calls.path());
    let component = guests().join("web.wasm").display().to_string();
    command
        .args([
            "plugin",
            "call",
            &component,
            "fetch",
            &arguments.to_string(),
        ])
        .args(["--policy", "net.yaml", "--json"])
        .env("CHARTHOUSE_TEST_TOKEN", SECRET)
        // Nobody listens there: whoever used a proxy would reach nothing.
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1");
    Ran::of(&mut command)
}

/// What the guest told.
#[track_caller]
fn told(ran: &Ran) -> Value {
    let answer = ran.json();
    let text = answer["ok"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    serde_json::from_str(text).unwrap()
}

#[track_caller]
fn refused(ran: &Ran, code: &str, about: &[&str]) {
    let error = told(ran)["error"].to_string();
    assert!(error.contains(code), "{error}");
    let refusals = ran.json()["refused"].to_string();
    for words in about {
        assert!(refusals.contains(words), "`{words}` is not in {refusals}");
    }
}

#[test]
fn a_granted_plugin_asks_a_server_and_only_as_granted() {
    let site = Site::saying("Hello from the loopback.");
    let rule = format!(
        "  - {{ allow: \"{}/repos/**\", methods: [GET, POST] }}\n",
        site.url("")
    );
    let ran = fetch(&rule, json!({"url": site.url("/repos/x?q=1")})).expect(0);
    assert_eq!(told(&ran)["body"], "Hello from the loopback.");
    assert_eq!(ran.json()["refused"], Value::Null);
    let arguments =
        json!({"url": site.url("/repos"), "method": "POST", "body": "abc", "repeat": 2});
    assert_eq!(told(&fetch(&rule, arguments).expect(0))["status"], 200);
    let asked = site.asked();
    assert!(
        asked[0].starts_with("GET /repos/x?q=1 HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0].contains(&format!("host: {}\r\n", site.address)),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].starts_with("POST /repos HTTP/1.1\r\n"),
        "{}",
        asked[1]
    );
    for (arguments, about) in [
        (
            json!({"url": site.url("/other")}),
            "no `net` rule allows GET",
        ),
        (
            json!({"url": site.url("/repos/../other")}),
            "no `net` rule allows GET",
        ),
        (
            json!({"url": site.url("/repos/%2e%2e/other")}),
            "no `net` rule allows GET",
        ),
        (json!({"url": site.url("/repos/..%2fother")}), "dot segment"),
        (
            json!({"url": site.url("/repos/%252e%252e/other")}),
            "dot segment",
        ),
        (
            json!({"url": site.url("/repos/x"), "method": "DELETE"}),
            "no `net` rule allows DELETE",
        ),
        (
            json!({"url": site.url("/repos/x").replace("127.0.0.1", "localhost")}),
            "no `net` rule allows",
        ),
        (
            json!({"url": "https://127.0.0.1/repos/x"}),
            "no `net` rule allows",
        ),
    ] {
        refused(
            &fetch(&rule, arguments).expect(0),
            "HttpRequestDenied",
            &[about],
        );
    }
    assert_eq!(site.asked().len(), 2);
}

#[test]
fn the_last_rule_that_matches_wins_and_is_named() {
    let site = Site::saying("");
    let rules = format!(
        "  - allow: \"{0}/**\"\n  - deny: \"{0}/admin/**\"\n",
        site.url("")
    );
    refused(
        &fetch(&rules, json!({"url": site.url("/admin/x")})).expect(0),
        "HttpRequestDenied",
        &["net.yaml:5", "deny", "/admin/**"],
    );
    assert_eq!(
        told(&fetch(&rules, json!({"url": site.url("/x")})))["status"],
        200
    );
}

#[test]
fn without_net_rules_nothing_is_reached_and_the_plugin_still_loads() {
    let site = Site::saying("");
    let calls = Calls::new();
    let asked = json!({"url": site.url("/")});
    let ran = calls
        .call(&guests().join("web.wasm"), "fetch", &asked, None)
        .expect(0);
    refused(&ran, "HttpRequestDenied", &["this call has no network"]);
    let address = site.address.to_string();
    let sockets = guests().join("net.wasm");
    let ran = calls
        .call(&sockets, "connect", &json!({"address": address}), None)
        .expect(1);
    assert!(
        ran.stdout.contains("plugins have no sockets"),
        "{}",
        ran.stdout
    );
    assert_eq!(site.asked().len(), 0);
}

#[test]
fn addresses_of_this_machine_and_its_network_must_be_named() {
    let site = Site::saying("here");
    let port = site.address.port();
    for (rule, host, allowed) in [
        ("http://*:*/**", "127.0.0.1", false),
        ("*", "127.0.0.1", false),
        ("*", "localhost", false),
        ("*", "[::ffff:127.0.0.1]", false),
        ("*", "2130706433", false),
        ("*", "0x7f.1", false),
        ("*", "169.254.169.254", false),
        ("*", "10.0.0.1", false),
        ("http://127.0.0.1:*/**", "127.0.0.1", true),
        ("http://127.0.0.1:*/**", "0x7f.1", true),
        ("http://localhost:*/**", "localhost", true),
        ("http://*.localhost:*/**", "a.localhost", false),
    ] {
        let rules = format!("  - allow: \"{rule}\"\n");
        let ran = fetch(&rules, json!({"url": format!("http://{host}:{port}/")})).expect(0);
        let told = told(&ran);
        match allowed {
            true => assert_eq!(told["body"], "here", "{rule} {host}: {told}"),
            false => {
                assert!(told["error"].is_string(), "{rule} {host}: {told}");
                let refusals = ran.json()["refused"].to_string();
                assert!(refusals.contains("net.yaml:4"), "{rule} {host}: {refusals}");
            }
        }
    }
    let named = "  - { allow: \"http://*.localhost:*/**\", addresses: [127.0.0.0/8] }\n";
    let ran = fetch(named, json!({"url": format!("http://a.localhost:{port}/")}));
    assert_eq!(told(&ran)["body"], "here");
}

#[test]
fn a_redirect_is_shown_and_where_it_leads_is_a_request_like_any_other() {
    let private = Site::saying("private");
    let to = private.url("/x");
    let site = Site::start(move |_, stream| {
        let head = format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
    });
    let rule = format!("  - allow: \"{}/**\"\n", site.url(""));
    let shown = fetch(&rule, json!({"url": site.url("/")})).expect(0);
    assert_eq!(told(&shown)["status"], 302);
    let followed = fetch(&rule, json!({"url": site.url("/"), "follow": true})).expect(0);
    refused(
        &followed,
        "HttpRequestDenied",
        &["no `net` rule allows", &private.url("/x")],
    );
    assert_eq!(private.asked().len(), 0);
    let both = format!("{rule}  - allow: \"{}/**\"\n", private.url(""));
    let followed = fetch(&both, json!({"url": site.url("/"), "follow": true}));
    assert_eq!(told(&followed)["body"], "private");
}

/// A server that repeats what it was sent: in a header, in its body piece by piece, and in other spellings.
fn echo() -> Site {
    Site::start(|request, stream| {
        let token = request
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "));
        let token = token.unwrap_or("none").to_owned();
        let value = token.strip_prefix("Bearer ").unwrap_or(&token);
        let percent = value.replace('/', "%2F").replace('+', "%2B");
        page(stream, &[format!("x-echo: {token}")], "");
        for piece in format!("you sent {token} {percent} {}", value.replace('/', "\\/"))
            .as_bytes()
            .chunks(3)
        {
            let _ = stream.write_all(piece);
            let _ = stream.flush();
            std::thread::sleep(Duration::from_millis(2));
        }
    })
}

fn secret_rule(site: &Site) -> String {
    format!(
        "  - {{ allow: \"{}/**\", secret: {{ header: Authorization, from: env:CHARTHOUSE_TEST_TOKEN, prefix: \"Bearer \" }} }}\n",
        site.url("")
    )
}

#[test]
fn a_secret_reaches_its_server_and_nobody_else() {
    let (site, other) = (echo(), echo());
    let rules = format!(
        "{}  - allow: \"{}/**\"\n",
        secret_rule(&site),
        other.url("")
    );
    let own = json!([{"name": "Authorization", "value": "Bearer the-guests-own"}]);
    let ran = fetch(&rules, json!({"url": site.url("/"), "headers": own})).expect(0);
    let seen = &site.asked()[0];
    assert!(
        seen.contains(&format!("authorization: Bearer {SECRET}\r\n")),
        "{seen}"
    );
    assert!(!seen.contains("the-guests-own"), "{seen}");
    let body = told(&ran)["body"].as_str().unwrap().to_owned();
    assert!(body.starts_with("you sent Bearer **********"), "{body}");
    for part in [SECRET, "tok_0123", "456789", "abcdef"] {
        assert!(
            !ran.stdout.contains(part) && !ran.stderr.contains(part),
            "{part}: {ran:?}"
        );
    }
    fetch(&rules, json!({"url": other.url("/")})).expect(0);
    assert!(
        !other.asked()[0].contains("authorization"),
        "{}",
        other.asked()[0]
    );
}

#[test]
fn a_secret_in_a_file_is_read_by_the_host_and_by_no_plugin() {
    let site = echo();
    let calls = Calls::new();
    calls.write("secrets/token", &format!("{SECRET}\n"));
    let rules = secret_rule(&site).replace("env:CHARTHOUSE_TEST_TOKEN", "file:secrets/token");
    let mount = "mounts: { /workspace: { from: ., access: read-only } }\n";
    let ran = fetch_in(&calls, &rules, mount, json!({"url": site.url("/")})).expect(0);
    assert!(
        site.asked()[0].contains(SECRET) && !ran.stdout.contains("tok_0123"),
        "{ran:?}"
    );
    let policy = std::fs::read_to_string(calls.path().join("net.yaml")).unwrap();
    calls.write("net.yaml", &policy.replace("web.fetch", "fs.read"));
    let asked = json!({"path": "/workspace/secrets/token"});
    let ran = calls.call(&fs_plugin(), "read", &asked, Some("net.yaml"));
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains("tok_0123"), "{ran:?}");
    let asked = json!({"path": "/workspace/net.yaml"});
    calls
        .call(&fs_plugin(), "read", &asked, Some("net.yaml"))
        .expect(0);
}

#[test]
fn a_secret_that_is_not_there_stops_the_request_and_says_which() {
    let site = echo();
    let rules = secret_rule(&site).replace("CHARTHOUSE_TEST_TOKEN", "CHARTHOUSE_TEST_NO_TOKEN");
    let ran = fetch(&rules, json!({"url": site.url("/")})).expect(0);
    refused(
        &ran,
        "ConfigurationError",
        &["env:CHARTHOUSE_TEST_NO_TOKEN", "not set"],
    );
    assert_eq!(site.asked().len(), 0);
}

#[test]
fn an_answer_without_end_meets_a_limit() {
    let calls = Calls::new();
    let site = Site::start(|_, stream| {
        page(stream, &[], "");
        while stream.write_all(&[b'x'; 10_000]).is_ok() {}
    });
    let rule = format!("  - allow: \"{}/**\"\n", site.url(""));
    let limits = "limits: { received: 100KB, deadline: 60s }\n";
    let ran = fetch_in(&calls, &rule, limits, json!({"url": site.url("/")})).expect(0);
    refused(&ran, "body size exceeds limit", &["limits: { received"]);
    let slow = Site::start(|_, stream| {
        page(stream, &[], "");
        while stream.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let rule = format!("  - allow: \"{}/**\"\n", slow.url(""));
    let limits = "limits: { deadline: 500ms }\n";
    let ran = fetch_in(&calls, &rule, limits, json!({"url": slow.url("/")})).expect(1);
    assert_eq!(ran.json()["error"]["kind"], "limit", "{}", ran.stdout);
}

/// A house whose agent asks for these URLs, one call each, and then repeats what it was told.
fn house(net: &str, more: &str, urls: &[String]) -> House {
    let calls: Vec<String> = urls
        .iter()
        .map(|url| format!("{{ tool: web.fetch, arguments: {{ url: \"{url}\" }} }}"))
        .collect();
    let house = House::of(Plan {
        replies: &format!(
            "  - when: \"turn == 0\"\n    calls: [{}]\n  - text: \"{{{{ results | map(attribute='text') | join('; ') }}}}\"\n",
            calls.join(", ")
        ),
        policy: &format!("\n  tools: [{{ allow: \"*\" }}]\n  net:\n{net}"),
        house: &format!("  web: plugins/web.wasm\n{more}"),
        ..Plan::default()
    });
    copy(
        &guests().join("web.wasm"),
        &house.root.join("plugins/web.wasm"),
    );
    house.edit("agents/tester.yaml", "hostile]", "hostile, web]");
    house
}

#[test]
fn in_a_run_the_model_reads_refusals_and_the_journal_holds_them_but_no_secret() {
    let site = echo();
    let rule = secret_rule(&site).replace("  - ", "    - ");
    let house = house(&rule, "", &[site.url("/"), "http://10.0.0.1/x".into()]);
    let mut command = house.command();
    command
        .args(["run", "tester", "go", "--json"])
        .env("CHARTHOUSE_TEST_TOKEN", SECRET);
    let ran = Ran::of(&mut command).expect(0);
    assert!(site.asked()[0].contains(SECRET));
    let said = ran.stdout.as_str();
    assert!(said.contains("you sent Bearer ****"), "{said}");
    assert!(
        said.contains("no `net` rule allows GET http://10.0.0.1/x"),
        "{said}"
    );
    // What it fetched is on the ledger, beside its arguments and its answer; what was refused fetched nothing.
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let outcomes = house.journal("outcome");
    let told = |what: &str| -> Vec<u64> {
        let each = outcomes.iter();
        each.map(|one| number(&one["body"]["outcome"][what]))
            .collect()
    };
    let (sent, fetched) = (told("sent"), told("received"));
    assert!(sent[0] > 0 && sent[1] == 0, "{sent:?}");
    assert!(fetched[0] > 0 && fetched[1] == 0, "{fetched:?}");
    let costs = house.journal("cost");
    let of_call = costs
        .iter()
        .find(|cost| cost["body"]["tool"] == "web.fetch");
    let booked = |what: &str| number(&of_call.unwrap()["body"][what]);
    let (bytes_in, bytes_out) = (booked("bytes_in"), booked("bytes_out"));
    let arguments = json!({ "url": site.url("/") }).to_string().len() as u64;
    assert_eq!(bytes_in, arguments + sent[0]);
    assert!(bytes_out > fetched[0], "{bytes_out} of {fetched:?}");
    let journal: Vec<String> = house.journal("").iter().map(Value::to_string).collect();
    let journal = journal.join("\n");
    assert!(
        journal.contains("no `net` rule allows GET http://10.0.0.1/x"),
        "{journal}"
    );
    let explained = house
        .run(["policy", "explain", "tester", "--tool", "web.fetch"])
        .expect(0)
        .stdout;
    assert!(
        explained.contains("adds Authorization from env:CHARTHOUSE_TEST_TOKEN"),
        "{explained}"
    );
    for text in [said, &journal, &ran.stderr, &explained] {
        assert!(!text.contains("tok_0123"), "{text}");
    }
    for entry in std::fs::read_dir(house.root.join(".charthouse"))
        .unwrap()
        .flatten()
    {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(8).any(|window| window == b"tok_0123");
            assert!(!found, "{} holds the secret", entry.path().display());
        }
    }
}

#[test]
fn the_ceiling_takes_away_what_an_agent_gives_itself() {
    let site = Site::saying("here");
    let rule = format!("    - allow: \"{}/**\"\n", site.url(""));
    let ceiling = format!(
        "ceiling:\n  limits: {{ requests: 1/call }}\n  net: [{{ deny: \"{}/closed/**\" }}]\n",
        site.url("")
    );
    let house = house(&rule, &ceiling, &[site.url("/open"), site.url("/closed/x")]);
    let text = Told::of(&house, 0).ended("done").text();
    assert!(
        text.contains("\"body\":\"here\"") && text.contains("house.yaml:"),
        "{text}"
    );
    assert_eq!(site.asked().len(), 1);
    let explained = house
        .run([
            "policy",
            "explain",
            "tester",
            "--tool",
            "web.fetch",
            "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(explained["grant"]["limits"]["requests_per_call"], 1);
    let because = explained["because"].as_array().unwrap();
    let line = |words: &str| {
        let found = because
            .iter()
            .find(|line| line["what"].as_str().unwrap().contains(words));
        found
            .unwrap_or_else(|| panic!("{words}: {explained}"))
            .clone()
    };
    assert_eq!(line("net: allow")["file"], "agents/tester.yaml");
    assert_eq!(line("net: deny")["file"], "house.yaml");
    assert_eq!(line("limit requests: 1/call")["file"], "house.yaml");
}

#[test]
fn mistakes_in_rules_are_found_where_they_stand() {
    let calls = Calls::new();
    for (rule, about) in [
        ("{ allow: api.github.com }", "net.yaml:4:14"),
        (
            "{ allow: \"https://user:pw@a.example/\" }",
            "has a user before the host",
        ),
        ("{ allow: \"https://a.example/x?q=1\" }", "has a query"),
        ("{ allow: \"https://a.example/../x\" }", "dot segment"),
        (
            "{ allow: \"https://10.0.0.*/\" }",
            "an address cannot have a `*`",
        ),
        (
            "{ allow: \"https://a.example/\", methods: [] }",
            "empty list of methods",
        ),
        (
            "{ allow: \"https://a.example/\", methods: [get] }",
            "did you mean `GET`?",
        ),
        (
            "{ allow: \"http://a.example/\", addresses: [10.0.0.1/8] }",
            "is no range of addresses",
        ),
        (
            "{ deny: \"http://a.example/\", addresses: [10.0.0.1] }",
            "has no use for `addresses`",
        ),
        (
            "{ allow: \"https://*/**\", secret: { header: A, from: env:B } }",
            "to any host",
        ),
        (
            "{ allow: \"*\", secret: { header: A, from: env:B } }",
            "to any host",
        ),
        (
            "{ allow: \"https://a.example\", secret: { header: Host, from: env:B } }",
            "cannot carry a secret",
        ),
        (
            "{ allow: \"https://a.example\", secret: { header: A, from: abc } }",
            "must refer to a secret",
        ),
        (
            "{ allow: \"https://a.example\", secret: { header: A, from: env:B, prefix: \"a\\nb\" } }",
            "cannot stand before a secret",
        ),
        ("{ ask: \"https://a.example\" }", "ask"),
    ] {
        let ran = fetch_in(
            &calls,
            &format!("  - {rule}\n"),
            "",
            json!({"url": "http://a.example/"}),
        );
        let ran = ran.expect(3);
        assert!(
            ran.stderr.contains(about),
            "`{about}` is not in {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("net.yaml:4:"), "{}", ran.stderr);
    }
    for (limits, about) in [
        ("requests: 5", "50/call"),
        ("sent: lots", "sent"),
        ("received: 0B", "limit of nothing"),
    ] {
        let more = format!("limits: {{ {limits} }}\n");
        let ran = fetch_in(
            &calls,
            "  - allow: \"*\"\n",
            &more,
            json!({"url": "http://a.example/"}),
        );
        assert!(ran.stderr.contains(about), "{}", ran.stderr);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    }
}

#[test]
fn the_examples_in_the_documentation_are_policies() {
    let text = std::fs::read_to_string(repository().join("docs/network.md")).unwrap();
    let blocks: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 5, "docs/network.md has examples");
    let calls = Calls::new();
    for block in blocks {
        calls.write(
            "example.yaml",
            &format!("policy: example\ntools: [{{ allow: \"*\" }}]\n{block}"),
        );
        let web = guests().join("web.wasm");
        let asked = json!({"url": "http://nobody.invalid/"});
        let ran = calls.call(&web, "fetch", &asked, Some("example.yaml"));
        assert_eq!(ran.code, Some(0), "{block}\n{}", ran.stderr);
        refused(&ran, "", &["nobody.invalid"]);
    }
}
