//! Components that break the rules of the component model, or keep them to the letter to do harm: each ends its own call with a failure in words, and
//! the next call of the same sandbox is fine.

use crate::common::{call_on, error, grant, load, sandbox, text};
use crate::written::{ANSWER, PART, SPEC, SPECS, TEXT, Written};
use policy::Grant;
use serde_json::json;
use std::time::Duration;
use types::{Bytes, CallErrorKind, Count, Outcome};

const LOOP: &str = "(loop br 0) unreachable";
const TRAP: &str = "unreachable";

/// A grant whose fuel ends soon and whose deadline does not.
fn small() -> Grant {
    let mut grant = grant();
    grant.limits.fuel = Count(20_000_000);
    grant.limits.deadline = Duration::from_secs(300);
    grant
}

/// Call the tool of `written`, then a harmless one of the same sandbox.
async fn attack_with(grant: &Grant, written: Written) -> Outcome {
    let sandbox = sandbox();
    let plugin = written.load(&sandbox).await.unwrap();
    let outcome = call_on(&sandbox, &plugin, grant, "go", json!({})).await;
    let next = load(&sandbox, "minimal").await;
    let fine = json!({ "text": "fine" });
    let fine = call_on(&sandbox, &next, &self::grant(), "echo", fine).await;
    assert!(text(&fine).contains("fine"));
    outcome
}

/// The call must end with `kind` and these words.
async fn attack(written: Written, kind: CallErrorKind, about: &str) {
    error(&attack_with(&small(), written).await, kind, about);
}

/// Loading must fail with these words.
async fn refused(written: Written, about: &str) {
    let sandbox = sandbox();
    let error = written.load(&sandbox).await.expect_err("it was loaded");
    let error = error.to_string();
    assert!(error.contains(about), "`{about}` is not in: {error}");
    assert!(error.len() < 2_000, "{} bytes of error", error.len());
}

/// A tool plugin with these words in place of the harmless ones.
fn with_words(words: &[(u32, u32)]) -> Written {
    Written {
        fields: words
            .iter()
            .map(|(at, word)| Written::word(*at, *word))
            .collect(),
        ..Written::default()
    }
}

fn with_fields(fields: &str) -> Written {
    Written {
        fields: fields.to_owned(),
        ..Written::default()
    }
}

#[tokio::test]
async fn the_harmless_one_is_fine() {
    let outcome = attack_with(&small(), Written::default()).await;
    assert_eq!(text(&outcome), "fine");
}

#[tokio::test]
async fn an_endless_loop_ends_wherever_it_is() {
    let fields = format!("(func $start {LOOP}) (start $start)");
    refused(with_fields(&fields), "fuel").await;
    let specs = Written {
        specs: LOOP.into(),
        ..Written::default()
    };
    refused(specs, "fuel").await;
    let invoke = Written {
        invoke: LOOP.into(),
        ..Written::default()
    };
    attack(invoke, CallErrorKind::Limit, "fuel of 20M").await;
    // Called by the host to make room for the call's arguments, and once their answer was read.
    let realloc = Written {
        realloc: LOOP.into(),
        ..Written::default()
    };
    attack(realloc, CallErrorKind::Limit, "fuel of 20M").await;
    let after = Written {
        after: LOOP.into(),
        ..Written::default()
    };
    attack(after, CallErrorKind::Limit, "fuel of 20M").await;
}

#[tokio::test]
async fn a_trap_is_a_failure_wherever_it_is() {
    let fields = format!("(func $start {TRAP}) (start $start)");
    refused(with_fields(&fields), "unreachable").await;
    let specs = Written {
        specs: TRAP.into(),
        ..Written::default()
    };
    refused(specs, "unreachable").await;
    for piece in ["invoke", "realloc", "after"] {
        let mut written = Written::default();
        match piece {
            "invoke" => written.invoke = TRAP.into(),
            "realloc" => written.realloc = TRAP.into(),
            _ => written.after = TRAP.into(),
        }
        attack(written, CallErrorKind::Trap, "unreachable").await;
    }
}

