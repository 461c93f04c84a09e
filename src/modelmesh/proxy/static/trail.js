/** The way of a request: who was asked, what came of it, how long it took. */

import { element, keyed, measure, say } from "./element.js";
import { cause, count, duration, money } from "./words.js";

/** Read the header `x-modelmesh-trail` into attempts as events tell them. */
export function parse(header) {
  return (header ?? "").split(",").filter((part) => part.trim()).map((part) => {
    const [target, became, status, ms] = part.trim().split(";");
    const fine = became === "ok";
    return {
      target: decoded(target),
      end: fine ? "answered" : "failed",
      cause: fine ? null : became,
      status: status === "-" ? null : status,
      seconds: Number(ms) / 1000,
    };
  });
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Say in a few words what came of an attempt. */
export function became({ end, cause: kind, status }) {
  if (end === "failed") return `${cause(kind) || "failed"}${status ? ` (${status})` : ""}`;
  return end;
}

/** Show attempts in a list, each with a bar for its time. */
export function show(list, attempts) {
  const longest = Math.max(0.000001, ...attempts.map(({ seconds }) => seconds ?? 0));
  const numbered = attempts.map((attempt, place) => ({ ...attempt, place }));
  keyed(list, numbered, ({ place }) => place, make, (item, attempt) => {
    const [target, outcome, took, bar, more] = item.firstChild.parts;
    item.dataset.end = attempt.end;
    say(target, attempt.target ?? "nobody");
    say(outcome, became(attempt));
    say(took, duration(attempt.seconds));
    measure(bar, "share", `${(100 * (attempt.seconds ?? 0)) / longest}%`);
    say(more, details(attempt));
  });
}

function make() {
  const parts = ["target-id", "outcome", "took", "bar", "more"].map((className) =>
    element("span", { className }),
  );
  const row = element("div", { className: "attempt" }, ...parts);
  row.parts = parts;
  return element("li", {}, row);
}

function details({ first_token, tokens_in, tokens_out, cost, estimated }) {
  const parts = [];
  if (first_token != null) parts.push(`first token after ${duration(first_token)}`);
  if (tokens_in != null) parts.push(`${count(tokens_in)} tokens in, ${count(tokens_out)} out`);
  if (cost != null) parts.push(`${estimated ? "about " : ""}${money(cost)}`);
  return parts.join(" · ");
}
