/** What counts down on the page, without asking the proxy each time. */

import { element, measure, say } from "./element.js";
import { countdown } from "./words.js";

// What is asked twice is answered with some milliseconds of difference.
const SAME = 700;

/** Make what says, after `lead`, how long it takes until something. */
export function clock(lead, className) {
  const left = element("span", { className: "left" });
  return Object.assign(element("span", { className, hidden: true }, `${lead} `, left), { left });
}

/** Count down so many seconds; a bar that is given along empties itself in that time. */
export function count(clock, seconds, now, bar = null) {
  clock.hidden = !(seconds > 0);
  if (bar) bar.hidden = clock.hidden;
  const moment = clock.hidden ? 0 : now + seconds * 1000;
  if (Math.abs(moment - (clock.left.dataset.until ?? 0)) < SAME) return;
  clock.left.dataset.until = moment;
  say(clock.left, countdown(seconds));
  if (bar) Object.assign(bar.dataset, { emptyAt: moment, full: seconds * 1000 });
}

/** Let everything that counts down go on. */
export function tick(page, now) {
  for (const left of page.querySelectorAll("[data-until]"))
    say(left, countdown((left.dataset.until - now) / 1000));
  for (const bar of page.querySelectorAll("[data-empty-at]")) {
    const share = (100 * (bar.dataset.emptyAt - now)) / bar.dataset.full;
    measure(bar, "share", `${Math.max(0, Math.min(100, share))}%`);
  }
}
