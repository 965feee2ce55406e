//! `compile-component`: what the host starts itself for, so that compiling has limits of its own and leaves no memory behind.

use crate::exit::{Failure, NOT_SO};
use std::path::Path;

pub fn run(input: &Path, output: &Path) -> Result<u8, Failure> {
    sandbox::limit_this_process()
        .and_then(|()| sandbox::compile_component(input, output))
        .map_err(|message| Failure::report(NOT_SO, message))?;
    Ok(0)
}
