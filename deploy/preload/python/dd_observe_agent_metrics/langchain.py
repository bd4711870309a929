"""Follows LangChain and LangGraph by a callback handler that is part of every run.

Only imported once the application has loaded LangChain.
"""

import functools
import logging
from contextvars import ContextVar

from langchain_core.callbacks.base import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

from .runs import Run
from .usage import model_at_end, model_at_start, tokens_of

log = logging.getLogger("dd_observe.agent_metrics")


def register(runs, task_type=None):
    """Makes a handler part of every run, of every thread and task: the variable's default is the handler itself."""
    variable = ContextVar("dd_observe_agent_metrics", default=AgentMetrics(runs, task_type))
    register_configure_hook(variable, inheritable=True)


def _harmless(method):
    """An error here is ours: LangChain would tell it on the application's stderr."""

    @functools.wraps(method)
    def guarded(self, *args, **kwargs):
        try:
            method(self, *args, **kwargs)
        except Exception:
            log.debug("%s failed", method.__name__, exc_info=True)

    return guarded


class AgentMetrics(BaseCallbackHandler):
    """One for all runs. Also asynchronous runs call it in place: it never waits."""

    run_inline = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, runs, task_type):
        self._runs = runs
        self._task_type = task_type

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    @_harmless
    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, tags=None, metadata=None, **more):
        name = more.get("name") or _name(serialized) or "unknown"
        parent = self._runs.get(parent_run_id)
        if parent is None:
            told = (metadata or {}).get("task_type")
            self._runs.begin_task(run_id, name, str(told or self._task_type or name))
            return
        node = _node(name, metadata)
        self._tell_retry(parent, tags, node)
        run = Run("chain", name, task=parent.task, parent=parent, node=node)
        self._runs.begin(run_id, run, is_step=node is not None)

    @_harmless
    def on_chain_end(self, outputs, *, run_id, **more):
        self._runs.end(run_id)

    @_harmless
    def on_chain_error(self, error, *, run_id, **more):
        self._runs.end(run_id, error)

    @_harmless
    def on_chat_model_start(self, serialized, messages, *, run_id, **more):
        self._begin_model(serialized, run_id, **more)

    @_harmless
    def on_llm_start(self, serialized, prompts, *, run_id, **more):
        self._begin_model(serialized, run_id, **more)

    def _begin_model(self, serialized, run_id, parent_run_id=None, tags=None, metadata=None, **more):
        parent = self._runs.get(parent_run_id)
        model, provider = model_at_start(serialized, metadata, more.get("invocation_params"))
        self._tell_retry(parent, tags)
        task = None if parent is None else parent.task
        self._runs.begin(run_id, Run("llm", model, task=task, parent=parent, provider=provider))

    @_harmless
    def on_llm_end(self, response, *, run_id, **more):
        run = self._runs.end(run_id)
        usage = tokens_of(response)
        if usage is None:
            return
        model, provider = model_at_end(response)
        # What was asked for is the better tag: an answer may name each of its releases.
        model = (None if run is None else run.name) or model or "unknown"
        provider = (None if run is None else run.provider) or provider or "unknown"
        self._runs.tokens(run, str(model), str(provider), usage)

    @_harmless
    def on_llm_error(self, error, *, run_id, **more):
        self._runs.end(run_id, error)

    @_harmless
    def on_retry(self, retry_state, *, run_id, **more):
        outcome = getattr(retry_state, "outcome", None)
        error = outcome.exception() if outcome is not None and outcome.done() else None
        self._runs.retried(self._runs.get(run_id), "unknown" if error is None else type(error).__name__)

    @_harmless
    def on_tool_start(self, serialized, input_str, *, run_id, parent_run_id=None, tags=None, **more):
        parent = self._runs.get(parent_run_id)
        self._tell_retry(parent, tags)
        name = _name(serialized) or more.get("name") or "unknown"
        task = None if parent is None else parent.task
        self._runs.begin(run_id, Run("tool", name, task=task, parent=parent))

    @_harmless
    def on_tool_end(self, output, *, run_id, **more):
        # A tool that handles its own errors answers with a message of this status.
        failed = getattr(output, "status", None) == "error"
        self._runs.end(run_id, outcome="failure" if failed else "success")

    @_harmless
    def on_tool_error(self, error, *, run_id, **more):
        self._runs.end(run_id, error)

    def _tell_retry(self, parent, tags, node=None):
        """LangChain marks a second try by a tag; LangGraph runs the same node of the same step once more."""
        if any(tag.startswith("retry:attempt:") for tag in tags or ()):
            self._runs.retried(parent, (None if parent is None else parent.last_error) or "unknown")
        elif node is not None and parent is not None and parent.task is not None:
            reason = parent.task.failed.pop(node, None)
            if reason is not None:
                self._runs.retried(parent, reason)


def _name(serialized):
    serialized = serialized or {}
    path = serialized.get("id")
    return serialized.get("name") or (path[-1] if isinstance(path, list) and path else None)


def _node(name, metadata):
    """What tells one run of a graph's node from every other, or None for a run that is no node."""
    metadata = metadata or {}
    if metadata.get("langgraph_node") != name:
        return None
    return metadata.get("langgraph_checkpoint_ns") or "%s:%s" % (metadata.get("langgraph_step"), name)
