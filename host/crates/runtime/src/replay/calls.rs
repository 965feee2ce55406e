//! A call: what policy said of it is resolved again, by the definitions and in the states of then.

use super::again::{Component, Job, Question, effect_of};
use super::world::{EARLIER, Force, GONE, World, hash, text};
use crate::{grants, offers};
use chart::StateId;
use context::{Gathered, NeedKind, Plan};
use sandbox::ContextRequest;
use serde_json::{Value as Json, json};
use types::{ContentHash, Outcome, PluginName, ToolName};

impl World<'_> {
    /// Resolve again what was granted to the call that the record announces.
    pub(super) fn call(&mut self, seq: u64, body: &Json) {
        if !body["call"].is_string() {
            // A context plugin or a summary, which nobody has to allow.
            return self.note_chunk(seq, body);
        }
        self.note(seq, body);
        if body.get("grant").is_none() {
            return self.report.skips(seq, "grant", EARLIER);
        }
        let judged = match self.judge(body) {
            Ok(judged) => judged,
            Err(why) => return self.report.skips(seq, "grant", &why),
        };
        self.report.compared.grants += 1;
        let told = json!({ "verdict": body["verdict"], "grant": body["grant"] });
        self.compare(seq, "grant", &told, &judged);
    }

    fn judge(&self, body: &Json) -> Result<Json, String> {
        let force = self.force.clone()?;
        if self.chart_lost {
            return Err(GONE.into());
        }
        let Some((snapshot, of)) = &self.snapshot else {
            return Err("nothing is recorded of the chart before it".into());
        };
        if of.chart.hash() != force.bundle.chart.hash() {
            return Err("the chart stands in another version".into());
        }
        let tool = ToolName::from_wire(&text(&body["tool"]));
        let Some(tool) = tool.filter(|tool| self.answers_to(tool, &force)) else {
            return Ok(json!({ "verdict": null, "grant": null }));
        };
        let states: Vec<StateId> = snapshot.configuration().collect();
        let Force {
            house,
            agent,
            bundle,
            ..
        } = &force;
        let layers = grants::layers(house, agent, bundle, states, self.bound.as_ref());
        let grant = grants::grant(house, agent, &layers, &tool);
        let verdict = grants::verdict(&grant, &text(&body["arguments"]));
        Ok(json!({ "verdict": verdict, "grant": grants::hash(&grant) }))
    }

    /// Whether anything the run had answered to `tool`. A component that is not described is believed to: the record of its call says so.
    fn answers_to(&self, tool: &ToolName, force: &Force) -> bool {
        if tool.as_str() == policy::EXEC_TOOL {
            return offers::commands(
                &force.house,
                &force.agent,
                &force.bundle,
                self.bound.as_ref(),
            )
            .is_some();
        }
        let mut plugins = self.plugins.iter();
        plugins.any(|(name, hash)| {
            name.as_str() == tool.plugin()
                && self
                    .houses
                    .info(name, *hash)
                    .is_none_or(|info| info.tools.iter().any(|spec| spec.name == tool.tool()))
        })
    }

    /// Note the call, where components are to be called again.
    fn note(&mut self, seq: u64, body: &Json) {
        if self.jobs.is_none() {
            return;
        }
        let job = self.job(seq, body);
        if let (Some(jobs), Some(job)) = (&mut self.jobs, job) {
            jobs.push(job);
        }
    }

    fn job(&self, seq: u64, body: &Json) -> Option<Job> {
        let tool = ToolName::from_wire(body["tool"].as_str()?)?;
        let name = PluginName::parse(tool.plugin()).ok()?;
        let component = self.component(&name, hash(&body["generation"]))?;
        Some(Job {
            record: seq,
            effect: effect_of(body)?,
            time: self.time,
            component,
            grant: self.granted(&tool)?,
            asked: Question::Tool {
                arguments: text(&body["arguments"]),
                tool,
            },
            outcome: None,
            guarded: self.is_guarded(),
        })
    }

    /// Note what a context plugin is asked, where components are to be called again.
    fn note_chunk(&mut self, seq: u64, body: &Json) {
        let Some(effect) = effect_of(body).filter(|_| self.jobs.is_some()) else {
            return;
        };
        let job = self.chunk_job(seq, effect, body);
        let time = self.time;
        if let (Some(jobs), Some(job)) = (&mut self.jobs, job) {
            jobs.push(job);
            // All that are asked for one payload are told the time of the last record.
            let together = jobs.iter_mut().filter(|job| job.effect == effect);
            together.for_each(|job| job.time = time);
        }
    }

    fn chunk_job(&self, seq: u64, effect: u64, body: &Json) -> Option<Job> {
        let chunk = body["chunk"].as_str()?.to_owned();
        let tool = ToolName::parse(body["tool"].as_str()?).ok()?;
        let name = PluginName::parse(tool.plugin()).ok()?;
        Some(Job {
            record: seq,
            effect,
            time: self.time,
            component: self.component(&name, None)?,
            grant: self.granted(&tool)?,
            asked: Question::Context { chunk, asked: None },
            outcome: None,
            guarded: self.is_guarded(),
        })
    }

    /// What context plugins were asked for the payload of `effect`, which was made by `plan` in the states `cognition`, and what they gave.
    pub(super) fn asked_for(
        &mut self,
        effect: u64,
        (plan, gathered): (&Plan, &Gathered),
        cognition: &[String],
    ) {
        let query = &self.talk.prompt;
        let jobs = self.jobs.iter_mut().flatten();
        for job in jobs.filter(|job| job.effect == effect) {
            let Question::Context { chunk, asked } = &mut job.asked else {
                continue;
            };
            let need = plan.needs().iter().find(|need| need.chunk == *chunk);
            let Some(need) = need else {
                continue;
            };
            let NeedKind::Plugin { params, budget, .. } = &need.kind else {
                continue;
            };
            let request = ContextRequest {
                params: params.clone(),
                budget: u32::try_from(*budget).unwrap_or(u32::MAX),
                cognition: cognition.to_vec(),
                workflow: Vec::new(),
                query: query.clone(),
            };
            let texts = gathered.get(need.id).unwrap_or_default().iter();
            *asked = Some((request, texts.map(|text| text.text.clone()).collect()));
        }
    }

    /// The component that the run had as `name`, or the one with the content `generation`.
    pub(super) fn component(
        &self,
        name: &PluginName,
        generation: Option<ContentHash>,
    ) -> Option<Component> {
        let mut plugins = self.plugins.iter();
        let in_use = plugins.find(|(known, _)| known == name);
        let force = self.force.as_ref().ok()?;
        let definition = force.house.plugins.get(name)?;
        Some(Component {
            name: name.clone(),
            hash: generation.or(in_use.map(|(_, hash)| *hash))?,
            path: definition.component.path.clone(),
            trusted: definition.trusted,
        })
    }

    /// What is granted to `tool` now.
    pub(super) fn granted(&self, tool: &ToolName) -> Option<policy::Grant> {
        let (Ok(force), Some((snapshot, _))) = (&self.force, &self.snapshot) else {
            return None;
        };
        let (house, agent, bundle) = (&force.house, &force.agent, &force.bundle);
        let layers = grants::layers(
            house,
            agent,
            bundle,
            snapshot.configuration(),
            self.bound.as_ref(),
        );
        Some(grants::grant(house, agent, &layers, tool))
    }

    /// Whether guards see what components answer.
    pub(super) fn is_guarded(&self) -> bool {
        let force = self.force.as_ref();
        force.is_ok_and(|force| !force.agent.guards.is_empty())
    }

    /// A person has answered: the call begins now, if it does.
    pub(super) fn permitted(&mut self, body: &Json) {
        let time = self.time;
        if let Some(job) = self.job_of(body) {
            job.time = time;
        }
    }

    /// A component has come back.
    pub(super) fn outcome(&mut self, body: &Json) {
        if self.jobs.is_some()
            && let Ok(outcome) = serde_json::from_value::<Outcome>(body["outcome"].clone())
            && let Some(job) = self.job_of(body)
        {
            job.outcome = Some(outcome);
        }
    }

    fn job_of(&mut self, body: &Json) -> Option<&mut Job> {
        let effect = effect_of(body)?;
        let of_chunk = body["chunk"].as_str();
        let jobs = self.jobs.as_mut()?.iter_mut();
        jobs.rev().find(|job| {
            let chunk = match &job.asked {
                Question::Context { chunk, .. } => Some(chunk.as_str()),
                Question::Tool { .. } => None,
            };
            job.effect == effect && chunk == of_chunk
        })
    }
}
