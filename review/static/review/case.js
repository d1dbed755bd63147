// The case page: a key or a press decides, the next candidate is drawn at once, the outbox sees to the rest, and what the server says
// is the truth that the page comes back to. Without this file the page works by its buttons and links.
"use strict";

(() => {
  const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const shelf = new Map();
  let ahead = null;
  let fetching = false;
  let undoWanted = false;

  document.documentElement.classList.add("scripted");

  const drawing = window.review.casePage({ outbox: () => outbox });
  const { page, words, box, candidates, undecided, current, title, fill, say, announce, whatIsNext, open, close, openAgain, parse } = drawing;

  // crypto.randomUUID needs a secure context, and a shop's own server may speak plain http.
  const pressId = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  // The case that comes after the one on the page, drawn already.
  const keep = (node) => {
    ahead = node;
    page.next = node ? node.dataset.lease : "";
  };

  // Another case takes the place of the one on the page, which may be wanted again.
  const show = (node) => {
    const before = box();
    drawing.show(node);
    if (before.dataset.lease) shelf.set(before.dataset.lease, before);
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
    // The server takes no NUL, which a pasted note may hold.
    const fields = Object.fromEntries(Array.from(new FormData(form), ([name, value]) => [name, value.replaceAll("\0", "")]));
    delete fields.csrfmiddlewaretoken;
    fields[button.name] = button.value;
    fields.verdict = fields.verdict || "reject";
    fields.request_id = pressId();
    fields.seconds = drawing.seconds();
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

  // A case that had to be taken first is answered by the way to itself; whoever is signed out is led to another page.
  const elsewhere = (response, address) => new URL(response.url).pathname !== new URL(address, window.location).pathname;

  const load = async (address, options) => {
    box().setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, Object.assign({ headers: { "HX-Request": "true", "X-CSRFToken": csrf } }, options));
      if (elsewhere(response, address) || response.status === 403) window.location.assign(page.address);
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
      const response = await fetch(page.ahead, { headers: { "HX-Request": "true" } });
      if (response.status === 200 && !elsewhere(response, page.ahead) && box().dataset.lease === beside) keep(parse(await response.text()));
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
    if (!answer.kept) takeOff(entry);
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

  // What was drawn at the press was not saved: its mark goes, and the foot line where it still tells of it.
  const takeOff = (entry) => {
    const candidate = document.getElementById(`pair-${entry.fields.pair}`);
    if (candidate && candidate.classList.contains("decided")) close(candidate, words.notSaved, "");
    if (drawing.saying().startsWith(fill(words.said, [entry.mark, entry.title]))) say("", false);
    announce(`${fill(words.refused, [entry.mark, entry.title])} ${entry.refused}`);
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

  const outbox = window.review.outbox({
    shows: () => (undecided().length && box().dataset.lease) || "",
    answered,
    changed: () => drawing.drawWaiting(),
  });

  // Hands.

  const move = (step) => {
    const open_ = undecided();
    const there = open_[open_.indexOf(current()) + step];
    if (!there) return;
    open(there);
    announce(whatIsNext());
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
    next: () => move(1), previous: () => move(-1), details: drawing.details, note: writeNote, help,
  };

  window.review.caseHands({ page, box, current, open, acts, reason, decide, flush: () => outbox.flush() });

  // What waited when the page was left is sent now.
  drawing.closeWaiting();
  drawing.unfold();
  drawing.drawWaiting();
  drawing.drawn();
  outbox.flush();
  look();
})();
