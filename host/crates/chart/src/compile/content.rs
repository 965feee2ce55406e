//! What happens in states: actions, timers, invocations, outputs, starts and histories, with every name resolved.

use super::tree::Tree;
use super::{Compiler, Mode};
use crate::def::{
    self, ActionDef, DataExpr, ExprText, InvokeDef, InvokeWhat, SendDef, StateKind, TextOrExpr,
};
use crate::expr::{self, Expr, Names, Type};
use crate::nearest::did_you_mean;
use crate::program::{
    Action, Block, Content, Delay, ForeachSpec, History, InvokeSpec, Location, Payload, SendSpec,
    Text, TimerSpec, What,
};
use crate::state::StateId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use types::{Marked, Place, write_duration};

pub(super) struct Contents<'c, 'd> {
    pub compiler: &'c mut Compiler,
    pub tree: &'c Tree<'d>,
    pub names: &'c Names<'c>,
    /// The chart's key among child charts; empty for the outermost.
    pub key: &'c str,
    pub depth: usize,
    pub activities: Vec<(Arc<str>, Place)>,
    pub signals: BTreeSet<Arc<str>>,
}

impl<'d> Contents<'_, 'd> {
    pub fn strict(&self) -> bool {
        self.names.mode == Mode::Strict
    }

    /// The contents of all states, and what the history states among them remember, in document order.
    pub fn states(&mut self) -> (Vec<Content>, Vec<History>) {
        let mut contents = Vec::with_capacity(self.tree.states.len());
        let mut histories = Vec::new();
        for index in 0..self.tree.states.len() {
            let id = StateId::new(index);
            let mut content = self.state(id);
            if let StateKind::History { deep } = self.tree.def(id).kind {
                histories.push(History {
                    deep,
                    default: std::mem::take(&mut content.initial),
                    actions: std::mem::take(&mut content.initial_actions),
                });
            }
            contents.push(content);
        }
        (contents, histories)
    }

    fn state(&mut self, id: StateId) -> Content {
        let tree = self.tree;
        let state = &tree.states[id.index()];
        let def = state.def;
        let entry = def.entry.iter().map(|block| self.block(block)).collect();
        let exit = def.exit.iter().map(|block| self.block(block)).collect();
        let initial = self.initial(id);
        let initial_actions = def
            .initial
            .as_ref()
            .map(|i| self.block(&i.actions))
            .unwrap_or_default();
        let invokes = def.invoke.iter().enumerate();
        let invokes = invokes
            .map(|(n, invoke)| self.invoke(id, n, invoke))
            .collect();
        let late = def.data.iter().filter_map(|entry| {
            let slot = self.names.data.get_index_of(entry.name.as_str())?;
            Some((
                slot as u16,
                self.compiler.beginning(&entry.value, self.names),
            ))
        });
        Content {
            late: late.collect(),
            entry,
            exit,
            initial,
            initial_actions,
            children: state.children.clone(),
            histories: state.histories.clone(),
            timers: self.timers(id),
            invokes,
            output: def.output.as_ref().map(|output| self.payload(&output.data)),
            done_event: format!("done.state.{}", def.id).into(),
        }
    }

    fn timers(&self, id: StateId) -> Vec<TimerSpec> {
        let def = self.tree.def(id);
        let mut timers: Vec<TimerSpec> = Vec::new();
        for after in def.transitions.iter().filter_map(|t| t.after) {
            let event = self.timer_event(id, after);
            if timers.iter().all(|timer| timer.event != event) {
                timers.push(TimerSpec {
                    event,
                    milliseconds: milliseconds(after),
                });
            }
        }
        timers
    }

    /// `timer.<state>.<delay>`; for the chart itself its name takes the state's place.
    pub fn timer_event(&self, id: StateId, after: Duration) -> Arc<str> {
        let id = self.tree.def(id).id.as_str();
        let id = if id.is_empty() { "chart" } else { id };
        format!("timer.{id}.{}", write_duration(after)).into()
    }

    pub fn block(&mut self, actions: &'d [ActionDef]) -> Block {
        actions.iter().map(|action| self.action(action)).collect()
    }

    pub fn expression(&mut self, text: &ExprText) -> (Expr, Type) {
        self.compiler.reports.expression(text, self.names)
    }

    pub fn guard(&mut self, text: Option<&ExprText>) -> Option<Expr> {
        text.map(|text| self.compiler.reports.guard(text, self.names))
    }

    fn action(&mut self, action: &'d ActionDef) -> Action {
        match action {
            ActionDef::Assign { location, expr } => {
                let (compiled, kind) = self.expression(expr);
                let found = match self.location(location) {
                    Ok(found) => found,
                    Err(message) => return Action::Fail(message),
                };
                self.check_assignable(&found, kind, location, &expr.place);
                Action::Assign {
                    location: found,
                    expr: compiled,
                }
            }
            ActionDef::Raise { event, data } => {
                self.check_raised(event);
                Action::Raise {
                    event: event.as_str().into(),
                    data: data.as_ref().map(|data| self.payload(data)),
                }
            }
            ActionDef::Send(send) => self.send(send),
            ActionDef::Cancel { id } => Action::Cancel(self.text(id)),
            ActionDef::Log { label, expr } => Action::Log {
                label: label.as_deref().map(Into::into),
                expr: expr.as_ref().map(|expr| self.expression(expr).0),
            },
            ActionDef::If(branches) => {
                let branches = branches
                    .iter()
                    .map(|(guard, actions)| (self.guard(guard.as_ref()), self.block(actions)));
                Action::If(branches.collect())
            }
            ActionDef::Foreach {
                array,
                item,
                index,
                actions,
            } => self.foreach(array, item, index.as_ref(), actions),
        }
    }

    fn foreach(
        &mut self,
        array: &ExprText,
        item: &Marked<String>,
        index: Option<&Marked<String>>,
        actions: &'d [ActionDef],
    ) -> Action {
        let (compiled, kind) = self.expression(array);
        if self.strict() && !matches!(kind, Type::List | Type::Dynamic) {
            let message = format!("foreach needs a list, and this is {}", kind.name());
            self.compiler.reports.error(&array.place, message, "");
        }
        let item = self.location(item);
        let index = index.map(|index| self.location(index)).transpose();
        let actions = self.block(actions);
        match (item, index) {
            (Ok(item), Ok(index)) => Action::Foreach(Box::new(ForeachSpec {
                array: compiled,
                item,
                index,
                actions,
            })),
            (Err(message), _) | (_, Err(message)) => Action::Fail(message),
        }
    }

    fn check_assignable(
        &mut self,
        location: &Location,
        kind: Type,
        name: &Marked<String>,
        place: &Place,
    ) {
        if !self.strict() {
            return;
        }
        if !location.path.is_empty() {
            if !matches!(location.kind, Type::Map | Type::Dynamic) {
                let message = format!(
                    "`{name}`: the entry holds {}, not a map",
                    location.kind.name()
                );
                self.compiler
                    .reports
                    .error(&name.place, message, "assign to the entry itself");
            }
            return;
        }
        let fits = location.kind == kind
            || [location.kind, kind].contains(&Type::Dynamic)
            || (location.kind == Type::Double && kind == Type::Int);
        if !fits {
            let message = format!(
                "`{name}` holds {}, and this is {}",
                location.kind.name(),
                kind.name()
            );
            let help = "an entry keeps the type it begins with; begin it with `null` to let it hold anything";
            self.compiler.reports.error(place, message, help);
        }
    }

    /// Where an assignment goes. Where that is nowhere: an error now, or the message of one later.
    fn location(&mut self, name: &Marked<String>) -> Result<Location, Arc<str>> {
        let mut path = name.split('.');
        let first = path.next().unwrap_or_default();
        let path: Vec<Arc<str>> = path.map(Into::into).collect();
        let found = self.names.data.get_full(first);
        if let Some((slot, _, entry)) = found
            && path.iter().all(|key| !key.is_empty())
        {
            return Ok(Location {
                slot: slot as u16,
                path,
                kind: entry.kind,
            });
        }
        let message: Arc<str> = format!("the chart's data has no `{first}`").into();
        if self.strict() {
            let help = match name.strip_prefix("data.") {
                Some(rest) if found.is_none() => format!("leave `data.` out: write `{rest}`"),
                _ => did_you_mean(first, self.names.data.keys().map(|k| &**k), "")
                    .unwrap_or_else(|| "declare it under the chart's `data`".into()),
            };
            self.compiler.reports.error(&name.place, &*message, help);
        }
        Err(message)
    }

    fn check_raised(&mut self, event: &Marked<String>) {
        if !self.strict() {
            return;
        }
        let reports = &mut self.compiler.reports;
        if !is_plain(event) {
            let message = format!("`{event}` is no name of an event");
            reports.error(
                &event.place,
                message,
                "names are words joined by dots, for instance `plan.ready`",
            );
        } else if ["done.state.", "done.invoke.", "error.", "timer."]
            .iter()
            .any(|reserved| event.starts_with(reserved))
        {
            let message = format!("`{event}` looks like an event that the host raises");
            reports.warning(
                &event.place,
                message,
                "choose another name if it is the chart's own",
            );
        }
    }

    fn send(&mut self, send: &'d SendDef) -> Action {
        if let TextOrExpr::Text(event) = &send.event {
            self.check_raised(event);
        }
        if let (Some(TextOrExpr::Text(target)), true) = (&send.target, self.strict()) {
            let known = target.as_str() == "workflow"
                || target.starts_with("#_")
                || target
                    .strip_prefix("agent:")
                    .is_some_and(|id| !id.is_empty());
            if !known {
                let message = format!("nobody is called `{target}`");
                let help = "send to `workflow` or `agent:ID`; without `target` it goes to the chart itself";
                self.compiler.reports.error(&target.place, message, help);
            }
        }
        let id_location = match send
            .id_location
            .as_ref()
            .map(|l| self.location(l))
            .transpose()
        {
            Ok(location) => location,
            Err(message) => return Action::Fail(message),
        };
        Action::Send(Box::new(SendSpec {
            event: self.text(&send.event),
            target: send.target.as_ref().map(|target| self.text(target)),
            delay: send.delay.as_ref().map(|delay| match delay {
                def::Delay::Fixed(span) => Delay::Milliseconds(milliseconds(*span)),
                def::Delay::Expr(expr) => Delay::Expr(self.expression(expr).0),
            }),
            id: send.id.as_deref().map(Into::into),
            id_location,
            data: send.data.as_ref().map(|data| self.payload(data)),
            transport: send
                .transport
                .as_ref()
                .map(|transport| self.text(transport)),
        }))
    }

    fn text(&mut self, text: &TextOrExpr) -> Text {
        match text {
            TextOrExpr::Text(text) => Text::Fixed(text.as_str().into()),
            TextOrExpr::Expr(expr) => {
                let (compiled, kind) = self.expression(expr);
                if self.strict() && !matches!(kind, Type::Text | Type::Dynamic) {
                    let message = format!("this must be a string, and it is {}", kind.name());
                    self.compiler
                        .reports
                        .error(&expr.place, message, "convert it: string(…)");
                }
                Text::Expr(compiled)
            }
        }
    }

    fn payload(&mut self, data: &DataExpr) -> Payload {
        match data {
            DataExpr::One(expr) => Payload::One(self.expression(expr).0),
            DataExpr::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, expr)| (name.as_str().into(), self.expression(expr).0));
                Payload::Map(entries.collect())
            }
        }
    }

    fn invoke(&mut self, state: StateId, number: usize, invoke: &'d InvokeDef) -> InvokeSpec {
        let mut transport = None;
        let mut what = &invoke.what;
        while let InvokeWhat::Typed {
            transport: of,
            what: inner,
        } = what
        {
            transport = Some(self.text(of));
            what = inner;
        }
        let mut what = match what {
            InvokeWhat::Activity(name) => {
                if name.is_empty() {
                    let help = "for instance `turn`, `think` or `ask`";
                    self.compiler
                        .reports
                        .error(&name.place, "the activity has no name", help);
                }
                self.activities
                    .push((name.as_str().into(), name.place.clone()));
                What::Activity(name.as_str().into())
            }
            InvokeWhat::Expr(expr) => What::Expr(self.expression(expr).0),
            InvokeWhat::Chart(chart) => {
                let key = format!("{}{}#{number}", self.key, self.tree.def(state).id);
                let program = self
                    .compiler
                    .program(chart, &format!("{key}/"), self.depth + 1);
                self.compiler.keep(&key, program);
                What::Chart(key.into())
            }
            // Unwrapped above.
            InvokeWhat::Typed { .. } => What::Activity("".into()),
        };
        let id_location = invoke.id_location.as_ref().map(|l| self.location(l));
        let id_location = id_location.transpose().unwrap_or_else(|message| {
            // Nothing starts if its id has nowhere to go.
            what = What::Expr(expr::failing("", &message));
            None
        });
        InvokeSpec {
            id: invoke.id.as_deref().map(Into::into),
            id_location,
            what,
            transport,
            params: invoke.params.as_ref().map(|params| self.payload(params)),
            autoforward: invoke.autoforward,
            finalize: self.block(&invoke.finalize),
        }
    }

    /// Check the descriptors of a transition and note the signals among them.
    pub fn descriptor(&mut self, event: &Marked<String>) {
        if let Some(signal) = event.strip_prefix("signal.")
            && is_plain(signal)
        {
            self.signals.insert(event.as_str().into());
        }
        if !self.strict() || event.as_str() == "*" {
            return;
        }
        let plain = event.strip_suffix(".*").unwrap_or(event);
        let reports = &mut self.compiler.reports;
        if !is_plain(plain) {
            let message = format!("`{event}` is no event");
            let help = "write words joined by dots; `*` alone means every event, `error` means all that begin with `error.`";
            reports.error(&event.place, message, help);
        }
    }
}

/// Whether this is words joined by dots.
fn is_plain(text: &str) -> bool {
    text.split('.')
        .all(|word| !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c == '*'))
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
