//! `guestexec tat commands`: the saved commands.

use clap::Args;
use guestexec::tat::types::Filter;
use serde_json::json;

use super::ends::of_error;
use crate::{
    connect::tat::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing,
};

/// The page of the list.
const PAGE: u64 = 100;

/// Which commands.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The service's public commands too
    #[arg(long)]
    public: bool,
}

/// Lists them.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let client = settings.client().await?;
    let mut call = client.describe_commands().limit(PAGE);
    if !arguments.public {
        call = call.filters([Filter::new("created-by", ["USER"])]);
    }
    let mut list = Listing::new(["COMMAND", "NAME", "TYPE", "TIMEOUT", "DESCRIPTION"]);
    for command in call.items().all().await.map_err(|error| of_error(&error))? {
        list.add([
            json!(command.command_id),
            json!(command.command_name),
            json!(command.command_type.map(|kind| kind.to_string())),
            json!(command.timeout),
            json!(command.description.filter(|text| !text.is_empty())),
        ]);
    }
    list.write(global).await
}
