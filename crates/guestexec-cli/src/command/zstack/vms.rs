//! `guestexec zstack vms`: the VMs.

use clap::Args;
use serde_json::json;

use super::ends::{is_own_session, of_error};
use crate::{
    connect::zstack::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing,
};

/// Which VMs.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Those with this name; % in it stands for any characters
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Those that run
    #[arg(long)]
    running: bool,
    /// Those that meet a condition of the service, such as vmNics.ip=192.168.20.100; given again, that one too
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
}

/// Lists them.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let settings = settings.resolved()?;
    let is_own = is_own_session(&settings);
    let client = settings.client().await?;
    let mut query = client.query_vms();
    if let Some(name) = &arguments.name {
        query = query.name(name);
    }
    if arguments.running {
        query = query.running();
    }
    for condition in arguments.conditions {
        query = query.condition(condition);
    }
    let vms = query.list().await;
    if is_own {
        // A session ends by itself, too.
        let _ = client.logout().await;
    }
    let mut list = Listing::new(["UUID", "NAME", "STATE", "PLATFORM", "IP"]);
    let mut vms = vms.map_err(|error| of_error(&error))?;
    vms.sort_by(|one, other| (&one.name, &one.uuid).cmp(&(&other.name, &other.uuid)));
    for vm in vms {
        let ips: Vec<String> = vm.vm_nics.into_iter().filter_map(|nic| nic.ip).collect();
        list.add([
            json!(vm.uuid),
            json!(vm.name),
            json!(vm.state.map(|state| state.to_string())),
            json!(vm.platform.map(|platform| platform.to_string())),
            if ips.is_empty() { json!(null) } else { json!(ips) },
        ]);
    }
    list.write(global).await
}
