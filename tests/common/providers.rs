// Each provider with a client that sends to a tape. A test that takes snapshots of all providers includes
// this file behind its own macro `provider`. The secrets are no words, since a word would be taken out of the
// sentences of errors.

provider!(tat, guestexec_tat, |tape| {
    Client::builder()
        .credentials(
            guestexec_tat::Credentials::new("AKIDexample", "s3cr3t-k3y").with_security_token("t0k3n"),
        )
        .region("ap-guangzhou")
        .root_domain(guestexec_tat::RootDomain::International)
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});

provider!(zstack, guestexec_zstack, |tape| {
    Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .credentials(guestexec_zstack::Credentials::access_key("example", "s3cr3t-k3y"))
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});

provider!(cci, guestexec_cci, |tape| {
    Client::builder()
        .region("cn-north-4")
        .credentials(guestexec_cci::Credentials::access_key("example", "s3cr3t-k3y"))
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});
