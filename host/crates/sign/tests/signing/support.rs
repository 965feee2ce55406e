//! What several tests need.

use charthouse_sign::{Seen, Signer, Statement};
use types::{ContentHash, Rng};

/// Chance that is the same each time.
pub struct Seed(pub u8);

impl Rng for Seed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub fn signer(seed: u8) -> Signer {
    Signer::make(&Seed(seed), "ada@example.com")
}

pub fn statement() -> Statement {
    Statement {
        act: "change.voted".into(),
        artefacts: None,
        by: "human:ada".into(),
        change: "CR-0001".into(),
        house: "my-house".into(),
        instance: "i-1".into(),
        notes: Statement::hash_of_notes("fine"),
        on: None,
        outcome: "approve".into(),
        role: "quality".into(),
        seen: Seen {
            hash: ContentHash::from_bytes([1; 32]),
            seq: 12,
        },
        time: "2026-11-21T07:00:00Z".into(),
    }
}
