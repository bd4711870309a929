// @ts-check
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { posting } from "./posting.mjs";
import { debug, langfuse } from "./settings.mjs";

/**
 * Langfuse's tracing without a change to the application: its own handler, part of every run, from the packages that the
 * application has. Its spans have a tracer provider of their own, which no other tracer sees and which sees no other's.
 *
 * @typedef {Record<string, any>} Module
 */

const HANDLERS = "@langfuse/langchain";
const TRACING = "@langfuse/tracing";
const PROCESSOR = "@langfuse/otel";

/** So many spans go together, else what came within a second. */
const MAX_SPANS = 100;
const FLUSH_MS = 1_000;

/** How long a process that ends waits for its last spans. */
const EXIT_MS = 2_000;

/** OpenTelemetry's registry of what is global in a process. */
const OTEL = Symbol.for("opentelemetry.js.api.1");

/**
 * @param {boolean} isModule Whether the application's LangChain is ESM: Langfuse's must be of the same copy.
 * @returns {import("./langchain.mjs").Handler | undefined} Undefined where keys or packages are missing.
 */
export function langfuseHandler(isModule) {
  const settings = langfuse();
  if (settings === undefined) {
    debug("no traces to Langfuse", "LANGFUSE_PUBLIC_KEY or LANGFUSE_SECRET_KEY is not set");
    return undefined;
  }
  try {
    const handlers = applications(HANDLERS, isModule);
    startTracing(handlers, settings, isModule);
    return steady(new handlers.exports["CallbackHandler"](), createRequire(handlers.file));
  } catch (error) {
    debug(`no traces to Langfuse: npm install ${HANDLERS} ${PROCESSOR} brings what it needs`, error);
    return undefined;
  }
}

/**
 * Its spans end in place, not in the background: a process that ends would lose the last ones.
 *
 * @param {Module & { name: string }} handler @param {NodeJS.Require} require
 */
function steady(handler, require) {
  handler["awaitHandlers"] = true;
  handler["copy"] = () => handler;
  const { context, ROOT_CONTEXT } = require("@opentelemetry/api");
  const begin = handler["handleChainStart"];
  // Tags, user and session go by OpenTelemetry's context, which is lost where nobody manages it. Only within this call,
  // so that the application's own manager never finds the place taken.
  handler["handleChainStart"] = function handleChainStart(/** @type {unknown[]} */ ...args) {
    if (/** @type {any} */ (globalThis)[OTEL]?.context !== undefined) return begin.apply(this, args);
    context.setGlobalContextManager(/** @type {any} */ (nested(ROOT_CONTEXT)));
    try {
      return begin.apply(this, args);
    } finally {
      context.disable();
    }
  };
  return handler;
}

/** A manager of contexts for what runs in one turn. @param {unknown} root */
function nested(root) {
  const stack = [root];
  return {
    active: () => stack.at(-1),
    with: (
      /** @type {unknown} */ context,
      /** @type {(...args: unknown[]) => unknown} */ call,
      /** @type {unknown} */ self,
      /** @type {unknown[]} */ ...args
    ) => {
      stack.push(context);
      try {
        return call.apply(self, args);
      } finally {
        stack.pop();
      }
    },
    bind: (/** @type {unknown} */ _context, /** @type {unknown} */ target) => target,
    enable: () => undefined,
    disable: () => undefined,
  };
}

/**
 * Gives Langfuse a provider, unless the application did.
 *
 * @param {{ file: string }} handlers @param {import("./settings.mjs").Langfuse} settings @param {boolean} isModule
 */
function startTracing(handlers, settings, isModule) {
  const tracing = load(handlers.file, TRACING, isModule);
  const { trace } = createRequire(tracing.file)("@opentelemetry/api");
  const everyones = trace.getTracerProvider();
  if (tracing.exports["getLangfuseTracerProvider"]() !== everyones || sendsToLangfuse(everyones)) return;
  const processor = applications(PROCESSOR, isModule);
  const fromProcessor = createRequire(processor.file);
  const sdk = fromProcessor("@opentelemetry/sdk-trace-base");
  const provider = new sdk.BasicTracerProvider({
    // By the trace's id alone: what the application's own spans are sampled by is another matter.
    sampler: new sdk.TraceIdRatioBasedSampler(settings.sampleRate),
    ...resource(fromProcessor, settings),
    spanProcessors: [
      new processor.exports["LangfuseSpanProcessor"]({
        exporter: exporter(fromProcessor, settings),
        exportMode: "immediate",
      }),
    ],
  });
  tracing.exports["setLangfuseTracerProvider"](provider);
}

