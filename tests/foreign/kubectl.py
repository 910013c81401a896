"""kubectl over `websocket` or `SPDY/3.1`: pods, watches, exec with input, exit code, terminal, errors.

What carried the sessions is read off the connections. Exits with 77 if this kubectl has no such transport.
"""

import os
import pty
import re
import subprocess
import sys
import time

from relay import Relay

TRANSPORT = sys.argv[2]
relay = Relay(os.environ["GUESTEXEC_CCI_KUBERNETES_ENDPOINT"])
os.environ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = str(TRANSPORT == "websocket").lower()
KUBECTL = [sys.argv[1], "--server", relay.endpoint]
POD = os.environ["GUESTEXEC_CCI_POD"]


def kubectl(*arguments, stdin=None):
    return subprocess.run(
        [*KUBECTL, *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


done = kubectl("exec", POD, "--", "true")
assert done.returncode == 0, done
# What it calls itself to the server: some are only a starter of one of several versions.
version = re.search(r"kubectl\S*/v1\.(\d+)\S*", " ".join(relay.agents()))
assert version, relay.agents()
if TRANSPORT == "websocket" and int(version[1]) < 29:
    print(f"{version[0]} has none; it came with 1.29, and is the default since 1.31")
    sys.exit(77)
pods = kubectl("get", "pods", "-o", "name")
assert b"pod/" + POD.encode() in pods.stdout.split(), pods

done = kubectl("exec", POD, "--", "sh", "-c", "echo out; echo err >&2; exit 42")
assert (done.stdout, done.returncode) == (b"out\n", 42), done
assert done.stderr.startswith(b"err\n"), done

data = os.urandom(300_000)
done = kubectl("exec", "-i", POD, "--", "cat", stdin=data)
assert done.stdout == data and done.returncode == 0, (len(done.stdout), done.stderr)
done = kubectl("exec", "-i", POD, "--", "wc", "-c", stdin=data)
assert done.stdout.strip() == b"300000", done

done = kubectl("exec", "two", "-c", "b", "--", "pwd")
assert done.stdout.strip().endswith(b"/two/b"), done
done = kubectl("exec", POD, "--", "no-such-program")
assert done.returncode != 0 and b"not found" in done.stderr, done
done = kubectl("exec", "not-there", "--", "true")
assert done.returncode == 1 and b"NotFound" in done.stderr, done

# A terminal of our own, so that it asks for one there.
output = bytearray()


def read(descriptor):
    piece = os.read(descriptor, 4096)
    output.extend(piece)
    return piece


command = [*KUBECTL, "exec", "-it", POD, "--", "sh", "-c", "test -t 0 && tty && stty size; exit 7"]
status = pty.spawn(command, read, lambda descriptor: b"")
assert os.waitstatus_to_exitcode(status) == 7, bytes(output)
assert b"/dev/pts/" in output, bytes(output)

watch = subprocess.Popen([*KUBECTL, "get", "pods", "--watch", "-o", "name"], stdout=subprocess.PIPE)
names = {watch.stdout.readline().strip() for _ in range(3)}
assert b"pod/" + POD.encode() in names, names
time.sleep(1)
assert watch.poll() is None, "the watch has ended"
watch.kill()

carried = set(relay.upgrades())
assert carried and all(used.startswith(TRANSPORT.lower()) for used in carried), carried
print(f"\n{version[0]}, {', '.join(carried)}: input, exit code, terminal, errors, watch")
