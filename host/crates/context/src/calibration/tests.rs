//! What is learnt, what is not, and how rarely the factor moves.

use super::*;
use crate::BytesEstimate;
use proptest::prelude::*;

fn taught(samples: &[(u64, u64)]) -> Calibration {
    let mut calibration = Calibration::new();
    for (raw, reported) in samples {
        calibration.learn(*raw, *reported);
    }
    calibration
}

fn thousandths(samples: &[(u64, u64)]) -> u32 {
    taught(samples).scale().thousandths()
}

#[test]
fn a_count_that_was_too_small_is_corrected_at_once_and_one_too_large_after_three_replies() {
    assert_eq!(thousandths(&[]), 1_000);
    assert_eq!(thousandths(&[(10_000, 12_340)]), 1_230);
    assert_eq!(thousandths(&[(10_000, 8_000)]), 1_000);
    assert_eq!(thousandths(&[(10_000, 8_000), (11_000, 8_800)]), 1_000);
    assert_eq!(
        thousandths(&[(10_000, 8_000), (11_000, 8_800), (12_000, 9_600)]),
        800
    );
}

#[test]
fn far_up_goes_only_what_three_replies_agree_on() {
    assert_eq!(thousandths(&[(10_000, 25_000)]), 1_300);
    assert_eq!(thousandths(&[(10_000, 25_000), (10_000, 24_000)]), 1_300);
    // However much longer the odd one is: weight alone does not make a majority.
    let odd = [(100, 110), (100, 110), (10_000, 25_000), (100, 110)];
    assert_eq!(thousandths(&odd), 1_300);
    assert_eq!(thousandths(&[(10_000, 25_000); 3]), 2_500);
    // And what two replies of the window say lowers nothing, however long they are.
    let odd = [(100, 110), (9_000, 2_000), (9_000, 2_000), (100, 110)];
    assert_eq!(thousandths(&odd), 1_100);
}

#[test]
fn a_server_that_always_says_the_same_lowers_no_count() {
    let mut calibration = Calibration::new();
    for turn in 0..60 {
        calibration.learn(600 + 300 * turn, 1_000);
        let scale = calibration.scale();
        assert!(turn < 6 || scale >= Scale::ONE, "{scale:?} in turn {turn}");
    }
    let report = calibration.report().unwrap();
    assert!(report.error > Some(0.5), "{report:?}");
    // One that counts tokens and makes half as many of them is believed soon.
    assert_eq!(thousandths(&[(5_000, 2_500); 8]), 500);
}

#[test]
fn an_outlier_moves_nothing_however_long_its_payload() {
    let mut samples = vec![(5_000, 5_400); 9];
    samples.push((900_000, 4_000_000));
    samples.push((900_000, 300_000));
    assert_eq!(thousandths(&samples), 1_080);
}

#[test]
fn a_server_that_lies_is_not_believed_and_counted() {
    let mut calibration = taught(&[(5_000, 5_400)]);
    for reported in [0, 1, 999, 25_001, u64::MAX] {
        assert_eq!(
            calibration.learn(5_000, reported),
            Learned::Ignored,
            "{reported}"
        );
    }
    let report = calibration.report().unwrap();
    assert_eq!(
        (report.samples, report.ignored, report.factor),
        (1, 5, 1.08)
    );
    // Within the bounds it is believed, so far.
    for _ in 0..40 {
        calibration.learn(5_000, 1_000);
    }
    assert_eq!(calibration.scale(), Scale::LEAST);
}

#[test]
fn a_payload_of_a_few_words_teaches_nothing() {
    let mut calibration = Calibration::new();
    assert_eq!(calibration.learn(20, 60), Learned::Ignored);
    assert_eq!(calibration.report(), None);
}

#[test]
fn a_model_that_has_changed_is_followed() {
    let mut calibration = taught(&[(5_000, 5_400); 30]);
    for _ in 0..WINDOW {
        calibration.learn(5_000, 7_000);
    }
    assert_eq!(calibration.scale().thousandths(), 1_400);
}

#[test]
fn the_error_is_that_of_its_own_predictions() {
    let mut calibration = taught(&[(10_000, 12_000)]);
    assert_eq!(calibration.report().unwrap().error, None);
    // 12 000 were predicted each time.
    calibration.learn(10_000, 12_000);
    calibration.learn(10_000, 12_500);
    assert_eq!(calibration.report().unwrap().error, Some(0.02));
}

#[test]
fn the_name_says_what_was_learnt() {
    let name = |samples: &[(u64, u64)]| {
        Calibrated::new(&BytesEstimate, &taught(samples))
            .name()
            .to_owned()
    };
    assert_eq!(name(&[]), "bytes/3.6");
    assert_eq!(name(&[(5_000, 0)]), "bytes/3.6");
    assert_eq!(
        name(&[(5_000, 5_400)]),
        "bytes/3.6 × 1.08, learnt from 1 reply"
    );
    assert_eq!(
        name(&[(5_000, 5_400), (5_000, 5_500)]),
        "bytes/3.6 × 1.08, learnt from 2 replies, off by 1.8 %"
    );
}

#[test]
fn it_is_kept_and_damaged_ones_do_no_harm() {
    let calibration = taught(&[(5_000, 5_400), (6_000, 6_600)]);
    let json = serde_json::to_string(&calibration).unwrap();
    assert_eq!(
        serde_json::from_str::<Calibration>(&json).unwrap(),
        calibration
    );
    let damaged = r#"{"factor":0,"window":[[0,0],[0,18446744073709551615],[18446744073709551615,1]],"samples":18446744073709551615,"error_sum":18446744073709551615}"#;
    let mut damaged: Calibration = serde_json::from_str(damaged).unwrap();
    assert_eq!(damaged.scale(), Scale::LEAST);
    damaged.learn(u64::MAX, u64::MAX);
    assert!(damaged.report().is_some());
}

proptest! {
    /// Noise of two percent around any factor: it settles and then stays.
    #[test]
    fn noise_does_not_move_it(factor in 300..3_000u64, noise in proptest::collection::vec(-20..=20i64, 200)) {
        let mut calibration = Calibration::new();
        let mut moves = 0;
        for (turn, noise) in noise.iter().enumerate() {
            let raw = 2_000 + 100 * turn as u64;
            let reported = raw * factor / 1_000 * (1_000 + noise).unsigned_abs() / 1_000;
            let before = calibration.scale();
            calibration.learn(raw, reported);
            moves += u32::from(calibration.scale() != before);
        }
        prop_assert!(moves <= 6, "moved {moves} times in 200 turns");
        let found = u64::from(calibration.scale().thousandths());
        prop_assert!(found.abs_diff(factor) * 1_000 <= factor * 55, "{found} for {factor}");
    }
}
