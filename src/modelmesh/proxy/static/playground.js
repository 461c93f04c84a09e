/** Sends a chat, shows how it is answered and by whom, and the same call as code. */

import { byId, element, offer, say } from "./element.js";
import * as feed from "./feed.js";
import { ask, events, Refusal, token } from "./mesh.js";
import * as panel from "./panel.js";
import * as snippets from "./snippets.js";
import * as trail from "./trail.js";
import { amount, duration, money, several, strategy as named } from "./words.js";

let running = null;
let last = null;
let language = "curl";

/** Tell which pools there are; those which do something else than chat are left out. */
export function know(pools) {
  const chats = ({ capabilities }) =>
    !capabilities.length || capabilities.some((name) => /text-generation|chat/.test(name));
  offer(byId("chat-pool"), Object.keys(pools).filter((id) => chats(pools[id])));
  write();
}

/** Take note of how a request ended: only the feed knows what a stream cost. */
export function ended(entry) {
  if (!entry?.end || entry.request !== last?.id) return;
  const priced = entry.attempts.some(({ cost }) => cost != null);
  last.cost = priced ? money(entry.cost) : "unknown";
  last.seconds = entry.seconds;
  trail.show(byId("chat-trail"), entry.attempts);
  tell();
}

function asked() {
  const body = {
    model: byId("chat-pool").value,
    messages: [{ role: "user", content: byId("prompt").value }],
  };
  return byId("chat-stream").checked ? { ...body, stream: true } : body;
}

function write() {
  say(byId("snippet"), snippets[language](asked(), Boolean(token.get())));
}

async function send() {
  running?.abort();
  const call = new AbortController();
  running = call;
  last = null;
  busy(true);
  clear();
  try {
    const body = asked();
    const reply = await ask("v1/chat/completions", { body, signal: call.signal });
    meet(reply.headers);
    if (body.stream) await follow(reply);
    else say(byId("said"), (await reply.json()).choices?.[0]?.message?.content ?? "");
  } catch (failure) {
    if (running === call) fail(failure, call.signal);
  } finally {
    if (running === call) busy(false);
  }
}

/** Show a stream as it comes. */
async function follow(reply) {
  for await (const { data } of events(reply)) {
    if (data === "[DONE]") return;
    const { error, choices } = JSON.parse(data);
    if (error) throw new Refusal(error.message, 200, error.attempts);
    byId("said").append(choices?.[0]?.delta?.content ?? "");
  }
}

/** Learn from the headers who answers. */
function meet(headers) {
  const get = (name) => headers.get(`x-modelmesh-${name}`);
  last = {
    id: headers.get("x-request-id"),
    model: get("model"),
    provider: get("provider"),
    attempts: Number(get("attempts")),
    overhead: get("overhead-ms"),
  };
  trail.show(byId("chat-trail"), trail.parse(get("trail")));
  tell();
  ended(feed.known(last.id)); // which may have been told of its end before
}

function tell() {
  const { model, provider, attempts, overhead, cost, seconds } = last;
  const parts = [`${model} at ${provider} answered`];
  if (attempts > 1) parts.push(`${several(attempts - 1, "failure")} went unnoticed`);
  const own = overhead && `${overhead} ms of it ModelMesh's own`;
  if (seconds != null) parts.push(`${duration(seconds)}, ${own}`);
  if (cost) parts.push(`cost ${cost}`);
  say(byId("outcome"), parts.join(" · "));
}

function fail(failure, signal) {
  if (signal.aborted) {
    say(byId("chat-wrong"), "Stopped.");
    return;
  }
  if (!(failure instanceof Refusal || failure instanceof TypeError)) throw failure;
  say(byId("chat-wrong"), failure.message);
  const attempts = failure.attempts ?? [];
  if (attempts.length) trail.show(byId("chat-trail"), attempts.map((one) => ({ end: "failed", ...one })));
}

function clear() {
  byId("answer").hidden = false;
  for (const id of ["said", "chat-wrong", "outcome"]) say(byId(id), "");
  trail.show(byId("chat-trail"), []);
}

function busy(is) {
  byId("stop").disabled = !is;
  byId("answer").ariaBusy = String(is);
}

async function explain() {
  try {
    const reply = await ask("v1/mesh/explain", { body: asked() });
    panel.open("Where it would go", "explain", ...explained(await reply.json()));
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    const told = element("p", { className: "wrong", textContent: failure.message });
    panel.open("Where it would go", "explain", told);
  }
}

function explained({ pool, strategy, next, targets }) {
  const names = ["place", "target", "can be asked", "why here", "expected cost", "left"];
  const rows = targets.map((target) => {
    const { place, target: id, why, eligible, reason, expected_cost: cost, limits = [] } = target;
    const verdict = eligible ? "yes" : `no: ${reason}`;
    const price = cost == null ? "–" : money(cost);
    const texts = [place, id, verdict, why, price, limits.map(left).join(", ") || "–"];
    const row = element("tr", {}, ...texts.map((textContent) => element("td", { textContent })));
    // On a phone each cell stands below the last one, with its name.
    names.forEach((name, at) => (row.children[at].dataset.of = name));
    row.dataset.eligible = eligible;
    return row;
  });
  const head = element("tr", {}, ...names.map((textContent) => element("th", { textContent })));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const wait = next?.seconds ? ` after ${duration(next.seconds)}` : "";
  const first = next ? `${next.target} would be asked first${wait}` : "No target would be asked";
  return [
    element("p", { className: "lead", textContent: first }),
    element("p", {
      className: "muted",
      textContent: `${pool}, ${named(strategy ?? "")} · for this prompt, now · no provider was asked`,
    }),
    element("div", { className: "scrolls", tabIndex: 0 }, table),
  ];
}

const left = ({ left: rest, amount: all, unit }) => {
  const of = all == null ? "" : ` of ${amount(all, unit)}`;
  return `${amount(rest, unit)}${of}${unit === "dollars" ? "" : ` ${unit}`}`;
};

async function copy({ target }) {
  const code = byId("snippet");
  try {
    await navigator.clipboard.writeText(code.textContent);
    say(target, "Copied");
  } catch {
    // Without TLS a browser has no clipboard for pages: it is marked, to be copied by hand.
    getSelection().selectAllChildren(code);
    say(target, "Selected: copy it");
  }
  setTimeout(() => say(target, "Copy"), 2000);
}

function speak(chosen) {
  language = chosen;
  for (const name of ["curl", "python"]) byId(`as-${name}`).ariaPressed = String(name === chosen);
  write();
}

byId("chat-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  send();
});
byId("chat-form").addEventListener("input", write);
byId("prompt").addEventListener("keydown", (press) => {
  if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) byId("chat-form").requestSubmit();
});
byId("stop").addEventListener("click", () => running?.abort());
byId("explain").addEventListener("click", explain);
byId("copy").addEventListener("click", copy);
for (const name of ["curl", "python"]) byId(`as-${name}`).addEventListener("click", () => speak(name));
