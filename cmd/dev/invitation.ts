import type { FakeDatadog } from "../../test/fakes/datadog.ts";
import type { Paint } from "../terminal.ts";
import type { Samples } from "./samples.ts";
import { inDevDir } from "./session.ts";
import type { World } from "./world.ts";

interface Ground {
  readonly world: World;
  readonly samples: Samples;
  readonly kvPrefix: string;
  readonly tagName: string;
  /** How to start a command of this checkout: `node cmd/dd-observe.ts`. */
  readonly command: string;
  readonly confd: string;
  readonly envFile: string;
  readonly paint: Paint;
}

type Try = readonly [what: string, line: string];

/** Another threshold, a composite of two of the pack's monitors, and an SLO that the pack has switched off. */
const TUNED = JSON.stringify({
  team: "ml-platform",
  env: "production",
  monitors: {
    "object-store-pressure": { critical: 0.7, warning: 0.6, notify: ["@slack-ml"] },
    starved: {
      type: "composite",
      name: "Tasks wait, and the object store is nearly full",
      query: "${monitor:unschedulable-tasks} && ${monitor:object-store-pressure}",
    },
  },
  slos: { "object-store-headroom": true },
});

const OVERVIEW = "Infrastructure Overview";

/** Lines to paste into another terminal. Each works as it stands. */
export function invitation(ground: Ground): string {
  const { paint, envFile } = ground;
  return triesOf(ground)
    .map(([what, line]) => `  ${paint("dim", `# ${what}`)}\n  ${line}\n`)
    .join("\n")
    .concat(`\n  ${paint("dim", "# the same servers for consul, curl and scripts")}\n  . ${envFile}\n`);
}

function triesOf(ground: Ground): readonly Try[] {
  const { world, samples, kvPrefix, tagName, command, confd } = ground;
  const consul = world.shared["CONSUL_HTTP_ADDR"]!;
  const documentUrl = (name: string): string => `${consul}/v1/kv/${kvPrefix}/${name}`;
  const service = JSON.stringify({
    ID: "dev-search",
    Name: "search",
    Address: "127.0.0.1",
    Port: samples.sparePort,
    Tags: [tagName, `${tagName}.team=search`],
  });
  return [
    ["everything about one service, and why something is missing", `${command} describe ray`],
    [
      `mend the document of ${samples.broken}`,
      `curl -sX PUT --data 'team: payments' ${documentUrl(samples.broken)}`,
    ],
    [
      "one more service: a tag is enough",
      `curl -sX PUT --data '${service}' ${consul}/v1/agent/service/register`,
    ],
    [
      "another threshold, another composite, one more SLO; what is no longer named goes",
      `curl -sX PUT --data '${TUNED}' ${documentUrl("ray")}`,
    ],
    ["the SLOs", `${command} get slos`],
    [
      "how the composed dashboard is laid out, as a page",
      `${command} get dashboards infrastructure-overview -o html > ${inDevDir("overview.html")}`,
    ],
    ["spoil a file by hand, and see it set right", `echo oops >> ${confd}/ray.d/dd-observe-ray.yaml`],
    ...(world.datadog === undefined ? [] : editsIn(world.datadog)),
    [
      "Ray goes: its section leaves the overview at once, its objects after the grace period of 20 s",
      `curl -sX DELETE ${documentUrl("ray")}; curl -sX PUT ${consul}/v1/agent/service/deregister/dev-ray`,
    ],
    ["what would change now", `${command} plan`],
  ];
}

/** What a person does in Datadog's web interface, here by its API. */
function editsIn(datadog: FakeDatadog): readonly Try[] {
  const { url, apiKey, appKey } = datadog;
  const keys = `-H 'DD-API-KEY: ${apiKey}' -H 'DD-APPLICATION-KEY: ${appKey}'`;
  const monitors = [...datadog.monitors.values()];
  // One that no composite and no SLO is made of: Datadog lets a person delete it.
  const ofRay = monitors.find(({ name }) => name === "[ray] Node is running out of memory");
  const ofCheckout = monitors.find(({ name }) => name.startsWith("[checkout]"));
  const overview = [...datadog.dashboards.values()].find(({ title }) => title === OVERVIEW);
  const tries: Try[] = [];
  if (ofRay !== undefined)
    tries.push(
      [
        "edit a monitor as a person would, and see it set right",
        `curl -sX PUT ${keys} --data '{"name":"edited by hand"}' ${url}/api/v1/monitor/${ofRay.id}`,
      ],
      ["delete it", `curl -sX DELETE ${keys} ${url}/api/v1/monitor/${ofRay.id}`],
    );
  if (ofCheckout !== undefined)
    tries.push([
      "edit one of checkout, whose document lets edits stand for 20 s: the clock is in describe",
      `curl -sX PUT ${keys} --data '{"message":"edited by hand"}' ${url}/api/v1/monitor/${ofCheckout.id}`,
    ]);
  if (overview !== undefined) {
    const at = `${url}/api/v1/dashboard/${overview.id}`;
    tries.push([
      "edit a dashboard by hand, and see it set right",
      `curl -s ${keys} ${at} | sed 's/${OVERVIEW}/Edited by hand/' | curl -sX PUT ${keys} --data @- ${at}`,
    ]);
  }
  return tries;
}
