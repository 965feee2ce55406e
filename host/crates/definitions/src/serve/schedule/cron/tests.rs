//! Cron expressions against brute force, at the edges of months and years, and what is wrong with them where.

use super::*;
use proptest::prelude::*;

fn cron(text: &str) -> Cron {
    in_zone(text, "UTC")
}

fn in_zone(text: &str, zone: &str) -> Cron {
    Cron::parse(text, Zone::parse(zone).unwrap()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// `2026-01-31 13:45`, UTC.
fn at(text: &str) -> Timestamp {
    let numbers: Vec<i64> = text
        .split(['-', ' ', ':'])
        .map(|part| part.parse().unwrap())
        .collect();
    let [year, month, day, hour, minute] = numbers[..] else {
        panic!("{text}");
    };
    // Found by looking, so that the calendar under test is asked in one direction only.
    let days = (-800_000..800_000)
        .find(|days| {
            let date = Date::of_day(*days);
            (date.year, i64::from(date.month), i64::from(date.day)) == (year, month, day)
        })
        .unwrap();
    Timestamp(((days * 24 + hour) * 60 + minute) * MINUTE_MS)
}

fn said(time: Option<Timestamp>) -> String {
    let Some(time) = time else {
        return "never".into();
    };
    let minutes = time.0.div_euclid(MINUTE_MS);
    assert_eq!(time.0.rem_euclid(MINUTE_MS), 0);
    let date = Date::of_day(minutes.div_euclid(DAY_MINUTES));
    let of_day = minutes.rem_euclid(DAY_MINUTES);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}",
        date.year,
        date.month,
        date.day,
        of_day / 60,
        of_day % 60
    )
}

/// The times after `from`, one after the other.
fn times(cron: &Cron, from: &str, count: usize) -> Vec<String> {
    let mut time = Some(at(from));
    (0..count)
        .map(|_| {
            time = time.and_then(|time| cron.next_after(time));
            said(time)
        })
        .collect()
}

