//! Finding pods and containers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use guestexec_cci::{ErrorKind, enums::PodPhase};
use tokio::io::AsyncWriteExt as _;

use crate::peer::{Peer, PeerExt as _, SUCCESS, Socket, pod, response, within};

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    within(async {
        let peer = Peer::new(|request, mut stream| async move {
            let query = request.query();
            let body = match query.split('&').find(|pair| pair.starts_with("continue=")) {
                None => r#"{"metadata":{"continue":"two%"},"items":[{"metadata":{"name":"a"}}]}"#,
                Some("continue=two%25") => r#"{"metadata":{"continue":"three"},"items":[]}"#,
                Some(_) => r#"{"metadata":{"continue":""},"items":[{"metadata":{"name":"b"}},{"metadata":{"name":"c"}}]}"#,
            };
            stream.write_all(response("200 OK", JSON, body).as_bytes()).await.unwrap();
        })
        .await;
        let client = peer.client();
        let pods = client.pods("ns").label_selector("a=b").field_selector("c=d").list();
        let names: Vec<_> =
            pods.await.unwrap().into_iter().filter_map(|pod| pod.metadata?.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        for request in peer.requests() {
            assert_eq!(request.path(), "/apis/cci/v2/namespaces/ns/pods");
            assert!(request.query().contains("labelSelector=a%3Db"), "{}", request.query());
            assert!(request.query().contains("fieldSelector=c%3Dd"), "{}", request.query());
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_whose_pages_repeat_ends() {
    within(async {
        let same = r#"{"metadata":{"continue":"same"},"items":[{}]}"#;
        let peer = Peer::saying("200 OK", JSON, same).await;
        let error = peer.client().pods("ns").list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);

        let endless = Peer::new(|request, mut stream| async move {
            let from = request.query().len();
            let body =
                format!(r#"{{"metadata":{{"continue":"{}"}},"items":null}}"#, "x".repeat(from));
            stream.write_all(response("200 OK", JSON, &body).as_bytes()).await.unwrap();
        })
        .await;
        let error = endless.client().pods("ns").list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    })
    .await;
}

/// A peer that no longer keeps a list once it has given the first page so often.
async fn forgetful(times: usize) -> Peer {
    let asked = Arc::new(AtomicUsize::new(0));
    Peer::new(move |request, mut stream| {
        let asked = asked.clone();
        async move {
            let (status, body) = match request.query().contains("continue=") {
                false => {
                    asked.fetch_add(1, Ordering::Relaxed);
                    ("200 OK", r#"{"metadata":{"continue":"on"},"items":[{"metadata":{"name":"a"}}]}"#)
                }
                true if asked.load(Ordering::Relaxed) <= times => (
                    "410 Gone",
                    r#"{"kind":"Status","reason":"Expired","message":"The continue parameter is too old.","code":410}"#,
                ),
                true => ("200 OK", r#"{"items":[{"metadata":{"name":"b"}}]}"#),
            };
            stream.write_all(response(status, JSON, body).as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_list_that_expires_is_begun_anew_or_says_so() {
    within(async {
        let peer = forgetful(1).await;
        let pods = peer.client().pods("ns").list().await.unwrap();
        let names: Vec<_> = pods.into_iter().filter_map(|pod| pod.metadata?.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(peer.requests().len(), 4);

        let peer = forgetful(usize::MAX).await;
        let error = peer.client().pods("ns").list().await.unwrap_err();
        assert_eq!(error.code(), Some("Expired"));
        assert_eq!(peer.requests().len(), 6);

        // A stream has given away what came before.
        let peer = forgetful(1).await;
        let client = peer.client();
        let mut pods = client.pods("ns").items();
        assert_eq!(
            pods.next().await.unwrap().unwrap().metadata.unwrap().name.as_deref(),
            Some("a")
        );
        let error = pods.next().await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some("Expired"));
        assert!(error.advice().unwrap().contains("begin the list anew"), "{error}");
        assert!(pods.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn the_container_is_chosen_as_kubectl_does() {
    within(async {
        let two = r#"{"containers":[{"name":"first"},{"name":"second"}],"initContainers":[{"name":"init"}]}"#;
        let noted = format!(
            r#"{{"metadata":{{"annotations":{{"kubectl.kubernetes.io/default-container":"second"}}}},"spec":{two}}}"#
        );
        let plain = format!(r#"{{"spec":{two},"status":{{"phase":"Running"}}}}"#);
        for (body, asked, chosen) in [
            (&plain, None, Some("first")),
            (&noted, None, Some("second")),
            (&noted, Some("first"), Some("first")),
            (&plain, Some("init"), Some("init")),
            (&plain, Some("third"), None),
        ] {
            let body = body.clone();
            let peer = Peer::new(move |request, mut stream| {
                let body = body.clone();
                async move {
                    if request.header("upgrade").is_some() {
                        Socket::upgrade(&request, stream, "v4.channel.k8s.io").await.end(SUCCESS).await;
                    } else {
                        stream.write_all(response("200 OK", JSON, &body).as_bytes()).await.unwrap();
                    }
                }
            })
            .await;
            let client = peer.client();
            let mut handle = pod(&client);
            if let Some(name) = asked {
                handle = handle.container(name);
            }
            match (handle.choose_container().await, chosen) {
                (Ok(handle), Some(name)) => {
                    handle.exec(["x"]).output().await.unwrap();
                    let request = &peer.requests()[1];
                    assert!(request.query().contains(&format!("container={name}&")), "{}", request.query());
                }
                (Err(error), None) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                    assert!(error.message().contains("first, second"), "{error}");
                }
                (result, chosen) => panic!("{result:?} {chosen:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_finished_pod_is_refused_with_an_explanation() {
    within(async {
        let body = r#"{"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Succeeded"}}"#;
        let peer = Peer::saying("200 OK", JSON, body).await;
        let client = peer.client();
        let found = pod(&client).get().await.unwrap();
        assert_eq!(found.status.unwrap().phase, Some(PodPhase::Succeeded));
        let error = pod(&client).choose_container().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains("ended (Succeeded)"), "{error}");
    })
    .await;
}
