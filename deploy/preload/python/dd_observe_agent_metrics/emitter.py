"""Metrics, aggregated in the process and sent by DogStatsD.

Counts are summed; a distribution's values go out together, several in one line; gauges are asked
for when they are due. A thread flushes every two seconds and sends gauges every ten. Nothing here
waits for the network in the application's threads, and nothing raises into it.
"""

import atexit
import logging
import os
import random
import sys
import threading
import time

from .tags import Bounds, unified
from .transport import Transport

FLUSH_SECONDS = 2.0
GAUGE_SECONDS = 10.0
#: So many values are sent before their time.
EARLY_VALUES = 2_000
#: So many values of one series are kept until they are sent. Beyond it a fair sample stands for all, and says so.
MAX_SERIES_VALUES = 10_000
#: How long a process that ends waits for its last flush.
EXIT_SECONDS = 1.0

log = logging.getLogger("dd_observe.agent_metrics")


class Emitter:
    """One for each process; a fork starts anew."""

    def __init__(self, destination, tags=(), instance=None, clock=time.monotonic):
        """`instance` is asked for what tells this process, forked or not, from others on the machine."""
        self._destination = destination
        self._tags = unified(tags)
        self._instance = instance
        self._clock = clock
        self._gauges = []
        self._thread = None
        self._finalizes = False
        self._reset()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
            )

    def _reset(self):
        # Re-entrant: the garbage collector may end a run in the middle of this very code.
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._bounds = Bounds()
        self._counts = {}
        self._values = {}
        self._held = 0
        self._was_running = False
        self._closing = False
        self._transport = Transport(self._destination)
        self._next_gauges = 0.0

    @property
    def dropped(self):
        """Packets that could not be sent, since the process began."""
        return self._transport.dropped

    def gauge(self, read):
        """`read` is asked every ten seconds for a list of (name, value, tags)."""
        self._gauges.append(read)

    def count(self, name, tags, amount=1):
        key = self._key(name, tags)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + amount
        self.start()

    def distribution(self, name, value, tags):
        key = self._key(name, tags)
        with self._lock:
            series = self._values.get(key)
            if series is None:
                series = self._values[key] = _Series()
            series.add(value)
            self._held += 1
            early = self._held == EARLY_VALUES
        self.start()
        if early:
            self._wake.set()

    def start(self):
        """Starts the thread unless it runs. It keeps no process alive."""
        if self._thread is not None or self._closing:
            return
        with self._lock:
            if self._thread is not None or self._closing:
                return
            thread = threading.Thread(target=self._run, name="dd-observe-agent-metrics", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # The interpreter is ending; close() sends what there is.
                log.debug("no thread to flush with: %s", error)
                return
            self._thread = thread

    def close(self):
        """Sends what is there, and waits for it for a second at most."""
        self._closing = True
        thread, self._thread = self._thread, None
        self._wake.set()
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join(EXIT_SECONDS)
        else:
            self.flush()

    def flush(self):
        """Sends every count and value that is held, and the gauges if they are due."""
        with self._lock:
            counts, self._counts = self._counts, {}
            values, self._values = self._values, {}
            self._held = 0
            gauges = self._due_gauges()
        lines = ["%s:%s|c%s" % (name, _text(total), tags) for (name, tags), total in counts.items()]
        lines += ["%s:%s|g%s" % (name, _text(value), tags) for (name, tags), value in gauges]
        for (name, tags), series in values.items():
            lines += self._packed(name, series, tags)
        self._transport.send(lines)

    def _packed(self, name, series, tags):
        """Lines of one series, each as long as a packet may be."""
        kept = len(series.values) / series.seen
        end = "|d%s%s" % ("" if kept == 1 else "|@%s" % _text(kept), tags)
        room = self._transport.max_bytes - len(name.encode()) - len(end.encode()) - 1
        lines, texts, used = [], [], 0
        for text in map(_text, series.values):
            if texts and used + len(text) + 1 > room:
                lines.append("%s:%s%s" % (name, ":".join(texts), end))
                texts, used = [], 0
            texts.append(text)
            used += len(text) + 1
        lines.append("%s:%s%s" % (name, ":".join(texts), end))
        return lines

    def _due_gauges(self):
        if self._clock() < self._next_gauges:
            return []
        self._next_gauges = self._clock() + GAUGE_SECONDS
        own = {} if self._instance is None else {"instance": self._instance()}
        return [(self._key(name, {**tags, **own}), value) for read in self._gauges for name, value, tags in read()]

    def _key(self, name, tags):
        texts = [self._bounds.text(name, key, value) for key, value in tags.items()]
        return name, "|#" + ",".join(texts + self._tags)

    def _run(self):
        while not self._closing and self._thread in (None, threading.current_thread()):
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            try:
                self.flush()
            except Exception:  # One bad flush must not end all that follow.
                log.debug("flush failed", exc_info=True)
        if self._closing:
            self.flush()

    def _before_fork(self):
        # A process of several threads is warned of at a fork (Python 3.12), and this is the one that we added.
        self._was_running = self._thread is not None and not self._closing
        if not self._was_running:
            return
        thread, self._thread = self._thread, None
        self._stop(thread)
        multiprocessing_util = sys.modules.get("multiprocessing.util")
        if multiprocessing_util is not None and not self._finalizes:
            # Its children end without atexit; their finalizers run instead.
            self._finalizes = True
            multiprocessing_util.register_after_fork(self, Emitter._finalize_child)

    def _stop(self, thread):
        # Neither None nor the thread itself: its loop ends.
        self._thread = _STOPPED
        self._wake.set()
        if thread is not threading.current_thread():
            thread.join(EXIT_SECONDS)
        self._thread = None

    def _after_in_parent(self):
        """The next metric starts the thread again: one that runs at once would be warned of, too."""

    def _after_in_child(self):
        was_running = self._was_running
        self._reset()
        self._thread = None
        for read in self._gauges:
            forget = getattr(getattr(read, "__self__", None), "forget", None)
            if forget is not None:
                forget()
        if was_running:
            self.start()

    def _finalize_child(self):
        import multiprocessing.util

        multiprocessing.util.Finalize(None, self.close, exitpriority=0)


_STOPPED = object()


class _Series:
    """Values of one distribution since the last flush."""

    __slots__ = ("values", "seen")

    def __init__(self):
        self.values = []
        self.seen = 0

    def add(self, value):
        self.seen += 1
        if len(self.values) < MAX_SERIES_VALUES:
            self.values.append(value)
            return
        at = random.randrange(self.seen)
        if at < MAX_SERIES_VALUES:
            self.values[at] = value


def _text(value):
    """Without an exponent, which not every reader of the protocol takes."""
    if isinstance(value, int):
        return str(value)
    return ("%.12f" % value).rstrip("0").rstrip(".")
