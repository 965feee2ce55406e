//! Whether a call may be made: before every inference and every tool call it is asked whether all limits that bear on it leave room for it.
//!
//! A call that is under way is never stopped for its cost: it comes to its end and is booked. What is refused is the next one, which is recorded (`budget`) with
//! the limit, where it is written and the figures, and the chart hears `budget.exhausted`. Once in each stretch that a limit counts, the chart hears
//! `budget.low` before; the workflow's chart hears both of its own limits. How much is spent is `spending.rs`, what a limit counts is `ledger::budget`.

use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::request::Asked;
use crate::run::Run;
use crate::spending::Spending;
use crate::think::{Tighter, Whom};
use definitions::House;
use ledger::budget::{
    Account, Admission, Entry, Exhausted, Expected, Expense, Line, Period, Sum, Whose,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use types::{
    CallError, CallErrorKind, LOW, Limit, Limits, Measure, Place, Price, Purpose, Timestamp,
    Tokens, Value, Window,
};

/// What charts hear when a limit runs low.
pub(crate) const BUDGET_LOW: &str = "budget.low";
/// What they hear when a call was refused because of one.
pub(crate) const EXHAUSTED: &str = "budget.exhausted";
/// The family that both belong to.
const FAMILY: &str = "budget.";

/// Whether `event` is one that a workflow hears of its own budget.
pub(crate) fn is_of_a_budget(event: &str) -> bool {
    event.starts_with(FAMILY)
}

/// The work that something is spent for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) workflow: Arc<str>,
    pub(crate) instance: Arc<str>,
    pub(crate) role: Arc<str>,
}

/// A run above another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Above {
    pub(crate) run: Arc<str>,
    pub(crate) agent: Arc<str>,
}

/// What a run has to do with the books.
pub(crate) struct Purse {
    pub(crate) spending: Spending,
    run: Arc<str>,
    /// Whether there was nothing of the run before.
    new: bool,
    /// Its calls that are under way, by their effects.
    tickets: BTreeMap<u64, u64>,
    /// Activities that wait until what is under way is booked.
    held_up: BTreeMap<Arc<str>, HeldUp>,
    room: watch::Receiver<u64>,
}

/// What an activity wants to do when there is room.
enum HeldUp {
    /// Ask the model, with less where it was refused for its length.
    Ask(Option<Tighter>),
    /// Go on with its calls.
    Act,
}

/// Whether a call is made.
pub(crate) enum Room {
    /// It is.
    Granted,
    /// Not yet.
    Busy,
    /// It is not.
    Refused(Box<Exhausted>),
    /// Nobody can tell, and so it is not.
    Unknown(String),
}

impl Purse {
    pub(crate) fn new(spending: Spending, run: &Arc<str>, new: bool) -> Self {
        Purse {
            run: run.clone(),
            new,
            tickets: BTreeMap::new(),
            held_up: BTreeMap::new(),
            room: spending.room(),
            spending,
        }
    }

    /// Whether something waits until there is room.
    pub(crate) fn is_held_up(&self) -> bool {
        !self.held_up.is_empty()
    }

