/**
 * Where people look at what this API serves: `https://api.datadoghq.eu` → `https://app.datadoghq.eu`.
 *
 * @see https://docs.datadoghq.com/getting_started/site/
 */
export function applicationUrl(apiUrl: string): string {
  const match = /^https:\/\/api\.([a-z0-9.-]+)$/.exec(apiUrl);
  if (match === null) return apiUrl;
  const site = match[1]!;
  return `https://${site.split(".").length === 2 ? `app.${site}` : site}`;
}