#[test]
fn each_field_is_kept_to() {
    for (text, from, expected) in [
        ("* * * * *", "2026-01-01 00:00", "2026-01-01 00:01"),
        ("0 3 * * *", "2026-01-01 02:59", "2026-01-01 03:00"),
        ("0 3 * * *", "2026-01-01 03:00", "2026-01-02 03:00"),
        ("*/15 * * * *", "2026-01-01 00:15", "2026-01-01 00:30"),
        ("5/20 * * * *", "2026-01-01 00:26", "2026-01-01 00:45"),
        ("10-20/5 8-9 * * *", "2026-01-01 08:20", "2026-01-01 09:10"),
        ("0,30 12 * * *", "2026-01-01 12:00", "2026-01-01 12:30"),
        ("0 0 1 jan *", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("0 9 * * mon-fri", "2026-01-02 09:00", "2026-01-05 09:00"),
        ("0 9 * * Fri-Sun", "2026-01-01 09:00", "2026-01-02 09:00"),
        ("0 9 * * sun-sun", "2026-01-01 09:00", "2026-01-04 09:00"),
        ("0 9 * * 7", "2026-01-01 09:00", "2026-01-04 09:00"),
        ("0 9 * * 0", "2026-01-01 09:00", "2026-01-04 09:00"),
        ("0 9 * * */6", "2026-01-01 09:00", "2026-01-03 09:00"),
        ("@hourly", "2026-01-01 00:00", "2026-01-01 01:00"),
        ("@Weekly", "2026-01-01 00:00", "2026-01-04 00:00"),
        ("@yearly", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("  0   3  *\t* * ", "2026-01-01 00:00", "2026-01-01 03:00"),
    ] {
        assert_eq!(
            times(&cron(text), from, 1),
            [expected],
            "{text} from {from}"
        );
    }
}

#[test]
fn seconds_are_rounded_up_to_the_next_minute() {
    let every = cron("* * * * *");
    let start = at("2026-01-01 00:00").0;
    for ms in [0, 1, 59_999] {
        let next = every.next_after(Timestamp(start + ms));
        assert_eq!(next, Some(Timestamp(start + MINUTE_MS)));
    }
    let before = every.next_after(Timestamp(start - 1));
    assert_eq!(before, Some(Timestamp(start)));
}

#[test]
fn months_end_when_they_end() {
    assert_eq!(
        times(&cron("0 0 31 * *"), "2026-01-31 00:00", 4),
        [
            "2026-03-31 00:00",
            "2026-05-31 00:00",
            "2026-07-31 00:00",
            "2026-08-31 00:00"
        ]
    );
    assert_eq!(
        times(&cron("59 23 28-31 2 *"), "2027-02-28 00:00", 3),
        ["2027-02-28 23:59", "2028-02-28 23:59", "2028-02-29 23:59"]
    );
    assert_eq!(
        times(&cron("0 0 30 2,4 *"), "2026-01-01 00:00", 2),
        ["2026-04-30 00:00", "2027-04-30 00:00"]
    );
    assert_eq!(
        times(&cron("30 23 31 12 *"), "2026-12-31 23:30", 1),
        ["2027-12-31 23:30"]
    );
}

#[test]
fn leap_years_are_waited_for() {
    assert_eq!(
        times(&cron("0 12 29 2 *"), "2026-01-01 00:00", 3),
        ["2028-02-29 12:00", "2032-02-29 12:00", "2036-02-29 12:00"]
    );
    // 2100 has none: eight years.
    assert_eq!(
        times(&cron("0 12 29 2 *"), "2096-02-29 12:00", 1),
        ["2104-02-29 12:00"]
    );
    assert_eq!(
        times(&cron("0 12 29 2 *"), "1999-12-31 00:00", 1),
        ["2000-02-29 12:00"]
    );
    // A 29 February that is a Sunday, which `*/7` means without restricting anything in the sense of the two days.
    assert_eq!(
        times(&cron("0 0 29 2 */7"), "2026-01-01 00:00", 2),
        ["2032-02-29 00:00", "2060-02-29 00:00"]
    );
}

#[test]
fn of_two_days_either_is_meant() {
    assert_eq!(
        times(&cron("0 0 13 * fri"), "2026-02-01 00:00", 4),
        [
            "2026-02-06 00:00",
            "2026-02-13 00:00",
            "2026-02-20 00:00",
            "2026-02-27 00:00"
        ]
    );
    assert_eq!(
        times(&cron("0 0 1 * mon"), "2026-03-29 00:00", 3),
        ["2026-03-30 00:00", "2026-04-01 00:00", "2026-04-06 00:00"]
    );
}

#[test]
fn an_offset_moves_the_clock_and_nothing_else() {
    // 03:00 at +02:00 is 01:00 UTC; the day is that of the zone.
    assert_eq!(
        times(&in_zone("0 3 * * *", "+02:00"), "2026-01-01 00:00", 2),
        ["2026-01-01 01:00", "2026-01-02 01:00"]
    );
    assert_eq!(
        times(&in_zone("0 1 1 * *", "+0530"), "2026-01-15 00:00", 1),
        ["2026-01-31 19:30"]
    );
    assert_eq!(
        times(&in_zone("0 23 31 12 *", "-3"), "2026-06-01 00:00", 1),
        ["2027-01-01 02:00"]
    );
    for no in [
        "Europe/Berlin",
        "+25",
        "+02:60",
        "+",
        "2",
        "",
        "+1:2:3",
        "+٢",
    ] {
        assert_eq!(Zone::parse(no), None, "{no}");
    }
}

#[test]
fn any_time_at_all_can_be_asked_about() {
    for text in ["* * * * *", "0 12 29 2 *", "0 0 29 2 */7"] {
        let cron = in_zone(text, "-14:00");
        for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            if let Some(next) = cron.next_after(Timestamp(time)) {
                assert!(next.0 > time, "{text} {time}");
            }
        }
    }
    assert_eq!(cron("* * * * *").next_after(Timestamp(i64::MAX)), None);
}

#[test]
fn what_is_no_expression_is_said_of_the_very_field() {
    for (text, at, message, help) in [
        ("0 0 31 2 *", 4, "never happens", "28-31"),
        ("0 0 30,31 feb *", 4, "never happens", "28-31"),
        ("0 0 31 4,6,9,11 *", 4, "never happens", "28-31"),
        ("", 0, "has 0 fields", "0 3 * * *"),
        ("0 3 * *", 0, "has 4 fields", "0 3 * * *"),
        ("0 0 3 * * *", 0, "has 6 fields", "every: 10s"),
        ("60 3 * * *", 0, "`60` is no minute", "0 to 59"),
        ("0 24 * * *", 2, "`24` is no hour", "0 to 23"),
        ("0 3 0 * *", 4, "`0` is no day of the month", "1 to 31"),
        ("0 3 * 13 *", 6, "`13` is no month", "`jan` to `dec`"),
        (
            "0 3 * * 8",
            8,
            "`8` is no day of the week",
            "`sun` to `sat`",
        ),
        (
            "0 3 * janu *",
            6,
            "`janu` is no month",
            "did you mean `jan`?",
        ),
        ("0 3 ? * *", 4, "`?` is no day of the month", "write `*`"),
        (
            "0 3 L * *",
            4,
            "`L` is no day of the month",
            "not known here",
        ),
        (
            "0 3,,5 * * *",
            4,
            "a number is missing in the hour",
            "0 to 23",
        ),
        ("0 22-5 * * *", 2, "ends before it begins", "22-23,0-5"),
        ("*/0 * * * *", 0, "`0` is no step", "*/15"),
        ("*/x * * * *", 0, "`x` is no step", "*/15"),
        ("*/+5 * * * *", 0, "`+5` is no step", "*/15"),
        (
            "-1 * * * *",
            0,
            "a number is missing in the minute",
            "0 to 59",
        ),
        ("1-2-3 * * * *", 0, "`2-3` is no minute", "0 to 59"),
        (
            "@dayly",
            0,
            "`@dayly` stands for no times",
            "did you mean `@daily`?",
        ),
        ("@reboot", 0, "stands for no times", "keep"),
        ("@every 5m", 0, "stands for no times", ""),
    ] {
        let error = Cron::parse(text, Zone::default()).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.contains(help), "{text}: {error:?}");
    }
}

