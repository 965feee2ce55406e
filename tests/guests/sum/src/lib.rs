//! A summary plugin that does what the last turn says, so that a test can choose it: `ASK` asks the model, `FILL n` answers with n bytes,
//! `SPIN` never returns, `FAIL` fails; anything else is answered with what arrived.

use charthouse_sdk::{Failure, SummaryPlugin, SummaryRequest, Turn, export_summary, log, model};

struct Summary;

impl SummaryPlugin for Summary {
    fn summarise(request: SummaryRequest) -> Result<String, Failure> {
        log::debug(format!("sums up {} turns", request.said.len()));
        let last = request.said.last().map_or("", |turn| turn.text.as_str());
        let (order, rest) = last.split_once(' ').unwrap_or((last, ""));
        match order {
            "ASK" => model::complete(&model::Request {
                system: "Sum up.".to_owned(),
                prompt: shown(&request),
                max_output: request.budget,
            }),
            "FILL" => Ok("x".repeat(rest.parse().unwrap_or(0))),
            "SPIN" => loop {
                std::hint::spin_loop();
            },
            "FAIL" => Err(Failure::failed("it was asked to fail")),
            _ => Ok(shown(&request)),
        }
    }
}

fn shown(request: &SummaryRequest) -> String {
    let turn = |turn: &Turn| format!("{}: {}", turn.speaker, turn.text);
    let said: Vec<String> = request.said.iter().map(turn).collect();
    format!(
        "earlier: {:?}; said: {}; budget: {}",
        request.earlier,
        said.join(" / "),
        request.budget
    )
}

export_summary!(Summary);