    /// Something that was under way is so no more.
    pub(crate) async fn room(&mut self) {
        if self.room.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The activity `id` waits.
    fn hold_up(&mut self, id: &Arc<str>, what: HeldUp) {
        // What is booked from now on counts as news.
        self.room.borrow_and_update();
        self.held_up.insert(id.clone(), what);
    }

    /// The activity `id` waits no more.
    pub(crate) fn let_go(&mut self, id: &str) {
        self.held_up.remove(id);
    }

    /// The call with the effect `effect` is over.
    pub(crate) fn over(&mut self, effect: u64) {
        if let Some(ticket) = self.tickets.remove(&effect) {
            self.spending.over(ticket);
        }
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        self.spending.forget(&self.run);
    }
}

/// What a call's cost is worked out by, beside the price of its model.
#[derive(Clone)]
pub(crate) struct Rates {
    house: Arc<House>,
    /// The model; `None` where asking it costs nothing.
    model: Option<Arc<str>>,
}

/// What a model call of `tokens` costs at `price`, which is `None` where it costs nothing, or nobody knows.
pub(crate) fn of_tokens(
    price: Option<&Price>,
    rates: &Rates,
    tokens: &Tokens,
    now: Timestamp,
) -> Sum {
    let money = price.map(|price| price.money(tokens, &rates.house.exchange, now));
    let model = rates.model.as_ref();
    let joules = model.and_then(|model| rates.house.power.of_tokens(model, tokens));
    Sum {
        usd: money.and_then(|money| money.usd).unwrap_or_default(),
        tokens: tokens.input.saturating_add(tokens.output),
        joules: joules
            .map(|joules| Decimal::new(i64::try_from(joules.micro).unwrap_or(i64::MAX), 6))
            .unwrap_or_default(),
        calls: 1,
        ..Sum::default()
    }
}

/// What a model call may cost that sends `input` tokens, of which so many are cached, and is answered by at most `most`.
pub(crate) fn inference(
    price: Option<&Price>,
    rates: &Rates,
    (input, cached): (u64, u64),
    most: u64,
    now: Timestamp,
) -> Expected {
    let sum = |output: u64| {
        let tokens = Tokens {
            input,
            cached: cached.min(input),
            output,
            ..Tokens::default()
        };
        of_tokens(price, rates, &tokens, now)
    };
    Expected {
        sure: sum(0),
        at_most: sum(most),
    }
}

/// Every limit of `house` that holds for all stretches alike: those of days and months, and what one run or instance may cost, each with nobody's name in it.
pub(crate) fn all_lines(house: &House) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut put = |whose: Whose, budget: &Limits| {
        lines.extend(budget.limits.iter().map(|limit| Line {
            whose: whose.clone(),
            limit: limit.clone(),
            within: None,
        }));
    };
    put(Whose::House, &house.budgets.whole);
    for (name, budget) in &house.budgets.agents {
        put(Whose::Agent(name.clone()), budget);
    }
    for (name, agent) in &house.agents {
        put(Whose::Agent(name.clone()), &agent.budget);
    }
    for (name, bundle) in &house.charts {
        put(Whose::Workflow(name.clone()), &bundle.budget);
        for (role, def) in &bundle.roles {
            let (workflow, role) = (name.clone(), role.clone());
            put(Whose::Role { workflow, role }, &def.budget);
        }
    }
    lines
}

impl Run {
    /// The limits that bear on what is spent on `purpose`; on anything where there is none.
    fn lines(&self, purpose: Option<Purpose>) -> Vec<Line> {
        let house = &self.services.house;
        let root = self.kin.above.first().map_or(&self.id, |above| &above.run);
        let mut lines = Lines {
            purpose,
            lines: Vec::new(),
        };
        lines.put(&Whose::House, &house.budgets.whole, |window| {
            (window != Window::Instance).then(|| root.clone())
        });
        let own = Whose::Agent(self.agent.name.clone());
        let of_house = |agent: &Arc<str>| house.budgets.agents.get(agent);
        for budget in of_house(&self.agent.name)
            .into_iter()
            .chain([&self.agent.budget])
        {
            lines.put(&own, budget, |_| Some(self.id.clone()));
        }
        for above in &self.kin.above {
            let agent = house.agents.get(&above.agent).map(|agent| &agent.budget);
            for budget in of_house(&above.agent).into_iter().chain(agent) {
                lines.put(&Whose::Agent(above.agent.clone()), budget, |window| {
                    (window == Window::Run).then(|| above.run.clone())
                });
            }
        }
        if let Some(work) = self.work_for()
            && let Some(bundle) = house.charts.get(&work.workflow)
        {
            let instance = |_| Some(work.instance.clone());
            let workflow = work.workflow.clone();
            lines.put(&Whose::Workflow(workflow.clone()), &bundle.budget, instance);
            if let Some(def) = bundle.roles.get(&work.role) {
                let role = work.role.clone();
                lines.put(&Whose::Role { workflow, role }, &def.budget, instance);
            }
        }
        if let Some(most) = self.kin.usd {
            let limit = Limit {
                measure: Measure::Usd,
                window: Window::Run,
                purpose: None,
                most,
                low: LOW,
                place: Place::built_in("whoever began the run"),
            };
            let given = Limits {
                limits: vec![limit],
            };
            lines.put(&Whose::Given, &given, |_| Some(self.id.clone()));
        }
        lines.lines
    }

