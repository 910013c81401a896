//! Machines registered with TAT, and the quotas of an account.

use guestexec_tat::{
    enums::QuotaResource,
    types::{DescribeQuotasRequest, DescribeRegisterInstancesRequest, Filter, Tag},
};
use serde_json::{Value, json};

use super::{
    Tat, command,
    error::{ActionResult, ApiError},
    instance::Instance,
    page::{self, page},
    tags,
};
use crate::{clock, random};

/// Codes to register machines with that an account may have, as in the vendor's example.
const CODES: usize = 5000;
/// The filters of DescribeRegisterInstances.
const FILTERS: [&str; 9] = [
    "instance-name", "instance-id", "register-status", "local-ip", "register-code-id", "sys-name",
    "tag-key", "tag-value", "tag:",
];

/// What the service knows of a registered machine beside its id.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    /// All machines of a sandbox are registered with one code.
    code: String,
    machine: String,
    registered: i64,
    tags: Vec<Tag>,
}

impl Registration {
    pub(super) fn new(code: &str, tags: Vec<Tag>) -> Self {
        Self { code: code.to_owned(), machine: random::uuid(), registered: clock::now(), tags }
    }

    fn matches(&self, instance: &Instance, filter: &Filter) -> bool {
        let is = match filter.name.as_str() {
            "instance-name" | "instance-id" => &instance.id,
            "register-status" => instance.status(),
            "local-ip" => LOCAL_IP,
            "register-code-id" => &self.code,
            "sys-name" => "Linux",
            _ => return tags::pass(&self.tags, filter),
        };
        filter.values.iter().any(|value| value == is)
    }

    fn to_json(&self, instance: &Instance) -> Value {
        let time = clock::iso8601(self.registered, "Z");
        json!({
            "RegisterCodeId": self.code,
            "InstanceId": instance.id,
            "InstanceName": instance.id,
            "MachineId": self.machine,
            "SystemName": "Linux",
            "HostName": instance.id,
            "LocalIp": LOCAL_IP,
            // The sandbox's agents need no key.
            "PublicKey": "",
            "Status": instance.status(),
            "CreatedTime": time,
            "UpdatedTime": time,
            "Tags": tags::to_json(&self.tags),
        })
    }
}

/// The address of every machine of a sandbox.
const LOCAL_IP: &str = "127.0.0.1";

impl Tat {
    pub(super) fn describe_register_instances(
        &self,
        region: &str,
        request: &DescribeRegisterInstancesRequest,
    ) -> ActionResult {
        page::check(&request.filters, &FILTERS)?;
        let ids = &request.instance_ids;
        if let Some(index) = ids.iter().position(|id| !id.starts_with("rins-")) {
            return Err(ApiError::new(
                "InvalidParameterValue.InvalidRegisterInstanceId",
                format!("`InstanceIds[{index}]` is not of the form `rins-…`."),
            ));
        }
        let mut found = Vec::new();
        for id in self.instance_order.iter().filter(|_| region == self.region) {
            let Some(instance) = self.instances.get(id) else { continue };
            let Some(registration) = &instance.registration else { continue };
            let listed = ids.is_empty() || ids.contains(id);
            let passes = |filter: &Filter| registration.matches(instance, filter);
            if listed && request.filters.iter().all(passes) {
                found.push((registration, instance));
            }
        }
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> =
            page.iter().map(|(registration, instance)| registration.to_json(instance)).collect();
        Ok(json!({ "TotalCount": total, "RegisterInstanceSet": set }))
    }

    pub(super) fn describe_quotas(&self, request: &DescribeQuotasRequest) -> ActionResult {
        let mut set = Vec::with_capacity(request.resource_names.len());
        for name in &request.resource_names {
            let (used, total) = match name {
                QuotaResource::Command => (self.state().commands.len(), command::QUOTA),
                QuotaResource::RegisterCode => {
                    let registered = self.instances.values().any(|it| it.registration.is_some());
                    (usize::from(registered), CODES)
                }
                _ => {
                    return Err(ApiError::new(
                        "ResourceUnavailable.InvalidResourceQuotaResourceCode",
                        "`ResourceNames` names something that has no quota.",
                    ));
                }
            };
            set.push(json!({
                "ResourceName": name.to_string(),
                "ResourceQuotaUsed": used,
                "ResourceQuotaTotal": total,
            }));
        }
        Ok(json!({ "GeneralResourceQuotaSet": set }))
    }
}
