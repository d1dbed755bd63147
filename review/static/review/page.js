// What every page needs: say so when the server does not answer, and copy what a button names.
"use strict";

(() => {
  const offline = (shown) => {
    const box = document.getElementById("offline");
    if (box) box.hidden = !shown;
  };
  document.addEventListener("htmx:sendError", () => offline(true));
  document.addEventListener("htmx:responseError", () => offline(true));
  document.addEventListener("htmx:timeout", () => offline(true));
  // Signed out meanwhile: the sign-in page is a page, not a fragment.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = event.detail.xhr.responseURL;
    if (answered && new URL(answered).pathname.endsWith("/sign-in/")) {
      event.detail.shouldSwap = false;
      window.location.assign("/sign-in/");
    }
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
  document.addEventListener("htmx:afterSwap", () => offline(false));
})();
