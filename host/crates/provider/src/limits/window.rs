//! The last sixty seconds of a provider: how many requests went out and how many tokens went back and forth. Pure: the time is handed in.
//!
//! A log of what happened, and not a bucket that fills again: a full bucket lets twice a minute's worth through within one minute.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// What "a minute" means.
const MINUTE: Duration = Duration::from_secs(60);

/// How many answers the expected length of the next one is a mean of, about.
const REMEMBERED: u64 = 8;

/// What was booked for one request when it went out.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    /// Tokens of the answer that are kept free until it has come.
    reserved: u64,
}

/// The limit that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many requests.
    Requests(u64),
    /// So many tokens.
    Tokens(u64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Requests(count) => write!(f, "{count} requests"),
            Limit::Tokens(count) => write!(f, "{count} tokens"),
        }
    }
}

/// What has to happen before a request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This moment must come.
    Until(Instant, Limit),
    /// A request under way must end: only its own share stands in the way.
    ForAnEnd(Limit),
}

impl Wait {
    /// Which limit it is.
    pub fn limit(&self) -> Limit {
        match self {
            Wait::Until(_, limit) | Wait::ForAnEnd(limit) => *limit,
        }
    }
}

/// Tokens that went one way at some moment.
struct Booking {
    at: Instant,
    /// The request they belong to.
    number: u64,
    tokens: u64,
}

/// The last minute.
pub struct Window {
    requests_per_minute: Option<u64>,
    tokens_per_minute: Option<u64>,
    requests: VecDeque<Instant>,
    tokens: VecDeque<Booking>,
    /// Tokens of answers that have not come yet.
    reserved: u64,
    /// How long answers have been of late; nothing is known before the first.
    usual_output: Option<u64>,
    next: u64,
}

impl Window {
    /// A minute in which nothing has happened.
    pub fn new(requests_per_minute: Option<u64>, tokens_per_minute: Option<u64>) -> Self {
        Window {
            requests_per_minute,
            tokens_per_minute,
            requests: VecDeque::new(),
            tokens: VecDeque::new(),
            reserved: 0,
            usual_output: None,
            next: 0,
        }
    }

    /// Book a request of about `input` tokens that may be answered by `max_output`, or say for what it has to wait.
    pub fn admit(&mut self, now: Instant, input: u64, max_output: u64) -> Result<Ticket, Wait> {
        self.forget(now);
        let output = self
            .usual_output
            .map_or(max_output, |usual| usual.min(max_output));
        if let Some(wait) = self.requests_in_the_way() {
            return Err(wait);
        }
        if let Some(wait) = self.tokens_in_the_way(input.saturating_add(output)) {
            return Err(wait);
        }
        if self.requests_per_minute.is_some() {
            self.requests.push_back(now);
        }
        let number = self.next;
        self.next += 1;
        self.book(now, number, input);
        self.reserved = self.reserved.saturating_add(output);
        Ok(Ticket {
            number,
            reserved: output,
        })
    }

    /// The request has been answered with these figures.
    pub fn end(&mut self, now: Instant, ticket: &Ticket, input: u64, output: u64) {
        self.failed(now, ticket, input, output);
        self.usual_output = Some(match self.usual_output {
            None => output,
            Some(usual) => (usual * (REMEMBERED - 1)).saturating_add(output) / REMEMBERED,
        });
    }

    /// The request has failed after these tokens, which say nothing of how long answers are.
    pub fn failed(&mut self, now: Instant, ticket: &Ticket, input: u64, output: u64) {
        self.release(ticket);
        self.correct(ticket, input);
        self.book(now, ticket.number, output);
    }

    /// The server has refused the request, and its tokens count nowhere.
    pub fn refused(&mut self, ticket: &Ticket) {
        self.release(ticket);
        self.correct(ticket, 0);
    }

    /// Nobody knows what came of the request: what was expected of it counts.
    pub fn lost(&mut self, now: Instant, ticket: &Ticket) {
        self.release(ticket);
        self.book(now, ticket.number, ticket.reserved);
    }

    fn release(&mut self, ticket: &Ticket) {
        self.reserved = self.reserved.saturating_sub(ticket.reserved);
    }

    fn correct(&mut self, ticket: &Ticket, tokens: u64) {
        // What has left the minute already needs no correction.
        if let Some(booking) = self.tokens.iter_mut().find(|b| b.number == ticket.number) {
            booking.tokens = tokens;
        }
    }

