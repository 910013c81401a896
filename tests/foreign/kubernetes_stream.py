"""The Python client for Kubernetes: its WebSocket stream, with a bearer token at the root and with one in the path."""

import json
import os

from kubernetes import client, watch
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

    log = core.read_namespaced_pod_log(POD, "default", tail_lines=1)
    assert isinstance(log, str), log

    session = execute(core, "sh", "-c", "read line; echo got $line; exit 5", stdin=True,
                      _preload_content=False)
    session.write_stdin("hello\n")
    session.run_forever(timeout=30)
    assert session.read_stdout() == "got hello\n"
    assert session.returncode == 5

    main = client.V1Container(name="main", image="busybox", command=["sh", "-c", "echo up; exec sleep 600"])
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="foreign")))
    core.create_namespaced_pod("foreign", client.V1Pod(
        metadata=client.V1ObjectMeta(name="job", labels={"job": "yes"}),
        spec=client.V1PodSpec(containers=[main], restart_policy="Never"),
    ))
    for event in watch.Watch().stream(core.list_namespaced_pod, "foreign", timeout_seconds=60):
        if event["object"].status.phase == "Running":
            break
    lines = core.read_namespaced_pod_log("job", "foreign", follow=True, _preload_content=False)
    assert next(iter(lines.stream())) == b"up\n"
    lines.close()
    try:
        core.create_namespaced_pod("foreign", client.V1Pod(
            metadata=client.V1ObjectMeta(name="job"), spec=client.V1PodSpec(containers=[main])))
        raise AssertionError("two pods have one name")
    except ApiException as error:
        assert error.status == 409 and json.loads(error.body)["reason"] == "AlreadyExists"
    core.delete_namespaced_pod("job", "foreign", grace_period_seconds=0)
    core.delete_namespace("foreign")
    while "foreign" in [it.metadata.name for it in core.list_namespace().items]:
        pass

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
print("list, read, log, create, watch, delete, namespaces, exec with input, exit code, terminal, errors")
