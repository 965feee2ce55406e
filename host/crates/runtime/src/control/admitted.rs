//! What the gate has let in: services whose house is released, or is not controlled.
//!
//! Only the gate makes one, and whatever loads definitions into a run asks for one: that no path goes round the gate is a matter of types, not of care. The
//! house in it cannot be exchanged; another house is another [`Admitted`], and comes from the gate as well.

use super::Revisions;
use crate::Services;
use std::ops::Deref;
use std::sync::Arc;

/// Services with a house that may be run.
#[derive(Clone)]
pub struct Admitted {
    services: Services,
    revisions: Option<Arc<Revisions>>,
}

impl Admitted {
    /// For the gate alone.
    pub(super) fn new(services: Services, revisions: Option<Revisions>) -> Self {
        Admitted {
            services,
            revisions: revisions.map(Arc::new),
        }
    }

    /// The released revisions that its house is made of; `None` where the house is not controlled.
    pub fn revisions(&self) -> Option<&Revisions> {
        self.revisions.as_deref()
    }

    /// Whether its house is controlled.
    pub fn is_controlled(&self) -> bool {
        self.revisions.is_some()
    }
}

impl Deref for Admitted {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}
