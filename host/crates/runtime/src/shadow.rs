//! A shadow run: a component that may become the next generation of a plugin answers calls that were really made, beside the one that answers them now.
//!
//! Both are given the same arguments, the time and the seed of the recorded call, and what its agent's policy gives it today. Neither has the network; what
//! they write goes to copies that are dropped, and their state is written to a copy in memory. What is compared are the two of today, and not what was
//! answered then: files have changed since.

use crate::Services;
use crate::admission::{in_words, lines_of};
use crate::by_hand::definition;
use crate::copies::Copies;
use crate::record::Kind;
use crate::recorded::{Recorded, last_calls, written_to};
use crate::spending::Spending;
use journal::{HOUSE_RUN, Journal, JournalError, NewRecord};
use ledger::budget::{Admission, Expected};
use policy::{Access, Grant};
use rust_decimal::Decimal;
use sandbox::{CallContext, Plugin, Sandbox, SandboxError, ToolRequest};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use types::{
    CallErrorKind, ContentHash, Cost, Effect, Outcome, Part, PluginName, Purpose, Refusal,
};

/// Longest part of an answer that a report holds, in characters.
const EXCERPT: usize = 400;

/// What the two generations came to.
#[derive(Clone, Debug, Serialize)]
pub struct ShadowReport {
    /// The plugin.
    pub plugin: PluginName,
    /// The component that it is.
    pub old: ContentHash,
    /// The component that it may become.
    pub new: ContentHash,
    /// The calls, in the order in which they were made.
    pub calls: Vec<Compared>,
    /// Files that the two left otherwise: the paths, with what is so of them.
    pub files: Vec<FileDifference>,
    /// What stood in the way of comparing everything, in words.
    pub notes: Vec<String>,
    /// What both took. It is another with every run, and so no part of what was found.
    #[serde(skip)]
    pub spent: Spent,
}

/// What the calls of a shadow run took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    wall_us: u64,
    cpu_us: u64,
    fuel: u64,
}

impl Spent {
    fn add(&mut self, outcome: &Outcome) {
        self.wall_us = self.wall_us.saturating_add(outcome.wall_us);
        self.cpu_us = self.cpu_us.saturating_add(outcome.cpu_us);
        self.fuel = self.fuel.saturating_add(outcome.fuel);
    }
}

/// One call, answered twice.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The run in which it was made.
    pub run: String,
    /// Its effect's number there.
    pub effect: u64,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: String,
    /// Whether both came to the same.
    pub same: bool,
    /// What the component that is there came to.
    pub old: Came,
    /// What the other came to.
    pub new: Came,
}

/// What a call came to, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Came {
    /// The answer or the failure, cut where it is long.
    pub answer: String,
    /// What was refused to it meanwhile.
    pub refused: Vec<Refusal>,
    /// The fuel it burnt.
    pub fuel: u64,
}

/// A file that one generation left otherwise than the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileDifference {
    /// Where it would be.
    pub path: PathBuf,
    /// `only old`, `only new` or `different`.
    pub what: &'static str,
}

impl ShadowReport {
    /// How many calls came to something else.
    pub fn different(&self) -> usize {
        let calls = self.calls.iter().filter(|call| !call.same).count();
        // Where all answers agree, files that differ still make a difference.
        calls.max(usize::from(!self.files.is_empty()))
    }

    /// What it cost, on `account`; `None` where nothing was called.
    pub(crate) fn cost(&self, services: &Services, account: Cost) -> Option<Cost> {
        if self.calls.is_empty() {
            return None;
        }
        let Spent {
            wall_us,
            cpu_us,
            fuel,
        } = self.spent;
        let cpu = Duration::from_micros(cpu_us);
        let measured = services.meter.of_cpu(cpu);
        Some(Cost {
            tool: Some(format!("{}.shadow", self.plugin).into()),
            plugin: Some(self.plugin.as_str().into()),
            generation: Some(self.new.short().into()),
            usd: Some(Decimal::ZERO),
            wall_us,
            cpu_us,
            fuel,
            joules: measured.or_else(|| services.house.power.of_cpu(cpu)),
            ..account
        })
    }
}

/// On whose account a shadow run is that is of no run: it is what the house spends on looking after itself.
fn of_house() -> Cost {
    Cost {
        purpose: Purpose::Overhead,
        ..Cost::default()
    }
}

