//! Whom a run asks: the agent's model and those it falls back on, or whatever the command line names instead.

use crate::exit::{Failure, PROVIDER, USAGE};
use definitions::House;
use runtime::host::{Refused, RefusedCode, Whom};
use runtime::{Ask, Asked};
use std::cell::RefCell;
use std::sync::Arc;
use types::{ContentHash, Model, ModelParameters, ProviderConfig, ProviderKind};

/// What the command line says of it.
#[derive(Clone)]
pub struct Asking {
    /// The agent.
    pub agent: String,
    /// The provider to ask instead of the agent's own; then nobody else is asked.
    pub provider: Option<String>,
    /// The model to ask for instead of the agent's own.
    pub model: Option<String>,
}

impl Asking {
    /// Everybody that a run may ask, opened: the first, and those it falls back on.
    pub fn open(&self, house: &House) -> Result<Vec<Asked>, Failure> {
        self.open_again(house, &[])
    }

    /// How to find out anew whom to ask once definitions have changed; what the command line says stays.
    pub fn again(self) -> Ask {
        Box::new(move |house, before| {
            let asked = self
                .open_again(house, before)
                .map_err(|failure| failure.message().to_owned())?;
            let same = asked.len() == before.len()
                && asked.iter().zip(before).all(|(new, old)| {
                    new.identity == old.identity && new.parameters == old.parameters
                });
            Ok((!same).then_some(asked))
        })
    }

    /// As [`Asking::open`], but a provider that is what it was in `before` is kept with its connections and limits.
    fn open_again(&self, house: &House, before: &[Asked]) -> Result<Vec<Asked>, Failure> {
        let mut all: Vec<Asked> = Vec::new();
        for (place, parameters) in self.parameters(house)?.into_iter().enumerate() {
            let named = self.model.as_deref().filter(|_| place == 0);
            let config = provider(house, &parameters.provider)?;
            // What the command line names goes before what the house says of the provider.
            let config = &ProviderConfig {
                model: config.model.clone().filter(|_| named.is_none()),
                ..config.clone()
            };
            let identity = identity(config);
            let open = all.iter().chain(before);
            let known = open
                .filter(|asked| asked.parameters.provider == parameters.provider)
                .find(|asked| asked.identity == identity)
                .map(|asked| asked.model.clone());
            let model: Arc<dyn Model> = match known {
                Some(model) => model,
                None => provider::open(config, &provider::Settings::default())
                    .map_err(|error| Failure::new(PROVIDER, error.to_string()))?,
            };
            let name = named
                .map(Arc::from)
                .or_else(|| config.model.clone())
                .unwrap_or_else(|| parameters.name.clone());
            all.push(Asked {
                model,
                parameters: ModelParameters { name, ..parameters },
                free: matches!(
                    config.kind,
                    ProviderKind::Scripted { .. } | ProviderKind::Replay { .. }
                ),
                here: config.kind.is_here(),
                identity,
            });
        }
        Ok(all)
    }

    fn parameters(&self, house: &House) -> Result<Vec<ModelParameters>, Failure> {
        let agent = house.agents.get(self.agent.as_str()).ok_or_else(|| {
            let known: Vec<&str> = house.agents.keys().map(|name| &**name).collect();
            Failure::new(
                USAGE,
                format!("there is no agent `{}` in this house", self.agent),
            )
            .help(format!("it has {}", known.join(", ")))
        })?;
        Ok(match &self.provider {
            Some(provider) => vec![ModelParameters {
                provider: provider.as_str().into(),
                ..agent.model.clone()
            }],
            None => std::iter::once(&agent.model)
                .chain(&agent.fallback)
                .cloned()
                .collect(),
        })
    }
}

/// Whom every agent of a house asks, for a host of many: those who ask the same provider share it, with its connections and its limits.
pub fn whom() -> Whom {
    let opened: RefCell<Vec<Asked>> = RefCell::default();
    Box::new(move |house, agent| {
        let asking = Asking {
            agent: agent.to_owned(),
            provider: None,
            model: None,
        };
        let asked = asking.open_again(house, &opened.borrow());
        let asked = asked.map_err(|failure| {
            let help = "mend the agent's `model` or the house's `providers`; `charthouse check` says what is wrong";
            Refused::new(RefusedCode::Provider, failure.message(), help)
        })?;
        let mut opened = opened.borrow_mut();
        opened.retain(|known| !asked.iter().any(|new| same(known, new)));
        opened.extend(asked.iter().cloned());
        Ok((asked, asking.again()))
    })
}

fn same(one: &Asked, other: &Asked) -> bool {
    one.identity == other.identity && one.parameters.provider == other.parameters.provider
}

fn provider<'a>(house: &'a House, name: &str) -> Result<&'a ProviderConfig, Failure> {
    house.providers.get(name).ok_or_else(|| {
        let known: Vec<&str> = house.providers.keys().map(|name| &**name).collect();
        Failure::new(USAGE, format!("the house has no provider `{name}`")).help(format!(
            "it has {}; add others under `providers` in house.yaml",
            known.join(", ")
        ))
    })
}

/// What a provider is made of: its definition, and the script or cassette where it is one.
fn identity(provider: &ProviderConfig) -> ContentHash {
    let mut bytes = format!("{provider:?}").into_bytes();
    if let ProviderKind::Scripted { file } | ProviderKind::Replay { file } = &provider.kind {
        bytes.extend(std::fs::read(file).unwrap_or_default());
    }
    ContentHash::of(&bytes)
}
