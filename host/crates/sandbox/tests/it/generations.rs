//! Generations: one takes another's place while calls go on, and whatever is wrong with it keeps the one before.

use crate::common::{call_on, error, grant, guest, sandbox, settings, text};
use charthouse_sandbox::{
    Kind, Need, Plugin, Sandbox, Slot, Standing, SwapError, TRAPS_UNTIL_QUARANTINE, Terms,
};
use policy::{Grant, Limits};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use types::{CallErrorKind, Count, PluginName};

/// The component of a generation: the guest's bytes with its mark overwritten.
pub fn generation(number: u32, manner: &str) -> Vec<u8> {
    let mut bytes = fs::read(guest("generation")).unwrap();
    let mark = b"@generation:0001:good@";
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the guest has its mark");
    let new = format!("@generation:{number:04}:{manner}@");
    assert_eq!(new.len(), mark.len());
    bytes[at..at + mark.len()].copy_from_slice(new.as_bytes());
    bytes
}

/// A plugin `g` in a directory of its own.
struct Place {
    sandbox: Arc<Sandbox>,
    slot: Arc<Slot>,
    path: PathBuf,
    _directory: TempDir,
}

impl Place {
    async fn of(sandbox: Sandbox) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("g.wasm");
        fs::write(&path, generation(1, "good")).unwrap();
        let sandbox = Arc::new(sandbox);
        let name = PluginName::parse("g").unwrap();
        let slot = sandbox.slot(&name, &path, true).await.unwrap();
        Place {
            sandbox,
            slot,
            path,
            _directory: directory,
        }
    }

    async fn new() -> Self {
        Place::of(sandbox()).await
    }

    fn save(&self, bytes: &[u8]) {
        let aside = self.path.with_extension("new");
        fs::write(&aside, bytes).unwrap();
        fs::rename(aside, &self.path).unwrap();
    }

    async fn swap(&self, bytes: &[u8]) -> Result<bool, SwapError> {
        self.save(bytes);
        let swapped = self.sandbox.swap(&self.slot, &self.path, &terms()).await;
        swapped.map(|exchange| exchange.is_some())
    }

    async fn refused(&self, bytes: &[u8]) -> String {
        let before = self.slot.current();
        let why = self
            .swap(bytes)
            .await
            .expect_err("it was taken")
            .to_string();
        assert!(Arc::ptr_eq(&before, &self.slot.current()));
        assert_eq!(self.version().await, "generation 0001");
        why
    }

    fn plugin(&self) -> Arc<Plugin> {
        self.slot.current().plugin.clone()
    }

    async fn call(&self, tool: &str) -> types::Outcome {
        let plugin = self.plugin();
        call_on(&self.sandbox, &plugin, &grant(), tool, json!({})).await
    }

    async fn version(&self) -> String {
        text(&self.call("version").await)
    }

    fn standing(&self, number: u64) -> Standing {
        let list = self.slot.list();
        let found = list.iter().find(|(name, _)| name.number == number);
        found.unwrap_or_else(|| panic!("{list:?}")).1
    }
}

/// What the test guest needs, and two of its tools.
fn terms() -> Terms {
    Terms {
        may_need: [
            Need::Files,
            Need::Environment,
            Need::Clock,
            Need::Random,
            Need::State,
        ]
        .into(),
        tools: ["version".to_owned(), "echo".to_owned()].into(),
        kinds: [Kind::Tool].into(),
    }
}

