//! Gathers findings, and knows where inside an expression a problem stands.

use super::Mode;
use crate::def::ExprText;
use crate::expr::{self, Expr, Names, Problem, Type};
use types::{Finding, Place, Severity};

pub(super) struct Reports {
    pub mode: Mode,
    findings: Vec<Finding>,
}

impl Reports {
    pub fn new(mode: Mode) -> Self {
        Reports {
            mode,
            findings: Vec::new(),
        }
    }

    pub fn error(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::error(place, message, help));
    }

    /// Warnings are for people who write charts; suites hear none.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        if self.mode == Mode::Strict {
            self.findings.push(Finding::warning(place, message, help));
        }
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count()
    }

    /// All findings by place.
    pub fn sorted(&mut self) -> Vec<Finding> {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by(|a, b| {
            let key = |f: &Finding| (f.place.file.clone(), f.place.line, f.place.column);
            key(a).cmp(&key(b))
        });
        // A piece of the definition that is compiled twice is wrong only once.
        findings.dedup();
        findings
    }

    /// Compile an expression; where it is wrong, say so and carry on with one that fails.
    pub fn expression(&mut self, text: &ExprText, names: &Names<'_>) -> (Expr, Type) {
        match expr::compile(text, names) {
            Ok(compiled) => compiled,
            Err(problems) => {
                for problem in problems {
                    self.problem(text, problem);
                }
                (
                    expr::failing(text, "this expression is wrong"),
                    Type::Dynamic,
                )
            }
        }
    }

    /// Compile a guard: it must be able to be true or false.
    pub fn guard(&mut self, text: &ExprText, names: &Names<'_>) -> Expr {
        self.condition(text, names, "a guard")
    }

    /// Compile an expression that must be able to be true or false: `what`.
    pub fn condition(&mut self, text: &ExprText, names: &Names<'_>, what: &str) -> Expr {
        let (expr, kind) = self.expression(text, names);
        if self.mode == Mode::Strict && !matches!(kind, Type::Bool | Type::Dynamic) {
            let message = format!("{what} must be true or false, and this is {}", kind.name());
            let help = "compare it with something, for instance `… > 0` or `… != ''`";
            self.error(&text.place, message, help);
        }
        expr
    }

    pub fn problem(&mut self, text: &ExprText, problem: Problem) {
        let mut place = text.place.clone();
        // Where the text spans lines, YAML may have folded them: only the beginning is certain.
        if !text.contains('\n') && place.line > 0 {
            place.column += u32::try_from(problem.offset).unwrap_or(0);
        }
        self.error(&place, problem.message, problem.help);
    }
}
