// An agent of LangGraph in CommonJS.
const { BaseChatModel } = require("@langchain/core/language_models/chat_models");
const { AIMessage, HumanMessage } = require("@langchain/core/messages");
const { END, MessagesAnnotation, START, StateGraph } = require("@langchain/langgraph");

class Model extends BaseChatModel {
  constructor() {
    super({});
  }
  _llmType() {
    return "scripted";
  }
  getLsParams() {
    return { ls_provider: "openai", ls_model_name: "gpt-4.1-mini", ls_model_type: "chat" };
  }
  async _generate() {
    const usage_metadata = { input_tokens: 120, output_tokens: 30, total_tokens: 150 };
    const message = new AIMessage({ content: "The order is on its way.", usage_metadata });
    return { generations: [{ text: message.text, message }] };
  }
}

const model = new Model();
const graph = new StateGraph(MessagesAnnotation)
  .addNode("agent", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addEdge(START, "agent")
  .addEdge("agent", END)
  .compile();

void graph
  .invoke({ messages: [new HumanMessage("Where is my order?")] })
  .then(({ messages }) => console.log(messages.at(-1).text));
