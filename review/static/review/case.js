// The case page: a key or a press decides, the next candidate is drawn at once, the outbox sees to the rest, and what the server says
// is the truth that the page comes back to. Without this file the page works by its buttons and links.
"use strict";

(() => {
  const BEAT = 30000;
  const AWAY = 600000;
  const { nameOf, bound } = window.review.keys;
  const page = document.getElementById("review").dataset;
  const words = document.getElementById("words").dataset;
  const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const shelf = new Map();
  const keys = bound();
  let ahead = null;
  let fetching = false;
  let undoWanted = false;
  let shownAt = performance.now();
  let seenAt = Date.now();

  document.documentElement.classList.add("scripted");

  const box = () => document.getElementById("case");
  const candidates = (root) => [...(root || box()).querySelectorAll(".candidate")];
  const undecided = () => candidates().filter((candidate) => !candidate.classList.contains("decided"));
  const current = () => box().querySelector(".candidate.current:not(.decided)");
  const title = (candidate) => candidate.querySelector(".fold .title").textContent.trim();
  const fill = (text, values) => text.replace(/\{(\d)\}/g, (_, place) => values[place - 1]);

  // crypto.randomUUID needs a secure context, and a shop's own server may speak plain http.
  const pressId = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  // What is drawn.

  const say = (text, undoable) => {
    document.getElementById("told-text").textContent = text;
    document.getElementById("told").classList.toggle("shown", Boolean(text));
    document.querySelector("#told [data-act=undo]").hidden = !undoable;
  };

  const announce = (text) => {
    document.getElementById("announced").textContent = text;
  };

  const whatIsNext = () => {
    const candidate = current();
    if (!candidate) return "";
    const all = candidates();
    return fill(words.next, [title(candidate), all.indexOf(candidate) + 1, all.length]);
  };

  const drawn = () => {
    shownAt = performance.now();
    const candidate = current();
    if (candidate) candidate.scrollIntoView({ block: "nearest" });
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
    for (const entry of outbox.waiting()) {
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
    if (before.dataset.lease) shelf.set(before.dataset.lease, before);
    before.replaceWith(node);
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

  // The case that comes after the one on the page, drawn already.
  const keep = (node) => {
    ahead = node;
    page.next = node ? node.dataset.lease : "";
  };

  // Verdicts.

  const decide = (form, button) => {
    const candidate = form.closest(".candidate");
    if (candidate.classList.contains("decided")) return;
    const reasons = form.querySelector("details.reasons");
    if (button.value === "reject" && reasons && (!reasons.open || reasons.dataset.required)) {
      ask(reasons);
      return;
    }
    const fields = Object.fromEntries(new FormData(form));
    delete fields.csrfmiddlewaretoken;
    fields[button.name] = button.value;
    fields.verdict = fields.verdict || "reject";
    fields.request_id = pressId();
    fields.seconds = ((performance.now() - shownAt) / 1000).toFixed(1);
    const held = document.activeElement && document.activeElement.closest(".verdicts button") === button;
    close(candidate, button.dataset.mark, fields.verdict);
    const all = candidates();
    const place = all.indexOf(candidate);
    const next = [...all.slice(place + 1), ...all.slice(0, place)].find((other) => !other.classList.contains("decided"));
    const said = fill(words.said, [button.dataset.mark, title(candidate)]);
    if (next) {
      open(next);
      const twin = held && next.querySelector(`.verdicts [value="${button.value}"]`);
      (twin || box()).focus({ preventScroll: true });
    } else if (ahead) {
      const node = ahead;
      keep(null);
      show(node);
    } else {
      box().setAttribute("aria-busy", "true");
    }
    say(said, true);
    announce(`${said} ${whatIsNext()}`);
    outbox.add({ kind: "decide", fields, lease: shelfOf(candidate).dataset.lease, title: title(candidate), mark: button.dataset.mark });
  };

  const shelfOf = (candidate) => candidate.closest(".case");

  const ask = (reasons) => {
    if (reasons.open) {
      announce(words.reasonNeeded);
      return;
    }
    reasons.open = true;
    reasons.querySelector(".reason-row").focus({ preventScroll: true });
    reasons.scrollIntoView({ block: "nearest" });
  };

  const press = (act) => {
    const candidate = current();
    const button = candidate && candidate.querySelector(`.verdicts [data-act="${act}"]`);
    if (button) button.form.requestSubmit(button);
  };

  const reason = (act) => {
    const reasons = current() && current().querySelector("details.reasons[open]");
    const button = reasons && reasons.querySelector(`[data-act="${act}"]`);
    if (button) button.form.requestSubmit(button);
  };

  const undo = () => {
    const entry = outbox.takeBack();
    if (entry) restore(entry);
    else if (outbox.sending()) undoWanted = true;
    else if (outbox.waiting().length) say(words.undoLater, false);
    else if (!box().hasAttribute("aria-busy")) load(page.undo, { method: "POST", body: new URLSearchParams(page.escalated ? { escalated: "1" } : {}) });
  };

  const restore = (entry) => {
    const shelved = shelf.get(entry.lease);
    if (box().dataset.lease !== entry.lease && shelved) {
      if (box().dataset.lease) keep(box());
      show(shelved);
    }
    box().removeAttribute("aria-busy");
    const candidate = document.getElementById(`pair-${entry.fields.pair}`);
    if (candidate) openAgain(candidate);
    else if (!outbox.waiting().length) load(page.address, {});
    const said = fill(words.undone, [entry.mark, entry.title]);
    say(said, false);
    announce(`${said} ${whatIsNext()}`);
  };

  // What the server says.

  const load = async (address, options) => {
    box().setAttribute("aria-busy", "true");
    try {
      const response = await fetch(
        address,
        Object.assign({ headers: { "HX-Request": "true", "X-CSRFToken": csrf }, redirect: "manual" }, options)
      );
      if (response.type === "opaqueredirect" || response.status === 403) window.location.assign(page.address);
      else if (response.ok || response.status === 409) {
        keep(null);
        show(parse(await response.text()));
        const notice = box().querySelector(".notice[role]");
        say("", false);
        announce(`${notice ? notice.textContent : ""} ${whatIsNext()}`);
        look();
      } else say(words.noAnswer, false);
    } catch {
      say(words.noAnswer, false);
    }
    box().removeAttribute("aria-busy");
  };

  const look = async () => {
    if (ahead || fetching || !box().dataset.lease || outbox.waiting().length) return;
    fetching = true;
    const beside = box().dataset.lease;
    try {
      const response = await fetch(page.ahead, { headers: { "HX-Request": "true" }, redirect: "manual" });
      if (response.status === 200 && box().dataset.lease === beside) keep(parse(await response.text()));
    } catch {
      // Without a connection there is no case ahead; the next answer asks again.
    }
    fetching = false;
  };

  const answered = (entry, answer) => {
    if (answer.left) box().querySelector(".left").outerHTML = answer.left;
    if (answer.said) {
      say(`${fill(words.said, [entry.mark, entry.title])} ${answer.said}`, true);
      announce(answer.said);
    }
    if (!answer.kept) announce(`${fill(words.refused, [entry.mark, entry.title])} ${entry.refused}`);
    if (outbox.waiting().length) return;
    shelf.clear();
    if (undoWanted) {
      undoWanted = false;
      undo();
      return;
    }
    agree(answer);
    look();
  };

  // Nothing is under way: the page and the server say the same, or the server's word is drawn.
  const agree = (answer) => {
    if (answer.html) {
      keep(null);
      show(parse(answer.html));
      announce(whatIsNext());
      return;
    }
    const shown = undecided();
    const opened = answer.open.map((pair) => document.getElementById(`pair-${pair}`));
    if (answer.lease !== (box().dataset.lease || "") || opened.some((one) => !one) || (!opened.length && answer.lease)) {
      load(page.address, {});
      return;
    }
    for (const candidate of shown.filter((one) => !opened.includes(one))) close(candidate, words.settled, "");
    for (const candidate of opened.filter((one) => one.classList.contains("decided"))) openAgain(candidate);
    for (const [pair, html] of Object.entries(answer.settles || {})) {
      for (const [verdict, text] of Object.entries(html)) {
        const place = document.querySelector(`#pair-${pair} [data-settles=${verdict}]`);
        if (place) place.textContent = text;
      }
    }
    if (!current()) open(undecided()[0]);
    box().removeAttribute("aria-busy");
  };

  const changed = () => {
    const count = outbox.waiting().length;
    page.waiting = count;
    const notice = document.getElementById("outbox");
    const state = outbox.state();
    notice.hidden = !state || !count;
    if (!notice.hidden) {
      notice.querySelector(".count").textContent = fill(count === 1 ? words.waitsOne : words.waitsMany, [count]);
      for (const part of notice.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
    }
    const list = document.getElementById("refused");
    list.replaceChildren(
      ...outbox.refusals().map((entry) => {
        const item = document.getElementById("refusal").content.firstElementChild.cloneNode(true);
        item.querySelector(".what").textContent = fill(words.refused, [entry.mark, entry.title]);
        item.querySelector(".why").textContent = entry.refused;
        item.querySelector("a").href = `${page.address}?again=${entry.fields.pair}`;
        item.addEventListener("click", (event) => {
          if (event.target.closest("a, button")) outbox.forget(entry);
          if (event.target.closest("button")) changed();
        });
        return item;
      })
    );
    list.hidden = !list.children.length;
  };

  const outbox = window.review.outbox({
    shows: () => (undecided().length && box().dataset.lease) || "",
    answered,
    changed: () => changed(),
  });

  // Hands.

  const move = (step) => {
    const open_ = undecided();
    const there = open_[open_.indexOf(current()) + step];
    if (!there) return;
    open(there);
    announce(whatIsNext());
  };

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
    accept: () => press("accept"), reject: () => press("reject"), unsure: () => press("unsure"), undo,
    next: () => move(1), previous: () => move(-1), details, note: writeNote, help,
  };
  const ONCE = ["accept", "reject", "unsure", "undo"];

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
    } else if (reasons && name === "enter" && !event.target.closest("button, summary, a")) press("reject");
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
      undo();
    }
  });

  document.addEventListener("click", (event) => {
    seenAt = Date.now();
    const fold = event.target.closest("a.fold");
    if (fold) {
      event.preventDefault();
      if (!fold.closest(".decided")) open(fold.closest(".candidate"));
    } else if (event.target.closest("[data-help]")) help();
    else if (event.target.closest("#outbox [data-again]")) outbox.flush();
  });

  // The hold lives as long as somebody is here, and a heartbeat that is answered says that the connection is back.
  window.setInterval(async () => {
    if (!page.heartbeat || Date.now() - seenAt > AWAY) return;
    try {
      const response = await fetch(page.heartbeat, { method: "POST", headers: { "X-CSRFToken": csrf }, redirect: "manual" });
      if (response.ok) outbox.flush();
    } catch {
      // The next one may be heard.
    }
  }, BEAT);

  // What waited when the page was left is sent now.
  closeWaiting();
  unfold(unfolded());
  changed();
  drawn();
  outbox.flush();
  look();
})();
