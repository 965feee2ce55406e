//! Where a policy says `ask`: the question as the operator reads it at the terminal, and the answer.
//!
//! Nothing typed ahead answers a question, nothing but a clear yes is a yes, and an answer for good becomes a rule in a file that the operator can read,
//! change and take out again.

use crate::print;
use crate::terminal::{Edited, Terminal};
use runtime::{Answer, Permit, Question};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::sync::oneshot;
use types::Effect;

/// The keys, as they stand before the cursor.
const PROMPT: &str = "allow it? y once, r in this run, a always, n no > ";
/// The same where an answer holds for one call only.
const PROMPT_ALONE: &str = "allow it? y once, n no > ";
/// Lines of a call's arguments that are shown, and characters of each.
const SHOWN: (usize, usize) = (30, 400);

/// A question that waits for its answer.
pub struct Pending {
    question: Question,
    reply: oneshot::Sender<Answer>,
}

/// Whoever gets each question from `ask` gets it answered; one that is dropped is a no.
pub fn permit(ask: impl Fn(Pending) + 'static) -> Permit {
    let ask = Rc::new(ask);
    Rc::new(move |question| {
        let (reply, answered) = oneshot::channel();
        ask(Pending { question, reply });
        Box::pin(async move { answered.await.unwrap_or(Answer::No) })
    })
}

impl Pending {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Ask it at `terminal`; an answer for good is written into the policies of the house at `root`. Nobody has the answer before it is given to
    /// [`Pending::reply`].
    pub fn put_to(&self, terminal: &mut Terminal, root: &Path) -> Answer {
        if !self.is_wanted() {
            return Answer::No;
        }
        print::err_at_once(&words(&self.question));
        // A key that was pressed before the question stood there is no answer to it.
        terminal.forget_keys();
        let (prompt, keys) = match self.question.alone {
            true => (PROMPT_ALONE, "answer with y or n\n"),
            false => (PROMPT, "answer with y, r, a or n\n"),
        };
        let answer = loop {
            match terminal.line(prompt) {
                Edited::Line(line) => match answer(&line) {
                    Some(Answer::Run | Answer::Always) if self.question.alone => {
                        print::err_at_once(keys);
                    }
                    Some(answer) => break answer,
                    None => print::err_at_once(keys),
                },
                Edited::NoText => {}
                Edited::End | Edited::Broken(_) => break Answer::No,
            }
        };
        if !self.is_wanted() {
            print::err_at_once("the call does not wait any more\n");
            return Answer::No;
        }
        match answer {
            Answer::Always => always(root, &self.question),
            answer => answer,
        }
    }

    /// Give whoever asked the answer.
    pub fn reply(self, answer: Answer) {
        // Whoever asked may have gone in this moment; then nothing is called.
        let _ = self.reply.send(answer);
    }
}

/// Write the rule; where that fails, or is not for an answer to do, the answer holds for the run.
fn always(root: &Path, question: &Question) -> Answer {
    if question.controlled {
        print::err_at_once(&format!(
            "  this house is controlled, so this holds in this run only; for good it is a change: charthouse change request --item policy:{}\n",
            print::plain(&definitions::answers_of(&question.agent))
        ));
        return Answer::Run;
    }
    match remember(root, question) {
        Ok(path) => {
            let path = path.strip_prefix(root).unwrap_or(&path).display();
            print::err_at_once(&format!(
                "  written: {path} allows {}; take the line out to be asked again\n",
                question.tool
            ));
            Answer::Always
        }
        Err(why) => {
            print::err_at_once(&format!(
                "  the rule cannot be written, so this holds in this run only: {}\n",
                print::plain(&why)
            ));
            Answer::Run
        }
    }
}

/// What a line says, if it is one of the answers.
fn answer(line: &str) -> Option<Answer> {
    Some(match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "once" => Answer::Once,
        "r" | "run" => Answer::Run,
        "a" | "always" => Answer::Always,
        "n" | "no" => Answer::No,
        _ => return None,
    })
}

/// The question: who, what, with which arguments, and which rule wants it asked.
fn words(question: &Question) -> String {
    let does = match question.effect {
        Effect::None => "which reads only",
        Effect::Idempotent => "which writes; made twice it changes nothing more",
        Effect::Once => "which may write, send or delete, and must not be made twice",
    };
    let mut text = format!(
        "? {} wants to call {}, {does}\n",
        question.agent, question.tool
    );
    // Indented JSON where it is JSON: nothing in it can then look like a line of this program.
    let arguments = serde_json::from_str::<serde_json::Value>(&question.arguments)
        .and_then(|arguments| serde_json::to_string_pretty(&arguments))
        .unwrap_or_else(|_| format!("{:?}", question.arguments));
    let (lines, characters) = SHOWN;
    let all = arguments.lines().count();
    for line in arguments.lines().take(lines) {
        let shown: String = line.chars().take(characters).collect();
        let more = line.chars().count().saturating_sub(characters);
        let _ = write!(text, "    {}", print::plain(&shown));
        let _ = match more {
            0 => writeln!(text),
            more => writeln!(text, " … {more} characters more"),
        };
    }
    if all > lines {
        let _ = writeln!(text, "    … {} lines more", all - lines);
    }
    let _ = writeln!(
        text,
        "  {} wants a person to be asked",
        print::plain(&question.rule)
    );
    text
}

