// The status page. It only reads, and everything from outside becomes text by way of textContent.

const REFRESH_MS = 2_000;
const STATES = {
  stalled: { sign: "✘", word: "needs a person", style: "bad", order: 0 },
  failing: { sign: "✘", word: "not ready", style: "bad", order: 1 },
  unknown: { sign: "…", word: "waiting", style: "wait", order: 2 },
  ready: { sign: "✔", word: "ready", style: "good", order: 3 },
};
/** In the order in which objects are shown; others come first. */
const KINDS = ["monitors", "slos", "dashboards", "downtimes", "metric-tags", "catalog", "agent-config"];
/** What an object of a controller is called. */
const NOUNS = {
  monitors: "monitor",
  slos: "SLO",
  dashboards: "dashboard",
  downtimes: "downtime",
  "metric-tags": "metric tags",
  catalog: "entity",
  "agent-config": "file",
};
/** In the order in which conditions of one gravity are shown; others come last. */
const CONDITIONS = [
  "Accepted",
  "MonitorsSynced",
  "SLOsSynced",
  "DashboardsSynced",
  "DowntimesSynced",
  "MetricTagsSynced",
  "CatalogSynced",
  "ConfigWritten",
  "AgentLoaded",
];
const GRAVITY = ["False", "Unknown", "True"];
/** Longer values are cut. */
const MOST_OF_A_VALUE = 160;
const SIGNS = { True: ["✔", "good"], False: ["✘", "bad"], Unknown: ["…", "wait"] };

const find = (id) => document.getElementById(id);
const table = document.querySelector("main > table");
/** By service: its part of the table, and what it shows. */
const rows = new Map();
/** Services whose details are open. */
const open = new Map();
const view = {
  services: [],
  state: undefined,
  text: "",
  etag: undefined,
  seenAt: 0,
  token: undefined,
  role: undefined,
};

/** Makes an element. A text is never markup. */
function make(tag, { text, style, ...rest } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (style !== undefined) element.className = style;
  for (const [name, value] of Object.entries(rest)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** `3 min` */
function ago(at) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1_000));
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `in 12 s`, or that it is over. */
function ahead(at) {
  const seconds = Math.round((Date.parse(at) - Date.now()) / 1_000);
  if (!Number.isFinite(seconds) || seconds <= 0) return "at the next pass";
  if (seconds < 60) return `in ${seconds} s`;
  return seconds < 3_600 ? `in ${Math.floor(seconds / 60)} min` : `in ${Math.floor(seconds / 3_600)} h`;
}

function sinceOf(at) {
  return make("span", { text: at === undefined ? "" : ago(at), "data-at": at ?? "", title: at ?? "" });
}

async function read(path, etag) {
  const headers = {};
  if (view.token !== undefined) headers["authorization"] = "Bearer ".concat(view.token);
  if (etag !== undefined) headers["if-none-match"] = etag;
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(10_000) });
  if (answer.status === 304) return undefined;
  if (answer.status === 401) {
    find("sign-in").hidden = false;
    throw new Error("a token is needed");
  }
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  find("sign-in").hidden = true;
  return { etag: answer.headers.get("etag") ?? undefined, value: await answer.json() };
}

function showProcess({ role, holder, clusterId, version, node, standing, leader, consul, progress, limits }) {
  view.role = role;
  const words =
    standing?.role === "leader"
      ? [`leads: ${holder}`, "good"]
      : standing?.role === "spare" || leader !== undefined
        ? [
            `${role === "node" ? "node" : "stands by"}; the leader is ${leader?.holder ?? "nobody"}`,
            leader ? "" : "bad",
          ]
        : standing?.role === "unknown"
          ? [`leadership unknown: ${standing.error}`, "bad"]
          : ["no controller leads", "bad"];
  find("leader").replaceChildren(
    make("strong", { text: clusterId }),
    " · ",
    make("span", { text: words[0], style: words[1] }),
  );
  showProgress(progress, limits);
  find("versions").textContent = `dd-observe ${version} · Node ${node} · Consul at ${consul}`;
}

/** What the leader's calls to Datadog wait for; where it is the leader that is asked, by limit. */
function showProgress(progress, limits = []) {
  const element = find("progress");
  element.hidden = progress === undefined;
  if (progress !== undefined && element.textContent !== progress.text) element.textContent = progress.text;
  element.title = limits
    .map(
      ({ name, remaining, limit, waiting }) => `${name}: ${remaining} of ${limit} left, ${waiting} waiting`,
    )
    .join("\n");
}

function showStates() {
  const counts = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
  for (const { state } of view.services) counts[state]++;
  const button = (state, text, style) => {
    const element = make("button", {
      text,
      type: "button",
      style,
      "aria-pressed": String(view.state === state),
    });
    element.addEventListener("click", () => {
      view.state = view.state === state ? undefined : state;
      showStates();
      showRows();
    });
    return element;
  };
  const focused = [...find("states").children].indexOf(document.activeElement);
  find("states").replaceChildren(
    button(undefined, `all ${view.services.length}`),
    ...Object.entries(STATES).map(([state, { word, style }]) =>
      button(state, `${word} ${counts[state]}`, counts[state] > 0 ? style : "quiet"),
    ),
  );
  if (focused >= 0) find("states").children[focused].focus();
}

