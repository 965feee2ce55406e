//! Policies in the README and in docs/policy.md are read by people who then write their own, so they must be policies.

use charthouse_tests::{House, Plan, fs_plugin, repository};
use std::fs;

/// The blocks of YAML in `text` that are policies.
fn policies(text: &str) -> Vec<String> {
    let blocks = text.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let policies = blocks.filter(|block| block.starts_with("policy:"));
    policies.map(str::to_owned).collect()
}

#[test]
fn documented_policies_are_policies() {
    for (document, at_least) in [("README.md", 1), ("docs/policy.md", 1)] {
        let text = fs::read_to_string(repository().join(document)).unwrap();
        let policies = policies(&text);
        assert!(policies.len() >= at_least, "{document}");
        for policy in policies {
            let house = House::of(Plan::default());
            house.write("policies/documented.yaml", &policy);
            house.edit(
                "house.yaml",
                "house: test-house\n",
                "house: test-house\ndefaults: { policy: NAME }\n",
            );
            let name = policy.lines().next().unwrap().split(['#']).next().unwrap();
            let name = name.trim_start_matches("policy:").trim();
            house.edit("house.yaml", "NAME", name);
            let checked = house.run(["check"]);
            assert_eq!(
                checked.code,
                Some(0),
                "{document}\n{}\n{policy}",
                checked.stderr
            );
            // And what it opens can be used.
            house.write("notes.txt", "one");
            let mut command = house.command();
            command.args(["plugin", "call"]).arg(fs_plugin()).args([
                "read",
                r#"{"path":"/workspace/notes.txt"}"#,
                "--policy",
                "policies/documented.yaml",
            ]);
            let ran = charthouse_tests::Ran::of(&mut command);
            assert_eq!(ran.code, Some(0), "{document}\n{}\n{policy}", ran.stderr);
        }
    }
}
