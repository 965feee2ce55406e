//! What can be typed after `workflow`.

use super::agents::At;
use super::signing::Signing;
use clap::Subcommand;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum WorkflowVerb {
    /// List the instances of workflows
    #[command(after_help = "Example:\n  charthouse workflow list --json")]
    List {
        #[command(flatten)]
        at: At,
    },
    /// Begin an instance of a workflow
    #[command(
        after_help = "Example:\n  charthouse workflow start implement-review --input '{\"task\":\"Fix the failing test\"}'"
    )]
    Start {
        /// The workflow's chart
        chart: String,
        /// What its data begins with, as JSON
        #[arg(long, value_name = "JSON")]
        input: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Show an instance: where it is, who has which role, what was handed in
    #[command(after_help = "Example:\n  charthouse workflow show i-20261120-1104")]
    Show {
        /// The instance's id or the beginning of one
        instance: String,
        #[command(flatten)]
        at: At,
    },
    /// Give a role to an agent or to a person
    ///
    /// An agent's name starts a run of it; a run's id binds that run.
    #[command(
        after_help = "Examples:\n  charthouse workflow bind i-20261120-1104 --role implementer coder\n  charthouse workflow bind i-20261120-1104 --role reviewer --human ada"
    )]
    Bind {
        /// The instance's id or the beginning of one
        instance: String,
        /// The agent, or a run of one
        #[arg(required_unless_present = "human", conflicts_with = "human")]
        agent: Option<String>,
        /// The role
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// The person
        #[arg(long, value_name = "NAME")]
        human: Option<String>,
        /// Who you are; needed where the workflow is signed
        #[arg(long = "as", value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        at: At,
    },
    /// Take a role from whoever has it; somebody else may take it over
    #[command(
        after_help = "Example:\n  charthouse workflow detach i-20261120-1104 --role implementer --notes \"The tests still fail\""
    )]
    Detach {
        /// The instance's id or the beginning of one
        instance: String,
        /// The role
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// What whoever takes it over should know
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
        /// Who you are; needed where the workflow is signed
        #[arg(long = "as", value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        at: At,
    },
    /// Hand in what a role was to do, as the person who has it
    #[command(
        after_help = "Example:\n  charthouse workflow hand-in i-20261120-1104 --role reviewer --as ada --outcome accepted --notes \"Well done\"\n\nIn a workflow that is signed it is signed with --key, or elsewhere:\n  charthouse workflow hand-in … --print-statement > statement\n  ssh-keygen -Y sign -n charthouse -f KEY statement\n  charthouse workflow hand-in … --statement statement --signature statement.sig"
    )]
    HandIn {
        /// The instance's id or the beginning of one
        instance: String,
        /// The role
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// Who hands it in
        #[arg(long = "as", value_name = "NAME")]
        by: String,
        /// What came of it, in the workflow's own word
        #[arg(long, value_name = "WORD")]
        outcome: String,
        /// What to say about it
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
        /// What was made: names and values as a JSON object
        #[arg(long, value_name = "JSON")]
        artefacts: Option<String>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        at: At,
    },
    /// Raise an event in an instance's chart
    #[command(after_help = "Example:\n  charthouse workflow event i-20261120-1104 human.resumed")]
    Event {
        /// The instance's id or the beginning of one
        instance: String,
        /// The event's name
        event: String,
        /// What it carries, as JSON
        #[arg(long, value_name = "JSON")]
        data: Option<String>,
        /// Who you are; needed where the workflow is signed
        #[arg(long = "as", value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        at: At,
    },
    /// Answer what a role that a person has is asked
    #[command(
        after_help = "Example:\n  charthouse workflow answer i-20261120-1104 \"yes, merge it\""
    )]
    Answer {
        /// The instance's id, or that of the run that asks
        instance: String,
        /// The answer
        text: String,
        /// Who you are; needed where the workflow is signed
        #[arg(long = "as", value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        at: At,
    },
}
