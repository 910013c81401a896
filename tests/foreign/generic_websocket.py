"""A WebSocket client that knows nothing of Kubernetes, against CCI's own path: v5, v4, v1 and base64."""

import asyncio
import base64
import json
import os
from urllib.parse import urlencode

import websockets

BASE = os.environ["GUESTEXEC_CCI_ENDPOINT"].replace("http", "ws", 1)
PATH = f"/apis/cci/v2/namespaces/default/pods/{os.environ['GUESTEXEC_CCI_POD']}/exec"


def connect(protocols, script, **options):
    query = [("command", word) for word in ("sh", "-c", script)]
    query += [(name, "true") for name in ("stdin", "stdout", "stderr")]
    headers = {"X-Auth-Token": os.environ["GUESTEXEC_CCI_TOKEN"], **options}
    return websockets.connect(
        f"{BASE}{PATH}?{urlencode(query)}", subprotocols=protocols, additional_headers=headers
    )


async def session(protocol, closes_input):
    script = "cat; echo err >&2; exit 6" if closes_input else "read line; echo $line; echo err >&2; exit 6"
    text = "base64" in protocol
    channels = {}
    async with connect([protocol], script) as socket:
        assert socket.subprotocol == protocol, socket.subprotocol
        if text:
            await socket.send("0" + base64.b64encode(b"hello\n").decode())
        else:
            await socket.send(b"\0hello\n")
        if closes_input:
            await socket.send(b"\xff\0")
        async for message in socket:
            if text:
                channel, data = int(message[0]), base64.b64decode(message[1:])
            else:
                channel, data = message[0], message[1:]
            channels[channel] = channels.get(channel, b"") + data
        assert socket.close_code == 1000, socket.close_code
    assert channels[1] == b"hello\n" and channels[2] == b"err\n", channels
    if protocol.startswith(("v4", "v5")):
        status = json.loads(channels[3])
        assert status["details"]["causes"][0]["message"] == "6", status


async def main():
    await session("v5.channel.k8s.io", True)
    for protocol in ("v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io",
                     "base64.channel.k8s.io"):
        await session(protocol, False)
    for protocols, token, status in (
        (["v2.channel.k8s.io"], os.environ["GUESTEXEC_CCI_TOKEN"], 403),
        (["v4.channel.k8s.io"], "stolen", 401),
    ):
        try:
            async with connect(protocols, "true", **{"X-Auth-Token": token}):
                raise AssertionError("it was let in")
        except websockets.exceptions.InvalidStatus as refused:
            assert refused.response.status_code == status, refused
    print("v5, v4, v1, base64: input, exit code, close, refusals")


asyncio.run(main())
