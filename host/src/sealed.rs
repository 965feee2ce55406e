//! The record is signed up to its end: by every process that wrote when it ends, and by a daemon as it goes on.
//!
//! What a process wrote was durable before this; a process that is killed leaves records that no checkpoint covers, and the next one that writes signs them too.

use crate::print;
use crate::world::{SystemClock, SystemRng};
use audit::{AuditError, Every};
use definitions::House;
use journal::Journal;
use sign::Keyring;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use types::{Clock, Timestamp};

/// How often a daemon looks whether a checkpoint is due.
const LOOK: Duration = Duration::from_secs(10);

/// The journals that this process opened for writing, and how far they had come.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

struct Opened {
    store: PathBuf,
    root: PathBuf,
    house: Arc<str>,
    head: u64,
}

/// `journal` of `house` was opened for writing.
pub fn remember(house: &House, journal: &Journal) {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if opened.iter().any(|known| known.store == house.store) {
        return;
    }
    let Ok(head) = journal.head() else {
        return;
    };
    opened.push(Opened {
        store: house.store.clone(),
        root: house.root.clone(),
        house: house.name.clone(),
        head: head.seq,
    });
}

/// The process ends: sign what it wrote.
pub fn at_the_end() {
    let opened = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    for one in opened {
        if let Err(error) = sign_what_was_written(&one) {
            print::err(&format!(
                "warning: what was recorded is not signed yet: {error}{}\n",
                error
                    .help()
                    .map_or_else(String::new, |help| format!(" ({help})"))
            ));
        }
    }
}

fn sign_what_was_written(opened: &Opened) -> Result<(), AuditError> {
    let Ok(read) = Journal::open_read_only(&opened.store) else {
        return Ok(());
    };
    if read.head()?.seq <= opened.head {
        return Ok(());
    }
    drop(read);
    let mut journal = Journal::open(&opened.store)?;
    let ring = Keyring::of_house(&opened.root);
    let now = SystemClock::new().now();
    audit::make(&mut journal, &ring, &opened.house, &SystemRng, now)?;
    Ok(())
}

/// Sign the record of `house` whenever it is time, until dropped.
pub async fn as_it_goes_on(house: watch::Receiver<Arc<House>>, clock: Arc<dyn Clock>) {
    let mut told = false;
    let (every, look) = how_often();
    loop {
        tokio::time::sleep(look).await;
        let house = house.borrow().clone();
        match if_due(&house, clock.now(), every) {
            Ok(()) => told = false,
            // Once for as long as it lasts.
            Err(error) if !told => {
                tracing::warn!("the record is not signed: {error}");
                told = true;
            }
            Err(_) => {}
        }
    }
}

fn if_due(house: &House, now: Timestamp, every: Every) -> Result<(), AuditError> {
    let ring = Keyring::of_house(&house.root);
    if audit::is_due(&Journal::open_read_only(&house.store)?, now, every)? {
        let mut journal = Journal::open(&house.store)?;
        audit::make(&mut journal, &ring, &house.name, &SystemRng, now)?;
    }
    Ok(())
}

/// How often a daemon signs, and how often it looks: as usual, or in a build with debug assertions as a test wants it, in records, milliseconds, and milliseconds
/// between two looks: `CHARTHOUSE_CHECKPOINT_EVERY=20:60000:100`.
fn how_often() -> (Every, Duration) {
    #[cfg(debug_assertions)]
    if let Ok(wanted) = std::env::var("CHARTHOUSE_CHECKPOINT_EVERY") {
        let numbers: Vec<u64> = wanted.split(':').filter_map(|n| n.parse().ok()).collect();
        if let [records, ms, look] = numbers[..] {
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            return (Every { records, ms }, Duration::from_millis(look));
        }
    }
    (Every::default(), LOOK)
}
