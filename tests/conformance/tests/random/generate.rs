//! Random charts, wide in what they use: every kind of state, start, history, transition, action, delay and child chart that the engine
//! knows, with expressions that fail now and then. Whatever happens is logged, so that an order that differs shows.

use super::choices::Choices;
use super::tree::{Sort, Tree};
use chart::{
    ActionDef, ChartDef, ChartKind, DataDef, DataExpr, DataValue, Delay, InitialDef, InvokeDef,
    InvokeWhat, OutputDef, SendDef, StateDef, StateKind, TextOrExpr, TransitionDef,
};
use std::time::Duration;
use types::{Marked, Place, Value};

/// Events from outside.
pub const EVENTS: [&str; 6] = ["A", "B", "C.x", "C.y.z", "D", "E"];

/// Makes one chart.
pub struct Generator<'c, 'b> {
    pub choices: &'c mut Choices<'b>,
    /// As in YAML, or as in the suites.
    pub strict: bool,
    /// How deep child charts are nested.
    pub depth: usize,
    pub(super) tree: Tree,
    transitions: usize,
}

pub(super) fn marked(text: impl Into<String>) -> Marked<String> {
    Marked::new(text.into(), Place::new("random.yaml", 1, 1))
}

impl<'c, 'b> Generator<'c, 'b> {
    pub fn new(choices: &'c mut Choices<'b>, strict: bool) -> Self {
        Generator {
            choices,
            strict,
            depth: 0,
            tree: Tree(Vec::new()),
            transitions: 0,
        }
    }

    pub fn chart(&mut self) -> ChartDef {
        let room = if self.depth == 0 { 24 } else { 6 };
        self.tree = Tree::random(self.choices, room);
        let literal = |name: &str, value: Value, expr: &str, strict: bool| DataDef {
            name: marked(name),
            value: if strict {
                DataValue::Literal(value)
            } else {
                DataValue::Expr(marked(expr))
            },
        };
        let list = Value::list([1, 2, 3].map(Value::Int));
        let strict = self.strict;
        let mut data = vec![
            literal("n", Value::Int(0), "0", strict),
            literal("t", Value::text(""), "''", strict),
            literal("l", list, "[1, 2, 3]", strict),
            literal("m", Value::map::<&str>([]), "{}", strict),
            literal("any", Value::Null, "null", strict),
        ];
        if !strict && self.choices.chance(10) {
            data.push(literal("bad", Value::Null, "nosuch.x", false));
        }
        ChartDef {
            name: marked("random"),
            version: "1".into(),
            kind: ChartKind::Cognition,
            data,
            root: self.state(0),
        }
    }

    fn state(&mut self, number: usize) -> StateDef {
        let shape = self.tree.0[number].clone();
        let history = self.tree.is_history(number);
        let inner = !self.tree.states_in(number).is_empty();
        let kind = match shape.sort {
            Sort::Normal => StateKind::Normal,
            Sort::Parallel => StateKind::Parallel,
            Sort::Final => StateKind::Final,
            Sort::Shallow => StateKind::History { deep: false },
            Sort::Deep => StateKind::History { deep: true },
        };
        let initial = match shape.sort {
            Sort::Normal if inner => Some(self.start(number)),
            Sort::Shallow | Sort::Deep => {
                let parent = shape.parent.unwrap_or(0);
                let targets = self.tree.targets(self.choices, parent, Some(parent));
                Some(self.initial(&targets, &format!("default of {}", shape.id)))
            }
            _ => None,
        };
        let states: Vec<StateDef> = shape.children.iter().map(|c| self.state(*c)).collect();
        // A chart itself has a start and transitions, but nothing that happens on entering or leaving it.
        let bare = history || number == 0;
        let plain = shape.sort == Sort::Final || bare;
        let entry = if bare {
            vec![]
        } else {
            self.handlers(&format!("+{}", shape.id))
        };
        let exit = if bare {
            vec![]
        } else {
            self.handlers(&format!("-{}", shape.id))
        };
        let transitions = if history || shape.sort == Sort::Final {
            vec![]
        } else {
            self.transitions_of(number)
        };
        let mut invoke = Vec::new();
        while !plain && invoke.len() < 2 && self.depth < 3 && self.choices.chance(14) {
            invoke.push(self.invoke(number, invoke.len()));
        }
        let output = (shape.sort == Sort::Final && self.choices.chance(50)).then(|| OutputDef {
            data: self.payload(),
        });
        let mut data = vec![];
        if !self.strict && !bare && self.choices.chance(10) {
            let expr = if self.choices.chance(20) {
                "1 / 0"
            } else {
                "n + 1"
            };
            data.push(DataDef {
                name: marked(format!("late_{}", shape.id)),
                value: DataValue::Expr(marked(expr)),
            });
        }
        StateDef {
            id: marked(shape.id),
            doc: None,
            tags: vec![],
            kind,
            initial,
            states,
            entry,
            exit,
            transitions,
            invoke,
            output,
            data,
        }
    }

