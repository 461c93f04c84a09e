/** Speaks with the proxy that serves this page. Keeps the token, which goes into no other place. */

const KEPT = "modelmesh.token";
const PATIENCE = 10_000;

let known = new Set();

/** Why the proxy did not answer as asked. `status` is 0 where nobody answered at all. */
export class Refusal extends Error {
  constructor(message, status, attempts = []) {
    super(message);
    this.status = status;
    this.attempts = attempts;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEPT),
  keep: (given) => sessionStorage.setItem(KEPT, given),
  forget: () => sessionStorage.removeItem(KEPT),
};

/** Return the address of a path, wherever the proxy is mounted. */
export const address = (path) => new URL(path, document.baseURI).href;

/** Ask how everything fares. Throws Refusal. */
export async function status() {
  const reply = await ask("v1/mesh/status", { signal: AbortSignal.timeout(PATIENCE) });
  return reply.json();
}

/** Ask the proxy; return its reply. Throws Refusal, or AbortError where `signal` ended it. */
export async function ask(path, { body, signal } = {}) {
  const headers = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body) headers["content-type"] = "application/json";
  const options = { method: body ? "POST" : "GET", headers, signal, cache: "no-store" };
  if (body) options.body = JSON.stringify(body);
  let reply;
  try {
    reply = await fetch(address(path), options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Refusal("The proxy does not answer.", 0);
  }
  if (!reply.ok) throw await refusal(reply);
  return reply;
}

async function refusal(reply) {
  const text = await reply.text().catch(() => "");
  try {
    const { error } = JSON.parse(text);
    return new Refusal(error.message, reply.status, error.attempts);
  } catch {
    return new Refusal(text || `The proxy answered with ${reply.status}.`, reply.status);
  }
}

/** Give the server-sent events of a reply, as `{event, id, data}`. */
export async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = blocks.pop();
      yield* blocks.map(parsed).filter(({ data }) => data);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const found = { event: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, text] = line.match(/^(event|id|data): ?(.*)$/) ?? [];
    if (name) found[name] += name === "event" ? "" : text;
    if (name === "event") found.event = text;
  }
  return found;
}

/**
 * Listen to what happens, until `signal` ends it. Comes back after a break, at first soon, then
 * ever later. `tell(record)` gets each event once, though the proxy begins with old ones each time;
 * `changed(state, seconds)` is told "live", or "broken" with the time to the next try.
 */
export async function listen({ tell, changed, signal }) {
  let pause = 0.5;
  while (!signal.aborted) {
    try {
      const reply = await ask("v1/mesh/events", { signal });
      changed("live");
      pause = 0.5;
      for await (const { event, id, data } of events(reply)) {
        if (known.has(id)) continue;
        if (id) known.add(id);
        if (known.size > 2000) known = new Set([...known].slice(-500));
        tell({ ...JSON.parse(data), event });
      }
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof Refusal || failure instanceof TypeError)) throw failure;
      if (failure.status === 401 || failure.status === 403) return changed("refused");
    }
    changed("broken", pause);
    await rest(pause, signal);
    pause = Math.min(15, pause * 2);
  }
}

function rest(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
