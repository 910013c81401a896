"""kr8s: asks for the version, waits for conditions by watching, runs commands over a WebSocket with v4."""

import json
import os
import tempfile

import kr8s
from kr8s.objects import Pod

kubeconfig = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "sandbox", "cluster": {"server": os.environ["GUESTEXEC_CCI_ENDPOINT"]}}],
    "users": [{"name": "user", "user": {"token": os.environ["GUESTEXEC_CCI_TOKEN"]}}],
    "contexts": [
        {"name": "sandbox", "context": {"cluster": "sandbox", "user": "user", "namespace": "default"}}
    ],
    "current-context": "sandbox",
}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(kubeconfig, file)
    file.flush()
    api = kr8s.api(kubeconfig=file.name)
    assert api.version()["gitVersion"].startswith("v1."), api.version()
    pod = Pod.get(os.environ["GUESTEXEC_CCI_POD"], namespace="default", api=api)
    assert pod.ready(), pod.status
    pod.wait("condition=Ready", timeout=30)
    events = api.watch("pods", namespace="default")
    kind, seen = next(iter(events))
    assert kind == "ADDED" and seen.name, (kind, seen)
    done = pod.exec(["sh", "-c", "echo out; echo err >&2"])
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 0), done
print(f"kr8s {kr8s.__version__}: version, conditions, watch, exec")
