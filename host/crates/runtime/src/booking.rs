//! What inferences cost: booked when they answer, and as far as they had come when they do not.

use crate::Services;
use crate::record::Kind;
use crate::request::Asked;
use crate::run::Run;
use crate::think::{Expected, Whom};
use rust_decimal::Decimal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use types::{Cost, Item, ModelParameters, Price, Provenance, Purpose, Reply, Tokens, Usage};

/// What is kept of an answer while it streams: if it never ends, this is what there is of it.
#[derive(Default)]
pub(crate) struct Streamed {
    pub(crate) text: String,
    /// Bytes of reasoning.
    pub(crate) thought: usize,
}

/// An inference that is under way.
pub(crate) struct UnderWay {
    pub(crate) streamed: Arc<Mutex<Streamed>>,
    pub(crate) asked: Asked,
    pub(crate) price: Option<Price>,
    pub(crate) started: Duration,
}

/// Bytes of a token, for what no provider has counted.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// What `asked` costs now.
pub(crate) fn price_of(services: &Services, parameters: &ModelParameters) -> Option<Price> {
    let prices = services.house.prices.get(&parameters.name)?;
    Price::at(prices, services.clock.now()).cloned()
}

/// A usage to book in the place of one that cannot be; `None` where what was reported may be so.
///
/// A server that reports nothing, or many times what its window holds, must neither be free nor spend the budget of a year.
pub(crate) fn believable(reply: &Reply, expected: Expected, whom: &Whom) -> Option<Usage> {
    let usage = reply.usage;
    if !usage.reported {
        return None;
    }
    let nothing = usage.input == 0 && usage.output == 0 && expected.raw > 0;
    if !nothing && can_be(&usage, whom) {
        return None;
    }
    let written: usize = reply.calls.iter().map(|call| call.arguments.len()).sum();
    Some(Usage {
        input: expected.raw,
        output: tokens_in(reply.text.len() + written),
        reported: false,
        ..Usage::default()
    })
}

/// Whether a request can have taken so much. What a window is said to hold may be wrong, but not so wrong.
fn can_be(usage: &Usage, whom: &Whom) -> bool {
    let most = whom.asked.parameters.context_length.saturating_mul(10);
    usage.input <= most && usage.output <= most
}

fn tokens_in(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Usage as the ledger counts it.
pub(crate) fn tokens_of(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input,
        cached: usage.cached,
        cache_write: usage.cache_write,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}

impl Run {
    /// Put on the ledger what the reply cost, and what the attempts before it did that came to nothing; and learn how the model counts.
    pub(crate) fn book(
        &mut self,
        id: &Arc<str>,
        whom: &Whom,
        reply: &Reply,
        expected: Expected,
        wall: Duration,
    ) {
        if reply.usage.reported && !whom.asked.free {
            let parameters = &whom.asked.parameters;
            self.counting
                .learn(parameters, expected.raw, reply.usage.input);
        }
        let state = self.state_of(id);
        if let Some(usage) = reply.abandoned.filter(|usage| can_be(usage, whom)) {
            let price = whom.price.as_ref();
            let cost = self.cost_of(&whom.asked, price, &usage, Duration::ZERO);
            let state = state.clone();
            self.record(Kind::Cost, &Cost { state, ..cost });
        }
        let cost = self.cost_of(&whom.asked, whom.price.as_ref(), &reply.usage, wall);
        let cost = Cost {
            state,
            expected_cached: expected.cached.min(reply.usage.input),
            ..cost
        };
        self.record(Kind::Cost, &cost);
    }

    /// What an inference of `asked` cost at `price`, which is that of when it was asked. What it comes to counts against budgets once it is recorded.
    pub(crate) fn cost_of(
        &mut self,
        asked: &Asked,
        price: Option<&Price>,
        usage: &Usage,
        wall: Duration,
    ) -> Cost {
        let tokens = tokens_of(usage);
        let usd = match asked.free {
            true => Some(Decimal::ZERO),
            false => price.and_then(|price| price.usd(&tokens)),
        };
        self.spent += usd.unwrap_or_default();
        self.unpriced |= usd.is_none();
        Cost {
            agent: self.agent.name.clone(),
            workflow: None,
            state: "".into(),
            tool: None,
            model: Some(asked.parameters.name.clone()),
            purpose: Purpose::Work,
            tokens,
            expected_cached: 0,
            usd,
            wall_us: wall.as_micros() as u64,
            fuel: 0,
            ..Cost::default()
        }
    }

    /// The answer is here whole: what streamed of it counts no more.
    pub(crate) fn forget_stream(&mut self, id: &Arc<str>) {
        if let Some(activity) = self.activities.get_mut(id) {
            activity.under_way = None;
        }
    }

    /// An inference ends without its answer: book what it is known to have cost (what the provider had `told`, else an estimate), and give the text that had
    /// come. One that never began to answer costs nothing.
    pub(crate) fn book_stream(&mut self, id: &str, told: Option<Usage>) -> Option<String> {
        let activity = self.activities.get_mut(id)?;
        let (sent, state) = (activity.sent, activity.state.clone());
        let under_way = activity.under_way.take()?;
        let streamed = {
            let mut streamed = under_way
                .streamed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *streamed)
        };
        if told.is_none() && streamed.text.is_empty() && streamed.thought == 0 {
            return None;
        }
        let usage = told.unwrap_or_else(|| Usage {
            input: sent,
            output: tokens_in(streamed.text.len() + streamed.thought),
            reasoning: tokens_in(streamed.thought),
            ..Usage::default()
        });
        let now = self.services.clock.monotonic();
        let wall = now.saturating_sub(under_way.started);
        let cost = self.cost_of(&under_way.asked, under_way.price.as_ref(), &usage, wall);
        let estimated = told.is_none();
        let cost = Cost {
            state,
            estimated,
            ..cost
        };
        self.record(Kind::Cost, &cost);
        (!streamed.text.is_empty()).then_some(streamed.text)
    }

    /// Keep the beginning of an answer that was cut off, as the person saw it. What guards have not seen is not kept.
    pub(crate) fn remember_cut_off(&mut self, text: &str, model: &Arc<str>, why: &str) {
        if self.guards.are_posted() {
            return;
        }
        self.remember(Item::Assistant {
            text: format!("{text}\n[{why}]").into(),
            reasoning: None,
            calls: Vec::new(),
            provenance: Provenance::Model(model.clone()),
        });
    }
}
