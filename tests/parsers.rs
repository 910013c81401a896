//! No text from a server or a caller makes a parser panic.

#![allow(clippy::unwrap_used)]

use guestexec_cci::sign as huawei;
use guestexec_core::{Endpoint, PlainHttp};
use guestexec_tat::sign as tencent;
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::sign as zstack;
use proptest::prelude::*;
use serde_json::json;

/// Random texts, and texts that begin as a parser expects.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let nearly = "[0-9A-Za-z /:;,.=+é\u{feff}-]{0,48}";
    (".*", nearly, ".{0,24}").prop_map(|(any, nearly, tail)| {
        let beginnings = [
            "TC3-HMAC-SHA256 Credential=AKID/2020-01-01/tat/tc3_request, SignedHeaders=content-type;host, Signature=",
            "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=",
            "ZStack id:",
            "Sun, 22 Nov 2026 14:04:19 ",
            "20261122T140419",
            "/zstack/v1/vm-instances/%",
            "https://host",
            "standardStream: a, errorStream:",
        ];
        let mut texts: Vec<String> =
            beginnings.iter().flat_map(|text| [format!("{text}{tail}"), format!("{text}{nearly}")]).collect();
        texts.extend([any, nearly, tail]);
        texts
    })
}

proptest! {
    #[test]
    fn signatures_dates_and_addresses(texts in texts(), seconds: i64) {
        for text in &texts {
            let _ = tencent::parse_authorization(text);
            let _ = huawei::parse_authorization(text);
            let _ = huawei::parse_date(text);
            let _ = huawei::query_pairs(text);
            let _ = zstack::parse_authorization(text);
            let _ = zstack::parse_date(text);
            let _ = zstack::signed_path(text);
            let _ = Endpoint::parse(text, PlainHttp::Loopback);
        }
        let _ = tencent::utc_date(seconds);
        let _ = huawei::format_date(seconds);
        let _ = zstack::format_date(seconds, &zstack::DateZone::UTC);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn answers_of_tat_and_zstack(texts in texts(), number: i64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            for text in &texts {
                let answer = |content| Reply::json(StatusCode::OK, &json!({ "Response": content }));
                let task = json!({
                    "InvocationId": "inv-1", "InvocationTaskId": "invt-1", "InstanceId": "ins-1",
                    "TaskStatus": "SUCCESS", "StartTime": text, "EndTime": text, "ErrorInfo": text,
                    "TaskResult": {
                        "ExitCode": number, "Dropped": number, "Output": text, "OutputUrl": text,
                        "ExecStartTime": text, "ExecEndTime": text,
                    },
                });
                let tape = Tape::new()
                    .reply(answer(json!({ "InvocationId": "inv-1" })))
                    .reply(answer(json!({ "InvocationSet": [{
                        "InvocationId": "inv-1", "InvocationTaskBasicInfoSet": [task],
                    }] })))
                    .reply(answer(json!({ "InvocationTaskSet": [task] })));
                let client = guestexec_tat::Client::builder()
                    .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
                    .region("ap-guangzhou")
                    .transport(tape)
                    .build()
                    .unwrap();
                let finished = client.instances(["ins-1"]).run("true").await.unwrap();
                let result = &finished.results()[0];
                let _ = (result.started_at(), result.ended_at(), result.to_string());
                let _ = (result.output_lossy(), result.output_in("gbk").unwrap(), result.outcome());
                let _ = result.output_url().map(ToString::to_string);

                let stream = Reply::json(StatusCode::OK, &json!({ "stream": text }));
                let client = guestexec_zstack::Client::builder().endpoint("http://zstack:8080").allow_plain_http()
                    .credentials(guestexec_zstack::Credentials::session("0123456789abcdef0123456789abcdef"))
                    .transport(Tape::new().reply(stream))
                    .build()
                    .unwrap();
                let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
                if let Ok(output) = vm.run("true").unchecked().await {
                    let _ = (output.stdout_lossy().len(), output.stderr_lossy().len(), output.ambiguous());
                }
            }
        });
    }
}
