#!/bin/sh
# Measures cold builds of two programs that call RunCommand once: one with guestexec-tat, one with plain
# reqwest and serde_json over the same TLS (rustls with ring). Prints the CPU seconds of each and their ratio.
#
# Usage: scripts/cold-build.sh [rounds]    (default 1; each round takes about three minutes)
#
# Both are built in a temporary directory with an empty target directory. The dependencies are those of the
# workspace's lock file, and are fetched before the measurement.
set -eu

rounds=${1:-1}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

program() { # name, dependencies
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.dev]
debug = "line-tables-only"

[dependencies]
tokio = { version = "1", features = ["macros", "rt"] }
$2
TOML
    cp "$root/Cargo.lock" "$work/$1/Cargo.lock"
}

program with-guestexec "guestexec-tat = { path = \"$root/crates/guestexec-tat\" }"
cat >"$work/with-guestexec/src/main.rs" <<'RUST'
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tat = guestexec_tat::Client::builder().from_env()?.build()?;
    for result in tat.instances(["ins-zj0f57ew"]).run("uptime").await?.results() {
        println!("{}", result.output_lossy());
    }
    Ok(())
}
RUST

program bare 'reqwest = { version = "0.13.5", default-features = false, features = ["json", "rustls-no-provider"] }
rustls = { version = "0.23", default-features = false, features = ["ring", "std", "tls12"] }
serde_json = "1"'
cat >"$work/bare/src/main.rs" <<'RUST'
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let body = serde_json::json!({ "Content": "dXB0aW1l", "InstanceIds": ["ins-zj0f57ew"] });
    let answer = reqwest::Client::new().post("https://tat.tencentcloudapi.com").json(&body);
    println!("{}", answer.send().await?.text().await?);
    Ok(())
}
RUST

# Sets `spent` to the CPU seconds of this shell's children so far. A subshell would count its own.
spend() {
    times >"$work/times"
    spent=$(awk 'NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/); print (u[1] + s[1]) * 60 + u[2] + s[2] }' "$work/times")
}

for name in bare with-guestexec; do
    (cd "$work/$name" && cargo fetch --quiet)
done
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    for name in bare with-guestexec; do
        rm -rf "$work/target"
        spend
        before=$spent
        # One compiler at a time: compilers side by side slow each other, which CPU seconds include.
        (cd "$work/$name" && CARGO_TARGET_DIR="$work/target" CARGO_INCREMENTAL=0 cargo build --quiet --offline --jobs 1)
        spend
        seconds=$(echo "$before $spent" | awk '{ printf "%.1f", $2 - $1 }')
        echo "round $round: $name: $seconds CPU-seconds"
        echo "$seconds" >>"$work/$name.seconds"
    done
done
least() { sort -n "$work/$1.seconds" | head -n 1; }
echo "$(least bare) $(least with-guestexec)" |
    awk '{ printf "guestexec-tat %.1f / bare %.1f = %.2f (the least of each)\n", $2, $1, $2 / $1 }'
