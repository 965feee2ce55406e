//! What can be typed. Every verb has an example; `docs/cli.md` is generated from this.
//!
//! Only the verb that was typed has its options made (`defer`): all of them would be a part of every start. What several verbs share has a plain comment, then:
//! clap would print a doc comment in the place of the verb's own.

mod agents;
mod audit;
mod change;
mod chart;
mod generations;
mod journal;
mod memory;
mod new;
mod plugin;
mod replay;
mod serve;
mod signing;
mod supply;
mod workflow;

pub use agents::{AgentsVerb, At};
pub use audit::{AuditAnchor, AuditExport, AuditReview, AuditVerb, AuditVerify};
pub use change::{
    ChangeClass, ChangeDiff, ChangeFiles, ChangeRequest, ChangeVerb, ChangeVerify, ChangeVote,
};
pub use chart::{ChartFormat, ChartMigrate, ChartShow, ChartTest, ChartVerb};
pub use generations::{PluginRollback, PluginShadow, PluginSwap};
pub use journal::{
    ExportFormat, Filters, JournalCompact, JournalExport, JournalShow, JournalVerb, JournalWhy,
};
pub use memory::{MemoryAdd, MemoryList, MemoryVerb};
pub use new::{NewPlugin, NewVerb};
pub use plugin::PluginTest;
pub use replay::Replay;
pub use serve::{Doctor, Serve};
pub use signing::{As, Signing};
pub use supply::{DevOption, PluginAdd, PluginPin, PluginRemove, PluginRestore, PluginUpdate};
pub use workflow::WorkflowVerb;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A small host for long-running AI agents.
///
/// How an agent thinks and what it works on are statecharts in YAML; what the model sees is a context map; every tool is a WebAssembly component that can
/// touch only what the policy of the current state gives it.
///
/// Exit codes: 0 fine, 1 the thing asked about is not so, 2 usage, 3 definitions invalid, 4 denied by policy, 5 provider, 6 store.
#[derive(Parser)]
#[command(
    name = "charthouse",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Make a house that runs at once
    #[command(
        after_help = "Example:\n  charthouse init my-house && cd my-house && charthouse run surveyor"
    )]
    Init(Init),
    /// Check every definition of a house and explain every mistake
    ///
    /// Beside the definitions it reads what a run of the house would not, or not before it is needed: scenarios, the scripts and cassettes of providers, whether
    /// plugins are the pinned ones, whether keys and mounted directories are there, and files that nobody reads because of where they lie.
    #[command(after_help = "Examples:\n  charthouse check\n  charthouse check my-house --json")]
    Check(Check),
    /// Run an agent
    #[command(
        after_help = "Examples:\n  charthouse run surveyor\n  charthouse run coder \"Fix the failing test\" --provider local\n  charthouse run surveyor --json | tail -1\n  charthouse run --resume"
    )]
    Run(Run),
    /// Talk with an agent on the terminal
    ///
    /// What the model says streams by; calls, denials and what guards took away are shown. Ctrl-C stops what is under way, and at the prompt it ends the
    /// conversation, as Ctrl-D does. A conversation can be taken up again with --resume. `/help` lists what can be typed beside messages.
    #[command(
        after_help = "Examples:\n  charthouse chat coder\n  charthouse chat coder --resume latest\n  echo \"What is here?\" | charthouse chat assistant"
    )]
    Chat(Chat),
    /// Serve a house: host its agents and workflows, until told to end
    ///
    /// What the house keeps up is started, schedules and triggers fire, and `agents` and `workflow` reach it over a socket that only its owner may use. SIGTERM and
    /// Ctrl-C end it: what is under way may finish, the rest is written down and gone on with at the next start. Once more ends it at once, which loses nothing
    /// either.
    #[command(
        after_help = "Examples:\n  charthouse serve\n  charthouse serve --house my-house --json\n  charthouse serve --stop"
    )]
    Serve(Serve),
    /// See and steer what a daemon hosts
    #[command(subcommand)]
    Agents(AgentsVerb),
    /// See and steer instances of workflows
    ///
    /// Where no daemon serves the house, these do it by themselves.
    #[command(subcommand)]
    Workflow(WorkflowVerb),
    /// Change what is controlled: ask, assess, vote, implement, verify, release
    ///
    /// Each act is signed by whoever does it, with a key that house.yaml lists under `people`. Where no daemon serves the house, these do it by themselves. Exit code 4 is
    /// a rule that says no.
    #[command(subcommand)]
    Change(ChangeVerb),
    /// Check that this machine has what a house needs
    ///
    /// Exits with 1 where something is missing without which agents cannot run.
    #[command(
        after_help = "Examples:\n  charthouse doctor\n  charthouse doctor --house my-house --json\n  charthouse doctor --systemd > ~/.config/systemd/user/charthouse-my-house.service"
    )]
    Doctor(Doctor),
    /// Begin something of one's own
    #[command(subcommand)]
    New(NewVerb),
    /// Look at plugins, call and test their tools, add and exchange them
    #[command(subcommand)]
    Plugin(PluginVerb),
    /// Draw a chart, or run it by itself on a virtual clock
    #[command(subcommand)]
    Chart(ChartVerb),
    /// See what the model sees
    #[command(subcommand)]
    Context(ContextVerb),
    /// See what policy grants and which rule decided
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Read, explain, export and verify the record of what happened
    #[command(subcommand)]
    Journal(JournalVerb),
    /// Prove the record to somebody else: signatures, checkpoints, bundles for an auditor
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Execute a run again from its records, and prove that it comes out the same
    ///
    /// Charts, context maps and policies are executed from the journal alone: every step, every payload to the byte, every grant. No model is asked, and no
    /// component runs unless --plugins is given. With --until it shows where the run stood after that record. Exit code 0 where all is identical, 1 where
    /// something is not, or cannot be made again.
    #[command(
        after_help = "Examples:\n  charthouse replay latest\n  charthouse replay --all --json\n  charthouse replay latest --until 42 --payload\n  charthouse replay latest --plugins"
    )]
    Replay(Replay),
    /// See, add to and correct what agents remember
    #[command(subcommand)]
    Memory(MemoryVerb),
    /// Tokens, money, time and energy, by whatever they were spent on, and what came of it
    ///
    /// Every figure is the sum of journal records. --records lists those, each with its number, and `charthouse journal why NUMBER` tells how it came about.
    /// Days are UTC.
    #[command(
        after_help = "Examples:\n  charthouse ledger\n  charthouse ledger --by agent,purpose --since 7d\n  charthouse ledger --by day,model --since 2026-11-01 --until 2026-11-30 --csv\n  charthouse ledger --by tool --agent coder --run latest --json\n  charthouse ledger --records --run latest\n  charthouse ledger --budgets\n  charthouse ledger --compare version --workflow implement-review"
    )]
    Ledger(Ledger),
    /// Print the JSON Schema of definitions, so that an editor completes and checks them
    #[command(
        after_help = "Examples:\n  charthouse schema agent > agent.schema.json\n  charthouse schema | jq keys\n\nAn editor with the YAML language server uses a schema that the first line of a file names:\n  # yaml-language-server: $schema=../agent.schema.json"
    )]
    Schema(Schema),
    /// Compile a component (used by the host itself, in a process with limits)
    #[command(hide = true)]
    CompileComponent { input: PathBuf, output: PathBuf },
    /// Confine a native command (used by the host itself, in a process that gives everything else away)
    #[command(hide = true)]
    ConfineCommand { step: String },
}

