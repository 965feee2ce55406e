//! The content hash of a chart: of what it does, not of how or where it is written. Places, documentation and layout do not count.
//!
//! Each part is written once into one buffer, in a form in which no two charts look alike: every text and every list with its length before it, every
//! choice with its number. What is taken apart here is taken apart completely, so that a part added later cannot be forgotten.

use crate::compile::Mode;
use crate::def::{
    ActionDef, ChartDef, ChartKind, DataDef, DataExpr, DataValue, Delay, InitialDef, InvokeDef,
    InvokeWhat, OutputDef, SendDef, StateDef, StateKind, TextOrExpr, TransitionDef,
};
use types::{ContentHash, Marked, Value};

/// The hash of `def` with everything it can invoke.
pub(crate) fn content_hash(
    def: &ChartDef,
    mode: Mode,
    resources: &[(String, ChartDef)],
) -> ContentHash {
    let mut written = Written::default();
    written.flag(mode == Mode::Strict);
    written.chart(def);
    written.list(resources, |written, (key, resource)| {
        written.text(key);
        written.chart(resource);
    });
    ContentHash::of(&written.bytes)
}

/// The hash of one chart without what it can invoke by a computed key.
pub(crate) fn chart_hash(def: &ChartDef) -> ContentHash {
    let mut written = Written::default();
    written.chart(def);
    ContentHash::of(&written.bytes)
}

/// What has been written so far.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
}

impl Written {
    fn choice(&mut self, number: u8) {
        self.bytes.push(number);
    }

    fn flag(&mut self, flag: bool) {
        self.choice(u8::from(flag));
    }

