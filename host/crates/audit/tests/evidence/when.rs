//! When a daemon signs.

use crate::house::House;
use charthouse_audit::{Every, is_due};
use serde_json::json;
use types::Timestamp;

fn due(house: &House, after: i64) -> bool {
    is_due(
        &house.journal,
        Timestamp(house.now + after),
        Every::default(),
    )
    .unwrap()
}

#[test]
fn it_is_due_after_an_hour_or_many_records_or_a_release_and_never_for_nothing() {
    let Every { records, ms } = Every::default();
    let mut house = House::empty();
    assert!(!due(&house, ms * 10));
    house.record("r", "step", &json!({}));
    assert!(!due(&house, 0));
    assert!(due(&house, ms));
    house.checkpoint();
    assert!(!due(&house, ms * 10), "nothing was written since");
    house.record("r", "step", &json!({}));
    assert!(!due(&house, ms / 2));
    assert!(due(&house, ms));
    assert!(due(&house, -ms * 2), "the clock was set back");
    house.record("r", "change.released", &json!({}));
    assert!(due(&house, 0));
    house.checkpoint();
    for _ in 0..records {
        assert!(!due(&house, 0));
        house.record("r", "step", &json!({}));
    }
    assert!(due(&house, 0));
}
