import { startOtlpReceiver, type OtlpReceiver, type OtlpReceiverOptions } from "./otlp-receiver.ts";

export interface LangfuseOptions extends Pick<OtlpReceiverOptions, "host" | "port"> {
  readonly publicKey: string;
  readonly secretKey: string;
}

/**
 * A stand-in for Langfuse's intake of traces, which takes them with the project's two keys only.
 *
 * @see https://langfuse.com/integrations/native/opentelemetry
 */
export async function startLangfuse({
  publicKey,
  secretKey,
  ...place
}: LangfuseOptions): Promise<OtlpReceiver> {
  const wanted = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
  return await startOtlpReceiver({
    ...place,
    prefix: "/api/public/otel",
    signals: ["traces"],
    refuse: ({ authorization }) => (authorization === wanted ? undefined : 401),
  });
}
