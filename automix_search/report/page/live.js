"use strict";
(() => {
  const told = document.getElementById("live"), pause = document.getElementById("pause");
  const every = 4000, open = "open folds";

  const folds = () => [...document.querySelectorAll("details")];

  function comeAnew() {
    sessionStorage.setItem(open, JSON.stringify(folds().filter((fold) => fold.open).map((fold) => fold.id)));
    location.reload();
  }

  async function look() {
    if (document.hidden || pause.getAttribute("aria-pressed") === "true") return;
    try {
      const answer = await fetch("/status.json", { cache: "no-store" });
      const { size } = await answer.json();
      if (String(size) !== told.dataset.size) comeAnew();
    } catch {
      told.textContent = "The server has ended; this is how the search stood.";
    }
  }

  for (const id of JSON.parse(sessionStorage.getItem(open) ?? "[]")) {
    const fold = document.getElementById(id);
    if (fold) fold.open = true;
  }
  pause.addEventListener("click", () => {
    const pressed = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(pressed));
    told.textContent = pressed ? "Paused: this page stays as it is." : "Live: comes anew as the search goes on.";
  });
  setInterval(look, every);
})();
