//! Cron expressions: five fields, as crontab(5) has them.
//!
//! Written here because the libraries for it bring a calendar of their own (chrono) and several procedural macros, and because what is wrong with an expression
//! shall be said of the very field. Zones are UTC and fixed offsets: no hour is skipped or comes twice, and the next time depends on no table that ages.

use crate::suggest::{nearest, shown};
use std::fmt;
use types::{Date, Timestamp};

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Words that stand for an expression.
const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Times by the calendar.
///
/// Where both the day of the month and the day of the week are restricted, a day that either of them means is meant, as crontab(5) has it; a field that begins
/// with `*` restricts nothing in this sense.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    /// As its author wrote it.
    written: String,
    zone: Zone,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is bit 0, and no other.
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

/// A time zone without summer time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// How many minutes its clocks are ahead of UTC.
    pub(crate) minutes: i64,
}

impl Zone {
    /// `UTC`, `Z`, or an offset: `+02:00`, `-0530`, `+1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if matches!(text, "UTC" | "utc" | "Z" | "Etc/UTC" | "GMT") {
            return Some(Zone::default());
        }
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = match rest.split_once(':') {
            Some(parts) => parts,
            None if rest.len() == 4 => rest.split_at_checked(2)?,
            None => (rest, "0"),
        };
        let number = |text: &str, most: i64| {
            let digits = !text.is_empty() && text.len() <= 2;
            let digits = digits && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<i64>().ok().filter(|_| digits)?;
            (number <= most).then_some(number)
        };
        let minutes = number(hours, 14)? * 60 + number(minutes, 59)?;
        Some(Zone {
            minutes: sign * minutes,
        })
    }
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CronError {
    /// Where it begins, in characters.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl CronError {
    fn new(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        CronError {
            at,
            message: message.into(),
            help: help.into(),
        }
    }
}

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Words for its numbers, from the least on.
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of the month", 1, 31, &[]),
    field("month", 1, 12, &MONTHS),
    // 7 is Sunday too.
    field("day of the week", 0, 7, &WEEKDAYS),
];

const fn field(name: &'static str, least: u32, most: u32, words: &'static [&'static str]) -> Field {
    Field {
        name,
        least,
        most,
        words,
    }
}

impl Cron {
    /// Read `text`, whose times are those of clocks in `zone`.
    pub(crate) fn parse(text: &str, zone: Zone) -> Result<Self, CronError> {
        let trimmed = text.trim();
        let expression = match trimmed.strip_prefix('@') {
            Some(_) => word(trimmed)?,
            None => text,
        };
        let fields: Vec<(usize, &str)> = split(expression);
        if fields.len() != FIELDS.len() {
            return Err(CronError::new(
                0,
                format!(
                    "`{}` has {} field{}, and there are five: minute, hour, day of the month, month, day of the week",
                    shown(trimmed),
                    fields.len(),
                    if fields.len() == 1 { "" } else { "s" }
                ),
                match fields.len() {
                    6 | 7 => {
                        "there are no seconds and no years here: leave them out, and for less than a minute write `every: 10s`".to_owned()
                    }
                    1 if word(&format!("@{trimmed}")).is_ok() => format!("did you mean `@{trimmed}`?"),
                    _ => "for instance `0 3 * * *`, each day at 03:00".to_owned(),
                },
            ));
        }
        let mut masks = [0u64; 5];
        let mut stars = [false; 5];
        for (n, (field, (at, text))) in FIELDS.iter().zip(&fields).enumerate() {
            masks[n] = field.read(*at, text)?;
            stars[n] = text.starts_with('*');
        }
        let [minutes, hours, days, months, weekdays] = masks;
        let cron = Cron {
            written: trimmed.to_owned(),
            zone,
            minutes,
            hours,
            days,
            months,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            any_day: stars[2],
            any_weekday: stars[4],
        };
        if cron.next_after(Timestamp(0)).is_none() {
            let at = fields.get(2).map_or(0, |(at, _)| *at);
            return Err(CronError::new(
                at,
                format!(
                    "`{}` never happens: no such month has such a day",
                    shown(trimmed)
                ),
                "the last day of each month is among `28-31`; for the first write `1`",
            ));
        }
        Ok(cron)
    }

    /// The first time after `time`.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let minute = time.0.div_euclid(MINUTE_MS) + 1 + self.zone.minutes;
        let today = minute.div_euclid(DAY_MINUTES);
        let now = minute.rem_euclid(DAY_MINUTES);
        let mut day = self.next_day(today)?;
        let mut found = self.in_day(if day == today { now } else { 0 });
        if found.is_none() {
            // Today is meant, and its hour has passed.
            day = self.next_day(today + 1)?;
            found = self.in_day(0);
        }
        let minute = (day * DAY_MINUTES).checked_add(found?)? - self.zone.minutes;
        minute.checked_mul(MINUTE_MS).map(Timestamp)
    }

    /// The first day that is meant, from the day `from` on.
    fn next_day(&self, from: i64) -> Option<i64> {
        let Date {
            mut year,
            mut month,
            day,
        } = Date::of_day(from);
        let mut first = from - i64::from(day - 1);
        // After a whole cycle the same days come again.
        for _ in 0..=Date::CYCLE_MONTHS {
            let length = Date::days_in(year, month);
            if has(self.months, month) {
                let mut days = (first..).zip(1..=length).skip_while(|(day, _)| *day < from);
                if let Some((day, _)) = days.find(|(day, date)| self.takes(*day, *date)) {
                    return Some(day);
                }
            }
            first += i64::from(length);
            (year, month) = match month {
                12 => (year + 1, 1),
                month => (year, month + 1),
            };
        }
        None
    }

    /// Whether the day `day`, the `date`th of a month that is meant, is meant.
    fn takes(&self, day: i64, date: u32) -> bool {
        let of_month = has(self.days, date);
        let of_week = has(self.weekdays, Date::weekday(day));
        match self.any_day || self.any_weekday {
            true => of_month && of_week,
            false => of_month || of_week,
        }
    }

    /// The first minute of a day that is meant, from the minute `from` on.
    fn in_day(&self, from: i64) -> Option<i64> {
        (from..DAY_MINUTES).find(|minute| {
            let part = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
            has(self.hours, part(minute / 60)) && has(self.minutes, part(minute % 60))
        })
    }
}

