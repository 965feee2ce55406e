//! Which states are active when somebody names some of them.

use crate::chart::Chart;
use crate::nearest::did_you_mean;
use crate::program::Shape;
use crate::state::StateId;
use std::collections::BTreeSet;

/// Why the named states cannot be a configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AtError {
    /// There is no such state.
    #[error("the chart `{chart}` has no state `{name}`")]
    Unknown {
        /// The chart.
        chart: String,
        /// What was asked for.
        name: String,
        /// What to do about it.
        help: String,
    },
    /// A history state remembers and is never active.
    #[error("`{name}` is a history state, which is never active itself")]
    History {
        /// The state.
        name: String,
    },
    /// Two of them exclude each other.
    #[error(
        "`{first}` and `{second}` cannot be active together: only one state of {inside} is at a time"
    )]
    Exclusive {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// The state in which they part.
        inside: String,
    },
}

impl AtError {
    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            AtError::Unknown { help, .. } => help.clone(),
            AtError::History { .. } => "name the state that it leads to".into(),
            AtError::Exclusive { .. } => {
                "name one of them; several states are active together only in different regions of a parallel state".into()
            }
        }
    }
}

/// The states that are active when those called `names` are: they, the states around them, and what is entered with them by default.
pub fn active(chart: &Chart, names: &[&str]) -> Result<BTreeSet<StateId>, AtError> {
    let program = &chart.program;
    let mut active = BTreeSet::new();
    for name in names {
        let Some(state) = chart.find(name).filter(|state| *state != StateId::ROOT) else {
            let known = || chart.states().map(|(_, info)| &*info.id);
            let help = did_you_mean(name, known(), "").unwrap_or_else(|| {
                let few: Vec<&str> = known().take(12).collect();
                format!("its states are for instance: {}", few.join(", "))
            });
            return Err(AtError::Unknown {
                chart: chart.name().to_owned(),
                name: (*name).to_owned(),
                help,
            });
        };
        if matches!(program.node(state).shape, Shape::History(_)) {
            return Err(AtError::History {
                name: (*name).to_owned(),
            });
        }
        add(chart, state, &mut active);
    }
    // What is named must fit together; what is entered by default then fits by itself.
    check(chart, &active)?;
    let mut next = active.first().copied();
    while let Some(state) = next {
        let content = program.content(state);
        let has_active = content.children.iter().any(|child| active.contains(child));
        match program.node(state).shape {
            Shape::Parallel => content.children.iter().for_each(|child| {
                active.insert(*child);
            }),
            Shape::Compound if !has_active => {
                for target in &content.initial {
                    match program.node(*target).shape {
                        Shape::History(number) => {
                            let default = &program.histories[usize::from(number)].default;
                            default
                                .iter()
                                .for_each(|target| add(chart, *target, &mut active));
                        }
                        _ => add(chart, *target, &mut active),
                    }
                }
            }
            _ => {}
        }
        // Whatever was added lies inside this one, and so after it.
        next = active.range(state..).nth(1).copied();
    }
    Ok(active)
}

/// A state and those around it; the chart itself is not among them.
fn add(chart: &Chart, state: StateId, active: &mut BTreeSet<StateId>) {
    active.insert(state);
    let around = chart.program.ancestors(state);
    active.extend(around.filter(|above| *above != StateId::ROOT));
}

fn check(chart: &Chart, active: &BTreeSet<StateId>) -> Result<(), AtError> {
    let program = &chart.program;
    let around = std::iter::once(StateId::ROOT).chain(active.iter().copied());
    for state in around.filter(|state| program.node(*state).shape == Shape::Compound) {
        let children = &program.content(state).children;
        let mut inside = children.iter().filter(|child| active.contains(child));
        if let (Some(first), Some(second)) = (inside.next(), inside.next()) {
            let name = |state: StateId| chart.state(state).id.to_string();
            return Err(AtError::Exclusive {
                first: name(*first),
                second: name(*second),
                inside: match state {
                    StateId::ROOT => "the chart".into(),
                    state => format!("`{}`", name(state)),
                },
            });
        }
    }
    Ok(())
}
