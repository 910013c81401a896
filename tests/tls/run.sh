#!/usr/bin/env bash
# Checks that linking a client changes nothing in the rest of a program, above all not its TLS. Each
# combination of features has a small program outside of the workspace, since features add up inside.
#
#   tests/tls/run.sh [PROGRAM...]     (default: all)
#
# The programs share a target folder, target/tls-programs, so that a second run is quick.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=$root/target/tls-programs CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0

tat="guestexec-tat = { path = \"$root/crates/guestexec-tat\""
cci="guestexec-cci = { path = \"$root/crates/guestexec-cci\""
zstack="guestexec-zstack = { path = \"$root/crates/guestexec-zstack\""
own_aws='rustls = "0.23"'
own_ring='rustls = { version = "0.23", default-features = false, features = ["ring", "std", "tls12"] }'

# Each program asserts that the HTTPS client is made, and that the rest of the program sees no difference.
made='
fn client() -> guestexec_tat::Client {
    guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .build()
        .unwrap()
}
'
own_rustls="$made"'
fn main() {
    for _ in 0..2 {
        let _client = client();
        assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "a provider was installed");
    }
    // What rustls does where it is not told: exactly one of its features has to be on.
    let roots = rustls::RootCertStore::empty();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots);
    assert!(!config.with_no_client_auth().crypto_provider().cipher_suites.is_empty());
    let _client = client();
}
'
own_reqwest="$made"'
fn main() {
    let _own = reqwest::Client::new();
    let _client = client();
    let _own = reqwest::Client::builder().build().unwrap();
}
'
no_tls='
use std::{future::pending, time::Duration};
use guestexec_core::{ErrorKind, Operation, Request, ResponseFuture, Transport};

#[derive(Debug)]
struct Hanging;

impl Transport for Hanging {
    fn execute(&self, _: &'"'"'static Operation, _: Request) -> ResponseFuture<'"'"'_> {
        Box::pin(pending())
    }
}

fn refused<T>(made: Result<T, guestexec_core::Error<impl std::fmt::Debug>>) {
    let error = made.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("feature `rustls` or `native-tls`"), "{error}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _own = reqwest::Client::new();
    let tat = || {
        let keys = guestexec_tat::Credentials::new("AKIDexample", "secret");
        guestexec_tat::Client::builder().credentials(keys).region("ap-guangzhou")
    };
    refused(tat().build());
    let cci = || guestexec_cci::Client::builder().credentials(guestexec_cci::Credentials::token("t"));
    refused(cci().region("cn-north-4").build());
    refused(cci().endpoint("http://127.0.0.1:1").iam_endpoint("https://iam.example").build());
    let keys = || guestexec_zstack::Credentials::access_key("id", "secret");
    let zstack = |endpoint| guestexec_zstack::Client::builder().endpoint(endpoint).credentials(keys());
    refused(zstack("https://zstack.example").build());
    // Without HTTPS nothing is amiss.
    tat().endpoint("http://127.0.0.1:1").build().unwrap();
    zstack("http://zstack.example").allow_plain_http().build().unwrap();
    cci().region("cn-north-4").transport(Hanging).build().unwrap();
    // A token exchange over HTTPS says so, too.
    std::fs::write("pod-token", "a-token").unwrap();
    let role = guestexec_tat::TkeOidc::new().identity("r", "p", "a", "pod-token");
    let client = guestexec_tat::Client::builder().credentials(role).region("ap-guangzhou");
    let client = client.endpoint("http://127.0.0.1:1").build().unwrap();
    let error = client.describe_regions().send().await.unwrap_err();
    assert!(error.to_string().contains("feature `rustls` or `native-tls`"), "{error}");
    // A transport of ones own does not switch the deadline off.
    let client = tat().transport(Hanging).retries(0).call_timeout(Duration::from_millis(50));
    let error = client.build().unwrap().describe_regions().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}
'

program() { # name, dependencies, main.rs
    [ ${#chosen[@]} -eq 0 ] || [[ " ${chosen[*]} " == *" $1 "* ]] || return 0
    mkdir -p "$work/$1/src"
    printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n%s\n' \
        "$1" "$2" >"$work/$1/Cargo.toml"
    printf '%s' "$3" >"$work/$1/src/main.rs"
    cp "$root/Cargo.lock" "$work/$1/Cargo.lock"
    printf '%s ... ' "$1"
    (cd "$work/$1" && cargo run --quiet)
    echo ok
}

chosen=("$@")
program rustls-aws-lc-rs "$tat }
$own_aws" "$own_rustls"
program rustls-ring "$tat }
$own_ring" "$own_rustls"
program reqwest-default "$tat }
reqwest = \"0.13\"" "$own_reqwest"
program no-tls "$tat, default-features = false }
$cci, default-features = false }
$zstack, default-features = false }
guestexec-core = { path = \"$root/crates/guestexec-core\" }
reqwest = { version = \"0.13\", default-features = false }
tokio = { version = \"1\", features = [\"macros\", \"rt\", \"time\"] }" "$no_tls"
program ours-aws-lc-rs-theirs-ring "$tat, default-features = false, features = [\"aws-lc-rs\"] }
$own_ring" "$own_rustls"
program ours-aws-lc-rs-theirs-aws-lc-rs "$tat, default-features = false, features = [\"aws-lc-rs\"] }
$own_aws" "$own_rustls"
program native-tls "$tat, default-features = false, features = [\"native-tls\"] }
$own_ring" "$own_rustls"
