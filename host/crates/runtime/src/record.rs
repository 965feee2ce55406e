//! What is written to the journal: one kind of record for each thing that happens, as JSON that a person can read.

use serde::Serialize;
use types::Timestamp;

/// The kinds of record that a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The run begins: agent, chart and their hashes.
    Started,
    /// A person said something.
    Said,
    /// An item of the conversation, as the model reads it.
    Item,
    /// What guards said of a text.
    Guard,
    /// A person stopped what was under way.
    Interrupted,
    /// The older part of the conversation was summed up, or could not be.
    Summary,
    /// The chart took an event: event, configuration, effects.
    Step,
    /// The model is about to be asked: an effect.
    Think,
    /// What the model answered.
    Reply,
    /// A tool is about to be called: an effect.
    Call,
    /// What a person answered to the question whether a call may be made.
    Permission,
    /// What the call came to.
    Outcome,
    /// What something cost.
    Cost,
    /// A limit runs low, or something was not done because of one: which, where it is written, and the figures.
    Budget,
    /// An activity ended before it was done, and why.
    Stopped,
    /// Definitions were exchanged: files with their hashes before and after, and who is affected.
    Reloaded,
    /// Definitions that were saved are not used, and why.
    NotReloaded,
    /// The chart moved to another version: both hashes, everything that changed, configuration, effects.
    Migrated,
    /// A component took a plugin's place: both generations, and how it came about.
    PluginSwapped,
    /// A component does not take a plugin's place, and why.
    PluginRefused,
    /// A generation crashed too often: which, and the one that was brought back.
    PluginQuarantined,
    /// A call was under way when the host died, and nobody knows whether it took effect.
    Uncertain,
    /// What the run's records come to up to here: where a resumption begins to read.
    Snapshot,
    /// An event for another run or instance.
    Sent,
    /// An event of another run or instance was taken.
    Told,
    /// The run was bound to a workflow, or what the workflow says to it has changed.
    Bound,
    /// The run is bound no more.
    Unbound,
    /// Somebody handed in what a role asks for.
    HandIn,
    /// A role is open to whoever fits.
    Offered,
    /// A person had the run wait.
    Paused,
    /// A person had it go on.
    Resumed,
    /// The host began the run again after it failed.
    Restarted,
    /// It failed too often: the host leaves it.
    GaveUp,
    /// The clock was set back, and by how much.
    Clock,
    /// A trigger fired.
    Fired,
    /// Definitions that no record before has, as they were read.
    Definitions,
    /// What a component said of itself, once for each content.
    PluginDescribed,
    /// Texts that were gathered for a payload, once for each content.
    Texts,
    /// The run stands still and waits for a person, with the chart's snapshot.
    Rested,
    /// The run is over, with the chart's snapshot.
    Ended,
    /// A change was asked for, or asked for anew.
    ChangeRequested,
    /// What depends on a change was judged.
    ChangeAssessed,
    /// Somebody said what they found of a change.
    ChangeReviewed,
    /// A seat of the board voted on a change.
    ChangeVoted,
    /// From when a change is to count, and for whom.
    ChangeOrdered,
    /// A new revision was made for a change.
    ChangeImplemented,
    /// A new revision was looked at, with evidence.
    ChangeVerified,
    /// A new revision was released.
    ChangeReleased,
    /// What was released is in its place.
    ChangeEffective,
    /// A change was rejected.
    ChangeRejected,
    /// A change was given up.
    ChangeWithdrawn,
    /// What was there was taken as released: control begins.
    ChangeBaseline,
    /// Something was put in force before anybody else had looked at it.
    ChangeEmergency,
    /// Something that is not released was not loaded.
    ChangeRefused,
    /// Whose a key is.
    Identity,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 55] = [
        Kind::Started,
        Kind::Said,
        Kind::Item,
        Kind::Guard,
        Kind::Interrupted,
        Kind::Summary,
        Kind::Step,
        Kind::Think,
        Kind::Reply,
        Kind::Call,
        Kind::Permission,
        Kind::Outcome,
        Kind::Cost,
        Kind::Budget,
        Kind::Stopped,
        Kind::Reloaded,
        Kind::NotReloaded,
        Kind::Migrated,
        Kind::PluginSwapped,
        Kind::PluginRefused,
        Kind::PluginQuarantined,
        Kind::Uncertain,
        Kind::Snapshot,
        Kind::Sent,
        Kind::Told,
        Kind::Bound,
        Kind::Unbound,
        Kind::HandIn,
        Kind::Offered,
        Kind::Paused,
        Kind::Resumed,
        Kind::Restarted,
        Kind::GaveUp,
        Kind::Clock,
        Kind::Fired,
        Kind::Definitions,
        Kind::PluginDescribed,
        Kind::Texts,
        Kind::Rested,
        Kind::Ended,
        Kind::ChangeRequested,
        Kind::ChangeAssessed,
        Kind::ChangeReviewed,
        Kind::ChangeVoted,
        Kind::ChangeOrdered,
        Kind::ChangeImplemented,
        Kind::ChangeVerified,
        Kind::ChangeReleased,
        Kind::ChangeEffective,
        Kind::ChangeRejected,
        Kind::ChangeWithdrawn,
        Kind::ChangeBaseline,
        Kind::ChangeEmergency,
        Kind::ChangeRefused,
        Kind::Identity,
    ];

    /// The kind with this word, if this version knows it.
    pub fn named(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The word in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Started => "started",
            Kind::Said => "said",
            Kind::Item => "item",
            Kind::Guard => "guard",
            Kind::Interrupted => "interrupted",
            Kind::Summary => "summary",
            Kind::Step => "step",
            Kind::Think => "think",
            Kind::Reply => "reply",
            Kind::Call => "call",
            Kind::Permission => "permission",
            Kind::Outcome => "outcome",
            Kind::Cost => "cost",
            Kind::Budget => "budget",
            Kind::Stopped => "stopped",
            Kind::Reloaded => "reloaded",
            Kind::NotReloaded => "not_reloaded",
            Kind::Migrated => "migrated",
            Kind::PluginSwapped => "plugin.swapped",
            Kind::PluginRefused => "plugin.refused",
            Kind::PluginQuarantined => "plugin.quarantined",
            Kind::Uncertain => "uncertain",
            Kind::Snapshot => "snapshot",
            Kind::Sent => "sent",
            Kind::Told => "told",
            Kind::Bound => "bound",
            Kind::Unbound => "unbound",
            Kind::HandIn => "hand_in",
            Kind::Offered => "offered",
            Kind::Paused => "paused",
            Kind::Resumed => "resumed",
            Kind::Restarted => "restarted",
            Kind::GaveUp => "gave_up",
            Kind::Clock => "clock",
            Kind::Fired => "fired",
            Kind::Definitions => "definitions",
            Kind::PluginDescribed => "plugin.described",
            Kind::Texts => "texts",
            Kind::Rested => "rested",
            Kind::Ended => "ended",
            Kind::ChangeRequested => "change.requested",
            Kind::ChangeAssessed => "change.assessed",
            Kind::ChangeReviewed => "change.reviewed",
            Kind::ChangeVoted => "change.voted",
            Kind::ChangeOrdered => "change.ordered",
            Kind::ChangeImplemented => "change.implemented",
            Kind::ChangeVerified => "change.verified",
            Kind::ChangeReleased => "change.released",
            Kind::ChangeEffective => "change.effective",
            Kind::ChangeRejected => "change.rejected",
            Kind::ChangeWithdrawn => "change.withdrawn",
            Kind::ChangeBaseline => "change.baseline",
            Kind::ChangeEmergency => "change.emergency",
            Kind::ChangeRefused => "change.refused",
            Kind::Identity => "identity",
        }
    }
}

/// A record that waits for the next commit.
pub(crate) struct Pending {
    pub(crate) time: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) body: String,
    /// Whether it belongs to the house, and not to the run that writes it.
    pub(crate) of_house: bool,
}

impl Pending {
    pub(crate) fn new(time: Timestamp, kind: Kind, body: &impl Serialize) -> Self {
        Pending {
            time,
            kind,
            // What is recorded are maps with text keys, which always serialise.
            body: serde_json::to_string(body).unwrap_or_default(),
            of_house: false,
        }
    }

    /// The run that it belongs to, where `own` writes it.
    pub(crate) fn run<'r>(&self, own: &'r str) -> &'r str {
        match self.of_house {
            true => journal::HOUSE_RUN,
            false => own,
        }
    }
}
