//! An inference: its payload is made again of what is recorded, by the functions that the run made it with, and compared to the byte.

use super::report::Difference;
use super::world::{EARLIER, Force, GONE, World, text};
use crate::Binding;
use crate::materials::RecordedNeed;
use crate::offers::Measure;
use crate::payloads::Basis;
use context::{Calibrated, CalibrationReport, Gathered, Held, Plan, Said, Shape, ShapePart, Tools};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use types::{ContentHash, ModelParameters};

/// What a payload was made of, beside what the other records say.
#[derive(Deserialize)]
struct MadeOf {
    parameters: ModelParameters,
    #[serde(default)]
    needs: Vec<RecordedNeed>,
    #[serde(default)]
    room: Option<u64>,
    #[serde(default)]
    somebody: bool,
    #[serde(default)]
    handed_in: bool,
    #[serde(default)]
    planned: Option<Planned>,
}

/// By what it was planned, where that was not what held when it was assembled.
#[derive(Deserialize)]
struct Planned {
    agent: ContentHash,
    chart: ContentHash,
    states: Vec<String>,
    #[serde(default)]
    bound: Option<Binding>,
}

/// A payload that was made again.
struct Again {
    hash: ContentHash,
    shape: Shape,
    report: Json,
}

impl World<'_> {
    /// Make the payload again that the record says was sent.
    pub(super) fn think(&mut self, seq: u64, body: &mut Json) {
        let made_of = body["made_of"].take();
        if body["payload"].is_null() || made_of.is_null() {
            return self.report.skips(seq, "payload", EARLIER);
        }
        let told: Option<Shape> = serde_json::from_value(body["shape"].clone()).ok();
        let effect = body["effect"].as_u64().unwrap_or_default();
        let again = serde_json::from_value(made_of)
            .map_err(|error| format!("what it was made of cannot be read: {error}"))
            .and_then(|made_of| self.make_again(effect, body, made_of));
        // What follows it is told by what was sent, whatever came of making it again.
        self.sent = match (&again, told.clone()) {
            (_, Some(shape)) => Some((effect, shape)),
            (Ok(Ok(again)), None) => Some((effect, again.shape.clone())),
            _ => None,
        };
        let again = match again {
            Ok(again) => again,
            Err(why) => return self.report.skips(seq, "payload", &why),
        };
        self.report.compared.payloads += 1;
        let hash = text(&body["payload"]);
        match again {
            Err(why) => self.differs(seq, "payload", hash, why),
            Ok(again) if again.hash.to_string() != hash => {
                let (chunk, expected, came) = parting(told.as_ref(), &again.shape);
                self.report.differs(Difference {
                    record: seq,
                    what: "payload",
                    chunk,
                    expected: format!("{hash}{expected}"),
                    came: format!("{}{came}", again.hash),
                });
            }
            Ok(again) => {
                self.compare(seq, "account", &body["context"], &again.report);
                self.compare(seq, "account", &body["shape"], &json!(again.shape));
            }
        }
    }

    /// The payload, or why it cannot be assembled; an error where something for it is not recorded.
    fn make_again(
        &mut self,
        effect: u64,
        body: &Json,
        made_of: MadeOf,
    ) -> Result<Result<Again, String>, String> {
        let force = self.force.clone()?;
        if self.chart_lost || self.talk_lost || self.sent_lost {
            return Err(GONE.into());
        }
        let Some((snapshot, of)) = &self.snapshot else {
            return Err("nothing is recorded of the chart before it".into());
        };
        if of.chart.hash() != force.bundle.chart.hash() {
            return Err("the chart stands in another version".into());
        }
        let now = Basis {
            agent: force.agent.clone(),
            bundle: force.bundle.clone(),
            states: snapshot.configuration().collect(),
            room: made_of.room,
            house: force.house.clone(),
            bound: self.bound.clone(),
            handed_in: made_of.handed_in,
        };
        let planned = match &made_of.planned {
            None => now.clone(),
            Some(planned) => self.planned(planned, &force, made_of.room)?,
        };
        let plan = planned.plan(&made_of.parameters);
        let gathered = self.gathered(&plan, &made_of.needs)?;
        if self.jobs.is_some() {
            let names = planned.states.iter();
            let names = names.map(|state| planned.bundle.chart.state(*state).id.to_string());
            let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
            self.asked_for(effect, (&plan, &gathered), &names);
        }
        let Some((snapshot, _)) = &self.snapshot else {
            return Err("nothing is recorded of the chart before it".into());
        };
        let measure = Measure {
            somebody_answers: made_of.somebody,
            schemas: &self.schemas,
            estimator: self.estimator,
        };
        let offers = now.offers(&self.described()?, snapshot, measure);
        let figures: Option<CalibrationReport> =
            serde_json::from_value(body["context"]["calibration"].clone())
                .map_err(|error| format!("its calibration cannot be read: {error}"))?;
        let estimator = Calibrated::recorded(self.estimator, figures);
        let said = Said {
            summary: self.talk.summary.as_ref(),
            ..Said::new(&self.talk.items)
        };
        let tools = Tools { offers: &offers };
        let mut assembled = match plan.assemble(&gathered, &said, &tools, &estimator) {
            Ok(assembled) => assembled,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let Some(follows) = body["follows"].as_u64() {
            let earlier = self.sent.as_ref().filter(|(sent, _)| *sent == follows);
            let Some((_, earlier)) = earlier else {
                return Ok(Err(format!(
                    "it follows the inference #{follows}, which is not the one before it"
                )));
            };
            let items = &self.talk.items;
            assembled.follow(earlier, |range| {
                let items = items.get(range).unwrap_or_default();
                items.iter().map(|item| item.tokens).sum()
            });
        }
        let hash = self
            .payloads
            .of(&assembled.payload, &assembled.shape, &offers);
        self.payload = Some((effect, assembled.payload));
        Ok(Ok(Again {
            hash,
            shape: assembled.shape,
            report: json!(assembled.report),
        }))
    }

    /// By what a payload was planned that was assembled later.
    fn planned(&self, planned: &Planned, now: &Force, room: Option<u64>) -> Result<Basis, String> {
        let mut known = self.before.iter().rev().chain([now]);
        let force = known
            .find(|force| force.agent.hash == planned.agent && force.bundle.hash == planned.chart)
            .ok_or("the definitions that it was planned by are not recorded")?;
        let states = planned.states.iter().map(|state| {
            let found = force.bundle.chart.find(state);
            found.ok_or_else(|| format!("its chart has no state `{state}`"))
        });
        Ok(Basis {
            agent: force.agent.clone(),
            bundle: force.bundle.clone(),
            states: states.collect::<Result<_, String>>()?,
            room,
            house: force.house.clone(),
            bound: planned.bound.clone(),
            handed_in: false,
        })
    }

    /// What was gathered for `plan`.
    fn gathered(&self, plan: &Plan, needs: &[RecordedNeed]) -> Result<Gathered, String> {
        if plan.needs().len() != needs.len() {
            return Err(format!(
                "its plan has {} needs, and {} were gathered",
                plan.needs().len(),
                needs.len()
            ));
        }
        let mut gathered = Gathered::new();
        for (need, recorded) in plan.needs().iter().zip(needs) {
            if let Some(why) = &recorded.missing {
                gathered.missing(need.id, why.clone());
                continue;
            }
            let names = match &recorded.list {
                Some(list) => self
                    .lists
                    .get(list)
                    .ok_or("a list of its texts is not recorded")?,
                None => &recorded.texts,
            };
            let texts = names.iter().map(|name| {
                let text = self.texts.get(name).cloned();
                text.ok_or_else(|| format!("a text of its chunk `{}` is not recorded", need.chunk))
            });
            gathered.put(need.id, texts.collect::<Result<_, String>>()?);
            for note in &recorded.notes {
                gathered.note(need.id, note.clone());
            }
        }
        Ok(gathered)
    }
}

