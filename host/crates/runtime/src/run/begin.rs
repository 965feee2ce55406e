//! How a run begins, or goes on: everything it needs is found before anything of it is recorded.

use super::{Happened, Run, next_message};
use crate::admission::Purse;
use crate::gather::Served;
use crate::generations::Generations;
use crate::grants::Grants;
use crate::inbox::{Inbox, Message};
use crate::kin::Children;
use crate::live::{RunEvent, Status};
use crate::loading::{Waiting, find_agent, load_guards, load_plugins};
use crate::materials::Materials;
use crate::permission::Permissions;
use crate::point::{self, Point};
use crate::record::Kind;
use crate::request::RunRequest;
use crate::services::Observer;
use crate::shared::SharedJournal;
use crate::summarise::Summing;
use crate::tokens::Counting;
use crate::{Admitted, RuntimeError, alive, offers, resume, run_id};
use chart::Effects;
use context::History;
use futures_util::FutureExt;
use futures_util::stream::FuturesUnordered;
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

impl Run {
    pub(super) async fn new(
        services: &Admitted,
        journal: &SharedJournal,
        request: RunRequest,
        observer: Observer,
    ) -> Result<(Run, Option<Inbox>), RuntimeError> {
        let house = &services.house;
        let (agent, bundle) = find_agent(services, &request.agent)?;
        let plugins = load_plugins(services, &agent).await?;
        let guards = load_guards(services, &agent, &bundle, &Waiting::new()).await?;
        let now = services.clock.steady();
        let past = match &request.resume {
            Some(run) => Some(resume::read(&journal.borrow(), run, &agent)?),
            None => None,
        };
        let stood = match &past {
            Some(past) => resume::stand(&journal.borrow(), past, &bundle, &house.root, now.0)?,
            None => resume::Standing::Anew { why: None },
        };
        point::reach(Point::Resume);
        let hosted = request.hosted.unwrap_or_default();
        let id = match &request.resume {
            Some(run) => run.as_str().into(),
            None => hosted.id.unwrap_or_else(|| run_id::new(services)),
        };
        let first = request
            .asked
            .first()
            .ok_or_else(|| RuntimeError::Incomplete {
                agent: agent.name.to_string(),
                message: "nobody is there to be asked".into(),
            })?;
        let all = request.asked.iter().map(|asked| &asked.parameters);
        let counting = Counting::new(Some(&journal.borrow()), &agent, all)?;
        let mut effects = Effects::new();
        let snapshot = chart::start(&bundle.chart, now.0, &mut effects)
            .map_err(|error| RuntimeError::Chart(error.to_string()))?;
        let provider = first.parameters.provider.clone();
        let model = first.parameters.name.clone();
        let mut run = Run {
            services: services.clone(),
            journal: journal.clone(),
            observer,
            id: id.clone(),
            asked: request.asked,
            ask: request.ask,
            plugins,
            guards,
            grants: Grants::default(),
            permissions: Permissions::new(request.permit),
            schemas: offers::Schemas::default(),
            snapshot,
            effects,
            history: History::default(),
            summing: Summing::default(),
            counting,
            sent: None,
            served: Served::default(),
            materials: Materials::default(),
            prompt: "".into(),
            activities: BTreeMap::new(),
            events: VecDeque::new(),
            trouble: None,
            unhandled: false,
            failures: 0,
            resuming: VecDeque::new(),
            keeping: vec![alive::of(&id, &request.agent)],
            spent: Decimal::ZERO,
            over_budget: false,
            room_at: None,
            purse: Purse::new(journal.spending().clone(), &id, past.is_none()),
            preparing: None,
            generations: Generations::default(),
            resting: false,
            rested_in: Vec::new(),
            unheard: VecDeque::new(),
            behind: VecDeque::new(),
            waiting_words: Vec::new(),
            unanswered: false,
            has_work: false,
            begun_with_it: false,
            // A later resumption reads it from the record that this one begins with.
            kin: past.as_ref().map_or(hosted.kin, |past| past.kin.clone()),
            children: Children::default(),
            heard_upto: 0,
            stopping: false,
            held: BTreeMap::new(),
            rooms: BTreeMap::new(),
            preferred: None,
            unpriced: false,
            bound: None,
            others: hosted.others,
            outbound: Vec::new(),
            handed_in: false,
            reminded: false,
            leaving: None,
            since_snapshot: 0,
            next_effect: 1,
            pending: Vec::new(),
            starting: Vec::new(),
            handles: BTreeMap::new(),
            performing: FuturesUnordered::new(),
            agent,
            bundle,
        };
        run.show(RunEvent::Started {
            run: id,
            agent: run.agent.name.clone(),
            provider: provider.clone(),
            model: model.clone(),
        });
        let definitions = run.record_definitions(&house.clone());
        run.materials.chart = Some(definitions);
        let body = json!({
            "agent": { "name": run.agent.name, "version": run.agent.version, "hash": run.agent.hash },
            "chart": { "name": run.bundle.chart.name(), "version": run.bundle.chart.version(), "hash": run.bundle.chart.hash() },
            "plugins": run.told_components(),
            "provider": provider,
            "model": model,
            "house": house.name,
            "definitions": definitions,
            "root": house.root,
            "resumed": past.is_some(),
            "cause": hosted.cause,
            "kin": run.kin,
        });
        run.record(Kind::Started, &body);
        run.tell_emergencies();
        run.remember_generations();
        let speaks = request.prompt.is_some();
        // Nothing is left of a run that failed or had spent its budget. Nobody says what else is to be done and nobody will: it is tried again.
        let over = past.as_ref().and_then(|past| past.over);
        let tries_again = matches!(over, Some(Status::Failed | Status::Budget))
            && !speaks
            && request.inbox.is_none();
        // One that rests for its budget in a daemon does so until there is room again.
        let rested = past.as_ref().and_then(|past| past.rested);
        let waits_for_room = hosted.waits_for_room && rested == Some(Status::Budget);
        let going = match past {
            Some(mut past) => {
                // What was refused by other limits is asked for again.
                past.room_at = past.room_at.filter(|_| !hosted.new_limits);
                run.take_up(past, stood, speaks).await?
            }
            None => None,
        };
        let prompt = request.prompt.map(Message::Said);
        for message in hosted.work.into_iter().chain(prompt) {
            run.hear_first(message).await;
        }
        match going {
            Some(going) if tries_again && going.is_empty() => {
                let why = run.trouble.as_ref().map(|trouble| &trouble.message);
                run.again(&json!({ "failures": 1, "why": why }));
            }
            Some(going) if waits_for_room && going.is_empty() && !run.is_still_exhausted() => {
                run.again(&json!({ "why": "there is room in its budget again" }));
            }
            Some(going) => run.set_going(going),
            None => {
                run.begun_with_it = true;
                run.stepped(None, now.0);
            }
        }
        Ok((run, request.inbox))
    }

    /// Take what a run was taken up for before it says that it stands still: one commit for both, and nothing recorded that was so for no time at all.
    pub(super) fn hear_what_waits(&mut self, inbox: &mut Option<Inbox>) {
        let now = self.services.clock.steady().0;
        // The step of one may cancel the next.
        if let Some(due) = self.snapshot.take_due(now) {
            self.events.push_back(Happened::Due(due));
        }
        while let Some(Some(message)) = next_message(inbox).now_or_never() {
            self.hear(message);
        }
    }
}
