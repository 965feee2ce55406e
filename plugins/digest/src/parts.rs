//! What one request to the model holds: long answers of tools without their middle, and as many turns as fit.

use crate::tokens::{head, tail, tokens};
use charthouse_sdk::Turn;

/// What a turn costs beside its text: its dividing line.
const TURN: usize = 24;
/// Most tokens of what a tool answered, and the least it is cut to when there is very much of it.
const TOOL_MOST: usize = 4_096;
const TOOL_LEAST: usize = 256;
/// More requests than this take longer than a summary is worth; tools' answers are cut harder before.
const REQUESTS: usize = 12;

/// What one request holds.
#[derive(Debug)]
pub struct Part {
    /// Which of the turns the first of it is, or is from.
    pub first: usize,
    /// The turns, or pieces of them.
    pub turns: Vec<Turn>,
}

/// `said` in parts of at most `limit` tokens, none of them empty. Nothing that a person or the model said is left out.
pub fn parts(said: &[Turn], limit: usize) -> Vec<Part> {
    let mut tool = TOOL_MOST;
    loop {
        let parts = split(said, limit, tool.min(limit));
        if parts.len() <= REQUESTS || tool <= TOOL_LEAST {
            return parts;
        }
        tool /= 2;
    }
}

fn split(said: &[Turn], limit: usize, tool: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut room = 0;
    for (first, turn) in said.iter().enumerate() {
        let text = match is_tool(turn) {
            true => without_middle(&turn.text, tool),
            false => turn.text.clone(),
        };
        for piece in pieces(&text, limit) {
            let cost = TURN + tokens(piece);
            match parts.last_mut() {
                Some(part) if cost <= room => {
                    part.turns.push(Turn::new(&turn.speaker, piece));
                    room -= cost;
                }
                _ => {
                    parts.push(Part {
                        first,
                        turns: vec![Turn::new(&turn.speaker, piece)],
                    });
                    room = (limit + TURN).saturating_sub(cost);
                }
            }
        }
    }
    parts
}

/// Whether a tool said it. Of what people, the house and the model say nothing is cut.
pub fn is_tool(turn: &Turn) -> bool {
    !matches!(turn.speaker.as_str(), "human" | "house" | "model")
}

/// `text` in at most `limit` tokens: its beginning and its end.
fn without_middle(text: &str, limit: usize) -> String {
    if tokens(text) <= limit {
        return text.to_owned();
    }
    let (begins, ends) = (head(text, limit * 2 / 3), tail(text, limit / 4));
    let left_out = text.len() - begins.len() - ends.len();
    format!("{begins}\n[… {left_out} bytes left out …]\n{ends}")
}

/// `text` in pieces of at most `limit` tokens, cut between lines where there are some.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        // A limit of nothing would never end.
        let all = head(rest, limit.max(4));
        let end = match all.rfind('\n') {
            _ if all.len() == rest.len() => break,
            Some(line) if line >= all.len() / 2 => line + 1,
            _ => all.len(),
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    if !rest.trim().is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: &[Part], speaker: &str) -> String {
        let turns = parts.iter().flat_map(|part| &part.turns);
        turns
            .filter(|turn| turn.speaker == speaker)
            .map(|turn| turn.text.as_str())
            .collect()
    }

    #[test]
    fn nothing_that_people_and_the_model_said_is_left_out() {
        let words = "All of this is to be kept, to the last word.\n".repeat(500);
        let said = [
            Turn::new("human", &words),
            Turn::new("model", "日本語".repeat(3_000)),
            Turn::new("human", "short"),
            Turn::new("human", "  \n"),
        ];
        for limit in [1, 100, 1_000, 3_000, 1_000_000] {
            let parts = parts(&said, limit);
            assert_eq!(joined(&parts, "human"), format!("{words}short"), "{limit}");
            assert_eq!(joined(&parts, "model"), said[1].text, "{limit}");
            for part in &parts {
                let cost: usize = part.turns.iter().map(|turn| tokens(&turn.text)).sum();
                assert!(
                    !part.turns.is_empty() && cost <= limit.max(4),
                    "{cost} in {limit}"
                );
            }
        }
    }

    #[test]
    fn what_tools_answered_keeps_its_ends() {
        let long = format!("first line\n{}last line", "x\n".repeat(100_000));
        let said = vec![Turn::new("fs.read", long); 2];
        let parts = parts(&said, 24_000);
        assert_eq!(parts.len(), 1);
        for turn in &parts[0].turns {
            assert!(tokens(&turn.text) <= TOOL_MOST + 20);
            assert!(turn.text.starts_with("first line") && turn.text.ends_with("last line"));
            assert!(
                turn.text.contains("bytes left out …]"),
                "{}",
                turn.text.len()
            );
        }
    }

    #[test]
    fn very_much_of_tools_is_cut_harder() {
        let said = vec![Turn::new("fs.read", "x\n".repeat(10_000)); 300];
        assert!(parts(&said, 24_000).len() <= REQUESTS);
    }
}
