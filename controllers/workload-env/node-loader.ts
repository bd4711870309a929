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
 * The tracer comes first: dd-trace patches what is loaded after it. It is looked for from the working directory, from
 * the program's own folder and from the folder of the preload. A pinned version is taken there and no other. Nothing is
 * said of what is missing, unless DD_OBSERVE_DEBUG is true.
 */
export function nodeLoader({ profile, tracer }: Pick<Instrumentation, "profile" | "tracer">): string {
  const module = TRACERS[profile];
  const pinned = profile === "ddtrace" ? tracer?.version : undefined;
  const source = [
    'import{createRequire}from"node:module";',
    'import{pathToFileURL}from"node:url";',
    'const home=process.env.DD_OBSERVE_PRELOAD||process.env.NOMAD_TASK_DIR+"/dd-observe";',
    'const say=(why)=>{if(process.env.DD_OBSERVE_DEBUG==="true")console.error("dd-observe: "+why)};',
    "const load=async(find)=>{try{await import(pathToFileURL(find()))}catch(error){say(error)}};",
    module === undefined ? "" : loadTracer(module, pinned),
    'await load(()=>home+"/node/register.mjs");',
  ].join("");
  // Node splits its options at blanks and knows quotes and backslashes; none of these is left.
  return `--import=data:text/javascript,${encodeURIComponent(source)}`;
}

/** Statements that load the first that is found. A broken one is not replaced by the next: half of it may be there. */
function loadTracer(module: string, version: string | undefined): string {
  const name = module.split("/", 1)[0]!;
  const fits =
    version === undefined
      ? ""
      : `if(from(${JSON.stringify(`${name}/package.json`)}).version!==${JSON.stringify(version)})continue;`;
  const missing = `${name}${version === undefined ? "" : ` ${version}`} was not found`;
  return (
    'let found;for(const place of[process.cwd()+"/",process.argv[1]||"/",home+"/"]){let file;' +
    `try{const from=createRequire(place);file=from.resolve(${JSON.stringify(module)});${fits}}catch{continue}` +
    `found=true;await load(()=>file);break}if(!found)say(${JSON.stringify(missing)});`
  );
}
