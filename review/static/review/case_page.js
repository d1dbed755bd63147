// What the case page draws: which candidate is open, what was answered, what waits to be sent, another case in the place of this one.
"use strict";

window.review = window.review || {};

// `outbox()` gives the verdicts that wait. Nothing here decides anything or asks the server.
window.review.casePage = ({ outbox }) => {
  const page = document.getElementById("review").dataset;
  const words = document.getElementById("words").dataset;
  let shownAt = performance.now();

  const box = () => document.getElementById("case");
  const candidates = (root) => [...(root || box()).querySelectorAll(".candidate")];
  const undecided = () => candidates().filter((candidate) => !candidate.classList.contains("decided"));
  const current = () => box().querySelector(".candidate.current:not(.decided)");
  const title = (candidate) => candidate.querySelector(".fold .title").textContent.trim();
  const fill = (text, values) => text.replace(/\{(\d)\}/g, (_, place) => values[place - 1]);

  const say = (text, undoable) => {
    document.getElementById("told-text").textContent = text;
    document.getElementById("told").classList.toggle("shown", Boolean(text));
    document.querySelector("#told [data-act=undo]").hidden = !undoable;
  };

  const saying = () => document.getElementById("told-text").textContent;

  const announce = (text) => {
    document.getElementById("announced").textContent = text;
  };

  const whatIsNext = () => {
    const candidate = current();
    if (!candidate) return "";
    const all = candidates();
    return fill(words.next, [title(candidate), all.indexOf(candidate) + 1, all.length]);
  };

  // As `scrollIntoView` to the nearest edge, from which some browsers would let Tab begin, past all that stands before it.
  const bring = (node) => {
    const { scrollPaddingTop, scrollPaddingBottom } = getComputedStyle(document.documentElement);
    const { top, bottom } = node.getBoundingClientRect();
    const above = top - (parseFloat(scrollPaddingTop) || 0);
    const below = bottom - (window.innerHeight - (parseFloat(scrollPaddingBottom) || 0));
    if (above > 0 && below > 0) window.scrollBy(0, Math.min(above, below));
    else if (above < 0 && below < 0) window.scrollBy(0, Math.max(above, below));
  };

  const drawn = () => {
    shownAt = performance.now();
    const candidate = current();
    if (candidate) bring(candidate);
  };

  const open = (candidate) => {
    if (!candidate) return;
    for (const other of candidates().filter((one) => one.classList.contains("current"))) {
      other.classList.remove("current");
      other.removeAttribute("aria-current");
    }
    candidate.classList.add("current");
    candidate.setAttribute("aria-current", "true");
    drawn();
  };

  const close = (candidate, mark, kind) => {
    candidate.classList.add("decided");
    candidate.querySelector(".given").textContent = mark;
    candidate.querySelector(".given").className = `given ${kind}`;
  };

  // What was pressed and waits is not asked again.
  const closeWaiting = () => {
    for (const entry of outbox().waiting()) {
      const candidate = entry.kind === "decide" && document.getElementById(`pair-${entry.fields.pair}`);
      if (candidate) close(candidate, entry.mark, entry.fields.verdict);
    }
    if (!current()) open(undecided()[0]);
  };

  const openAgain = (candidate) => {
    candidate.classList.remove("decided");
    candidate.querySelector(".given").textContent = "";
    open(candidate);
  };

  // Another case takes the place of the one on the page; whatever a hand was at goes on there.
  const show = (node) => {
    const before = box();
    const pressed = document.activeElement && document.activeElement.closest(".verdicts button");
    const written = new Map([...before.querySelectorAll("textarea[name=note]")].map((note) => [note.closest(".candidate").id, note.value]));
    const left = before.querySelector(".left");
    if (!node.querySelector(".left").textContent.trim()) node.querySelector(".left").replaceWith(left.cloneNode(true));
    before.replaceWith(node);
    window.htmx.process(node);
    for (const [id, text] of written) {
      const note = text && node.querySelector(`#${id} textarea[name=note]`);
      if (note && !note.value) note.value = text;
    }
    closeWaiting();
    unfold(unfolded());
    const kept = pressed && current() && current().querySelector(`.verdicts [value="${pressed.value}"]`);
    (kept || node).focus({ preventScroll: true });
    window.scrollTo(0, 0);
    drawn();
  };

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // Seconds since the open candidate was drawn.
  const seconds = () => ((performance.now() - shownAt) / 1000).toFixed(1);

  const unfolded = () => {
    try {
      return window.sessionStorage.getItem("details") === "open";
    } catch {
      return false;
    }
  };
  const unfold = (shown) => {
    for (const details of box().querySelectorAll("details.more")) details.open = shown;
  };
  const details = () => {
    const shown = !box().querySelector("details.more[open]");
    try {
      window.sessionStorage.setItem("details", shown ? "open" : "");
    } catch {
      // It holds for this case, then.
    }
    unfold(shown);
  };

  const drawWaiting = () => {
    const count = outbox().waiting().length;
    page.waiting = count;
    const notice = document.getElementById("outbox");
    const state = outbox().state();
    notice.hidden = !state || !count;
    if (!notice.hidden) {
      notice.querySelector(".count").textContent = fill(count === 1 ? words.waitsOne : words.waitsMany, [count]);
      for (const part of notice.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
    }
    const list = document.getElementById("refused");
    list.replaceChildren(
      ...outbox().refusals().map((entry) => {
        const item = document.getElementById("refusal").content.firstElementChild.cloneNode(true);
        item.querySelector(".what").textContent = fill(words.refused, [entry.mark, entry.title]);
        item.querySelector(".why").textContent = entry.refused;
        item.querySelector("a").href = `${page.address}?again=${entry.fields.pair}`;
        item.addEventListener("click", (event) => {
          if (event.target.closest("a, button")) outbox().forget(entry);
          if (event.target.closest("button")) drawWaiting();
        });
        return item;
      })
    );
    list.hidden = !list.children.length;
  };

  return {
    page, words, box, candidates, undecided, current, title, fill, say, saying, announce, whatIsNext, drawn, open, close, closeWaiting, openAgain,
    show, parse, seconds, unfold: () => unfold(unfolded()), details, drawWaiting,
  };
};
