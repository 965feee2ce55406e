//! The layers of memory. `memory` keeps them, `context` names them in its chunks, the command line lists them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A layer of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryLayer {
    /// What happened: episodic memory.
    Episodes,
    /// What is so: semantic memory.
    Facts,
    /// How something is done: procedural memory.
    Skills,
}

impl MemoryLayer {
    /// Every layer.
    pub const ALL: [MemoryLayer; 3] = [
        MemoryLayer::Episodes,
        MemoryLayer::Facts,
        MemoryLayer::Skills,
    ];

    /// The word for it in definitions, records and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryLayer::Episodes => "episodes",
            MemoryLayer::Facts => "facts",
            MemoryLayer::Skills => "skills",
        }
    }
}

impl fmt::Display for MemoryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no layer of memory `{0}`: write `episodes`, `facts` or `skills`")]
pub struct UnknownLayer(pub String);

impl FromStr for MemoryLayer {
    type Err = UnknownLayer;

    fn from_str(text: &str) -> Result<Self, UnknownLayer> {
        MemoryLayer::ALL
            .into_iter()
            .find(|layer| layer.name() == text)
            .ok_or_else(|| UnknownLayer(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_one_word_everywhere() {
        for layer in MemoryLayer::ALL {
            assert_eq!(layer.name().parse(), Ok(layer));
            assert_eq!(
                serde_json::to_value(layer).unwrap(),
                serde_json::Value::from(layer.to_string())
            );
        }
        assert_eq!(
            "Facts".parse::<MemoryLayer>().unwrap_err().to_string(),
            "there is no layer of memory `Facts`: write `episodes`, `facts` or `skills`"
        );
    }
}
