//! Dialects against a server on this machine: what is sent, what is understood, and what is said when it goes wrong.

mod bad;
mod cassette;
mod chat;
mod guests;
mod messages;
mod patience;
mod responses;
#[path = "../server/mod.rs"]
mod server;

use charthouse_provider as provider;
use server::{Answer, Server};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use types::{
    Dialect, Item, Model, ModelError, ModelParameters, ModelSink, Payload, Provenance,
    ProviderConfig, ProviderKind, Reply, Role, SecretRef, ToolSchema,
};

const KEY: &str = "sk-very-secret-0123456789";

/// Patience that no healthy exchange on this machine needs, and pauses that no test waits for.
fn settings() -> provider::Settings {
    provider::Settings {
        idle_timeout: Duration::from_secs(20),
        longest_pause: Duration::from_millis(20),
        seed: Some(4),
        ..provider::Settings::default()
    }
}

fn open(base_url: &str, key: Option<SecretRef>, settings: &provider::Settings) -> Arc<dyn Model> {
    let config = ProviderConfig::new("local", chat_completions(base_url, key));
    provider::open(&config, settings).unwrap()
}

fn chat_completions(base_url: &str, key: Option<SecretRef>) -> ProviderKind {
    ProviderKind::Http {
        dialect: Dialect::ChatCompletions,
        base_url: base_url.to_owned(),
        key,
    }
}

fn payload() -> Payload {
    Payload {
        items: vec![Arc::new(Item::Text {
            role: Role::User,
            text: "Hello".into(),
            provenance: Provenance::Human,
            labels: vec![],
        })],
        tools: vec![ToolSchema {
            name: "fs.read".into(),
            description: "Reads.".into(),
            parameters: Arc::new(serde_json::json!({"type": "object"})),
        }],
        parameters: ModelParameters {
            provider: "local".into(),
            name: "qwen3".into(),
            context_length: 1000,
            max_output: 100,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

#[derive(Default)]
struct Heard {
    text: String,
    reasoning: String,
    notes: Vec<String>,
}

impl ModelSink for Heard {
    fn text(&mut self, delta: &str) {
        self.text += delta;
    }
    fn reasoning(&mut self, delta: &str) {
        self.reasoning += delta;
    }
    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }
}

async fn ask(server: &Server) -> Result<Reply, ModelError> {
    open(&server.base_url, None, &settings())
        .complete(&payload(), &mut ())
        .await
}

async fn ask_for(answers: Vec<Answer>) -> Result<Reply, ModelError> {
    ask(&Server::start(answers).await).await
}

fn whole(bytes: Vec<u8>) -> Answer {
    let size = bytes.len();
    Answer::Pieces(bytes, size)
}

fn key_file(folder: &Path) -> SecretRef {
    let file = folder.join("key");
    std::fs::write(&file, KEY).unwrap();
    SecretRef::File(file)
}
