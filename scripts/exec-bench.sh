#!/usr/bin/env bash
# Measures command sessions against any server of the exec protocol.
#
#   scripts/exec-bench.sh URL [MiB] [TRANSPORT...]
#
# URL        a pod's exec: http://host:port/apis/cci/v2/namespaces/NS/pods/POD/exec. The container
#            needs sh, cat, head, echo and true. GUESTEXEC_EXEC_TOKEN may hold a token.
# MiB        how much is streamed to measure a rate; default 500.
# TRANSPORT  v5, v4, spdy, spdy-get; default: v4 and spdy.
#
# It prints these rows:
#   raw        the rate of a bare socket, which is the server's own limit
#   out, in    the rates of this library; `in` feeds a cat that discards its input
#   true       the latency of a command
#   many       200 commands at once; MANY=no leaves it out, as some container runtimes lock up
#   out        last, with MEMORY_MIB (default 4096), for the memory that streaming takes
# ROUNDS is how often each rate is measured; default 3.
set -euo pipefail
cd "$(dirname "$0")/.."
url=${1:?usage: scripts/exec-bench.sh URL [MiB] [TRANSPORT...]}
size=${2:-500}
shift $(($# > 2 ? 2 : $#))
[ $# -gt 0 ] || set -- v4 spdy
transports=("$@")

cargo build --quiet --release -p guestexec-cci --example exec_bench --no-default-features
bench=$(cargo metadata --format-version 1 --no-deps | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)/release/examples/exec_bench

for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  for transport in "${transports[@]}"; do
    for measure in raw out in; do
      printf '%-10s' "$transport"
      "$bench" "$url" "$measure" "$transport" "$size"
    done
  done
done
for transport in "${transports[@]}"; do
  printf '%-10s' "$transport"
  "$bench" "$url" true "$transport"
  if [ "${MANY:-yes}" = yes ]; then
    printf '%-10s' "$transport"
    "$bench" "$url" many "$transport"
  fi
  printf '%-10s' "$transport"
  "$bench" "$url" out "$transport" "${MEMORY_MIB:-4096}"
done
