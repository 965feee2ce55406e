//! What users of the engine would miss: findings as people read them, the semantics of charts that people write, stored snapshots, the
//! simulator's lines, and invariants over random charts. The conformance suites (`tests/conformance`) hold the rest of the semantics.

mod drawing;
mod drawn;
mod findings;
mod migration;
mod moving;
mod properties;
mod scenarios;
mod semantics;
mod simulator;
mod support;
