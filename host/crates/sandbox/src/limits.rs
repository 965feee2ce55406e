//! Memory: one budget over all memories and tables of a store together, because a limit on each of several limits nothing.

use wasmtime::ResourceLimiter;

/// A table element is a pointer.
const ELEMENT_BYTES: usize = size_of::<usize>();
/// Most core instances, memories and tables of one store, each.
const INSTANCES: usize = 100;

/// Counts what a store holds and refuses growth beyond its budget.
#[derive(Debug)]
pub(crate) struct Limiter {
    budget: usize,
    held: usize,
    /// The most it ever held.
    pub(crate) peak: usize,
    /// Whether a growth was refused: a guest that then crashes crashed because of the limit.
    pub(crate) refused: bool,
}

impl Limiter {
    pub(crate) fn new(budget: u64) -> Self {
        Limiter {
            budget: usize::try_from(budget).unwrap_or(usize::MAX),
            held: 0,
            peak: 0,
            refused: false,
        }
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let wanted = self.held.saturating_add(bytes);
        if wanted > self.budget {
            self.refused = true;
            return false;
        }
        self.held = wanted;
        self.peak = self.peak.max(wanted);
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Growth beyond the module's own maximum fails by itself and must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    // Pooled slots are counted by the pool; these hold where a machine has no room for a pool.
    fn instances(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        INSTANCES
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(
            desired
                .saturating_sub(current)
                .saturating_mul(ELEMENT_BYTES),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_budget() {
        let mut limiter = Limiter::new(1_000);
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.table_growing(0, 25, None).unwrap());
        assert!(!limiter.refused);
        assert!(!limiter.table_growing(25, 26, None).unwrap());
        assert!(limiter.refused);
        assert_eq!(limiter.peak, 1_000);
    }

    #[test]
    fn growth_beyond_a_modules_own_maximum_is_its_own_affair() {
        let mut limiter = Limiter::new(1_000);
        assert!(!limiter.memory_growing(0, 500, Some(100)).unwrap());
        assert!(!limiter.refused);
    }
}
