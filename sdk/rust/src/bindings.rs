//! Bindings generated from `wit/`: raw types and functions, one module for what plugins import and one for each world they export.
//!
//! Nothing here is written by hand. Authors use the traits and macros of the crate's root; these modules are public only because the code
//! that the macros expand to names them.

#![allow(missing_docs, unsafe_code)]

/// What plugins import, and the nouns that all worlds share.
pub mod imports {
    wit_bindgen::generate!({
        inline: "
            package charthouse:sdk;
            world imports {
                import charthouse:plugin/types@0.1.0;
                import charthouse:plugin/log@0.1.0;
                import charthouse:plugin/state@0.1.0;
                import charthouse:plugin/model@0.1.0;
            }
        ",
        path: "../../wit",
        generate_all,
        additional_derives: [PartialEq],
    });
}

/// World `tool-plugin`.
pub mod tool {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "tool-plugin",
        with: {
            "charthouse:plugin/types@0.1.0": crate::bindings::imports::charthouse::plugin::types,
            "charthouse:plugin/log@0.1.0": crate::bindings::imports::charthouse::plugin::log,
            "charthouse:plugin/state@0.1.0": crate::bindings::imports::charthouse::plugin::state,
        },
        pub_export_macro: true,
        export_macro_name: "export_tool_world",
        default_bindings_module: "charthouse_sdk::bindings::tool",
        additional_derives: [PartialEq],
    });
}

/// World `context-plugin`.
pub mod context {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "context-plugin",
        with: {
            "charthouse:plugin/types@0.1.0": crate::bindings::imports::charthouse::plugin::types,
            "charthouse:plugin/log@0.1.0": crate::bindings::imports::charthouse::plugin::log,
            "charthouse:plugin/state@0.1.0": crate::bindings::imports::charthouse::plugin::state,
        },
        pub_export_macro: true,
        export_macro_name: "export_context_world",
        default_bindings_module: "charthouse_sdk::bindings::context",
        additional_derives: [PartialEq],
    });
}

/// World `memory-plugin`.
pub mod memory {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "memory-plugin",
        with: {
            "charthouse:plugin/types@0.1.0": crate::bindings::imports::charthouse::plugin::types,
            "charthouse:plugin/log@0.1.0": crate::bindings::imports::charthouse::plugin::log,
            "charthouse:plugin/state@0.1.0": crate::bindings::imports::charthouse::plugin::state,
            "charthouse:plugin/model@0.1.0": crate::bindings::imports::charthouse::plugin::model,
        },
        pub_export_macro: true,
        export_macro_name: "export_memory_world",
        default_bindings_module: "charthouse_sdk::bindings::memory",
        additional_derives: [PartialEq],
    });
}

/// World `summary-plugin`.
pub mod summary {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "summary-plugin",
        with: {
            "charthouse:plugin/types@0.1.0": crate::bindings::imports::charthouse::plugin::types,
            "charthouse:plugin/log@0.1.0": crate::bindings::imports::charthouse::plugin::log,
            "charthouse:plugin/state@0.1.0": crate::bindings::imports::charthouse::plugin::state,
            "charthouse:plugin/model@0.1.0": crate::bindings::imports::charthouse::plugin::model,
        },
        pub_export_macro: true,
        export_macro_name: "export_summary_world",
        default_bindings_module: "charthouse_sdk::bindings::summary",
        additional_derives: [PartialEq],
    });
}

/// World `guard-plugin`.
pub mod guard {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "guard-plugin",
        with: {
            "charthouse:plugin/log@0.1.0": crate::bindings::imports::charthouse::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_guard_world",
        default_bindings_module: "charthouse_sdk::bindings::guard",
        additional_derives: [PartialEq],
    });
}