function matches({ service, state, reason, message }) {
  if (view.state !== undefined && view.state !== state) return false;
  return view.text === "" || `${service} ${reason} ${message}`.toLowerCase().includes(view.text);
}

/** Brings the table in line with what is known, touching only the rows that changed. */
function showRows() {
  const shown = view.services.filter(matches);
  const names = new Set(view.services.map(({ service }) => service));
  for (const [service, { body }] of rows) {
    if (names.has(service)) continue;
    body.remove();
    rows.delete(service);
    open.delete(service);
  }
  let at = table.tHead.nextElementSibling;
  const visible = new Set();
  for (const summary of shown) {
    const body = rowOf(summary);
    visible.add(body);
    if (body === at) at = at.nextElementSibling;
    else table.insertBefore(body, at);
  }
  for (const { body } of rows.values()) if (!visible.has(body)) body.remove();
  find("nothing").hidden = shown.length > 0;
  find("nothing").textContent =
    view.services.length === 0
      ? "No service is observed yet. Tag one with dd-observe, or put a document for it."
      : "No service matches the filter.";
}

function rowOf(summary) {
  const { service, state, reason, message, since, objects } = summary;
  const text = JSON.stringify(summary);
  const before = rows.get(service);
  if (before?.text === text) return before.body;
  const { sign, word, style } = STATES[state];
  const name = make("button", {
    text: service,
    style: "service",
    type: "button",
    "aria-expanded": String(open.has(service)),
  });
  name.addEventListener("click", () => toggle(service));
  const row = make(
    "tr",
    {},
    make("td", { text: `${sign} ${word}`, style: `state ${style}` }),
    make("td", {}, name),
    make(
      "td",
      { style: state === "ready" ? "quiet" : "" },
      ...(state === "ready" ? [] : [make("span", { text: `${reason} `, style: "reason" })]),
      message,
    ),
    make("td", { style: "number quiet" }, sinceOf(since)),
    make("td", { text: String(objects), style: "number quiet" }),
  );
  const body = before?.body ?? make("tbody", { "data-service": service });
  const hadFocus = body.contains(document.activeElement) && document.activeElement.className === "service";
  if (body.rows.length > 0) body.rows[0].replaceWith(row);
  else body.append(row);
  if (hadFocus) name.focus();
  rows.set(service, { body, text });
  return body;
}

function toggle(service) {
  const { body } = rows.get(service) ?? {};
  if (open.has(service)) {
    open.delete(service);
    body?.rows[1]?.remove();
  } else {
    open.set(service, undefined);
    void refreshDetails(service).catch(lost);
  }
  body?.querySelector(".service").setAttribute("aria-expanded", String(open.has(service)));
  location.replace(`#${[...open.keys()].map(encodeURIComponent).join(",")}`);
}

async function refreshDetails(service) {
  const answer = await read(`/v1/services?service=${encodeURIComponent(service)}`, open.get(service));
  const body = rows.get(service)?.body;
  if (answer === undefined || body === undefined || !open.has(service)) return;
  open.set(service, answer.etag);
  const cell = make("td", { colspan: "5" }, detailsOf(answer.value));
  body.rows[1]?.remove();
  body.append(make("tr", {}, cell));
}

function detailsOf(statuses) {
  // At night the first line is the one that is read.
  const conditions = statuses
    .flatMap(({ writer, conditions: own }) => own.map((one) => ({ ...one, writer })))
    .sort((a, b) => GRAVITY.indexOf(a.status) - GRAVITY.indexOf(b.status) || rankOf(a.type) - rankOf(b.type));
  const objects = statuses
    .flatMap(({ objects: own }) => own)
    .sort((a, b) => KINDS.indexOf(a.controller) - KINDS.indexOf(b.controller) || (a.key < b.key ? -1 : 1));
  const drift = objects.flatMap(({ key, drift: fields = [] }) => fields.map((field) => ({ ...field, key })));
  const events = statuses
    .flatMap(({ events: own }) => own)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1));
  return make(
    "div",
    { style: "details" },
    ...section(
      "Conditions",
      conditions,
      ({ type, status, reason, message, writer, lastTransitionTime, observedGeneration }) => [
        make("span", { text: `${SIGNS[status]?.[0] ?? "?"} ${type}`, style: SIGNS[status]?.[1] ?? "" }),
        make(
          "span",
          { style: reason === "NothingWanted" ? "calm" : "" },
          make("span", { text: `${reason} `, style: "reason" }),
          message,
        ),
        make("span", { text: writer === "controller" ? "" : `on ${writer}`, style: "quiet" }),
        make("span", {
          text: observedGeneration > 0 ? `document ${observedGeneration}` : "",
          style: "quiet",
        }),
        sinceOf(lastTransitionTime),
      ],
    ),
    ...section("Changed by hand", drift, ({ key, path, wanted, found, since, until, by }) => [
      make("span", { text: key, style: "code" }),
      path === ""
        ? make("span", { text: "deleted" })
        : make(
            "span",
            {},
            make("span", { text: path, style: "code" }),
            `: ${valueOf(wanted)} → ${valueOf(found)}`,
          ),
      make("span", { style: "quiet" }, ...endOf(until), by === undefined ? "" : `, by ${by}`),
      sinceOf(since),
    ]),
    ...section("Objects", objects, ({ controller, key, ref, link }) => [
      make("span", { text: NOUNS[controller] ?? controller }),
      make("span", { text: key, style: "code" }),
      make(
        "span",
        {},
        link === undefined ? make("span", { text: ref, style: "code" }) : linkTo(link, ref),
        ...previewOf(controller, key),
      ),
    ]),
    ...section("Events", events, ({ reason, message, count, lastSeen }) => [
      make("span", { text: count > 1 ? `${reason} ×${count}` : reason }),
      make("span", { text: message }),
      sinceOf(lastSeen),
    ]),
  );
}

