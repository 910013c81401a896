//! A VM's inventory survives being read and written, unknown members included.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]
#![recursion_limit = "256"]

use guestexec_zstack::types::{ErrorCode, VmInstanceInventory};
use serde_json::{Value, json};

fn vm() -> Value {
    json!({
        "uuid": "fc022ba201c135d8809c5e02bf6bf156", "name": "vm_1", "description": "d",
        "zoneUuid": "z", "clusterUuid": "c", "imageUuid": "i", "hostUuid": "h",
        "lastHostUuid": "lh", "instanceOfferingUuid": "io", "rootVolumeUuid": "rv",
        "platform": "Linux", "architecture": "x86_64", "defaultL3NetworkUuid": "l3",
        "type": "UserVm", "hypervisorType": "KVM", "allocatorStrategy": "s",
        "guestOsType": "CentOS 7", "state": "Running", "memorySize": 8_589_934_592_i64,
        "reservedMemorySize": 0, "cpuSpeed": 0, "internalId": 77, "cpuNum": 4,
        "createDate": "Apr 26, 2026 11:05:50 PM", "lastOpDate": "Apr 26, 2026, 11:05:50\u{202f}PM",
        "vmNics": [{
            "uuid": "n", "vmInstanceUuid": "v", "usedIpUuid": "u", "l3NetworkUuid": "l3",
            "ip": "10.0.0.2", "mac": "fa:16:3e:00:00:01", "hypervisorType": "KVM",
            "netmask": "255.255.255.0", "gateway": "10.0.0.1", "metaData": "m",
            "driverType": "virtio", "internalName": "vnic1.0", "type": "VNIC", "state": "enable",
            "ipVersion": 4, "deviceId": 0, "createDate": "t", "lastOpDate": "t",
            "usedIps": [{
                "uuid": "u", "ipRangeUuid": "r", "l3NetworkUuid": "l3", "ip": "10.0.0.2",
                "netmask": "255.255.255.0", "gateway": "10.0.0.1", "usedFor": "x",
                "metaData": "m", "vmNicUuid": "n", "ipVersion": 4, "ipInLong": 167_772_162,
                "ipInBinary": [10, 0, 0, -2], "createDate": "t", "lastOpDate": "t",
            }],
        }],
        "allVolumes": [{
            "uuid": "v", "name": "n", "description": "d", "primaryStorageUuid": "p",
            "vmInstanceUuid": "v", "diskOfferingUuid": "o", "rootImageUuid": "i",
            "installPath": "ceph://x", "type": "Root", "format": "raw", "state": "Enabled",
            "status": "Ready", "volumeQos": "q", "lastVmInstanceUuid": "l", "protocol": "p",
            "size": 42_949_672_960_i64, "actualSize": 1, "deviceId": 0, "isShareable": false,
            "createDate": "t", "lastOpDate": "t", "lastDetachDate": "t", "lastAttachDate": "t",
        }],
        "vmCdRoms": [{
            "uuid": "c", "vmInstanceUuid": "v", "isoUuid": "i", "isoInstallPath": "p",
            "name": "n", "description": "d", "protocol": "p", "deviceId": 0,
            "createDate": "t", "lastOpDate": "t",
        }],
    })
}

fn round_trip(value: &Value) -> Value {
    let vm: VmInstanceInventory = serde_json::from_value(value.clone()).unwrap();
    serde_json::to_value(vm).unwrap()
}

#[test]
fn every_member_survives() {
    assert_eq!(round_trip(&vm()), vm());
}

#[test]
fn unknown_members_and_values_survive() {
    let mut odd = vm();
    odd["state"] = json!("Hibernating");
    odd["type"] = json!("BareMetalVm");
    odd["cpuTopology"] = json!({ "sockets": 2 });
    odd["vmNics"][0]["sriov"] = json!(true);
    odd["allVolumes"][0]["encrypted"] = json!(null);
    assert_eq!(round_trip(&odd), odd);
}

#[test]
fn a_null_list_is_an_empty_list() {
    let vm: VmInstanceInventory =
        serde_json::from_value(json!({ "vmNics": null, "allVolumes": null })).unwrap();
    assert!(vm.vm_nics.is_empty() && vm.all_volumes.is_empty());
}

#[test]
fn an_error_keeps_unknown_members() {
    let value = json!({
        "code": "SYS.1006", "description": "d", "details": "e", "elaboration": "f",
        "location": "l", "cost": "12ms", "opaque": { "any": [1, null] },
        "messages": { "category": "c", "code": "1", "regex": "r", "message_cn": "m",
            "message_en": "m", "source": "s", "distance": 0.5, "method": "regex",
            "formatSrcError": "x" },
        "cause": { "code": "INNER", "cause": { "code": "INNERMOST" } },
        "causes": [{ "code": "A" }], "globalErrorCode": "ORG_ZSTACK_X_1", "message": "m",
        "category": "c", "messageKey": "k", "localizedMessage": "l", "formatArgs": ["a"],
        "params": { "a": "b" }, "retryable": false, "httpStatus": 503, "tomorrow": [true],
    });
    let error: ErrorCode = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(error).unwrap(), value);
}
