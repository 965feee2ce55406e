//! Bindings generated from `wit/`: one world that imports everything any kind of plugin may import and exports every kind's interface.
//!
//! No component implements this world; it exists so that all kinds share their types. Each export is looked up by itself, so a
//! component may be one kind or several.

wasmtime::component::bindgen!({
    path: "../../../wit",
    inline: "
        package charthouse:host;
        world every {
            import charthouse:plugin/log@0.1.0;
            import charthouse:plugin/state@0.1.0;
            import charthouse:plugin/model@0.1.0;
            export charthouse:plugin/tool@0.1.0;
            export charthouse:plugin/context@0.1.0;
            export charthouse:plugin/memory@0.1.0;
            export charthouse:plugin/summary@0.1.0;
            export charthouse:plugin/guard@0.1.0;
        }
    ",
    world: "charthouse:host/every",
    imports: { default: trappable, "charthouse:plugin/model@0.1.0": async | trappable, "charthouse:plugin/state@0.1.0": async | trappable },
    exports: { default: async },
});
