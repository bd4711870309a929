"""The functions that an application calls, in a process of its own."""

import os
import subprocess
import sys
import textwrap
import unittest

from receiver import PRELOAD, Receiver


class ApiTest(unittest.TestCase):
    def run_with(self, code, url, **env):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "PYTHON"))}
        env = {**kept, **env, "DD_DOGSTATSD_URL": url, "DD_OBSERVE_AGENT": "triage", "PYTHONPATH": PRELOAD}
        code = "import dd_observe_agent_metrics as m\n" + textwrap.dedent(code)
        return subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=60)

    def test_each_function_sends_its_metric_of_the_contract(self):
        with Receiver() as receiver:
            result = self.run_with("""
                import time
                m.output_evaluated(evaluator="judge")
                m.hallucination(severity="high", evaluator="judge")
                m.modification_proposed()
                m.modification_rejected(reason="style")
                m.safety_gate_checked("pii")
                m.safety_gate_triggered("pii", severity="critical")
                m.tool_cost("search", 0.005)
                m.approval_requested("q1", action="Deploy Now")
                m.approval_requested("q2", action="deploy now")
                time.sleep(0.05)
                m.approval_decided("q1", "approved")
                m.approval_decided("never asked", "approved")
            """, receiver.url)

            self.assertEqual((result.returncode, result.stderr), (0, ""))
            sent = {line.name: line for line in receiver.lines()}
            tags = {name: (line.kind, line.values if line.kind != "d" else None, line.tags) for name, line in sent.items()}
            wait = sent["ai.agent.approvals.wait"].values
            # Of gauges only: what tells this process from others on the machine.
            instance = tags["ai.agent.approvals.pending"][2][-1]
            self.assertRegex(instance, r"^instance:[1-6]?\d$")
            self.assertEqual(tags, {
                "ai.agent.outputs.evaluated": ("c", [1], ["evaluator:judge", "agent:triage"]),
                "ai.agent.hallucinations": ("c", [1], ["severity:high", "evaluator:judge", "agent:triage"]),
                "ai.agent.modifications.proposed": ("c", [1], ["agent:triage"]),
                "ai.agent.modifications.rejected": ("c", [1], ["reason:style", "agent:triage"]),
                "ai.agent.safety_gate.checks": ("c", [1], ["gate:pii", "agent:triage"]),
                "ai.agent.safety_gate.triggered": ("c", [1], ["gate:pii", "severity:critical", "agent:triage"]),
                "ai.agent.tool.cost": ("d", None, ["tool:search", "agent:triage"]),
                "ai.agent.approvals.requested": ("c", [2], ["action:deploy_now", "agent:triage"]),
                "ai.agent.approvals.wait": ("d", None, ["decision:approved", "agent:triage"]),
                "ai.agent.approvals.pending": ("g", [1], ["agent:triage", instance]),
                "ai.agent.approvals.oldest_age": ("g", sent["ai.agent.approvals.oldest_age"].values, ["agent:triage", instance]),
            })
            self.assertEqual(len(wait), 1)
            self.assertTrue(0.05 <= wait[0] < 10)
            self.assertTrue(0.05 <= sent["ai.agent.approvals.oldest_age"].values[0] < 10)

    def test_a_task_without_langchain_is_counted_by_what_it_ends_with(self):
        with Receiver() as receiver:
            result = self.run_with("""
                import asyncio
                with m.task("triage"):
                    pass
                for error in (ValueError(), TimeoutError(), asyncio.CancelledError(), KeyboardInterrupt()):
                    try:
                        with m.task("triage"):
                            raise error
                    except BaseException as caught:
                        assert caught is error
            """, receiver.url)

            self.assertEqual((result.returncode, result.stderr), (0, ""))
            ended = {}
            for line in receiver.lines():
                if line.name == "ai.agent.tasks.completed":
                    ended[line.tags[1]] = sum(line.values)
            self.assertEqual(
                ended, {"outcome:success": 1, "outcome:failure": 1, "outcome:timeout": 1, "outcome:cancelled": 2}
            )

    def test_nothing_is_sent_where_it_is_switched_off_and_nothing_raised_where_it_cannot_be(self):
        code = "m.hallucination(); m.approval_requested('q'); m.approval_decided('q', 'x'); m.flush()\nwith m.task(): pass"
        with Receiver() as receiver:
            result = self.run_with(code, receiver.url, DD_OBSERVE_AGENT_METRICS="false")
            self.assertEqual((result.returncode, result.stderr, receiver.lines()), (0, "", []))

        result = self.run_with(code, "nonsense")
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
