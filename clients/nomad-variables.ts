import { z } from "zod";

import { ApiError } from "./errors.ts";
import type { NomadConnection } from "./nomad-connection.ts";
import { notNomad, parseAnswer } from "./nomad-answer.ts";

/** The path of the Variable that the tasks of a job may read without a policy. */
export function variablePath(job: string): string {
  return `nomad/jobs/${job}`;
}

/** One Variable as it stands. */
export interface NomadVariable {
  readonly items: Readonly<Record<string, string>>;
  /** Grows with each write: what a check-and-set is bound to. */
  readonly modifyIndex: number;
}

/** Where a Variable is. */
export interface VariablePlace {
  readonly namespace: string;
  /** `nomad/jobs/support` */
  readonly path: string;
}

/** Nomad's Variables, from 1.4 on. Each call throws {@link ApiError}, without a value of any item. */
export interface NomadVariables {
  /**
   * The Variables of all jobs, without their items, of all namespaces that the token may read. What it may not read is
   * left out without a word.
   */
  list(signal?: AbortSignal): Promise<readonly (VariablePlace & Pick<NomadVariable, "modifyIndex">)[]>;
  /** Undefined if there is none. @throws {ApiError} `rejected` also if this Nomad has no Variables at all. */
  read(place: VariablePlace, signal?: AbortSignal): Promise<NomadVariable | undefined>;
  /**
   * Writes all items of a Variable, if it still is as it was seen.
   *
   * @param items At least one: Nomad takes no empty Variable.
   * @param seen The ModifyIndex that was read, or 0 if there was none.
   * @returns False if it is another one by now.
   */
  write(
    place: VariablePlace,
    items: Readonly<Record<string, string>>,
    seen: number,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** The same for taking it away as a whole. What is gone already is no failure. */
  remove(place: VariablePlace, seen: number, signal?: AbortSignal): Promise<boolean>;
}

/** What Nomad takes of all names and values of one Variable together, in bytes. */
export const MOST_VARIABLE_BYTES = 65_536;

/** As Nomad counts them: names and values, and nothing between. */
export function sizeOfItems(items: Readonly<Record<string, string>>): number {
  return Object.entries(items).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
}

/** @param isReadOnly True to refuse every write before it leaves, for commands that only look. */
export function nomadVariables(connection: NomadConnection, isReadOnly = false): NomadVariables {
  async function change(
    { path, namespace }: VariablePlace,
    {
      method,
      body,
      seen,
    }: { readonly method: "PUT" | "DELETE"; readonly body?: unknown; readonly seen: number },
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const tried = `${method === "PUT" ? "write" : "delete"} the Nomad Variable "${path}"`;
    if (isReadOnly) throw new ApiError(tried, "this command only reads", { failure: "rejected" });
    const { status, text } = await connection.call(
      {
        method,
        path: pathOf(path),
        query: { namespace, cas: String(seen) },
        ...(body === undefined ? {} : { body }),
        tried,
        right: rightFor({ path, namespace }, method === "PUT" ? "write" : "destroy"),
      },
      signal,
      [404, 409],
    );
    if (status === 404) throw noVariables(tried, text);
    return status !== 409;
  }

  return {
    async list(signal) {
      const tried = "list the Nomad Variables of jobs";
      const query = { namespace: "*", prefix: variablePath("") };
      const { status, text } = await connection.call({ path: "/vars", query, tried }, signal, [404]);
      if (status === 404) throw noVariables(tried, text);
      return parseAnswer(z.array(stubWire), text, tried).map(
        ({ Namespace: namespace, Path: path, ModifyIndex: modifyIndex }) => ({
          namespace,
          path,
          modifyIndex,
        }),
      );
    },
    async read(place, signal) {
      const tried = `read the Nomad Variable "${place.path}"`;
      const { status, text } = await connection.call(
        {
          path: pathOf(place.path),
          query: { namespace: place.namespace },
          tried,
          right: rightFor(place, "read"),
        },
        signal,
        [404],
      );
      if (status === 404 && text.includes("variable not found")) return undefined;
      if (status === 404) throw noVariables(tried, text);
      const parsed = variableWire.safeParse(jsonOf(text));
      // The cause would show values.
      if (!parsed.success) throw notNomad(tried, new Error("no Variable"));
      return { items: parsed.data.Items ?? {}, modifyIndex: parsed.data.ModifyIndex };
    },
    async write({ path, namespace }, items, seen, signal) {
      const body = { Namespace: namespace, Path: path, Items: items };
      return await change({ path, namespace }, { method: "PUT", body, seen }, signal);
    },
    async remove(place, seen, signal) {
      return await change(place, { method: "DELETE", seen }, signal);
    },
  };
}

const stubWire = z.object({ Namespace: z.string(), Path: z.string(), ModifyIndex: z.number() });
const variableWire = z.object({
  Items: z.record(z.string(), z.string()).nullish(),
  ModifyIndex: z.number(),
});

function pathOf(path: string): string {
  return `/var/${path.split("/").map(encodeURIComponent).join("/")}`;
}

function rightFor({ namespace, path }: VariablePlace, capability: "read" | "write" | "destroy"): string {
  return `namespace "${namespace}" { variables { path "${path}" { capabilities = ["${capability}"] } } }`;
}

function noVariables(tried: string, text: string): ApiError {
  return new ApiError(tried, `404 ${text.slice(0, 200)}`.trim(), {
    failure: "rejected",
    status: 404,
    reason: "NoVariables",
    hint: "This Nomad has no Variables; 1.4 and later have them. Take instrumentation.nomadVariable out of the wish, or update Nomad.",
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
