//! Another version of the workflow: between two steps, by what the new version's `migrate` says, or not at all.
//!
//! The chart moves as an agent's does. Work goes on where its state does; a role that is gone loses its holder, and so does one whose holder the new
//! version's separation of duties forbids.

use super::error::WorkflowError;
use super::fact::{Fact, Migrated, Renamed, Version};
use super::taking::Doing;
use super::who::Via;
use chart::{Change, Effects, Migration, ReloadPolicy, Snapshot, StateId};
use definitions::ChartBundle;
use std::sync::Arc;

/// The chart in its new version.
pub(super) struct Arrived {
    pub snapshot: Snapshot,
    pub migration: Migration,
    pub effects: Effects,
}

/// Move `snapshot` of `from` to `to`.
pub(super) fn migrate(
    from: &ChartBundle,
    to: &ChartBundle,
    snapshot: &Snapshot,
    now: i64,
) -> Result<Arrived, chart::MigrateError> {
    let mut effects = Effects::new();
    let (snapshot, migration) = chart::migrate(
        &from.chart,
        &to.chart,
        &to.migrate,
        snapshot,
        now,
        &mut effects,
    )?;
    Ok(Arrived {
        snapshot,
        migration,
        effects,
    })
}

impl Doing {
    pub fn move_to(&mut self, to: &Arc<ChartBundle>) -> Result<(), WorkflowError> {
        let from = self.instance.bundle.clone();
        if from.hash == to.hash && from.chart.hash() == to.chart.hash() {
            self.instance.bundle = to.clone();
            return Ok(());
        }
        let cannot = |why: String| WorkflowError::CannotMove {
            instance: self.instance.id.clone(),
            from: from.chart.version().to_owned(),
            to: to.chart.version().to_owned(),
            why,
        };
        if from.chart.name() != to.chart.name() || to.chart.kind() != chart::ChartKind::Workflow {
            let name = to.chart.name();
            return Err(cannot(format!(
                "`{name}` is another chart; begin an instance of it instead"
            )));
        }
        match to.migrate.policy {
            ReloadPolicy::Refuse => {
                return Err(WorkflowError::Refused {
                    chart: to.chart.name().to_owned(),
                    instance: self.instance.id.clone(),
                });
            }
            ReloadPolicy::Pin => {
                let message = format!(
                    "the workflow {} says `migrate: pin`: the instance `{}` goes on with {}",
                    to.chart.version(),
                    self.instance.id,
                    from.chart.version()
                );
                self.log(to.chart.name(), message);
                return Ok(());
            }
            ReloadPolicy::Migrate => {}
        }
        let mut arrived = migrate(&from, to, &self.instance.chart, self.now)
            .map_err(|error| cannot(error.to_string()))?;
        // Before the move, while it is known who had what.
        self.withdraw_from_roles_gone(to);
        let (renamed, entered) = read(&arrived.migration.changes, &self.instance.core, to);
        let effects: Vec<chart::Effect> = arrived.effects.drain().collect();
        let does_the_same = from.chart.hash() == to.chart.hash();
        self.instance.bundle = to.clone();
        self.instance.chart = arrived.snapshot;
        let mut core = self.instance.core.clone();
        for renamed in &renamed {
            if let Some(work) = core.work.get_mut(&renamed.work) {
                work.state = renamed.state.clone();
            }
        }
        let before = std::mem::replace(&mut self.instance.core, core);
        let work = self.turnover(&entered);
        self.instance.core = before;
        let withdrawn = self.to_withdraw(&work.closed);
        self.fact(Fact::Migrated(Box::new(Migrated {
            workflow: Version::of(to),
            time: self.now,
            migration: match does_the_same {
                true => serde_json::Value::Null,
                false => serde_json::to_value(&arrived.migration).unwrap_or_default(),
            },
            configuration: self.instance.configuration(),
            effects: effects.clone(),
            renamed,
            work,
        })));
        self.arrived(effects, withdrawn, "the workflow has another version now");
        if self.instance.core.ended.is_none() {
            self.detach_whom_it_forbids();
        }
        Ok(())
    }

    /// Roles that the new version has not: their holders hear of it and are free. The chart does not: it knows no such role.
    fn withdraw_from_roles_gone(&mut self, to: &ChartBundle) {
        let holders = self.instance.core.holders.keys();
        let gone: Vec<Arc<str>> = holders
            .filter(|role| !to.roles.contains_key(*role))
            .cloned()
            .collect();
        for role in gone {
            self.withdraw_all(&role, "the workflow has no such role any more");
            let why = format!("version {} has no role `{role}`", to.chart.version());
            self.unbind(&role, Via::Reload, &why.into(), None);
        }
    }

    /// Holders whom a rule that is new forbids: the role that declares the rule is the one that is given up.
    fn detach_whom_it_forbids(&mut self) {
        let roles = self.instance.bundle.roles.clone();
        for (role, def) in &roles {
            let Some(holder) = self.instance.holder(role).cloned() else {
                continue;
            };
            let person = holder.person();
            let Some(other) = def
                .never
                .iter()
                .find(|other| self.instance.has_held(other, &person))
            else {
                continue;
            };
            let why = format!(
                "{person} is or was `{other}`, and {} says that `{role}` is never whoever is that",
                def.place
            );
            self.withdraw_all(role, "the role was taken away");
            self.lose(role, &holder, Via::Reload, &why.into(), None);
        }
    }
}

/// What a migration says of work: whose state has another name, and which states were entered anew.
fn read(
    changes: &[Change],
    core: &super::core::Core,
    to: &ChartBundle,
) -> (Vec<Renamed>, Vec<StateId>) {
    // A path's last step is the state's id, which is unique in its chart.
    let id = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let (mut renamed, mut entered) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::Renamed { from, to } => {
                let (from, to) = (id(from), id(to));
                let work = core.work.iter().filter(|(_, work)| *work.state == *from);
                renamed.extend(work.map(|(number, _)| Renamed {
                    work: *number,
                    state: to.as_str().into(),
                }));
            }
            Change::Entered { state } => entered.extend(to.chart.find(&id(state))),
            _ => {}
        }
    }
    (renamed, entered)
}
