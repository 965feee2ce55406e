//! `journal show`: a run, a moment, a day of the house, as a story or as it stands.

use super::filter::{Filter, described};
use super::known::{Known, matters};
use super::paper::{Paper, Stop, unless_closed};
use super::story::{Line, Story};
use super::told::Told;
use super::when::{Span, Zone};
use super::{damaged, moment, runs, why};
use crate::cli::JournalShow;
use crate::exit::{Failure, NOT_SO};
use crate::print;
use ::journal::{Journal, Record, RecordId, Which};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use types::Timestamp;

/// How long new records are waited for before looking again.
const PAUSE: Duration = Duration::from_millis(200);
/// Where somebody follows a whole house, what came last is shown first.
const BEFORE_FOLLOWING: usize = 10;

pub fn run(asked: &JournalShow) -> Result<u8, Failure> {
    damaged::look_at(&asked.house.house, |journal| tell(asked, journal))
}

fn tell(asked: &JournalShow, journal: Option<&Journal>) -> Result<u8, Failure> {
    let zone = Zone::new(asked.utc);
    let Some(journal) = journal else {
        return match (&asked.run, asked.json) {
            (Some(run), _) => Err(Failure::new(
                NOT_SO,
                format!("there is no run `{run}`: no agent has run in this house yet"),
            )
            .help("begin one: charthouse run AGENT")),
            (None, true) => Ok(0),
            (None, false) => super::nothing_yet(None),
        };
    };
    let run = match &asked.run {
        Some(run) => Some(journal.find_run(run)?),
        None => None,
    };
    if let Some(seq) = asked.why {
        let style = why::Style {
            zone: &zone,
            full: asked.full,
            json: asked.json,
        };
        return why::of(journal, seq, run.as_deref(), style);
    }
    if run.is_none() && asked.filters.are_empty() && !asked.follow {
        return runs::list(journal, &zone, asked.json, asked.full);
    }
    let now = match asked.filters.at.as_deref().map(str::trim) {
        Some("now") => super::now(),
        _ => reference(journal, run.as_deref())?,
    };
    let mut filter = Filter::of(&asked.filters, journal, &zone, now)?;
    if asked.follow && run.is_none() && filter.span == Span::ALL {
        filter.last.get_or_insert(BEFORE_FOLLOWING);
    }
    let mut show = Show {
        asked,
        story: Story::new(&zone, asked.full, asked.costs, run.is_none()),
        run,
        filter,
        known: BTreeMap::new(),
        kept: VecDeque::new(),
        day: String::new(),
        paper: Paper::stdout(),
        seen: Seen::default(),
        situation_told: false,
        shown: 0,
        begins_within: false,
    };
    let told = show.all(journal);
    // What was read before something failed is worth reading.
    let closed = show.close();
    unless_closed(told.and(closed))?;
    Ok(0)
}

/// What a clock without a day counts back from: now, or the end of a run that is over.
fn reference(journal: &Journal, run: Option<&str>) -> Result<Timestamp, Failure> {
    let now = super::now();
    let Some(run) = run else {
        return Ok(now);
    };
    let summary = journal
        .runs()?
        .into_iter()
        .find(|summary| summary.run == run);
    let Some(last) = summary.map(|summary| summary.last) else {
        return Ok(now);
    };
    let mut over = false;
    journal.each(Which::Kind("ended"), |record| {
        over |= record.run == run && record.time == last;
        Ok::<_, Failure>(())
    })?;
    Ok(if over { last.min(now) } else { now })
}

/// What has been read, shown or not.
#[derive(Default)]
struct Seen {
    /// The last record.
    last: u64,
    first_time: Option<Timestamp>,
    last_time: Option<Timestamp>,
    /// The last record before the time asked for, and the first after it.
    before: Option<(u64, Timestamp)>,
    after: Option<(u64, Timestamp)>,
}

struct Show<'a> {
    asked: &'a JournalShow,
    run: Option<String>,
    filter: Filter,
    story: Story<'a>,
    known: BTreeMap<String, Known>,
    /// The last lines, where only so many are wanted.
    kept: VecDeque<Line>,
    day: String,
    paper: Paper,
    seen: Seen,
    situation_told: bool,
    shown: u64,
    /// Whether what was before the first record that is shown was not read.
    begins_within: bool,
}