/// As it was written, with its zone: the same words always mean the same times.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:+} min)", self.written, self.zone.minutes)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron(`{}`, {:+} min)", self.written, self.zone.minutes)
    }
}

fn has(mask: u64, bit: u32) -> bool {
    mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
}

/// What the word `word` stands for.
fn word(word: &str) -> Result<&'static str, CronError> {
    let lower = word.to_lowercase();
    if let Some((_, expression)) = WORDS.iter().find(|(known, _)| *known == lower) {
        return Ok(expression);
    }
    let help = match (&*lower, nearest(word, WORDS.map(|(w, _)| w))) {
        ("@reboot", _) => "what is to run whenever the host does stands under `keep`".to_owned(),
        ("@every", _) => "write `every: 15m` instead of `cron`".to_owned(),
        (_, Some(best)) => format!("did you mean `{best}`?"),
        (_, None) => "the words are @hourly, @daily, @weekly, @monthly and @yearly".to_owned(),
    };
    let word = shown(word);
    Err(CronError::new(
        0,
        format!("`{word}` stands for no times"),
        help,
    ))
}

/// The fields of `text`, each with the character at which it begins.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut fields = Vec::new();
    let mut at = 0;
    for part in text.split(char::is_whitespace) {
        if !part.is_empty() {
            fields.push((at, part));
        }
        at += part.chars().count() + 1;
    }
    fields
}

impl Field {
    /// The numbers that `text`, which begins at the character `at`, means.
    fn read(&self, at: usize, text: &str) -> Result<u64, CronError> {
        let mut mask = 0;
        let mut at = at;
        for part in text.split(',') {
            mask |= self.part(at, part)?;
            at += part.chars().count() + 1;
        }
        Ok(mask)
    }

    /// `*`, `5`, `1-5`, and these with a step: `*/15`, `9-17/2`.
    fn part(&self, at: usize, text: &str) -> Result<u64, CronError> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most_different()),
            Some((first, last)) => {
                let first = self.number(at, first)?;
                match self.number(at, last)? {
                    // `fri-sun` ends with the Sunday after.
                    0 if first > 0 && self.most == 7 => (first, 7),
                    last => (first, last),
                }
            }
            None => {
                let first = self.number(at, range)?;
                // `5/15` goes on to the end, as it does elsewhere.
                let last = if step.is_some() {
                    self.most_different()
                } else {
                    first
                };
                (first, last)
            }
        };
        if first > last {
            return Err(CronError::new(
                at,
                format!("`{}` ends before it begins", shown(range)),
                "write two ranges: `22-23,0-5`, not `22-5`",
            ));
        }
        let step = match step {
            None => 1,
            Some(step) => step
                .parse::<u32>()
                .ok()
                .filter(|number| *number > 0 && step.bytes().all(|b| b.is_ascii_digit()))
                .ok_or_else(|| {
                    let help = "write how many to go on by, for instance `*/15`";
                    CronError::new(at, format!("`{}` is no step", shown(step)), help)
                })?,
        };
        let mut mask = 0;
        let mut number = first;
        while number <= last {
            mask |= 1u64 << number;
            number = number.saturating_add(step);
        }
        Ok(mask)
    }

    /// The greatest number that no smaller one means as well.
    fn most_different(&self) -> u32 {
        if self.most == 7 { 6 } else { self.most }
    }

    fn number(&self, at: usize, text: &str) -> Result<u32, CronError> {
        let digits =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        if digits
            && let Ok(number) = text.parse::<u32>()
            && (self.least..=self.most).contains(&number)
        {
            return Ok(number);
        }
        let lower = text.to_lowercase();
        if let Some(n) = self.words.iter().position(|word| *word == lower) {
            return Ok(self.least + u32::try_from(n).unwrap_or(0));
        }
        Err(CronError::new(at, self.wrong(text), self.help(text)))
    }

    fn wrong(&self, text: &str) -> String {
        match text {
            "" => format!("a number is missing in the {}", self.name),
            text => format!("`{}` is no {}", shown(text), self.name),
        }
    }

    fn help(&self, text: &str) -> String {
        if text == "?" {
            return "write `*`".to_owned();
        }
        if text.contains(['L', 'W', '#', 'H']) && self.words.is_empty() {
            return format!(
                "`L`, `W`, `#` and `H` are not known here: write numbers from {} to {}",
                self.least, self.most
            );
        }
        if let Some(best) = nearest(text, self.words.iter().copied()) {
            return format!("did you mean `{best}`?");
        }
        match self.words {
            [first, .., last] => format!(
                "write `*`, a number from {} to {}, or a word from `{first}` to `{last}`",
                self.least, self.most
            ),
            _ => format!(
                "write `*`, or a number from {} to {}",
                self.least, self.most
            ),
        }
    }
}

#[cfg(test)]
mod tests;
