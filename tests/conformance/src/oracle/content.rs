//! Executable content and the data model: blocks that an error ends, `send` and its targets, conditions, what expressions see.

use super::document::State;
use super::interpreter::Session;
use super::language::{self, World};
use super::sessions::{Addressee, Delayed, What};
use super::{Family, Happening};
use chart::{ActionDef, DataExpr, DataValue, Delay, ExprText, SendDef, TextOrExpr};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Value;

/// `error.execution`, with the id of the send that failed.
pub struct Failed {
    send_id: Option<String>,
}

impl From<String> for Failed {
    fn from(_: String) -> Self {
        Failed { send_id: None }
    }
}

type Acted = Result<(), Failed>;

/// A session's view for expressions.
struct Seen<'s> {
    session: &'s Session,
    strict: bool,
    now: i64,
}

impl World for Seen<'_> {
    fn name(&self, name: &str) -> Result<Value, String> {
        let session = self.session;
        let data = || session.datamodel.clone().into_iter();
        match (self.strict, name) {
            (true, "data") => Ok(Value::map(data())),
            (true, "event") => Ok(match &session.event {
                Some(event) => Value::map([
                    ("name", Value::Text(event.name.clone())),
                    ("data", event.data.clone()),
                    ("time", Value::Int(event.time)),
                ]),
                None => Value::map([
                    ("name", Value::text("")),
                    ("data", Value::Null),
                    ("time", Value::Int(self.now)),
                ]),
            }),
            (false, "_sessionid") => Ok(Value::text(session.session_id.as_str())),
            (false, "_name") => Ok(Value::text(session.doc.def.name.as_str())),
            (false, "_ioprocessors") => {
                let address = Value::text(format!("#_scxml_{}", session.session_id));
                let entry = Value::map([("location", address)]);
                Ok(Value::map([
                    (
                        "http://www.w3.org/TR/scxml/#SCXMLEventProcessor",
                        entry.clone(),
                    ),
                    ("scxml", entry),
                ]))
            }
            (false, "_event") if session.event.is_none() => Ok(Value::Null),
            (false, "_event") => {
                let text = |t: &Option<String>| t.as_deref().map_or(Value::Null, Value::text);
                let event = session.event.as_ref();
                let of = |field: fn(&Happening) -> Value| event.map_or(Value::Null, field);
                Ok(Value::map([
                    (
                        "name",
                        event.map_or(Value::text(""), |e| Value::Text(e.name.clone())),
                    ),
                    ("data", of(|e| e.data.clone())),
                    ("type", of(|e| Value::text(e.kind))),
                    ("sendid", event.map_or(Value::Null, |e| text(&e.send_id))),
                    (
                        "invokeid",
                        event.map_or(Value::Null, |e| text(&e.invoke_id)),
                    ),
                    ("origin", event.map_or(Value::Null, |e| text(&e.origin))),
                    (
                        "origintype",
                        of(|e| match (&e.origin, e.kind) {
                            (Some(_), "external") => {
                                Value::text("http://www.w3.org/TR/scxml/#SCXMLEventProcessor")
                            }
                            _ => Value::Null,
                        }),
                    ),
                ]))
            }
            (false, name) => session
                .datamodel
                .get(name)
                .cloned()
                .ok_or(format!("`{name}` is not declared")),
            _ => Err(format!("`{name}` means nothing")),
        }
    }

    fn is_in(&self, id: &str) -> Result<bool, String> {
        let state = self.session.doc.find(id).ok_or("no such state")?;
        Ok(self.session.configuration.is_member(state))
    }

    fn loose(&self) -> bool {
        !self.strict
    }
}

