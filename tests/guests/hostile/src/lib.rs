//! Tools that each attack one limit or one boundary of the sandbox, so that a test can show the limit holding, and failing when it is taken
//! out. What they answer says exactly how far they came.

mod boundaries;
mod limits;
#[cfg(target_os = "wasi")]
mod links;
#[cfg(target_os = "wasi")]
mod storms;
mod world;

use charthouse_sdk::{Effect, Failure, Part, Tool, ToolPlugin, arguments, export_tool};

arguments! {
    /// A tool that needs to be told nothing.
    pub struct Nothing {}
}

arguments! {
    /// Some text.
    pub struct Text {
        /// The text.
        text: String,
    }
}

fn echo(arguments: Text) -> Result<String, Failure> {
    Ok(arguments.text)
}

fn bad_json(_: Nothing) -> Result<Part, Failure> {
    Ok(Part::Json("{\"this\": is not JSON".to_owned()))
}

struct Hostile;

impl ToolPlugin for Hostile {
    fn tools() -> Vec<Tool> {
        let mut tools = vec![
            Tool::new("echo", "Answers its text.", echo).effect(Effect::None),
            Tool::new("bad_json", "Answers a JSON part that is no JSON.", bad_json)
                .effect(Effect::None),
        ];
        tools.extend(limits::tools());
        tools.extend(boundaries::tools());
        tools.extend(world::tools());
        #[cfg(target_os = "wasi")]
        tools.extend(links::tools());
        #[cfg(target_os = "wasi")]
        tools.extend(storms::tools());
        tools
    }
}

export_tool!(Hostile);
