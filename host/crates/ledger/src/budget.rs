//! Budgets: whether there is enough left of every limit that bears on a call, before the call is made.
//!
//! A pure engine. [`Books`] knows what was spent, what is booked and not on the disk yet, and what is under way; a [`Line`] is one limit with those it holds for;
//! [`Books::admit`] says whether a call may be made. Where the limits are written, where records come from and who is told is nobody's business here.
//!
//! The rule: a call is refused where a limit is reached, or where what it is sure to cost (its input) would go beyond. Where only what is under way could make it
//! go beyond, it waits until that is booked, so that whatever runs at the same time, no more than one call ever ends beyond a limit, and by no more than what
//! nobody could know before: its answer.

mod books;
mod line;
mod period;
mod sum;
mod tally;

pub use books::{Admission, Books, Entry, Exhausted, Expected};
pub use line::{Line, Whose};
pub use period::Period;
pub use sum::{Account, Expense, Sum};
pub use tally::Tally;

#[cfg(test)]
mod properties;
