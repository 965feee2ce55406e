//! Everything that a host can be asked, as it stands on the control socket: one JSON object, told apart by `do`.
//!
//! Nothing here does anything. A key that a command does not have is an error, as it is in a definition: a misspelt one would otherwise be silently without
//! effect.

use super::{Seen, Watching};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// What a host can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", deny_unknown_fields)]
pub enum Command {
    /// Start a run of an agent, or go on with one: `{"run"}`, once the run can be found, or why it cannot begin.
    #[serde(rename = "start")]
    Start {
        /// The agent's name.
        agent: String,
        /// What to say to it first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        /// The workflow's instance to bind it to from the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// The role it takes there; needed with `instance`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// The run to go on with, by its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<String>,
    },
    /// End a run for good: what is under way is stopped, what it has begun ends too, and its chart hears nothing of it. One that cannot even be taken up for that
    /// is recorded as ended.
    #[serde(rename = "stop")]
    Stop {
        /// The run.
        run: String,
    },
    /// Have a run wait until it is resumed; what is under way is stopped, and begun anew then. It stays paused when the host is started anew.
    #[serde(rename = "pause")]
    Pause {
        /// The run.
        run: String,
    },
    /// Go on with a run that was paused, or that was given up because it kept crashing.
    #[serde(rename = "resume")]
    Resume {
        /// The run.
        run: String,
    },
    /// Say something to a run: its chart hears `human.said`.
    #[serde(rename = "say")]
    Say {
        /// The run.
        run: String,
        /// What is said.
        text: String,
    },
    /// Raise an event in a run's chart.
    #[serde(rename = "signal")]
    Signal {
        /// The run.
        run: String,
        /// The event's name, `signal.…` or `human.…`.
        event: String,
        /// What it carries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
    },
    /// The runs that are hosted: `{"runs": [{"run", "agent", "status", "states", "next_due"?, "usd"}]}`.
    #[serde(rename = "list")]
    List {},
    /// Answer what a run asks a person (the activity `ask`).
    #[serde(rename = "answer")]
    Answer {
        /// The run, or the instance whose human role is asked.
        run: String,
        /// The answer.
        text: String,
        /// The person who does it; needed where the workflow is signed.
        #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What that person has signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Begin an instance of a workflow: `{"instance"}`.
    #[serde(rename = "workflow.start")]
    WorkflowStart {
        /// The workflow's chart.
        chart: String,
        /// What its data begins with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Value>,
    },
    /// The instances: `{"instances": [{"instance", "chart", "status", "states", "roles"}]}`.
    #[serde(rename = "workflow.list")]
    WorkflowList {},
    /// One instance with its roles, artefacts, notes and history.
    #[serde(rename = "workflow.show")]
    WorkflowShow {
        /// The instance.
        instance: String,
    },
    /// Give a role of an instance to an agent or to a person. Exactly one of `agent` and `human` is named.
    #[serde(rename = "workflow.bind")]
    WorkflowBind {
        /// The instance.
        instance: String,
        /// The agent, by its name (a run of it is started) or by the id of a run that is hosted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// The person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        human: Option<String>,
        /// The role.
        role: String,
        /// The person who does it; needed where the workflow is signed.
        #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What that person has signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Take a role of an instance from whoever has it.
    #[serde(rename = "workflow.detach")]
    WorkflowDetach {
        /// The instance.
        instance: String,
        /// The role.
        role: String,
        /// What whoever takes it over should know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
        /// The person who does it; needed where the workflow is signed.
        #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What that person has signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Hand in what a role was to do: the workflow hears `role.done`.
    #[serde(rename = "workflow.hand_in")]
    WorkflowHandIn {
        /// The instance.
        instance: String,
        /// The role.
        role: String,
        /// Who hands it in: the person that holds the role.
        #[serde(rename = "as")]
        by: String,
        /// What came of it, in the workflow's own word.
        outcome: String,
        /// What to say about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
        /// What was made: an object of names and values.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        artefacts: Option<Value>,
        /// What the person has signed; needed where the workflow is signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Raise an event in an instance's chart.
    #[serde(rename = "workflow.event")]
    WorkflowEvent {
        /// The instance.
        instance: String,
        /// The event's name.
        event: String,
        /// What it carries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
        /// The person who does it; needed where the workflow is signed.
        #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What that person has signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// What a person signs who wants the command `of` done: `{"statement"}`. The command is judged as if it came, and refused where it would be; nothing is done.
    #[serde(rename = "statement")]
    Statement {
        /// The command, without `signed`.
        of: Box<Command>,
    },
    /// An act of change control: `{"change", "instance"}`.
    #[serde(rename = "change")]
    Change(ChangeDeed),
    /// The changes: `{"changes": [{"change", "title", "status", …}]}`.
    #[serde(rename = "change.list")]
    ChangeList {},
    /// One change, from its request to its evidence, with the numbers of the records and what is awaited next.
    #[serde(rename = "change.show")]
    ChangeShow {
        /// Its number.
        change: String,
    },
    /// What the house can find out by itself of what was implemented: `{"on", "evidence": […], "passed"}`. Nothing is recorded.
    #[serde(rename = "change.check")]
    ChangeCheck {
        /// Its number.
        change: String,
        /// Whether the scenarios of the charts that it affects are played.
        #[serde(default)]
        scenarios: bool,
        /// Whether its components are run beside those in use, on the last calls on record.
        #[serde(default)]
        shadow: bool,
    },
    /// Put what is released and in force back where definitions lie, and what lies there instead aside: `{"files", "set_aside", "warnings"}`.
    #[serde(rename = "change.restore")]
    ChangeRestore {
        /// Only these items; all when empty.
        #[serde(default)]
        items: Vec<String>,
    },
    /// A schedule or a trigger has come due: recorded together with what it starts.
    #[serde(rename = "fire")]
    Fire(Fire),
    /// What has fired so far, as much of it as is needed to go on: `{"fired": [Fired]}`.
    #[serde(rename = "fired")]
    Fired {},
    /// How the host is: `{"status", "house", "pid", "since", "runs", "instances"}`.
    #[serde(rename = "health")]
    Health {},
    /// End the host: nothing new is begun, what is under way has the time to finish and is journalled where it cannot. Answered when all is on disk.
    #[serde(rename = "shutdown")]
    Shutdown {
        /// For how long what is under way may go on, in milliseconds; the house's own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ms: Option<u64>,
    },
}

/// What a person has signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The statement, byte for byte as the host made it.
    pub statement: String,
    /// The signature over it (SSHSIG, namespace `charthouse`), in its armour.
    pub signature: String,
}

/// An act of change control by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeDeed {
    /// What is done.
    pub act: ChangeAct,
    /// The change; none for one that begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The person.
    #[serde(rename = "as")]
    pub by: String,
    /// In which role; found out where only one can be meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The workflow's own word for what came of it, where the act leaves it open: `passed` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why, or what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What belongs to the act: the title and the items of a request, files, evidence, an effectivity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefacts: Option<Value>,
    /// What the person has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
}

/// What can be done in change control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAct {
    /// Ask for a change, or ask anew for one that was sent back.
    Request,
    /// Say what depends on it.
    Assess,
    /// Say what was found, without a vote.
    Review,
    /// Vote for it.
    Approve,
    /// Vote against it.
    Reject,
    /// Say from when it counts, and for whom.
    Order,
    /// Make the new revision.
    Implement,
    /// Show that it does what was approved.
    Verify,
    /// Release it.
    Release,
    /// Give it up.
    Withdraw,
    /// Put something in force before anybody else has looked at it.
    Emergency,
    /// Take what is there as released: what control begins with.
    Baseline,
}

impl ChangeAct {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            ChangeAct::Request => "request",
            ChangeAct::Assess => "assess",
            ChangeAct::Review => "review",
            ChangeAct::Approve => "approve",
            ChangeAct::Reject => "reject",
            ChangeAct::Order => "order",
            ChangeAct::Implement => "implement",
            ChangeAct::Verify => "verify",
            ChangeAct::Release => "release",
            ChangeAct::Withdraw => "withdraw",
            ChangeAct::Emergency => "emergency",
            ChangeAct::Baseline => "baseline",
        }
    }

