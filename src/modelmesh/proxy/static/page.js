/** The page: asks the proxy how it fares, listens to what happens, and has the parts show it. */

import * as clock from "./clock.js";
import { byId, say } from "./element.js";
import * as feed from "./feed.js";
import { listen, Refusal, status, token } from "./mesh.js";
import * as playground from "./playground.js";
import * as pools from "./pools.js";
import { countdown, duration } from "./words.js";

const EVERY = 2000;
const SOON = 250;
const FORGOTTEN = 60_000;

let up = null;
let listening = null;
let timer = null;
let looking = false;
let leaving = null;

const seen = () => document.visibilityState === "visible";

/** Ask how everything fares, show it, and do so again in a while, as long as somebody looks. */
async function look() {
  clearTimeout(timer);
  if (looking) return;
  looking = true;
  try {
    show(await status());
    if (!listening) hear();
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    if (failure.status === 401) return askForToken();
    troubled(failure);
  } finally {
    looking = false;
  }
  lookIn(EVERY);
}

function lookIn(milliseconds) {
  clearTimeout(timer);
  if (seen()) timer = setTimeout(look, milliseconds);
}

function show(told) {
  const now = Date.now();
  const { worker, store, config_version: version, uptime_seconds: uptime } = told;
  for (const id of ["board", "facts"]) byId(id).hidden = false;
  byId("sign-in").hidden = byId("notice").hidden = true;
  byId("sign-out").hidden = !token.get();
  up = now - uptime * 1000;
  say(byId("version"), version);
  say(byId("worker"), `${worker.number} of ${worker.of}`);
  byId("store-fact").hidden = !store;
  say(byId("store"), store ? `${store.kept_in}${store.answers ? "" : " (away)"}` : "");
  say(byId("summary"), pools.summary(told));
  pools.show(byId("cards"), told, now);
  feed.know(told.pools);
  playground.know(told.pools);
  tick();
}

/** Listen to what happens, and look again soon where it changes how things stand. */
function hear() {
  listening = new AbortController();
  listen({ tell, changed, signal: listening.signal });
}

function tell(record) {
  if (record.event === "attempt.ended") pools.attempted(record, Date.now());
  playground.ended(feed.note(record));
  if (record.event.startsWith("cooldown.")) announce(record);
  if (!record.event.startsWith("request.")) lookIn(SOON);
}

/** Tell those who listen to the page of what matters most, and of nothing else. */
function announce({ event, id, seconds, time }) {
  if (Date.now() - Date.parse(time) > 5000) return;
  const told = event === "cooldown.began" ? `is left alone for ${duration(seconds)}` : "answers again";
  say(byId("announcer"), `${id} ${told}`);
}

function changed(state, seconds) {
  const text = { live: "live", refused: "no events", broken: `again in ${countdown(seconds)}` }[state];
  connection(state, text);
}

function connection(state, text) {
  byId("connection").dataset.state = state;
  say(byId("connection-text"), text);
}

function troubled({ status: code, message }) {
  connection("broken", code ? "refused" : "no connection");
  say(byId("notice"), code ? message : "The proxy does not answer. This page will try again.");
  byId("notice").hidden = false;
}

function quiet() {
  listening?.abort();
  listening = null;
  clearTimeout(timer);
}

function askForToken() {
  quiet();
  if (token.get()) say(byId("token-wrong"), "The proxy does not accept this token.");
  token.forget();
  for (const id of ["board", "facts", "sign-out", "notice"]) byId(id).hidden = true;
  connection("waiting", "signed out");
  byId("sign-in").hidden = false;
  byId("token").focus();
}

function tick() {
  if (up) say(byId("uptime"), countdown((Date.now() - up) / 1000));
  clock.tick(document, Date.now());
}

byId("sign-in-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const given = byId("token").value.trim();
  byId("token").value = "";
  token.keep(given);
  if (/^[!-~]+$/.test(given)) look();
  else askForToken();
});
byId("sign-out").addEventListener("click", () => {
  token.forget();
  location.reload();
});
document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (seen()) return look();
  clearTimeout(timer);
  // The proxy tells of requests only while somebody listens: nobody who went away does.
  leaving = setTimeout(quiet, FORGOTTEN);
});
setInterval(() => seen() && tick(), 500);
look();
