//! Tool plugins written by hand as WebAssembly text, for attacks that no compiler would emit: lengths that lie, pointers that lead nowhere, a start
//! function that never ends. Each is a harmless tool `go` in which one piece was exchanged.

use charthouse_sandbox::{Plugin, Sandbox, SandboxError};
use std::sync::Arc;
use types::PluginName;

/// Where [`Written::default`] keeps the answer of `specs`.
pub const SPECS: u32 = 16;
/// Where it keeps the one spec.
pub const SPEC: u32 = 32;
/// Where it keeps the answer of `invoke`: a byte that says `ok`, then at 4 the list of parts.
pub const ANSWER: u32 = 200;
/// Where it keeps the one part: a byte that says `text`, then at 4 its text.
pub const PART: u32 = 220;
/// Where it keeps the text.
pub const TEXT: u32 = 300;

/// The pieces of a tool plugin.
pub struct Written {
    /// What the component has beside its one module.
    pub component: String,
    /// What the module imports, and what it is given for it.
    pub imports: &'static str,
    /// See `imports`.
    pub given: &'static str,
    /// The memory `memory`.
    pub memory: &'static str,
    /// What the module has beside its functions.
    pub fields: String,
    /// Body of the function that the host calls for room in the guest's memory.
    pub realloc: String,
    /// Body of `specs`, which answers where its answer lies.
    pub specs: String,
    /// Body of `invoke`, which answers where its answer lies.
    pub invoke: String,
    /// Body of what the host calls once it has read the answer of `invoke`.
    pub after: String,
    /// How texts are written.
    pub encoding: &'static str,
}

impl Default for Written {
    fn default() -> Self {
        Written {
            component: String::new(),
            imports: "",
            given: "",
            memory: "(memory (export \"memory\") 4)",
            fields: String::new(),
            // Each call of a host function gets its own 4 KiB, which is more than any of these tests sends in.
            realloc: "(global.set $free (i32.add (global.get $free) (i32.const 4096))) (global.get $free)".into(),
            specs: format!("i32.const {SPECS}"),
            invoke: format!("i32.const {ANSWER}"),
            after: String::new(),
            encoding: "utf8",
        }
    }
}

impl Written {
    /// Four bytes at `at`, as a piece of `fields`.
    pub fn word(at: u32, value: u32) -> String {
        let bytes = value.to_le_bytes().map(|byte| format!("\\{byte:02x}"));
        format!("(data (i32.const {at}) \"{}\")\n", bytes.concat())
    }

    /// The component.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn text(&self) -> String {
        let data = [
            Written::word(SPECS, SPEC),
            Written::word(SPECS + 4, 1),
            Written::word(SPEC, 100),
            Written::word(SPEC + 4, 2),
            Written::word(SPEC + 8, 100),
            Written::word(SPEC + 12, 0),
            Written::word(SPEC + 16, 110),
            Written::word(SPEC + 20, 2),
            Written::word(ANSWER + 4, PART),
            Written::word(ANSWER + 8, 1),
            Written::word(PART + 4, TEXT),
            Written::word(PART + 8, 4),
        ]
        .concat();
        let Written {
            component,
            imports,
            given,
            memory,
            fields,
            realloc,
            specs,
            invoke,
            after,
            encoding,
        } = self;
        let types = r#"
            (type $a-failure (variant (case "invalid" string) (case "denied" string) (case "unavailable" string) (case "failed" string)))
            NAMED "failure" (type $failure (eq $a-failure))
            (type $a-blob (record (field "mime" string) (field "bytes" (list u8))))
            NAMED "blob" (type $blob (eq $a-blob))
            (type $a-part (variant (case "text" string) (case "json" string) (case "blob" $blob)))
            NAMED "part" (type $part (eq $a-part))
            (type $a-effect (enum "none" "idempotent" "once"))
            NAMED "effect" (type $effect (eq $a-effect))
            (type $a-spec (record (field "name" string) (field "description" string) (field "parameters" string) (field "effect" $effect)))
            NAMED "spec" (type $spec (eq $a-spec))
            (type $a-call (record (field "id" string) (field "name" string) (field "arguments" string)))
            NAMED "call" (type $call (eq $a-call))"#;
        let names = ["failure", "blob", "part", "effect", "spec", "call"];
        let imported: String = types
            .lines()
            .map(|line| match line.trim().strip_prefix("NAMED ") {
                Some(rest) => format!("(import {rest})\n"),
                None => format!("{line}\n"),
            })
            .collect();
        // Outside of the inner component types are only written, not named.
        let plain: String = types
            .lines()
            .filter(|line| !line.trim().starts_with("NAMED "))
            .map(|line| line.replace("$a-", "$") + "\n")
            .collect();
        let given_types: String = names
            .iter()
            .map(|name| format!("(with \"{name}\" (type ${name}))"))
            .collect();
        // What is exported refers to what is exported only.
        let exported: String = types
            .lines()
            .map(|line| {
                let line = line.trim().replace("$a-", "$x-");
                match line.strip_prefix("NAMED ") {
                    Some(rest) => {
                        let name = rest.split('"').nth(1).unwrap_or_default();
                        format!("(export $e-{name} \"{name}\" (type $x-{name}))\n")
                    }
                    None => line.replace(" $", " $e-").replace("$e-x-", "$x-") + "\n",
                }
            })
            .collect();
        format!(
            r#"(component
            {component}
            (core module $module
                {imports}
                {memory}
                (global $free (mut i32) (i32.const 8192))
                {data}
                (data (i32.const 100) "go")
                (data (i32.const 110) "{{}}")
                (data (i32.const {TEXT}) "fine")
                {fields}
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "specs") (result i32) {specs})
                (func (export "invoke") (param i32 i32 i32 i32 i32 i32) (result i32) {invoke})
                (func (export "after") (param i32) {after})
            )
            (core instance $m (instantiate $module {given}))
            {plain}
            (func $specs (result (list $spec))
                (canon lift (core func $m "specs") (memory $m "memory") (realloc (func $m "realloc")) string-encoding={encoding}))
            (func $invoke (param "call" $call) (result (result (list $part) (error $failure)))
                (canon lift (core func $m "invoke") (memory $m "memory") (realloc (func $m "realloc")) (post-return (func $m "after")) string-encoding={encoding}))
            (component $api
                {imported}
                (import "specs" (func $specs (result (list $spec))))
                (import "invoke" (func $invoke (param "call" $call) (result (result (list $part) (error $failure)))))
                {exported}
                (export "specs" (func $specs) (func (result (list $e-spec))))
                (export "invoke" (func $invoke) (func (param "call" $e-call) (result (result (list $e-part) (error $e-failure)))))
            )
            (instance $tool (instantiate $api {given_types} (with "specs" (func $specs)) (with "invoke" (func $invoke))))
            (export "charthouse:plugin/tool@0.1.0" (instance $tool))
        )"#
        )
    }

    /// Load it.
    pub async fn load(&self, sandbox: &Sandbox) -> Result<Arc<Plugin>, SandboxError> {
        load_bytes(sandbox, &self.bytes()).await
    }
}

/// Load a component that stands in no file yet. The file must stay, because code is made when it is first called.
pub async fn load_bytes(sandbox: &Sandbox, bytes: &[u8]) -> Result<Arc<Plugin>, SandboxError> {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("written");
    std::fs::create_dir_all(&directory).unwrap();
    let hash = types::ContentHash::of(bytes);
    let path = directory.join(format!("{hash}.wasm").replace(':', "-"));
    std::fs::write(&path, bytes).unwrap();
    let name = PluginName::parse("written").unwrap();
    sandbox.load(name, &path, false).await
}
