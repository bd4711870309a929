import { expect, test } from "vitest";

import type { EndpointAnswer } from "../../clients/endpoint.ts";
import { ApiError } from "../../clients/errors.ts";
import { conditionOf, judgeAnswer, type Probe } from "./judge.ts";

const URL = "http://10.0.0.5:8080/metrics";

function probe(over: Partial<Probe> = {}): Probe {
  return { url: URL, format: "openmetrics", expects: [], hints: {}, ...over };
}

function answer(over: Partial<EndpointAnswer> = {}): EndpointAnswer {
  const families = over.families ?? new Set(["ray_tasks", "ray_actors"]);
  return {
    status: 200,
    contentType: "text/plain",
    location: undefined,
    families,
    beginning: "# TYPE ray_tasks gauge",
    isWhole: true,
    ...over,
  };
}

test("an endpoint with all expected families answers", () => {
  const expects = [{ metric: "ray_tasks" }, { regex: "^ray_act" }];

  expect(judgeAnswer(probe({ expects }), answer())).toEqual({
    reason: "Answers",
    message: `${URL} answers with the expected metrics`,
  });
});

test("a counter is expected with or without _total", () => {
  const families = new Set(["a_total", "b"]);
  const expects = [{ metric: "a" }, { metric: "a_total" }, { metric: "b" }, { metric: "b_total" }];

  expect(judgeAnswer(probe({ expects }), answer({ families })).reason).toBe("Answers");
});

test("names what is missing, what is there instead, and what the pack advises", () => {
  const families = new Set(["vllm:num_requests", "vllm:tokens", "python_gc_objects", "process_cpu_seconds"]);
  const expects = [{ metric: "ray_tasks", hint: "Install ray[default]." }, { regex: "^ray_node_" }];

  expect(judgeAnswer(probe({ expects }), answer({ families }))).toEqual({
    reason: "UnexpectedMetrics",
    message: `${URL} answers without ray_tasks and anything like ^ray_node_; its metrics begin with vllm:, process_ and python_. Install ray[default]`,
  });
});

test("of an answer that was cut off nothing is missing", () => {
  const expects = [{ metric: "zebra" }];

  expect(judgeAnswer(probe({ expects }), answer({ isWhole: false })).reason).toBe("Answers");
});

test.for<[string, Partial<EndpointAnswer>, RegExp]>([
  [
    "a page",
    { contentType: "text/html", beginning: "<!doctype html>", families: new Set() },
    /answers an HTML page instead of metrics\. Check that port 8080 and path \/metrics/,
  ],
  ["nothing", { beginning: "", families: new Set() }, /answers nothing\. Check that port/],
  [
    "JSON",
    { contentType: "application/json", beginning: "{}", families: new Set() },
    /answers JSON instead of metrics/,
  ],
])("%s is no metrics", ([, over, message]) => {
  const verdict = judgeAnswer(probe(), answer(over));

  expect(verdict.reason).toBe("UnexpectedMetrics");
  expect(verdict.message).toMatch(message);
});

test.for<[number, string | undefined, RegExp]>([
  [404, undefined, /answers 404\. Check that port 8080 and path \/metrics are/],
  [403, undefined, /answers 403\. It asks for credentials/],
  [
    415,
    "Set telemetry.prometheus_retention_time.",
    /answers 415\. Set telemetry\.prometheus_retention_time$/,
  ],
  [503, undefined, /answers 503\. The service itself fails/],
])("status %d is unreachable, with the pack's hint if there is one", ([status, hint, message]) => {
  const hints = hint === undefined ? {} : { [status]: hint };
  const verdict = judgeAnswer(probe({ hints }), answer({ status }));

  expect(verdict.reason).toBe("EndpointUnreachable");
  expect(verdict.message).toMatch(message);
});

test("a redirect isn't followed, and its target is said in one short line", () => {
  const location = `https://elsewhere.example/\n${"x".repeat(500)}`;

  const { reason, message } = judgeAnswer(probe(), answer({ status: 302, location }));

  expect(reason).toBe("EndpointUnreachable");
  expect(message).toMatch(/redirects to https:\/\/elsewhere\.example\/\?x+… \(302\)/);
  expect(message.length).toBeLessThan(350);
});

test("says why there was no answer, and what the pack advises", () => {
  const error = new ApiError(`read ${URL}`, "nobody listens there (connection refused)", {
    failure: "unavailable",
  });

  expect(judgeAnswer(probe(), error).message).toBe(
    `${URL} can't be read: nobody listens there (connection refused). Check that the service runs and listens on that address and port`,
  );
  expect(judgeAnswer(probe({ hints: { unreachable: "Start Ray." } }), error).message).toMatch(/Start Ray$/);
});

test("a page of another system is told by its place, not by what the pack says of an empty answer", () => {
  const page = answer({ contentType: "text/html", beginning: "<html>", families: new Set() });
  const nothing = answer({ beginning: "", families: new Set() });
  const hints = { empty: "Wait for the first numbers." };

  expect(judgeAnswer(probe({ hints }), page).message).toMatch(/Check that port 8080 and path \/metrics/);
  expect(judgeAnswer(probe({ hints }), nothing).message).toMatch(/Wait for the first numbers$/);
});

test("where the pack's usual port fails, the one that the service registered is named", () => {
  const passedOver = { port: 9000, tag: "dd-observe.port=9000" };
  const other =
    ". That is the pack's usual port, and the service registered 9000: if its metrics stand there, give it the tag dd-observe.port=9000, or set endpoint.port";

  const failing = judgeAnswer(probe({ passedOver }), answer({ status: 404 }));

  expect(failing.message.endsWith(other)).toBe(true);
  expect(judgeAnswer(probe({ passedOver }), answer()).message).toBe(
    `${URL} answers with the expected metrics`,
  );
});

test("where JSON is expected a page is not", () => {
  const page = answer({ contentType: "text/html", beginning: "<html>", families: new Set() });
  const leader = answer({ contentType: "application/json", beginning: '"10.0.0.1:8300"' });

  expect(judgeAnswer(probe({ format: "json" }), page).reason).toBe("UnexpectedMetrics");
  expect(judgeAnswer(probe({ format: "json" }), leader).reason).toBe("Answers");
  expect(judgeAnswer(probe({ format: "any" }), page).reason).toBe("Answers");
});

test("of several instances it is said how many fail, and why the first does", () => {
  const good = judgeAnswer(probe(), answer());
  const bad = judgeAnswer(probe({ url: "http://10.0.0.6:8080/metrics" }), answer({ status: 500 }));

  expect(conditionOf([good])).toMatchObject({
    status: "True",
    message: `${URL} answers with the expected metrics`,
  });
  expect(conditionOf([good, good])).toMatchObject({
    status: "True",
    message: "all 2 endpoints answer as expected",
  });
  expect(conditionOf([good, bad])).toMatchObject({
    type: "EndpointReachable",
    status: "False",
    reason: "EndpointUnreachable",
    message: expect.stringMatching(/^1 of 2 endpoints: http:\/\/10\.0\.0\.6:8080\/metrics answers 500/),
  });
});
