//! A stage on which an instance is played: every happening is also folded out of the records, from the beginning and from a snapshot, and must come to the same.

use charthouse_runtime::workflow::{
    Addressee, By, Happened, Instance, Out, Recorded, Sender, Taken, Version, Via, Who,
    WorkflowError,
};
use definitions::ChartBundle;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use types::{Event, Value};

pub struct Stage {
    pub instance: Instance,
    pub now: i64,
    /// All records so far: kind and body.
    pub records: Vec<(&'static str, String)>,
    /// What followed from the last happening.
    pub out: Vec<Out>,
    versions: Vec<Arc<ChartBundle>>,
    /// Where to fold from, beside the beginning.
    checkpoint: Option<(usize, String)>,
}

pub const START: i64 = 1_000_000;

impl Stage {
    pub fn begin(bundle: &Arc<ChartBundle>) -> Self {
        Stage::begin_with(bundle, json!({ "issue": 6 }))
    }

    pub fn begin_with(bundle: &Arc<ChartBundle>, input: Json) -> Self {
        let begun = Instance::begin("i1", bundle, Value::from(input), START);
        let (instance, taken) = begun.unwrap();
        let mut stage = Stage {
            instance,
            now: START,
            records: Vec::new(),
            out: Vec::new(),
            versions: vec![bundle.clone()],
            checkpoint: None,
        };
        stage.keep(taken);
        stage
    }

    pub fn take(&mut self, happened: Happened) -> Result<(), WorkflowError> {
        self.take_because(happened, None)
    }

    pub fn take_because(
        &mut self,
        happened: Happened,
        cause: Option<u64>,
    ) -> Result<(), WorkflowError> {
        if let Happened::Moved { to } = &happened {
            self.versions.push(to.clone());
        }
        self.now += 1;
        let before = self.instance.snapshot().to_string();
        match self.instance.take(happened, self.now, cause) {
            Ok(taken) => self.keep(taken),
            Err(error) => {
                let after = self.instance.snapshot().to_string();
                assert_eq!(after, before, "what is refused changes nothing: {error}");
                return Err(error);
            }
        }
        Ok(())
    }

    fn keep(&mut self, taken: Taken) {
        for out in &taken.out {
            let Out::Send {
                record,
                to,
                event,
                data,
            } = out
            else {
                continue;
            };
            let (kind, body) = &taken.records[*record];
            assert_eq!(kind.name(), "sent");
            assert_eq!(body["to"], to.to_string());
            assert_eq!(body["event"], **event);
            assert_eq!(body["data"], data.to_json());
        }
        let bodies = taken.records.into_iter();
        let bodies = bodies.map(|(kind, body)| (kind.name(), body.to_string()));
        self.records.extend(bodies);
        self.out = taken.out;
        self.check_fold();
    }

    /// The instance out of its records is the instance, byte for byte.
    fn check_fold(&mut self) {
        let live = self.instance.snapshot().to_string();
        let folded = self.fold(0, None).unwrap();
        assert_eq!(folded.snapshot().to_string(), live, "{:#?}", self.records);
        assert_eq!(folded.chart(), self.instance.chart());
        assert_eq!(folded.position(), self.instance.position());
        assert_eq!(folded.next_due(), self.instance.next_due());
        if let Some((from, body)) = &self.checkpoint {
            let folded = self.fold(*from, Some(body)).unwrap();
            assert_eq!(folded.snapshot().to_string(), live);
            assert_eq!(folded.chart(), self.instance.chart());
        }
        if self.checkpoint.is_none() || self.records.len().is_multiple_of(3) {
            self.checkpoint = Some((self.records.len(), live));
        }
    }

    pub fn fold(&self, from: usize, snapshot: Option<&str>) -> Result<Instance, WorkflowError> {
        let versions = |version: &Version, _: By| self.recorded(version);
        self.fold_by(from, snapshot, versions)
    }

    /// The version that a record names.
    pub fn recorded(&self, version: &Version) -> Option<Arc<ChartBundle>> {
        let found = self.versions.iter().find(|b| b.hash == version.file);
        found.cloned()
    }

