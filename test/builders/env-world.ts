import { createConsul, type TxnOp } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { envTarget } from "../../controllers/workload-env/target.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";

/** Everything below `env/` without its prefix, and not what says whose it is. */
export function publishedIn(
  { state }: Pick<FakeConsul, "state">,
  service: string,
): Readonly<Record<string, string>> {
  const prefix = `dd-observe/env/${service}/`;
  const found = [...state.keys].filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(
    found.map(([key, { Value }]) => [
      key.slice(prefix.length),
      Buffer.from(Value ?? "", "base64").toString("utf8"),
    ]),
  );
}

/** The target of environments over a Consul at the socket, while we lead. */
export async function startEnvWorld({
  clusterId = "dc1",
  fake: given,
}: { clusterId?: string; fake?: FakeConsul } = {}) {
  const fake = given ?? (await startFakeConsul());
  const consul = createConsul({ address: fake.url });
  /** As a leader's does, without the check of its session. */
  const store = async (ops: readonly TxnOp[], signal: AbortSignal): Promise<void> => {
    const result = await consul.txn(ops, signal);
    if (result.ok) return;
    const what = result.errors[0]?.what ?? "";
    throw new ApiError(`write ${ops.length} keys`, what, { failure: "conflict", status: 409 });
  };
  const target = envTarget({ consul, statePrefix: "dd-observe", clusterId, store });
  return { fake, consul, target, store };
}
