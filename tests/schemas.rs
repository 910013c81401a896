//! The JSON Schemas of request types (feature `schemars`) have the wire names and the limits.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use guestexec_tat::types::RunCommandRequest;
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

fn schema<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

#[test]
fn the_schema_of_a_tat_request() {
    let schema = schema::<RunCommandRequest>();
    let timeouts = RunCommandRequest::TIMEOUT_RANGE;
    let member = |name: &str| &schema["properties"][name];
    assert_eq!(schema["required"], json!(["Content", "InstanceIds"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(member("Content")["format"], "byte");
    assert_eq!(member("Content")["maxLength"], *RunCommandRequest::CONTENT_LENGTH.end());
    assert_eq!(member("InstanceIds")["maxItems"], *RunCommandRequest::INSTANCE_IDS_ITEMS.end());
    assert_eq!(
        (&member("Timeout")["minimum"], &member("Timeout")["maximum"]),
        (&json!(timeouts.start()), &json!(timeouts.end()))
    );
    assert_eq!(member("CommandType")["enum"], json!(["SHELL", "POWERSHELL", "BAT"]));
    assert!(member("Timeout")["description"].as_str().is_some_and(|text| text.contains("60")));
}

#[test]
fn the_schema_of_a_zstack_request() {
    let schema = schema::<guestexec_zstack::types::ExecuteGuestVmCommandRequest>();
    let params = &schema["$defs"]["ExecuteGuestVmCommandParams"]["properties"];
    assert_eq!(params["command"]["maxLength"], 65_536);
    assert_eq!(params["commandTimeout"]["minimum"], 10);
    let login = schema_for!(guestexec_zstack::types::LogInByAccountRequest).to_value();
    let params = &login["$defs"]["LogInByAccountParams"]["properties"];
    assert_eq!(params["password"]["format"], "password");
}

#[test]
fn the_schema_of_a_cci_request() {
    let schema = schema::<guestexec_cci::types::KeystoneCreateUserTokenByPasswordRequest>();
    assert!(schema["properties"]["auth"].is_object(), "{schema:#}");
}
