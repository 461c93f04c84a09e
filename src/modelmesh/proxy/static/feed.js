/** What happens, the newest first: changes, and requests with the way they went. */

import { byId, element, keyed, offer, say } from "./element.js";
import * as panel from "./panel.js";
import * as trail from "./trail.js";
import { cause, count, duration, money, percent, several, time } from "./words.js";

const KEPT = 300;
const SHOWN = 80;

const KINDS = [
  ["", "all", () => true],
  ["requests", "requests", ({ event }) => event === "request"],
  ["failovers", "failovers and failures", troubled],
  ["cooldowns", "cooldowns", ({ event }) => event.startsWith("cooldown.")],
  ["rotations", "rotations", ({ event }) => event === "pool.rotated"],
  ["limits", "limits", ({ event }) => event.startsWith("limit.")],
  ["models", "models", ({ event }) => event.startsWith("models.")],
  ["store", "store", ({ event }) => event.startsWith("store.")],
];

const SAYS = {
  "cooldown.began": (e) => [`${e.id} is left alone for ${duration(e.seconds)}`, cause(e.cause)],
  "cooldown.ended": (e) => [`${e.id} answers again`, ""],
  "pool.rotated": (e) => [`${e.after} is in front`, `${e.pool}, after ${e.before}`],
  "models.found": (e) => [`${e.provider} has ${several(e.models.length, "new model")}`, names(e.models)],
  "models.gone": (e) => [
    `${e.provider} does not list ${several(e.models.length, "model")}`,
    e.kept.length ? `${names(e.models)}; still served: ${names(e.kept)}` : names(e.models),
  ],
  "limit.near": (e) => [`${percent(e.share)} of a limit is used`, e.limit],
  "limit.reached": (e) => [
    `A limit is holding requests back from ${e.target}`,
    e.seconds ? `${e.limit}, for ${duration(e.seconds)}` : e.limit,
  ],
  "configuration.changed": (e) => ["The configuration has changed", e.changed.join(", ")],
  "configuration.refused": (e) => ["A new configuration was refused", `${e.problems} mistakes; the previous one stays in use`],
  "store.lost": (e) => ["The state store does not answer", e.store],
  "store.back": (e) => ["The state store answers again", e.store],
  lost: (e) => [`${several(e.count, "event")} passed too fast for this page`, ""],
};

/** Name a few, and say how many more there are. */
const names = (all) => all.slice(0, 5).join(", ") + (all.length > 5 ? ` and ${all.length - 5} more` : "");

const kept = [];
const requests = new Map();
let pools = {};
let paused = null;
let awaited = false;
let counted = 0;

function troubled(entry) {
  if (entry.event !== "request") return false;
  return entry.attempts.length > 1 || entry.end === "failed";
}

/** Note an event; return the request it is about, if any, with all that is known of it. */
export function note(record) {
  const entry = record.request ? ofRequest(record) : { ...record };
  if (!("key" in entry)) {
    entry.key = ++counted;
    kept.unshift(entry);
    for (const old of kept.splice(KEPT)) requests.delete(old.request);
  }
  refresh();
  return entry.event === "request" ? entry : null;
}

/** Return what is known of a request, if anything is. */
export const known = (id) => requests.get(id);

/** Put the records about one request together. */
function ofRequest(record) {
  const entry = requests.get(record.request) ?? { attempts: [] };
  requests.set(record.request, entry);
  if (record.event === "attempt.ended") {
    entry.attempts.push(record);
    if (!entry.time) Object.assign(entry, { time: record.time, pool: record.pool });
  } else {
    const began = entry.time;
    Object.assign(entry, { ...record, attempts: record.attempts ?? entry.attempts });
    if (began) entry.time = began;
  }
  return Object.assign(entry, { event: "request", request: record.request });
}

/** Tell which pools there are, with their targets. */
export function know(found) {
  pools = found;
  offer(byId("feed-pool"), Object.keys(found), [["", "all"]]);
}

/** Whether an event is about a pool: by its name, or by one of its targets. */
function isOf(entry, id) {
  if (!id || entry.pool === id) return true;
  if (entry.pool || !entry.id) return false;
  // Keys, and models at a key, are named after their provider.
  const named = ({ target, provider }) =>
    entry.of === "target" ? entry.id === target : entry.id.startsWith(provider);
  return (pools[id]?.targets ?? []).some(named);
}