impl Show<'_> {
    fn all(&mut self, journal: &Journal) -> Result<(), Stop> {
        match self.beginning_of_last(journal)? {
            Some(first) => {
                self.begins_within = true;
                self.go_on(journal, first)?;
            }
            None => {
                let run = self.run.clone();
                let which = run.as_deref().map_or(Which::All, Which::Run);
                journal.each(which, |record| self.see(journal, record))?;
            }
        }
        let rest = self.story.rest();
        self.put(rest.into_iter().collect())?;
        self.tell_situation()?;
        for line in std::mem::take(&mut self.kept) {
            self.write(&line)?;
        }
        if self.asked.follow {
            self.filter.last = None;
            return self.follow(journal);
        }
        if self.shown == 0 && !self.asked.json {
            self.nothing()?;
        }
        Ok(())
    }

    /// Where only the last records are wanted, the first of them, found from the end: what it costs grows with what is shown, not with the journal. `None`
    /// where what is wanted depends on all that was before.
    fn beginning_of_last(&mut self, journal: &Journal) -> Result<Option<u64>, Stop> {
        let depends = self.filter.at || self.filter.wants_states() || self.asked.costs;
        let Some(mut missing) = self.filter.last.filter(|_| !depends) else {
            return Ok(None);
        };
        journal.each(Which::Kind("started"), |record| {
            let told = Told::from(record);
            self.know(&told, true);
            Ok::<_, Stop>(())
        })?;
        let mut first = why::last_record(journal)? + 1;
        self.seen.last = first - 1;
        let nobody = Known::default();
        while missing > 0 && first > 1 {
            first -= 1;
            // Numbers have no gaps, unless somebody made one: then everything is read.
            let Some(record) = journal.record(RecordId(first))? else {
                return Ok(None);
            };
            let kind = record.kind.as_str();
            // A cost stands with its answer.
            let folded = kind == "cost" && !self.asked.json && self.filter.kinds.is_empty();
            let fits = self.is_ours(&record)
                && !folded
                && self.filter.may_have(kind, record.time, !self.asked.json);
            let known = self.known.get(&record.run).unwrap_or(&nobody);
            if fits && self.filter.wants(&Told::from(record), &[], known) {
                missing -= 1;
            }
        }
        Ok(Some(first))
    }

    fn is_ours(&self, record: &Record) -> bool {
        self.run.as_ref().is_none_or(|run| *run == record.run)
    }

    /// The records from `next` on, as far as there are any; gives the number of the first that is not there yet.
    fn go_on(&mut self, journal: &Journal, mut next: u64) -> Result<u64, Stop> {
        while let Some(record) = journal.record(RecordId(next))? {
            next += 1;
            if self.is_ours(&record) {
                self.see(journal, record)?;
            }
        }
        Ok(next)
    }

    /// New records, as they come, and what turns out to be lost.
    fn follow(&mut self, journal: &Journal) -> Result<(), Stop> {
        let mut next = self.seen.last + 1;
        let mut told = None;
        loop {
            let end = journal.head()?.seq;
            next = self.go_on(journal, next)?;
            let rest = self.story.rest();
            self.put(rest.into_iter().collect())?;
            self.paper.flush()?;
            if next <= end {
                // It had been written before it was asked for: it is lost, and those behind it need not be.
                next += 1;
                continue;
            }
            let damage = journal.damage();
            if damage != told {
                told = damage;
                if let Some(damage) = &told {
                    let what = print::plain(&damage.what);
                    print::err(&format!(
                        "warning: the journal is damaged ({what}): {damage}\n"
                    ));
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn see(&mut self, journal: &Journal, record: Record) -> Result<(), Stop> {
        let (seq, time) = (record.seq.0, record.time);
        self.seen.last = seq;
        self.seen.first_time.get_or_insert(time);
        self.seen.last_time = Some(time);
        let span = self.filter.span;
        if time.0 < span.from {
            self.seen.before = Some((seq, time));
        } else if time.0 >= span.until && self.seen.after.is_none() {
            self.seen.after = Some((seq, time));
        }
        if self.filter.at && time.0 >= span.from {
            self.tell_situation()?;
        }
        // What is under way after the time asked for is of no interest.
        let with_doings = match self.filter.at {
            true => !self.situation_told,
            false => self.asked.costs,
        };
        let matters = matters(&record.kind, with_doings);
        let may_be_shown = self.filter.may_have(&record.kind, time, !self.asked.json);
        let may_be_folded = record.kind == "cost" && self.story.waits();
        if let Some(known) = self.known.get_mut(&record.run) {
            known.last = Some(time);
        }
        if !matters && !may_be_shown && !may_be_folded {
            return Ok(());
        }
        let told = Told::from(record).with_cause(journal);
        if may_be_folded && self.story.takes(&told) {
            self.know(&told, matters);
            return Ok(());
        }
        let run = told.record.run.clone();
        let before = self.known.get(&run).map(|known| known.states.clone());
        let before = before.unwrap_or_default();
        // A record is told as of before it, and chosen by the states on both of its sides.
        let mut lines = Vec::new();
        // What a call cost is told with its outcome.
        let untold = !self.asked.json
            && told.kind() == "cost"
            && !told.text("/tool").is_empty()
            && !self.asked.costs
            && self.filter.kinds.is_empty();
        if may_be_shown && !untold {
            let known = self.known.entry(run.clone()).or_default();
            if self.begins_within && !self.asked.json {
                let behind = Known::behind(journal, &told)?;
                (known.told_by, known.raised) = (behind.told_by, behind.raised);
            }
            let mut after = Known {
                agent: known.agent.clone(),
                states: known.states.clone(),
                activities: known.activities.clone(),
                ..Known::default()
            };
            after.see(&told);
            if self.filter.wants(&told, &before, &after) {
                self.shown += 1;
                lines = match self.asked.json {
                    true => vec![Line {
                        day: String::new(),
                        text: told.whole().to_string(),
                    }],
                    false => {
                        known.agent = after.agent;
                        self.story.tell(&told, known)
                    }
                };
            }
        }
        self.know(&told, matters);
        self.put(lines)
    }

    fn know(&mut self, told: &Told, matters: bool) {
        if matters {
            let known = self.known.entry(told.record.run.clone()).or_default();
            known.see(told);
        } else if told.body["raised"] == true {
            let known = self.known.entry(told.record.run.clone()).or_default();
            known.raised.insert(told.text("/event").to_owned());
        }
    }

    /// How things stood at the time asked for, once.
    fn tell_situation(&mut self) -> Result<(), Stop> {
        if !self.filter.at || self.asked.json || self.situation_told {
            return Ok(());
        }
        self.situation_told = true;
        let agent = self.asked.filters.agent.as_deref();
        let lines = moment::situation(
            &self.known,
            Timestamp(self.filter.span.from),
            |known| agent.is_none_or(|agent| agent == known.agent),
            self.run.is_some(),
            self.story.zone,
            self.story.paint,
        );
        for line in lines {
            self.paper.line(&line)?;
        }
        self.paper.line("")
    }

    fn put(&mut self, lines: Vec<Line>) -> Result<(), Stop> {
        for line in lines {
            match self.filter.last {
                None => self.write(&line)?,
                Some(most) => {
                    self.kept.push_back(line);
                    if self.kept.len() > most {
                        self.kept.pop_front();
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, line: &Line) -> Result<(), Stop> {
        if line.day != self.day {
            let clock = match self.day.is_empty() {
                true => format!(" (times are {})", self.story.zone.name()),
                false => String::new(),
            };
            self.day.clone_from(&line.day);
            let heading = self
                .story
                .paint
                .with(print::BOLD, &format!("{}{clock}", line.day));
            self.paper.line(&heading)?;
        }
        self.paper.line(&line.text)
    }

    /// Nothing was shown: say what there is instead.
    fn nothing(&mut self) -> Result<(), Stop> {
        let zone = self.story.zone;
        let clock = |(seq, time): (u64, Timestamp)| format!("{seq}, {}", zone.full(time));
        let span = self.filter.span;
        let mut text = match self.filter.at && span.until > super::now().0 {
            true => "Nothing that is as asked is on record since then.\n".to_owned(),
            false => format!(
                "No record{} is as asked ({}).\n",
                described(span, zone),
                zone.name()
            ),
        };
        if span != Span::ALL {
            if let Some(before) = self.seen.before {
                text.push_str(&format!(
                    "The last one before is record {}.\n",
                    clock(before)
                ));
            }
            if let Some(after) = self.seen.after {
                text.push_str(&format!(
                    "The first one after is record {}.\n",
                    clock(after)
                ));
            }
        } else if let (Some(first), Some(last)) = (self.seen.first_time, self.seen.last_time) {
            text.push_str(&format!(
                "There are records from {} to {}.\n",
                zone.full(first),
                zone.full(last)
            ));
        }
        self.paper.text(&text)
    }

    /// What is held is shown, whatever has happened.
    fn close(&mut self) -> Result<(), Stop> {
        let rest = self.story.rest();
        self.put(rest.into_iter().collect())?;
        for line in std::mem::take(&mut self.kept) {
            self.write(&line)?;
        }
        self.paper.flush()
    }
}
