"""Python runs this at its start because the folder is on PYTHONPATH.

It makes the agent's metrics ready for when, and only if, the application loads LangChain: until
then nothing is imported. Whatever fails here leaves the workload as it would be without this file.

Another sitecustomize further down the path, such as ddtrace's bootstrap, runs first: tracers want
to see every import.
"""

import os
import sys

#: LangChain loads it before its first run, and no sooner.
WAITS_FOR = "langchain_core.tracers.context"

HERE = os.path.dirname(os.path.abspath(__file__))


class _WhenLoaded:
    """A finder that finds nothing itself: it lets a function run after one module was loaded."""

    def __init__(self, name, then):
        self.name = name
        self.then = then
        self.asking = False

    def find_spec(self, name, path=None, target=None):
        if name != self.name or self.asking:
            return None
        # Another finder of this kind may ask all of them in its turn.
        self.asking = True
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec = None if finder is self or find is None else find(name, path, target)
                if spec is not None:
                    self._run_after(spec.loader)
                    return spec
            return None
        finally:
            self.asking = False

    def _run_after(self, loader):
        load, then, finder = loader.exec_module, self.then, self

        def exec_module(module):
            load(module)
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            then()

        try:
            loader.exec_module = exec_module
        except AttributeError as error:  # A loader that can't be changed: no metrics.
            _tell(error)


def _is_on(name, default):
    return os.environ.get(name, default).strip().lower() in ("true", "1", "yes", "on")


def _start():
    try:
        import dd_observe_agent_metrics

        dd_observe_agent_metrics.install()
    except Exception as error:
        _tell(error)


def _tell(error):
    """The workload's stderr is its own, so that a failure is told only where somebody looks for one."""
    if _is_on("DD_OBSERVE_DEBUG", "false"):
        text = "%s: %s" % (type(error).__name__, error)
        print("dd-observe: no agent metrics from this process: " + text, file=sys.stderr)


def _is_here(entry):
    return os.path.abspath(entry or ".") == HERE


def _run_next():
    """Runs the sitecustomize that Python would have run without this one. What that raises is Python's to report."""
    from importlib.machinery import PathFinder

    at = next((number for number, entry in enumerate(sys.path) if _is_here(entry)), 0)
    # What comes before this folder has had its turn.
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path[at:] if not _is_here(entry)])
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    own, module = sys.modules.get("sitecustomize"), module_from_spec(spec)
    # One that looks for the next by itself, as ddtrace's does, must not find this one again.
    sys.path[:] = [entry for entry in sys.path if not _is_here(entry)]
    sys.modules["sitecustomize"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if own is not None:
            sys.modules["sitecustomize"] = own
        raise
    finally:
        sys.path.insert(at, HERE)


def _wait_for_langchain():
    if not (_is_on("DD_OBSERVE_AGENT_METRICS", "true") or _is_on("DD_OBSERVE_LANGFUSE", "false")):
        return
    if WAITS_FOR in sys.modules:
        _start()
    else:
        sys.meta_path.insert(0, _WhenLoaded(WAITS_FOR, _start))


try:
    _run_next()
finally:
    try:
        _wait_for_langchain()
    except Exception as error:
        _tell(error)
