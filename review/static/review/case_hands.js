// The hands on the case page: keys, presses, and the sign of life while somebody is here.
"use strict";

window.review = window.review || {};

// `acts` are what a key or a press can do, by name; `reason` gives one for a reject, `decide` takes what a form says, `open` opens a
// candidate, `flush` sends what waits.
window.review.caseHands = ({ page, box, current, open, acts, reason, decide, flush }) => {
  const BEAT = 30000;
  const AWAY = 600000;
  const { nameOf, bound } = window.review.keys;
  const keys = bound();
  const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  let seenAt = Date.now();

  document.addEventListener("keydown", (event) => {
    seenAt = Date.now();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("textarea, input, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const name = nameOf(event);
    const act = keys[name] || { arrowdown: "next", arrowup: "previous" }[name];
    const reasons = current() && current().querySelector("details.reasons[open]");
    if (document.getElementById("help").open && act !== "help") return;
    if (reasons && name === "escape") {
      reasons.open = false;
      box().focus({ preventScroll: true });
    } else if (reasons && name === "enter" && !event.target.closest("button, summary, a")) acts.reject();
    else if (!act || (event.repeat && !["next", "previous"].includes(act))) return;
    else if (acts[act]) acts[act]();
    else reason(act);
    event.preventDefault();
  });

  document.addEventListener("submit", (event) => {
    if (event.target.matches("form.verdict")) {
      event.preventDefault();
      decide(event.target, event.submitter || event.target.querySelector(".verdicts button"));
    } else if (event.target.matches("form.undo")) {
      event.preventDefault();
      acts.undo();
    }
  });

  document.addEventListener("click", (event) => {
    seenAt = Date.now();
    const fold = event.target.closest("a.fold");
    if (fold) {
      event.preventDefault();
      if (!fold.closest(".decided")) open(fold.closest(".candidate"));
    } else if (event.target.closest("[data-help]")) acts.help();
    else if (event.target.closest("#outbox [data-again]")) flush();
  });

  // The hold lives as long as somebody is here, and a heartbeat that is answered says that the connection is back.
  window.setInterval(async () => {
    if (!page.heartbeat || Date.now() - seenAt > AWAY) return;
    try {
      const response = await fetch(page.heartbeat, { method: "POST", headers: { "X-CSRFToken": csrf }, redirect: "manual" });
      if (response.ok) flush();
    } catch {
      // The next one may be heard.
    }
  }, BEAT);
};
