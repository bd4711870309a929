"""How long calls take, whoever watches them. Prints one line of JSON.

    python bench.py calls COUNT     microseconds of CPU for a call of the model, of the tool, and a run of the graph
        --followed                  the same with a handler that does nothing: what LangChain's callbacks cost
    python bench.py memory COUNT    MiB at most after a tenth of so many calls of the model, and after all
    python bench.py traffic COUNT   so many calls of the model and of the tool, and nothing is printed
"""

import json
import resource
import sys
import time

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

from agent import FromMemory, make_agent, order_status

model, graph = FromMemory(), make_agent()
messages = [HumanMessage("Where is order 42")]
config = {"callbacks": [BaseCallbackHandler()]} if "--followed" in sys.argv else None


def call_model():
    model.invoke(messages, config)


def call_tool():
    order_status.invoke({"order": "42"}, config)


def call_graph():
    graph.invoke({"messages": messages}, config)


def repeat(call, times):
    for _ in range(times):
        call()


def cpu_of(call, times):
    repeat(call, times // 5)
    before = time.process_time()
    repeat(call, times)
    return (time.process_time() - before) / times * 1e6


def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


part, count = sys.argv[1], int(sys.argv[2])
if part == "calls":
    found = {"model": cpu_of(call_model, count), "tool": cpu_of(call_tool, count), "graph": cpu_of(call_graph, count // 10)}
    print(json.dumps(found))
elif part == "memory":
    repeat(call_model, count // 10)
    early = rss()
    repeat(call_model, count - count // 10)
    print(json.dumps({"early": {"rss": early}, "late": {"rss": rss()}}))
else:
    for _ in range(count):
        call_model()
        call_tool()
