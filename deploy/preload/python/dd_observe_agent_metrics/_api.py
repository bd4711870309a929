"""The functions that an application calls, and `install`, which follows LangChain."""

import functools
import logging
import sys
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager

from . import settings

log = logging.getLogger("dd_observe.agent_metrics")

#: Approvals that are followed at once. The oldest of more were never decided.
MAX_APPROVALS = 10_000

_lock = threading.RLock()
_made = {}


def _never_raises(function):
    """The application's own work goes on, whatever happens here."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Exception:
            log.debug("%s failed", function.__name__, exc_info=True)
            return None

    return guarded


def _emitter():
    from .emitter import Emitter

    with _lock:
        if "emitter" not in _made:
            _made["emitter"] = Emitter(settings.destination(), settings.unified_tags(), settings.instance)
            _made["agent"] = settings.agent()
        return _made["emitter"]


def _runs():
    from .prices import Prices
    from .runs import Runs

    with _lock:
        if "runs" not in _made:
            emitter = _emitter()
            try:
                prices = Prices(settings.prices())
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.debug("no cost: %s", error)
                prices = Prices(table=None)
            _made["runs"] = Runs(emitter, _made["agent"], prices)
        return _made["runs"]


def install():
    """Follows every run of LangChain and LangGraph in this process. Called at Python's start by sitecustomize.

    Also right after LangChain was loaded, and more than once. Raises what LangChain's import raises.
    """
    with _lock:
        if "installed" in _made or "langchain_core" not in sys.modules:
            return
        _made["installed"] = True
        if settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
            from .langchain import register

            register(_runs(), settings.task_type())
            _emitter().start()
        if settings.is_on("DD_OBSERVE_LANGFUSE"):
            from . import langfuse

            langfuse.register()


@_never_raises
def flush():
    """Sends what is held now; else it goes within two seconds, and at the process's end."""
    _emitter().flush()


def _count(name, **tags):
    if not settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
        return
    emitter = _emitter()
    emitter.count(name, {**tags, "agent": _made["agent"]})


@_never_raises
def output_evaluated(evaluator="unknown"):
    """An evaluator looked at an output: the denominator of the hallucination rate."""
    _count("ai.agent.outputs.evaluated", evaluator=evaluator)


@_never_raises
def hallucination(severity="unknown", evaluator="unknown"):
    """An evaluator found an output made up. Severities: low, medium, high, critical."""
    _count("ai.agent.hallucinations", severity=severity, evaluator=evaluator)


@_never_raises
def modification_proposed():
    """The agent proposed a change."""
    _count("ai.agent.modifications.proposed")


@_never_raises
def modification_rejected(reason="unknown"):
    """A person rejected a proposed change."""
    _count("ai.agent.modifications.rejected", reason=reason)


@_never_raises
def safety_gate_checked(gate):
    """A safety gate looked at what the agent was about to do or say."""
    _count("ai.agent.safety_gate.checks", gate=gate)


@_never_raises
def safety_gate_triggered(gate, severity="unknown"):
    """A safety gate stopped it."""
    _count("ai.agent.safety_gate.triggered", gate=gate, severity=severity)


@_never_raises
def tool_cost(tool, dollars):
    """One call of a tool was charged for, in US dollars."""
    if settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
        _emitter().distribution("ai.agent.tool.cost", float(dollars), {"tool": tool, "agent": _made["agent"]})


class _Approvals:
    """Decisions that are waited for in this process."""

    def __init__(self, agent):
        self._agent = agent
        self.forget()

    def forget(self):
        self._lock = threading.RLock()
        self._asked = OrderedDict()

    def ask(self, key):
        with self._lock:
            self._asked[key] = time.monotonic()
            if len(self._asked) > MAX_APPROVALS:
                self._asked.popitem(last=False)

    def decide(self, key):
        """Seconds that it was waited for, or None if nobody asked."""
        with self._lock:
            asked = self._asked.pop(key, None)
        return None if asked is None else time.monotonic() - asked

    def gauges(self):
        with self._lock:
            oldest = next(iter(self._asked.values()), None)
            pending = len(self._asked)
        age = 0.0 if oldest is None else time.monotonic() - oldest
        tags = {"agent": self._agent}
        return [("ai.agent.approvals.pending", pending, tags), ("ai.agent.approvals.oldest_age", age, tags)]


def _approvals():
    with _lock:
        if "approvals" not in _made:
            emitter = _emitter()
            _made["approvals"] = _Approvals(_made["agent"])
            emitter.gauge(_made["approvals"].gauges)
        return _made["approvals"]


@_never_raises
def approval_requested(key, action="unknown"):
    """The agent asked a person to decide about an action. `key` tells this question from others and is never sent."""
    if settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
        _approvals().ask(key)
        _count("ai.agent.approvals.requested", action=action)


@_never_raises
def approval_decided(key, decision):
    """approved, rejected or expired. In another process than the question's it is not counted."""
    if not settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
        return
    waited = _approvals().decide(key)
    if waited is not None:
        tags = {"decision": decision, "agent": _made["agent"]}
        _emitter().distribution("ai.agent.approvals.wait", waited, tags)


@contextmanager
def task(task_type="unknown"):
    """A task of an application without LangChain: started, completed, duration, by what the block ends with."""
    run_id = object()
    _begin_task(run_id, task_type)
    try:
        yield
    except BaseException as error:
        _end_task(run_id, error)
        raise
    _end_task(run_id, None)


@_never_raises
def _begin_task(run_id, task_type):
    if settings.is_on("DD_OBSERVE_AGENT_METRICS", "true"):
        _runs().begin_task(run_id, task_type, task_type)


@_never_raises
def _end_task(run_id, error):
    if "runs" in _made:
        _made["runs"].end(run_id, error)
