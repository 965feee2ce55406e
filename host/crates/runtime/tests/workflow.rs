//! Instances of workflows: roles that are offered, held, handed over and kept apart, and instances that come out of their records as they were.

mod workflow {
    pub mod charts;
    pub mod duties;
    pub mod fold;
    pub mod moving;
    pub mod refused;
    pub mod shipped;
    pub mod side_by_side;
    pub mod stage;
}
