import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { joinSession, openSessionFolder, readSession, writeSession } from "./session.ts";

let place: string;

beforeEach(() => {
  place = mkdtempSync(path.join(tmpdir(), "dd-observe-session-"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

test("a command beside a running session gets its servers, and no token of another Consul", () => {
  const folder = openSessionFolder(path.join(place, ".dev"));
  writeSession(folder, { CONSUL_HTTP_ADDR: "http://127.0.0.1:1", CONSUL_HTTP_TOKEN: "" });

  const env = joinSession({ CONSUL_HTTP_TOKEN: "secret", HOME: "/home/me" }, false, folder.dir);

  expect(env).toMatchObject({
    CONSUL_HTTP_ADDR: "http://127.0.0.1:1",
    CONSUL_HTTP_TOKEN: "",
    HOME: "/home/me",
  });
});

test.for([
  ["the environment", { CONSUL_HTTP_ADDR: "http://consul:8500" }, false],
  ["a flag", {}, true],
] as const)("whoever names a Consul by %s gets that one", ([, env, namesConsul]) => {
  const folder = openSessionFolder(path.join(place, ".dev"));
  writeSession(folder, { CONSUL_HTTP_ADDR: "http://127.0.0.1:1" });

  const joined = joinSession(env, namesConsul, folder.dir);

  expect(joined).toBeUndefined();
});

test("what a killed session left behind counts for nothing", () => {
  const dir = path.join(place, ".dev");
  mkdirSync(dir);
  writeFileSync(
    path.join(dir, "env"),
    "export CONSUL_HTTP_ADDR='http://127.0.0.1:1'\nexport DD_OBSERVE_DEV_PID='4194999'\n",
  );

  const session = readSession(dir);

  expect(session).toBeUndefined();
});

test("a second session is refused while one runs", () => {
  const folder = openSessionFolder(path.join(place, ".dev"));
  writeSession(folder, {});

  expect(() => openSessionFolder(folder.dir)).toThrow("a dev session runs already");
});

test("a link in place of the folder is refused, and what it leads to is left alone", () => {
  const elsewhere = path.join(place, "real-agent");
  mkdirSync(path.join(elsewhere, "conf.d"), { recursive: true });
  writeFileSync(path.join(elsewhere, "conf.d", "mine.yaml"), "instances: []\n");
  symlinkSync(elsewhere, path.join(place, ".dev"));

  expect(() => openSessionFolder(path.join(place, ".dev"))).toThrow("is no folder");
  expect(() => rmSync(path.join(elsewhere, "conf.d", "mine.yaml"))).not.toThrow();
});
