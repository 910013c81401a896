//! Copies into and out of the real servers of `GUESTEXEC_EXEC_URL`, whose pods have `sh` and `tar`.

use guestexec_cci::{ErrorKind, ExecTransport};
use tempfile::tempdir;

use crate::{tree, url::ExecUrl};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs GUESTEXEC_EXEC_URL: the exec URL of a pod on a real server"]
async fn a_real_server() {
    let urls = ExecUrl::all();
    assert!(!urls.is_empty(), "GUESTEXEC_EXEC_URL is the URL of a pod's exec");
    let here = tempdir().unwrap();
    let local = here.path().join("tree");
    tree::make(&local, 2000);
    for url in urls {
        let client = url.client();
        let pod = client.pod(&*url.namespace, &*url.pod);
        for transport in [
            ExecTransport::WebSocketV4,
            ExecTransport::WebSocketV5,
            ExecTransport::SpdyPost,
            ExecTransport::SpdyGet,
        ] {
            let remote = format!("/tmp/-copy {transport}");
            let remove = format!("chmod -R u+rwx '{remote}'; rm -rf '{remote}' /tmp/.guestexec-*");
            let clean = || async { pod.exec(["sh", "-c", &remove]).await.unwrap() };
            clean().await;
            let sent = match pod.copy_in(&local, &*remote).transport(transport).await {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    println!("{} has no {transport}: {error}", url.endpoint);
                    continue;
                }
                sent => sent.unwrap(),
            };
            let back = here.path().join(transport.as_str());
            let came =
                pod.copy_out(&*remote, &back).overwrite().transport(transport).await.unwrap();
            assert_eq!(came, sent);
            tree::assert_same(&local, &back);

            let error = pod.copy_in(&local, &*remote).transport(transport).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            let copy = pod.copy_in(&local, &*remote).overwrite().transport(transport);
            copy.await.unwrap();
            let copy = pod.copy_in(&local, "/no/such/folder/copy").transport(transport);
            assert!(copy.await.unwrap_err().to_string().contains("/no/such"));
            let left = pod.exec(["sh", "-c", "ls -a /tmp | grep guestexec"]).await.unwrap();
            assert_eq!(left.stdout_lossy(), "", "nothing but the copy is left");
            clean().await;
            println!("{} over {transport}: {sent}", url.endpoint);
        }
    }
}
