import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";

import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { measureCreation, measureDefaults, measureResync, measureUrgency } from "./datadog.ts";
import { measurePreload } from "./preload.ts";
import { measureChurn, measureNodeRole } from "./node-role.ts";
import { renderRows, verdictOf, type Row } from "./row.ts";
import { measureFirstFile, measureHelp } from "./start-up.ts";

const PARTS = [
  "start",
  "latency",
  "cold",
  "memory",
  "churn",
  "creates",
  "looks",
  "defaults",
  "flood",
  "preload",
] as const;

/** So many creates take long enough for a dozen changes meanwhile. */
const FLOOD = 10_000;

const USAGE = `npm run bench -- [options]

Measures this project beside the smallest script that could do the work. Needs Linux (/proc)
and a Consul: CONSUL_BIN, or consul on the PATH. What cannot be measured is said.

  --n 10,1000,5000,10000   numbers of services
  --only ${PARTS.join(",")}
  --changes 200            single changes that are timed, for each subject and N
  --rounds 2               how often the subjects take turns
  --monitors 1000,10000    numbers of monitors
  --json FILE              writes the rows there as well
`;

const { values } = parseArgs({
  options: {
    n: { type: "string", default: "10,1000,5000,10000" },
    only: { type: "string", default: PARTS.join(",") },
    changes: { type: "string", default: "200" },
    rounds: { type: "string", default: "2" },
    monitors: { type: "string", default: "1000,10000" },
    json: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});

if (values.help === true) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const only = new Set(values.only.split(","));
  for (const part of only) {
    if (!(PARTS as readonly string[]).includes(part))
      throw new Error(`No part is named "${part}". There are: ${PARTS.join(", ")}`);
  }
  const machine = describeMachine();
  console.error(machine);
  const rows: Row[] = [];
  const say = (text: string): void => console.error(text);
  /** One part that fails, on a machine with others, doesn't take the rest with it. */
  const measure = async (what: string, part: () => Promise<readonly Row[]>): Promise<void> => {
    try {
      rows.push(...(await part()));
    } catch (error) {
      process.exitCode = 1;
      say(`failed: ${what}: ${String(error)}`);
    }
  };

  if (only.has("start")) await measure("start of --help", measureHelp);
  if (only.has("preload")) await measure("the preload", async () => await measurePreload(say));
  if (process.platform !== "linux") say("skipped: all but the start of --help and the preload (needs /proc)");
  else if (consulBinary() === undefined)
    say(NO_CONSUL.replace("skipped", "skipped: all but the start of --help and the preload"));
  else await measureWithConsul(only, measure, say);

  console.log(`${machine}\n\n${renderRows(rows)}`);
  if (values.json !== undefined) {
    const report = { machine, rows: rows.map((row) => ({ ...row, verdict: verdictOf(row) })) };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

async function measureWithConsul(
  only: ReadonlySet<string>,
  measure: (what: string, part: () => Promise<readonly Row[]>) => Promise<void>,
  say: (text: string) => void,
): Promise<void> {
  if (only.has("start")) await measure("first file", measureFirstFile);
  if (["latency", "cold", "memory"].some((part) => only.has(part))) {
    const [changes, rounds] = [Number(values.changes), Number(values.rounds)];
    for (const services of numbers(values.n)) {
      const options = { services, only, changes, rounds };
      await measure(`${services} services`, async () => await measureNodeRole(options, say));
    }
  }
  const churn = { services: 1_000, perSecond: 50, seconds: 20 };
  if (only.has("churn")) await measure("churn", async () => await measureChurn(churn, say));
  for (const monitors of numbers(values.monitors)) {
    const stock = { monitors, dashboards: monitors < 10_000 ? 50 : 200, slos: Math.min(monitors, 2_000) };
    if (only.has("looks")) await measure(`looks at ${monitors}`, async () => await measureResync(stock, say));
    if (only.has("creates"))
      await measure(`${monitors} creates`, async () => await measureCreation(monitors, say));
  }
  if (only.has("defaults"))
    await measure("change of _defaults", async () => await measureDefaults(1_000, say));
  if (only.has("flood")) await measure("changes in a flood", async () => await measureUrgency(FLOOD, say));
}

function numbers(list: string): readonly number[] {
  return list.split(",").map(Number);
}

function describeMachine(): string {
  const cpus = os.cpus();
  const date = new Date().toISOString().slice(0, 10);
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const load = os.loadavg()[0]?.toFixed(1);
  return `${date}, ${cpus.length} × ${cpus[0]?.model.trim()}, ${memory} GiB, ${os.type()} ${os.release()}, Node ${process.version}, load ${load}${limits()}`;
}

/** What a container may use, if it is less than the machine has. */
function limits(): string {
  try {
    const max = readFileSync("/sys/fs/cgroup/cpu.max", "utf8").split(" ");
    return max[0] === "max" ? "" : `, limited to ${Number(max[0]) / Number(max[1])} CPUs`;
  } catch {
    return "";
  }
}