    /// Whether it begins a change, and so is about none that is there.
    pub fn begins(self) -> bool {
        matches!(self, ChangeAct::Emergency | ChangeAct::Baseline)
    }
}

/// A schedule or a trigger that came due.
///
/// The host records `fired` with all of this in the commit that begins what follows, so that a crash leaves both or neither. One with a `key` that has been
/// recorded as started or skipped already does nothing and answers what came of it then, with `"again": true`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fire {
    /// Its name in the house's `serve`.
    pub trigger: String,
    /// What tells this firing from every other of the same trigger: the time for a schedule, the version of a file, the id of a delivery.
    pub key: String,
    /// What it is about, where that is one of several: a file's path. The last firing of each is remembered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// When it was due, in milliseconds since 1970.
    pub due: i64,
    /// By which schedule it was due, where it was by one: whoever goes on from here sees whether it has been changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Whether it starts something.
    #[serde(default)]
    pub how: FireHow,
    /// What follows: `start`, `say`, `signal`, `workflow.start` or `workflow.event`. Needed unless it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Box<Command>>,
}

/// What is done about a firing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FireHow {
    /// What follows is begun.
    #[default]
    Start,
    /// It waits for the one before it; recorded, so that it is not lost with the process. The same `key` with `start` begins it.
    Hold,
    /// The one before it is still under way, or it is too late: only recorded.
    Skip,
}

