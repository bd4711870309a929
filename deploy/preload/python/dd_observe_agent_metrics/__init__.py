"""Metrics of an AI agent, `ai.agent.*`, sent by DogStatsD to the local Datadog Agent.

With this package's parent folder on PYTHONPATH, applications of LangChain and LangGraph send them
without a change. What only the application knows it tells by the functions below. Each returns at
once, raises nothing, and does no harm where no Agent listens:

    import dd_observe_agent_metrics as agent_metrics

    agent_metrics.output_evaluated(evaluator="judge")
    agent_metrics.hallucination(severity="high", evaluator="judge")
    with agent_metrics.task("triage"):
        ...

Values of tags are of few kinds: never a session, a user, or the text of an error. Names, types and
limits are those of packs/ai-agent/metrics.yaml.
"""

from ._api import (
    approval_decided,
    approval_requested,
    flush,
    hallucination,
    install,
    modification_proposed,
    modification_rejected,
    output_evaluated,
    safety_gate_checked,
    safety_gate_triggered,
    task,
    tool_cost,
)

__all__ = [
    "approval_decided",
    "approval_requested",
    "flush",
    "hallucination",
    "install",
    "modification_proposed",
    "modification_rejected",
    "output_evaluated",
    "safety_gate_checked",
    "safety_gate_triggered",
    "task",
    "tool_cost",
]
