#!/usr/bin/env bash
# Measures command sessions against any server of the exec protocol.
#
#   scripts/exec-bench.sh URL [MiB] [TRANSPORT...]
#
# URL        a pod's exec: http://host:port/apis/cci/v2/namespaces/NS/pods/POD/exec. The container
#            needs sh, head, wc, echo and true. A token comes from GUESTEXEC_EXEC_TOKEN.
# MiB        how much is streamed for a rate; default 500. The memory row streams 4096.
# TRANSPORT  v5, v4, spdy, spdy-get; default: v4 and spdy.
# ROUNDS     how often each rate is measured; default 3.
set -euo pipefail
cd "$(dirname "$0")/.."
url=${1:?usage: scripts/exec-bench.sh URL [MiB] [TRANSPORT...]}
size=${2:-500}
shift $(($# > 2 ? 2 : $#))
transports=("${@:-v4}")
[ $# -gt 0 ] || transports=(v4 spdy)

cargo build --quiet --release -p guestexec-cci --example exec_bench --no-default-features
bench=$(cargo metadata --format-version 1 --no-deps | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)/release/examples/exec_bench

for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  printf 'socket    '
  "$bench" "$url" raw v4 "$size"
  for transport in "${transports[@]}"; do
    for measure in out in; do
      printf '%-10s' "$transport"
      "$bench" "$url" "$measure" "$transport" "$size"
    done
  done
done
for transport in "${transports[@]}"; do
  for measure in true many; do
    printf '%-10s' "$transport"
    "$bench" "$url" "$measure" "$transport"
  done
  printf '%-10s' "$transport"
  "$bench" "$url" out "$transport" "${MEMORY_MIB:-4096}"
done
