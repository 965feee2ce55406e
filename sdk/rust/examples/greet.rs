//! The smallest useful tool plugin. Build it with
//! `cargo build --example greet --release --target wasm32-wasip2`.

use charthouse_sdk::{Effect, Failure, Tool, ToolPlugin, arguments, export_tool, log, state};

arguments! {
    /// Whom to greet.
    struct Greet {
        /// The person's name.
        name: String,
        /// How often; once when absent.
        times: u64 = 1,
    }
}

/// Greets, and remembers in the plugin's own state how often it has.
fn greet(arguments: Greet) -> Result<String, Failure> {
    if arguments.times > 10 {
        return Err(Failure::invalid(
            "`times` is at most 10: nobody listens for longer",
        ));
    }
    let greeted: u64 = state::get_json("greeted")?.unwrap_or(0) + arguments.times;
    state::set_json("greeted", &greeted)?;
    log::info(format!("greeted {greeted} times so far"));
    Ok(vec![format!("Hello, {}!", arguments.name); arguments.times as usize].join("\n"))
}

struct Greeter;

impl ToolPlugin for Greeter {
    fn tools() -> Vec<Tool> {
        vec![Tool::new("greet", "Greets a person by name.", greet).effect(Effect::Once)]
    }
}

export_tool!(Greeter);
