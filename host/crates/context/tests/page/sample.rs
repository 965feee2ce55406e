//! Reports as pages are made of them: an agent in the middle of its work, and what strangers could write into one.

use charthouse_context::*;
use types::{CacheClass, Role};

struct Sample {
    id: &'static str,
    source: &'static str,
    tokens: u64,
    budget: Option<u64>,
    trimmed: u64,
    cached: u64,
    stable: bool,
    priority: u8,
    from: &'static [(&'static str, u64)],
    note: Option<&'static str>,
}

const WORKING: [Sample; 9] = [
    Sample {
        id: "charter",
        source: "file:charter.md",
        tokens: 3_120,
        budget: Some(4_915),
        trimmed: 0,
        cached: 3_120,
        stable: true,
        priority: 5,
        from: &[("file:charter.md", 3_120)],
        note: None,
    },
    Sample {
        id: "tools",
        source: "tools:declared",
        tokens: 5_480,
        budget: Some(7_372),
        trimmed: 0,
        cached: 5_420,
        stable: true,
        priority: 5,
        from: &[
            ("house", 310),
            ("plugin:fs", 1_890),
            ("plugin:search", 2_140),
            ("plugin:patch", 1_140),
        ],
        note: None,
    },
    Sample {
        id: "repo",
        source: "plugin:repo-map",
        tokens: 9_830,
        budget: Some(9_830),
        trimmed: 4_212,
        cached: 9_830,
        stable: false,
        priority: 4,
        from: &[("plugin:repo-map@7c1e0f2b9a44", 9_830)],
        note: Some("served from an earlier turn: the plugin took longer than 5s"),
    },
    Sample {
        id: "history",
        source: "history",
        tokens: 61_204,
        budget: None,
        trimmed: 38_700,
        cached: 57_950,
        stable: false,
        priority: 6,
        from: &[
            ("house", 1_180),
            ("human", 904),
            ("model:qwen3-coder", 21_316),
            ("plugin:fs@3b90c2d1e6f7", 30_104),
            ("plugin:search@11aa22bb33cc", 7_700),
        ],
        note: Some("a summary of 212 items stands for what left the window"),
    },
    Sample {
        id: "facts",
        source: "memory:facts",
        tokens: 2_310,
        budget: Some(4_915),
        trimmed: 0,
        cached: 0,
        stable: false,
        priority: 5,
        from: &[("plugin:dream@0f0f0f0f0f0f", 2_310)],
        note: None,
    },
    Sample {
        id: "episodes",
        source: "memory:episodes",
        tokens: 0,
        budget: Some(1_024),
        trimmed: 0,
        cached: 0,
        stable: false,
        priority: 5,
        from: &[],
        note: None,
    },
    Sample {
        id: "workflow",
        source: "slot:workflow",
        tokens: 412,
        budget: Some(3_686),
        trimmed: 0,
        cached: 0,
        stable: false,
        priority: 8,
        from: &[("house", 412)],
        note: None,
    },
    Sample {
        id: "cognition",
        source: "slot:cognition",
        tokens: 188,
        budget: Some(3_686),
        trimmed: 0,
        cached: 0,
        stable: false,
        priority: 8,
        from: &[("house", 188)],
        note: None,
    },
    Sample {
        id: "nudge",
        source: "text",
        tokens: 8,
        budget: Some(1_228),
        trimmed: 0,
        cached: 0,
        stable: false,
        priority: 1,
        from: &[("house", 8)],
        note: None,
    },
];

/// An agent with a long conversation behind it.
pub fn working() -> MapReport {
    let chunks: Vec<ChunkReport> = WORKING.iter().map(chunk).collect();
    MapReport {
        limit: 131_072,
        reserve: 8_192,
        total: chunks.iter().map(|chunk| chunk.tokens).sum(),
        cached: chunks.iter().map(|chunk| chunk.cached).sum(),
        estimator: "bytes/3.6 × 1.08, learnt from 12 replies, off by 2.1 %".into(),
        calibration: Some(CalibrationReport {
            samples: 12,
            ignored: 0,
            factor: 1.08,
            error: Some(0.021),
        }),
        chunks,
    }
}

fn chunk(sample: &Sample) -> ChunkReport {
    let share = |(from, tokens): &(&str, u64)| ProvenanceShare {
        from: (*from).into(),
        tokens: *tokens,
    };
    ChunkReport {
        id: sample.id.into(),
        role: if sample.stable {
            Role::System
        } else {
            Role::User
        },
        source: sample.source.into(),
        tokens: sample.tokens,
        budget: sample.budget,
        trimmed: sample.trimmed,
        cached: sample.cached,
        cache: if sample.stable {
            CacheClass::Stable
        } else {
            CacheClass::Volatile
        },
        priority: sample.priority,
        note: sample.note.map(str::to_owned),
        provenance: sample.from.iter().map(share).collect(),
    }
}

/// Names, sources, provenances and notes that try to get out of the page, or to break its layout.
pub fn hostile() -> MapReport {
    let attacks = [
        "</style></title><script>document.title='owned'</script>",
        "\" onfocus=\"document.title='owned'\" x=\"",
        "<img src=x onerror=\"document.title='owned'\">",
        "'); --x:url(javascript:1)",
        "\u{202e}gnp.exe\u{0}\u{1b}[31m",
        &"unbroken".repeat(60),
    ];
    let mut report = working();
    report.chunks = attacks
        .iter()
        .map(|attack| ChunkReport {
            id: (*attack).into(),
            source: format!("plugin:{attack}"),
            note: Some((*attack).into()),
            provenance: vec![ProvenanceShare {
                from: (*attack).into(),
                tokens: u64::MAX,
            }],
            ..chunk(&WORKING[2])
        })
        .collect();
    report.chunks[0].tokens = u64::MAX;
    report.chunks[1].budget = Some(0);
    report.chunks[2].trimmed = u64::MAX;
    report.chunks[3].cached = u64::MAX;
    report.estimator = attacks[0].into();
    report
}

/// More chunks than a narrow screen has columns.
pub fn crowded() -> MapReport {
    let mut report = working();
    report.chunks = (0..120)
        .map(|index| ChunkReport {
            id: format!("chunk-{index}"),
            tokens: 1 + index % 7,
            ..chunk(&WORKING[index as usize % WORKING.len()])
        })
        .collect();
    report
}
