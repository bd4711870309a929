// An agent of LangGraph as people write it. It knows nothing of traces, metrics and whoever watches it.
//   node app.mjs [--runs N] [--stream] [--fail model|tool]
// SHOP_URL is where the orders are; without it one is made up.
import { parseArgs } from "node:util";

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

import { ScriptedModel } from "./model.mjs";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1" },
    stream: { type: "boolean", default: false },
    fail: { type: "string", default: "" },
  },
});

const search = tool(
  async () => {
    if (values.fail === "tool") throw new Error("the shop does not answer");
    const shop = process.env.SHOP_URL;
    if (shop !== undefined) return await (await fetch(`${shop}/orders/42`)).text();
    return "order 42: sent on Monday";
  },
  { name: "search", description: "Finds an order.", schema: z.object({ query: z.string() }) },
);

const tools = [search];
const model = new ScriptedModel({ fails: values.fail === "model" }).bindTools(tools);

const graph = new StateGraph(MessagesAnnotation)
  .addNode("agent", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addNode("tools", new ToolNode(tools))
  .addEdge(START, "agent")
  .addConditionalEdges("agent", ({ messages }) => (messages.at(-1).tool_calls?.length > 0 ? "tools" : END))
  .addEdge("tools", "agent")
  .compile();

const question = { messages: [new HumanMessage("Where is my order?")] };
for (let run = 0; run < Number(values.runs); run++) {
  try {
    if (values.stream) {
      for await (const _event of graph.streamEvents(question, { version: "v2" }));
      console.log("streamed");
    } else {
      const { messages } = await graph.invoke(question);
      console.log(messages.at(-1).text);
    }
  } catch (error) {
    console.log(`failed: ${error.message}`);
  }
}
