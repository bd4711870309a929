"""Datagrams to the Agent: UDP, or a datagram socket of Unix. Never waits, never raises."""

import logging
import socket

#: What a network without fragments takes: https://docs.datadoghq.com/developers/dogstatsd/high_throughput/
UDP_BYTES = 1432
UNIX_BYTES = 8192

log = logging.getLogger("dd_observe.agent_metrics")


class Transport:
    def __init__(self, destination):
        self._destination = destination
        self._socket = None
        self.dropped = 0
        self.max_bytes = UDP_BYTES if destination[0] == "udp" else UNIX_BYTES

    def send(self, lines):
        """Sends the lines, several in one packet. What can't be sent now is dropped and counted."""
        packet, used = [], 0
        for line in lines:
            data = line.encode("utf-8", "replace")
            if packet and used + len(data) + 1 > self.max_bytes:
                self._datagram(b"\n".join(packet))
                packet, used = [], 0
            packet.append(data)
            used += len(data) + 1
        if packet:
            self._datagram(b"\n".join(packet))

    def _datagram(self, data):
        # A second try: an Agent that was started anew has another socket, and a refusal is of the packet before.
        for last in (False, True):
            try:
                if self._socket is None:
                    self._socket = self._connect()
                self._socket.send(data)
                return
            except BlockingIOError:
                break  # Its queue is full.
            except OSError as error:
                self._disconnect()
                if last:
                    log.debug("cannot send metrics to %s: %s", self._destination, error)
        self.dropped += 1

    def _connect(self):
        if self._destination[0] == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            made.setblocking(False)
            address = self._destination[1]
        else:
            _, host, port = self._destination
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            made = socket.socket(family, kind)
            made.setblocking(False)
        try:
            made.connect(address)
        except OSError:
            made.close()
            raise
        return made

    def _disconnect(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None