/// The first chunk at which two payloads part, and what each holds there.
fn parting(told: Option<&Shape>, came: &Shape) -> (Option<String>, String, String) {
    let Some(told) = told else {
        return (None, String::new(), String::new());
    };
    if told.model != came.model {
        return (
            None,
            format!(", for {}", told.model),
            format!(", for {}", came.model),
        );
    }
    let parts = told.parts.len().max(came.parts.len());
    let first = (0..parts).find(|at| told.parts.get(*at) != came.parts.get(*at));
    match first {
        Some(at) => {
            let (told, came) = (told.parts.get(at), came.parts.get(at));
            let chunk = told.or(came).map(|part| part.chunk.to_string());
            (chunk, shown(told), shown(came))
        }
        // A shape names a stretch of the conversation by its place in it, not by what it says.
        None => {
            let what = ", of the same parts: an item of the conversation or a parameter is another, or the record is";
            (None, String::new(), what.into())
        }
    }
}

fn shown(part: Option<&ShapePart>) -> String {
    match part {
        None => ", which holds nothing there".into(),
        Some(part) => match &part.held {
            Held::Tools(hash) => format!(", with the tools {hash} ({} tokens)", part.tokens),
            Held::Text(hash) => format!(", with the text {hash} ({} tokens)", part.tokens),
            Held::History { from, to } => {
                format!(
                    ", with items {from} to {to} of the conversation ({} tokens)",
                    part.tokens
                )
            }
        },
    }
}
