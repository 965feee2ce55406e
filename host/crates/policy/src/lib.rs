//! Overlays of policy in, one grant out.
//!
//! This room exists so that enforcement and explanation can never disagree: [`resolve`] is the only resolver, the sandbox acts on the [`Grant`] it
//! returns, and `policy explain` prints that same grant with the rule that decided each line of it. It must know nothing of YAML, of WASM and of
//! the file system: paths are compared as text here, and the sandbox checks them again on the disk (see [`Mount::within`]).
//!
//! The rules are those of DESIGN §4.3. Layers apply in one order; within a kind of rule the last one that matches wins; no match denies; mounts,
//! limits and environment merge field by field; hidden names add up; the operator's ceiling is intersected with the result.

mod command;
mod defaults;
mod explain;
mod fold;
mod grant;
mod hide;
mod mounts;
mod net;
mod overlay;
mod paths;
mod pattern;
mod resolve;
mod tools;

pub use command::{
    EXEC_TOOL, ExecRule, GrantedCommand, SettledCommand, commands_declared,
    matches as command_matches, shown as shown_command,
};
pub use defaults::{
    ACCESS, CALLS_PER_TURN, CLOCK, COMMAND_DEADLINE, COMMAND_MEMORY, COMMAND_PROCESSES, DEADLINE,
    FUEL_PER_CALL, MEMORY, OUTPUT, RANDOM, RECEIVED, REQUESTS, SENT,
};
pub use grant::{Because, Grant, Limits, Mount, Stage, Subject};
pub use hide::{Hide, HideError, HideGlob};
pub use net::{
    AddressRange, Decision, Host, NetLine, NetRules, Reach, Scheme, Target, UrlPattern,
    UrlPatternError, special_address,
};
pub use overlay::{
    Access, ClockMode, HardLinks, LimitsPatch, MountPatch, NetRule, Overlay, RandomMode,
    SecretRule, StagePatch, ToolRule, Verdict,
};
pub use pattern::matches as tool_pattern_matches;
pub use resolve::{Request, resolve};
pub use tools::{could_open, tools_declared, tools_open};
