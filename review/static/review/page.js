// What every page needs: say so when the server does not answer, tell what was done, copy what a button names, close menus, find.
"use strict";

(() => {
  const TOAST_STAYS = 6000;

  const offline = (shown) => {
    const box = document.getElementById("offline");
    if (box) box.hidden = !shown;
  };
  // What asked says so itself, where it has words for it.
  const missed = (event) => {
    if (!event.target.querySelector?.(".missed")) offline(true);
    event.target.toggleAttribute?.("data-missed", true);
  };
  document.addEventListener("htmx:sendError", missed);
  document.addEventListener("htmx:responseError", missed);
  document.addEventListener("htmx:timeout", missed);
  document.addEventListener("htmx:beforeRequest", (event) => event.target.removeAttribute("data-missed"));
  document.addEventListener("htmx:afterSwap", () => offline(false));

  // Signed out meanwhile: the sign-in page is a page, not a fragment.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = event.detail.xhr.responseURL;
    if (answered && new URL(answered).pathname.endsWith("/sign-in/")) {
      event.detail.shouldSwap = false;
      window.location.assign("/sign-in/");
    }
  });

  // What was chosen before the scripts were here, or what the browser put back on a reload, nobody has asked about yet.
  const changed = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
    return "defaultValue" in field && field.value !== field.defaultValue;
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const asker of document.querySelectorAll("[hx-trigger*='change']")) {
      const form = asker.closest("form");
      if ([...form.elements].some(changed)) form.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });

  // What was told of a form when it was sent is old once somebody went on writing and the page looked at it anew; what is still wrong it says there.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "effect" || event.detail.requestConfig.triggeringEvent?.type !== "input") return;
    for (const field of event.target.closest("form").querySelectorAll(".field.wrong")) {
      field.classList.remove("wrong");
      field.querySelector(".error").remove();
      for (const input of field.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    }
  });

  // A fragment says what was done by the header HX-Trigger: {"toast": "..."}; scripts dispatch the same event.
  document.addEventListener("toast", (event) => {
    const text = typeof event.detail === "string" ? event.detail : event.detail.value;
    if (!text) return;
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.textContent = text;
    document.getElementById("toasts").replaceChildren(toast);
    setTimeout(() => toast.remove(), TOAST_STAYS);
  });

  // A form is sent once: a second press sends nothing until something is changed in it, or the way back shows this page again.
  // Its buttons are not `disabled`: the value of the one that was pressed would not be sent, and the focus would be lost.
  // In a list that is one form each row's button has an address of its own, and is another one.
  const sent = new Map();
  const addressOf = (form, button) => (button && button.getAttribute("formaction")) || form.action;
  const mark = (form, address) => {
    for (const button of form.elements)
      if (button.type === "submit") button.ariaDisabled = addressOf(form, button) === address ? "true" : null;
  };
  const forget = (form) => {
    if (sent.delete(form)) mark(form, null);
  };
  window.addEventListener("submit", (event) => {
    const form = event.target;
    // What scripts send comes to no other page; the case page looks after its own forms.
    if (event.defaultPrevented || form.method !== "post" || document.body.matches(".reviewing")) return;
    const address = addressOf(form, event.submitter);
    if (sent.get(form) === address) return event.preventDefault();
    sent.set(form, address);
    mark(form, address);
  });
  document.addEventListener("input", (event) => forget(event.target.form));
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) [...sent.keys()].forEach(forget);
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const from = document.querySelector(button.dataset.copy);
    const text = "value" in from ? from.value : from.textContent;
    // The clipboard needs a secure context; elsewhere the text is shown, marked, to be copied by hand.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else window.prompt("", text);
    const told = button.parentElement.querySelector("[data-copied]");
    if (told) told.hidden = false;
  });

  // Where an area's pages are more than the screen is wide, the one that is open is in sight.
  const pages = document.querySelector(".pages-of-area");
  const current = pages?.querySelector("[aria-current]");
  if (current) pages.scrollLeft = current.offsetLeft + current.offsetWidth - pages.clientWidth + 48;

  // A menu closes when somebody clicks beside it or presses Escape.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = document.querySelector("details.menu[open]");
      if (open) {
        closeMenus();
        open.querySelector("summary").focus();
      }
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const search = document.getElementById("search");
    if (!search || !search.offsetParent) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();
