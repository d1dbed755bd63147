// Keys by the names that the server keeps, and the page on which they are chosen.
"use strict";

window.review = window.review || {};

(() => {
  const SHIFTS = ["shift", "control", "alt", "altgraph", "meta", "capslock", "dead", "unidentified", "process"];
  const LEFT_TO_THE_BROWSER = ["tab", "enter", "escape", " "];

  // An input method hides the letter; its place on the keyboard still tells it.
  const nameOf = (event) => {
    if (event.key !== "Process" && event.key !== "Unidentified") return event.key.toLowerCase();
    const placed = /^(?:Key|Digit)(\w)$/.exec(event.code);
    return placed ? placed[1].toLowerCase() : "";
  };

  // {key: act}, from the list of keys on the page.
  const bound = () =>
    Object.fromEntries([...document.querySelectorAll("[data-bound]")].map((row) => [row.dataset.bound, row.dataset.binds]));

  window.review.keys = { nameOf, bound };

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest("input.key");
    const name = nameOf(event);
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!name || SHIFTS.includes(name) || LEFT_TO_THE_BROWSER.includes(name)) return;
    event.preventDefault();
    box.value = name;
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("input.key")) event.target.select();
  });
  // A phone's keyboard names no keys: what it types last is what is meant.
  document.addEventListener("input", (event) => {
    if (event.target.matches("input.key")) event.target.value = [...event.target.value].pop() || "";
  });
})();
