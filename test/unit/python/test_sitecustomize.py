"""Starts Python with the folder on its path, as a job does, and compares with a start without it."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

from receiver import PRELOAD, Receiver, of

#: As much of LangChain as the hook touches.
LANGCHAIN = {
    "langchain_core/__init__.py": "",
    "langchain_core/callbacks/__init__.py": "",
    "langchain_core/callbacks/base.py": "class BaseCallbackHandler:\n    pass\n",
    "langchain_core/tracers/__init__.py": "",
    "langchain_core/tracers/context.py": """
        hooks = []
        def register_configure_hook(variable, inheritable, handle_class=None, env_var=None):
            hooks.append(variable)
    """,
}
RUN = """
    from langchain_core.tracers.context import hooks
    handler = hooks[0].get()
    handler.on_chain_start({}, {}, run_id=1, name="graph")
    handler.on_chain_end({}, run_id=1)
    print(len(hooks))
"""


class SitecustomizeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def put(self, files, folder=""):
        for name, text in files.items():
            path = os.path.join(self.folder, folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text))
        return os.path.join(self.folder, folder).rstrip(os.sep)

    def run_python(self, code, *path, **env):
        path = os.pathsep.join(path)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "PYTHON"))}
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**kept, **env, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=60,
        )

    def assert_same(self, code, *path, preload=PRELOAD, **env):
        """Exit code and output with the preload are those without it."""
        without = self.run_python(code, *path, **env)
        result = self.run_python(code, preload, *path, **env)
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (without.returncode, without.stdout, without.stderr))
        return result

    def test_an_application_without_langchain_pays_nothing(self):
        result = self.run_python("import sys; print('dd_observe_agent_metrics' in sys.modules)", PRELOAD)

        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "False\n", ""))

    def test_langchain_is_followed_once_it_is_loaded_and_a_flush_comes_at_the_end(self):
        path = self.put(LANGCHAIN)
        with Receiver() as receiver:
            result = self.run_python(RUN, PRELOAD, path, DD_DOGSTATSD_URL=receiver.url, DD_SERVICE="support")

            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "1\n", ""))
            self.assertEqual(of(receiver.lines(), "ai.agent.tasks.completed"), [1])
            self.assertEqual(of(receiver.lines(), "ai.agent.tasks.active"), [0])
            self.assertIn("agent:support", receiver.lines()[0].tags)

    def test_switched_off_nothing_is_imported_nor_sent(self):
        path = self.put(LANGCHAIN)
        code = "import langchain_core.tracers.context as c, sys; print(c.hooks, 'dd_observe_agent_metrics' in sys.modules)"

        result = self.run_python(code, PRELOAD, path, DD_OBSERVE_AGENT_METRICS="false")

        self.assertEqual((result.returncode, result.stdout), (0, "[] False\n"))

    def test_the_next_sitecustomize_runs_as_it_would_and_the_path_is_kept(self):
        other = self.put({"sitecustomize.py": "print('other', __name__, __file__)"})

        result = self.assert_same("import sitecustomize; print(sitecustomize.__file__)", other)

        self.assertIn("other sitecustomize", result.stdout)
        paths = self.run_python("import sys; print(sys.path)", PRELOAD, other).stdout
        self.assertIn(repr(PRELOAD) + ", " + repr(other), paths)

    def test_one_that_looks_for_the_next_by_itself_finds_the_one_after(self):
        seeker = """
            import os, sys
            here = os.path.dirname(__file__)
            print('seeker')
            sys.path.remove(here)
            sys.modules.pop('sitecustomize', None)
            import sitecustomize
            sys.path.insert(0, here)
        """
        first = self.put({"sitecustomize.py": seeker}, "first")
        last = self.put({"sitecustomize.py": "print('last')"}, "last")

        for path in [(PRELOAD, first, last), (first, PRELOAD, last), (first, last, PRELOAD)]:
            result = self.run_python("", *path)
            self.assertEqual((result.returncode, result.stdout), (0, "seeker\nlast\n"), (path, result.stderr))

    def test_what_the_next_one_raises_is_told_as_without_and_metrics_are_there_all_the_same(self):
        path = self.put({**LANGCHAIN, "sitecustomize.py": "raise RuntimeError('theirs')"})

        result = self.assert_same("print(1)", path)

        self.assertIn("RuntimeError: theirs", result.stderr)
        with Receiver() as receiver:
            self.run_python(RUN, PRELOAD, path, DD_DOGSTATSD_URL=receiver.url)
            self.assertEqual(of(receiver.lines(), "ai.agent.tasks.completed"), [1])

    def test_a_folder_that_is_not_there_or_empty_changes_nothing(self):
        path = self.put(LANGCHAIN)
        code = "import langchain_core.tracers.context; print(1)"

        self.assert_same(code, path, preload="/nonexistent/python")
        self.assert_same(code, path, preload=self.put({"x": ""}, "empty"))

    def test_a_preload_whose_package_is_missing_or_broken_changes_nothing(self):
        with open(os.path.join(PRELOAD, "sitecustomize.py"), encoding="utf-8") as file:
            own = file.read()
        langchain = self.put(LANGCHAIN)
        code = "import langchain_core.tracers.context as c; print(c.hooks)"

        missing = self.put({"sitecustomize.py": own}, "missing")
        broken = self.put({"sitecustomize.py": own, "dd_observe_agent_metrics/__init__.py": "1/0"}, "broken")
        wrong = self.put({"sitecustomize.py": own, "dd_observe_agent_metrics/__init__.py": "def"}, "wrong")

        for preload in (missing, broken, wrong):
            self.assertEqual(self.assert_same(code, langchain, preload=preload).stdout, "[]\n")
        told = self.run_python(code, broken, langchain, DD_OBSERVE_DEBUG="true")
        self.assertIn("no agent metrics from this process: ZeroDivisionError", told.stderr)
        self.assertEqual(told.returncode, 0)

    def test_settings_that_cannot_be_read_change_nothing(self):
        path = self.put(LANGCHAIN)
        code = "import langchain_core.tracers.context; print(1)"

        self.assert_same(code, path, DD_DOGSTATSD_URL="http://nowhere")
        self.assert_same(code, path, DD_DOGSTATSD_PORT="x")
        self.assert_same(code, path, DD_OBSERVE_PRICES="{")

    def test_an_agent_that_is_down_changes_nothing(self):
        path = self.put(LANGCHAIN)

        for url in ("udp://127.0.0.1:1", "unix:///nonexistent.socket", "udp://__NODE_IP__:8125"):
            result = self.run_python(RUN, PRELOAD, path, DD_DOGSTATSD_URL=url)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "1\n", ""))

    def test_an_error_of_the_application_stays_its_own(self):
        path = self.put({**LANGCHAIN, "langchain_core/tracers/context.py": "raise ImportError('theirs')"})

        result = self.run_python("import langchain_core.tracers.context", PRELOAD, path)

        self.assertEqual((result.returncode, result.stderr.splitlines()[-1]), (1, "ImportError: theirs"))


if __name__ == "__main__":
    unittest.main()
