// A support agent that answers by HTTP: POST /ask with the question as plain text. It knows nothing of who watches it.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

import { openModel } from "./model.ts";

const order = z.object({ order: z.string().describe("The order's number.") });

const orderStatus = tool(async ({ order: number }) => `Order ${number} was sent on Monday.`, {
  name: "order_status",
  description: "Where an order is.",
  schema: order,
});

const refund = tool(
  async ({ order: number }) => {
    if (number.length > 4) throw new Error(`there is no order ${number}`);
    return `The money for order ${number} is on its way back.`;
  },
  { name: "refund", description: "Gives the money for an order back.", schema: order },
);

const tools = [orderStatus, refund];
const model = openModel().bindTools!(tools);

const agent = new StateGraph(MessagesAnnotation)
  .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addNode("tools", new ToolNode(tools))
  .addEdge(START, "model")
  .addConditionalEdges("model", ({ messages }) => (hasCalls(messages.at(-1)) ? "tools" : END))
  .addEdge("tools", "model")
  .compile({ name: "support" });

function hasCalls(message: unknown): boolean {
  const { tool_calls: calls } = message as { readonly tool_calls?: readonly unknown[] };
  return calls !== undefined && calls.length > 0;
}

async function answer(request: IncomingMessage): Promise<readonly [status: number, text: string]> {
  if (request.url === "/healthz") return [200, "ok\n"];
  if (request.url !== "/ask" || request.method !== "POST") return [404, "POST a question to /ask\n"];
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const question = new HumanMessage(Buffer.concat(chunks).toString("utf8"));
  const { messages } = await agent.invoke({ messages: [question] });
  return [200, `${messages.at(-1)?.text}\n`];
}

const server = createServer((request, response) => {
  void answer(request)
    .catch((error: unknown) => [500, `${String(error)}\n`] as const)
    .then(([status, text]) => response.writeHead(status, { "content-type": "text/plain" }).end(text));
});

const port = Number(process.env["PORT"] ?? 8080);
server.listen(port, process.env["HOST"] ?? "127.0.0.1");
await once(server, "listening");
const address = server.address();
console.log(`answers at http://127.0.0.1:${typeof address === "object" ? address?.port : port}/ask`);

process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
