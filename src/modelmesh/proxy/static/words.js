/** How numbers and names are said. */

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clockTime = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** 12, 1,204, 1.2M. */
export const count = (number) =>
  number < 10_000 ? whole.format(number) : compact.format(number);

/** $0, <$0.00001, $0.0021, $1.20. */
export function money(dollars) {
  if (!dollars) return "$0";
  if (dollars < 0.00001) return "<$0.00001";
  if (dollars >= 1) return `$${dollars.toFixed(2)}`;
  return `$${dollars.toLocaleString("en", { maximumSignificantDigits: 2, maximumFractionDigits: 9 })}`;
}

/** 0.4 ms, 12 ms, 1.2 s, 34 s, 3 min, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return countdown(seconds);
}

/** 9 s, 3 min 5 s, 2 h 5 min, 3 d 4 h: for what ticks. */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds - 0.05));
  const parts = [
    [Math.floor(left / 86_400), "d"],
    [Math.floor(left / 3_600) % 24, "h"],
    [Math.floor(left / 60) % 60, "min"],
    [left % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount);
  if (first < 0) return "0 s";
  const told = parts.slice(first, first + 2).filter(([amount]) => amount);
  return told.map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** 82 %. */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** An amount in the unit of a limit. */
export const amount = (number, unit) => (unit === "dollars" ? money(number) : count(number));

/** rate_limit as "rate limit". */
export const cause = (kind) => String(kind ?? "").replaceAll("_", " ");

/** "1 failure", "3 failures". */
export const several = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** The time of day, such as 14:05:09. */
export const time = (moment) => clockTime.format(new Date(moment));

/** Add up numbers. */
export const sum = (numbers) => numbers.reduce((total, number) => total + (number || 0), 0);

/** modelmesh.stick-until-failure.v1 as "stick until failure". */
export const strategy = (connector) =>
  connector.replace(/^modelmesh\./, "").replace(/\.v\d+$/, "").replaceAll("-", " ");
