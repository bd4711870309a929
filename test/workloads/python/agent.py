"""A small agent of LangGraph. Nothing in it knows of Datadog or dd-observe.

With OPENAI_API_KEY it asks OpenAI (pip install langchain-openai); without, a model that answers from memory, so that
it runs anywhere. One question for each argument.
"""

import os
import sys

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


@tool
def order_status(order: str) -> str:
    """Where an order is."""
    if not order.isdigit():
        raise ValueError("an order's number has digits only")
    return "Order %s was sent yesterday." % order


class FromMemory(BaseChatModel):
    """Asks the tool once, then repeats what it said."""

    model_name: str = "gpt-4o-mini"

    @property
    def _llm_type(self):
        return "from-memory"

    def _get_ls_params(self, stop=None, **kwargs):
        return {"ls_provider": "openai", "ls_model_name": self.model_name, "ls_model_type": "chat"}

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        last = messages[-1]
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        if last.type == "tool":
            answer = AIMessage(last.content, usage_metadata=usage)
        else:
            call = {"name": "order_status", "args": {"order": last.content.split()[-1]}, "id": "1"}
            answer = AIMessage("", tool_calls=[call], usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=answer)])


def make_model():
    if not os.environ.get("OPENAI_API_KEY"):
        return FromMemory()
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o-mini")


def make_agent():
    model = make_model().bind_tools([order_status])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([order_status], handle_tool_errors=True))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "model")
    return graph.compile(name="support")


if __name__ == "__main__":
    agent = make_agent()
    for question in sys.argv[1:] or ["Where is order 42"]:
        print(agent.invoke({"messages": [("user", question)]})["messages"][-1].content)