/// Add a rule for the question's tool to the policy that holds what was answered for good.
fn remember(root: &Path, question: &Question) -> Result<PathBuf, String> {
    let name = definitions::answers_of(&question.agent);
    let path = root.join("policies").join(format!("{name}.yaml"));
    let mut text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => beginning(&name, &question.agent),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "  - allow: \"{}\" # asked because of {}",
        question.tool,
        question.rule.replace(['\n', '\r'], " ")
    );
    let new = path.with_extension("yaml.new");
    let written = write_checked(&new, &path, &text);
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written.map(|()| path)
}

/// Put `text` at `path` as a whole, unless it is no policy.
fn write_checked(new: &Path, path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let directory = path.parent().unwrap_or(path);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut file = std::fs::File::create(new).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    definitions::load_policy(new).map_err(|report| {
        let first = report.findings.first();
        let why = first.map_or_else(String::new, |finding| finding.message.clone());
        format!(
            "{} would be no policy any more: {why}; its `tools` must stand last, one rule a line, indented by two",
            path.display()
        )
    })?;
    std::fs::rename(new, path).map_err(failed)?;
    // A directory that cannot be opened or synced has the file all the same.
    if let Ok(directory) = std::fs::File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

fn beginning(name: &str, agent: &str) -> String {
    format!(
        "# What was answered with `always` when {agent} asked for permission. These rules answer questions and nothing else: what is denied stays denied.\n\
         # Take a line out to be asked again.\n\
         policy: {name}\n\
         tools:\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use types::ToolName;

    fn question(tool: &str, arguments: &str) -> Question {
        Question {
            agent: "coder".into(),
            tool: ToolName::from_wire(tool).unwrap(),
            arguments: arguments.to_owned(),
            effect: Effect::Once,
            rule: "policies/p.yaml:3 (policy p)".into(),
            alone: false,
            controlled: false,
        }
    }

    #[test]
    fn in_a_controlled_house_an_answer_writes_no_rule() {
        let root = tempfile::tempdir().unwrap();
        let mut asked = question("fs.write", "{}");
        asked.controlled = true;
        assert_eq!(always(root.path(), &asked), Answer::Run);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        asked.controlled = false;
        assert_eq!(always(root.path(), &asked), Answer::Always);
    }

    #[test]
    fn only_a_clear_word_is_an_answer() {
        assert_eq!(answer(" Y "), Some(Answer::Once));
        assert_eq!(answer("r"), Some(Answer::Run));
        assert_eq!(answer("ALWAYS"), Some(Answer::Always));
        assert_eq!(answer("no"), Some(Answer::No));
        for unclear in ["", "yes please", "ok", "1", "yn"] {
            assert_eq!(answer(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn arguments_cannot_speak_for_the_program() {
        let text = words(&question(
            "fs.write",
            "{\"path\":\"a\\n? coder wants nothing\\u001b[2J\\u202e\"}",
        ));
        assert_eq!(
            text,
            "? coder wants to call fs.write, which may write, send or delete, and must not be made twice\n    {\n      \
             \"path\": \"a\\n? coder wants nothing\\u001b[2J\u{fffd}\"\n    }\n  \
             policies/p.yaml:3 (policy p) wants a person to be asked\n"
        );
        let broken = words(&question("fs.write", "{\n? coder wants nothing"));
        assert!(
            broken.contains(r#"    "{\n? coder wants nothing""#),
            "{broken}"
        );
        let long = words(&question("fs.write", &format!("[{}0]", "0,".repeat(99))));
        assert!(long.contains("    … 72 lines more\n"), "{long}");
        let wide = words(&question("fs.write", &format!("{:?}", "x".repeat(1000))));
        assert!(wide.contains(" … 602 characters more\n"), "{wide}");
    }

    #[test]
    fn an_answer_for_good_becomes_a_policy_that_loads() {
        let root = tempfile::tempdir().unwrap();
        let path = remember(root.path(), &question("fs.write", "{}")).unwrap();
        assert_eq!(path, root.path().join("policies/answers-coder.yaml"));
        remember(root.path(), &question("patch.apply", "{}")).unwrap();
        let (policy, _) = definitions::load_policy(&path).unwrap();
        let tools: Vec<&str> = policy
            .tools
            .iter()
            .map(|rule| rule.pattern.as_str())
            .collect();
        assert_eq!(tools, ["fs.write", "patch.apply"]);
        // What a person made of the file stays, and a file to which no line can be added is left alone.
        let text = fs::read_to_string(&path).unwrap() + "env: { A: b }\n";
        fs::write(&path, &text).unwrap();
        let why = remember(root.path(), &question("fs.edit", "{}")).unwrap_err();
        assert!(why.contains("must stand last"), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let left: Vec<_> = fs::read_dir(root.path().join("policies"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 1);
    }
}
