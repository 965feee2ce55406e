//! From the raw units of an estimator to the tokens of a provider and back.
//!
//! Every item of the conversation is measured once, in raw units, and what was learnt since must not touch it: so the factor is applied to what is few, the
//! room and the budgets on the way in, the report and the errors on the way out. In between, assembling knows nothing of it.

use crate::assemble::Assembled;
use crate::plan::{Content, Plan};
use crate::{AssembleError, Estimator, Gathered, MapReport, Said, Tools};

/// How many tokens of a provider a raw unit of an estimator is, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scale(u32);

impl Scale {
    /// The estimator is right as it is.
    pub const ONE: Scale = Scale(1_000);
    /// No tokenizer makes five times fewer tokens of a text than another: what is said to lie below is no count of tokens.
    pub const LEAST: Scale = Scale(200);
    /// Nor five times more.
    pub const MOST: Scale = Scale(5_000);

    /// So many thousandths, brought into the bounds.
    pub fn of_thousandths(thousandths: u32) -> Self {
        Scale(thousandths).clamp(Self::LEAST, Self::MOST)
    }

    /// It in thousandths.
    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// It as a number.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1e3
    }

    /// Tokens of `raw` units, rounded down, so that the parts of a whole are together never more than the whole.
    pub fn tokens(self, raw: u64) -> u64 {
        narrowed(u128::from(raw) * u128::from(self.0) / 1_000)
    }

    /// Raw units that take at most `tokens`.
    pub fn raw(self, tokens: u64) -> u64 {
        narrowed(u128::from(tokens) * 1_000 / u128::from(self.0))
    }

    /// Tokens of `raw` units, rounded up: what is too long is never said to fit.
    pub(crate) fn tokens_up(self, raw: u64) -> u64 {
        narrowed((u128::from(raw) * u128::from(self.0)).div_ceil(1_000))
    }
}

fn narrowed(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Plan {
    /// Make the payload from what was gathered, the conversation so far and the tools.
    ///
    /// `said` and `tools` are measured in the raw units of `estimator`; the report and the errors are in tokens, by its scale.
    pub fn assemble(
        &self,
        gathered: &Gathered,
        said: &Said<'_>,
        tools: &Tools<'_>,
        estimator: &dyn Estimator,
    ) -> Result<Assembled, AssembleError> {
        let scale = estimator.scale();
        if scale == Scale::ONE || self.room() == 0 {
            return self.assemble_raw(gathered, said, tools, estimator);
        }
        let mut assembled = self
            .in_raw_units(scale)
            .assemble_raw(gathered, said, tools, estimator)
            .map_err(|error| self.in_tokens(error, scale))?;
        assembled.payload.parameters = self.parameters.clone();
        assembled.scale = scale;
        if let Some(wanted) = &mut assembled.summary {
            wanted.budget = scale.tokens(wanted.budget);
        }
        self.report_in_tokens(&mut assembled.report, scale);
        Ok(assembled)
    }

    /// The same plan with its room and its budgets in raw units. What they are at most stays as it is written: a factor above 1 allows what cannot be
    /// trimmed as much as no factor would.
    fn in_raw_units(&self, scale: Scale) -> Plan {
        let mut plan = self.clone();
        let reserve = self.parameters.max_output;
        // The least that still is a room: too little of it is told as too little, not as none.
        plan.room = scale.raw(self.room()).max(1);
        plan.parameters.context_length = reserve.saturating_add(plan.room);
        if let Some(terms) = &mut plan.summary {
            terms.budget = scale.raw(terms.budget);
        }
        for chunk in &mut plan.chunks {
            if let Some(allowed) = &mut chunk.budget {
                allowed.budget = scale.raw(allowed.budget);
            }
            if let Content::Pieces(pieces) = &mut chunk.content {
                for (own, _) in pieces.iter_mut().filter_map(|piece| piece.own.as_mut()) {
                    own.budget = scale.raw(own.budget);
                }
            }
        }
        plan
    }

    fn report_in_tokens(&self, report: &mut MapReport, scale: Scale) {
        report.limit = self.parameters.context_length;
        for (chunk, planned) in report.chunks.iter_mut().zip(&self.chunks) {
            chunk.budget = planned.budget.map(|allowed| allowed.budget);
            chunk.trimmed = scale.tokens_up(chunk.trimmed);
            chunk.tokens = scale.tokens(chunk.tokens);
            for share in &mut chunk.provenance {
                share.tokens = scale.tokens(share.tokens);
            }
        }
        report.total = report.chunks.iter().map(|chunk| chunk.tokens).sum();
    }

    fn in_tokens(&self, mut error: AssembleError, scale: Scale) -> AssembleError {
        match &mut error {
            AssembleError::OverBudget {
                chunk,
                tokens,
                budget,
                ..
            }
            | AssembleError::NewestOverBudget {
                chunk,
                tokens,
                budget,
                ..
            } => {
                *tokens = scale.tokens_up(*tokens);
                *budget = self
                    .budgets(chunk)
                    .find(|written| scale.raw(*written) == *budget)
                    .unwrap_or(scale.tokens(*budget));
            }
            AssembleError::TooLong {
                tokens,
                room,
                protected,
                ..
            } => {
                *tokens = scale.tokens_up(*tokens);
                *room = self.room();
                for (_, tokens) in protected {
                    *tokens = scale.tokens_up(*tokens);
                }
            }
            // Items are measured in raw units, so that is how many are told.
            AssembleError::NeedsMore { .. }
            | AssembleError::NoRoom { .. }
            | AssembleError::NotGathered { .. }
            | AssembleError::LeftOut { .. } => {}
        }
        error
    }

    /// The budgets that go by the name `id`: of a chunk of the map, and of states' chunks.
    fn budgets(&self, id: &str) -> impl Iterator<Item = u64> {
        self.chunks.iter().flat_map(move |chunk| {
            let pieces = match &chunk.content {
                Content::Pieces(pieces) => pieces.as_slice(),
                _ => &[],
            };
            let own = pieces
                .iter()
                .filter(move |piece| piece.id == id)
                .filter_map(|piece| piece.own.map(|(own, _)| own.budget));
            let whole = chunk.budget.filter(|_| chunk.id == id);
            let whole = whole.map(|allowed| allowed.budget);
            whole.into_iter().chain(own)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_in_raw_units_fits_in_tokens(thousandths in 0..10_000u32, tokens: u64) {
            let scale = Scale::of_thousandths(thousandths);
            let raw = scale.raw(tokens);
            prop_assert!(raw == u64::MAX || scale.tokens_up(raw) <= tokens);
            prop_assert!(scale.tokens(raw) <= tokens);
            prop_assert!(raw == u64::MAX || scale.tokens_up(raw.saturating_add(1)) > tokens);
            prop_assert_eq!(Scale::ONE.raw(tokens), tokens);
            prop_assert_eq!(Scale::ONE.tokens(tokens), tokens);
        }
    }
}
