//! Validated nouns, units and the traits of the outside world.
//!
//! Every other part speaks in these words, so this room must stay free of IO, clocks and randomness, and must know nothing of YAML, WASM,
//! HTTP or SQL. What stands here is shared by at least two parts; a noun that only one part needs lives there.

mod budget;
mod calendar;
mod component;
mod cost;
mod currency;
mod energy;
mod event;
mod finding;
mod hash;
mod http;
mod marked;
mod memory;
mod nearest;
mod payload;
mod place;
mod power;
mod price;
mod provider;
mod sha256;
mod text;
mod tool;
mod units;
mod value;
mod world;

pub use budget::{LOW, Limit, Limits, Measure, Window};
pub use calendar::{Date, clock_of, day_of, rfc3339, utc};
pub use component::{ComponentFile, Pin, PublicKey, Released, Signature, Signer};
pub use cost::{Cost, Purpose, Tokens, UnknownPurpose};
pub use currency::{Currency, Exchange, Paid, Rate};
pub use energy::{How, Joules};
pub use event::Event;
pub use finding::Finding;
pub use hash::ContentHash;
pub use http::{
    Http, HttpBody, HttpError, HttpErrorKind, HttpFuture, HttpReach, HttpRequest, HttpResponse,
    HttpSecret, HttpTimeouts,
};
pub use marked::Marked;
pub use memory::{MemoryLayer, UnknownLayer};
pub use nearest::nearest;
pub use payload::{
    Arguments, CacheClass, Effort, Item, Kept, Label, ModelError, ModelErrorKind, ModelParameters,
    Payload, Provenance, Reasoning, Reply, Role, StopReason, ToolCall, ToolResult, ToolSchema,
    Usage,
};
pub use place::{Place, Severity};
pub use power::{POWERCAP, PerToken, Power};
pub use price::{MONEY_DECIMALS, Money, Price};
pub use provider::{Dialect, Patience, ProviderConfig, ProviderKind, RateLimits, SecretRef};
pub use sha256::{Sha256, Sha256Hasher};
pub use text::{Text, beyond_ascii};
pub use tool::{
    CallError, CallErrorKind, Effect, Outcome, Part, PluginName, Refusal, Staged, StagedChange,
    StagedKind, StagedState, StagedWhat, ToolName, ToolNameError, ToolSpec,
};
pub use units::{Bytes, Count, Energy, Percent, Span, UnitError, parse_duration, write_duration};
pub use value::Value;
pub use world::{
    Clock, EnergyMeter, Model, ModelFuture, ModelSink, Rng, State, StateSize, Timestamp,
};
