// How long calls take, whoever watches them. Prints one line of JSON.
//   node --expose-gc bench.mjs calls COUNT    µs of CPU for a call of the model, of the tool, and a run of the graph
//     --followed                             the same with a handler that does nothing: what LangChain's callbacks cost
//   node --expose-gc bench.mjs memory COUNT   MiB after a tenth of so many calls of the model, and after all
//   node bench.mjs traffic COUNT              so many calls of the model and of the tool, and nothing is printed
import { setImmediate } from "node:timers/promises";

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

import { ScriptedModel } from "./model.mjs";

const [part, number] = process.argv.slice(2);
const count = Number(number);

const search = tool(async () => "order 42: sent on Monday", {
  name: "search",
  description: "Finds an order.",
  schema: z.object({ query: z.string() }),
});
const model = new ScriptedModel().bindTools([search]);
const messages = [new HumanMessage("Where is my order?")];
const graph = new StateGraph(MessagesAnnotation)
  .addNode("agent", async (state) => ({ messages: [await model.invoke(state.messages)] }))
  .addNode("tools", new ToolNode([search]))
  .addEdge(START, "agent")
  .addConditionalEdges("agent", (state) => (state.messages.at(-1).tool_calls?.length > 0 ? "tools" : END))
  .addEdge("tools", "agent")
  .compile();

const nothing = () => undefined;
const handler = {
  awaitHandlers: true,
  handleChainStart: nothing,
  handleChainEnd: nothing,
  handleChatModelStart: nothing,
  handleLLMEnd: nothing,
  handleToolStart: nothing,
  handleToolEnd: nothing,
};
const config = process.argv.includes("--followed") ? { callbacks: [handler] } : undefined;

const calls = {
  model: () => model.invoke(messages, config),
  tool: () => search.invoke({ query: "order 42" }, config),
  graph: () => graph.invoke({ messages }, config),
};

/** Timers have their turn now and then, as in an application that waits for its model. */
async function repeat(call, times) {
  for (let at = 0; at < times; at++) {
    await call();
    if (at % 50 === 0) await setImmediate();
  }
}

async function cpuOf(call, times) {
  await repeat(call, Math.ceil(times / 5));
  globalThis.gc();
  const before = process.cpuUsage();
  await repeat(call, times);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function memory() {
  globalThis.gc();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 };
}

if (part === "calls") {
  const found = {};
  for (const [name, call] of Object.entries(calls))
    found[name] = await cpuOf(call, name === "graph" ? Math.ceil(count / 10) : count);
  console.log(JSON.stringify(found));
} else if (part === "memory") {
  await repeat(calls.model, count / 10);
  const early = memory();
  await repeat(calls.model, count - count / 10);
  console.log(JSON.stringify({ early, late: memory() }));
} else {
  for (let at = 0; at < count; at++) {
    await calls.model();
    await calls.tool();
  }
}
