import { afterEach } from "vitest";

import { DatadogTransport } from "../../clients/datadog-transport.ts";
import {
  hasStrictDouble,
  ownFake,
  strictDouble,
  type DatadogDouble,
  type DoubleOptions,
} from "./datadog-double.ts";

export const DOUBLES = [
  { name: "our own stand-in", start: ownFake, isPresent: true },
  { name: "the strict double", start: strictDouble, isPresent: hasStrictDouble },
] as const;

export interface KindsWorld {
  readonly double: DatadogDouble;
  readonly transport: DatadogTransport;
  /** From here on the test sends what the published API forbids, on purpose. */
  readonly breakRules: () => void;
}

/** Starts doubles for the tests of a file. What was sent is held against the published API at each test's end. */
export function doublesOfFile() {
  const running: DatadogDouble[] = [];
  const broken = new Set<DatadogDouble>();

  afterEach(async () => {
    const doubles = running.splice(0);
    await Promise.all(doubles.map((double) => double.stop()));
    const violations = doubles
      .filter((double) => !broken.has(double))
      .flatMap((double) => double.violations());
    if (violations.length > 0) throw new Error(`the published API forbids this: ${violations.join("; ")}`);
  });

  return async (
    start: (options: DoubleOptions) => Promise<DatadogDouble>,
    options: DoubleOptions = {},
  ): Promise<KindsWorld> => {
    const double = await start(options);
    running.push(double);
    const { url, apiKey, appKey } = double;
    const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs: 2_000 });
    return { double, transport, breakRules: () => void broken.add(double) };
  };
}