#[tokio::test]
async fn a_new_generation_takes_the_place_and_the_old_code_goes_with_its_last_call() {
    let place = Place::new().await;
    assert_eq!(place.version().await, "generation 0001");
    let old = place.plugin();
    let code = old.code().expect("it has been called");
    // A call that is under way while the place changes hands.
    let (sandbox, plugin) = (place.sandbox.clone(), old.clone());
    let nap = tokio::spawn(async move {
        let rounds = json!({ "rounds": 40_000 });
        call_on(&sandbox, &plugin, &grant(), "nap", rounds).await
    });
    tokio::task::yield_now().await;
    assert!(place.swap(&generation(2, "good")).await.unwrap());
    assert_eq!(place.version().await, "generation 0002");
    assert_eq!(text(&nap.await.unwrap()), "generation 0001");
    assert_eq!(code.strong_count(), 0, "the old code is still in memory");
    assert_eq!(place.standing(2), Standing::Current);
    assert_eq!(place.standing(1), Standing::LastGood);
    // Whoever took the old generation before it left can still call it, and keeps nothing in memory by doing so.
    let late = call_on(&place.sandbox, &old, &grant(), "version", json!({})).await;
    assert_eq!(text(&late), "generation 0001");
    assert!(old.code().is_none());
    assert!(
        !place.swap(&generation(2, "good")).await.unwrap(),
        "the same content is no new generation"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_keeps_the_code_and_its_generation_is_draining() {
    let place = Place::new().await;
    let old = place.plugin();
    // It turns until nobody waits for it any more, so that no machine is too slow to see it draining.
    let (sandbox, plugin) = (place.sandbox.clone(), old.clone());
    let endless = Grant {
        limits: Limits {
            fuel: Count(u64::MAX),
            deadline: Duration::from_secs(600),
            ..Limits::default()
        },
        ..grant()
    };
    let turning = tokio::spawn(async move {
        call_on(&sandbox, &plugin, &endless, "spin", json!({})).await;
    });
    while old.code().is_none() {
        tokio::task::yield_now().await;
    }
    let code = old.code().unwrap();
    assert!(place.swap(&generation(2, "good")).await.unwrap());
    assert_eq!(place.version().await, "generation 0002");
    assert_eq!(place.standing(1), Standing::Draining);
    assert!(code.strong_count() > 0, "its code went while it ran");
    turning.abort();
    assert!(turning.await.unwrap_err().is_cancelled());
    let abandoned = Instant::now();
    while code.strong_count() > 0 {
        assert!(abandoned.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(place.standing(1), Standing::LastGood);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_component_keeps_the_one_before() {
    let place = Place::new().await;
    let whole = generation(2, "good");
    assert!(place.refused(b"").await.contains("empty"));
    assert!(
        place
            .refused(b"#!/bin/sh\n")
            .await
            .contains("not WebAssembly")
    );
    assert!(
        place
            .refused(&whole[..whole.len() / 2])
            .await
            .contains("cannot compile")
    );
    assert!(
        place
            .refused(&generation(2, "deaf"))
            .await
            .contains("not a usable plugin")
    );
    let lost = place.refused(&generation(2, "less")).await;
    assert!(
        lost.contains("no tool `echo`, which definitions refer to"),
        "{lost}"
    );
    let other = fs::read(guest("ctx")).unwrap();
    let other = place.refused(&other).await;
    for word in [
        "no tool `echo`",
        "no tool `version`",
        "no provider of tools",
    ] {
        assert!(other.contains(word), "{other}");
    }
    // Refused by what it imports, whether the host has such an interface or not.
    let wide = place.refused(&fs::read(guest("net")).unwrap()).await;
    assert!(wide.contains("wasi:sockets"), "{wide}");
    fs::remove_file(&place.path).unwrap();
    let gone = place.sandbox.swap(&place.slot, &place.path, &terms()).await;
    assert!(gone.unwrap_err().to_string().contains("cannot read"));
    assert!(place.swap(&whole).await.unwrap());
    assert_eq!(place.version().await, "generation 0002");
}

#[tokio::test]
async fn a_generation_that_needs_more_than_the_ceiling_is_refused_with_the_list() {
    let place = Place::new().await;
    place.save(&generation(2, "good"));
    let narrow = Terms {
        may_need: [Need::Clock].into(),
        ..terms()
    };
    let error = place.sandbox.swap(&place.slot, &place.path, &narrow).await;
    let Err(SwapError::Terms { broken, .. }) = &error else {
        panic!("{error:?}");
    };
    let all = broken.join("\n");
    for import in [
        "wasi:filesystem/",
        "charthouse:plugin/state",
        "wasi:cli/environment",
    ] {
        assert!(all.contains(import), "{all}");
    }
    assert_eq!(place.version().await, "generation 0001");
}

#[tokio::test]
async fn a_place_that_is_held_takes_nothing_back_however_often_it_crashes() {
    let place = Place::new().await;
    place.version().await;
    assert!(place.swap(&generation(2, "trap")).await.unwrap());
    place.slot.hold(true);
    for _ in 0..TRAPS_UNTIL_QUARANTINE {
        error(&place.call("version").await, CallErrorKind::Trap, "");
    }
    let quarantine = place
        .sandbox
        .examine(&place.slot, TRAPS_UNTIL_QUARANTINE)
        .unwrap();
    assert_eq!(quarantine.traps, TRAPS_UNTIL_QUARANTINE);
    assert!(quarantine.back.is_none(), "it is told of, and goes on");
    assert_eq!(place.plugin().info().hash, quarantine.generation.hash());
    assert!(place.sandbox.rollback(&place.slot).is_err());
}

#[tokio::test]
async fn crashes_in_a_row_bring_the_last_good_generation_back() {
    let place = Place::new().await;
    place.version().await;
    assert!(place.swap(&generation(2, "trap")).await.unwrap());
    for n in 1..=TRAPS_UNTIL_QUARANTINE {
        assert!(
            place
                .sandbox
                .examine(&place.slot, TRAPS_UNTIL_QUARANTINE)
                .is_none(),
            "after {n}"
        );
        error(&place.call("version").await, CallErrorKind::Trap, "");
        // What ran into a limit neither counts nor clears.
        let mut short = grant();
        short.limits.deadline = Duration::ZERO;
        let plugin = place.plugin();
        let late = call_on(&place.sandbox, &plugin, &short, "version", json!({})).await;
        error(&late, CallErrorKind::Limit, "deadline");
    }
    let quarantine = place
        .sandbox
        .examine(&place.slot, TRAPS_UNTIL_QUARANTINE)
        .unwrap();
    assert_eq!(quarantine.generation.number, 2);
    assert_eq!(quarantine.traps, TRAPS_UNTIL_QUARANTINE);
    assert_eq!(quarantine.back.unwrap().number, 1);
    assert_eq!(place.version().await, "generation 0001");
    assert_eq!(place.standing(2), Standing::Quarantined);
    assert!(
        place.plugin().code().is_some(),
        "it is kept in memory again"
    );
    assert!(
        place
            .sandbox
            .examine(&place.slot, TRAPS_UNTIL_QUARANTINE)
            .is_none()
    );
    // Saved again, it is not taken; anything else is.
    let again = place.swap(&generation(2, "trap")).await.unwrap_err();
    assert!(matches!(again, SwapError::Quarantined { .. }), "{again}");
    assert!(again.to_string().contains("quarantined"), "{again}");
    assert!(place.swap(&generation(3, "good")).await.unwrap());
    assert_eq!(place.version().await, "generation 0003");
}

#[tokio::test]
async fn failures_and_denials_never_quarantine() {
    let place = Place::new().await;
    place.version().await;
    place.swap(&generation(2, "good")).await.unwrap();
    for _ in 0..3 * TRAPS_UNTIL_QUARANTINE {
        error(&place.call("fail").await, CallErrorKind::Failed, "");
        error(&place.call("echo").await, CallErrorKind::Invalid, "");
        error(&place.call("missing").await, CallErrorKind::Invalid, "");
        let denied = Grant {
            verdict: policy::Verdict::Deny,
            ..grant()
        };
        let plugin = place.plugin();
        let outcome = call_on(&place.sandbox, &plugin, &denied, "version", json!({})).await;
        error(&outcome, CallErrorKind::Denied, "");
    }
    assert!(place.sandbox.examine(&place.slot, 1).is_none());
}

#[tokio::test]
async fn a_generation_that_nothing_can_replace_goes_on_and_is_told_of() {
    let place = Place::of(Sandbox::new(settings(TempDir::new().unwrap().keep()))).await;
    // The first generation of a place: nothing was there before.
    let name = PluginName::parse("bad").unwrap();
    place.save(&generation(9, "trap"));
    let slot = place.sandbox.slot(&name, &place.path, true).await.unwrap();
    let crash = async || {
        let plugin = slot.current().plugin.clone();
        let outcome = call_on(&place.sandbox, &plugin, &grant(), "version", json!({})).await;
        error(&outcome, CallErrorKind::Trap, "");
        place.sandbox.examine(&slot, 2)
    };
    assert!(crash().await.is_none());
    let told = crash().await.expect("two in a row are told of");
    assert!(told.back.is_none());
    assert!(crash().await.is_none(), "not at every crash");
    assert!(crash().await.is_some(), "again after as many more");
    assert_eq!(slot.current().number, 1);
}

#[tokio::test]
async fn rollback_goes_to_the_last_generation_that_answered() {
    let place = Place::new().await;
    assert!(
        place.sandbox.rollback(&place.slot).is_err(),
        "nothing was before"
    );
    place.version().await;
    place.swap(&generation(2, "good")).await.unwrap();
    // Generation 2 is never called: there is nothing that speaks for it.
    place.swap(&generation(3, "good")).await.unwrap();
    let exchange = place.sandbox.rollback(&place.slot).unwrap();
    assert_eq!((exchange.from.number, exchange.to.number), (3, 1));
    assert_eq!(place.version().await, "generation 0001");
    let error = place.sandbox.rollback(&place.slot).unwrap_err();
    assert!(error.to_string().contains("`g`"), "{error}");
}

#[tokio::test]
async fn what_an_earlier_process_learnt_is_used() {
    let place = Place::new().await;
    place.version().await;
    let first = place.slot.current().hash();
    place.swap(&generation(2, "trap")).await.unwrap();
    let second = place.slot.current().hash();
    // A second process finds the bad component in the place, and that it was quarantined.
    let sandbox = Arc::new(sandbox());
    let slot = sandbox
        .slot(place.slot.name(), &place.path, true)
        .await
        .unwrap();
    assert_eq!(slot.current().hash(), second);
    let exchange = sandbox.remember(&slot, &[first, second], &[second]);
    assert_eq!(exchange.expect("it goes back").to.hash(), first);
    let plugin = slot.current().plugin.clone();
    let outcome = call_on(&sandbox, &plugin, &grant(), "version", json!({})).await;
    assert_eq!(text(&outcome), "generation 0001");
    // A person wants it tried again.
    assert!(sandbox.remember(&slot, &[first], &[]).is_none());
    let again = sandbox.swap(&slot, &place.path, &terms()).await.unwrap();
    assert_eq!(again.expect("it is taken").to.hash(), second);
}

#[tokio::test]
async fn a_generation_can_be_compiled_again_when_its_file_holds_another() {
    let cache = TempDir::new().unwrap();
    let place = Place::of(Sandbox::new(settings(cache.path().to_owned()))).await;
    place.version().await;
    let first = place.slot.current().hash();
    place.swap(&generation(2, "good")).await.unwrap();
    for entry in fs::read_dir(cache.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(place.sandbox.kept_component(first).is_some());
    place.sandbox.rollback(&place.slot).unwrap();
    assert_eq!(place.version().await, "generation 0001");
    // Without its component there is nothing to make it of, and that is found before it takes the place.
    place.swap(&generation(2, "good")).await.unwrap();
    fs::remove_dir_all(cache.path()).unwrap();
    assert!(place.sandbox.rollback(&place.slot).is_err());
    assert_eq!(place.version().await, "generation 0002");
}

#[tokio::test]
async fn beside_the_house_no_call_leaves_a_trace() {
    let place = Place::new().await;
    assert_eq!(text(&place.call("count").await), "1");
    for _ in 0..2 {
        let aside = place.sandbox.aside();
        let plugin = place.plugin();
        for expected in ["2", "3"] {
            let outcome = call_on(&aside, &plugin, &grant(), "count", json!({})).await;
            assert_eq!(text(&outcome), expected);
        }
    }
    assert_eq!(text(&place.call("count").await), "2");
}

/// Pages of this process that are in memory.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapping_under_full_load_fails_no_call_and_leaves_no_code_behind() {
    let place = Arc::new(Place::new().await);
    let running = Arc::new(AtomicBool::new(true));
    let calls = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (place, running, calls) = (place.clone(), running.clone(), calls.clone());
            tokio::spawn(async move {
                while running.load(Ordering::Relaxed) {
                    let said = place.version().await;
                    assert!(said.starts_with("generation 00"), "{said}");
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    // Compiled once beforehand: what is measured is the exchange, every 100 ms.
    let components: Vec<Vec<u8>> = (1..=2).map(|n| generation(n, "good")).collect();
    for component in components.iter().rev() {
        place.swap(component).await.unwrap();
    }
    let mut codes = Vec::new();
    let before = resident();
    for n in 0..20 {
        codes.extend(place.plugin().code());
        assert!(place.swap(&components[(n + 1) % 2]).await.unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.store(false, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call fails");
    }
    let left = codes.iter().filter(|code| code.strong_count() > 0).count();
    println!(
        "20 swaps, {} calls, {} KiB more in memory",
        calls.load(Ordering::Relaxed),
        (resident().saturating_sub(before)) * 4
    );
    assert_eq!(
        left,
        0,
        "of {} generations {left} still have code",
        codes.len()
    );
    assert!(calls.load(Ordering::Relaxed) > 20, "there was no load");
}