    pub fn fold_by(
        &self,
        from: usize,
        snapshot: Option<&str>,
        versions: impl Fn(&Version, By) -> Option<Arc<ChartBundle>>,
    ) -> Result<Instance, WorkflowError> {
        let snapshot = snapshot.map(|body| Recorded {
            seq: 0,
            kind: "snapshot",
            body,
        });
        let records = self.records.iter().enumerate().skip(from);
        let records = records.map(|(seq, (kind, body))| Recorded {
            seq: seq as u64,
            kind,
            body,
        });
        Instance::fold("i1", snapshot.into_iter().chain(records), versions)
    }

    // What happens, in short.

    pub fn bind(&mut self, role: &str, who: &Who) -> Result<(), WorkflowError> {
        self.take(Happened::Bind {
            role: role.into(),
            who: who.clone(),
            via: Via::Command,
        })
    }

    pub fn hand_in(&mut self, role: &str, by: &Who, outcome: &str) -> Result<(), WorkflowError> {
        self.take(handed_in(role, by, outcome))
    }

    pub fn detach(&mut self, role: &str, via: Via, notes: &str) -> Result<(), WorkflowError> {
        self.take(Happened::Detach {
            role: role.into(),
            who: None,
            via,
            why: "because".into(),
            notes: (!notes.is_empty()).then(|| notes.into()),
        })
    }

    pub fn take_over(&mut self, role: &str, who: &Who) -> Result<(), WorkflowError> {
        self.take(Happened::TakeOver {
            role: role.into(),
            who: who.clone(),
            notes: None,
        })
    }

    pub fn say(&mut self, event: &str) -> Result<(), WorkflowError> {
        self.take(Happened::Event {
            event: Event::new(event, Value::Null, 0),
            from: Sender::Human { name: "ada".into() },
        })
    }

    /// The next timer, when it is due.
    pub fn wait(&mut self) {
        self.now = self.instance.next_due().expect("a timer") - 1;
        self.take(Happened::Due).unwrap();
    }

    // What came of it, in short.

    pub fn leaves(&self) -> String {
        self.instance.position().configuration.join(" ")
    }

    /// What was sent by the last happening, as `event role/state -> to`.
    pub fn sent(&self) -> Vec<String> {
        let sent = self.out.iter().filter_map(|out| match out {
            Out::Send {
                to, event, data, ..
            } => {
                let text = |key: &str| data.get(key).map_or(String::new(), |v| v.to_string());
                let of = [text("role"), text("state")].join("/").replace('"', "");
                Some(format!("{event} {} -> {to}", of.trim_matches('/')))
            }
            _ => None,
        });
        sent.collect()
    }

    /// The data of the last event of this name that was sent to `who`.
    pub fn told(&self, who: &Who, name: &str) -> Json {
        let to = Addressee::from(who);
        let mut told = self.out.iter().rev().filter_map(|out| match out {
            Out::Send {
                to: t, event, data, ..
            } if *t == to && &**event == name => Some(data.to_json()),
            _ => None,
        });
        told.next().unwrap_or_else(|| panic!("{:#?}", self.out))
    }

    /// What was offered by the last happening.
    pub fn offered(&self) -> Vec<String> {
        let offered = self.out.iter().filter_map(|out| match out {
            Out::Offered { role, states } => Some(format!("{role}: {}", states.join(" "))),
            _ => None,
        });
        offered.collect()
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.records.iter().map(|(kind, _)| *kind).collect()
    }

    /// The last record of this kind.
    pub fn last(&self, kind: &str) -> Json {
        let mut found = self.records.iter().rev().filter(|(k, _)| *k == kind);
        serde_json::from_str(&found.next().unwrap().1).unwrap()
    }
}

pub fn handed_in(role: &str, by: &Who, outcome: &str) -> Happened {
    Happened::HandIn {
        role: role.into(),
        state: None,
        by: by.clone(),
        outcome: outcome.into(),
        notes: None,
        artefacts: Value::Null,
    }
}

pub fn coder() -> Who {
    Who::agent("coder", "r1")
}

pub fn reviewer() -> Who {
    Who::agent("reviewer", "r2")
}
