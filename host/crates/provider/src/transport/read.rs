//! The way from a response's bytes to an assembled answer: streams in whatever pieces they come, and answers in one piece.

use super::Failure;
use super::refusal::Refusal;
use super::sse::Events;
use super::trouble::Trouble;
use crate::dialect::{Assembly, DecodeError, Event};
use reqwest::Response;
use serde::de::IgnoredAny;
use std::time::Duration;
use tokio::time::timeout;
use types::{ModelError, ModelSink};

/// How long a server that has said why the model stopped may take to send the rest (the count of tokens, mostly).
const LONGEST_EPILOGUE: Duration = Duration::from_secs(5);

/// The largest body of a server that answers in one piece.
const LARGEST_ANSWER: usize = 64 << 20;

/// Read the answer, whichever way the server chose to send it.
///
/// # Errors
/// When it is none of the dialect, breaks off or stalls for longer than `idle`. How many bytes there were of it is told all the same.
pub async fn read(
    mut response: Response,
    assembly: &mut dyn Assembly,
    sink: &mut dyn ModelSink,
    idle: Duration,
    trouble: &Trouble<'_>,
    received: &mut u64,
) -> Result<(), Failure> {
    let mut events = Events::default();
    let mut whole: Option<Vec<u8>> = None;
    let mut began = false;
    loop {
        let patience = if assembly.is_finished() {
            idle.min(LONGEST_EPILOGUE)
        } else {
            idle
        };
        let chunk = match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            // What counts is there: a server that forgets to hang up, or hangs up rudely, does no harm any more.
            Err(_) | Ok(Err(_)) if assembly.is_finished() => break,
            Err(_) => return Err(Failure::Final(trouble.silence(patience))),
            Ok(Err(error)) => {
                return Err(broken(trouble.cut_off(Some(&error)), assembly));
            }
        };
        *received += chunk.len() as u64;
        // Some servers label what they stream as JSON or not at all, so the first byte decides and not the header.
        let first = chunk
            .iter()
            .copied()
            .find(|byte| !byte.is_ascii_whitespace());
        if let (false, Some(first)) = (began, first) {
            began = true;
            whole = matches!(first, b'{' | b'[' | b'<').then(Vec::new);
        }
        match &mut whole {
            Some(whole) if whole.len() + chunk.len() > LARGEST_ANSWER => {
                return Err(Failure::Final(
                    trouble.not_protocol("more than 64 MiB in one piece"),
                ));
            }
            Some(whole) => whole.extend_from_slice(&chunk),
            None => events
                .push(&chunk, |event| match assembly.is_done() {
                    // Whoever goes on talking after the end is not listened to.
                    true => Ok(()),
                    false => assembly.take(event, sink),
                })
                .map_err(|error| wrong_answer(error, assembly, trouble))?,
        }
        if assembly.is_done() {
            break;
        }
    }
    let is_whole = whole.is_some();
    // Of an event that the end of the stream cut, nobody can say what it was to be.
    let mut cut_in_event = false;
    match whole {
        Some(whole) => assembly.take(
            Event {
                name: "",
                data: &String::from_utf8_lossy(&whole),
            },
            sink,
        ),
        None => {
            cut_in_event = true;
            events.end(|event| {
                cut_in_event = serde_json::from_str::<IgnoredAny>(event.data).is_err();
                assembly.take(event, sink)
            })
        }
    }
    .or_else(|error| match error {
        _ if assembly.is_finished() => Ok(()),
        DecodeError::NotProtocol(_) if cut_in_event => Err(broken(trouble.cut_off(None), assembly)),
        error => Err(wrong_answer(error, assembly, trouble)),
    })?;
    if assembly.is_finished() || (is_whole && !assembly.is_empty()) {
        return Ok(());
    }
    Err(Failure::Final(if !assembly.is_empty() {
        trouble.cut_off(None)
    } else if is_whole || began {
        trouble.not_protocol("it holds no answer")
    } else {
        trouble.not_protocol("the body is empty")
    }))
}

/// The connection broke, which may be worth another attempt as long as nothing was said.
fn broken(error: ModelError, assembly: &dyn Assembly) -> Failure {
    match assembly.is_empty() {
        true => Failure::Broken(error),
        false => Failure::Final(error),
    }
}

fn wrong_answer(error: DecodeError, assembly: &dyn Assembly, trouble: &Trouble<'_>) -> Failure {
    match error {
        DecodeError::NotProtocol(what) => Failure::Final(trouble.not_protocol(&what)),
        DecodeError::Reported(error) if assembly.is_empty() => {
            Failure::Refused(Refusal::reported(&error))
        }
        DecodeError::Reported(error) => Failure::Final(trouble.refused(&Refusal::reported(&error))),
    }
}
