//! The crate tencentcloud-sdk, which signs three headers: run, poll, errors.

use std::{env, error::Error, time::Duration};

use serde_json::{Value, json};
use tencentcloud_sdk::{ApiResponse, Client, CommonClient, Endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .credentials_from_env()
        .region(env::var("TENCENTCLOUD_REGION")?)
        .endpoint("tat", Endpoint::loopback_http(&env::var("GUESTEXEC_TAT_ENDPOINT")?)?)
        .build()?;
    let tat = CommonClient::new(client, "tat", "2020-10-28")?;
    let instance = env::var("GUESTEXEC_TAT_INSTANCE_ID")?;
    // `echo from a crate`
    let run = json!({ "Content": "ZWNobyBmcm9tIGEgY3JhdGU=", "InstanceIds": [instance] });
    let started: ApiResponse<Value> = tat.call("RunCommand", &run).await?;
    let invocation = started.data["InvocationId"].as_str().ok_or("no InvocationId")?;
    let look = json!({
        "Filters": [{ "Name": "invocation-id", "Values": [invocation] }],
        "HideOutput": false,
    });
    let output = loop {
        let tasks: ApiResponse<Value> = tat.call("DescribeInvocationTasks", &look).await?;
        let task = &tasks.data["InvocationTaskSet"][0];
        if task["TaskStatus"] == "SUCCESS" {
            break task["TaskResult"]["Output"].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // `from a crate`
    assert_eq!(output, "ZnJvbSBhIGNyYXRlCg==");

    let bad = json!({ "Content": "bHM=", "InstanceIds": ["ins-00000000"] });
    let refused = tat.call::<_, Value>("RunCommand", &bad).await;
    let refused = format!("{:?}", refused.err().ok_or("an unknown instance was taken")?);
    assert!(refused.contains("ResourceNotFound.InstanceNotFound"), "{refused}");
    println!("run, poll, errors");
    Ok(())
}