/// How a host does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// For programs.
    pub code: RefusedCode,
    /// What is wrong, for a person.
    pub message: String,
    /// What to do next.
    #[serde(default)]
    pub help: String,
}

/// Why, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedCode {
    /// What was asked cannot be read, or makes no sense by itself.
    BadCommand,
    /// There is no such run.
    NoSuchRun,
    /// The house has no such agent.
    NoSuchAgent,
    /// The house has no such workflow.
    NoSuchChart,
    /// There is no such instance.
    NoSuchInstance,
    /// The workflow has no such role.
    NoSuchRole,
    /// It is there, and cannot do this as it stands: ended, paused already, listening for nothing of the kind.
    NotNow,
    /// Somebody else has it: a role, a run, the house.
    Taken,
    /// A rule of the house forbids it: separation of duties, a policy.
    Denied,
    /// A limit is reached: runs, budget, clients.
    Limit,
    /// Definitions are not in order.
    Definitions,
    /// The provider cannot be asked.
    Provider,
    /// The journal cannot be read or written.
    Store,
    /// The host is ending and begins nothing new.
    Ending,
    /// Anything else.
    #[serde(other)]
    Other,
}

impl Refused {
    /// A refusal with what to do next.
    pub fn new(code: RefusedCode, message: impl fmt::Display, help: impl Into<String>) -> Self {
        Refused {
            code,
            message: message.to_string(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// What somebody watches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Only this run or instance; everything by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Arc<str>>,
    /// Whether text is wanted as it streams by, piece by piece.
    #[serde(default)]
    pub text: bool,
}

/// What a host answers.
pub type Answered = Pin<Box<dyn Future<Output = Result<Value, Refused>>>>;

/// A host of many runs, on this thread or at the other end of a socket.
pub trait Hosting {
    /// Ask it something. Nothing has happened before the answer is first waited for; whether it is waited for to the end changes nothing of what happens.
    fn ask(&self, command: Command) -> Answered;

    /// What happens in it, from now on. A reader that is too slow misses events and is told how many; it never holds up the host.
    fn watch(&self, watch: Watch) -> Watching;
}

/// Keys that name somebody or something.
const NAMES: [&str; 9] = [
    "agent", "chart", "event", "human", "instance", "resume", "role", "run", "as",
];

impl Command {
    /// Read one command.
    pub fn parse(value: Value) -> Result<Self, Refused> {
        let word = value.get("do").and_then(Value::as_str).map(str::to_owned);
        let command: Command = serde_json::from_value(value).map_err(|error| {
            let message = match &word {
                Some(word) => format!("the command `{word}` cannot be read: {error}"),
                None => "a command is a JSON object with the key `do`".to_owned(),
            };
            let help = "docs/serve.md lists the commands with their keys";
            Refused::new(RefusedCode::BadCommand, message, help)
        })?;
        command.check()?;
        Ok(command)
    }

    /// What the shape alone does not say.
    pub(super) fn check(&self) -> Result<(), Refused> {
        let bad =
            |message: &str, help: &str| Err(Refused::new(RefusedCode::BadCommand, message, help));
        // Numbers, maps and texts, which always serialise.
        let keys = serde_json::to_value(self).unwrap_or_default();
        let is_blank = |key: &&&str| {
            let name = keys[**key].as_str();
            name.is_some_and(|name| name.trim().is_empty())
        };
        if let Some(key) = NAMES.iter().find(is_blank) {
            return bad(
                &format!("`{key}` is empty"),
                "name what is meant; `charthouse agents list` and `charthouse workflow list` show what there is",
            );
        }
        match self {
            Command::Start { instance, role, .. } if instance.is_some() != role.is_some() => bad(
                "`instance` and `role` go together",
                "name both to bind the agent from the start, or neither",
            ),
            Command::Start {
                resume: Some(_),
                instance: Some(_),
                ..
            } => bad(
                "a run that is gone on with keeps its bindings",
                "leave `instance` and `role` out, or bind it with workflow.bind",
            ),
            Command::WorkflowBind { agent, human, .. } if agent.is_some() == human.is_some() => {
                bad(
                    "a role is given to an agent or to a person",
                    "name exactly one of `agent` and `human`",
                )
            }
            Command::WorkflowHandIn {
                artefacts: Some(artefacts),
                ..
            } if !artefacts.is_object() => bad(
                "`artefacts` is an object of names and values",
                "for instance {\"patch\": \"fix.diff\"}",
            ),
            Command::Change(deed) if deed.change.is_none() => match deed.act {
                ChangeAct::Request | ChangeAct::Emergency | ChangeAct::Baseline => Ok(()),
                _ => bad(
                    "no change is named",
                    "name it in `change`, for instance CR-0001",
                ),
            },
            Command::Change(deed) if deed.act.begins() => {
                bad("this begins a change of its own", "leave `change` out")
            }
            Command::Change(ChangeDeed {
                artefacts: Some(artefacts),
                ..
            }) if !artefacts.is_object() => bad(
                "`artefacts` is an object of names and values",
                "for instance {\"items\": [\"policy:default\"]}",
            ),
            Command::Statement { of } => match &**of {
                Command::Change(_)
                | Command::Answer { .. }
                | Command::WorkflowBind { .. }
                | Command::WorkflowDetach { .. }
                | Command::WorkflowHandIn { .. }
                | Command::WorkflowEvent { .. } => of.check(),
                _ => bad(
                    "nobody signs this",
                    "what is signed is change, workflow.bind, workflow.detach, workflow.hand_in, workflow.event and answer",
                ),
            },
            Command::Fire(fire) => match fire.then.as_deref() {
                None if fire.how == FireHow::Skip => Ok(()),
                None => bad("nothing follows", "say in `then` what is to be started"),
                Some(
                    then @ (Command::Start { .. }
                    | Command::Say { .. }
                    | Command::Signal { .. }
                    | Command::WorkflowStart { .. }
                    | Command::WorkflowEvent { .. }),
                ) => then.check(),
                Some(_) => bad(
                    "this cannot follow from a trigger",
                    "it can start, say, signal, workflow.start or workflow.event",
                ),
            },
            _ => Ok(()),
        }
    }

    /// Whether it only looks.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Command::List {}
                | Command::WorkflowList {}
                | Command::WorkflowShow { .. }
                | Command::Statement { .. }
                | Command::ChangeList {}
                | Command::ChangeShow { .. }
                | Command::ChangeCheck { .. }
                | Command::Fired {}
                | Command::Health {}
        )
    }
}

impl Seen {
    /// The same as it stands on the control socket: the event's own keys, and whose it is.
    pub fn to_line(&self) -> Value {
        let mut line = serde_json::Map::new();
        if !self.run.is_empty() {
            line.insert("run".into(), Value::String(self.run.as_ref().into()));
        }
        line.insert("event".into(), (*self.event).clone());
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_command_is_read_as_it_is_written() {
        let all = [
            json!({"do": "start", "agent": "coder", "prompt": "go"}),
            json!({"do": "stop", "run": "a"}),
            json!({"do": "signal", "run": "a", "event": "signal.go", "data": {"n": 1}}),
            json!({"do": "list"}),
            json!({"do": "workflow.hand_in", "instance": "i", "role": "reviewer", "as": "ada", "outcome": "accepted"}),
            json!({"do": "workflow.bind", "instance": "i", "human": "ada", "role": "reviewer"}),
            json!({"do": "fire", "trigger": "nightly", "key": "1", "due": 1, "how": "skip", "then": {"do": "start", "agent": "coder"}}),
            json!({"do": "shutdown", "within_ms": 10}),
        ];
        for value in all {
            let command = Command::parse(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&command).unwrap(), value);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let all = [
            json!([]),
            json!("list"),
            json!({"agent": "coder"}),
            json!({"do": "dance"}),
            json!({"do": "list", "run": "a"}),
            json!({"do": "start", "agent": "coder", "promt": "go"}),
            json!({"do": "start", "agent": "coder", "role": "reviewer"}),
            json!({"do": "workflow.bind", "instance": "i", "role": "r"}),
            json!({"do": "workflow.bind", "instance": "i", "role": "r", "human": " "}),
            json!({"do": "workflow.detach", "instance": "i", "role": ""}),
            json!({"do": "statement", "of": {"do": "workflow.bind", "instance": "i", "role": "r", "human": "h", "as": ""}}),
            json!({"do": "stop", "run": ""}),
            json!({"do": "workflow.bind", "instance": "i", "role": "r", "agent": "a", "human": "h"}),
            json!({"do": "workflow.hand_in", "instance": "i", "role": "r", "as": "h", "outcome": "o", "artefacts": []}),
            json!({"do": "fire", "trigger": "t", "key": "1", "due": 1, "then": {"do": "shutdown"}}),
            json!({"do": "fire", "trigger": "t", "key": "1", "due": 1, "how": "hold"}),
        ];
        for value in all {
            let refused = Command::parse(value.clone()).unwrap_err();
            assert_eq!(refused.code, RefusedCode::BadCommand, "{value}");
            assert!(!refused.help.is_empty(), "{value}");
        }
    }

    #[test]
    fn a_code_of_a_later_version_is_read() {
        let refused: Refused =
            serde_json::from_value(json!({"code": "moon_phase", "message": "no"})).unwrap();
        assert_eq!(refused.code, RefusedCode::Other);
    }
}
