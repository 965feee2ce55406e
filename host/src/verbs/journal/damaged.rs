//! A journal that somebody looks at may be damaged: what is left of it is shown all the same, and then said what is not.

use crate::exit::{Failure, STORE};
use crate::{open, print};
use ::journal::Journal;
use std::path::Path;

/// Have `look` look at the journal of the house in `directory`, and say what of it cannot be read or is not there any more.
///
/// # Errors
/// What `look` returns, and when nothing of it can be read.
pub fn look_at(
    directory: &Path,
    look: impl FnOnce(Option<&Journal>) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let Some(journal) = open::journal_to_look(directory)? else {
        return look(None);
    };
    let is_whole = is_whole(&journal);
    let looked = look(Some(&journal));
    let Some(damage) = journal.damage() else {
        return match is_whole {
            true => looked,
            false => looked.map(|_| STORE),
        };
    };
    if let Err(failure) = looked {
        failure.print();
    }
    let (path, what) = (journal.path().display(), print::plain(&damage.what));
    Err(Failure::new(
        STORE,
        format!("the journal {path} is damaged ({what}): {damage}"),
    )
    .help("`charthouse journal verify` says what is proven; restore the file from a copy"))
}

/// Whether `journal` ends where it was written to; says so where it does not, before whoever follows it waits.
fn is_whole(journal: &Journal) -> bool {
    match journal.check_end() {
        Ok(()) => true,
        Err(error) => {
            print::err(&format!("warning: {}\n", print::plain(&error.to_string())));
            false
        }
    }
}
