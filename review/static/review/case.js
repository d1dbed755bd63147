// The case page by keyboard: verdicts, notes, moving about. Without this file the page works by its buttons and links.
"use strict";

(() => {
  let shownAt = performance.now();

  const current = () => document.querySelector(".candidate.current");

  // crypto.randomUUID needs a secure context, and a shop's own server may speak plain http.
  const pressId = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  const drawn = () => {
    shownAt = performance.now();
    const candidate = current();
    if (candidate) candidate.scrollIntoView({ block: "nearest" });
  };

  const open = (candidate) => {
    if (!candidate || candidate === current()) return;
    const before = current();
    if (before) {
      before.classList.remove("current");
      before.removeAttribute("aria-current");
    }
    candidate.classList.add("current");
    candidate.setAttribute("aria-current", "true");
    drawn();
  };

  const move = (step) => {
    const all = [...document.querySelectorAll(".candidate")];
    open(all[all.indexOf(current()) + step]);
  };

  const press = (key) => {
    const scope = key === "z" ? document : current();
    const button = scope && scope.querySelector(`[data-key="${key}"]`);
    if (button) button.click();
  };

  const writeNote = () => {
    const note = current() && current().querySelector("details.note");
    if (!note) return;
    note.open = true;
    note.querySelector("textarea").focus();
  };

  const help = () => {
    const dialog = document.getElementById("help");
    if (dialog.open) dialog.close();
    else dialog.showModal();
  };

  const acts = {
    a: () => press("a"), r: () => press("r"), u: () => press("u"), z: () => press("z"), n: writeNote, "?": help,
    j: () => move(1), arrowdown: () => move(1), k: () => move(-1), arrowup: () => move(-1),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("textarea, input, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (document.getElementById("help").open && key !== "?") return;
    if (!acts[key] || (event.repeat && "aruz".includes(key))) return;
    event.preventDefault();
    acts[key]();
  });

  document.addEventListener("click", (event) => {
    const fold = event.target.closest("a.fold");
    if (fold) {
      event.preventDefault();
      open(fold.closest(".candidate"));
    } else if (event.target.closest("[data-help]")) help();
  });

  // One press, one id: what is sent twice for the same verdict is one decision.
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.target.closest("form.verdict");
    if (!form) return;
    const verdict = event.detail.parameters.verdict;
    const known = `press_${verdict}`;
    form.dataset[known] = form.dataset[known] || pressId();
    event.detail.parameters.request_id = form.dataset[known];
    event.detail.parameters.seconds = ((performance.now() - shownAt) / 1000).toFixed(1);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const box = document.getElementById("case");
    if (box && box.contains(event.target)) box.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", () => {
    const box = document.getElementById("case");
    if (box) box.removeAttribute("aria-busy");
  });
  document.addEventListener("htmx:afterSettle", drawn);
  document.addEventListener("DOMContentLoaded", drawn);
})();