/// Numbers of a field, or `None` for `*`.
fn set(least: u32, most: u32) -> impl Strategy<Value = Option<Vec<u32>>> {
    prop::option::of(prop::collection::vec(least..=most, 1..4))
}

fn written(set: &Option<Vec<u32>>) -> String {
    match set {
        None => "*".into(),
        Some(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            numbers.join(",")
        }
    }
}

proptest! {
    /// The next time is one that is meant, and none is passed over: compared with trying every minute.
    #[test]
    fn the_next_time_is_the_first_that_is_meant(
        minutes in set(0, 59), hours in set(0, 23), days in set(1, 31), months in set(1, 12), weekdays in set(0, 7),
        start in -30_000_000i64..90_000_000, offset in -840i64..=840,
    ) {
        let text = [&minutes, &hours, &days, &months, &weekdays].map(written).join(" ");
        let zone = Zone { minutes: offset };
        let Ok(cron) = Cron::parse(&text, zone) else {
            // Only a day that no month has is refused.
            let days = days.unwrap();
            prop_assert!(months.is_some() && weekdays.is_none() && days.iter().all(|day| *day > 29), "{text}");
            return Ok(());
        };
        let next = cron.next_after(Timestamp(start * MINUTE_MS)).unwrap().0;
        prop_assert_eq!(next % MINUTE_MS, 0);
        let next = next / MINUTE_MS;
        prop_assert!(next > start);
        let is_in = |set: &Option<Vec<u32>>, n: u32| set.as_ref().is_none_or(|set| set.contains(&n));
        let meant = |minute: i64| {
            let local = minute + offset;
            let day = local.div_euclid(1_440);
            let date = Date::of_day(day);
            let of_day = u32::try_from(local.rem_euclid(1_440)).unwrap();
            let weekday = Date::weekday(day);
            let of_week = is_in(&weekdays, weekday) || (weekday == 0 && is_in(&weekdays, 7));
            let of_month = is_in(&days, date.day);
            let day = if days.is_some() && weekdays.is_some() { of_month || of_week } else { of_month && of_week };
            is_in(&minutes, of_day % 60) && is_in(&hours, of_day / 60) && is_in(&months, date.month) && day
        };
        prop_assert!(meant(next), "{text} {start} {next}");
        // A month of minutes on either side is enough to see a mistake, and quick.
        for minute in (start + 1..next).take(50_000) {
            prop_assert!(!meant(minute), "{text} {start} {minute}");
        }
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[-0-9*/,@a-zL#?  ]{0,24}|\\PC{0,12}") {
        if let Err(error) = Cron::parse(&text, Zone::default()) {
            prop_assert!(!error.message.is_empty() && !error.help.is_empty(), "{text:?}");
            prop_assert!(error.at <= text.chars().count());
        }
    }
}