function rankOf(type) {
  const at = CONDITIONS.indexOf(type);
  return at < 0 ? CONDITIONS.length : at;
}

/** What was too long to be stored is a text that was cut already. */
function valueOf(value) {
  if (value === undefined) return "(none)";
  const text = typeof value === "string" && value.endsWith("…") ? value : JSON.stringify(value);
  return text.length <= MOST_OF_A_VALUE ? text : `${text.slice(0, MOST_OF_A_VALUE - 1)}…`;
}

/** What becomes of an edit, and when. */
function endOf(until) {
  if (until === "never") return ["only reported"];
  if (until === undefined) return ["set right at the next pass"];
  return ["set right ", make("span", { text: ahead(until), "data-until": until, title: until })];
}

function linkTo(link, text) {
  if (!link.startsWith("https://")) return make("span", { text, style: "code" });
  return make("a", { text, href: link, target: "_blank", rel: "noreferrer" });
}

/** A browser sends no token with a link; where one is asked for, the command shows the same. */
function previewOf(controller, key) {
  if (controller !== "dashboards" || view.token !== undefined || view.role === "node") return [];
  const href = `/dashboard?key=${encodeURIComponent(key)}`;
  return [" · ", make("a", { text: "layout", href, target: "_blank" })];
}

function section(title, items, cellsOf) {
  if (items.length === 0) return [];
  const lines = items.map((item) => {
    const cells = cellsOf(item);
    return make(
      "tr",
      {},
      ...cells.map((cell, at) =>
        make("td", { style: at > 0 && at === cells.length - 1 ? "number quiet" : "" }, cell),
      ),
    );
  });
  return [make("h2", { text: title }), make("table", {}, make("tbody", {}, ...lines))];
}

function lost(error) {
  const seconds = Math.round((Date.now() - view.seenAt) / 1_000);
  find("freshness").textContent =
    view.seenAt === 0 ? `no answer: ${error.message}` : `no answer for ${seconds} s; this may be old`;
  find("freshness").className = "fact warning";
}

async function refresh() {
  try {
    const [process, summary] = await Promise.all([read("/v1/process"), read("/v1/summary", view.etag)]);
    showProcess(process.value);
    if (summary !== undefined) {
      view.etag = summary.etag;
      view.services = summary.value.sort(
        (a, b) => STATES[a.state].order - STATES[b.state].order || (a.service < b.service ? -1 : 1),
      );
      showStates();
      showRows();
    }
    await Promise.all([...open.keys()].map(refreshDetails));
    view.seenAt = Date.now();
    find("freshness").textContent = `as of ${new Date().toLocaleTimeString()}`;
    find("freshness").className = "fact quiet";
  } catch (error) {
    lost(error);
  }
  for (const element of document.querySelectorAll("[data-at]")) {
    const text = element.dataset.at === "" ? "" : ago(element.dataset.at);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of document.querySelectorAll("[data-until]"))
    element.textContent = ahead(element.dataset.until);
}

let isRefreshing = false;

/** Refreshes again and again while someone looks. */
async function follow() {
  if (isRefreshing) return;
  isRefreshing = true;
  while (!document.hidden) {
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
  isRefreshing = false;
}

find("filter").addEventListener("input", (event) => {
  view.text = event.target.value.trim().toLowerCase();
  showRows();
});
find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  view.token = new FormData(event.target).get("token");
  event.target.reset();
  void refresh();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  find("filter").focus();
});
document.addEventListener("visibilitychange", () => {
  void follow();
});
for (const service of location.hash.slice(1).split(","))
  if (service !== "") open.set(decodeURIComponent(service), undefined);
void follow();
