import { request } from "node:http";

import { expect, onTestFinished, test } from "vitest";

import { startServer, type Check, type ServerOptions } from "./server.ts";

const WELL: Check = { ok: true, problems: [] };

async function serve(over: Partial<ServerOptions> = {}): Promise<string> {
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    health: () => WELL,
    readiness: () => WELL,
    metrics: async () => ({ type: "text/plain", body: "dd_observe_leader 1\n" }),
    pages: { "/v1/services": () => ({ type: "application/json", body: "[]\n" }) },
    files: { "/": { type: "text/html", body: "<p>hello</p>" } },
    ...over,
  });
  onTestFinished(async () => await server.stop());
  return server.url;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** `fetch` doesn't let one say what stands in `Host`. */
async function get(
  url: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asking = request(url, { method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asking.on("error", reject);
    asking.end();
  });
}

const TOKEN = "s3cret-enough";

test.for(["0.0.0.0", "::", "192.0.2.1"])("doesn't listen on %s without a token", async (host) => {
  await expect(serve({ host })).rejects.toThrow("needs DD_OBSERVE_HTTP_TOKEN");
});

test("says so when the address is in use", async () => {
  const { port } = new URL(await serve());

  await expect(serve({ port: Number(port) })).rejects.toThrow("the address is in use");
});

test.for([
  { path: "/healthz", status: 200, body: "ok\n" },
  { path: "/readyz", status: 200, body: "ok\n" },
  { path: "/metrics", status: 200, body: "dd_observe_leader 1\n" },
  { path: "/v1/services", status: 200, body: "[]\n" },
  { path: "/v1/services?ns=a", status: 200, body: "[]\n" },
  { path: "/", status: 200, body: "<p>hello</p>" },
])("answers $path", async ({ path, status, body }) => {
  const url = await serve();

  const answer = await get(url + path);

  expect(answer).toEqual({ status, body });
});

test.for(["/v1/none", "/constructor", "/__proto__", "/v1/services/", "/../etc/passwd"])(
  "knows no page %s",
  async (path) => {
    const url = await serve();

    const answer = await get(url + path);

    expect(answer.status).toBe(404);
  },
);

test.for(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("takes no %s", async (method) => {
  const url = await serve();

  const answer = await get(`${url}/v1/services`, { method });

  expect(answer).toEqual({ status: 405, body: "only GET\n" });
});

test.for([
  { title: "the right token", authorization: `Bearer ${TOKEN}`, status: 200 },
  { title: "a wrong token", authorization: "Bearer wrong-token!", status: 401 },
  { title: "a part of the token", authorization: `Bearer ${TOKEN.slice(0, -1)}`, status: 401 },
  { title: "another scheme", authorization: `Basic ${TOKEN}`, status: 401 },
  { title: "no token", authorization: undefined, status: 401 },
])("on an address that others reach, $title gives $status", async ({ authorization, status }) => {
  const { port } = new URL(await serve({ host: "0.0.0.0", token: TOKEN }));

  const answer = await get(`http://127.0.0.1:${port}/v1/services`, {
    headers: authorization === undefined ? {} : { authorization },
  });

  expect(answer.status).toBe(status);
});

test.for([
  { host: "evil.example", token: undefined },
  { host: "evil.example:8620", token: TOKEN },
  { host: "127.0.0.1.evil.example", token: undefined },
])("a web page that reaches loopback by the name $host sees nothing", async ({ host, token }) => {
  const url = await serve({ token });

  const answer = await get(`${url}/v1/services`, { headers: { host } });

  expect(answer.status).toBe(401);
});

test("on loopback, a token is not asked for but a wrong one is refused", async () => {
  const url = await serve({ token: TOKEN });

  const without = await get(`${url}/v1/services`);
  const wrong = await get(`${url}/v1/services`, { headers: { authorization: "Bearer no" } });

  expect([without.status, wrong.status]).toEqual([200, 401]);
});

test("says what is unhealthy to those who may read, and only that it is to others", async () => {
  const health = (): Check => ({ ok: false, problems: ["the watch of services makes no progress"] });
  const open = await serve({ health });
  const { port } = new URL(await serve({ health, host: "0.0.0.0", token: TOKEN }));

  const near = await get(`${open}/healthz`);
  const far = await get(`http://127.0.0.1:${port}/healthz`);

  expect(near).toEqual({ status: 503, body: "the watch of services makes no progress\n" });
  expect(far).toEqual({ status: 503, body: "not ok\n" });
});

test("healthz and readyz are different questions", async () => {
  const url = await serve({ readiness: () => ({ ok: false, problems: ["no snapshot"] }) });

  const answers = [await get(`${url}/healthz`), await get(`${url}/readyz`)];

  expect(answers.map(({ status }) => status)).toEqual([200, 503]);
});

test("a page that fails says nothing of why", async () => {
  const url = await serve({
    pages: {
      "/v1/services": () => {
        throw new Error("the token is abc");
      },
    },
  });

  const answer = await get(`${url}/v1/services`);

  expect(answer).toEqual({ status: 500, body: "internal error\n" });
});
