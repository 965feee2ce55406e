//! The host in a simulated world: one seed decides every delay, every fault, every command and every crash, so that what fails once fails again.
//!
//! A seed is a house that lives many lives on one journal. Each life ends with the power going at some instant; the next reads what is on the disk and goes on.
//! After each, and after a long time in which nothing goes wrong, what the journal says is held against what everybody was promised.
//! `SIM_SEEDS=1000 SIM_FIRST=7 cargo nextest run --workspace --test sim` looks further.

mod common;
mod sim {
    pub mod checks;
    pub mod house;
    pub mod life;
    pub mod long;
    pub mod model;
    pub mod world;
}

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Seeds that failed once, and what they found.
const FOUND: [u64; 2] = [
    // A run that was paused while it was leaving already: it stayed so, and its record did not say why.
    45,
    // A commit in doubt that could not be looked for at once: its letters were on the record and told to nobody.
    252,
];

#[test]
fn what_was_promised_is_kept_whatever_goes_wrong() {
    let first = number("SIM_FIRST", 1);
    let mut failed = Vec::new();
    for seed in (first..first + number("SIM_SEEDS", 16)).chain(FOUND) {
        let outcome = std::panic::catch_unwind(|| sim::life::live(seed, number("SIM_LIVES", 8)));
        if outcome.is_ok() && std::env::var("SIM_TELL").is_ok() {
            eprintln!("seed {seed} is well");
        }
        if outcome.is_err() {
            eprintln!("seed {seed} fails: SIM_FIRST={seed} SIM_SEEDS=1");
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    let one = sim::life::live(4_711, 6);
    assert_eq!(one, sim::life::live(4_711, 6));
}

#[test]
fn weeks_leave_nothing_behind() {
    sim::long::month(number("SIM_DAYS", 7));
}
