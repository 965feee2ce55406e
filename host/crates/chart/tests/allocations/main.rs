//! Steps that have no effects allocate nothing once the working memory has grown: an agent that lives for months must not wear out its heap.

#[path = "../../benches/step/charts.rs"]
mod charts;
mod counting;
#[path = "../chart/support.rs"]
mod support;

use charthouse_chart::{Effects, start, step};
use charts::Course;
use counting::counted;

/// How often `course` allocates when it is gone through a second time.
fn allocations(course: &Course) -> u64 {
    let mut effects = Effects::new();
    let mut snapshot = start(&course.chart, 0, &mut effects).expect("the chart starts");
    let mut around = || {
        for event in course.events.iter().cycle().take(240) {
            effects.clear();
            step(&course.chart, &mut snapshot, event, &mut effects).expect("a step");
        }
    };
    around();
    counted(around).1.allocations
}

#[test]
fn steps_of_every_kind_without_effects_allocate_nothing() {
    for course in [
        charts::flat(),
        charts::par(),
        charts::mix(),
        charts::history(),
        charts::timer(),
    ] {
        assert_eq!(allocations(&course), 0, "{}", course.name);
    }
}

#[test]
fn guards_over_data_event_and_configuration_allocate_nothing() {
    for guard in [
        "data.rounds < 3 && event.data.changed",
        "data.rounds % 2 == 0 || data.phase == 'done'",
        "event.name != 'ask'",
        "In('elsewhere')",
        "size(data.files) > 3",
        "has(event.data.missing)",
        "'c.rs' in data.files",
    ] {
        assert_eq!(allocations(&charts::guarded(guard)), 0, "{guard}");
    }
}

#[test]
fn what_allocates_is_counted() {
    let (text, asked) = counted(|| String::from("some text"));
    assert_eq!((asked.allocations, asked.bytes), (1, 9));
    let ((), asked) = counted(|| drop(text));
    assert_eq!((asked.allocations, asked.bytes), (0, -9));
}