// Which house.
#[derive(Args, Clone)]
pub struct HouseOption {
    /// The house; the current directory by default
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub house: PathBuf,
}

#[derive(Args)]
pub struct Init {
    /// Where to make it
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The directory that agents see as /workspace; the house itself by default
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// What agents may at most do in /workspace
    #[arg(long, value_enum, default_value_t = AccessOption::ReadOnly)]
    pub access: AccessOption,
    /// Say nothing when all is well
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccessOption {
    /// Read
    ReadOnly,
    /// Read and write
    ReadWrite,
}

#[derive(Args)]
pub struct Check {
    /// The house
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    #[command(flatten)]
    pub pins: DevOption,
    /// Print {"ok", "errors": […], "warnings": […]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone)]
pub struct Run {
    /// The agent's name
    #[arg(required_unless_present = "resume")]
    pub agent: Option<String>,
    /// What to say to it first
    pub prompt: Option<String>,
    /// Go on with a run that stopped, however it stopped: its id or the beginning of one; the latest where none is named
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest")]
    pub resume: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    #[command(flatten)]
    pub pins: DevOption,
    /// Give it a role of this instance of a workflow
    #[arg(long, value_name = "INSTANCE", requires = "role")]
    pub bind: Option<String>,
    /// The role that it takes there
    #[arg(long, value_name = "ROLE", requires = "bind")]
    pub role: Option<String>,
    /// Ask this provider of the house instead of the agent's own
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Ask for this model instead of the agent's own
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Print what happens as JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone)]
pub struct Chat {
    /// The agent's name
    pub agent: String,
    /// Go on with this run of the agent: its id or the beginning of one, or `latest`
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    #[command(flatten)]
    pub pins: DevOption,
    /// Ask this provider of the house instead of the agent's own
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Ask for this model instead of the agent's own
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub enum PluginVerb {
    /// List the plugins of a house
    #[command(after_help = "Example:\n  charthouse plugin list --json")]
    List {
        #[command(flatten)]
        house: HouseOption,
        #[command(flatten)]
        pins: DevOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a component is, imports and offers
    #[command(
        after_help = "Examples:\n  charthouse plugin inspect fs\n  charthouse plugin inspect target/plugins/fs.wasm --json"
    )]
    Inspect {
        /// A component's file, or the name of a plugin of the house
        component: String,
        #[command(flatten)]
        house: HouseOption,
        #[command(flatten)]
        pins: DevOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Call one tool
    ///
    /// Without --policy the call has no files, no environment and no network: it may only compute.
    #[command(
        after_help = "Examples:\n  charthouse plugin call target/plugins/fs.wasm read '{\"path\":\"/workspace/README.md\"}' --policy read.yaml --json\n  charthouse plugin call exec run '{\"argv\":[\"ls\",\"-l\"]}' --policy build.yaml"
    )]
    Call {
        /// A component's file, the name of a plugin of the house, or `exec` for the host's own tool `run`
        component: String,
        /// The tool, with or without its plugin's name
        tool: String,
        /// Arguments as a JSON object
        #[arg(value_name = "JSON", default_value = "{}")]
        arguments: String,
        /// The policy to call it under; mounts count from the current directory
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Show what the call would change in mounts with `access: staged`, and change nothing there
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        house: HouseOption,
        #[command(flatten)]
        pins: DevOption,
        /// Print {"ok": [parts]} or {"error": {…}}
        #[arg(long)]
        json: bool,
    },
    /// Run cases written as YAML against a component
    ///
    /// A file of cases begins with `tests: NAME`, then has `cases`, each with `name`, `tool`, `arguments`, and `expect`: `text`, `json`, `json_has`, `ok`
    /// (a list of parts, or `any`) or `error` (a kind, or `{ kind, message }`), and `refused`, `log`, `files`, `state`, `max_fuel`, `max_memory`. A text is
    /// meant exactly, or is a map of `equals`, `contains`, `lacks` and `matches` (a regular expression). `files` are what the case's own directory holds before
    /// the call, `state` what the plugin's state holds; `policy` and `env` lie over the policy. Mounts count from the case's own directory.
    ///
    /// Without --policy a case may call the tool it names, and sees its files read-only as /workspace. The clock stands still and chance is seeded, so a case
    /// comes to the same each time. Exits with 1 where a case is not as expected, and with 3 where a file of cases is wrong.
    #[command(
        after_help = "Examples:\n  charthouse plugin test target/plugins/fs.wasm plugins/fs/cases.yaml\n  charthouse plugin test greet.wasm cases --policy policy.yaml --json"
    )]
    Test(PluginTest),
    /// Put another component in a plugin's place
    ///
    /// It is checked first: whether it is a component, says what it offers when it is asked with no grants at all, still has what the definitions use, and
    /// needs nothing that the house does not give. Whatever is wrong leaves the one before where it is. Runs that are under way go on with the new one from
    /// their next call; calls that are under way end as they began.
    #[command(
        after_help = "Examples:\n  charthouse plugin swap search target/plugins/search.wasm\n  charthouse plugin swap search new.wasm --json"
    )]
    Swap(PluginSwap),
    /// Put the component back that was in a plugin's place before
    #[command(after_help = "Example:\n  charthouse plugin rollback search")]
    Rollback(PluginRollback),
    /// Have another component answer the last recorded calls of a plugin, and show what differs
    ///
    /// Both components are asked, with the arguments, the time and the seed of the recorded calls and the mounts of today; neither has the network, and what
    /// they write goes to copies that are dropped. Exits with 1 where something differs.
    #[command(
        after_help = "Examples:\n  charthouse plugin shadow search new.wasm\n  charthouse plugin shadow search new.wasm --last 100 --json"
    )]
    Shadow(PluginShadow),
    /// Add a plugin: from a file, an address, or a registry
    ///
    /// The component is fetched into the house's `plugins/`, looked at with no grants, entered in house.yaml, and pinned in house.lock: from then on other bytes
    /// are refused. Where anything is wrong with it, the house stays as it is.
    #[command(
        after_help = "Examples:\n  charthouse plugin add ../greet/target/wasm32-wasip2/release/greet.wasm\n  charthouse plugin add https://example.org/greet.wasm --sha256 HASH\n  charthouse plugin add oci://registry.example.org/tools/greet:1.2.0 --signed-by ada.pub"
    )]
    Add(PluginAdd),
    /// Fetch newer versions of pinned plugins, and say what they offer and ask for that the old ones did not
    #[command(
        after_help = "Examples:\n  charthouse plugin update --dry-run\n  charthouse plugin update greet --from oci://registry.example.org/tools/greet:1.3.0"
    )]
    Update(PluginUpdate),
    /// Fetch the very bytes that are pinned, where they are missing or damaged
    #[command(after_help = "Example:\n  charthouse plugin restore")]
    Restore(PluginRestore),
    /// Take a plugin out of the house
    #[command(after_help = "Example:\n  charthouse plugin remove greet")]
    Remove(PluginRemove),
    /// Pin the component that is there, whatever was pinned before
    #[command(
        after_help = "Examples:\n  charthouse plugin pin greet\n  charthouse plugin pin greet --signature greet.wasm.sig\n  charthouse plugin pin --all"
    )]
    Pin(PluginPin),
}

