#!/usr/bin/env bash
# Follows a vendor's page: audits saved copies of it, writes the edits into the document, generates, and
# writes the text of a pull request to standard output. What it changes in the checkout is for the caller
# to commit; fetching the page is the caller's, too.
#
#     scripts/follow-page.sh PROVIDER PAGE...
#
# Exit code 0: nothing to follow, and nothing is written. 1: there is, and the text is written. 2: a page
# could not be read, or something failed; the reason is on standard error.
#
# XTASK and SHAPES name other commands for `cargo xtask` and for the test that takes the snapshots.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: $0 PROVIDER PAGE..." >&2
  exit 2
fi
provider=$1
shift
pages=()
for page in "$@"; do
  pages+=("$(realpath "$page")")
done
cd "$(dirname "$0")/.."
read -ra xtask <<<"${XTASK:-cargo xtask}"
read -ra shapes <<<"${SHAPES:-cargo test --package tests --test shapes --test answers --test schemas}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a step whose exit code 1 is a result; any other failure ends the script.
step() {
  local code=0
  "$@" || code=$?
  if [ "$code" -gt 1 ]; then
    echo "$0: failed ($code): $*" >&2
    exit 2
  fi
  return "$code"
}

if found=$(step "${xtask[@]}" audit "$provider" "${pages[@]}" --format markdown); then
  exit 0
elif [ $? -ne 1 ]; then
  exit 2
fi

code=0
"${xtask[@]}" audit "$provider" "${pages[@]}" --fix >/dev/null 2>"$log" || code=$?
if [ "$code" -gt 1 ]; then
  cat "$log" >&2
  exit 2
fi
# What the linter says, too, is said by `generate` below.
left=$(grep -E '^(left to you: |look at )' "$log" || true)

cat <<TEXT
## specs/$provider.yaml follows its page

### What the page has

$found
TEXT
if [ -n "$left" ]; then
  printf '\n### What a person writes\n\n```text\n%s\n```\n' "$left"
fi
if ! "${xtask[@]}" generate "$provider" >"$log" 2>&1; then
  printf '\n### What the linter waits for\n\n```text\n%s\n```\n' "$(cat "$log")"
  exit 1
fi
verdict=$(step "${xtask[@]}" diff --base HEAD --format markdown "$provider") || exit 2
printf '\n### What it means for users\n\n%s\n' "$verdict"
if ! INSTA_UPDATE=always "${shapes[@]}" >"$log" 2>&1; then
  printf '\n### What the requests wait for\n\n```text\n%s\n```\n' "$(tail -n 40 "$log")"
  exit 1
fi
requests=$(git status --short --untracked-files=all -- "tests/snapshots/$provider" | sed 's/^...//')
if [ -n "$requests" ]; then
  printf '\n### Requests to review\n\n%s\n' "$(sed 's/.*/- `&`/' <<<"$requests")"
fi
others=$(git status --short --untracked-files=all -- "tests/snapshots/*/$provider" | sed 's/^...//')
if [ -n "$others" ]; then
  printf '\n### Answers, errors, schemas and limits to review\n\n%s\n' "$(sed 's/.*/- `&`/' <<<"$others")"
fi
exit 1
