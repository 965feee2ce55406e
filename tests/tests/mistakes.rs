//! What a beginner gets wrong: each file in `tests/mistakes/` is a list of slips in the house beside it, and what `charthouse check` says of each.
//!
//! A case is a file, what is taken out of it and what is put in its place, or what else is done to it, and what the program finds that it does not find in the house as it is:
//!
//! ```text
//! @ house.yaml
//! - defaults: { policy: default }
//! + defaults: [default]
//! error house.yaml:40:11: `defaults` must be a map, not a list
//!   write it as `{ policy: default }`
//! ```
//!
//! `UPDATE_EXPECT=1 cargo nextest run --workspace --test mistakes` writes what is said anew. Read it as somebody who meets it for the first time: does it say where,
//! what, and what to do?

use charthouse_tests::{copy, repository, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

#[derive(Default)]
struct Case {
    file: String,
    /// What is done to the file, in words.
    how: Option<String>,
    out: Vec<String>,
    put: Vec<String>,
    said: Vec<String>,
}

impl Case {
    fn read(block: &str) -> Self {
        let mut case = Case::default();
        for line in block.lines() {
            match line.split_at_checked(2) {
                Some(("@ ", file)) => case.file = file.into(),
                Some(("! ", how)) => case.how = Some(how.into()),
                Some(("- ", line)) => case.out.push(line.into()),
                Some(("+ ", line)) => case.put.push(line.into()),
                _ => case.said.push(line.into()),
            }
        }
        case
    }

    fn written(&self) -> String {
        let mut text = format!("@ {}\n", self.file);
        if let Some(how) = &self.how {
            let _ = writeln!(text, "! {how}");
        }
        for (mark, lines) in [('-', &self.out), ('+', &self.put)] {
            for line in lines {
                let _ = writeln!(text, "{mark} {line}");
            }
        }
        for line in &self.said {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Make the mistake in `house`.
    fn make(&self, house: &Path) {
        let path = house.join(&self.file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = fs::read_to_string(&path).unwrap_or_default();
        let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
        let wide = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        let put = self.put.join("\n");
        let bytes: Vec<u8> = match self.how.as_deref() {
            None if self.out.is_empty() => (put + "\n").into(),
            None => {
                let out = self.out.join("\n");
                assert!(before.contains(&out), "`{out}` is not in {}", self.file);
                before.replacen(&out, &put, 1).into()
            }
            Some("lines end as on Windows") => before.replace('\n', "\r\n").into(),
            Some("begins with a byte order mark") => format!("\u{feff}{before}").into(),
            Some("UTF-16") => [&[0xff, 0xfe][..], &wide(&before)].concat(),
            Some("Latin-1") => latin(&format!("{before}# Prüfung\n")),
            Some("indented by a tab") => before.replacen("\n  ", "\n\t", 1).into(),
            Some("indented by a no-break space") => before.replacen("\n  ", "\n\u{a0} ", 1).into(),
            Some("is empty") => Vec::new(),
            Some("is gone") => return fs::remove_file(path).unwrap(),
            Some(other) => panic!("{}: nobody knows how to make that it `{other}`", self.file),
        };
        assert!(
            bytes != before.as_bytes() || self.how.as_deref() == Some("is empty"),
            "{}: nothing is changed",
            self.file
        );
        fs::write(path, bytes).unwrap();
    }
}

/// What `check` says of the house: for each finding its severity and place, message and help.
fn found(house: &Path) -> Vec<[String; 3]> {
    let ran = run(house, ["check", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
    let list = |severity: &'static str, key: &str| {
        let findings = report[key].as_array().unwrap().clone();
        findings.into_iter().map(move |finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            let at = format!(
                "{severity} {}:{}:{}",
                text("file"),
                finding["line"],
                finding["column"]
            );
            [at, text("message"), text("help")]
        })
    };
    list("error", "errors")
        .chain(list("warning", "warnings"))
        .collect()
}

fn lay_out(to: &Path) {
    copy_all(&repository().join("tests/mistakes/house"), to);
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy_all(&path, &to),
            false => copy(&path, &to),
        }
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let good = root.join("good");
    lay_out(&good);
    let known: BTreeSet<String> = found(&good)
        .into_iter()
        .map(|[_, message, _]| message)
        .collect();
    let mut files: Vec<_> = fs::read_dir(repository().join("tests/mistakes"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let (mut wrong, mut count) = (String::new(), 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut anew = Vec::new();
        for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
            let mut case = Case::read(block);
            count += 1;
            let house = root.join("house");
            let _ = fs::remove_dir_all(&house);
            lay_out(&house);
            case.make(&house);
            let mut said = Vec::new();
            for [at, message, help] in found(&house) {
                if known.contains(&message) {
                    continue;
                }
                assert!(!help.is_empty(), "{at}: {message}: no help");
                said.push(format!("{at}: {message}"));
                said.push(format!("  {help}"));
            }
            if said.is_empty() {
                said.push("nothing".into());
            }
            if said != case.said {
                let _ = writeln!(
                    wrong,
                    "{}:\n{}\nis now\n{}\n",
                    case.put.join("\n"),
                    case.said.join("\n"),
                    said.join("\n")
                );
            }
            case.said = said;
            anew.push(case.written());
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&file, anew.join("\n")).unwrap();
            wrong.clear();
        }
    }
    assert!(
        count >= 100,
        "{count} cases are too few: the folder is not the one meant"
    );
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn mistakes_of_every_sort_of_file_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let house = directory.path().canonicalize().unwrap().join("house");
    lay_out(&house);
    let slip = |file: &str, out: &str, put: &str| {
        let path = house.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(out), "{file}");
        fs::write(path, text.replacen(out, put, 1)).unwrap();
    };
    slip("house.yaml", "retention:", "retenton:");
    slip("agents/coder.yaml", "cognition:", "cogniton:");
    slip("charts/deliberate.yaml", "initial:", "intial:");
    slip("policies/default.yaml", "limits:", "limts:");
    slip("scenarios/implement-review.yaml", "cases:", "case:");
    slip("scripts/survey.yaml", "replies:", "replys:");
    let found = found(&house);
    for (file, key) in [
        ("house.yaml", "retention"),
        ("agents/coder.yaml", "cognition"),
        ("charts/deliberate.yaml", "initial"),
        ("policies/default.yaml", "limits"),
        ("scenarios/implement-review.yaml", "cases"),
        ("scripts/survey.yaml", "replies"),
    ] {
        let help = format!("did you mean `{key}`?");
        let told = found
            .iter()
            .any(|[at, _, said]| at.starts_with(&format!("error {file}:")) && *said == help);
        assert!(told, "{file}: {found:#?}");
    }
}
