//! The documents' own answers.

use std::collections::BTreeSet;

use guestexec_core::ErrorKind;
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::Value;

use crate::mutations;

macro_rules! provider {
    ($name:ident, $module:ident, $client:expr) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let mut seen = BTreeSet::new();
            let mut count = 0;
            for example in $module::examples::ALL {
                for answer in example.answers {
                    // A text has no members.
                    let is_text = answer.content_type == "text/plain";
                    if is_text || !seen.insert((example.operation, answer.status, answer.name)) {
                        continue;
                    }
                    let document: Value = serde_json::from_str(answer.body).unwrap();
                    for mutation in mutations(&document) {
                        let status = StatusCode::from_u16(answer.status).unwrap();
                        let reply = Reply::bytes(status, "application/json", mutation.body.clone());
                        let tape = Tape::new().reply(reply);
                        let client = $client(&tape);
                        let result = $module::examples::send(&client, example).await;
                        count += 1;
                        let name = format!("{} {}", example.operation, answer.name);
                        let shown = format!("{name}: {}", mutation.shown());
                        assert_eq!(tape.requests().len(), 1, "{shown}");
                        match mutation.pointer.as_str() {
                            // Without it there is no answer; another `success` or `error` is a
                            // refusal.
                            "/Response" | "/success" | "/error" => {
                                let Err(error) = result else { continue };
                                let kind = error.kind();
                                let told =
                                    [ErrorKind::Protocol, ErrorKind::Refused].contains(&kind);
                                assert!(told, "{shown}: {error}");
                            }
                            _ => assert!(result.is_ok(), "{shown}: {result:?}"),
                        }
                    }
                }
            }
            assert!(count > 100, "{count}");
        }
    };
}

provider!(of_tat, guestexec_tat, crate::tat::on);
provider!(of_zstack, guestexec_zstack, crate::zstack::on);
provider!(of_cci, guestexec_cci, crate::cci::on);
