// Applications of LangGraph of many shapes, each by its name. Like app.mjs, they know nothing of who watches them.
//   node shapes.mjs parallel|nested|retries|handled|unhandled|exit|late|signal|worker|child|own-langfuse|own-otel|tagged
import { fork } from "node:child_process";
import { once } from "node:events";
import { isMainThread, Worker } from "node:worker_threads";

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

import { ScriptedModel } from "./model.mjs";

const question = { messages: [new HumanMessage("Where is my order?")] };

/** A graph that asks the model, calls its tool, and asks again: 3 steps, 2 calls of the model, 1 of the tool. */
function agent(answer = async () => "order 42: sent on Monday", name = "LangGraph", node = {}) {
  const search = tool(answer, {
    name: "search",
    description: "Finds an order.",
    schema: z.object({ query: z.string() }),
  });
  const model = new ScriptedModel().bindTools([search]);
  return new StateGraph(MessagesAnnotation)
    .addNode("agent", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
    .addNode("tools", new ToolNode([search]), node)
    .addEdge(START, "agent")
    .addConditionalEdges("agent", ({ messages }) => (messages.at(-1).tool_calls?.length > 0 ? "tools" : END))
    .addEdge("tools", "agent")
    .compile({ name });
}

/** A graph of one node. */
function single(name, work, options = {}) {
  return new StateGraph(MessagesAnnotation)
    .addNode("work", work, options)
    .addEdge(START, "work")
    .addEdge("work", END)
    .compile({ name });
}

async function ask(graph) {
  const { messages } = await graph.invoke(question);
  return messages.at(-1).text;
}

const shapes = {
  /** Five runs at once of one graph. */
  async parallel() {
    const graph = agent();
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(graph)));
    console.log(answers.length);
  },
  /** A graph that is a node of another, and one that a node calls. */
  async nested() {
    const outer = new StateGraph(MessagesAnnotation)
      .addNode("inner", agent(undefined, "inner"))
      .addNode("calls", async () => ({
        messages: [(await agent(undefined, "called").invoke(question)).messages.at(-1)],
      }))
      .addEdge(START, "inner")
      .addEdge("inner", "calls")
      .addEdge("calls", END)
      .compile({ name: "outer" });
    console.log(await ask(outer));
  },
  /** A node that fails once and is run again, then a call that LangChain itself tries again. */
  async retries() {
    let nodeRuns = 0;
    let calls = 0;
    const model = new ScriptedModel({ failures: 1 }).withRetry({ stopAfterAttempt: 3 });
    const graph = single(
      "retrying",
      async ({ messages }) => {
        if (nodeRuns++ === 0) throw new TypeError("not yet");
        calls++;
        return { messages: [await model.invoke([...messages, await agentsTool()])] };
      },
      { retryPolicy: { maxAttempts: 3, initialInterval: 1, retryOn: () => true } },
    );
    console.log(await ask(graph), nodeRuns, calls);
  },
  /** A tool whose failure the graph tells the model. */
  async handled() {
    console.log(
      await ask(
        agent(async () => {
          throw new RangeError("no such order");
        }),
      ),
    );
  },
  /** An error that nobody catches. */
  async unhandled() {
    await ask(single("failing", () => Promise.reject(new TypeError("the shop burns"))));
  },
  /** Ends in the very turn in which the answer is there. */
  async exit() {
    console.log(await ask(agent()));
    process.exit(7);
  },
  /** Ends while a run is still at work. */
  async late() {
    void ask(single("endless", () => new Promise(() => undefined)));
    setTimeout(() => process.exit(3), 50);
  },
  /** Works until it is told to stop, which `--handles` takes notice of. */
  async signal() {
    if (process.argv.includes("--handles")) process.on("SIGTERM", () => process.exit(0));
    console.log(await ask(agent()));
    setInterval(() => undefined, 1_000);
  },
  /** One run here, and one in a thread. */
  async worker() {
    console.log(await ask(agent()));
    if (!isMainThread) return;
    await once(new Worker(new URL(import.meta.url), { argv: ["worker"] }), "exit");
  },
  /** One run here, and one in another process. */
  async child() {
    console.log(await ask(agent()));
    if (process.argv.includes("--inner")) return;
    await once(fork(new URL(import.meta.url), ["child", "--inner"]), "exit");
  },
  /** One run that the application traces to Langfuse by itself, and a second one in which only a call of the model is. */
  async "own-langfuse"() {
    const { CallbackHandler } = await import("@langfuse/langchain");
    const callbacks = [new CallbackHandler()];
    await agent(undefined, "all").invoke(question, { callbacks });
    const model = new ScriptedModel();
    await single("part", async ({ messages }) => ({
      messages: [await model.invoke(messages, { callbacks })],
    })).invoke(question);
  },
  /** The application's own OpenTelemetry, which keeps its spans to itself. */
  async "own-otel"() {
    const { trace } = await import("@opentelemetry/api");
    const { NodeSDK } = await import("@opentelemetry/sdk-node");
    const { InMemorySpanExporter, SimpleSpanProcessor } = await import("@opentelemetry/sdk-trace-base");
    const kept = new InMemorySpanExporter();
    new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(kept)], autoDetectResources: false }).start();
    await trace.getTracer("shop").startActiveSpan("order", async (span) => {
      await ask(agent());
      span.end();
    });
    console.log(
      kept
        .getFinishedSpans()
        .map(({ name }) => name)
        .join(),
    );
  },
  /** A run with what Langfuse knows a session by. */
  async tagged() {
    await agent().invoke(question, { tags: ["vip"], metadata: { langfuseSessionId: "session-1" } });
  },
};

/** What a tool would have said, so that the model answers at once. */
async function agentsTool() {
  const { ToolMessage } = await import("@langchain/core/messages");
  return new ToolMessage({ content: "sent", tool_call_id: "call_1" });
}

await shapes[process.argv[2]]();
