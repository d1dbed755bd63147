// Verdicts on their way to the server. Each is kept in this browser until it is answered, and sent in the order of the presses.
// It carries the id of its press, so however often it is sent, the server takes it once. What is kept belongs to one person.
// Every page sends what waits; the case page says so.
"use strict";

window.review = window.review || {};

window.review.outbox = ({ shows, answered, changed }) => {
  const { person, decide, undo } = document.body.dataset;
  const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const PREFIX = `review:${person}:`;
  const LONGEST_WAIT = 15000;
  const TIMEOUT = 15000;
  let entries = [];
  let sending = null;
  let state = "";
  let failures = 0;
  let timer = 0;
  let presses = 0;

  // A browser may forbid storage; then what waits lives as long as the page.
  const stored = (act) => {
    try {
      return act(window.localStorage);
    } catch {
      return null;
    }
  };
  const load = () =>
    stored((storage) =>
      Object.keys(storage)
        .filter((key) => key.startsWith(PREFIX))
        .sort()
        .map((key) => Object.assign(JSON.parse(storage.getItem(key)), { key }))
    ) || [];
  const save = (entry) => stored((storage) => storage.setItem(entry.key, JSON.stringify(entry)));
  const forget = (entry) => {
    entries = entries.filter((kept) => kept.key !== entry.key);
    stored((storage) => storage.removeItem(entry.key));
  };

  const waiting = () => entries.filter((entry) => !entry.refused);
  const refusals = () => entries.filter((entry) => entry.refused);
  const become = (next) => {
    state = next;
    changed();
  };

  const add = (entry) => {
    presses += 1;
    const kept = Object.assign(entry, { key: `${PREFIX}${String(Date.now()).padStart(15, "0")}-${String(presses).padStart(5, "0")}` });
    entries.push(kept);
    save(kept);
    changed();
    flush();
  };

  // One try. Returns the answer, or null where there was none and the verdict waits.
  const send = async (entry) => {
    const isLast = waiting().length === 1;
    const fields = entry.kind === "undo" ? { press: entry.fields.request_id, escalated: entry.fields.escalated || "" } : entry.fields;
    const body = new URLSearchParams(Object.assign({}, fields, { person }, isLast ? { shows: shows() } : {}));
    let response;
    try {
      response = await fetch(entry.kind === "undo" ? undo : decide, {
        method: "POST",
        body,
        headers: { Accept: "application/json", "X-CSRFToken": csrf },
        redirect: "manual",
        keepalive: true,
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (response.type === "opaqueredirect" || response.status === 403) return become("signed-out"), null;
      if (response.status >= 500 || response.status === 429) return become("waiting"), null;
      const answer = await response.json();
      if (answer.stranger) return become("stranger"), null;
      return answer;
    } catch {
      become("waiting");
      return null;
    }
  };

  const flush = async () => {
    if (sending || !waiting().length) return;
    window.clearTimeout(timer);
    for (let entry = waiting()[0]; entry; entry = waiting()[0]) {
      sending = entry;
      if (!entry.tried) {
        entry.tried = true;
        save(entry);
      }
      const answer = await send(entry);
      sending = null;
      if (!answer) {
        failures += 1;
        timer = window.setTimeout(flush, Math.min(LONGEST_WAIT, 500 * 2 ** failures));
        return;
      }
      failures = 0;
      if (answer.kept) forget(entry);
      else save(Object.assign(entry, { refused: answer.why }));
      become("");
      answered(entry, answer);
    }
  };

  // Take the latest verdict back that was not answered yet. Null where there is none, or where it is on its way this moment.
  const takeBack = () => {
    const entry = waiting().filter((kept) => kept.kind !== "undo").pop();
    if (!entry || (sending && sending.key === entry.key)) return null;
    if (entry.tried) save(Object.assign(entry, { kind: "undo" }));
    else forget(entry);
    changed();
    flush();
    return entry;
  };

  entries = load();
  // Another tab of the same person's sends and adds too.
  window.addEventListener("storage", (event) => {
    if (!event.key || !event.key.startsWith(PREFIX)) return;
    entries = load();
    changed();
  });
  window.addEventListener("online", () => {
    failures = 0;
    flush();
  });

  return { add, flush, takeBack, waiting, refusals, forget, sending: () => sending, state: () => state };
};

document.addEventListener("DOMContentLoaded", () => {
  if (document.getElementById("review") || !document.body.dataset.person) return;
  window.review.outbox({ shows: () => "*", answered: () => {}, changed: () => {} }).flush();
});