#[derive(Subcommand)]
#[command(defer = true)]
pub enum ContextVerb {
    /// Draw an agent's context map: what each chunk holds, its budget, what was trimmed
    ///
    /// Without --run it is what the agent would be sent if it thought now; with it, what a run has sent.
    #[command(
        after_help = "Examples:\n  charthouse context show surveyor\n  charthouse context show surveyor --in act --json\n  charthouse context show coder --run latest --turn 3 --html map.html"
    )]
    Show(ContextShow),
    /// Show where two requests of a run part, and what had to be sent anew because of it
    #[command(
        after_help = "Examples:\n  charthouse context diff 3 4\n  charthouse context diff 3 4 --run 20261120-1104 --json"
    )]
    Diff(ContextDiff),
}

#[derive(Args)]
pub struct ContextShow {
    /// The agent's name
    pub agent: String,
    /// What a person says first
    #[arg(conflicts_with = "run")]
    pub prompt: Option<String>,
    /// The state it is in; where its chart begins by default
    #[arg(long = "in", value_name = "STATE", conflicts_with = "run")]
    pub state: Option<String>,
    /// A run of the agent: its id or the beginning of one, or `latest`
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which request of the run; the last by default
    #[arg(long, value_name = "N", requires = "run")]
    pub turn: Option<usize>,
    #[command(flatten)]
    pub house: HouseOption,
    /// Write it as a picture that a browser shows
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ContextDiff {
    /// The earlier request, counted from 1
    #[arg(value_name = "TURN")]
    pub earlier: usize,
    /// The later one
    #[arg(value_name = "TURN")]
    pub later: usize,
    /// The run: its id or the beginning of one, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    pub run: String,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"shared", "sent_anew", "total", "parts_at"}
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub enum PolicyVerb {
    /// Print what an agent is granted and, for each line, the file and line that decided
    #[command(
        after_help = "Examples:\n  charthouse policy explain surveyor\n  charthouse policy explain surveyor --in act --tool fs.write --json"
    )]
    Explain {
        /// The agent's name
        agent: String,
        /// The state it is in; where its chart begins by default
        #[arg(long = "in", value_name = "STATE")]
        state: Option<String>,
        /// One tool; all of the agent's by default
        #[arg(long, value_name = "TOOL")]
        tool: Option<String>,
        #[command(flatten)]
        house: HouseOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct Ledger {
    /// What to group by; several with commas between them
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "WHAT,…",
        default_value = "agent",
        hide_possible_values = true,
        help = "What to group by; several with commas between them: agent, version, revision, role, workflow, instance, state, tool, plugin, generation, model, provider, run, purpose, day"
    )]
    pub by: Vec<By>,
    /// Only what was spent from then on: a day, a time, or so long ago (7d, 12h)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only what was spent up to then; a day counts to its end
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    #[command(flatten)]
    pub only: LedgerOnly,
    /// Each expense by itself, with the number of its journal record
    #[arg(long, conflicts_with_all = ["by", "compare"])]
    pub records: bool,
    /// Compare what came of the work of workflows, and what that cost, by this
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "by")]
    pub compare: Option<Compared>,
    /// With --compare: the final states that are an accepted change; all but those named like `rejected` when absent
    #[arg(
        long,
        value_name = "STATE,…",
        value_delimiter = ',',
        requires = "compare"
    )]
    pub accepted: Vec<String>,
    /// Every limit instead, what is spent of it and what is left
    #[arg(long, conflicts_with_all = ["by", "records", "compare", "since", "until", "csv", "LedgerOnly"])]
    pub budgets: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print JSON; with --records a line for each
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values for a spreadsheet
    #[arg(long, conflicts_with_all = ["json", "compare"])]
    pub csv: bool,
}

