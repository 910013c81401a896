//! Instances, their agents, and regions.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use guestexec_tat::types::{DescribeAutomationAgentStatusRequest, Filter};
use serde_json::{Value, json};

use super::{
    Tat,
    error::{ActionResult, ApiError},
    page::{self, page},
    register::Registration,
};
use crate::clock;

/// The regions that offer TAT, with their names.
pub(super) const REGIONS: [(&str, &str); 11] = [
    ("ap-guangzhou", "South China (Guangzhou)"),
    ("ap-nanjing", "East China (Nanjing)"),
    ("ap-shanghai", "East China (Shanghai)"),
    ("ap-hongkong", "Hong Kong, Macao and Taiwan (Hong Kong)"),
    ("ap-beijing", "North China (Beijing)"),
    ("ap-singapore", "Southeast Asia (Singapore)"),
    ("na-siliconvalley", "West US (Silicon Valley)"),
    ("ap-chengdu", "Southwest China (Chengdu)"),
    ("eu-frankfurt", "Europe (Frankfurt)"),
    ("ap-seoul", "Northeast Asia (Seoul)"),
    ("ap-chongqing", "Southwest China (Chongqing)"),
];

/// A Linux machine with the agent.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) online: bool,
    /// The directory that stands for `/root`.
    pub(super) home: PathBuf,
    /// Scripts that were really started on it.
    pub(super) executions: Arc<AtomicUsize>,
    /// What only a machine registered with TAT has.
    pub(super) registration: Option<Registration>,
}

impl Instance {
    /// `CVM`, `LIGHTHOUSE` or `REGISTERINST`, according to the id.
    pub(super) fn kind(&self) -> &'static str {
        kind(&self.id)
    }

    pub(super) fn status(&self) -> &'static str {
        if self.online { "Online" } else { "Offline" }
    }

    fn matches(&self, filter: &Filter) -> bool {
        let is = match filter.name.as_str() {
            "agent-status" => self.status(),
            "environment" => "Linux",
            "instance-id" => &self.id,
            _ => return false,
        };
        filter.values.iter().any(|value| value == is)
    }
}

pub(super) fn kind(id: &str) -> &'static str {
    if id.starts_with("lhins-") {
        "LIGHTHOUSE"
    } else if id.starts_with("rins-") {
        "REGISTERINST"
    } else {
        "CVM"
    }
}

fn has_known_form(id: &str) -> bool {
    ["ins-", "lhins-", "rins-"].iter().any(|prefix| id.starts_with(prefix))
}

impl Tat {
    /// The instances with these ids, if all of them can run a command of this kind.
    pub(super) fn targets(
        &self,
        region: &str,
        ids: &[String],
        command_kind: &str,
    ) -> Result<Vec<Instance>, ApiError> {
        let mut targets: Vec<Instance> = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            if !has_known_form(id) || ids[..index].contains(id) {
                return Err(ApiError::new(
                    "InvalidParameterValue.InvalidInstanceId",
                    format!("`InstanceIds[{index}]` is not an instance id, or appears twice."),
                ));
            }
            // The account has no instances in other regions.
            let found = self.instances.get(id).filter(|_| region == self.region);
            let Some(instance) = found else {
                return Err(ApiError::new(
                    "ResourceNotFound.InstanceNotFound",
                    format!("`InstanceIds[{index}]` is no instance of this account in {region}."),
                ));
            };
            if !instance.online {
                return Err(ApiError::new(
                    "ResourceUnavailable.AgentStatusNotOnline",
                    format!("The agent of `InstanceIds[{index}]` is not online."),
                ));
            }
            if kind(id) != kind(&ids[0])
                && [kind(id), kind(&ids[0])].iter().all(|k| *k != "REGISTERINST")
            {
                return Err(ApiError::new(
                    "InvalidParameterValue.InconsistentInstance",
                    "CVM and Lighthouse instances cannot be mixed in one call.",
                ));
            }
            targets.push(instance.clone());
        }
        if command_kind != "SHELL" {
            return Err(ApiError::new(
                "InvalidParameterValue.AgentUnsupportedCommandType",
                format!("{command_kind} commands need Windows, but these instances run Linux."),
            ));
        }
        Ok(targets)
    }

    pub(super) fn describe_agents(
        &self,
        region: &str,
        request: &DescribeAutomationAgentStatusRequest,
    ) -> ActionResult {
        page::check(&request.filters, &["agent-status", "environment", "instance-id"])?;
        let mut found = Vec::new();
        for id in self.instance_order.iter().filter(|_| region == self.region) {
            let Some(instance) = self.instances.get(id) else { continue };
            let listed = request.instance_ids.is_empty() || request.instance_ids.contains(id);
            if listed && request.filters.iter().all(|filter| instance.matches(filter)) {
                found.push(instance);
            }
        }
        let (total, page) = page(&found, request.limit, request.offset);
        let now = clock::iso8601(clock::now(), "+00:00");
        let set: Vec<Value> = page
            .iter()
            .map(|instance| {
                json!({
                    "InstanceId": instance.id,
                    "Version": "1.1.9",
                    "LastHeartbeatTime": now,
                    "AgentStatus": instance.status(),
                    "Environment": "Linux",
                    "SupportFeatures": [],
                })
            })
            .collect();
        Ok(json!({ "TotalCount": total, "AutomationAgentSet": set }))
    }

    pub(super) fn describe_regions(&self) -> ActionResult {
        let set: Vec<Value> = REGIONS
            .iter()
            .map(|(region, name)| {
                json!({ "Region": region, "RegionName": name, "RegionState": "AVAILABLE" })
            })
            .collect();
        Ok(json!({ "TotalCount": set.len(), "RegionSet": set }))
    }
}
