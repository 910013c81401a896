//! `guestexec tat agents`: the instances, by their agents.

use clap::Args;
use guestexec::tat::enums::AgentEnvironment;
use serde_json::json;

use super::ends::of_error;
use crate::{
    connect::tat::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing,
};

/// Which instances.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Those whose agents are online
    #[arg(long)]
    online: bool,
    /// Those with Linux
    #[arg(long, conflicts_with = "windows")]
    linux: bool,
    /// Those with Windows
    #[arg(long)]
    windows: bool,
}

/// Lists them.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let client = settings.client().await?;
    let mut agents = client.agents();
    if arguments.online {
        agents = agents.online();
    }
    if arguments.linux {
        agents = agents.environment(AgentEnvironment::Linux);
    }
    if arguments.windows {
        agents = agents.environment(AgentEnvironment::Windows);
    }
    let mut list = Listing::new(["INSTANCE", "STATUS", "SYSTEM", "VERSION", "LAST SEEN"]);
    for agent in agents.list().await.map_err(|error| of_error(&error))? {
        list.add([
            json!(agent.instance_id),
            json!(agent.agent_status.map(|status| status.to_string())),
            json!(agent.environment.map(|system| system.to_string())),
            json!(agent.version),
            json!(agent.last_heartbeat_time),
        ]);
    }
    list.write(global).await
}
