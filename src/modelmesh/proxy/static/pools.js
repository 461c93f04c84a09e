/** The pools, each as a card with its targets. */

import * as clock from "./clock.js";
import { element, keyed, measure, say } from "./element.js";
import { limits } from "./limits.js";
import { draw, History, sparkline } from "./sparkline.js";
import { cause, count, duration, money, percent, several, strategy, sum } from "./words.js";

const FIGURES = {
  answers: (target) => count(target.answers),
  failures: (target) => count(sum(Object.values(target.failures))),
  "under way": (target) => count(target.in_flight),
  "tokens in": (target) => count(target.tokens_in),
  "tokens out": (target) => count(target.tokens_out),
  spent: (target) => `${target.spent_estimated ? "≈ " : ""}${money(target.spent)}`,
};

const histories = new Map();

const historyOf = (target) => {
  if (!histories.has(target)) histories.set(target, new History());
  return histories.get(target);
};

/** Note an attempt that ended, for the drawings. */
export const attempted = (record, now) => historyOf(record.target).attempt(record, now);

/** Show what the proxy says of its pools. */
export function show(cards, status, now) {
  const pools = Object.entries(status.pools).map(([id, pool]) => ({ id, ...pool }));
  const stats = status.stats?.targets ?? {};
  keyed(cards, pools, ({ id }) => id, makePool, (card, pool) => {
    const answers = sum(pool.targets.map((target) => target.answers));
    const own = status.stats?.pools?.[pool.id] ?? {};
    say(card.about, aboutPool(pool, own));
    keyed(card.targets, pool.targets, ({ target }) => target, makeTarget, (item, target) => {
      fill(item, target, { pool, answers, latency: stats[target.target]?.latency, now });
    });
  });
}

/** Say all in one line. */
export function summary({ pools }) {
  const all = Object.values(pools).flatMap((pool) => pool.targets);
  const each = [...new Map(all.map((target) => [target.target, target])).values()];
  const ready = each.filter(({ state }) => state === "ready").length;
  const tokens = sum(each.map((one) => one.tokens_in + one.tokens_out));
  return [
    `${ready} of ${several(each.length, "target")} ready`,
    several(sum(each.map((one) => one.answers)), "answer"),
    several(sum(each.map((one) => sum(Object.values(one.failures)))), "failed attempt"),
    `${count(tokens)} tokens`,
    `${money(sum(each.map((one) => one.spent)))} spent`,
  ].join(" · ");
}

function aboutPool(pool, own) {
  const parts = [strategy(pool.strategy), several(pool.targets.length, "target")];
  if (own.rotations) parts.push(several(own.rotations, "rotation"));
  if (own.latency?.p50 != null) parts.push(`median ${duration(own.latency.p50)}`);
  if (own.spent) parts.push(`${money(own.spent)} spent`);
  return parts.join(" · ");
}

function makePool({ id }) {
  const about = element("p", { className: "about" });
  const targets = element("ul", { className: "targets" });
  const title = element("h3", { textContent: id });
  const head = element("div", { className: "bar-of-title" }, title, about);
  const card = element("article", { className: "pool card" }, head, targets);
  return Object.assign(card, { about, targets });
}

function makeTarget({ target, provider }) {
  const of = (name) => element("span", { className: name });
  const known = target.startsWith(`${provider}/`);
  const parts = {
    front: element("span", { className: "front", textContent: "in front" }),
    state: of("state"),
    why: of("why"),
    clock: clock.clock("again in", "clock"),
    drain: of("bar drain"),
    svg: sparkline(),
    latency: of("figure"),
    bar: of("bar"),
    share: of("figure"),
    figures: Object.fromEntries(Object.keys(FIGURES).map((name) => [name, element("dd")])),
    limits: element("ul", { className: "limits" }),
  };
  const name = element(
    "h4",
    {},
    element("span", { className: "muted", textContent: known ? `${provider}/` : "" }),
    known ? target.slice(provider.length + 1) : target,
  );
  const title = element("div", { className: "name" }, name, parts.front);
  const figures = Object.entries(parts.figures).map(([title, value]) =>
    element("div", {}, element("dt", { textContent: title }), value),
  );
  const standing = element("p", { className: "standing" }, parts.state, parts.why, parts.clock);
  const item = element(
    "li",
    { className: "target" },
    element("div", { className: "who" }, title, standing, parts.drain),
    element("div", { className: "latency" }, parts.svg, parts.latency),
    element("div", { className: "traffic" }, parts.bar, parts.share),
    element("dl", { className: "figures" }, ...figures),
    parts.limits,
  );
  return Object.assign(item, { parts });
}

function why(target) {
  if (target.state === "on trial") return "the next request tries it";
  const used = target.limits.some(({ left }) => left <= 0);
  return cause(target.cause) || (used ? "a limit is used up" : "");
}

function fill(item, target, { pool, answers, latency, now }) {
  const { parts } = item;
  item.dataset.state = target.state;
  // Others than this strategy do not begin with the target in front.
  parts.front.hidden = pool.current !== target.target || !/stick/.test(pool.strategy);
  say(parts.state, target.state);
  say(parts.why, why(target));
  clock.count(parts.clock, target.seconds_left, now, parts.drain);
  const share = answers ? target.answers / answers : 0;
  measure(parts.bar, "share", `${100 * share}%`);
  say(parts.share, answers ? `${percent(share)} of the answers` : "no answers yet");
  for (const [name, tell] of Object.entries(FIGURES)) say(parts.figures[name], tell(target));
  const history = historyOf(target.target);
  history.sample(latency, now);
  draw(parts.svg, history, latency, now);
  const told = [`median ${duration(latency?.p50)}`, `p95 ${duration(latency?.p95)}`]
    .map((one) => one.replaceAll(" ", "\u00a0")) // only between them a line may end
    .join(" · ");
  say(parts.latency, latency?.p50 == null ? "no latency yet" : told);
  limits(parts.limits, target, now);
}