// What is counted; a name given several times means any of them.
#[derive(Args)]
pub struct LedgerOnly {
    /// Only of this agent
    #[arg(long, value_name = "AGENT")]
    pub agent: Vec<String>,
    /// Only of this run, by its id or the beginning of it, or `latest`
    #[arg(long, value_name = "RUN")]
    pub run: Vec<String>,
    /// Only in this workflow
    #[arg(long, value_name = "WORKFLOW")]
    pub workflow: Vec<String>,
    /// Only in this instance of a workflow, by its id or the beginning of it
    #[arg(long, value_name = "INSTANCE")]
    pub instance: Vec<String>,
    /// Only in this role
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    pub state: Vec<String>,
    /// Only calls of this tool
    #[arg(long, value_name = "TOOL")]
    pub tool: Vec<String>,
    /// Only calls of this plugin
    #[arg(long, value_name = "PLUGIN")]
    pub plugin: Vec<String>,
    /// Only inferences of this model
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Only inferences of this provider
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Vec<String>,
    /// Only for this purpose: work, consolidation, summary, improvement, overhead
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Vec<types::Purpose>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Compared {
    /// Agents
    Agent,
    /// Versions of agents
    Version,
    /// Revisions of agents, to the letter
    Revision,
    /// Models
    Model,
    /// Providers
    Provider,
    /// Roles
    Role,
    /// Versions of workflows
    Workflow,
}

#[derive(Args)]
pub struct Schema {
    /// The kind of definition; all of them, by kind, when absent
    #[arg(value_enum)]
    pub kind: Option<SchemaKind>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaKind {
    /// house.yaml
    House,
    /// What lies in agents/
    Agent,
    /// What lies in charts/
    Chart,
    /// What lies in policies/
    Policy,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum By {
    Agent,
    Version,
    Revision,
    Role,
    Workflow,
    Instance,
    State,
    Tool,
    Plugin,
    Generation,
    Model,
    Provider,
    Run,
    Purpose,
    Day,
}
