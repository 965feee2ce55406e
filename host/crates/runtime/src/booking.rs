//! What inferences cost: booked when they answer, and as far as they had come when they do not.

use crate::Services;
use crate::record::Kind;
use crate::request::Asked;
use crate::run::Run;
use crate::think::{Expected, Whom};
use crate::used::Used;
use rust_decimal::Decimal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use types::{
    Cost, Item, Joules, ModelParameters, Money, Price, Provenance, Reply, Timestamp, Tokens, Usage,
};

/// What is kept of an answer while it streams: if it never ends, this is what there is of it.
#[derive(Default)]
pub(crate) struct Streamed {
    pub(crate) text: String,
    /// Bytes of reasoning.
    pub(crate) thought: usize,
    /// Bytes of calls.
    pub(crate) calls: usize,
    /// It is here whole, and guards look at it.
    pub(crate) whole: Option<(Usage, Used)>,
}

/// An inference that is under way.
pub(crate) struct UnderWay {
    pub(crate) effect: u64,
    pub(crate) streamed: Arc<Mutex<Streamed>>,
    pub(crate) asked: Asked,
    pub(crate) price: Option<Price>,
    pub(crate) account: Cost,
    pub(crate) started: Duration,
}

/// Who is paid for an inference.
#[derive(Clone, Copy)]
pub(crate) struct Payee<'a> {
    pub(crate) provider: &'a Arc<str>,
    pub(crate) model: &'a Arc<str>,
    /// Whether asking it costs nothing.
    pub(crate) free: bool,
    /// What it costs, as of when it was asked.
    pub(crate) price: Option<&'a Price>,
}

impl Asked {
    pub(crate) fn payee<'a>(&'a self, price: Option<&'a Price>) -> Payee<'a> {
        Payee {
            provider: &self.parameters.provider,
            model: &self.parameters.name,
            free: self.free,
            price,
        }
    }
}

/// Bytes of a token, for what no provider has counted.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// What `asked` costs now.
pub(crate) fn price_of(services: &Services, parameters: &ModelParameters) -> Option<Price> {
    price_at(services, &parameters.name, services.clock.now())
}

/// What the model called `model` cost at `time`.
pub(crate) fn price_at(services: &Services, model: &str, time: Timestamp) -> Option<Price> {
    let prices = services.house.prices.get(model)?;
    Price::at(prices, time).cloned()
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
    if !nothing && can_be(&usage, &whom.asked) {
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
fn can_be(usage: &Usage, asked: &Asked) -> bool {
    let most = asked.parameters.context_length.saturating_mul(10);
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
    pub(crate) fn book(&mut self, whom: &Whom, reply: &Reply, expected: Expected, used: Used) {
        if reply.usage.reported && !whom.asked.free {
            let parameters = &whom.asked.parameters;
            self.counting
                .learn(parameters, expected.raw, reply.usage.input);
        }
        let price = whom.price.as_ref();
        if let Some(usage) = reply.abandoned.filter(|usage| can_be(usage, &whom.asked)) {
            // What it took beside its tokens is with the attempt that came to something.
            let cost = self.cost_of(
                &whom.account,
                whom.asked.payee(price),
                &usage,
                Used::default(),
            );
            self.record(Kind::Cost, &cost);
        }
        let cost = self.cost_of(&whom.account, whom.asked.payee(price), &reply.usage, used);
        let cost = Cost {
            expected_cached: expected.cached.min(reply.usage.input),
            ..cost
        };
        self.record(Kind::Cost, &cost);
    }

    /// What an inference of `payee` cost at its price, which is that of when it was asked. What it comes to counts against budgets once it is recorded.
    pub(crate) fn cost_of(
        &mut self,
        account: &Cost,
        payee: Payee<'_>,
        usage: &Usage,
        used: Used,
    ) -> Cost {
        let tokens = tokens_of(usage);
        let (house, now) = (self.services.house.clone(), self.services.clock.now());
        let Money { usd, paid } = match (payee.free, payee.price) {
            (true, _) => Money {
                usd: Some(Decimal::ZERO),
                paid: None,
            },
            (false, Some(price)) => price.money(&tokens, &house.exchange, now),
            (false, None) => Money::default(),
        };
        // A script is no model: nothing is worked out elsewhere for it.
        let elsewhere = match (used.told(&tokens), payee.free) {
            (None, false) => house.power.of_tokens(payee.model, &tokens),
            (reported, _) => reported,
        };
        self.spent += usd.unwrap_or_default();
        self.unpriced |= usd.is_none();
        Cost {
            model: Some(payee.model.clone()),
            provider: Some(payee.provider.clone()),
            tokens,
            usd,
            paid,
            wall_us: used.wall.as_micros() as u64,
            cpu_us: used.cpu.as_micros() as u64,
            bytes_in: used.sent,
            bytes_out: used.received,
            joules: Joules::sum(elsewhere, self.energy_of(used.cpu)),
            // A script is no model, and what it is said to take is nobody's guess.
            estimated: !usage.reported && !payee.free,
            ..account.clone()
        }
    }

    /// The answer is here whole: what streamed of it counts no more.
    pub(crate) fn forget_stream(&mut self, id: &Arc<str>) {
        if let Some(activity) = self.activities.get_mut(id) {
            activity.under_way = None;
        }
    }

    /// An inference ends without its answer: book what it is known to have cost (what the provider had `told`, else an estimate), and give the text that had
    /// come. One that failed before it began to answer costs nothing; one that is stopped while it is under way costs what was sent at least, as if the host had
    /// died then.
    pub(crate) fn book_stream(
        &mut self,
        id: &str,
        told: Option<Usage>,
        used: Option<Used>,
    ) -> Option<String> {
        let activity = self.activities.get_mut(id)?;
        let sent = activity.sent;
        let under_way = activity.under_way.take()?;
        let streamed = {
            let mut streamed = under_way
                .streamed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *streamed)
        };
        let Streamed {
            text,
            thought,
            calls,
            whole,
        } = streamed;
        let is_stopped = used.is_none() && self.handles.contains_key(&under_way.effect);
        let (usage, used) = match whole {
            Some((usage, used)) => (Some(usage), Some(used)),
            None => (told, used),
        };
        let told = usage.filter(|usage| usage.reported && can_be(usage, &under_way.asked));
        let written = text.len() + thought + calls;
        if told.is_none() && written == 0 && !is_stopped {
            return None;
        }
        let usage = told.unwrap_or_else(|| Usage {
            input: sent,
            output: tokens_in(written),
            reasoning: tokens_in(thought),
            ..Usage::default()
        });
        let now = self.services.clock.monotonic();
        let used = used.unwrap_or_else(|| Used::wall(now.saturating_sub(under_way.started)));
        let UnderWay {
            account,
            asked,
            price,
            ..
        } = &under_way;
        let cost = self.cost_of(account, asked.payee(price.as_ref()), &usage, used);
        let cost = Cost {
            estimated: told.is_none(),
            ..cost
        };
        self.record(Kind::Cost, &cost);
        (!text.is_empty()).then_some(text)
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
