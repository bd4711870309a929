import { keyOfFile, renderFile } from "../../controllers/agent-config/file.ts";
import { agentConfigTarget } from "../../controllers/agent-config/target.ts";
import { diff } from "../../engine/plan/plan.ts";

/**
 * Rewrites files in a folder until it is killed: `node agent-config-writer.ts <conf.d>`.
 * Writes a line once it has begun. Each text ends in `- end`.
 */
const [confd = ""] = process.argv.slice(2);
const signal = new AbortController().signal;
const target = agentConfigTarget({ confd, clusterId: "dc1", reload: { kind: "none" } });

for (let round = 0; ; round++) {
  const objects = Array.from({ length: 20 }, (_, at) => {
    const tags = Array.from({ length: 500 }, (_tag, n) => `round:${round}-${n}`);
    const body = renderFile({
      check: "openmetrics",
      service: `s${at}`,
      clusterId: "dc1",
      config: { init_config: {}, instances: [{ tags }, "end"] as never },
    });
    return {
      key: keyOfFile(body),
      owner: body.service,
      body,
      drift: { rule: "correct", fields: {} },
      retain: false,
    } as const;
  });
  const desired = {
    objects: new Map(objects.map((object) => [object.key, object])),
    held: new Map(),
    paused: new Set<string>(),
    problems: [],
  };
  const observed = await target.observe(signal);
  const { actions } = diff(desired, new Map(observed.map((object) => [object.key, object])));
  await Promise.all(actions.map((action) => target.apply(action, signal)));
  if (round === 0) process.stdout.write("begun\n");
}
