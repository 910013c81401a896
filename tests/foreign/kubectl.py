"""kubectl: pods, exec with input, exit code, terminal, errors. The transport is the caller's choice."""

import os
import pty
import subprocess
import sys

KUBECTL = [sys.argv[1], "--server", os.environ["GUESTEXEC_CCI_KUBERNETES_ENDPOINT"]]
POD = os.environ["GUESTEXEC_CCI_POD"]


def kubectl(*arguments, stdin=None):
    return subprocess.run(
        [*KUBECTL, *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


version = subprocess.run([KUBECTL[0], "version", "--client"], capture_output=True, check=False)
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
print("\n" + version.stdout.decode().splitlines()[0] + ": input, exit code, terminal, errors")
