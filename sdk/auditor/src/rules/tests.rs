//! Rules on records that nobody had to sign: what is asked here comes after signatures were looked at.

use super::*;

const PEOPLE: &str = "people:\n  ada: { key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\" }\n  \
                      bob: { key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\" }\n  \
                      cyd: { key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\" }\n";

fn house(control: &str) -> String {
    format!("house: h\ncontrolled: {control}\n{PEOPLE}")
}

fn judge(roles: &str) -> String {
    format!("agent: judge\ncognition: react\nroles: {roles}\n")
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_string()
}

/// `item` with one file of this text, after `from`.
fn step(item: &str, file: &str, from: Value, text: &str) -> Value {
    let to = hash(&format!("{file}\n{}\n", hash(text)));
    let files = json!([{ "file": file, "hash": hash(text), "text": text }]);
    json!({ "item": item, "from": from, "to": to, "files": files })
}

/// The records of a house, and how many there were.
struct Story {
    rules: Rules,
    seq: u64,
    house: Value,
    judge: Value,
}

impl Story {
    fn new() -> Self {
        let house = step("house", "house.yaml", Value::Null, &house("{ quorum: 2 }"));
        let judge = step(
            "agent:judge",
            "agents/judge.yaml",
            Value::Null,
            &judge("[assessor]"),
        );
        let mut story = Story {
            rules: Rules::of(false),
            seq: 0,
            house: house["to"].clone(),
            judge: judge["to"].clone(),
        };
        let by = "human:ada";
        let baseline = json!({ "change": BASELINE, "by": by, "revisions": [house, judge] });
        let on = digest(&baseline);
        story.tell("human:ada", "change.baseline", "releaser", baseline, on);
        assert_eq!(story.told(), Vec::<&str>::new());
        story
    }

    /// A record of `who`, signed as `role` on `on`.
    fn tell(&mut self, who: &str, kind: &str, role: &str, body: Value, on: impl Into<Value>) {
        self.tell_at(1_000 * self.seq as i64, who, kind, role, body, on);
    }

    fn tell_at(
        &mut self,
        time: i64,
        who: &str,
        kind: &str,
        role: &str,
        mut body: Value,
        on: impl Into<Value>,
    ) {
        self.seq += 1;
        let said = json!({ "role": role, "on": on.into(), "notes": hash(""), "outcome": "" });
        let signed = json!({ "by": who, "key": who, "statement": said.to_string() });
        body["by"] = who.into();
        body["signed"] = signed;
        let record = Record {
            seq: self.seq,
            run: "i".into(),
            time,
            kind: kind.into(),
            hash: String::new(),
            body: None,
        };
        self.rules.take(&record, &body);
    }

    fn request(&mut self, who: &str, class: &str, item: &str) {
        let body = json!({ "change": "CR-0001", "instance": "i", "class": class, "items": [item], "by": who });
        let on = digest(&body);
        let role = match class {
            "emergency" => "emergency",
            _ => "requester",
        };
        self.tell(who, "change.requested", role, body, on);
    }

    fn vote(&mut self, who: &str, vote: &str) {
        self.vote_at(1_000 * self.seq as i64, who, vote);
    }

    fn vote_at(&mut self, time: i64, who: &str, vote: &str) {
        let body = json!({ "change": "CR-0001", "role": "quality", "vote": vote, "why": "" });
        self.tell_at(time, who, "change.voted", "quality", body, Value::Null);
    }

    /// The rules that were broken.
    fn told(&self) -> Vec<&str> {
        self.rules.findings.iter().map(|one| one.rule).collect()
    }
}

fn due() -> &'static str {
    "1970-01-01T01:00:00Z"
}

#[test]
fn nobody_is_judged_by_rules_that_they_have_just_made() {
    let mut story = Story::new();
    let alone = house("{ quorum: 1 }").replace("  cyd:", "  zoe:");
    let step = step("house", "house.yaml", story.house.clone(), &alone);
    story.request("human:ada", "emergency", "house");
    let on = hash(&format!("house {}\n", step["to"].as_str().unwrap()));
    let body = json!({ "change": "CR-0001", "due": due(), "revisions": [step] });
    story.tell("human:ada", "change.emergency", "emergency", body, on);
    assert_eq!(story.told(), Vec::<&str>::new());
    // A friend of their own making, and one approval, are not enough; who was to be gone still votes.
    story.vote("human:zoe", "approve");
    assert_eq!(story.told(), [ROLE]);
    story.vote("human:bob", "approve");
    assert!(!story.rules.is_confirmed("CR-0001"));
    story.vote("human:cyd", "approve");
    assert!(story.rules.is_confirmed("CR-0001"));
    assert_eq!(story.told(), [ROLE]);
}