#[tokio::test]
async fn a_stack_that_overflows_is_a_trap() {
    let written = Written {
        invoke: "call $deeper".into(),
        ..with_fields("(func $deeper (result i32) (i32.add (call $deeper) (i32.const 1)))")
    };
    attack(written, CallErrorKind::Trap, "call stack exhausted").await;
}

#[tokio::test]
async fn pointers_that_lead_nowhere_are_traps() {
    for (at, about) in [
        ("-8", "out of bounds"),
        ("262140", "out of bounds"),
        ("201", "align"),
    ] {
        let written = Written {
            invoke: format!("i32.const {at}"),
            ..Written::default()
        };
        attack(written, CallErrorKind::Trap, about).await;
        let written = Written {
            specs: format!("i32.const {at}"),
            ..Written::default()
        };
        refused(written, about).await;
    }
    for at in ["-8", "262143", "2147483647"] {
        let written = Written {
            realloc: format!("i32.const {at}"),
            ..Written::default()
        };
        attack(written, CallErrorKind::Trap, "realloc").await;
    }
}

#[tokio::test]
async fn lengths_that_lie_are_traps() {
    for length in [u32::MAX, 0x7FFF_FFFF, 4 * 65_536] {
        attack(
            with_words(&[(PART + 8, length)]),
            CallErrorKind::Trap,
            "out of bounds",
        )
        .await;
        attack(
            with_words(&[(ANSWER + 8, length)]),
            CallErrorKind::Trap,
            "out of bounds",
        )
        .await;
        refused(with_words(&[(SPECS + 4, length)]), "out of bounds").await;
        refused(with_words(&[(SPEC + 4, length)]), "out of bounds").await;
    }
}

#[tokio::test]
async fn variants_that_are_none_are_traps() {
    attack(
        with_words(&[(ANSWER, 9)]),
        CallErrorKind::Trap,
        "discriminant",
    )
    .await;
    attack(
        with_words(&[(PART, 77)]),
        CallErrorKind::Trap,
        "discriminant",
    )
    .await;
    refused(with_words(&[(SPEC + 24, 3)]), "discriminant").await;
}

#[tokio::test]
async fn text_that_is_none_is_a_trap() {
    // A continuation without a beginning, an overlong slash, a surrogate, a code point beyond the last, a cut one.
    for bytes in [
        "\\80abc",
        "\\c0\\af!!",
        "\\ed\\a0\\80!",
        "\\f4\\90\\80\\80",
        "abc\\e2",
    ] {
        let written = with_fields(&format!("(data (i32.const {TEXT}) \"{bytes}\")"));
        attack(written, CallErrorKind::Trap, "utf-8").await;
    }
    refused(with_fields("(data (i32.const 100) \"\\ff\\ff\")"), "utf-8").await;
    // A half of a pair; four units are eight bytes.
    let written = Written {
        encoding: "utf16",
        specs: format!("i32.const {}", SPECS + 48),
        ..with_fields(&format!(
            "(data (i32.const {TEXT}) \"\\00\\d8a\\00b\\00c\\00\")"
        ))
    };
    // No tools at all, so that nothing but the answer is in this encoding.
    let sandbox = sandbox();
    let loaded = written.load(&sandbox).await;
    assert!(
        loaded.is_ok(),
        "{:?}",
        loaded.err().map(|error| error.to_string())
    );
}

#[tokio::test]
async fn one_text_cannot_be_answered_a_thousand_times() {
    // 8,000 parts of 20 bytes, all of the same 64 KiB: half a gigabyte for the host out of a quarter of a mebibyte.
    let written = Written {
        invoke: format!(
            "(local $at i32)
            (local.set $at (i32.const 65536))
            (loop $more
                (i32.store offset=4 (local.get $at) (i32.const 0))
                (i32.store offset=8 (local.get $at) (i32.const 65536))
                (local.set $at (i32.add (local.get $at) (i32.const 20)))
                (br_if $more (i32.lt_u (local.get $at) (i32.const 225536))))
            (i32.store (i32.const {}) (i32.const 65536))
            (i32.store (i32.const {}) (i32.const 8000))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 16))
            (i32.const {ANSWER})",
            ANSWER + 4,
            ANSWER + 8
        ),
        ..Written::default()
    };
    attack(written, CallErrorKind::Limit, "at once").await;
}