    fn book(&mut self, at: Instant, number: u64, tokens: u64) {
        if self.tokens_per_minute.is_some() {
            self.tokens.push_back(Booking { at, number, tokens });
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_over = |at: Instant| now.saturating_duration_since(at) >= MINUTE;
        while self.requests.front().is_some_and(|at| is_over(*at)) {
            self.requests.pop_front();
        }
        while self
            .tokens
            .front()
            .is_some_and(|booking| is_over(booking.at))
        {
            self.tokens.pop_front();
        }
    }

    fn requests_in_the_way(&self) -> Option<Wait> {
        let most = self.requests_per_minute?;
        if (self.requests.len() as u64) < most {
            return None;
        }
        // Never more than `most` are in there, so that one place is free as soon as the oldest leaves.
        let oldest = *self.requests.front()?;
        Some(Wait::Until(oldest + MINUTE, Limit::Requests(most)))
    }

    /// A request that is larger than the whole limit goes out when nothing else is in the minute: otherwise it never would.
    fn tokens_in_the_way(&self, tokens: u64) -> Option<Wait> {
        let most = self.tokens_per_minute?;
        let wanted = tokens.min(most);
        let booked: u64 = self.tokens.iter().map(|booking| booking.tokens).sum();
        let mut taken = booked.saturating_add(self.reserved);
        if taken.saturating_add(wanted) <= most {
            return None;
        }
        for booking in &self.tokens {
            taken = taken.saturating_sub(booking.tokens);
            if taken.saturating_add(wanted) <= most {
                return Some(Wait::Until(booking.at + MINUTE, Limit::Tokens(most)));
            }
        }
        Some(Wait::ForAnEnd(Limit::Tokens(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn second(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn requests_come_free_as_they_leave_the_minute() {
        let start = Instant::now();
        let mut window = Window::new(Some(2), None);
        window.admit(start, 5, 5).unwrap();
        window.admit(second(start, 10), 5, 5).unwrap();
        for now in [10, 59] {
            assert_eq!(
                window.admit(second(start, now), 5, 5).unwrap_err(),
                Wait::Until(second(start, 60), Limit::Requests(2))
            );
        }
        window.admit(second(start, 60), 5, 5).unwrap();
        assert_eq!(
            window.admit(second(start, 60), 5, 5).unwrap_err(),
            Wait::Until(second(start, 70), Limit::Requests(2))
        );
    }

    #[test]
    fn tokens_are_reserved_and_put_right() {
        let start = Instant::now();
        let mut window = Window::new(None, Some(100));
        let first = window.admit(start, 40, 50).unwrap();
        // Only what is reserved for the answer under way stands in the way, once its question has left the minute.
        assert_eq!(
            window.admit(second(start, 1), 40, 20).unwrap_err(),
            Wait::ForAnEnd(Limit::Tokens(100)),
        );
        window.end(second(start, 1), &first, 30, 10);
        // 30 + 10 are booked; an answer is now expected to have 10.
        let second_one = window.admit(second(start, 1), 50, 50).unwrap();
        window.end(second(start, 2), &second_one, 50, 10);
        assert_eq!(
            window.admit(second(start, 3), 20, 50).unwrap_err(),
            Wait::Until(second(start, 60), Limit::Tokens(100))
        );
        window.refused(&second_one);
        window.admit(second(start, 3), 20, 50).unwrap();
    }

    #[test]
    fn a_request_beyond_the_whole_limit_waits_for_an_empty_minute() {
        let start = Instant::now();
        let mut window = Window::new(None, Some(100));
        let first = window.admit(start, 5000, 100).unwrap();
        window.lost(second(start, 1), &first);
        assert_eq!(
            window.admit(second(start, 2), 5000, 0).unwrap_err(),
            Wait::Until(second(start, 61), Limit::Tokens(100))
        );
        window.admit(second(start, 61), 5000, 0).unwrap();
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_the_limits(
            steps in proptest::collection::vec((0u64..30, 0u64..60, 0u64..60, 0u64..60, 0u64..60), 1..60),
        ) {
            const REQUESTS: u64 = 4;
            const TOKENS: u64 = 150;
            let start = Instant::now();
            let mut now = start;
            let mut window = Window::new(Some(REQUESTS), Some(TOKENS));
            let mut admitted: Vec<Instant> = Vec::new();
            for (pause, input, max_output, real_input, real_output) in steps {
                now += Duration::from_secs(pause);
                let ticket = loop {
                    match window.admit(now, input, max_output) {
                        Ok(ticket) => break ticket,
                        // Time must always get it on: nothing is under way here.
                        Err(Wait::Until(instant, _)) => { prop_assert!(instant > now); now = instant; }
                        Err(Wait::ForAnEnd(_)) => prop_assert!(false, "nothing is under way"),
                    }
                };
                admitted.push(now);
                let last_minute = admitted.iter().filter(|at| now - **at < MINUTE).count() as u64;
                prop_assert!(last_minute <= REQUESTS);
                let booked: u64 = window.tokens.iter().map(|b| b.tokens).sum();
                prop_assert!(booked + window.reserved <= TOKENS.max(input + max_output));
                window.end(now, &ticket, real_input, real_output);
                prop_assert_eq!(window.reserved, 0);
            }
        }
    }
}
