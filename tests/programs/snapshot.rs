//! Tests what a program sends; a tape takes the network's place.
use guestexec::tat::{Client, Credentials, Error, operations::RUN_COMMAND};
use guestexec_testkit::{Reply, Tape};

#[tokio::test]
async fn a_reboot_without_an_answer_is_sent_once() -> Result<(), Error> {
    let tape = Tape::new().on(RUN_COMMAND, Reply::lost());
    let key = Credentials::new("AKIDexample", "secret");
    let tat = Client::builder().credentials(key).region("ap-guangzhou");
    let tat = tat.transport(tape.clone()).build()?;
    assert!(tat.instances(["ins-1"]).run("reboot").await.is_err());
    insta::assert_snapshot!(tape);
    Ok(())
}
