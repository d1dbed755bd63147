// What every page needs: say so when the server does not answer.
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
  document.addEventListener("htmx:afterSwap", () => offline(false));
})();