    /// What it works for: a workflow it is bound to, or that whoever began it is.
    pub(crate) fn work_for(&self) -> Option<Work> {
        let own = self.bound.as_ref().map(|bound| Work {
            workflow: bound.workflow.clone(),
            instance: bound.instance.clone(),
            role: bound.role.clone(),
        });
        own.or_else(|| self.kin.work.clone())
    }

    /// Those above a child of this run, from the first down.
    pub(crate) fn above_a_child(&self) -> Vec<Above> {
        let own = Above {
            run: self.id.clone(),
            agent: self.agent.name.clone(),
        };
        self.kin.above.iter().cloned().chain([own]).collect()
    }

    /// The limits that bear on `purpose`, with all that they ask for known; why not, where it cannot be read.
    fn known_lines(&mut self, purpose: Option<Purpose>) -> Result<Vec<Line>, String> {
        let lines = self.lines(purpose);
        if !lines.is_empty() {
            let now = self.services.clock.now();
            let new = self.purse.new.then_some(&*self.id);
            let known = self
                .purse
                .spending
                .know(&self.journal.borrow(), &lines, now, new);
            known.map_err(|error| format!("what was spent cannot be read: {error}"))?;
        }
        Ok(lines)
    }

    /// Whether something of its work may be done that costs as `expected`.
    fn admit(&mut self, expected: &Expected) -> Result<Admission, String> {
        let lines = self.known_lines(Some(self.purpose()))?;
        let now = self.services.clock.now();
        let admitted = self.purse.spending.admit(&lines, expected, now);
        if !matches!(admitted, Admission::Granted { .. }) || !self.guards.are_posted() {
            return Ok(admitted);
        }
        // Nothing is done that nobody may look at any more.
        let watching = self.known_lines(Some(Purpose::Overhead))?;
        let nothing = Expected::default();
        Ok(self.purse.spending.admit(&watching, &nothing, now))
    }

    /// What the cost of asking `asked` is worked out by.
    pub(crate) fn rates(&self, asked: &Asked) -> Rates {
        Rates {
            house: self.services.house.clone(),
            model: (!asked.free).then(|| asked.parameters.name.clone()),
        }
    }

    /// Whether the activity `id` may think at all: no limit is reached.
    pub(crate) fn may_think(&mut self, id: &Arc<str>) -> bool {
        self.tell_low();
        let admitted = self.admit(&Expected::default());
        self.goes_on(id, admitted, None)
    }

    /// Whether the payload of the activity `id` may be sent to `whom`, where it has `input` tokens of which `cached` are cached. What it may come to counts from
    /// now on as being spent.
    pub(crate) fn may_send(
        &mut self,
        id: &Arc<str>,
        effect: u64,
        whom: &Whom,
        (input, cached): (u64, u64),
    ) -> bool {
        let price = whom.price.as_ref().filter(|_| !whom.asked.free);
        let most = whom.asked.parameters.max_output;
        let rates = self.rates(&whom.asked);
        let now = self.services.clock.now();
        let expected = inference(price, &rates, (input, cached), most, now);
        let admitted = self.admit(&expected);
        let goes_on = self.goes_on(id, admitted, Some(whom));
        if goes_on {
            self.is_under_way_with(effect, expected.at_most);
        }
        goes_on
    }

    fn goes_on(
        &mut self,
        id: &Arc<str>,
        admitted: Result<Admission, String>,
        whom: Option<&Whom>,
    ) -> bool {
        match admitted {
            Ok(Admission::Granted { .. }) => {
                self.over_budget = false;
                true
            }
            Ok(Admission::Busy) => {
                let tighter = whom.and_then(|whom| whom.tighter.clone());
                self.show(RunEvent::Log {
                    source: "budget".into(),
                    message:
                        "waiting until what is under way is booked: there may be no room for more"
                            .into(),
                });
                self.purse.hold_up(id, HeldUp::Ask(tighter));
                false
            }
            Ok(Admission::Exhausted(exhausted)) => {
                self.exhausted(id, &exhausted, "an inference");
                false
            }
            Err(why) => {
                self.finish_failed(id, "error.execution", CauseKind::Other, &why, "store");
                false
            }
        }
    }

    /// Whether one more tool call may be made now.
    pub(crate) fn room_for_call(&mut self) -> Room {
        self.tell_low();
        match self.admit(&Expected::call()) {
            Ok(Admission::Granted { .. }) => Room::Granted,
            Ok(Admission::Busy) => Room::Busy,
            Ok(Admission::Exhausted(exhausted)) => Room::Refused(exhausted),
            Err(why) => Room::Unknown(why),
        }
    }

