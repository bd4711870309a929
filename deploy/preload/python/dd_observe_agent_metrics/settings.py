"""What the environment says. The one place that reads it."""

import json
import os
from urllib.parse import urlsplit

#: A Datadog Agent listens there unless told otherwise.
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8125


def is_on(name, default="false"):
    return os.environ.get(name, default).strip().lower() in ("true", "1", "yes", "on")


def agent():
    """The tag `agent`: who the metrics are of."""
    return os.environ.get("DD_OBSERVE_AGENT") or os.environ.get("DD_SERVICE") or "unknown"


#: Values of `instance` for one allocation.
INSTANCES = 64


def instance():
    """The tag `instance` of gauges: without it, those of several processes of one machine would overwrite one another.

    Of few values, whatever is started how often: workers that begin together have numbers of their own.
    """
    number = os.getpid() * 7 % INSTANCES
    allocation = os.environ.get("NOMAD_ALLOC_INDEX")
    return "%s.%d" % (allocation, number) if allocation else str(number)


def task_type():
    """The tag `task_type`, or None where the name of each run is to say it."""
    return os.environ.get("DD_OBSERVE_TASK_TYPE") or None


def unified_tags():
    """Tags of every metric, as (key, value): env, service and version, then DD_TAGS, which has commas or spaces between."""
    tags = {}
    for key in ("env", "service", "version"):
        value = os.environ.get("DD_" + key.upper())
        if value:
            tags[key] = value
    for part in os.environ.get("DD_TAGS", "").replace(",", " ").split():
        key, colon, value = part.partition(":")
        if colon and key and value:
            tags.setdefault(key, value)
    return list(tags.items())


def prices():
    """Prices that the wish overrides: model to {input, output}, dollars per million tokens. Raises ValueError."""
    text = os.environ.get("DD_OBSERVE_PRICES", "").strip()
    if not text:
        return {}
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError("DD_OBSERVE_PRICES is no object of models")
    return table


def destination():
    """Where metrics go: ("udp", host, port) or ("unix", path).

    DD_DOGSTATSD_URL (udp://host:port, unix:///path, unixgram:///path) beats DD_AGENT_HOST with
    DD_DOGSTATSD_PORT. Raises ValueError for another form.
    """
    url = os.environ.get("DD_DOGSTATSD_URL", "").strip()
    if not url:
        host = os.environ.get("DD_AGENT_HOST") or os.environ.get("DD_DOGSTATSD_HOST") or DEFAULT_HOST
        return ("udp", host, int(os.environ.get("DD_DOGSTATSD_PORT") or DEFAULT_PORT))
    parts = urlsplit(url)
    if parts.scheme in ("unix", "unixgram") and parts.path:
        return ("unix", parts.path)
    if parts.scheme == "udp" and parts.hostname:
        return ("udp", parts.hostname, parts.port or DEFAULT_PORT)
    raise ValueError("DD_DOGSTATSD_URL has neither the form udp://HOST:PORT nor unix:///PATH")
