//! `cargo xtask bench`: placeholder until the bench crate exists.
use anyhow::Result;
/// Measure.
pub fn run() -> Result<()> {
    Ok(())
}