    fn start(&mut self, number: usize) -> InitialDef {
        let targets = match self.choices.chance(40) {
            true => self.tree.targets(self.choices, number, None),
            false => {
                let children = self.tree.states_in(number);
                vec![children[self.choices.below(children.len())]]
            }
        };
        // A start that goes through the state's own history would, with a default elsewhere, be a circle only on paper; it is fine.
        self.initial(&targets, &format!("start of s{number}"))
    }

    fn initial(&mut self, targets: &[usize], label: &str) -> InitialDef {
        let actions = match self.choices.chance(40) {
            true => self.block(label, 0),
            false => vec![],
        };
        InitialDef {
            targets: self.names(targets),
            actions,
        }
    }

    fn names(&self, states: &[usize]) -> Vec<Marked<String>> {
        let names = states.iter().map(|s| marked(self.tree.0[*s].id.clone()));
        names.collect()
    }

    fn handlers(&mut self, label: &str) -> Vec<Vec<ActionDef>> {
        let mut handlers = vec![self.block(label, 0)];
        if self.choices.chance(15) {
            handlers.push(self.block(&format!("{label} again"), 0));
        }
        handlers
    }

    fn transitions_of(&mut self, number: usize) -> Vec<TransitionDef> {
        let mut transitions = Vec::new();
        for _ in 0..self.choices.below(4) {
            transitions.push(self.transition(number));
        }
        transitions
    }

    fn transition(&mut self, number: usize) -> TransitionDef {
        self.transitions += 1;
        let label = format!("t{}", self.transitions);
        let (mut events, mut after, mut guard) = (vec![], None, None);
        match self.choices.below(20) {
            0..14 => {
                for _ in 0..1 + usize::from(self.choices.chance(20)) {
                    events.push(marked(self.descriptor()));
                }
            }
            14..17 if number > 0 => {
                let span = [0, 300, 1000, 1500][self.choices.below(4)];
                after = Some(Duration::from_millis(span));
            }
            _ => {
                // Eventless: nearly always with a guard that its own actions make false one day.
                if !self.choices.chance(3) {
                    let guards = ["n % 4 == 1", "n < 3", "n > 2 && n < 9", "n == 2"];
                    guard = Some(self.pick(&guards));
                }
            }
        }
        if !(events.is_empty() && after.is_none()) && self.choices.chance(35) {
            guard = Some(self.guard());
        }
        let targets = match self.choices.below(12) {
            0..2 => vec![],
            2 => vec![number],
            _ => self.tree.targets(self.choices, 0, None),
        };
        let targets = if targets == [0] { vec![] } else { targets };
        let mut actions = self.block(&label, 0);
        if events.is_empty() && after.is_none() {
            actions.push(self.assign("n", "n + 1"));
        }
        TransitionDef {
            events,
            after,
            guard: guard.map(marked),
            targets: self.names(&targets),
            actions,
            reenter: self.choices.chance(50),
            place: Place::new("random.yaml", 1, 1),
        }
    }

    fn descriptor(&mut self) -> String {
        match self.choices.below(12) {
            0 => "*".into(),
            1 => "error".into(),
            2 => "error.communication".into(),
            3 => "done.invoke".into(),
            4 => "done.state".into(),
            5 => {
                let state = 1 + self.choices.below(self.tree.0.len() - 1);
                format!("done.state.{}", self.tree.0[state].id)
            }
            6 => self.choices.one(&["C", "C.*", "C.y", "C.y.z"]).into(),
            7 => self.choices.one(&["I", "J", "P", "Q", "turn"]).into(),
            _ => EVENTS[self.choices.below(EVENTS.len())].into(),
        }
    }

    fn assign(&mut self, location: &str, expr: &str) -> ActionDef {
        ActionDef::Assign {
            location: marked(location),
            expr: marked(self.spelled(expr)),
        }
    }

    fn log(&mut self, label: &str, expr: Option<String>) -> ActionDef {
        ActionDef::Log {
            label: Some(label.into()),
            expr: expr.map(marked),
        }
    }

    fn block(&mut self, label: &str, depth: usize) -> Vec<ActionDef> {
        let mut actions = vec![self.log(label, None)];
        while actions.len() < 4 && self.choices.chance(40) {
            let action = self.action(label, depth);
            actions.push(action);
        }
        actions
    }

