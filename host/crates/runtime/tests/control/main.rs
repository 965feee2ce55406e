//! The gate with everything behind it but a model: a house on the disk, its journal, real keys and signatures, and changes as their records have them.

#[path = "../common/mod.rs"]
mod common;
mod house;

mod entrances;
mod in_place;
mod running;
