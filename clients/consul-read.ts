import { readBlocking, type BlockingReader } from "./blocking-read.ts";
import { answerError, networkError, type ConsulConnection } from "./consul-connection.ts";

export type { BlockingAnswer, BlockingReader, BlockingRequest } from "./blocking-read.ts";

/** Opens blocking reads on one Consul. */
export function readConsul(connection: ConsulConnection): BlockingReader {
  return readBlocking(connection, { system: "Consul", headers: "x-consul", answerError, networkError });
}
