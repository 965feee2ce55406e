//! What is to be said to a run, in order. It outlives the run's task: what came too late for one is read by the next that takes the run up.

use crate::{Inbox, Message, Told};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The words for one run.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Rc<Words>);

#[derive(Default)]
struct Words {
    waiting: RefCell<VecDeque<Message>>,
    /// Letters that its task has read and that may not be on the record.
    read: RefCell<Vec<Told>>,
    reader: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

impl Mailbox {
    /// One more.
    pub(super) fn put(&self, message: Message) {
        self.0.waiting.borrow_mut().push_back(message);
        self.wake();
    }

    /// One before all others.
    pub(super) fn put_first(&self, message: Message) {
        self.0.waiting.borrow_mut().push_front(message);
        self.wake();
    }

    /// Nothing more will come: the run ends where it comes to rest.
    pub(super) fn close(&self) {
        self.0.closed.set(true);
        self.wake();
    }

    /// Whether something waits that a run has to hear.
    pub(super) fn has_words(&self) -> bool {
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.retain(|message| !matches!(message, Message::Leave(_)));
        !waiting.is_empty()
    }

    /// All of them, before anybody reads.
    pub(super) fn take_all(&self) -> Vec<Message> {
        self.0.waiting.take().into()
    }

    /// All that was read is on the record.
    pub(super) fn forget(&self) {
        self.0.read.borrow_mut().clear();
    }

    /// The same of what was sent up to the record `upto`.
    pub(super) fn forget_upto(&self, upto: u64) {
        self.0
            .read
            .borrow_mut()
            .retain(|told| told.seq > Some(upto));
    }

    /// Whether `event` waits to be heard.
    pub(super) fn has(&self, event: &str) -> bool {
        let waiting = self.0.waiting.borrow();
        waiting
            .iter()
            .any(|message| matches!(message, Message::Told(told) if &*told.event == event))
    }

    /// What was read and is not on the record is to be read again: everything behind the letter `heard`. What stands on no record is told anew to the next who
    /// reads.
    pub(super) fn put_back(&self, heard: u64) {
        let read = self.0.read.take().into_iter();
        let read = read.filter(|told| told.seq > Some(heard));
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.retain(|message| !matches!(message, Message::Told(told) if told.seq.is_none()));
        for told in read.rev() {
            waiting.push_front(Message::Told(Box::new(told)));
        }
    }

    /// Open it again, for the next who reads.
    pub(super) fn reopen(&self) {
        self.0.closed.set(false);
    }

    /// The reader's end.
    pub(super) fn inbox(&self) -> Inbox {
        let words = self.0.clone();
        Box::pin(futures_util::stream::poll_fn(move |context| {
            if let Some(message) = words.waiting.borrow_mut().pop_front() {
                if let Message::Told(told) = &message
                    && told.seq.is_some()
                {
                    words.read.borrow_mut().push((**told).clone());
                }
                return Poll::Ready(Some(message));
            }
            if words.closed.get() {
                return Poll::Ready(None);
            }
            *words.reader.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        }))
    }

    fn wake(&self) {
        if let Some(reader) = self.0.reader.borrow_mut().take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};

    fn letter(seq: Option<u64>) -> Message {
        Message::Told(Box::new(Told {
            from: "a".into(),
            seq,
            event: "e".into(),
            data: serde_json::Value::Null,
            binding: None,
        }))
    }

    #[test]
    fn of_what_was_read_only_that_is_kept_which_is_on_no_record() {
        let mail = Mailbox::default();
        let mut inbox = mail.inbox();
        for seq in [Some(1), None, Some(2), Some(3)] {
            mail.put(letter(seq));
            assert!(inbox.next().now_or_never().is_some());
        }
        mail.forget_upto(2);
        assert_eq!(mail.0.read.borrow().len(), 1);
        // What no record has is told anew by the host itself.
        mail.put(letter(None));
        mail.put_back(0);
        assert_eq!(mail.take_all(), [letter(Some(3))]);
        assert!(mail.take_all().is_empty());
    }
}
