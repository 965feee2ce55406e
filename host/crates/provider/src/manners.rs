//! What models want otherwise than most, learnt from their refusals and remembered for as long as the host runs.
//!
//! Servers of one dialect differ in which parameters they accept, and no list of models' names stays right for long; a refusal names the parameter.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The manner of each model behind one server, by the model's name.
#[derive(Default)]
pub struct Manners<M>(Mutex<BTreeMap<String, M>>);

impl<M: Copy + Default + PartialEq> Manners<M> {
    /// What is known of `model`.
    pub fn of(&self, model: &str) -> M {
        let manners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        manners.get(model).copied().unwrap_or_default()
    }

    /// Make `wanted` the manner of `model` and of the exchange that goes by `current`; answers whether it is another one.
    pub fn change(&self, model: &str, current: &mut M, wanted: M) -> bool {
        if *current == wanted {
            return false;
        }
        *current = wanted;
        let mut manners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        manners.insert(model.to_owned(), wanted);
        true
    }
}
