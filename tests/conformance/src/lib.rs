//! The statechart conformance suites as a library: cases read and compiled ([`case`], [`convert`]), played on a virtual clock ([`script`])
//! by the engine ([`player`]), and a second, literal interpreter that the engine is compared with ([`oracle`]).

pub mod case;
pub mod convert;
pub mod oracle;
pub mod player;
pub mod script;
