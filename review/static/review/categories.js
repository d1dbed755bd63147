// Drag a category onto the one that it belongs below: the page that says what would follow opens.
"use strict";

(() => {
  const tree = document.querySelector(".tree");
  if (!tree) return;
  let dragged = null;
  const target = (event) => {
    const row = event.target.closest("tr[data-id]");
    if (!row || !dragged || row === dragged) return null;
    const path = dragged.dataset.path;
    return row.dataset.path === path || row.dataset.path.startsWith(`${path} > `) ? null : row;
  };
  const clear = () => tree.querySelectorAll(".over").forEach((row) => row.classList.remove("over"));
  tree.addEventListener("dragstart", (event) => {
    dragged = event.target.closest("tr[draggable]");
    if (dragged) event.dataTransfer.setData("text/plain", dragged.dataset.path);
  });
  tree.addEventListener("dragover", (event) => {
    clear();
    const row = target(event);
    if (!row) return;
    event.preventDefault();
    row.classList.add("over");
  });
  tree.addEventListener("dragend", () => {
    clear();
    dragged = null;
  });
  tree.addEventListener("drop", (event) => {
    const row = target(event);
    if (!row) return;
    event.preventDefault();
    const asked = new URLSearchParams({ act: "move", to: row.dataset.path });
    window.location.assign(`${tree.dataset.change.replace("/0/", `/${dragged.dataset.id}/`)}?${asked}`);
  });
})();