    /// The calls of the activity `id` wait.
    pub(crate) fn calls_wait(&mut self, id: &Arc<str>) {
        self.purse.hold_up(id, HeldUp::Act);
    }

    /// A call of a tool begins.
    pub(crate) fn call_is_under_way(&mut self, effect: u64) {
        self.is_under_way_with(effect, Expected::call().at_most);
    }

    fn is_under_way_with(&mut self, effect: u64, at_most: Sum) {
        let entry = self.entry(self.purpose(), at_most);
        let ticket = self.purse.spending.begin(entry);
        if let Some(before) = self.purse.tickets.insert(effect, ticket) {
            self.purse.spending.over(before);
        }
    }

    fn entry(&self, purpose: Purpose, sum: Sum) -> Entry {
        let work = self.work_for();
        let (workflow, instance, role) = match work {
            Some(work) => (Some(work.workflow), Some(work.instance), Some(work.role)),
            None => (None, None, None),
        };
        Entry {
            run: self.id.clone(),
            time: self.services.clock.now(),
            expense: Expense {
                account: Account {
                    agent: self.agent.name.clone(),
                    workflow,
                    role,
                    purpose,
                },
                instance,
                sum,
            },
        }
    }

    /// What waited for room looks again.
    pub(crate) fn try_again(&mut self) {
        for (id, what) in std::mem::take(&mut self.purse.held_up) {
            if !self.activities.contains_key(&id) {
                continue;
            }
            match what {
                HeldUp::Ask(tighter) => self.ask(&id, tighter),
                HeldUp::Act => self.advance(&id),
            }
        }
    }

    /// The last record is a cost: it counts from now on, and may have made something run low.
    pub(crate) fn counted(&mut self) {
        let Some(record) = self.pending.last() else {
            return;
        };
        if let Some(expense) = Expense::read(&record.body) {
            self.purse.spending.book(Entry {
                run: self.id.clone(),
                time: record.time,
                expense,
            });
            self.tell_low();
        }
    }

    /// Say of every limit that runs low that it does, once.
    fn tell_low(&mut self) {
        let Ok(lines) = self.known_lines(None) else {
            // Whoever asks for room hears why.
            return;
        };
        let now = self.services.clock.now();
        for line in lines {
            let (spent, _) = self.purse.spending.spent(&line, now);
            let spent = spent.of(line.limit.measure);
            if spent.is_zero() || spent < line.limit.low_at() {
                continue;
            }
            let told = Telling {
                event: self.named(&line, BUDGET_LOW),
                period: line.period(now),
                line: &line,
                spent,
                expected: None,
                refused: None,
            };
            let mark = told.mark();
            let own = self.id.clone();
            if self.purse.spending.tells(&own, &mark) {
                self.record(Kind::Budget, &told.body(&own));
                self.show(RunEvent::Log {
                    source: "budget".into(),
                    message: told.in_words(),
                });
                let data = Value::map(told.data());
                self.happen(&told.event, data, None);
            }
            self.tell_work(&told);
        }
    }

    /// Tell the workflow of a limit that is its own or its role's, once.
    fn tell_work(&mut self, told: &Telling<'_>) {
        let of_work = matches!(told.line.whose, Whose::Workflow(_) | Whose::Role { .. });
        let Some(work) = self.work_for().filter(|_| of_work) else {
            return;
        };
        if self.purse.spending.tells(&work.instance, &told.mark()) {
            self.record(Kind::Budget, &told.body(&work.instance));
            let mut data = told.data();
            data.push(("agent", Value::text(self.agent.name.clone())));
            data.push(("run", Value::text(self.id.clone())));
            self.send_out(&work.instance, &told.event, Value::map(data));
        }
    }

    /// `refused` is not done, because of a limit. The activity `id` ends with that.
    pub(crate) fn exhausted(&mut self, id: &Arc<str>, exhausted: &Exhausted, refused: &str) {
        let message = self.refused(exhausted, refused);
        if self.activities.remove(id).is_none() {
            return;
        }
        self.say_what_waited();
        let told = telling(exhausted, EXHAUSTED.into(), refused);
        let mut data = told.data();
        data.push(("kind", Value::text(exhausted.line.limit.key())));
        data.push(("message", Value::text(message.as_str())));
        self.fail_with(
            EXHAUSTED,
            CauseKind::Other,
            &message,
            Value::map(data),
            Some(id),
        );
    }

