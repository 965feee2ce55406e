//! Maps, conversations and tools as tests write them.

use charthouse_context::*;
use std::sync::Arc;
use types::*;

pub fn place() -> Place {
    Place::new("agents/coder.yaml", 7, 5)
}

pub fn mark<T>(value: T) -> Marked<T> {
    Marked::new(value, place())
}

pub fn chunk(id: &str, source: Source, trim: Trim) -> ChunkDef {
    ChunkDef {
        id: mark(id.to_owned()),
        role: Role::User,
        source,
        budget: None,
        trim,
        priority: 5,
        flexible: false,
        cache: CacheClass::Volatile,
        place: place(),
    }
}

pub fn text(id: &str, text: &str, trim: Trim) -> ChunkDef {
    chunk(id, Source::Text(text.into()), trim)
}

pub fn history() -> ChunkDef {
    ChunkDef {
        flexible: true,
        priority: 6,
        ..chunk("history", Source::History, Trim::Oldest)
    }
}

impl Tune for ChunkDef {}
/// Settings on a chunk, one at a time.
pub trait Tune: Into<ChunkDef> {
    fn budget(self, budget: Budget) -> ChunkDef {
        ChunkDef {
            budget: Some(mark(budget)),
            ..self.into()
        }
    }
    fn tokens(self, tokens: u64) -> ChunkDef {
        self.budget(Budget::Tokens(tokens))
    }
    fn priority(self, priority: u8) -> ChunkDef {
        ChunkDef {
            priority,
            ..self.into()
        }
    }
    fn stable(self) -> ChunkDef {
        ChunkDef {
            cache: CacheClass::Stable,
            role: Role::System,
            ..self.into()
        }
    }
}

pub fn model(context_length: u64, max_output: u64) -> ModelParameters {
    ModelParameters {
        provider: "local".into(),
        name: "model".into(),
        context_length,
        max_output,
        temperature: None,
        reasoning: None,
    }
}

pub fn human(text: &str) -> Item {
    Item::Text {
        role: Role::User,
        text: text.into(),
        provenance: Provenance::Human,
        labels: Vec::new(),
    }
}

pub fn assistant(text: &str, calls: &[&str]) -> Item {
    let call = |id: &&str| ToolCall {
        id: (*id).into(),
        name: "fs.read".into(),
        arguments: "{}".into(),
    };
    Item::Assistant {
        text: text.into(),
        reasoning: None,
        calls: calls.iter().map(call).collect(),
        provenance: Provenance::Model("model".into()),
    }
}

pub fn result(call: &str, text: &str) -> Item {
    Item::Result(ToolResult {
        call: call.into(),
        name: "fs.read".into(),
        text: text.into(),
        failed: false,
        provenance: Provenance::Plugin {
            name: "fs".into(),
            generation: "0123".into(),
        },
        labels: Vec::new(),
    })
}

pub fn measured(items: impl IntoIterator<Item = Item>) -> Vec<HistoryItem> {
    items
        .into_iter()
        .map(|item| HistoryItem::measured(Arc::new(item), &BytesEstimate))
        .collect()
}

pub fn offer(name: &str, open: bool) -> ToolOffer {
    let schema = ToolSchema {
        name: name.into(),
        description: "Does what its name says.".into(),
        parameters: Arc::new(serde_json::json!({"type": "object"})),
    };
    ToolOffer::measured(schema, open, &BytesEstimate)
}

/// A map without slots and needs, assembled.
pub fn assemble(
    chunks: &[ChunkDef],
    history: &[HistoryItem],
    offers: &[ToolOffer],
    model: &ModelParameters,
) -> Result<Assembled, AssembleError> {
    let map = ContextMap {
        chunks: chunks.to_vec(),
        ..ContextMap::default()
    };
    plan(&map, &SlotChunks::default(), model).assemble(
        &Gathered::new(),
        &Said::new(history),
        &Tools { offers },
        &BytesEstimate,
    )
}

/// The texts of a payload, calls and results by their ids.
pub fn shown(payload: &Payload) -> Vec<String> {
    let show = |item: &Arc<Item>| match &**item {
        Item::Text { text, .. } => text.to_string(),
        Item::Assistant { text, calls, .. } => format!(
            "{text}{:?}",
            calls.iter().map(|call| &*call.id).collect::<Vec<_>>()
        ),
        Item::Result(result) => format!("={}", result.call),
    };
    payload.items.iter().map(show).collect()
}
