//! YAML in, validated definitions out: houses, agents, charts and policies.
//!
//! A file becomes a tree in which every node knows its place, walkers turn the tree into the other parts' own definitions and collect every
//! complaint on the way, and [`load`] puts the files of a house together and resolves the names between them. Whatever is wrong with any file is
//! in one [`Report`], each finding with its line and what to do about it.
//!
//! This is the only part that knows YAML, and only `tree` within it. It reads files and nothing else: it starts nothing, writes nothing and asks no
//! network, so that a directory of strangers can be checked safely. What a chart, a policy or a context map *means* is the business of the parts
//! that own them.

mod agent;
mod beside;
mod budget;
mod cases;
mod chart;
mod context;
mod edit;
mod exchange;
mod files;
mod house;
mod kind;
mod load;
mod lock;
mod outline;
mod parts;
mod paths;
mod plugin_tests;
mod plugins;
mod policy;
mod power;
mod prefix;
mod prices;
mod recorded;
mod report;
mod resolve;
mod scenario;
mod schema;
mod serve;
mod source;
mod suggest;
mod tree;
mod walk;
mod window;

pub use crate::agent::{AgentDef, Children, Counting};
pub use crate::beside::{check_beside, check_yaml, scripts_in};
pub use crate::budget::HouseBudgets;
pub use crate::chart::{ChartBundle, ChildDef, OUTCOME_BYTES_MAX, RoleDef};
pub use crate::edit::{with_plugin, without_plugin};
pub use crate::house::{
    BULKY, CHANGE_CONTROL, Controlled, Emergency, KEPT_FOR_EVER, PluginDef, Promote, Retention,
    is_kept_for_ever,
};
pub use crate::kind::Kind;
pub use crate::load::{
    House, OWN, answers_of, load, load_chart, load_control, load_policy, load_store, people_in,
};
pub use crate::lock::{Lock, Locked};
pub use crate::outline::{Outline, Written, outline};
pub use crate::plugin_tests::{
    CaseFile, Expectations, ExpectedAnswer, ExpectedFailure, ExpectedPart, ExpectedResult,
    PluginCase, PluginTests, TextMatch, load_plugin_tests,
};
pub use crate::plugins::{HousePlugins, load_plugins};
pub use crate::prices::Prices;
pub use crate::recorded::{RecordedFile, load_recorded};
pub use crate::report::Report;
pub use crate::scenario::{ScenarioFile, load_scenarios, load_scenarios_of, scenarios_text};
pub use crate::schema::schema;
pub use crate::serve::{
    Cron, FilesOn, HttpOn, Input, Keep, Missed, On, Overlap, Prompt, Restart, Schedule, ServeDef,
    Starts, Trigger,
};
pub use crate::source::Sources;
