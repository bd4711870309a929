"""An Agent's DogStatsD socket, for tests: real datagrams, read back as metrics."""

import os
import socket
import sys
import tempfile
import time
from collections import namedtuple

PRELOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "deploy", "preload", "python")
PRELOAD = os.path.abspath(PRELOAD)
if PRELOAD not in sys.path:
    sys.path.insert(0, PRELOAD)

Line = namedtuple("Line", "name values kind tags rate")


class Receiver:
    """Closes itself at the end of a `with`."""

    def __init__(self, unix=False):
        self._folder = tempfile.TemporaryDirectory() if unix else None
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(self._folder.name, "dsd.socket") if unix else ("127.0.0.1", 0))
        self.packets = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def destination(self):
        name = self.socket.getsockname()
        return ("unix", name) if isinstance(name, str) else ("udp",) + name

    @property
    def url(self):
        kind, *rest = self.destination
        return "unix://" + rest[0] if kind == "unix" else "udp://%s:%d" % tuple(rest)

    def lines(self):
        """Every metric that has come so far. What was sent to a socket of this machine is there at once."""
        self.socket.setblocking(False)
        while True:
            try:
                self.packets.append(self.socket.recv(65536))
            except BlockingIOError:
                break
        return [_parsed(line) for packet in self.packets for line in packet.decode().split("\n")]

    def wait_for(self, name, seconds=15):
        """The lines, as soon as one of them has this name."""
        end = time.monotonic() + seconds
        while not any(line.name == name for line in self.lines()):
            if time.monotonic() > end:
                raise AssertionError("no %s within %s s, but %s" % (name, seconds, self.lines()))
            time.sleep(0.02)
        return self.lines()


def _parsed(text):
    head, kind, *rest = text.split("|")
    name, *values = head.split(":")
    tags = next((part[1:].split(",") for part in rest if part.startswith("#")), [])
    rate = next((float(part[1:]) for part in rest if part.startswith("@")), 1.0)
    return Line(name, [float(value) for value in values], kind, tags, rate)


def of(lines, name):
    """Values of all lines of this name."""
    return [value for line in lines if line.name == name for value in line.values]
