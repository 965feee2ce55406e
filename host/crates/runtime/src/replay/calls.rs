//! A call: what policy said of it is resolved again, by the definitions and in the states of then.

use super::world::{EARLIER, Force, World, text};
use crate::{grants, offers};
use chart::StateId;
use serde_json::{Value as Json, json};
use types::ToolName;

impl World<'_> {
    /// Resolve again what was granted to the call that the record announces.
    pub(super) fn call(&mut self, seq: u64, body: &Json) {
        if !body["call"].is_string() {
            // A context plugin or a summary, which nobody has to allow.
            return;
        }
        if body.get("grant").is_none() {
            return self.report.skips(seq, "grant", EARLIER);
        }
        let judged = match self.judge(body) {
            Ok(judged) => judged,
            Err(why) => return self.report.skips(seq, "grant", &why),
        };
        self.report.compared.grants += 1;
        let told = json!({ "verdict": body["verdict"], "grant": body["grant"] });
        if judged != told {
            self.differs(seq, "grant", told.to_string(), judged.to_string());
        }
    }

    fn judge(&self, body: &Json) -> Result<Json, String> {
        let force = self.force.clone()?;
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
        let layers = grants::layers(house, agent, bundle, states);
        let grant = grants::grant(house, agent, &layers, &tool);
        let verdict = grants::verdict(&grant, &text(&body["arguments"]));
        Ok(json!({ "verdict": verdict, "grant": grants::hash(&grant) }))
    }

    /// Whether anything the run had answered to `tool`. A component that is not described is believed to: the record of its call says so.
    fn answers_to(&self, tool: &ToolName, force: &Force) -> bool {
        if tool.as_str() == policy::EXEC_TOOL {
            return offers::commands(&force.house, &force.agent, &force.bundle).is_some();
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
}
