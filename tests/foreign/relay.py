"""A relay in front of the sandbox that keeps what clients ask for, so that nobody's word has to be taken for it."""

import re
import socket
import threading
import urllib.parse


class Relay:
    """Passes connections on to the endpoint; `exchanges` has (request head, answer head) of those that upgrade."""

    def __init__(self, endpoint):
        parts = urllib.parse.urlsplit(endpoint)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self.exchanges = []
        threading.Thread(target=self._accept, daemon=True).start()

    def upgrades(self):
        """The protocols of all sessions so far, such as `websocket v5.channel.k8s.io` or `SPDY/3.1 v4.channel.k8s.io`."""
        found = []
        for _, answer in self.exchanges:
            headers = dict(line.lower().split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
            if answer.split(" ")[1] == "101":
                protocol = headers.get("sec-websocket-protocol") or headers.get("x-stream-protocol-version")
                found.append(f"{headers['upgrade']} {protocol}")
        return found

    def agents(self):
        """What the clients of these sessions call themselves."""
        agents = (re.search(r"(?im)^user-agent: *(.*?)\r?$", request) for request, _ in self.exchanges)
        return {agent[1] for agent in agents if agent}

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            heads = [bytearray(), bytearray()]
            for source, sink, head in ((client, server, heads[0]), (server, client, heads[1])):
                threading.Thread(target=self._pump, args=(source, sink, head, heads), daemon=True).start()

    def _pump(self, source, sink, head, heads):
        try:
            while piece := source.recv(65536):
                self._look(piece, head, heads)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()

    def _look(self, piece, head, heads):
        is_request = head is heads[0]
        if is_request and b" HTTP/1.1\r\n" in piece.split(b"\r\n\r\n")[0]:
            head[:] = piece
        elif not is_request and piece.startswith(b"HTTP/1.1 ") and b"\nupgrade: " in heads[0].lower():
            exchange = (bytes(part).split(b"\r\n\r\n")[0].decode("latin-1") for part in (heads[0], piece))
            self.exchanges.append(tuple(exchange))