#[test]
fn an_agent_has_the_roles_of_its_definition_in_force() {
    let mut story = Story::new();
    story.request("human:ada", "minor", "house");
    let assessed = json!({ "change": "CR-0001", "notes": "" });
    let assess = |story: &mut Story, who: &str| {
        let body = assessed.clone();
        story.tell(who, "change.assessed", "assessor", body, Value::Null);
    };
    assess(&mut story, "agent:judge");
    assert_eq!(story.told(), Vec::<&str>::new());
    assess(&mut story, "agent:ghost");
    assert_eq!(story.told(), [ROLE]);
    // Another definition, in force since the change began, takes the role away.
    let from = story.judge.as_str().map(str::to_owned);
    let text = judge("[engineering]");
    let step = Step {
        item: "agent:judge".into(),
        from,
        to: Some(hash("new")),
        files: [("agents/judge.yaml".to_owned(), hash(&text))].into(),
    };
    let kept = json!({ "revisions": [self::step("agent:judge", "agents/judge.yaml", Value::Null, &text)] });
    story.rules.held.steps(&kept).unwrap();
    let released = Standing {
        change: BASELINE.into(),
        from: step.from,
        to: step.to,
        files: step.files,
        at: None,
        agents: None,
        is_emergency: false,
        is_over: false,
    };
    story.rules.held.stand("agent:judge", released);
    assess(&mut story, "agent:judge");
    assert_eq!(story.told(), [ROLE, ROLE]);
}

#[test]
fn what_is_asked_for_is_what_was_signed() {
    let ask = |story: &mut Story, on: Value| {
        let body =
            json!({ "change": "CR-0001", "instance": "i", "class": "minor", "items": ["house"] });
        story.tell("human:ada", "change.requested", "requester", body, on);
    };
    // As older versions had it signed, until one says more.
    let mut story = Story::new();
    ask(&mut story, Value::Null);
    assert_eq!(story.told(), Vec::<&str>::new());
    story.request("human:ada", "minor", "house");
    ask(&mut story, Value::Null);
    ask(&mut story, hash("another").into());
    assert_eq!(story.told(), [SIGNED, SIGNED]);
    // Where nothing was left out, what was handed in has to be there.
    let mut story = Story::new();
    story.rules.is_whole = true;
    story.request("human:ada", "minor", "house");
    assert_eq!(story.told(), [SIGNED]);
}

#[test]
fn a_release_counts_from_when_it_was_signed_to() {
    let mut story = Story::new();
    story.request("human:ada", "minor", "house");
    story.vote("human:bob", "approve");
    story.vote("human:cyd", "approve");
    let now = json!({ "when": "now" });
    let order = json!({ "change": "CR-0001", "effectivity": now, "by": "human:bob" });
    let on = digest(&order);
    story.tell("human:bob", "change.ordered", "releaser", order, on);
    let text = house("{ quorum: 3 }");
    let step = step("house", "house.yaml", story.house.clone(), &text);
    let on = hash(&format!("house {}\n", step["to"].as_str().unwrap()));
    let made = json!({ "change": "CR-0001", "candidate": on, "revisions": [step] });
    let role = "implementer";
    story.tell("human:ada", "change.implemented", role, made, on.clone());
    let seen = json!({ "change": "CR-0001", "on": on, "result": "passed", "evidence": ["read"] });
    story.tell("human:bob", "change.verified", "verifier", seen, on.clone());
    let statement = json!({ "role": "releaser", "on": on, "notes": hash(""), "outcome": "" });
    let mut release = |handed: Value| {
        story.rules.handed(&statement.to_string(), &handed);
        let revisions = json!([{ "item": "house", "from": step["from"], "to": step["to"] }]);
        let body =
            json!({ "change": "CR-0001", "on": on, "effectivity": now, "revisions": revisions });
        story.tell("human:cyd", "change.released", "releaser", body, on.clone());
        story.told().len()
    };
    assert_eq!(release(json!({ "effectivity": "next-run" })), 1);
    // As older versions took it: it had been ordered, and is not said once more.
    assert_eq!(release(json!({})), 1);
    assert_eq!(story.told(), [SIGNED]);
}

#[test]
fn times_that_cannot_be_meant_do_not_end_it() {
    let mut story = Story::new();
    story.request("human:ada", "emergency", "house");
    let text = house("{ quorum: 3 }");
    let step = step("house", "house.yaml", story.house.clone(), &text);
    let on = hash(&format!("house {}\n", step["to"].as_str().unwrap()));
    let body = json!({ "change": "CR-0001", "due": due(), "revisions": [step] });
    let role = "emergency";
    for time in [i64::MIN, i64::MAX, 5_000] {
        let (body, on) = (body.clone(), on.clone());
        story.tell_at(time, "human:ada", "change.emergency", role, body, on);
    }
    assert_eq!(story.told(), [EMERGENCY, EMERGENCY]);
    story.rules.end(i64::MIN);
    story.vote_at(i64::MIN, "human:bob", "approve");
    story.vote_at(i64::MIN, "human:cyd", "approve");
    assert!(story.rules.is_confirmed("CR-0001"));
    assert_eq!(story.told(), [EMERGENCY, EMERGENCY]);
}
