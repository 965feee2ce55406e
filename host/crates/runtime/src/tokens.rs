//! How tokens are counted, and what has been learnt of the models' own counting.
//!
//! Items are measured once, in the units of one estimator; what a model's reported usage shows of the difference is kept for each model in the house's
//! store, so that the next run begins with it.

use crate::RuntimeError;
use context::{Calibrated, Calibration, Counting as How, Estimator, HistoryItem, Vocabulary};
use definitions::AgentDef;
use journal::Journal;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Item, ModelParameters};

/// The counting of one run.
pub(crate) struct Counting {
    estimator: &'static dyn Estimator,
    learnt: BTreeMap<String, Calibration>,
    /// Models of which something was learnt since it was last kept.
    changed: Vec<String>,
}

/// How `agent` wants tokens counted.
fn how(agent: &AgentDef) -> Result<How, RuntimeError> {
    let vocabulary = match &agent.counting {
        definitions::Counting::Estimate => return Ok(How::Estimate),
        definitions::Counting::Exact => Vocabulary::of_model(&agent.model.name),
        definitions::Counting::Named(name) => Vocabulary::parse(name),
    };
    let known = vocabulary.map(How::Exact);
    known.ok_or_else(|| RuntimeError::Incomplete {
        agent: agent.name.to_string(),
        message: format!(
            "the vocabulary of `{}` is not known, so its tokens cannot be counted exactly; write `tokens: estimate`, or name one: `tokens: o200k_base`",
            agent.model.name
        ),
    })
}

/// Under which name a model's calibration is kept: the estimator's is part of it, because a factor holds for one only.
fn key(parameters: &ModelParameters, estimator: &dyn Estimator) -> String {
    format!(
        "tokens/{}/{}/{}",
        estimator.name(),
        parameters.provider,
        parameters.name
    )
}

impl Counting {
    /// The counting of `agent`, with what is known of those it asks.
    pub(crate) fn new<'p>(
        journal: Option<&Journal>,
        agent: &AgentDef,
        asked: impl IntoIterator<Item = &'p ModelParameters>,
    ) -> Result<Self, RuntimeError> {
        let estimator = context::counter(how(agent)?);
        let mut counting = Counting {
            estimator,
            learnt: BTreeMap::new(),
            changed: Vec::new(),
        };
        counting.know(journal, asked)?;
        Ok(counting)
    }

    /// Look up what is known of models that were not known of before.
    pub(crate) fn know<'p>(
        &mut self,
        journal: Option<&Journal>,
        asked: impl IntoIterator<Item = &'p ModelParameters>,
    ) -> Result<(), RuntimeError> {
        for parameters in asked {
            let key = key(parameters, self.estimator);
            if self.learnt.contains_key(&key) {
                continue;
            }
            let kept = match journal {
                Some(journal) => journal.kept(&key)?,
                None => None,
            };
            // What cannot be read is learnt anew.
            let calibration = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            self.learnt.insert(key, calibration.unwrap_or_default());
        }
        Ok(())
    }

    /// Counts tokens, before what was learnt.
    pub(crate) fn estimator(&self) -> &'static dyn Estimator {
        self.estimator
    }

    /// `item`, measured.
    pub(crate) fn measured(&self, item: Item) -> HistoryItem {
        HistoryItem::measured(Arc::new(item), self.estimator)
    }

    /// Counts tokens as the model does, as far as is known.
    pub(crate) fn calibrated(&self, parameters: &ModelParameters) -> Calibrated<'static> {
        match self.learnt.get(&key(parameters, self.estimator)) {
            Some(known) => Calibrated::new(self.estimator, known),
            None => Calibrated::new(self.estimator, &Calibration::new()),
        }
    }

    /// The model counted `reported` where the estimator had `raw`.
    pub(crate) fn learn(&mut self, parameters: &ModelParameters, raw: u64, reported: u64) {
        let key = key(parameters, self.estimator);
        self.learnt
            .entry(key.clone())
            .or_default()
            .learn(raw, reported);
        if !self.changed.contains(&key) {
            self.changed.push(key);
        }
    }

    /// What is to be kept with the next commit.
    pub(crate) fn take_changed(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.changed)
            .into_iter()
            .filter_map(|key| {
                let calibration = self.learnt.get(&key)?;
                let bytes = serde_json::to_vec(calibration).ok()?;
                Some((key, bytes))
            })
            .collect()
    }
}
