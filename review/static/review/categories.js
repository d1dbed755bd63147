// Move a category onto the one that it belongs below, by dragging or by keys: the page that says what would follow opens.
"use strict";

(() => {
  const tree = document.querySelector(".tree");
  if (!tree) return;
  const rows = [...tree.querySelectorAll("tr[data-id]")];
  const said = document.getElementById("moving");
  let moved = null;

  const rowOf = (event) => event.target.closest("tr[data-id]");
  const takes = (row) => {
    if (!row || !moved || row === moved) return false;
    const path = moved.dataset.path;
    return row.dataset.path !== path && !row.dataset.path.startsWith(`${path} > `);
  };
  const mark = (row) => {
    rows.forEach((other) => other.classList.toggle("over", other === row && takes(row)));
  };
  const drop = (row) => {
    const asked = new URLSearchParams({ act: "move", to: row.dataset.path });
    window.location.assign(`${tree.dataset.change.replace("/0/", `/${moved.dataset.id}/`)}?${asked}`);
  };

  tree.addEventListener("dragstart", (event) => {
    letGo();
    moved = event.target.closest("tr[draggable]");
    if (moved) event.dataTransfer.setData("text/plain", moved.dataset.path);
  });
  tree.addEventListener("dragover", (event) => {
    const row = rowOf(event);
    mark(row);
    if (takes(row)) event.preventDefault();
  });
  tree.addEventListener("dragend", () => {
    mark(null);
    moved = null;
  });
  tree.addEventListener("drop", (event) => {
    const row = rowOf(event);
    if (!takes(row)) return;
    event.preventDefault();
    drop(row);
  });

  // Keys: the focus goes from name to name, and so does what was picked up.
  const link = (row) => row.querySelector("td a");
  const name = (row) => link(row).textContent;
  const level = (row) => Number(row.getAttribute("aria-level"));
  const say = (what, ...names) => { said.textContent = said.dataset[what].replace(/\{(\d)\}/g, (_, place) => names[place - 1]); };
  const letGo = () => {
    moved?.classList.remove("carried");
    mark(null);
    moved = null;
  };
  const beyond = (row, key) => {
    const at = rows.indexOf(row);
    switch (key) {
      case "ArrowDown": return rows[at + 1];
      case "ArrowUp": return rows[at - 1];
      case "ArrowRight": return rows[at + 1] && level(rows[at + 1]) > level(row) ? rows[at + 1] : null;
      case "ArrowLeft": return rows.slice(0, at).findLast((other) => level(other) < level(row));
      case "Home": return rows[0];
      case "End": return rows.at(-1);
      default: return undefined;
    }
  };
  const goTo = (row) => {
    link(row).focus();
    if (!moved) return;
    mark(row);
    if (row !== moved) say(takes(row) ? "below" : "refused", name(moved), name(row));
  };

  tree.addEventListener("keydown", (event) => {
    const row = rowOf(event);
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = beyond(row, event.key);
    if (next !== undefined || event.key.startsWith("Arrow")) {
      event.preventDefault();
      if (next) goTo(next);
    } else if (event.key === "Escape" && moved) {
      const back = moved;
      say("back", name(back));
      letGo();
      link(back).focus();
    } else if (moved && (event.key === "Enter" || event.key.toLowerCase() === "m")) {
      event.preventDefault();
      if (takes(row)) drop(row);
      else say("refused", name(moved), name(row));
    } else if (!moved && event.key.toLowerCase() === "m" && row.draggable) {
      moved = row;
      row.classList.add("carried");
      say("picked", name(row));
    }
  });
})();