    fn number(&mut self, number: u128) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn list<'i, T: 'i>(
        &mut self,
        items: impl IntoIterator<Item = &'i T, IntoIter: ExactSizeIterator>,
        mut write: impl FnMut(&mut Self, &'i T),
    ) {
        let items = items.into_iter();
        self.length(items.len());
        items.for_each(|item| write(self, item));
    }

    fn maybe<T>(&mut self, item: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }

    fn name(&mut self, name: &Marked<String>) {
        self.text(name);
    }

    fn chart(&mut self, def: &ChartDef) {
        let ChartDef {
            name,
            version,
            kind,
            data,
            root,
        } = def;
        self.name(name);
        self.text(version);
        self.choice(match kind {
            ChartKind::Cognition => 0,
            ChartKind::Workflow => 1,
        });
        self.list(data, Self::data);
        self.state(root);
    }

    fn data(&mut self, def: &DataDef) {
        let DataDef { name, value } = def;
        self.name(name);
        match value {
            DataValue::Literal(value) => {
                self.choice(0);
                self.value(value);
            }
            DataValue::Expr(expr) => {
                self.choice(1);
                self.name(expr);
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.choice(0),
            Value::Bool(flag) => {
                self.choice(1);
                self.flag(*flag);
            }
            Value::Int(number) => {
                self.choice(2);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Float(number) => {
                self.choice(3);
                self.bytes
                    .extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Value::Text(text) => {
                self.choice(4);
                self.text(text);
            }
            Value::List(items) => {
                self.choice(5);
                self.list(items.iter(), Self::value);
            }
            Value::Map(entries) => {
                self.choice(6);
                self.length(entries.len());
                for (key, value) in entries.iter() {
                    self.text(key);
                    self.value(value);
                }
            }
        }
    }

    fn state(&mut self, def: &StateDef) {
        let StateDef {
            id,
            doc: _,
            tags,
            kind,
            initial,
            states,
            entry,
            exit,
            transitions,
            invoke,
            output,
            data,
        } = def;
        self.name(id);
        self.list(tags, |written, tag| written.text(tag));
        self.choice(match kind {
            StateKind::Normal => 0,
            StateKind::Parallel => 1,
            StateKind::Final => 2,
            StateKind::History { deep: false } => 3,
            StateKind::History { deep: true } => 4,
        });
        self.maybe(initial.as_ref(), |written, initial| {
            let InitialDef { targets, actions } = initial;
            written.list(targets, Self::name);
            written.actions(actions);
        });
        for blocks in [entry, exit] {
            self.list(blocks, |written, block| written.actions(block));
        }
        self.list(transitions, Self::transition);
        self.list(invoke, Self::invoke);
        self.maybe(output.as_ref(), |written, OutputDef { data }| {
            written.payload(data);
        });
        self.list(data, Self::data);
        self.list(states, Self::state);
    }

    fn transition(&mut self, def: &TransitionDef) {
        let TransitionDef {
            events,
            after,
            guard,
            targets,
            actions,
            reenter,
            place: _,
        } = def;
        self.list(events, Self::name);
        self.maybe(*after, |written, span| written.number(span.as_millis()));
        self.maybe(guard.as_ref(), Self::name);
        self.list(targets, Self::name);
        self.actions(actions);
        self.flag(*reenter);
    }

    fn actions(&mut self, actions: &[ActionDef]) {
        self.list(actions, Self::action);
    }

    fn action(&mut self, def: &ActionDef) {
        match def {
            ActionDef::Assign { location, expr } => {
                self.choice(0);
                self.name(location);
                self.name(expr);
            }
            ActionDef::Raise { event, data } => {
                self.choice(1);
                self.name(event);
                self.maybe(data.as_ref(), Self::payload);
            }
            ActionDef::Send(send) => {
                self.choice(2);
                self.send(send);
            }
            ActionDef::Cancel { id } => {
                self.choice(3);
                self.text_or_expr(id);
            }
            ActionDef::Log { label, expr } => {
                self.choice(4);
                self.maybe(label.as_deref(), Self::text);
                self.maybe(expr.as_ref(), Self::name);
            }
            ActionDef::If(branches) => {
                self.choice(5);
                self.list(branches, |written, (guard, actions)| {
                    written.maybe(guard.as_ref(), Self::name);
                    written.actions(actions);
                });
            }
            ActionDef::Foreach {
                array,
                item,
                index,
                actions,
            } => {
                self.choice(6);
                self.name(array);
                self.name(item);
                self.maybe(index.as_ref(), Self::name);
                self.actions(actions);
            }
        }
    }

    fn send(&mut self, def: &SendDef) {
        let SendDef {
            event,
            target,
            delay,
            id,
            id_location,
            data,
            transport,
            place: _,
        } = def;
        self.text_or_expr(event);
        self.maybe(target.as_ref(), Self::text_or_expr);
        self.maybe(delay.as_ref(), |written, delay| match delay {
            Delay::Fixed(span) => {
                written.choice(0);
                written.number(span.as_millis());
            }
            Delay::Expr(expr) => {
                written.choice(1);
                written.name(expr);
            }
        });
        self.maybe(id.as_deref(), Self::text);
        self.maybe(id_location.as_ref(), Self::name);
        self.maybe(data.as_ref(), Self::payload);
        self.maybe(transport.as_ref(), Self::text_or_expr);
    }

    fn invoke(&mut self, def: &InvokeDef) {
        let InvokeDef {
            id,
            id_location,
            what,
            params,
            autoforward,
            finalize,
            place: _,
        } = def;
        self.maybe(id.as_deref(), Self::text);
        self.maybe(id_location.as_ref(), Self::name);
        self.what(what);
        self.maybe(params.as_ref(), Self::payload);
        self.flag(*autoforward);
        self.actions(finalize);
    }

    fn what(&mut self, def: &InvokeWhat) {
        match def {
            InvokeWhat::Activity(name) => {
                self.choice(0);
                self.name(name);
            }
            InvokeWhat::Chart(def) => {
                self.choice(1);
                self.chart(def);
            }
            InvokeWhat::Expr(expr) => {
                self.choice(2);
                self.name(expr);
            }
            InvokeWhat::Typed { transport, what } => {
                self.choice(3);
                self.text_or_expr(transport);
                self.what(what);
            }
        }
    }

    fn text_or_expr(&mut self, def: &TextOrExpr) {
        let (TextOrExpr::Text(text) | TextOrExpr::Expr(text)) = def;
        self.flag(matches!(def, TextOrExpr::Expr(_)));
        self.name(text);
    }

    fn payload(&mut self, def: &DataExpr) {
        match def {
            DataExpr::One(expr) => {
                self.choice(0);
                self.name(expr);
            }
            DataExpr::Map(entries) => {
                self.choice(1);
                self.list(entries, |written, (name, expr)| {
                    written.name(name);
                    written.name(expr);
                });
            }
        }
    }
}
