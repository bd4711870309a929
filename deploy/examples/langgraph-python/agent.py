"""A support agent that answers by HTTP: POST /ask with the question as plain text. It knows nothing of who watches it."""

import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from model import open_model


@tool
def order_status(order: str) -> str:
    """Where an order is."""
    return "Order %s was sent on Monday." % order


@tool
def refund(order: str) -> str:
    """Gives the money for an order back."""
    if len(order) > 4:
        raise ValueError("there is no order %s" % order)
    return "The money for order %s is on its way back." % order


TOOLS = [order_status, refund]


def make_agent():
    model = open_model().bind_tools(TOOLS)
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(TOOLS, handle_tool_errors=True))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "model")
    return graph.compile(name="support")


AGENT = make_agent()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say(*((200, "ok") if self.path == "/healthz" else (404, "POST a question to /ask")))

    def do_POST(self):
        question = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if self.path != "/ask":
            return self.say(404, "POST a question to /ask")
        try:
            messages = AGENT.invoke({"messages": [HumanMessage(question)]})["messages"]
            self.say(200, messages[-1].text)
        except Exception as error:
            self.say(500, repr(error))

    def say(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def stop(*_):
    raise SystemExit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Handler)
    signal.signal(signal.SIGTERM, stop)
    print("answers at http://127.0.0.1:%d/ask" % server.server_port, flush=True)
    server.serve_forever()
