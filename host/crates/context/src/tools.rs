//! The tools of a payload: which schemas are sent, and the line that says which of them are open.

use crate::{Estimator, ToolsMode};
use std::sync::Arc;
use types::{ContentHash, Item, Provenance, Role, ToolName, ToolSchema};

/// A tool that could be offered, its schema measured once: it stays the same as long as the plugin does.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOffer {
    /// Its schema. What a plugin says of its tools did not come from the house: it goes through [`neutralise`](crate::neutralise) before it is measured.
    pub schema: ToolSchema,
    /// Whether the policy of this instant lets it be called.
    pub open: bool,
    /// Tokens of the schema by the estimator in use.
    pub tokens: u64,
    /// Hash of all that the schema says.
    pub hash: ContentHash,
}

impl ToolOffer {
    /// An offer of `schema`, measured.
    pub fn measured(schema: ToolSchema, open: bool, estimator: &dyn Estimator) -> Self {
        let tokens = estimator.schema(&schema);
        ToolOffer {
            hash: hash(&schema),
            schema,
            open,
            tokens,
        }
    }

    /// Whether this is one of the host's own tools, which have no plugin's name before theirs and pass through always.
    fn is_host_tool(&self) -> bool {
        !self.schema.name.contains('.')
    }

    fn is_open(&self) -> bool {
        self.open || self.is_host_tool()
    }
}

/// The hash of what of a schema goes on the wire, each text after its length.
fn hash(schema: &ToolSchema) -> ContentHash {
    let mut bytes = Vec::new();
    for text in [
        &*schema.name,
        &*schema.description,
        &*schema.parameters.to_string(),
    ] {
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    ContentHash::of(&bytes)
}

/// All tools that some state could allow, in the order in which they are to be sent. Keep the order the same for a whole run: it is part of the prefix
/// that providers cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tools<'a> {
    /// The offers.
    pub offers: &'a [ToolOffer],
}

/// The tools chunk of one payload.
#[derive(Clone, Debug)]
pub(crate) struct ToolsBody<'a> {
    offers: Vec<&'a ToolOffer>,
    notice: Option<Arc<str>>,
    schemas: u64,
    tokens: u64,
}

impl<'a> ToolsBody<'a> {
    pub fn new(tools: &Tools<'a>, mode: ToolsMode, estimator: &dyn Estimator) -> Self {
        let sent = |offer: &&ToolOffer| mode == ToolsMode::Declared || offer.is_open();
        ToolsBody::of(tools.offers.iter().filter(sent).collect(), estimator)
    }

    fn of(offers: Vec<&'a ToolOffer>, estimator: &dyn Estimator) -> Self {
        let notice = notice(&offers);
        let schemas = offers.iter().map(|offer| offer.tokens).sum();
        let tokens = notice
            .as_ref()
            .map_or(0, |notice| estimator.tokens(notice) + estimator.message());
        ToolsBody {
            offers,
            notice,
            schemas,
            tokens: schemas + tokens,
        }
    }

    /// Tokens of the schemas and of the line.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The host's own tools alone.
    pub fn least(&self, estimator: &dyn Estimator) -> Self {
        self.first(0, estimator)
    }

    /// As many tools from the first on as fit into `room`, the host's own always.
    pub fn tail_cut(&self, room: u64, estimator: &dyn Estimator) -> Self {
        let plugins = self.offers.iter().filter(|offer| !offer.is_host_tool());
        let (mut low, mut high) = (0, plugins.count());
        let mut best = self.first(0, estimator);
        // A tool costs more than the line changes by it, so that more tools never take less.
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let body = self.first(middle, estimator);
            if body.tokens <= room {
                (low, best) = (middle, body);
            } else {
                high = middle - 1;
            }
        }
        best
    }

    /// The first `count` tools of plugins, and the host's own.
    fn first(&self, count: usize, estimator: &dyn Estimator) -> Self {
        let mut left = count;
        let kept = |offer: &&'a ToolOffer| {
            offer.is_host_tool() || {
                let keep = left > 0;
                left = left.saturating_sub(1);
                keep
            }
        };
        ToolsBody::of(
            self.offers.iter().copied().filter(kept).collect(),
            estimator,
        )
    }

    /// The schemas to send.
    pub fn schemas(&self) -> impl Iterator<Item = ToolSchema> {
        self.offers.iter().map(|offer| offer.schema.clone())
    }

    /// The offers to send.
    pub fn offers(&self) -> impl Iterator<Item = &'a ToolOffer> {
        self.offers.iter().copied()
    }

    /// Tokens of the line that says what is open.
    pub fn notice_tokens(&self) -> u64 {
        self.tokens - self.schemas
    }

    /// Tokens of schemas that `self` has and `kept` has not.
    pub fn trimmed(&self, kept: &Self) -> u64 {
        self.schemas - kept.schemas
    }

    /// The line that says what is open, as the item that ends the payload. It speaks as the user, because providers move what the system says to the
    /// front, where it would push the whole cached prefix aside.
    pub fn notice(&self) -> Option<Arc<Item>> {
        self.notice.as_ref().map(|text| {
            Arc::new(Item::Text {
                role: Role::User,
                text: text.into(),
                provenance: Provenance::House,
                labels: Vec::new(),
            })
        })
    }
}

/// What is open among `offers`, in the spelling that the model sees; `None` when everything is.
fn notice(offers: &[&ToolOffer]) -> Option<Arc<str>> {
    if offers.iter().all(|offer| offer.is_open()) {
        return None;
    }
    let wire = |offer: &&&ToolOffer| {
        let name = &offer.schema.name;
        ToolName::parse(name).map_or_else(|_| name.to_string(), |tool| tool.wire())
    };
    let open: Vec<String> = offers
        .iter()
        .filter(|offer| offer.is_open())
        .map(|offer| wire(&offer))
        .collect();
    let text = match open.as_slice() {
        [] => "No tool is open now; a call to any is denied.".to_owned(),
        open => format!(
            "Tools open now: {}. A call to any other is denied.",
            open.join(", ")
        ),
    };
    Some(text.into())
}
