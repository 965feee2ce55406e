//! Whether a call may be made, and by whom it is answered: the policy of this instant, the budgets, and how many calls a turn has left.

use super::{Allowed, Callee};
use crate::admission::{Room, refusal};
use crate::grants;
use crate::offers;
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::{CallError, CallErrorKind, ToolCall, ToolName};

impl Run {
    /// Refused where the budgets have no room for `call`.
    pub(crate) fn within_budget(&mut self, call: &ToolCall) -> Result<(), CallError> {
        match self.room_for_call() {
            Room::Granted | Room::Busy => Ok(()),
            Room::Refused(exhausted) => {
                let what = format!("the call of {}", call.name);
                let message = self.refused(&exhausted, &what);
                Err(refusal(message, &exhausted))
            }
            Room::Unknown(why) => Err(CallError::new(CallErrorKind::Unavailable, why)),
        }
    }

    /// Whether `call` may be made now, and with what. Whether somebody has to be asked first stands in the grant.
    pub(crate) fn allow(&mut self, call: &ToolCall) -> Result<Allowed, CallError> {
        let known =
            ToolName::from_wire(&call.name).and_then(|name| Some((self.callee(&name)?, name)));
        let Some((callee, tool)) = known else {
            let mut names: Vec<String> =
                self.tool_names().iter().map(ToString::to_string).collect();
            if self.runs_commands() {
                names.push(policy::EXEC_TOOL.to_owned());
            }
            return Err(CallError::new(
                CallErrorKind::Invalid,
                format!(
                    "there is no tool `{}`; there are {}",
                    call.name,
                    names.join(", ")
                ),
            ));
        };
        if let Some(why) = self.held.get(&call.id) {
            return Err(CallError::new(CallErrorKind::Denied, why.clone()));
        }
        let mut grant = self.grants.of(
            &self.services.house,
            &self.agent,
            &self.bundle,
            &self.snapshot,
            self.bound.as_ref(),
            &tool,
        );
        if let Callee::Command = callee {
            let argv = sandbox::exec_argv(&call.arguments.plain())?;
            grant = Arc::new(grant.for_command(&argv));
        }
        match grant.denial() {
            Some(denial) => Err(denial),
            None => Ok(Allowed {
                callee,
                tool,
                grant,
            }),
        }
    }

    /// Put on the record of `call` what its agent's policy says of it: the verdict, and the hash of the grant.
    pub(super) fn judged(&mut self, call: &ToolCall, body: &mut serde_json::Value) {
        let tool = ToolName::from_wire(&call.name).filter(|name| self.callee(name).is_some());
        let judged = tool.map(|tool| {
            let (house, agent) = (&self.services.house, &self.agent);
            let (bundle, snapshot) = (&self.bundle, &self.snapshot);
            let work = self.bound.as_ref();
            let grant = self.grants.of(house, agent, bundle, snapshot, work, &tool);
            let verdict = grants::verdict(&grant, &call.arguments.plain());
            (verdict, self.grants.hash_of(&grant))
        });
        self.tell_components(body);
        body["verdict"] = json!(judged.map(|(verdict, _)| verdict));
        body["grant"] = json!(judged.map(|(_, grant)| grant));
    }

    /// Who answers to `name`.
    pub(super) fn callee(&self, name: &ToolName) -> Option<Callee> {
        if name.as_str() == policy::EXEC_TOOL {
            return self.runs_commands().then_some(Callee::Command);
        }
        let (plugin, _) = self.find_tool(name)?;
        Some(Callee::Plugin(plugin.clone()))
    }

    /// Whether policy could allow a native command in some state.
    fn runs_commands(&self) -> bool {
        offers::commands(&self.services.house, &self.agent, &self.bundle, self.work()).is_some()
    }

    /// Count a call of the activity `id`, as long as it has any left.
    pub(super) fn count(&mut self, id: &Arc<str>, grant: &policy::Grant) -> Result<(), CallError> {
        let Some(activity) = self.activities.get_mut(id) else {
            return Ok(());
        };
        if activity.calls >= grant.limits.calls {
            return Err(CallError::new(
                CallErrorKind::Limit,
                format!(
                    "this turn has made its {} calls; finish with what you have, or the operator raises `limits: {{ calls: …/turn }}`",
                    grant.limits.calls
                ),
            ));
        }
        activity.calls += 1;
        Ok(())
    }
}
