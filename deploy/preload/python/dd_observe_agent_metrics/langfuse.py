"""Langfuse's tracing without a change to the application: its own handler, part of every run.

On by DD_OBSERVE_LANGFUSE=true, with Langfuse's keys in the environment and its package installed.
"""

import importlib
import logging
import os

log = logging.getLogger("dd_observe.agent_metrics")


class _AnyLangfuse(type):
    def __instancecheck__(cls, handler):
        return type(handler).__module__.split(".")[0] == "langfuse"


class _LangfuseHandler(metaclass=_AnyLangfuse):
    """Every handler of Langfuse: an application that has one of its own is not traced twice."""


class _Lazily:
    """Stands where LangChain expects a context variable. Langfuse imports LangChain, so that it comes after."""

    def __init__(self):
        self._handler = None
        self._tried = False

    def get(self):
        if not self._tried:
            self._tried = True
            try:
                self._handler = importlib.import_module("langfuse.langchain").CallbackHandler()
            except Exception:
                log.debug("no Langfuse: pip install langfuse brings it", exc_info=True)
        return self._handler


def register():
    """Without keys Langfuse would warn on the application's stderr, and send nothing."""
    if not (os.environ.get("LANGFUSE_PUBLIC_KEY") and os.environ.get("LANGFUSE_SECRET_KEY")):
        log.debug("no Langfuse: LANGFUSE_PUBLIC_KEY or LANGFUSE_SECRET_KEY is not set")
        return
    from langchain_core.tracers.context import register_configure_hook

    register_configure_hook(_Lazily(), inheritable=True, handle_class=_LangfuseHandler)