    /// Record that `refused` is not done because of a limit; why, in words.
    pub(crate) fn refused(&mut self, exhausted: &Exhausted, refused: &str) -> String {
        let told = telling(exhausted, EXHAUSTED.into(), refused);
        let message = in_words(exhausted);
        let mut body = told.body(&self.id);
        body["message"] = json!(message);
        self.record(Kind::Budget, &body);
        self.tell_work(&told);
        message
    }

    /// `refused`, which goes on beside the work, is not done because of a limit. The work goes on, and the chart hears of it once.
    pub(crate) fn not_done(&mut self, exhausted: &Exhausted, refused: &str) {
        let event = self.named(&exhausted.line, EXHAUSTED);
        let told = telling(exhausted, event, refused);
        let own = self.id.clone();
        self.record(Kind::Budget, &told.body(&own));
        if self.purse.spending.tells(&own, &told.mark()) && *told.event != *EXHAUSTED {
            let data = Value::map(told.data());
            self.happen(&told.event, data, None);
        }
    }

    /// `event` as charts hear it of `line`: a limit of another purpose than its own stops that and not the work, so it has names of its own.
    fn named(&self, line: &Line, event: &str) -> Arc<str> {
        match line.limit.purpose {
            Some(purpose) if purpose != self.purpose() => {
                let end = event.strip_prefix(FAMILY).unwrap_or(event);
                format!("{FAMILY}{}.{end}", purpose.as_str()).into()
            }
            _ => event.into(),
        }
    }

    /// Whether no limit of its work is reached any more.
    pub(crate) fn has_room(&mut self) -> bool {
        let admitted = self.admit(&Expected::default());
        !matches!(admitted, Ok(Admission::Exhausted(_)))
    }

    /// What a component that sums up needs to keep within the limits.
    pub(crate) fn allowance(&mut self, purpose: Purpose) -> Result<Allowance, String> {
        let lines = self.known_lines(Some(purpose))?;
        Ok(Allowance {
            spending: self.purse.spending.clone(),
            lines,
            entry: self.entry(purpose, Sum::default()),
        })
    }
}

/// What an inference that a component asks for is held to.
pub(crate) struct Allowance {
    spending: Spending,
    lines: Vec<Line>,
    entry: Entry,
}

