//! One file per verb.

mod agents;
mod asked;
mod audit;
mod cases;
mod change;
mod chart;
mod chat;
mod check;
mod compile;
mod confine;
mod context;
mod doctor;
mod init;
mod journal;
mod ledger;
mod management_review;
mod memory;
mod new;
mod passphrase;
mod plugin;
mod policy;
mod replay;
mod run;
mod schema;
mod serve;
mod signing;
mod supply;
mod workflow;

use crate::cli::{Arguments, Verb};
use crate::exit::Failure;

/// Do what was asked. The number is the exit code.
pub fn dispatch(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.verb {
        Verb::Init(options) => init::run(&options),
        Verb::Check(options) => check::run(&options),
        Verb::Run(options) => run::run(&options),
        Verb::Chat(options) => chat::run(&options),
        Verb::Serve(options) => serve::run(&options),
        Verb::Agents(verb) => agents::run(&verb),
        Verb::Workflow(verb) => workflow::run(&verb),
        Verb::Change(verb) => change::run(&verb),
        Verb::Doctor(options) => doctor::run(&options),
        Verb::New(verb) => new::run(&verb),
        Verb::Plugin(verb) => plugin::run(&verb),
        Verb::Chart(verb) => chart::run(&verb),
        Verb::Context(verb) => context::run(&verb),
        Verb::Policy(verb) => policy::run(&verb),
        Verb::Journal(verb) => journal::run(&verb),
        Verb::Audit(verb) => audit::run(&verb),
        Verb::Replay(options) => replay::run(&options),
        Verb::Memory(verb) => memory::run(&verb),
        Verb::Ledger(options) => ledger::run(&options),
        Verb::Schema(options) => schema::run(&options),
        Verb::CompileComponent { input, output } => compile::run(&input, &output),
        Verb::ConfineCommand { step } => confine::run(&step),
    }
}
