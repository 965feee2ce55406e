//! A run that meets the gate while it lasts: definitions that were saved, and components that were exchanged.

use super::{Admitted, NotReleased, Whom, began};
use crate::RuntimeError;
use crate::live::RunEvent;
use crate::record::Kind;
use crate::run::Run;
use change::Where;
use definitions::House;
use types::{ContentHash, PluginName};

impl Run {
    /// For whom this run asks the gate.
    fn whom(&self) -> Whom {
        let began = began(&self.journal.borrow(), &self.id);
        Whom::run(&self.agent.name, began.ok().flatten())
    }

    /// `house`, which was saved, as this run may use it; `None` where it goes on with what it has, which is on record then.
    pub(crate) fn pass_gate(&mut self, house: House) -> Option<Admitted> {
        let whom = self.whom();
        let let_in = self.services.again(&self.journal.borrow(), house, &whom);
        match let_in {
            Ok(services) => Some(services),
            Err(error) => {
                self.preparing = None;
                if let RuntimeError::NotReleased(refused) = &error {
                    self.record_refused(refused, Where::Reload);
                }
                self.refuse(error.to_string());
                None
            }
        }
    }

    /// Whether a component with the content `hash` may not be the plugin `name`, because it is not released: in words, and on record as from this run.
    pub(crate) fn unreleased(
        &mut self,
        name: &PluginName,
        hash: Option<ContentHash>,
        place: Where,
    ) -> Option<String> {
        let whom = self.whom();
        let refused = self
            .services
            .why_not(&self.journal.borrow(), name, hash, &whom);
        let refused = refused.ok().flatten()?;
        self.record_refused(&refused, place);
        Some(refused.to_string())
    }

    fn record_refused(&mut self, refused: &NotReleased, place: Where) {
        for (_, body) in refused.records(place) {
            self.record(Kind::ChangeRefused, &body);
        }
    }

    /// Say what is in force without having been approved.
    pub(crate) fn tell_emergencies(&mut self) {
        let lines = self.services.emergencies(&self.journal.borrow());
        for message in lines {
            self.show(RunEvent::Log {
                source: "change".into(),
                message,
            });
        }
    }
}
