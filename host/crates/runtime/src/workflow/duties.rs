//! Separation of duties: who may hold a role, and whom it can be offered to.
//!
//! `reviewer: { never: implementer }` keeps the two apart in both directions and for the whole life of an instance: whoever is or ever was the implementer
//! never becomes its reviewer, and whoever is or ever was its reviewer never becomes the implementer, since both would have somebody judge their own work
//! in the next round. An agent is known by its name, whichever of its runs does the work; a person by theirs. Every way to a role leads through
//! [`Instance::may_hold`]: binding, taking over, offers, and another version of the workflow.

use super::error::WorkflowError;
use super::instance::Instance;
use super::who::Person;
use definitions::{AgentDef, House};
use std::sync::Arc;

impl Instance {
    /// Whether `person` may hold `role`, whoever holds it now.
    ///
    /// # Errors
    /// There is no such role, or separation of duties forbids it.
    pub fn may_hold(&self, role: &str, person: &Person) -> Result<(), WorkflowError> {
        self.role(role)?;
        for (barred, def) in &self.bundle.roles {
            for never in &def.never {
                let other = match role {
                    _ if role == &**barred => never,
                    _ if role == &**never => barred,
                    _ => continue,
                };
                if self.has_held(other, person) {
                    return Err(WorkflowError::Separated {
                        who: person.clone(),
                        role: role.into(),
                        other: other.clone(),
                        barred: barred.clone(),
                        never: never.clone(),
                        place: def.place.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether `person` holds `role` or ever did in this instance.
    pub fn has_held(&self, role: &str, person: &Person) -> bool {
        let holders = self.core.duties.get(role);
        holders.is_some_and(|holders| holders.contains(person))
    }

    /// The agents of `house` to whom `role` can be offered: those whose `roles` name it and who may hold it, whoever was given work the longest ago first
    /// (before them those who never were), then in the house's order. `given` says when an agent was last given work, in anything that grows with time.
    /// Whether an agent is free is the caller's to know.
    pub fn takers<'h, T: Ord>(
        &self,
        house: &'h House,
        role: &str,
        given: impl Fn(&str) -> Option<T>,
    ) -> Vec<&'h Arc<AgentDef>> {
        if self.core.ended.is_some() {
            return Vec::new();
        }
        let fits = |agent: &&Arc<AgentDef>| {
            agent.roles.iter().any(|takes| &*takes.value == role)
                && self
                    .may_hold(role, &Person::Agent(agent.name.clone()))
                    .is_ok()
        };
        let mut takers: Vec<&Arc<AgentDef>> = house.agents.values().filter(fits).collect();
        takers.sort_by_key(|agent| given(&agent.name));
        takers
    }
}