#[tokio::test]
async fn parts_of_nothing_are_something() {
    // 200,000 empty parts: no byte of output, and a journal full of them.
    let written = Written {
        memory: "(memory (export \"memory\") 64)",
        ..with_words(&[(ANSWER + 4, 65_536), (ANSWER + 8, 200_000)])
    };
    attack(written, CallErrorKind::Limit, "output limit").await;
}

#[tokio::test]
async fn the_host_is_not_called_while_it_asks_for_room() {
    let written = Written {
        component: r#"(import "charthouse:plugin/log@0.1.0" (instance $log
            (type $l (enum "debug" "info" "warn" "error"))
            (export "level" (type $level (eq $l)))
            (export "write" (func (param "level" $level) (param "message" string)))))
            (core module $lender (memory (export "memory") 1))
            (core instance $lent (instantiate $lender))
            (core func $write (canon lower (func $log "write") (memory $lent "memory")))"#
            .into(),
        imports: r#"(import "host" "write" (func $write (param i32 i32 i32)))"#,
        given: r#"(with "host" (instance (export "write" (func $write))))"#,
        realloc: "(call $write (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 8192)".into(),
        ..Written::default()
    };
    attack(
        written,
        CallErrorKind::Trap,
        "cannot leave component instance",
    )
    .await;
}

#[tokio::test]
async fn memories_and_tables_share_one_budget() {
    let grow = |what: &str| format!("(loop $more (br_if $more (i32.ne ({what}) (i32.const -1))))");
    let written = Written {
        invoke: [
            grow("memory.grow $b (i32.const 1)"),
            grow("memory.grow $c (i32.const 16)"),
            grow("memory.grow $d (i32.const 64)"),
            grow("table.grow $t (ref.null func) (i32.const 100)"),
            grow("table.grow $u (ref.null func) (i32.const 1)"),
            format!("i32.const {ANSWER}"),
        ]
        .concat(),
        ..with_fields(
            "(memory $b 0) (memory $c 0) (memory $d 0) (table $t 0 funcref) (table $u 0 funcref)",
        )
    };
    let mut grant = small();
    grant.limits.memory = Bytes(8 << 20);
    let outcome = attack_with(&grant, written).await;
    assert_eq!(text(&outcome), "fine");
    assert!(outcome.memory <= 8 << 20, "{}", outcome.memory);
    assert!(outcome.memory > 7 << 20, "{}", outcome.memory);
}

#[tokio::test]
async fn memory_that_a_module_begins_with_counts() {
    // 4 GiB to begin with.
    let written = with_fields("(memory $large 65536)");
    refused(written, "more memory").await;
    let written = with_fields("(memory $large 1024)");
    let mut grant = small();
    grant.limits.memory = Bytes(8 << 20);
    let outcome = attack_with(&grant, written).await;
    error(
        &outcome,
        CallErrorKind::Limit,
        "more memory than its limit of 8MiB",
    );
}

#[tokio::test]
async fn more_than_one_component_may_have_is_refused_when_it_is_loaded() {
    refused(with_fields(&"(memory 1) ".repeat(4)), "memories").await;
    refused(with_fields(&"(table 1 funcref) ".repeat(9)), "tables").await;
    refused(with_fields("(table 1000000 funcref)"), "table").await;
    let component = "(core module $n) ".to_owned() + &"(core instance (instantiate $n))".repeat(25);
    let written = Written {
        component,
        ..Written::default()
    };
    refused(written, "instances").await;
}
