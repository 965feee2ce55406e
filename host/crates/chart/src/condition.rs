//! Questions about where a chart is, in the language of its guards: asked by scenarios after a step, and by those who want to know which
//! guards hold before an event comes. A question changes nothing and never ends a run.

use crate::chart::Chart;
use crate::compile;
use crate::def::ExprText;
use crate::expr::{Expr, Scope};
use crate::program::Program;
use crate::snapshot::Snapshot;
use crate::{Mode, TransitionId};
use types::Finding;

/// A condition over `data.*` and `In('state')`, compiled for one chart.
#[derive(Clone, Debug)]
pub struct Condition {
    expr: Expr,
}

/// What a guard says while no event is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardNow {
    /// There is none, or it holds.
    Open,
    /// It is false.
    Closed,
    /// It looks at the event, so nobody knows yet.
    Depends,
    /// It cannot be evaluated here, and counts as false.
    Fails(String),
}

impl Condition {
    /// Compile `text` for `chart`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at its place; looking at an event is wrong, because there is none between steps.
    pub fn compile(chart: &Chart, text: &ExprText) -> Result<Self, Vec<Finding>> {
        let expr = compile::condition(text, &chart.program)?;
        if expr.reads_event() {
            let message = "a condition between events cannot look at one";
            let help = "ask for `data.NAME` or `In('STATE')`";
            return Err(vec![Finding::error(&text.place, message, help)]);
        }
        Ok(Condition { expr })
    }

    /// The condition as written.
    pub fn text(&self) -> &str {
        &self.expr.text
    }

    /// Whether it holds in `snapshot`, which must be of the chart it was compiled for.
    ///
    /// # Errors
    /// Why it has no answer.
    pub fn holds(&self, chart: &Chart, snapshot: &Snapshot) -> Result<bool, String> {
        holds(&self.expr, &chart.program, snapshot)
    }
}

impl Chart {
    /// What the guard of `transition` says in `snapshot`, which must be of this chart, before any event comes.
    ///
    /// # Panics
    /// If `transition` comes from another chart that has more transitions.
    pub fn guard_now(&self, transition: TransitionId, snapshot: &Snapshot) -> GuardNow {
        match &self.program.transitions[transition.index()].guard {
            None => GuardNow::Open,
            Some(guard) if guard.reads_event() => GuardNow::Depends,
            Some(guard) => match holds(guard, &self.program, snapshot) {
                Ok(true) => GuardNow::Open,
                Ok(false) => GuardNow::Closed,
                Err(why) => GuardNow::Fails(why),
            },
        }
    }
}

fn holds(expr: &Expr, program: &Program, snapshot: &Snapshot) -> Result<bool, String> {
    let scope = Scope {
        data: &snapshot.data,
        missing: &snapshot.slow.missing,
        active: &snapshot.active,
        event: None,
        now: 0,
        session: &program.session,
        name: &program.name,
        loose: program.mode == Mode::Deferred,
        locals: None,
    };
    expr.holds(&scope).map_err(|error| error.to_string())
}
