//! What a run needs from outside, put together once by the front end.

use crate::RunEvent;
use definitions::House;
use sandbox::Sandbox;
use std::sync::Arc;
use types::{Clock, EnergyMeter, Rng};

/// Hears what happens. Called on the run's own thread: it must not wait.
pub type Observer = Arc<dyn Fn(&RunEvent) + Send + Sync>;

/// The house and the outside world.
#[derive(Clone)]
pub struct Services {
    /// Checked definitions.
    pub house: Arc<House>,
    /// Runs components.
    pub sandbox: Arc<Sandbox>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub rng: Arc<dyn Rng>,
    /// What CPU time takes, where this machine measures it.
    pub meter: Arc<dyn EnergyMeter>,
}
