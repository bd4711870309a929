import { describe, expect, test } from "vitest";

import { ApiError } from "../../clients/errors.ts";
import { Organisation } from "./organisation.ts";

const signal = new AbortController().signal;

async function denied(): Promise<never> {
  throw new ApiError("read the Datadog organisation", "403 Forbidden", { failure: "unauthorized" });
}

describe("keys that may not read monitors", () => {
  test("are good for the other kinds while nothing was written to any organisation", async () => {
    await expect(new Organisation({ read: denied }).expect(signal)).resolves.toBe(false);
  });

  test("are good where an object that we remember is seen", async () => {
    const organisation = new Organisation({ remembered: 1, read: denied });

    await expect(organisation.expect(signal, { showsOurs: true })).resolves.toBe(false);
  });

  test("are not good where they may open another organisation than last time", async () => {
    const organisation = new Organisation({ remembered: 1, read: denied });

    await expect(organisation.expect(signal)).rejects.toMatchObject({ failure: "unauthorized" });
  });
});

test("a Datadog that doesn't answer is no reason to write", async () => {
  const organisation = new Organisation({
    read: async () => {
      throw new ApiError("read the Datadog organisation", "503", { failure: "unavailable" });
    },
  });

  await expect(organisation.expect(signal)).rejects.toMatchObject({ failure: "unavailable" });
});
