//! A guard whose verdict depends on the text alone, so that a test can choose it: `BLOCK` blocks, `hunter2` is redacted, the rest passes.
//! A block says in which direction, from where and under which labels the text came.

use charthouse_sdk::{Direction, GuardPlugin, Subject, Verdict, export_guard, log};

struct Guard;

impl GuardPlugin for Guard {
    fn inspect(subject: Subject) -> Verdict {
        log::debug(format!("inspects {} bytes", subject.text.len()));
        if subject.text.contains("BLOCK") {
            let direction = match subject.direction {
                Direction::BeforeModel => "before",
                Direction::AfterModel => "after",
            };
            return Verdict::Block(format!(
                "text {direction} the model from {} labelled [{}] says BLOCK",
                subject.provenance,
                subject.labels.join(", ")
            ));
        }
        if subject.text.contains("hunter2") {
            return Verdict::Redact(subject.text.replace("hunter2", "*******"));
        }
        if subject.text.contains("TRAP") {
            panic!("the guard was asked to trap");
        }
        Verdict::Pass
    }
}

export_guard!(Guard);
