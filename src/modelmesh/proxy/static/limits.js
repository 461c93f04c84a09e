/** What limits leave of a target: budgets, rates, quotas, and what its vendor tells itself. */

import { clock, count } from "./clock.js";
import { element, keyed, measure, say } from "./element.js";
import { amount } from "./words.js";

const NEAR = 0.8;

/** Show a target's limits in a list. */
export function limits(list, target, now) {
  list.hidden = !target.limits.length;
  keyed(list, target.limits, ({ limit, source }) => `${source} ${limit}`, make, (item, limit) => {
    const { label, bar, left, resets } = item.parts;
    const share = limit.amount ? (limit.amount - limit.left) / limit.amount : 0;
    item.title = limit.limit;
    item.dataset.level = limit.left <= 0 ? "empty" : share >= NEAR ? "near" : "fine";
    say(label, named(limit, target.provider));
    say(left, rest(limit));
    bar.hidden = limit.amount == null;
    measure(bar, "share", `${Math.min(100, 100 * share)}%`);
    count(resets, limit.renewed_in, now);
  });
}

function make() {
  const of = (className) => element("span", { className });
  const resets = clock("resets in", "resets");
  const parts = { label: of("label"), bar: of("bar"), left: of("rest"), resets };
  const under = element("span", { className: "under" }, parts.left, resets);
  return Object.assign(element("li", {}, parts.label, parts.bar, under), { parts });
}

/** Return a limit's name without whose it is, which stands above it. */
function named({ limit, source, unit }, provider) {
  if (source === "vendor") return `${unit}, as the vendor says`;
  for (const start of [`${provider}: `, `${provider}, `])
    if (limit.startsWith(start)) return limit.slice(start.length);
  return limit;
}

function rest({ unit, taken, left, amount: all }) {
  if (unit === "dollars") return `${amount(taken, unit)} spent`;
  return all == null ? `${amount(left, unit)} left` : `${amount(left, unit)} of ${amount(all, unit)} left`;
}
