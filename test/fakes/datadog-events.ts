import { errors, fieldsOf, type Fields, type FakeAnswer, type Route } from "./datadog-api.ts";

const MAX_AGE_MS = 18 * 3_600_000;

export const eventRoutes: readonly Route[] = [
  {
    method: "POST",
    path: /^\/api\/v1\/events$/,
    run({ world, body }) {
      for (const field of ["title", "text"]) {
        if (typeof body[field] !== "string") return errors(400, `'${field}' is a required property`);
      }
      const at = body["date_happened"];
      if (typeof at === "number" && at * 1_000 < Date.now() - MAX_AGE_MS) {
        return errors(400, "Event too far in the past");
      }
      world.events.push(body);
      // The number is beyond what JSON readers of this language can hold, as the real one is.
      const id = `64${String(world.events.length).padStart(17, "0")}`;
      return { status: 202, body: { status: "ok", event: { id: Number(id), id_str: id, ...body } } };
    },
  },
  {
    method: "POST",
    path: /^\/api\/v2\/events$/,
    needsAppKey: true,
    run({ world, body }) {
      const attributes = fieldsOf(fieldsOf(body["data"])["attributes"]);
      const refused = refusal(attributes);
      if (refused !== undefined) return refused;
      world.events.push(body);
      const evt = { id: `84${String(world.events.length).padStart(17, "0")}`, uid: world.newHex(22) };
      const data = { type: "event", id: "_", attributes: { attributes: { evt } } };
      return { status: 202, body: { data } };
    },
  },
];

function refusal(attributes: Fields): FakeAnswer | undefined {
  const wrong = (detail: string) => errors(400, { status: "400", title: "Bad Request", detail });
  if (attributes["category"] !== "change" && attributes["category"] !== "alert") {
    return wrong(
      'JSON validation failed at $.data.attributes.category: value must be one of: ["alert", "change"].',
    );
  }
  if (typeof attributes["title"] !== "string" || attributes["title"].length > 500) {
    return wrong("JSON validation failed at $.data.attributes.title");
  }
  if (attributes["category"] === "change") {
    const changed = fieldsOf(fieldsOf(attributes["attributes"])["changed_resource"]);
    if (typeof changed["name"] !== "string" || changed["type"] === undefined) {
      return wrong("JSON validation failed at $.data.attributes.attributes.changed_resource");
    }
  }
  const at = attributes["timestamp"];
  if (typeof at === "string" && Date.parse(at) < Date.now() - MAX_AGE_MS) {
    return wrong("timestamp is older than 18 hours");
  }
  return undefined;
}
