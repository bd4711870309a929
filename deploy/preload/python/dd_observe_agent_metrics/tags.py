"""Tags whose values are bounded, so that no application makes a metric of many series by mistake."""

import re

#: How many values each tag may have in one process, by the contract of packs/ai-agent/metrics.yaml.
LIMITS = {
    "agent": 50,
    "action": 20,
    "decision": 3,
    "error_type": 10,
    "evaluator": 10,
    "gate": 15,
    "instance": 64,
    "model": 20,
    "outcome": 4,
    "provider": 8,
    "reason": 10,
    "severity": 4,
    "task_type": 30,
    "tool": 50,
}
#: Of one metric only.
SPECIAL = {("ai.agent.task.retries", "reason"): 8}
DEFAULT_LIMIT = 10
#: Longer values are cut.
MAX_CHARS = 100

_FORBIDDEN = re.compile(r"[^a-z0-9_.\-/]+")
#: DogStatsD's own marks, and what ends a line.
_BREAKS = re.compile(r"[,|#\s]+")


def normalised(value):
    """Lower case letters, digits and _ . - / only; at most 100 characters; `unknown` where nothing is left."""
    text = _FORBIDDEN.sub("_", str(value).strip().lower())[:MAX_CHARS].strip("_")
    return text or "unknown"


def unified(pairs):
    """The text of the tags that all metrics have. Their values are the operator's, and stay as they are."""
    return ["%s:%s" % (_BREAKS.sub("_", key), _BREAKS.sub("_", value)) for key, value in pairs]


class Bounds:
    """Remembers the first values of each tag; later ones become `other`."""

    def __init__(self):
        self._seen = {}
        self._texts = {}

    def text(self, metric, key, value):
        """`key:value` as it is sent."""
        kind = (metric, key) if (metric, key) in SPECIAL else key
        known = self._texts.get((kind, value))
        if known is not None:
            return known
        wanted = normalised(value)
        seen = self._seen.setdefault(kind, set())
        if wanted not in seen:
            if len(seen) >= (SPECIAL.get(kind) or LIMITS.get(key, DEFAULT_LIMIT)):
                return key + ":other"
            seen.add(wanted)
        text = "%s:%s" % (key, wanted)
        # Several raw values may have one normal form; a bound here too.
        if len(self._texts) < 2000:
            self._texts[(kind, value)] = text
        return text
