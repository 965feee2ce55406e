//! What expressions of a session can see: its data and the system variables, under the names of YAML charts or of the suites.

use super::Happening;
use super::interpreter::Session;
use super::language::World;
use types::Value;

/// A session's view for expressions.
pub struct Seen<'s> {
    /// Whose.
    pub session: &'s Session,
    /// As in YAML charts.
    pub strict: bool,
    /// The time, for expressions before the first event.
    pub now: i64,
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