/// Book a shadow run that is of no run.
///
/// # Errors
/// When the journal cannot be written.
pub fn book_shadow(
    services: &Services,
    journal: &mut Journal,
    report: &ShadowReport,
) -> Result<(), JournalError> {
    let Some(cost) = report.cost(services, of_house()) else {
        return Ok(());
    };
    // A map with text keys, which always serialises.
    let body = serde_json::to_string(&cost).unwrap_or_default();
    let record = NewRecord {
        run: HOUSE_RUN,
        time: services.clock.now(),
        kind: Kind::Cost.name(),
        body: &body,
    };
    journal.append(&[record]).map(drop)
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// One of the components cannot be used.
    #[error(transparent)]
    Component(#[from] SandboxError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The copies to write to cannot be made.
    #[error("no copy can be made of {}: {source}", path.display())]
    Copy {
        /// Of what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A limit is in the way: why, and what to do.
    #[error("no shadow run is made: {0}")]
    Budget(String),
    /// The host cannot do it now.
    #[error("the shadow run does not start: {0}")]
    Start(String),
}

/// Let the component `file` answer the last `last` calls of the plugin `name` beside the component that is there, if the house's budgets have room for that.
///
/// # Errors
/// Where a limit is reached, a component cannot be used or nothing can be read; differences are no error.
pub async fn shadow(
    services: &Services,
    name: &PluginName,
    file: &Path,
    last: usize,
) -> Result<ShadowReport, ShadowError> {
    match Journal::open_read_only(&services.house.store) {
        Ok(journal) => room(services, &journal, &Spending::default(), &of_house())?,
        Err(JournalError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    beside(services, name, file, last).await
}

/// Whether there is room for a shadow run on `account`, which is no run's.
pub(crate) fn room(
    services: &Services,
    journal: &Journal,
    spending: &Spending,
    account: &Cost,
) -> Result<(), ShadowError> {
    let (lines, now) = (lines_of(&services.house, account), services.clock.now());
    if lines.is_empty() {
        return Ok(());
    }
    spending.know(journal, &lines, now, None)?;
    match spending.admit(&lines, &Expected::call(), now) {
        Admission::Exhausted(exhausted) => Err(ShadowError::Budget(in_words(&exhausted))),
        Admission::Granted { .. } | Admission::Busy => Ok(()),
    }
}

/// The same for whoever has asked for room. It runs on a thread of its own, so that whoever asks can go on.
pub(crate) async fn beside(
    services: &Services,
    name: &PluginName,
    file: &Path,
    last: usize,
) -> Result<ShadowReport, ShadowError> {
    let (done, finished) = tokio::sync::oneshot::channel();
    let (services, name, file) = (services.clone(), name.clone(), file.to_owned());
    let start = |error: String| ShadowError::Start(error);
    let started = std::thread::Builder::new()
        .name("shadow".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let report = match runtime {
                Ok(runtime) => runtime.block_on(compare(&services, &name, &file, last)),
                Err(error) => Err(ShadowError::Start(error.to_string())),
            };
            // Nobody may listen any more.
            let _ = done.send(report);
        });
    started.map_err(|error| start(error.to_string()))?;
    match finished.await {
        Ok(report) => report,
        Err(_) => Err(start("its thread ended early".into())),
    }
}

async fn compare(
    services: &Services,
    name: &PluginName,
    file: &Path,
    last: usize,
) -> Result<ShadowReport, ShadowError> {
    let definition =
        definition(services, name).map_err(|error| ShadowError::Start(error.to_string()))?;
    let (component, trusted) = (&definition.component, definition.trusted);
    // The one that answers now may be another than the file holds: then it is the one to be compared with. Neither is counted as having been called.
    let sandbox = &services.sandbox;
    let current = sandbox.slot_of(name).map(|slot| slot.current());
    let old = current.and_then(|now| sandbox.earlier(&now.plugin, now.hash()));
    let old = match old {
        Some(old) => old,
        None => {
            sandbox
                .load(name.clone(), component.clone(), trusted)
                .await?
        }
    };
    let new = sandbox.load(name.clone(), file, trusted).await?;
    let mut report = ShadowReport {
        plugin: name.clone(),
        old: old.info().hash,
        new: new.info().hash,
        calls: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
        spent: Spent::default(),
    };
    let journal = match Journal::open_read_only(&services.house.store) {
        Ok(journal) => journal,
        Err(JournalError::Missing { .. }) => return Ok(report),
        Err(error) => return Err(error.into()),
    };
    let (mut calls, lost) = last_calls(&journal, &services.house, name, last)?;
    if lost > 0 {
        report.notes.push(format!(
            "{lost} calls are passed over, because their agent or its chart is gone"
        ));
    }
    let reads_only = |call: &Recorded| {
        let effect = |plugin: &Plugin| plugin.tool(call.tool.tool()).map(|spec| spec.effect);
        effect(&old) == Some(Effect::None) && effect(&new) == Some(Effect::None)
    };
    for call in &mut calls {
        if reads_only(call) {
            read_only(&mut call.grant, |_| true);
        }
    }
    let own = services.house.root.join(".charthouse");
    let written = written_to(&calls);
    let mut sides = Vec::new();
    for (side, plugin) in [("old", &old), ("new", &new)] {
        let copies = Copies::make(&own, side, &written)
            .map_err(|(path, source)| ShadowError::Copy { path, source })?;
        let mut came = Vec::new();
        let aside = sandbox.aside();
        for call in &calls {
            let outcome = answer(&aside, plugin, call, &copies).await;
            report.spent.add(&outcome);
            came.push(outcome);
        }
        sides.push((came, copies));
    }
    if let [(old, before), (new, after)] = &sides[..] {
        let compared = calls.iter().zip(old.iter().zip(new));
        let compared = compared.map(|(call, (old, new))| Compared {
            run: call.run.clone(),
            effect: call.effect,
            tool: call.tool.to_string(),
            arguments: call.arguments.clone(),
            same: same(old, new),
            old: Came::of(old),
            new: Came::of(new),
        });
        report.calls = compared.collect();
        report.files = before.compare(after);
        let too_large = before.too_large().map(|path| {
            format!(
                "{} is too large for a copy, so neither could write there",
                path.display()
            )
        });
        report.notes.extend(too_large);
    }
    Ok(report)
}

/// Have `plugin` answer `call`, writing to `copies` alone.
pub(crate) async fn answer(
    sandbox: &Sandbox,
    plugin: &Arc<Plugin>,
    call: &Recorded,
    copies: &Copies,
) -> Outcome {
    let mut grant = call.grant.clone();
    for mount in &mut grant.mounts {
        if let Some(copy) = copies.of(&mount.host) {
            mount.host = copy;
            // It lies elsewhere than the ceiling's directory, and is nobody's.
            mount.within = None;
        }
    }
    read_only(&mut grant, |host| !copies.is_copy(host));
    let id = format!("{}/{}", call.run, call.effect);
    let context = CallContext {
        time: call.time,
        seed: id.clone(),
        model: None,
        dry_run: false,
    };
    let request = ToolRequest {
        tool: call.tool.tool(),
        arguments: &call.arguments,
        id: &id,
        grant: &grant,
    };
    sandbox.call(plugin, request, &context).await
}

/// Take writing away from the mounts of such directories.
pub(crate) fn read_only(grant: &mut Grant, of: impl Fn(&Path) -> bool) {
    for mount in &mut grant.mounts {
        if mount.access > Access::ReadOnly && of(&mount.host) {
            mount.access = Access::ReadOnly;
        }
    }
}

/// Whether two outcomes are the same to whoever called. How a crash or a limit is worded depends on the code, not on what it does.
pub(crate) fn same(old: &Outcome, new: &Outcome) -> bool {
    let answers = match (&old.result, &new.result) {
        (Ok(old), Ok(new)) => old == new,
        (Err(old), Err(new)) => match old.kind {
            CallErrorKind::Trap | CallErrorKind::Limit => old.kind == new.kind,
            _ => old == new,
        },
        _ => false,
    };
    answers && old.refused == new.refused
}

impl Came {
    /// `outcome`, as it is shown.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let text = match &outcome.result {
            Ok(parts) => {
                let texts: Vec<String> = parts.iter().map(Part::to_text).collect();
                texts.join("\n")
            }
            Err(error) => error.to_string(),
        };
        let mut answer: String = text.chars().take(EXCERPT).collect();
        if answer.len() < text.len() {
            answer.push('…');
        }
        Came {
            answer,
            refused: outcome.refused.clone(),
            fuel: outcome.fuel,
        }
    }
}
