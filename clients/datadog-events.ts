import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";

import { asIs, Calls, type CallOptions } from "./datadog-objects.ts";
import type { DatadogTransport } from "./datadog-transport.ts";

/** Something that dd-observe, or a person, changed. Texts that are too long for Datadog are cut. */
export interface ChangeEvent {
  readonly title: string;
  /** Markdown. */
  readonly message?: string | undefined;
  readonly tags: readonly string[];
  /** What was changed, by its name. */
  readonly resource: string;
  /** The services that it matters to. */
  readonly services?: readonly string[];
  readonly before?: object | undefined;
  readonly after?: object | undefined;
  /** Free facts: ids, links. */
  readonly metadata?: object | undefined;
  /** Events with the same key are shown as one. */
  readonly aggregationKey?: string | undefined;
  /** Now if absent. Datadog takes nothing that is older than 18 hours. */
  readonly atMs?: number | undefined;
}

export interface ChangeEvents {
  /** Posts one event. It can't be changed or taken back. */
  post(event: ChangeEvent, options: CallOptions): Promise<void>;
}

const AUTHOR = "dd-observe";
/** Limits of the API. */
const MAX = { title: 500, message: 4_000, tag: 200, name: 128, key: 100, items: 100 };

const calls = new Calls("events", { read: "events_read", write: "an API key alone" });

/**
 * Posts change events. With both keys they are events of the category `change`, which Datadog shows as
 * markers at the service; with the API key alone they are plain events.
 */
export function changeEvents(transport: DatadogTransport): ChangeEvents {
  return {
    async post(event, { priority = "status", ...options }) {
      const tried = `post the event "${event.title}"`;
      const call = { ...calls.write("createEvent", tried, { ...options, priority }), mayBeEmpty: true };
      if (transport.hasAppKey) {
        await transport.request(call, {
          method: "POST",
          path: "/api/v2/events",
          body: changeBody(event),
          baseUrl: intakeUrl(transport.url),
        });
        return;
      }
      await transport.send(call, async (configuration) => plainEvent(configuration, event));
    },
  };
}

/** Events of version 2 are taken in on another host. A base URL that isn't Datadog's is used as it is. */
export function intakeUrl(apiUrl: string): string {
  return apiUrl.replace(
    /^https:\/\/api\.((?:[a-z0-9]+\.)?(?:datadoghq\.(?:com|eu)|ddog-gov\.com))$/,
    "https://event-management-intake.$1",
  );
}

function changeBody(event: ChangeEvent): object {
  const { title, message, tags, resource, services = [], before, after, metadata, atMs } = event;
  const { aggregationKey } = event;
  const change = {
    changed_resource: { type: "configuration", name: cut(resource, MAX.name) },
    author: { type: "automation", name: AUTHOR },
    ...(services.length === 0 ? {} : { impacted_resources: services.slice(0, MAX.items).map(impacted) }),
    ...(before === undefined ? {} : { prev_value: before }),
    ...(after === undefined ? {} : { new_value: after }),
    ...(metadata === undefined ? {} : { change_metadata: metadata }),
  };
  const attributes = {
    category: "change",
    integration_id: "custom-events",
    title: cut(title, MAX.title),
    ...(message === undefined || message === "" ? {} : { message: cut(message, MAX.message) }),
    ...(tags.length === 0 ? {} : { tags: tagsWithin(tags) }),
    ...(aggregationKey === undefined ? {} : { aggregation_key: cut(aggregationKey, MAX.key) }),
    ...(atMs === undefined ? {} : { timestamp: new Date(atMs).toISOString() }),
    attributes: change,
  };
  return { data: { type: "event", attributes } };
}

async function plainEvent(configuration: Configuration, event: ChangeEvent) {
  const { title, message = "", tags, resource, services = [], aggregationKey, atMs } = event;
  const { EventsApiRequestFactory } =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/EventsApi.js");
  const body = {
    title: cut(title, MAX.title),
    text: message === "" ? resource : cut(message, MAX.message),
    tags: tagsWithin([...tags, ...services.map((service) => `service:${service}`)]),
    alert_type: "info",
    ...(aggregationKey === undefined ? {} : { aggregation_key: cut(aggregationKey, MAX.key) }),
    ...(atMs === undefined ? {} : { date_happened: Math.floor(atMs / 1_000) }),
  };
  return new EventsApiRequestFactory(configuration).createEvent(await asIs(body));
}

function impacted(service: string) {
  return { type: "service", name: cut(service, MAX.name) };
}

function tagsWithin(tags: readonly string[]): readonly string[] {
  return [...new Set(tags)].slice(0, MAX.items).map((tag) => cut(tag, MAX.tag));
}

/** Never ends in half a character. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}
