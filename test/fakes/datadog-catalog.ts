import {
  errors,
  fieldsOf,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type Route,
  type StoredEntity,
} from "./datadog-api.ts";

const READ = "apm_service_catalog_read";
const WRITE = "apm_service_catalog_write";
const ALL = /^\/api\/v2\/catalog\/entity$/;
const KINDS = new Set(["api", "datastore", "queue", "service", "system"]);

export const catalogRoutes: readonly Route[] = [
  {
    method: "POST",
    path: ALL,
    permission: WRITE,
    run({ world, body }) {
      const refused = refusal(body);
      if (refused !== undefined) return refused;
      return { status: 202, body: answerOf([makeEntity(world, body)], true) };
    },
  },
  { method: "GET", path: ALL, permission: READ, run: list },
  {
    method: "DELETE",
    path: /^\/api\/v2\/catalog\/entity\/([^/]+)$/,
    permission: WRITE,
    run({ world, params }) {
      const wanted = params[0] ?? "";
      const entity = [...world.entities.values()].find(
        ({ id, ref }) => id === wanted || ref === fullRef(wanted),
      );
      if (entity === undefined) return errors(404, `entity ${wanted} not found`);
      world.entities.delete(entity.ref);
      return { status: 204 };
    },
  },
];

/** Stores an entity as Datadog would: as a whole, in place of one with the same name. */
export function makeEntity(world: FakeWorld, body: Fields): StoredEntity {
  const { id: _id, ...sent } = fieldsOf(body["metadata"]);
  const namespace = typeof sent["namespace"] === "string" ? sent["namespace"] : "default";
  const ref = `${String(body["kind"])}:${namespace}/${String(sent["name"])}`;
  const existing = world.entities.get(ref);
  const now = new Date().toISOString();
  const before = fieldsOf(fieldsOf(existing?.schema["metadata"])["managed"]);
  const managed = {
    origin: { origin: "unknown" },
    ingestionSource: "api",
    createdAt: before["createdAt"] ?? now,
    modifiedAt: now,
  };
  const kept = Object.entries(sent).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  const schema = { ...body, metadata: { ...Object.fromEntries(kept), namespace, managed } };
  const entity = { id: existing?.id ?? world.newHex(32), ref, schema };
  world.entities.set(ref, entity);
  return entity;
}

function list({ world, query }: FakeRequest): FakeAnswer {
  const [ref, kind, owner] = ["ref", "kind", "owner"].map((name) => query.get(`filter[${name}]`));
  const found = [...world.entities.values()].filter(
    (entity) =>
      (typeof ref !== "string" || entity.ref === fullRef(ref)) &&
      (typeof kind !== "string" || entity.schema["kind"] === kind) &&
      (typeof owner !== "string" || fieldsOf(entity.schema["metadata"])["owner"] === owner),
  );
  const offset = Number(query.get("page[offset]") ?? 0);
  const page = found.slice(offset, offset + Number(query.get("page[limit]") ?? 100));
  return { status: 200, body: answerOf(page, query.get("include") === "schema") };
}

function answerOf(entities: readonly StoredEntity[], isWithSchema: boolean): Fields {
  const data = entities.map(({ id, schema }) => {
    const { name, namespace, owner, tags, displayName, managed } = fieldsOf(schema["metadata"]);
    const { createdAt, modifiedAt } = fieldsOf(managed);
    return {
      id,
      type: "entity",
      attributes: {
        apiVersion: schema["apiVersion"],
        kind: schema["kind"],
        name,
        namespace,
        owner,
        tags,
        displayName,
      },
      meta: { createdAt, modifiedAt, ingestionSource: "api", origin: "unknown" },
      ...(isWithSchema ? { relationships: { schema: { data: { id, type: "schema" } } } } : {}),
    };
  });
  const included = entities.map(({ id, schema }) => ({ id, type: "schema", attributes: { schema } }));
  const meta = { count: data.length, includeCount: isWithSchema ? included.length : 0 };
  return { data, meta, ...(isWithSchema && included.length > 0 ? { included } : {}) };
}

function refusal(body: Fields): FakeAnswer | undefined {
  if (body["apiVersion"] !== "v3") return errors(400, "apiVersion: is not one of ['v3']");
  if (typeof body["kind"] !== "string" || !KINDS.has(body["kind"])) {
    return errors(400, `kind: '${String(body["kind"])}' is not a known kind`);
  }
  const name = fieldsOf(body["metadata"])["name"];
  return typeof name === "string" && name !== ""
    ? undefined
    : errors(400, "metadata: 'name' is a required property");
}

/** `ray` and `service:ray` are short for `service:default/ray`. */
function fullRef(ref: string): string {
  const [kind, rest] = ref.includes(":") ? [ref.split(":")[0], ref.slice(ref.indexOf(":") + 1)] : [];
  if (kind === undefined || rest === undefined) return `service:default/${ref}`;
  return rest.includes("/") ? ref : `${kind}:default/${rest}`;
}
