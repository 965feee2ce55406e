//! A host whose house is controlled: which revision each run gets, what is put in place when it is released or becomes due, and who is told.
//!
//! What may be loaded is decided by the gate (`crate::control`); here is only when it is asked, and what follows in this process.

use super::house::Host;
use crate::control::{self, NotReleased, Whom};
use crate::record::{Kind, Pending};
use crate::workflow::Taken;
use crate::{Admitted, Reload, RuntimeError};
use change::{KINDS, Where};
use definitions::House;
use journal::HOUSE_RUN;
use std::sync::Arc;

impl Host {
    /// What the run `run` of `agent` runs with: the house's definitions, or earlier ones that are to hold for it.
    pub(super) fn services_for(
        &self,
        run: &str,
        agent: &str,
        again: bool,
    ) -> Result<Admitted, RuntimeError> {
        let services = self.services();
        let journal = self.0.journal.borrow();
        if !services.is_controlled() {
            if !control::is_controlled(&journal, &services.house.root)? {
                return Ok(services);
            }
            // Control began, or began again, while this host was up.
            let house = House::clone(&services.house);
            return services.again(&journal, house, &Whom::run(agent, None));
        }
        let began = match again {
            true => control::began(&journal, run)?,
            false => None,
        };
        services.for_whom(&journal, &Whom::run(agent, began))
    }

    /// The definitions that count for the instance `id` where `house` is the house's; `None` where they cannot be had, and it stays as it is.
    pub(super) fn house_for(&self, id: &str, house: &Arc<House>) -> Option<Arc<House>> {
        let services = self.services();
        if !services.is_controlled() {
            return Some(house.clone());
        }
        let journal = self.0.journal.borrow();
        let began = control::began(&journal, id).ok()?;
        let own = services.for_whom(&journal, &Whom::Instance { began });
        match own {
            Ok(own) => Some(own.house.clone()),
            Err(error) => {
                self.log(&id.into(), "change", &error.to_string());
                None
            }
        }
    }

    /// `house`, which was saved, as this host may use it; what is not released is refused, and the one before goes on.
    pub(super) fn let_in(&self, house: House) -> Option<Admitted> {
        let let_in = {
            let journal = self.0.journal.borrow();
            self.services().again(&journal, house, &Whom::House)
        };
        match let_in {
            Ok(services) => Some(services),
            Err(RuntimeError::NotReleased(refused)) => {
                self.tell_refused(*refused);
                None
            }
            Err(error) => {
                self.log(&HOUSE_RUN.into(), "reload", &error.to_string());
                None
            }
        }
    }

    /// Definitions that were saved are not released: said once, recorded, and told to every run.
    fn tell_refused(&self, refused: NotReleased) {
        let why = refused.to_string();
        if self.0.refused.replace(why.clone()) == why {
            return;
        }
        self.log(&HOUSE_RUN.into(), "reload", &why);
        let agents = self.0.agents.borrow();
        agents.tell_reload(|| Reload::Broken(why.clone()));
        drop(agents);
        let host = self.clone();
        let bodies = refused.records(Where::Reload);
        tokio::task::spawn_local(async move {
            host.record_all(Kind::ChangeRefused, bodies).await;
        });
    }

    async fn record_all(&self, kind: Kind, bodies: Vec<(Arc<str>, serde_json::Value)>) {
        for (run, body) in bodies {
            let record = Pending::new(self.now(), kind, &body);
            let journal = &self.0.journal;
            if let Err(error) = journal.commit(&run, vec![record], Vec::new(), None).await {
                self.log(&run, "journal", &error.to_string());
            }
        }
        self.count_changes();
    }

    /// See to it that what was recorded of changes, if anything was, is counted; whether it may put something in force.
    pub(super) fn has_recorded(&self, taken: &Taken) -> bool {
        let kinds = taken.records.iter().map(|(kind, _)| kind.name());
        if kinds.clone().any(|kind| KINDS.contains(&kind)) {
            self.count_changes();
        }
        kinds.into_iter().any(control::puts_in_force)
    }

    /// Have the house count the records of changes that were written.
    fn count_changes(&self) {
        if let Some(why) = control::count(&self.services(), &self.0.journal.borrow()) {
            self.log(&HOUSE_RUN.into(), "change", &why);
        }
    }

    /// Put in place what is released and due, and have everybody go on with it.
    pub(super) async fn put_in_place(&self) {
        let root = self.definitions().root.clone();
        let now = self.now();
        let placing = control::place(&self.0.journal.borrow(), &root, now);
        let placing = match placing {
            Ok(placing) => placing,
            Err(error) => {
                let run: Arc<str> = HOUSE_RUN.into();
                self.log(
                    &run,
                    "change",
                    &format!("what was released is not in force yet: {error}"),
                );
                return;
            }
        };
        for placed in &placing.placed {
            for warning in placed.warnings() {
                self.log(&HOUSE_RUN.into(), "change", &warning);
            }
            for (file, kept) in &placed.set_aside {
                let text =
                    format!("{file} was released in the place of a draft, which is kept as {kept}");
                self.log(&HOUSE_RUN.into(), "change", &text);
            }
        }
        self.note_due(true);
        if !placing.has_changed() {
            return;
        }
        match definitions::load(&root) {
            Ok(mut house) => {
                if self.definitions().is_lenient() {
                    house.be_lenient();
                }
                self.reload(Reload::Ready(Box::new(house)));
            }
            Err(report) => self.reload(Reload::Broken(report.render(false))),
        }
        self.record_all(Kind::ChangeEffective, placing.effective)
            .await;
    }

    /// Find out when something released becomes due, and when an emergency should have been approved.
    pub(super) fn note_due(&self, anew: bool) {
        let services = self.services();
        let due = match services.is_controlled() {
            true => control::next_due(&services, &self.0.journal.borrow(), self.now(), anew),
            false => None,
        };
        self.0.effective_at.set(due.map(|due| due.0));
        self.0.changed.notify_waiters();
    }

    /// Something released may have become due.
    pub(super) fn wake_changes(&self, now: i64) {
        if self.0.effective_at.get().is_none_or(|due| due > now) {
            return;
        }
        self.0.effective_at.set(None);
        let host = self.clone();
        tokio::task::spawn_local(async move {
            host.put_in_place().await;
            host.tell_emergencies();
        });
    }

    /// Say what is in force without having been approved.
    pub(super) fn tell_emergencies(&self) {
        let lines = self.services().emergencies(&self.0.journal.borrow());
        for line in lines {
            self.log(&HOUSE_RUN.into(), "change", &line);
        }
    }
}