    fn action(&mut self, label: &str, depth: usize) -> ActionDef {
        match self.choices.below(24) {
            0..3 => self.assign("n", "n + 1"),
            3 => {
                let texts = ["t + 'x'", "_event.name", "any"];
                let text = self.choices.one(&texts);
                self.assign("t", text)
            }
            4 => self.assign("m.x", "n"),
            5 => ActionDef::Assign {
                location: marked(self.choices.one(&["any", "any.deep.x"])),
                expr: marked(self.expression()),
            },
            6..9 => ActionDef::Raise {
                event: marked(self.choices.one(&["I", "J", "B", "D"])),
                data: None,
            },
            9..14 => ActionDef::Send(Box::new(self.send())),
            14 => ActionDef::Cancel {
                id: match self.choices.chance(50) {
                    true => TextOrExpr::Expr(marked(self.spelled("any"))),
                    false => TextOrExpr::Text(marked("later")),
                },
            },
            15..17 if depth < 2 => {
                let mut branches = vec![(
                    Some(marked(self.guard())),
                    self.block(&format!("{label} if"), depth + 1),
                )];
                if self.choices.chance(40) {
                    branches.push((
                        Some(marked(self.guard())),
                        self.block(&format!("{label} elif"), depth + 1),
                    ));
                }
                if self.choices.chance(60) {
                    branches.push((None, self.block(&format!("{label} else"), depth + 1)));
                }
                ActionDef::If(branches)
            }
            17 if depth < 2 => {
                let arrays = ["l", "[n, 7]", "n", "[]"];
                let array = self.pick(&arrays);
                ActionDef::Foreach {
                    array: marked(array),
                    item: marked(if self.strict {
                        "any"
                    } else {
                        self.choices.one(&["any", "fresh"])
                    }),
                    index: self.choices.chance(40).then(|| marked("n")),
                    actions: self.block(&format!("{label} each"), depth + 1),
                }
            }
            18 if !self.strict => {
                let exprs = [
                    "_event.type",
                    "_event.sendid",
                    "_event.invokeid",
                    "defined(fresh)",
                    "_event.origintype",
                    "_sessionid",
                    "_name",
                ];
                let expr = exprs[self.choices.below(exprs.len())];
                self.log(label, Some(expr.into()))
            }
            _ => {
                let expr = self.expression();
                self.log(label, Some(expr))
            }
        }
    }

    fn send(&mut self) -> SendDef {
        let event = self.choices.one(&["A", "B", "C.x", "P", "Q"]);
        let target = match self.choices.below(16) {
            0..9 => None,
            9 => Some("#_internal".to_owned()),
            10..12 => Some("#_parent".to_owned()),
            12..14 => Some(format!("#_inv{}", self.choices.below(4))),
            14 => Some("#_nobody".to_owned()),
            _ if self.strict => Some("workflow".to_owned()),
            _ => Some("nonsense".to_owned()),
        };
        let delay = match self.choices.below(10) {
            0..4 => None,
            4..8 => Some(Delay::Fixed(Duration::from_millis(
                [100, 200, 700, 1000][self.choices.below(4)],
            ))),
            8 => Some(Delay::Expr(marked(self.spelled("n * 100")))),
            _ => Some(Delay::Expr(marked("'.5s'"))),
        };
        let named = self.choices.below(4);
        SendDef {
            event: match self.choices.chance(15) {
                true => TextOrExpr::Expr(marked(format!("'{event}'"))),
                false => TextOrExpr::Text(marked(event)),
            },
            target: target.map(|t| match self.choices.chance(20) {
                true => TextOrExpr::Expr(marked(format!("'{t}'"))),
                false => TextOrExpr::Text(marked(t)),
            }),
            delay,
            id: (named == 1).then(|| "later".into()),
            id_location: (named == 2).then(|| marked("any")),
            data: self.choices.chance(50).then(|| self.payload()),
            transport: match self.choices.below(30) {
                29 => Some(TextOrExpr::Text(marked("carrier-pigeon"))),
                28 => Some(TextOrExpr::Text(marked("scxml"))),
                _ => None,
            },
            place: Place::new("random.yaml", 1, 1),
        }
    }

    fn invoke(&mut self, state: usize, count: usize) -> InvokeDef {
        let what = match self.choices.below(10) {
            0..3 => InvokeWhat::Activity(marked(self.choices.one(&["turn", "ask"]))),
            9 => InvokeWhat::Expr(marked(self.choices.one(&[
                "'shared'",
                "'nothing here'",
                "1 / 0",
            ]))),
            _ => {
                let mut inner = Generator::new(self.choices, self.strict);
                inner.depth = self.depth + 1;
                InvokeWhat::Chart(Box::new(inner.chart()))
            }
        };
        let what = match self.choices.below(30) {
            29 => InvokeWhat::Typed {
                transport: TextOrExpr::Text(marked("pigeon")),
                what: Box::new(what),
            },
            28 => InvokeWhat::Typed {
                transport: TextOrExpr::Expr(marked("'scxml'")),
                what: Box::new(what),
            },
            _ => what,
        };
        // Ids of what can run at the same time differ; a chart that uses one twice is a mistake of its author.
        let id = self
            .choices
            .chance(60)
            .then(|| format!("inv{}", state * 2 + count));
        InvokeDef {
            id_location: self.choices.chance(15).then(|| marked("any")),
            id,
            what,
            params: self
                .choices
                .chance(40)
                .then(|| DataExpr::Map(vec![(marked("n"), marked(self.spelled("n")))])),
            autoforward: self.choices.chance(40),
            finalize: match self.choices.chance(40) {
                true => self.block(&format!("finalize s{state}"), 1),
                false => vec![],
            },
            place: Place::new("random.yaml", 1, 1),
        }
    }
}
