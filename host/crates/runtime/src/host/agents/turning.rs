//! A run turned in a task of its own.

use super::{At, Beginning};
use crate::host::beginning::refusal;
use crate::host::house::Host;
use crate::host::mailbox::Mailbox;
use crate::host::{Refused, RefusedCode};
use crate::inbox::{AGAIN, Told};
use crate::request::Hosted;
use crate::{Message, Reload, Reloads, RunEnd, RunRequest, bound, kin};
use futures_util::FutureExt;
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

impl Host {
    /// Have a run turn round in a task of its own.
    pub(super) fn spawn(&self, run: &Arc<str>, beginning: Beginning) {
        let (reloads, saved) = unbounded_channel();
        let (agent, mail) = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            // One that is only to end need not begin anew for that.
            let anew = agent.anew && !agent.mail.has(kin::STOP);
            if anew && matches!(beginning, Beginning::Again) {
                let told = Told {
                    from: "".into(),
                    seq: None,
                    event: AGAIN.into(),
                    data: json!({ "failures": agent.failures.len(), "why": agent.why }),
                    binding: None,
                };
                // What waits is for the chart that begins, not for the one that failed.
                agent.mail.put_first(Message::Told(Box::new(told)));
            }
            agent.at = At::Running;
            agent.status = None;
            agent.due = None;
            agent.reloads = Some(reloads);
            agent.mail.reopen();
            (agent.agent.clone(), agent.mail.clone())
        };
        let host = self.clone();
        let run = run.clone();
        tokio::task::spawn_local(async move {
            let turned = AssertUnwindSafe(host.turn_run(&run, &agent, &mail, beginning, saved));
            let end = match turned.catch_unwind().await {
                Ok(end) => end,
                Err(_) => Err(Refused::new(
                    RefusedCode::Other,
                    "the host itself failed in it; the report above says where",
                    "",
                )),
            };
            host.left(&run, end).await;
        });
    }

    async fn turn_run(
        &self,
        run: &Arc<str>,
        agent: &Arc<str>,
        mail: &Mailbox,
        beginning: Beginning,
        saved: UnboundedReceiver<Reload>,
    ) -> Result<RunEnd, Refused> {
        let again = matches!(beginning, Beginning::Again);
        let services = self.services_for(run, agent, again);
        let services = services.map_err(refusal)?;
        let (asked, ask) = (self.0.whom)(&services.house, agent)?;
        let new_limits = match self.0.agents.borrow_mut().get_mut(run) {
            Some(agent) => std::mem::take(&mut agent.new_limits),
            None => false,
        };
        let mut hosted = Hosted {
            new_limits,
            others: Some(Rc::new(self.clone())),
            begun: Some(self.tells_that_it_has_begun(run)),
            waits_for_room: true,
            ..Hosted::default()
        };
        let mut request = RunRequest {
            agent: agent.to_string(),
            prompt: None,
            asked,
            ask,
            inbox: Some(mail.inbox()),
            permit: None,
            resume: None,
            hosted: None,
        };
        match beginning {
            Beginning::New {
                prompt,
                kin,
                cause,
                work,
            } => {
                request.prompt = prompt;
                hosted.id = Some(run.clone());
                hosted.kin = kin;
                hosted.cause = cause;
                hosted.work = work.map(Message::Told).into_iter().collect();
            }
            Beginning::Again => {
                request.resume = Some(run.to_string());
                hosted.work = vec![Message::Told(Box::new(Told {
                    from: "".into(),
                    seq: None,
                    event: bound::CHANGED.into(),
                    data: serde_json::Value::Null,
                    binding: Some(self.binding_of(run)),
                }))];
            }
        }
        request.hosted = Some(hosted);
        let mut saved = saved;
        let reloads: Reloads = Box::pin(futures_util::stream::poll_fn(move |context| {
            saved.poll_recv(context)
        }));
        let observer = self.observer(run);
        let end = crate::run(
            &services,
            &self.0.journal,
            request,
            observer,
            reloads,
            std::future::pending(),
        );
        end.await.map_err(refusal)
    }
}
