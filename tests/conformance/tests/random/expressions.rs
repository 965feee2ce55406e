//! Random expressions, spelled as in YAML or as in the suites; some of them fail when they are evaluated.

use super::generate::{Generator, marked};
use chart::DataExpr;

impl Generator<'_, '_> {
    pub(super) fn pick(&mut self, of: &[&str]) -> String {
        let text = self.choices.one(of);
        self.spelled(text)
    }

    /// An expression as this chart's mode spells it: `n` is `data.n` and `_event` is `event` in YAML.
    pub(super) fn spelled(&self, text: &str) -> String {
        if !self.strict {
            return text.to_owned();
        }
        // Names stand as words; the table uses no text that looks like one.
        let mut spelled = String::new();
        let mut word = String::new();
        let mut quoted = false;
        for c in text.chars().chain([' ']) {
            if c == '\'' {
                quoted = !quoted;
            }
            if c.is_alphanumeric() || c == '_' || c == '.' {
                word.push(c);
                continue;
            }
            let known = ["n", "t", "l", "m", "any"];
            let first = word.split('.').next().unwrap_or_default();
            if known.contains(&first) && !quoted {
                spelled.push_str("data.");
            }
            spelled.push_str(&word.replace("_event", "event"));
            word.clear();
            spelled.push(c);
        }
        spelled.trim_end().to_owned()
    }

    pub(super) fn guard(&mut self) -> String {
        let state = 1 + self.choices.below(self.tree.0.len() - 1);
        let state = self.tree.0[state].id.clone();
        match self.choices.below(10) {
            0 => format!("In('{state}')"),
            1 => format!("!In('{state}')"),
            2 => self.spelled(&format!("In('{state}') && n > 1")),
            3 => self.spelled("_event.data.v > 1"),
            4 => self.spelled("_event.data.v == 1 || n > 2"),
            5 => self.spelled("l[3] == 1"),
            6 => self.spelled("any"),
            7 => self.spelled("_event.name == 'A' && n % 2 == 0"),
            8 => self.spelled("m.x == 1 && n > 0"),
            _ => self.spelled("n % 2 == 1"),
        }
    }

    pub(super) fn expression(&mut self) -> String {
        let texts = [
            "n",
            "n + 1",
            "n * 2 - 1",
            "t",
            "t + 'x'",
            "l",
            "_event.name",
            "_event.data",
            "[n, t, any]",
            "{'v': n}",
            "n > 2 ? 'big' : 'small'",
            "_event.data.v",
            "l[n]",
            "m.x",
            "1 / 0",
            "n / 2.0",
        ];
        let text = texts[self.choices.below(texts.len())];
        self.spelled(text)
    }

    pub(super) fn payload(&mut self) -> DataExpr {
        if self.choices.chance(25) {
            return DataExpr::One(marked(self.expression()));
        }
        let mut entries = vec![(marked("v"), marked(self.spelled("n")))];
        if self.choices.chance(20) {
            entries.push((marked("w"), marked(self.expression())));
        }
        DataExpr::Map(entries)
    }
}
