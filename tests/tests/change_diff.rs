//! What a change comes to, as people read it: before it is released, afterwards, and in the review of the year.

use charthouse_tests::House;

/// A house under control in which people do everything.
struct Office(House);

impl std::ops::Deref for Office {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

const POLICY: &str = "policy: default\ntools: [{ deny: \"*\" }]\nlimits: { memory: 64MiB }\n";

impl Office {
    fn new() -> Self {
        let house = House::init::<&str>(&[]);
        for name in ["agents", "plugins", "scripts"] {
            std::fs::remove_dir_all(house.root.join(name)).unwrap();
        }
        house.write(
            "scripts/idle.yaml",
            "script: idle\nreplies: [{ text: Nothing. }]\n",
        );
        house.write("policies/default.yaml", POLICY);
        house.write(
            "agents/clerk.yaml",
            "agent: clerk\nmodel: { provider: idle, name: scripted, context_length: 100000, max_output: 1000 }\ncognition: react\n\
             context: [{ id: history, history: true, flexible: true, trim: oldest }]\n",
        );
        let people = house.people(&[("ada", ""), ("bob", ""), ("cyd", "")]);
        let file = format!(
            "house: office\nstore: sqlite:.charthouse/journal.db\nproviders: {{ idle: {{ kind: scripted, file: scripts/idle.yaml }} }}\n\
             defaults: {{ policy: default }}\ncontrolled: {{ quorum: 2, board: [engineering, quality] }}\n{people}"
        );
        house.write("house.yaml", &file);
        Office(house)
    }

    /// A verb of `change` that `who` may do.
    #[track_caller]
    fn by(&self, who: &str, words: &[&str]) {
        self.0.by(who, words).expect(0);
    }
}

#[test]
fn a_change_is_shown_by_what_it_means_and_told_in_the_review() {
    let office = Office::new();
    let none = office.run(["change", "diff", "policy:default"]).expect(1);
    assert!(
        none.stderr.contains("charthouse change baseline --as NAME"),
        "{}",
        none.stderr
    );
    office.by("ada", &["baseline"]);
    let same = office.run(["change", "diff", "policy:default"]).expect(0);
    assert!(same.stdout.contains("nothing differs"), "{}", same.stdout);

    // A draft that lies in the house.
    let wider = POLICY
        .replace("64MiB", "32MiB")
        .replace("\"*\" }", "\"*\" }, { allow: exec.run }")
        + "exec: [{ allow: [git, status] }]\n";
    office.write("policies/default.yaml", &wider);
    let draft = office.run(["change", "diff", "policy:default"]).expect(0);
    for told in [
        "+ tools: rule 2",
        "~ limits: memory",
        "64MiB",
        "32MiB",
        "! WIDER  agent clerk in every state now has the rule 1 of commands, allow `git status`",
    ] {
        assert!(draft.stdout.contains(told), "{told}\n{}", draft.stdout);
    }
    office.write("policies/default.yaml", POLICY);
    let file = office.beside("wider.yaml");
    std::fs::write(&file, &wider).unwrap();
    let by_file = office
        .run([
            "change",
            "diff",
            "policy:default",
            "--file",
            file.to_str().unwrap(),
        ])
        .expect(0);
    assert_eq!(by_file.stdout, draft.stdout);

    // The same as a change.
    office.by(
        "ada",
        &[
            "request",
            "--item",
            "policy:default",
            "--title",
            "git",
            "--reason",
            "clerk has to see the state",
        ],
    );
    let early = office.run(["change", "diff", "CR-0001"]).expect(1);
    assert!(
        early.stderr.contains("nothing is made yet"),
        "{}",
        early.stderr
    );
    office.by("bob", &["assess", "CR-0001", "--notes", "fine"]);
    office.by("bob", &["approve", "CR-0001", "--role", "quality"]);
    office.by("cyd", &["approve", "CR-0001", "--role", "engineering"]);
    let path = format!("policies/default.yaml={}", file.display());
    office.by("ada", &["implement", "CR-0001", "--file", &path]);
    let made = office.run(["change", "diff", "CR-0001"]).expect(0);
    assert_eq!(made.stdout, draft.stdout);
    office.by("bob", &["verify", "CR-0001", "--notes", "read it"]);
    office.by("cyd", &["release", "CR-0001", "--effectivity", "now"]);
    // It tells the same when it is released, and between two revisions.
    let released = office.run(["change", "diff", "CR-0001"]).expect(0);
    assert_eq!(released.stdout, draft.stdout);
    let between = office
        .run([
            "change",
            "diff",
            "policy:default",
            "--from",
            "CR-0000",
            "--to",
            "CR-0001",
            "--json",
        ])
        .expect(0);
    let json = between.json();
    assert_eq!(
        (&json["widens"], &json["layout_only"]),
        (&true.into(), &false.into())
    );
    assert_eq!(json["items"][0]["item"], "policy:default");
    let unknown = office
        .run(["change", "diff", "policy:default", "--from", "123456"])
        .expect(1);
    assert!(
        unknown
            .stderr
            .contains("names no revision of policy:default"),
        "{}",
        unknown.stderr
    );

    // Comments alone are said to be that.
    office.write("policies/default.yaml", &format!("# why\n{wider}"));
    let layout = office.run(["change", "diff", "policy:default"]).expect(0);
    assert!(
        layout
            .stdout
            .contains("only comments or layout differ in policies/default.yaml"),
        "{}",
        layout.stdout
    );
    office.write("policies/default.yaml", &wider);

    let review = office.run(["audit", "review", "--json"]).expect(0).json();
    assert_eq!(
        (
            &review["changes"]["released"],
            &review["changes"]["first_pass"]
        ),
        (&1.into(), &1.into())
    );
    assert_eq!(review["processes"][0]["workflow"], "change-control");
    assert_eq!(review["processes"][0]["outcomes"]["released"], 1);
    assert_eq!(review["records"][0], true);
    let page = office
        .run(["audit", "review", "--since", "2020-01-01"])
        .expect(0);
    for told in [
        "# Management review: office",
        "| released at the first attempt | 1 of 1 |",
        "**Not known.**",
        "## 10. What is missing",
    ] {
        assert!(page.stdout.contains(told), "{told}\n{}", page.stdout);
    }
    office
        .run([
            "audit",
            "review",
            "--until",
            "2020-01-01",
            "--since",
            "2021-01-01",
        ])
        .expect(2);
}
