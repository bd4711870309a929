import type { Instrumentation } from "../../crds/instrumentation.ts";

/** What traces the program, by profile: a module that is looked for where the program runs. */
const TRACERS: Readonly<Record<Instrumentation["profile"], string | undefined>> = {
  ddtrace: "dd-trace/initialize.mjs",
  otel: "@opentelemetry/auto-instrumentations-node/register",
  langfuse: undefined,
};

/**
 * One token for NODE_OPTIONS that loads the tracer, then the preload. Whatever is missing or broken is left out, and the
 * program runs as it would without: `--import` of a module that isn't there would end it with an error.
 *
 * The tracer comes first: dd-trace patches what is loaded after it.
 */
export function nodeLoader({ profile }: Pick<Instrumentation, "profile">): string {
  const tracer = TRACERS[profile];
  const source = [
    'import{createRequire}from"node:module";',
    'import{pathToFileURL}from"node:url";',
    "const load=async(find)=>{try{await import(pathToFileURL(find()))}catch{}};",
    tracer === undefined
      ? ""
      : `await load(()=>createRequire(process.cwd()+"/").resolve(${JSON.stringify(tracer)}));`,
    'await load(()=>(process.env.DD_OBSERVE_PRELOAD||process.env.NOMAD_TASK_DIR+"/dd-observe/preload")+"/node/register.mjs");',
  ].join("");
  // Node splits its options at blanks and knows quotes and backslashes; none of these is left.
  return `--import=data:text/javascript,${encodeURIComponent(source)}`;
}