impl Allowance {
    /// Wait until there is room for one inference more; its ticket, or why there will be none.
    pub(crate) async fn room(
        &self,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<u64, Box<Exhausted>> {
        let mut room = self.spending.room();
        loop {
            room.borrow_and_update();
            match self.spending.admit(&self.lines, expected, now) {
                Admission::Granted { .. } => {
                    let mut entry = self.entry.clone();
                    entry.expense.sum = expected.at_most;
                    return Ok(self.spending.begin(entry));
                }
                Admission::Exhausted(exhausted) => return Err(exhausted),
                Admission::Busy => {
                    if room.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// The inference came to this; it is booked later.
    pub(crate) fn came_to(&self, ticket: u64, sum: Sum) {
        self.spending.came_to(ticket, sum);
    }

    /// It is booked now.
    pub(crate) fn over(&self, ticket: u64) {
        self.spending.over(ticket);
    }
}

/// Limits being collected.
struct Lines {
    purpose: Option<Purpose>,
    lines: Vec<Line>,
}

impl Lines {
    /// Those of `budget`. `within` says in which run or instance a limit counts, and `None` where it does not bear on this.
    fn put(&mut self, whose: &Whose, budget: &Limits, within: impl Fn(Window) -> Option<Arc<str>>) {
        for limit in &budget.limits {
            let bears = match (self.purpose, limit.purpose) {
                (Some(purpose), Some(own)) => purpose == own,
                _ => true,
            };
            if let Some(within) = within(limit.window).filter(|_| bears) {
                let whole = matches!(limit.window, Window::Day | Window::Month);
                self.lines.push(Line {
                    whose: whose.clone(),
                    limit: limit.clone(),
                    within: (!whole).then_some(within),
                });
            }
        }
    }
}

/// What is said of a limit.
struct Telling<'a> {
    event: Arc<str>,
    line: &'a Line,
    period: Period,
    spent: Decimal,
    expected: Option<Decimal>,
    refused: Option<&'a str>,
}

impl Telling<'_> {
    /// What it is remembered by.
    fn mark(&self) -> String {
        format!("{} {} {}", self.event, self.period, self.line.name())
    }

    /// Its record.
    fn body(&self, to: &str) -> serde_json::Value {
        let limit = &self.line.limit;
        let mut body = json!({
            "event": self.event, "to": to, "of": self.line.whose.to_string(), "what": limit.key(),
            "limit": limit.most.normalize().to_string(), "low": limit.low.to_string(),
            "spent": self.spent.normalize().to_string(), "window": self.period.to_string(),
            "at": self.line.at(), "mark": self.mark(),
        });
        if let Some(expected) = self.expected {
            body["expected"] = json!(expected.normalize().to_string());
        }
        if let Some(refused) = self.refused {
            body["refused"] = json!(refused);
        }
        body
    }

    /// That it runs low, for the operator.
    fn in_words(&self) -> String {
        let limit = &self.line.limit;
        format!(
            "{} runs low: {} of {} are spent in {} (`{}`, {})",
            self.line.whose,
            limit.measure.shown(self.spent),
            limit.measure.shown(limit.most),
            self.period,
            limit.key(),
            self.line.at()
        )
    }

    /// What charts hear.
    fn data(&self) -> Vec<(&'static str, Value)> {
        let limit = &self.line.limit;
        let percent = self
            .spent
            .checked_mul(Decimal::from(100))
            .and_then(|spent| spent.checked_div(limit.most))
            .and_then(|percent| i64::try_from(percent.trunc()).ok());
        vec![
            ("what", Value::text(limit.key())),
            ("of", Value::text(self.line.whose.to_string())),
            ("limit", Value::text(limit.most.normalize().to_string())),
            ("spent", Value::text(self.spent.normalize().to_string())),
            ("percent", Value::Int(percent.unwrap_or(100))),
            ("window", Value::text(self.period.to_string())),
        ]
    }
}

fn telling<'a>(exhausted: &'a Exhausted, event: Arc<str>, refused: &'a str) -> Telling<'a> {
    Telling {
        event,
        line: &exhausted.line,
        period: exhausted.period.clone(),
        spent: exhausted.spent,
        expected: Some(exhausted.expected),
        refused: Some(refused),
    }
}

/// Why something is not done, and what to do.
pub(crate) fn in_words(exhausted: &Exhausted) -> String {
    let Exhausted {
        line,
        period,
        spent,
        expected,
    } = exhausted;
    let limit = &line.limit;
    let shown = |amount: Decimal| limit.measure.shown(amount);
    if line.whose == Whose::Given {
        return format!(
            "this run may cost {} in all, and has cost {}: whoever began it allowed no more (`budget: {{ usd: … }}`, `children: {{ usd: … }}`)",
            shown(limit.most),
            shown(*spent)
        );
    }
    let who = match &line.whose {
        Whose::House => "the house".to_owned(),
        Whose::Agent(name) => name.to_string(),
        Whose::Workflow(name) => format!("the workflow {name}"),
        Whose::Role { workflow, role } => format!("the role {role} of {workflow}"),
        Whose::Given => String::new(),
    };
    let more = match *spent < limit.most {
        true => format!(", and this would cost at least {} more", shown(*expected)),
        false => String::new(),
    };
    let on = limit
        .purpose
        .map_or_else(String::new, |purpose| format!(" for {}", purpose.as_str()));
    let wait = match limit.window {
        Window::Day => " or wait for tomorrow (UTC)",
        Window::Month => " or wait for the next month (UTC)",
        Window::Run | Window::Instance => "",
    };
    format!(
        "{who} has spent {} of its {}{on} in {period}{more}; raise `{}` ({}){wait}",
        shown(*spent),
        shown(limit.most),
        limit.key(),
        line.at(),
    )
}

/// The refusal of a tool call.
pub(crate) fn refusal(message: String, exhausted: &Exhausted) -> CallError {
    CallError {
        rule: Some(exhausted.line.at()),
        ..CallError::new(CallErrorKind::Limit, message)
    }
}
