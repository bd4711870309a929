import { afterEach, expect, test } from "vitest";

import { startServer, type ServerOptions } from "./server.ts";

let stop: (() => Promise<void>) | undefined;
afterEach(async () => await stop?.());

test("answers 304 to whoever has a page as it is", async () => {
  let text = "one";
  const url = await serve({ pages: { "/v1/services": () => ({ type: "text/plain", body: text }) } });
  const first = await fetch(`${url}/v1/services`);
  const etag = first.headers.get("etag")!;

  const same = await fetch(`${url}/v1/services`, { headers: { "if-none-match": etag } });
  text = "two";
  const other = await fetch(`${url}/v1/services`, { headers: { "if-none-match": etag } });

  expect(same.status).toBe(304);
  expect(other.status).toBe(200);
  expect(await other.text()).toBe("two");
});

test("lets a browser load nothing but its own files", async () => {
  const url = await serve({});

  const policy = (await fetch(url)).headers.get("content-security-policy");

  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
});

async function serve(options: Partial<ServerOptions>): Promise<string> {
  const fine = () => ({ ok: true, problems: [] });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    health: fine,
    readiness: fine,
    metrics: async () => ({ type: "text/plain", body: "" }),
    pages: { "/v1/services": () => ({ type: "application/json", body: "[]" }) },
    files: { "/": { type: "text/html", body: "<!doctype html>" } },
    ...options,
  });
  stop = async () => await server.stop();
  return server.url;
}
