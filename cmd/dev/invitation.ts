import type { Paint } from "../terminal.ts";
import type { Samples } from "./samples.ts";
import type { World } from "./world.ts";

interface Ground {
  readonly world: World;
  readonly samples: Samples;
  readonly kvPrefix: string;
  readonly tagName: string;
  /** One of Ray's monitors, if it is in a stand-in. */
  readonly monitorId: string | undefined;
  /** How to start a command of this checkout: `node cmd/dd-observe.ts`. */
  readonly command: string;
  readonly confd: string;
  readonly envFile: string;
  readonly paint: Paint;
}

const OTHER_THRESHOLD = JSON.stringify({
  team: "ml-platform",
  env: "production",
  monitors: {
    "object-store-pressure": { critical: 0.7, warning: 0.6, notify: ["@slack-ml"] },
    "node-cpu": false,
  },
});

/** Lines to paste into another terminal. Each works as it stands. */
export function invitation(ground: Ground): string {
  const { paint, envFile } = ground;
  return triesOf(ground)
    .map(([what, line]) => `  ${paint("dim", `# ${what}`)}\n  ${line}\n`)
    .join("\n")
    .concat(`\n  ${paint("dim", "# the same servers for consul, curl and scripts")}\n  . ${envFile}\n`);
}

function triesOf({
  world,
  samples,
  kvPrefix,
  tagName,
  monitorId,
  command,
  confd,
}: Ground): readonly (readonly [string, string])[] {
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
      "another threshold, as consul kv put does it",
      `curl -sX PUT --data '${OTHER_THRESHOLD}' ${documentUrl("ray")}`,
    ],
    ["spoil a file by hand, and see it set right", `echo oops >> ${confd}/ray.d/dd-observe-ray.yaml`],
    ...(monitorId === undefined ? [] : monitorTries(world, monitorId)),
    ["what would change now", `${command} plan`],
  ];
}

/** What a person does in Datadog's web interface, here by its API. */
function monitorTries({ datadog }: World, id: string): readonly (readonly [string, string])[] {
  if (datadog === undefined) return [];
  const keys = `-H 'DD-API-KEY: ${datadog.apiKey}' -H 'DD-APPLICATION-KEY: ${datadog.appKey}'`;
  const url = `${datadog.url}/api/v1/monitor/${id}`;
  return [
    [
      "edit a monitor as a person would, and see it set right",
      `curl -sX PUT ${keys} --data '{"name":"edited by hand"}' ${url}`,
    ],
    ["delete it", `curl -sX DELETE ${keys} ${url}`],
  ];
}
