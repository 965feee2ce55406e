//! Which instances there are, from their records, and how one more begins.

use super::{Seat, refused};
use crate::RuntimeError;
use crate::alive;
use crate::host::house::{Host, store};
use crate::host::vouch::{Deed, is_signed_workflow};
use crate::host::{Refused, RefusedCode};
use crate::record::Kind;
use crate::workflow::{By, Happened, Instance, Recorded, Version, WorkflowError};
use definitions::{ChartBundle, House};
use journal::{Journal, Record};
use serde_json::Value as Json;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use types::Value;

impl Host {
    /// Which instances there are, at the start.
    pub(in crate::host) fn read_instances(&self) -> Result<(), RuntimeError> {
        let alive = alive::instances(&self.0.journal.borrow())?;
        for (id, alive) in alive {
            match self.read_instance(&id)? {
                Ok(seat) => {
                    self.0.instances.borrow_mut().seats.insert(id, seat);
                }
                // It stays in the journal, and whoever asks for it is told.
                Err(error) => {
                    self.log(&id, "workflow", &error.to_string());
                    let mut instances = self.0.instances.borrow_mut();
                    instances.damaged.insert(id, alive.of);
                }
            }
        }
        Ok(())
    }

    fn read_instance(&self, id: &str) -> Result<Result<Seat, WorkflowError>, RuntimeError> {
        let house = self.definitions();
        let found = read(&self.0.journal.borrow(), Some(&house), &house.root, id)?;
        Ok(found.map(|(instance, heard, tail)| Seat {
            instance,
            heard,
            tail,
            jobs: VecDeque::new(),
            busy: false,
        }))
    }

    /// Begin an instance of `chart`, and have `first` happen in it in the same commit; its id, and what there is to say of that.
    pub(in crate::host) async fn begin_instance(
        &self,
        id: Arc<str>,
        chart: &str,
        input: Value,
        more: Vec<(Kind, serde_json::Value)>,
        first: Option<(Vec<Happened>, Deed)>,
    ) -> Result<(Arc<str>, Json), Refused> {
        self.begins()?;
        let house = self.definitions();
        let bundle = house.charts.get(chart).ok_or_else(|| {
            let workflows = house
                .charts
                .iter()
                .filter(|(_, bundle)| bundle.chart.kind() == chart::ChartKind::Workflow);
            let known: Vec<&str> = workflows.map(|(name, _)| &**name).collect();
            Refused::new(
                RefusedCode::NoSuchChart,
                format!("the house has no workflow `{chart}`"),
                match known.is_empty() {
                    true => "it has none at all: write one below charts/".to_owned(),
                    false => format!("it has {}", known.join(", ")),
                },
            )
        })?;
        let _alone = match is_signed_workflow(bundle) {
            true => Some(self.0.signing.lock().await),
            false => None,
        };
        let at = self.now();
        let begun = Instance::begin(&id, bundle, input, self.steady_at(at.0));
        let (mut instance, mut taken) = begun.map_err(refused)?;
        let mut said = Json::Null;
        if let Some((happened, deed)) = first {
            let took = self.take(&mut instance, happened, &deed, at.0, None);
            let (more, answer) = took.map_err(refused)?;
            // What identifies whoever signs goes before all of it.
            taken = taken.then(more);
            said = answer;
        }
        let seat = Seat {
            instance: instance.clone(),
            heard: 0,
            tail: taken.records.len(),
            jobs: VecDeque::new(),
            busy: true,
        };
        self.0.instances.borrow_mut().seats.insert(id.clone(), seat);
        let keep = vec![alive::instance(&id, chart)];
        let (mut beside, known) = crate::materials::news_of(&self.0.journal.borrow(), &house);
        beside.extend(more);
        // Both are ready at once, and so they go into the same commit: neither is ever there without the other.
        let (fired, written) = futures_util::future::join(
            async {
                match beside.is_empty() && known.is_empty() {
                    true => Ok(Vec::new()),
                    false => self.record(beside, known, None).await,
                }
            },
            self.write(&id, &taken, keep, at),
        )
        .await;
        if let Err(refused) = fired.and(written.map_err(|error| store(&error))) {
            self.0.instances.borrow_mut().seats.remove(&id);
            return Err(refused);
        }
        let in_force = self.has_recorded(&taken);
        self.follow(&id, taken, BTreeMap::new());
        if in_force {
            self.put_in_place().await;
        }
        if let Some(seat) = self.0.instances.borrow_mut().seats.get_mut(&id) {
            seat.busy = false;
        }
        self.pump(&id);
        self.0.changed.notify_waiters();
        Ok((id, said))
    }
}

/// The instance `id` out of its records, with the last letter that it has taken and how many records there are since its last snapshot; of the house in the directory
/// `root`, whose own versions of workflows are the `house`'s.
pub(in crate::host) fn read(
    journal: &Journal,
    house: Option<&House>,
    root: &Path,
    id: &str,
) -> Result<Result<(Instance, u64, usize), WorkflowError>, RuntimeError> {
    let mut records: Vec<Record> = Vec::new();
    journal.tail(id, |record| {
        let newest = record.kind == Kind::Snapshot.name();
        records.push(record);
        match newest {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    records.reverse();
    let heard = records.iter().filter_map(|record| {
        let body: serde_json::Value = serde_json::from_str(&record.body).ok()?;
        body["cause"].as_u64().max(body["heard"].as_u64())
    });
    let heard = heard.max().unwrap_or(0);
    let versions = |version: &Version, by: By| {
        let own = house.and_then(|house| house.charts.get(&version.name));
        let own = own.filter(|bundle| bundle.chart.hash() == version.hash);
        let enough = |bundle: &&Arc<ChartBundle>| by == By::Chart || bundle.hash == version.file;
        let recorded =
            || crate::replay::chart_with(journal, root, &version.name, version.hash, version.file);
        let found = own.filter(enough).cloned().or_else(recorded);
        found.or_else(|| own.cloned())
    };
    let recorded = records.iter().map(|record| Recorded {
        seq: record.seq.0,
        kind: &record.kind,
        body: &record.body,
    });
    let folded = Instance::fold(id, recorded, versions);
    Ok(folded.map(|instance| (instance, heard, records.len())))
}
