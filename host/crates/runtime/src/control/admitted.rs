//! What the gate has let in: services whose house is released, or is not controlled.
//!
//! Only the gate makes one, and whatever loads definitions into a run asks for one: that no path goes round the gate is a matter of types, not of care. The
//! house in it cannot be exchanged; another house is another [`Admitted`], and comes from the gate as well.

use super::Revisions;
use super::book::Book;
use crate::{RuntimeError, Services};
use journal::Journal;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use types::Timestamp;

/// Services with a house that may be run.
#[derive(Clone)]
pub struct Admitted {
    services: Services,
    revisions: Option<Arc<Revisions>>,
    plain: Option<Plain>,
    /// The register, once somebody has asked for it: the same for all that came of one.
    book: Arc<Mutex<Option<Book>>>,
}

/// That nothing about a house is for some only, and that nothing in it is in force without having been approved: nobody need ask the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// When something becomes due by itself.
    pub(super) until: Option<Timestamp>,
}

impl Admitted {
    /// For the gate alone.
    pub(super) fn new(services: Services, revisions: Option<Revisions>) -> Self {
        Admitted {
            services,
            revisions: revisions.map(Arc::new),
            plain: None,
            book: Arc::default(),
        }
    }

    /// The same, and known to be plain or not.
    pub(super) fn known(self, plain: Option<Plain>) -> Self {
        Admitted { plain, ..self }
    }

    /// Whether nobody need ask the register.
    pub(super) fn plain(&self) -> Option<Plain> {
        self.plain
    }

    /// The same with what `other` knows of the register.
    pub(super) fn with_book_of(mut self, other: &Admitted) -> Self {
        self.book = other.book.clone();
        self
    }

    /// The released revisions that its house is made of; `None` where the house is not controlled.
    pub fn revisions(&self) -> Option<&Revisions> {
        self.revisions.as_deref()
    }

    /// Whether its house is controlled.
    pub fn is_controlled(&self) -> bool {
        self.revisions.is_some()
    }

    /// Ask the register, as far as `journal` has come.
    pub(super) fn with_book<T>(
        &self,
        journal: &Journal,
        ask: impl FnOnce(&Book) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let book = match &mut *book {
            Some(book) => {
                book.refresh(journal)?;
                book
            }
            None => book.insert(Book::read(journal, &self.services.house.root)?),
        };
        ask(book)
    }
}

impl Deref for Admitted {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}