/** Show it a little later, all that came in the meantime at once. */
function refresh() {
  if (awaited) return;
  awaited = true;
  setTimeout(() => {
    awaited = false;
    show();
  }, 120);
}

function show() {
  const list = paused ?? kept;
  const [, , fits] = KINDS.find(([kind]) => kind === byId("feed-kind").value);
  const pool = byId("feed-pool").value;
  const chosen = list.filter((entry) => fits(entry) && isOf(entry, pool)).slice(0, SHOWN);
  keyed(byId("events"), chosen, ({ key }) => key, make, fill);
  byId("no-events").hidden = chosen.length > 0;
  const news = paused && kept.length && kept[0].key - (paused[0]?.key ?? 0);
  say(byId("pause"), paused ? `Resume${news ? ` (${count(news)} new)` : ""}` : "Pause");
  for (const entry of requests.values())
    if (panel.shows(entry.request) && entry.looked !== stage(entry)) look(entry);
}

function make(entry) {
  const of = (className) => element("span", { className });
  const parts = { dot: of("dot"), time: of("time"), text: of("text"), more: of("more"), pips: of("pips") };
  parts.dot.ariaHidden = parts.pips.ariaHidden = "true";
  const isRequest = entry.event === "request";
  const row = element(isRequest ? "button" : "div", { className: "event" });
  const told = element("span", { className: "told" }, parts.text, parts.more);
  row.append(parts.dot, told, parts.pips, parts.time);
  if (isRequest) {
    row.type = "button";
    row.addEventListener("click", () => look(entry));
  }
  return Object.assign(element("li", {}, row), { parts });
}

function fill(item, entry) {
  const { parts } = item;
  const said = entry.event === "request" ? ofARequest(entry) : SAYS[entry.event]?.(entry);
  const [text, more] = said ?? [entry.event, ""];
  item.dataset.event = entry.event;
  item.dataset.end = entry.event === "request" ? (entry.end ?? "under way") : "";
  say(parts.text, text);
  say(parts.more, more);
  say(parts.time, time(entry.time ?? Date.now()));
  if (entry.event !== "request" || parts.pips.childElementCount === entry.attempts.length) return;
  const pips = entry.attempts.map(({ end }) => element("span", { className: `pip ${end}` }));
  parts.pips.replaceChildren(...pips);
}

function ofARequest({ pool, model, end, status, attempts, seconds, cost }) {
  const last = attempts.at(-1)?.target;
  const texts = {
    answered: `${last} answered`,
    failed: `Failed with ${status}`,
    cancelled: "The client left",
  };
  const parts = [pool || model || "no pool"];
  if (attempts.length > 1) parts.push(`${attempts.length} attempts`);
  if (seconds != null) parts.push(duration(seconds));
  if (cost) parts.push(money(cost));
  return [texts[end] ?? "Under way", parts.join(" · ")];
}

/** What changes of a request while it is looked at. */
const stage = ({ end, attempts }) => `${end} ${attempts.length}`;

/** Show a request's trail in the panel. */
function look(entry) {
  entry.looked = stage(entry);
  const list = element("ol", { className: "trail" });
  trail.show(list, entry.attempts);
  const [text, more] = ofARequest(entry);
  const facts = {
    request: entry.request,
    endpoint: entry.endpoint,
    streamed: entry.stream == null ? null : entry.stream ? "yes" : "no",
    status: entry.status,
    code: entry.code,
    began: time(entry.time),
  };
  const rows = Object.entries(facts)
    .filter(([, value]) => value != null)
    .map(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })])
    .map((pair) => element("div", {}, ...pair));
  panel.open(
    "A request's trail",
    entry.request,
    element("p", { className: "lead", textContent: text }),
    element("p", { className: "muted", textContent: more }),
    entry.attempts.length ? list : element("p", { className: "nothing", textContent: "No provider was asked." }),
    element("dl", { className: "rows" }, ...rows),
  );
}

byId("feed-kind").append(...KINDS.map(([value, text]) => new Option(text, value)));
for (const id of ["feed-kind", "feed-pool"]) byId(id).addEventListener("change", show);
byId("pause").addEventListener("click", ({ target }) => {
  paused = paused ? null : [...kept];
  target.ariaPressed = String(Boolean(paused));
  show();
});
