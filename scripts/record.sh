#!/bin/sh
# Makes anew what the READMEs show of the command line, from the real program against the sandbox: the recordings, on a
# terminal of its own, and the output in the command line's manual. Look at crates/guestexec-cli/recordings/*.svg and
# at the diff afterwards. Ids and ports are masked.
set -eu
cd "$(dirname "$0")/.."
GUESTEXEC_RECORD=1 cargo test --package guestexec-cli --test recordings --test readme "$@"
ls -l crates/guestexec-cli/recordings
