"""The Python client for Kubernetes: its WebSocket stream, with a bearer token at the root and with one in the path."""

import json
import os

from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.stream import stream

POD = os.environ["GUESTEXEC_CCI_POD"]


def api(host, token=None):
    configuration = client.Configuration(host=host)
    if token:
        configuration.api_key = {"authorization": f"Bearer {token}"}
    return client.CoreV1Api(client.ApiClient(configuration))


def execute(core, *command, **options):
    chosen = {"stderr": True, "stdin": False, "stdout": True, "tty": False, **options}
    return stream(
        core.connect_get_namespaced_pod_exec, POD, "default", command=list(command), **chosen
    )


token = os.environ["GUESTEXEC_CCI_TOKEN"]
for core in (
    api(os.environ["GUESTEXEC_CCI_ENDPOINT"], token),
    api(os.environ["GUESTEXEC_CCI_KUBERNETES_ENDPOINT"]),
):
    assert POD in [pod.metadata.name for pod in core.list_namespaced_pod("default").items]
    assert execute(core, "sh", "-c", "echo out; echo err >&2") in ("out\nerr\n", "err\nout\n")

    session = execute(core, "sh", "-c", "read line; echo got $line; exit 5", stdin=True,
                      _preload_content=False)
    session.write_stdin("hello\n")
    session.run_forever(timeout=30)
    assert session.read_stdout() == "got hello\n"
    assert session.returncode == 5

    terminal = execute(core, "sh", "-c", "test -t 1 && echo yes", tty=True)
    assert terminal == "yes\r\n", terminal
    try:
        core.read_namespaced_pod("not-there", "default")
        raise AssertionError("there is no such pod")
    except ApiException as error:
        assert error.status == 404 and json.loads(error.body)["reason"] == "NotFound"
try:
    api(os.environ["GUESTEXEC_CCI_ENDPOINT"], "stolen").list_namespaced_pod("default")
    raise AssertionError("a wrong token was taken")
except ApiException as error:
    assert error.status == 401
print("list, read, exec with input, exit code, terminal, errors")
