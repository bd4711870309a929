import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";
import type {
  HttpMethod,
  RequestContext,
} from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/http/http.js";

/** One operation of the API, in its own terms. */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With placeholders: `/api/v2/metrics/{metric_name}/tags`. */
  readonly path: string;
  /** Values of the placeholders. They are escaped here. */
  readonly params?: Readonly<Record<string, string>>;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON, as it is. */
  readonly body?: object;
  /** Takes the place of the API's base URL, for the one operation that lives on another host. */
  readonly baseUrl?: string;
  /** Both keys if absent. */
  readonly keys?: "both" | "apiKey";
}

/** Builds a request as the client's own factories do, without a model of the body. */
export async function buildRequest(
  configuration: Configuration,
  { method, path, params = {}, query = {}, body, baseUrl, keys = "both" }: Operation,
): Promise<RequestContext> {
  const { applySecurityAuthentication } =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js");
  const target = filled(path, params);
  // The client's methods are an enum whose values are these texts.
  const request = configuration.getServer("").makeRequestContext(target, method as HttpMethod);
  if (baseUrl !== undefined) request.setUrl(baseUrl + target);
  request.setHeaderParam("Accept", "application/json");
  if (configuration.isIaC) request.setHeaderParam("X-Datadog-Managed-By", "iac");
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) request.setQueryParam(name, String(value), "");
  }
  if (body !== undefined) {
    request.setHeaderParam("Content-Type", "application/json");
    request.setBody(JSON.stringify(body));
  }
  applySecurityAuthentication(
    configuration,
    request,
    keys === "both" ? ["apiKeyAuth", "appKeyAuth"] : ["apiKeyAuth"],
  );
  return request;
}

function filled(path: string, params: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_placeholder, name: string) => {
    const value = params[name];
    if (value === undefined || value === "" || value === "." || value === "..") {
      throw new Error(`The path ${path} needs a value for ${name}`);
    }
    return encodeURIComponent(value);
  });
}
