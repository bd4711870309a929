"""What runs: tasks, and the calls of models and tools within them. Framework by framework a handler tells it."""

import threading
import time
from collections import OrderedDict

#: Runs that are followed at once. The oldest of more were left unfinished by somebody.
MAX_RUNS = 10_000

#: Exceptions by which LangGraph passes control on. They are no failures.
_HANDS_OVER = {"ParentCommand"}
_PAUSES = {"GraphBubbleUp", "GraphDrained", "GraphInterrupt", "NodeInterrupt"}
_CANCELS = {"AbortError", "CancelledError", "GeneratorExit", "KeyboardInterrupt"}


def outcome_of(error):
    """success, failure, timeout or cancelled, by the kind of an exception and what it inherits from."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if any(name in _HANDS_OVER for name in names):
        return "success"
    if any(name in _CANCELS or name in _PAUSES for name in names):
        return "cancelled"
    if any("Timeout" in name for name in names):
        return "timeout"
    return "failure"


class Task:
    """One thing that an agent was asked to do, from its beginning to its end."""

    __slots__ = ("task_type", "started", "nodes", "calls", "failed")

    def __init__(self, task_type):
        self.task_type = task_type
        self.started = time.monotonic()
        #: Nodes of a graph that were run, and calls of models and tools, for applications without a graph.
        self.nodes = 0
        self.calls = 0
        #: Node of one step, to the kind of the error that it ended with.
        self.failed = {}

    @property
    def steps(self):
        return self.nodes or self.calls


class Run:
    """One call of anything within a task."""

    __slots__ = ("task", "is_root", "kind", "name", "started", "provider", "last_error", "parent", "node")

    def __init__(self, kind, name, task=None, is_root=False, parent=None, provider=None, node=None):
        self.kind = kind
        self.name = name
        self.task = task
        self.is_root = is_root
        self.parent = parent
        self.provider = provider
        self.node = node
        self.started = time.monotonic()
        self.last_error = None


class Runs:
    """Tells the emitter what begins and ends."""

    def __init__(self, emitter, agent, prices):
        self._emitter = emitter
        self._agent = agent
        self._prices = prices
        self.forget()
        emitter.gauge(self.gauges)

    def forget(self):
        """After a fork: what runs, runs in the parent."""
        self._lock = threading.RLock()
        self._runs = OrderedDict()
        self._active = 0

    def gauges(self):
        return [("ai.agent.tasks.active", max(0, self._active), {"agent": self._agent})]

    def get(self, run_id):
        return self._runs.get(run_id)

    def begin_task(self, run_id, name, task_type):
        run = Run("chain", name, task=Task(task_type), is_root=True)
        self._emitter.count("ai.agent.tasks.started", self._tags(task_type=task_type))
        with self._lock:
            self._active += 1
        self._remember(run_id, run)

    def begin(self, run_id, run, is_step=False):
        task = run.task
        if task is not None:
            task.nodes += is_step
            task.calls += run.kind in ("llm", "tool")
        if run.kind == "tool":
            self._emitter.count("ai.agent.tool.selected", self._tags(tool=run.name))
        self._remember(run_id, run)

    def retried(self, run, reason):
        task_type = "unknown" if run is None or run.task is None else run.task.task_type
        self._emitter.count("ai.agent.task.retries", self._tags(task_type=task_type, reason=reason))

    def end(self, run_id, error=None, outcome=None):
        """Ends a run, if it is known. `outcome` where it is not the error's."""
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is None:
            return None
        if error is not None:
            self._blame(run, type(error).__name__)
        outcome = outcome or ("success" if error is None else outcome_of(error))
        if run.is_root:
            self._end_task(run, outcome)
        elif run.kind == "tool":
            self._end_tool(run, outcome, "error" if error is None else type(error).__name__)
        return run

    def tokens(self, run, model, provider, usage):
        """Tokens and cost of one call of a model. `usage` is (in, out, read from the cache, written to it)."""
        tokens_in, tokens_out, cache_read, cache_write = usage
        add = self._emitter.distribution
        by_provider = self._tags(model=model, provider=provider)
        by_model = self._tags(model=model)
        add("ai.agent.tokens.input", tokens_in, by_provider)
        add("ai.agent.tokens.output", tokens_out, by_provider)
        add("ai.agent.tokens", tokens_in + tokens_out, by_model)
        cost = self._prices.cost(model, tokens_in, tokens_out, cache_read, cache_write)
        if cost is not None:
            add("ai.agent.cost", cost, by_model)

    def _end_task(self, run, outcome):
        task, seconds = run.task, time.monotonic() - run.started
        with self._lock:
            self._active -= 1
        tags = self._tags(task_type=task.task_type, outcome=outcome)
        self._emitter.count("ai.agent.tasks.completed", tags)
        self._emitter.distribution("ai.agent.task.duration", seconds, tags)
        self._emitter.distribution("ai.agent.task.steps", task.steps, self._tags(task_type=task.task_type))

    def _end_tool(self, run, outcome, error_type):
        tags = self._tags(tool=run.name, outcome=outcome)
        self._emitter.distribution("ai.agent.tool.duration", time.monotonic() - run.started, tags)
        if outcome in ("failure", "timeout"):
            self._emitter.count("ai.agent.tool.failures", self._tags(tool=run.name, error_type=error_type))

    def _blame(self, run, error_type):
        """So that a later try knows why there is one."""
        if run.parent is not None:
            run.parent.last_error = error_type
        if run.node is not None and run.task is not None:
            run.task.failed[run.node] = error_type

    def _remember(self, run_id, run):
        with self._lock:
            self._runs[run_id] = run
            if len(self._runs) > MAX_RUNS:
                _, oldest = self._runs.popitem(last=False)
                self._active -= oldest.is_root

    def _tags(self, **tags):
        tags["agent"] = self._agent
        return tags
