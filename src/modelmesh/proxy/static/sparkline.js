/** The latency of a target in the last minutes, as a small drawing. */

import { drawing } from "./element.js";
import { duration } from "./words.js";

const SPAN = 120_000;
const [WIDTH, HEIGHT, EDGE] = [180, 40, 3];
const MOST = 400;

/** What was seen of one target: `[moment, seconds]` of answers, moments of failures, medians. */
export class History {
  answers = [];
  failures = [];
  medians = [];

  /** Note an attempt that ended; a cancelled one says nothing of the target. */
  attempt({ end, seconds }, now) {
    if (end === "answered") this.answers.push([now, seconds]);
    else if (end === "failed") this.failures.push([now]);
  }

  /** Note what the proxy says of the last answers. */
  sample({ p50, p95 } = {}, now) {
    if (p50 != null) this.medians.push([now, p50, p95]);
  }

  /** Forget what is too old to be drawn. */
  trim(now) {
    for (const kind of ["answers", "failures", "medians"])
      this[kind] = this[kind].filter(([moment]) => moment > now - SPAN).slice(-MOST);
  }
}

/** Make an empty drawing. */
export function sparkline() {
  const parts = ["band", "median", "answers", "failures"].map((name) =>
    drawing("path", { class: name }),
  );
  const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
  return drawing("svg", { class: "sparkline", role: "img", ...size }, ...parts);
}

/** Draw a history: dots are answers, ticks failures, the line the median, the band goes up to p95. */
export function draw(svg, history, { p50, p95 } = {}, now) {
  history.trim(now);
  const { answers, failures, medians } = history;
  const highest = 1.25 * Math.max(0.001, ...answers.map(([, s]) => s), ...medians.map(([, , s]) => s));
  const x = (moment) => (WIDTH - EDGE - ((now - moment) / SPAN) * (WIDTH - 2 * EDGE)).toFixed(1);
  const y = (s) => (HEIGHT - EDGE - (s / highest) * (HEIGHT - 3 * EDGE)).toFixed(1);
  const line = (points) => points.map(([at, s], n) => `${n ? "L" : "M"}${x(at)} ${y(s)}`).join("");
  const above = medians.map(([at, , high]) => [at, high]);
  const back = [...medians].reverse().map(([at, s]) => `L${x(at)} ${y(s)}`).join("");
  const paths = {
    band: medians.length > 1 ? `${line(above)}${back}Z` : "",
    median: line(medians),
    answers: answers.map(([at, s]) => `M${x(at)} ${y(s)}h0`).join(""),
    failures: failures.map(([at]) => `M${x(at)} ${HEIGHT}v-9`).join(""),
  };
  for (const part of svg.children) part.setAttribute("d", paths[part.getAttribute("class")]);
  const told = `Latency of the last answers: median ${duration(p50)}, 95th percentile ${duration(p95)}`;
  svg.setAttribute("aria-label", p50 == null ? "No answers yet" : told);
}
