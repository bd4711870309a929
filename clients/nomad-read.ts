import { readBlocking, type BlockingReader } from "./blocking-read.ts";
import type { Attempt } from "./consul-connection.ts";
import { ApiError } from "./errors.ts";
import { nomadAnswerError, nomadNetworkError, type NomadConnection } from "./nomad-connection.ts";

/** Opens blocking reads on one Nomad: its index, wait and leader are Consul's under other names. */
export function readNomad(connection: NomadConnection): BlockingReader {
  return readBlocking(connection, {
    system: "Nomad",
    headers: "x-nomad",
    answerError: (attempt, status, text) =>
      status === 404 ? tooOld(attempt) : nomadAnswerError(attempt, status, text),
    networkError: (attempt, error) => nomadNetworkError(attempt, error, connection),
  });
}

/** What we ask for is a list, which is never absent: only a version that doesn't have it says 404. */
export function tooOld({ tried }: Attempt): ApiError {
  return new ApiError(tried, "404, this Nomad has no services of its own", {
    failure: "notFound",
    status: 404,
    hint: "Nomad 1.3 and later have them. Set DD_OBSERVE_NOMAD_SERVICES=off, or update Nomad.",
  });
}