impl Session {
    fn seen(&self, family: &Family) -> Seen<'_> {
        Seen {
            session: self,
            strict: family.strict,
            now: family.now,
        }
    }

    pub(super) fn value(&self, expr: &ExprText, family: &Family) -> Result<Value, String> {
        language::evaluate(expr, &self.seen(family))
    }

    /// `conditionMatch`: an error is false and raises `error.execution`.
    pub(super) fn condition_match(&mut self, cond: Option<&String>, family: &mut Family) -> bool {
        let Some(cond) = cond else {
            return true;
        };
        match language::condition(cond, &self.seen(family)) {
            Ok(holds) => holds,
            Err(_) => {
                self.raise_error("error.execution", None, family);
                false
            }
        }
    }

    pub(super) fn raise_error(&mut self, name: &str, send_id: Option<String>, family: &mut Family) {
        family.say(format!("raise {name}"));
        let data = Value::map([("message", Value::text(""))]);
        let mut event = Happening::new(name, data, "platform", family.now);
        event.send_id = send_id;
        self.internal_queue.push_back(event);
    }

    /// `initializeDatamodel`; `given` are the values of an invocation.
    pub(super) fn initialize_datamodel(
        &mut self,
        given: &BTreeMap<Arc<str>, Value>,
        family: &mut Family,
    ) {
        let doc = self.doc.clone();
        let late = doc.elements.iter().flat_map(|e| &e.def.data);
        for entry in doc.def.data.iter().chain(late) {
            let first = entry.name.value.clone();
            self.datamodel.entry(first).or_insert(Value::Null);
        }
        for entry in &doc.def.data {
            if let (true, DataValue::Literal(kind)) = (family.strict, &entry.value)
                && *kind != Value::Null
            {
                self.kinds.insert(entry.name.value.clone(), kind.clone());
            }
            let value = match (given.get(entry.name.as_str()), &entry.value) {
                (Some(value), _) => Ok(value.clone()),
                (None, DataValue::Literal(value)) => Ok(value.clone()),
                (None, DataValue::Expr(expr)) => self.value(expr, family),
            };
            self.begin_entry(&entry.name, value, family);
        }
    }

    pub(super) fn initialize_late_data(&mut self, state: State, family: &mut Family) {
        let doc = self.doc.clone();
        for entry in &doc.elements[state].def.data {
            let value = match &entry.value {
                DataValue::Literal(value) => Ok(value.clone()),
                DataValue::Expr(expr) => self.value(expr, family),
            };
            self.begin_entry(&entry.name, value, family);
        }
    }

    fn begin_entry(&mut self, name: &str, value: Result<Value, String>, family: &mut Family) {
        match value {
            Ok(value) => {
                self.datamodel.insert(name.to_owned(), value);
            }
            Err(_) => self.raise_error("error.execution", None, family),
        }
    }

    /// `executeContent` of one handler: an error ends it and goes on the internal queue.
    pub(super) fn execute_block(&mut self, content: &[ActionDef], family: &mut Family) {
        if let Err(failed) = self.execute(content, family) {
            self.raise_error("error.execution", failed.send_id, family);
        }
    }

    fn execute(&mut self, content: &[ActionDef], family: &mut Family) -> Acted {
        content.iter().try_for_each(|a| self.act(a, family))
    }

    fn act(&mut self, action: &ActionDef, family: &mut Family) -> Acted {
        match action {
            ActionDef::Assign { location, expr } => {
                let value = self.value(expr, family)?;
                self.assign(location, value)
            }
            ActionDef::Raise { event, data } => {
                let data = self.payload(data.as_ref(), family)?;
                family.say(format!("raise {event} {data}"));
                let event = Happening::new(event, data, "internal", family.now);
                self.internal_queue.push_back(event);
                Ok(())
            }
            ActionDef::Send(send) => self.send(send, family),
            ActionDef::Cancel { id } => {
                let id = self.text(id, family)?;
                let is_it = |d: &Delayed| matches!(&d.what, What::Send { event, .. } if event.send_id.as_ref() == Some(&id));
                if self.delayed.iter().any(is_it) {
                    self.delayed.retain(|d| !is_it(d));
                    family.say(format!("cancel {id}"));
                }
                Ok(())
            }
            ActionDef::Log { label, expr } => {
                let value = match expr {
                    Some(expr) => self.value(expr, family)?,
                    None => Value::Null,
                };
                let label = label.as_deref().unwrap_or("-");
                family.say(format!("log {label} {value}"));
                Ok(())
            }
            ActionDef::If(branches) => {
                for (cond, content) in branches {
                    if self.condition_match(cond.as_deref(), family) {
                        return self.execute(content, family);
                    }
                }
                Ok(())
            }
            ActionDef::Foreach {
                array,
                item,
                index,
                actions,
            } => {
                let Value::List(items) = self.value(array, family)? else {
                    return Err("no list".to_owned().into());
                };
                for name in std::iter::once(item).chain(index) {
                    if !is_name(name) {
                        return Err(format!("`{name}` is no name").into());
                    }
                    self.datamodel
                        .entry(name.value.clone())
                        .or_insert(Value::Null);
                }
                for (number, value) in items.iter().enumerate() {
                    self.assign(item, value.clone())?;
                    if let Some(index) = index {
                        self.assign(index, Value::Int(number as i64))?;
                    }
                    self.execute(actions, family)?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn assign(&mut self, location: &str, value: Value) -> Acted {
        let mut path = location.split('.');
        let name = path.next().unwrap_or_default();
        let path: Vec<&str> = path.collect();
        let Some(old) = self.datamodel.get(name) else {
            return Err(format!("`{name}` is not declared").into());
        };
        fits(&value, 1)?;
        let value = if path.is_empty() {
            let kind = self.kinds.get(name).map(std::mem::discriminant);
            if kind.is_some_and(|kind| kind != std::mem::discriminant(&value)) {
                return Err(format!("`{name}` keeps its type").into());
            }
            value
        } else {
            let whole = inside(old.clone(), &path, value)?;
            fits(&whole, 1)?;
            whole
        };
        self.datamodel.insert(name.to_owned(), value);
        Ok(())
    }

    pub(super) fn payload(
        &self,
        data: Option<&DataExpr>,
        family: &Family,
    ) -> Result<Value, String> {
        let value = match data {
            None => return Ok(Value::Null),
            Some(DataExpr::One(expr)) => self.value(expr, family)?,
            Some(DataExpr::Map(entries)) => {
                let mut map = BTreeMap::new();
                for (name, expr) in entries {
                    let value = self.value(expr, family)?;
                    map.insert(Arc::from(name.as_str()), value);
                }
                Value::Map(Arc::new(map))
            }
        };
        fits(&value, 1)?;
        Ok(value)
    }

    /// What a final state hands over: a param that fails is left out and raises `error.execution`.
    pub(super) fn donedata(&mut self, state: State, family: &mut Family) -> Value {
        let doc = self.doc.clone();
        let Some(output) = &doc.elements[state].def.output else {
            return Value::Null;
        };
        let DataExpr::Map(entries) = &output.data else {
            return self
                .payload(Some(&output.data), family)
                .unwrap_or_else(|_| {
                    self.raise_error("error.execution", None, family);
                    Value::Null
                });
        };
        let mut map = BTreeMap::new();
        for (name, expr) in entries {
            match self.value(expr, family) {
                Ok(value) => {
                    map.insert(Arc::from(name.as_str()), value);
                }
                Err(_) => self.raise_error("error.execution", None, family),
            }
        }
        let value = Value::Map(Arc::new(map));
        if value == Value::map::<&str>([]) {
            return Value::Null;
        }
        if fits(&value, 1).is_err() {
            self.raise_error("error.execution", None, family);
            return Value::Null;
        }
        value
    }

    pub(super) fn text(&self, text: &TextOrExpr, family: &Family) -> Result<String, String> {
        match text {
            TextOrExpr::Text(text) => Ok(text.value.clone()),
            TextOrExpr::Expr(expr) => match self.value(expr, family)? {
                Value::Text(text) => Ok(text.to_string()),
                other => Err(format!("{other} is no text")),
            },
        }
    }

    fn send(&mut self, send: &SendDef, family: &mut Family) -> Acted {
        let id = match (&send.id, &send.id_location) {
            (Some(id), _) => Some(id.clone()),
            (None, Some(location)) => {
                self.ids += 1;
                let id = format!("send.{}", self.ids);
                self.assign(location, Value::text(id.as_str()))?;
                Some(id)
            }
            (None, None) => None,
        };
        self.dispatch(send, id.clone(), family)
            .map_err(|_| Failed { send_id: id })
    }

    fn dispatch(
        &mut self,
        send: &SendDef,
        id: Option<String>,
        family: &mut Family,
    ) -> Result<(), String> {
        if let Some(transport) = &send.transport {
            is_scxml(&self.text(transport, family)?)?;
        }
        let name = self.text(&send.event, family)?;
        if name.is_empty() {
            return Err("no name".into());
        }
        let target = send.target.as_ref();
        let target = target.map(|t| self.text(t, family)).transpose()?;
        let data = self.payload(send.data.as_ref(), family)?;
        let delay = match &send.delay {
            None => 0,
            Some(Delay::Fixed(span)) => span.as_millis() as i64,
            Some(Delay::Expr(expr)) => length(self.value(expr, family)?)?,
        };
        let addressee = match self.addressee(target.as_deref(), family) {
            Some(addressee) => addressee?,
            None => {
                self.raise_error("error.communication", id, family);
                return Ok(());
            }
        };
        let kind = match addressee {
            Addressee::Internal => "internal",
            _ => "external",
        };
        let mut event = Happening::new(&name, data, kind, family.now);
        event.send_id = id;
        if kind == "external" {
            event.origin = Some(format!("#_scxml_{}", self.session_id));
        }
        if delay > 0 {
            let due = family.now + delay;
            let id = event.send_id.as_deref().unwrap_or("-");
            family.say(format!("schedule {id} {name} {due}"));
            family.order += 1;
            self.delayed.push(Delayed {
                due,
                order: family.order,
                what: What::Send { event, addressee },
            });
            return Ok(());
        }
        if matches!(addressee, Addressee::Own | Addressee::Internal) {
            family.say(format!("raise {name} {}", event.data));
        }
        self.deliver(addressee, event, family);
        Ok(())
    }

    /// To whom; `None` where nobody can be reached, an error where the target means nothing.
    fn addressee(
        &self,
        target: Option<&str>,
        family: &Family,
    ) -> Option<Result<Addressee, String>> {
        let Some(target) = target else {
            return Some(Ok(Addressee::Own));
        };
        let found = if target == "#_internal" {
            Addressee::Internal
        } else if target == "#_parent" {
            self.parent.as_ref()?;
            Addressee::Parent
        } else if let Some(session) = target.strip_prefix("#_scxml_") {
            if session == self.session_id {
                Addressee::Own
            } else if self.parent.as_deref() == Some(session) {
                Addressee::Parent
            } else {
                let child = self
                    .invoked
                    .iter()
                    .find(|i| format!("{}/{}", self.session_id, i.id) == session)?;
                Addressee::Invocation(child.id.clone())
            }
        } else if let Some(id) = target.strip_prefix("#_") {
            self.invoked.iter().find(|i| i.id == id)?;
            Addressee::Invocation(id.to_owned())
        } else if family.strict {
            Addressee::Outside(target.to_owned())
        } else {
            return Some(Err(format!("`{target}` is no target")));
        };
        Some(Ok(found))
    }
}

/// Only events between charts can be sent, and only charts invoked.
pub(super) fn is_scxml(transport: &str) -> Result<(), String> {
    let known = [
        "scxml",
        "http://www.w3.org/TR/scxml",
        "http://www.w3.org/TR/scxml/",
        "http://www.w3.org/TR/scxml/#SCXMLEventProcessor",
    ];
    if known.contains(&transport) {
        return Ok(());
    }
    Err(format!("`{transport}` is no type"))
}

fn is_name(text: &str) -> bool {
    let words = ["continue", "return", "in", "true", "false", "null", "for"];
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !words.contains(&text)
}

/// A length of time in milliseconds.
fn length(value: Value) -> Result<i64, String> {
    match &value {
        Value::Int(n) if *n >= 0 => Ok(*n),
        Value::Text(text) => {
            let (digits, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
                (Some(digits), _) => (digits, 1.0),
                (None, Some(digits)) => (digits, 1000.0),
                _ => return Err(format!("`{text}` has no unit")),
            };
            let number: f64 = digits.parse().map_err(|_| "no number".to_owned())?;
            Ok((number * scale).round() as i64)
        }
        _ => Err(format!("{value} is no length of time")),
    }
}

/// The engine keeps no value that nests deeper than this; by the book there is no limit.
const DEPTH_MAX: usize = 120;

fn fits(value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("nests too deep".into());
    }
    match value {
        Value::List(items) => items.iter().try_for_each(|v| fits(v, depth + 1)),
        Value::Map(map) => map.values().try_for_each(|v| fits(v, depth + 1)),
        _ => Ok(()),
    }
}

/// `whole` with `value` at `path`; nothing at all becomes a map on the way.
fn inside(whole: Value, path: &[&str], value: Value) -> Result<Value, String> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(value);
    };
    let mut map = match whole {
        Value::Null => BTreeMap::new(),
        Value::Map(map) => (*map).clone(),
        _ => return Err("no map".into()),
    };
    let old = map.get(*key).cloned().unwrap_or_default();
    map.insert(Arc::from(*key), inside(old, rest, value)?);
    Ok(Value::Map(Arc::new(map)))
}