/** The application's own set-up, by what OpenTelemetry's SDK keeps of it. @param {any} everyones */
function sendsToLangfuse(everyones) {
  const provider = everyones?.getDelegate?.() ?? everyones;
  const active = provider?._activeSpanProcessor;
  const processors = [active, ...(active?._spanProcessors ?? [])];
  return processors.some((one) => one?.constructor?.name === "LangfuseSpanProcessor");
}

/** @param {NodeJS.Require} fromProcessor @param {import("./settings.mjs").Langfuse} settings */
function resource(fromProcessor, { attributes }) {
  try {
    const fromSdk = createRequire(fromProcessor.resolve("@opentelemetry/sdk-trace-base"));
    const { defaultResource, resourceFromAttributes } = fromSdk("@opentelemetry/resources");
    return { resource: defaultResource().merge(resourceFromAttributes(attributes)) };
  } catch (error) {
    debug("traces to Langfuse don't name the service", error);
    return {};
  }
}

/** @param {NodeJS.Require} fromProcessor @param {import("./settings.mjs").Langfuse} settings */
function exporter(fromProcessor, { origin, path: base, authorization, publicKey, timeoutMs }) {
  const fromExporter = createRequire(fromProcessor.resolve("@opentelemetry/exporter-trace-otlp-http"));
  const { JsonTraceSerializer } = fromExporter("@opentelemetry/otlp-transformer");
  const { LANGFUSE_SDK_VERSION } = fromProcessor("@langfuse/core");
  const headers = {
    "content-type": "application/json",
    authorization,
    "x-langfuse-sdk-name": "javascript",
    "x-langfuse-sdk-version": String(LANGFUSE_SDK_VERSION),
    "x-langfuse-public-key": publicKey,
  };
  const to = {
    origin,
    path: `${base}/api/public/otel/v1/traces`,
    headers,
    timeoutMs,
    tries: 3,
    maxWaiting: 50,
  };
  const { post, drain } = posting("traces to Langfuse", to, EXIT_MS);
  /** @type {unknown[]} */
  let held = [];
  const flush = () => {
    const spans = held;
    held = [];
    if (spans.length > 0) post(JsonTraceSerializer.serializeRequest(spans));
  };
  setInterval(flush, FLUSH_MS).unref();
  process.on("exit", () => {
    try {
      flush();
      drain();
    } catch (error) {
      debug("the last traces to Langfuse were not sent", error);
    }
  });
  return {
    export: (/** @type {unknown[]} */ spans, /** @type {(result: { code: number }) => void} */ done) => {
      held.push(...spans);
      if (held.length >= MAX_SPANS) flush();
      done({ code: 0 });
    },
    forceFlush: async () => flush(),
    shutdown: async () => flush(),
  };
}

/** A package that the application has: from its own folder, or the working directory. @param {string} name @param {boolean} isModule */
function applications(name, isModule) {
  const main = process.argv[1];
  const places = [...(main === undefined ? [] : [main]), path.join(process.cwd(), "/")];
  /** @type {unknown} */
  let failure;
  for (const place of places) {
    try {
      return load(place, name, isModule);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * As ESM or CommonJS, at once: the first run waits for nothing. Node takes ESM that way from 20.19 and 22.12 on.
 *
 * @param {string} from A file or folder. @param {string} name @param {boolean} isModule
 * @returns {{ file: string, exports: Module }}
 */
function load(from, name, isModule) {
  const found = createRequire(from).resolve(name);
  const file = isModule ? moduleOf(found, name) : found;
  // From within its own package: Node warns of ESM that is required from elsewhere.
  return { file, exports: createRequire(file)(file) };
}

/** The file of a package's ESM, by its CommonJS. @param {string} file @param {string} name */
function moduleOf(file, name) {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const described = description(path.join(folder, "package.json"));
    if (described?.["name"] !== name) continue;
    const entry = described["exports"]?.["."]?.["import"];
    const module = typeof entry === "string" ? entry : entry?.["default"];
    return typeof module === "string" ? path.join(folder, module) : file;
  }
  return file;
}

/** @param {string} file @returns {Module | undefined} */
function description(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // No package begins at this folder.
  }
}
