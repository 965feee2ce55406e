//! Separation of duties: who may hold a role, and whom it can be offered to.
//!
//! `reviewer: { never: implementer }` keeps the two apart in both directions and for the whole life of an instance: whoever is or ever was the implementer
//! never becomes its reviewer, and whoever is or ever was its reviewer never becomes the implementer, since both would have somebody judge their own work
//! in the next round. An agent is known by its name, whichever of its runs does the work; a person by theirs. Every way to a role leads through
//! [`Instance::may_hold`]: binding, taking over, offers, and another version of the workflow.

use super::error::WorkflowError;
use super::instance::Instance;
use super::who::Person;
use definitions::AgentDef;
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

    /// Those of `agents` who may hold `role`, whoever was given work the longest ago first: never before those who were, then in the order in which they
    /// come. `given` says when an agent was last given work, in any order that grows. Whether an agent fits the role and is free is the caller's to know.
    pub fn takers<'a, T: Ord>(
        &self,
        role: &str,
        agents: impl IntoIterator<Item = &'a Arc<AgentDef>>,
        given: impl Fn(&str) -> Option<T>,
    ) -> Vec<&'a Arc<AgentDef>> {
        let may = |agent: &&Arc<AgentDef>| {
            self.core.ended.is_none()
                && self
                    .may_hold(role, &Person::Agent(agent.name.clone()))
                    .is_ok()
        };
        let mut takers: Vec<&Arc<AgentDef>> = agents.into_iter().filter(may).collect();
        takers.sort_by_key(|agent| given(&agent.name));
        takers
    }
}
