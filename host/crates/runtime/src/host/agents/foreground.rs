//! A run that somebody waits for, beside the host that turns it.

use super::{Agent, At};
use crate::host::house::Host;
use crate::inbox::Told;
use crate::request::Hosted;
use crate::services::Observer;
use crate::workflow::Who;
use crate::{Message, Reloads, RunEnd, RunRequest, RuntimeError, Status, bound};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;

impl Host {
    /// Run what `request` says beside the host itself, until it ends. Whoever asked for it waits, and hears it through `observer`.
    ///
    /// # Errors
    /// As [`run`](crate::run()).
    pub async fn foreground(
        &self,
        mut request: RunRequest,
        bind: Option<(&str, &str)>,
        observer: Observer,
        reloads: Reloads,
        cancelled: impl Future<Output = ()>,
    ) -> Result<RunEnd, RuntimeError> {
        // A role that was given to a run which the process did not live to begin.
        let left = match (bind, &request.resume) {
            (Some((instance, role)), None) => self.left_role(instance, role, &request.agent)?,
            _ => None,
        };
        let bind = bind.filter(|_| left.is_none());
        let run: Arc<str> = match (&request.resume, left) {
            (Some(run), _) => run.as_str().into(),
            (None, Some(run)) => run,
            (None, None) => self.new_id(),
        };
        let (released, mut put_in_place) = unbounded_channel();
        let mail = {
            let mut agents = self.0.agents.borrow_mut();
            let entry = agents.runs.entry(run.clone());
            let entry = entry.or_insert_with(|| Agent::new(request.agent.as_str().into()));
            entry.at = At::Running;
            entry.ours = true;
            entry.due = None;
            entry.reloads = Some(released);
            entry.mail.clone()
        };
        // What the front end finds saved, and what is released meanwhile.
        let put_in_place =
            futures_util::stream::poll_fn(move |context| put_in_place.poll_recv(context));
        let reloads: Reloads = Box::pin(futures_util::stream::select(reloads, put_in_place));
        let adopted = self.0.agents.borrow_mut().adopt(&run);
        // They were under way when the process died.
        adopted.iter().for_each(|child| self.take_up(child));
        let bound = match bind {
            Some((instance, role)) => self.bind_run(instance, &request.agent, &run, role).await,
            None => Ok(()),
        };
        if let Err(refused) = bound {
            self.0.agents.borrow_mut().runs.remove(&run);
            return Err(RuntimeError::Refused(Box::new(refused)));
        }
        // The host has handed out by then what it was told while it was stopped: that comes before what it is told now.
        tokio::task::yield_now().await;
        let mut work = mail.take_all();
        let binding = self.binding_of(&run);
        // It may have lost its role while it was stopped.
        if request.resume.is_some() || work.is_empty() && binding.is_some() {
            let changed = Told {
                from: "".into(),
                seq: None,
                event: bound::CHANGED.into(),
                data: serde_json::Value::Null,
                binding: Some(binding),
            };
            work.insert(0, Message::Told(Box::new(changed)));
        }
        request.hosted = Some(Hosted {
            id: Some(run.clone()),
            work,
            mail: Some(mail.inbox()),
            others: Some(Rc::new(self.clone())),
            ..Hosted::default()
        });
        let end = match self.services_for(&run, &request.agent, request.resume.is_some()) {
            Ok(services) => {
                // By the definitions of this very run, which may be earlier ones than the house's.
                if let Ok(Some(asked)) = (request.ask)(&services.house, &request.asked) {
                    request.asked = asked;
                }
                let run = crate::run(
                    &services,
                    &self.0.journal,
                    request,
                    observer,
                    reloads,
                    cancelled,
                );
                run.await
            }
            Err(error) => Err(error),
        };
        let (status, why) = match &end {
            Ok(end) => (
                end.status,
                end.cause.as_ref().map(|cause| cause.message.clone()),
            ),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        self.is_over_with(&run, status, why).await;
        self.leave_all(std::time::Duration::ZERO).await;
        self.finish_instances().await;
        end
    }

    /// The run of `agent` that has `role` of `instance` and has no record yet.
    fn left_role(
        &self,
        instance: &str,
        role: &str,
        agent: &str,
    ) -> Result<Option<Arc<str>>, RuntimeError> {
        let Ok(id) = self.instance_named(instance) else {
            // Whoever binds hears why.
            return Ok(None);
        };
        let holder = {
            let instances = self.0.instances.borrow();
            let position = instances.get(&id).map(|instance| instance.position());
            let mut roles = position.into_iter().flat_map(|position| position.roles);
            roles.find(|at| *at.role == *role).and_then(|at| at.holder)
        };
        match holder {
            Some(Who::Agent { agent: own, run }) if *own == *agent => {
                let past = crate::past::Past::read(&self.0.journal.borrow(), &run)?;
                Ok(past.is_none().then_some(run))
            }
            _ => Ok(None),
        }
    }
}
