#!/usr/bin/env bash
# Measures command sessions against any server of the exec protocol.
#
#   scripts/exec-bench.sh URL [MiB] [TRANSPORT...]
#
# URL        a pod's exec: http://host:port/apis/cci/v2/namespaces/NS/pods/POD/exec. The container
#            needs sh, cat, head, echo and true. A token comes from GUESTEXEC_EXEC_TOKEN.
# MiB        how much is streamed for a rate; default 500.
# TRANSPORT  v5, v4, spdy, spdy-get; default: v4 and spdy.
#
# Rows: raw, what a bare socket reads (the server's own limit); out and in, rates of this library, in
# with a cat that looks at nothing;
# true, the latency of a command; many, 200 commands at once. Some container runtimes lock up under
# so many: MANY=no leaves that row out. Last, the memory that streaming MEMORY_MIB (4096) takes.
# ROUNDS says how often each rate is measured; default 3.
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
