"use strict";

// Tables: a click on a head sorts by its column, a second one reverses the order. Rows without a number come last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
        const isText = head.classList.contains("text"); // some ids look like numbers
        const way = isText ? x.localeCompare(y, "en") : Number(x) < Number(y) ? -1 : Number(x) > Number(y);
        return down ? -way : way;
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    });
  });
}

// Cases: one picture covers another up to the place of the slider.
for (const figure of document.querySelectorAll("figure.case")) {
  const stack = figure.querySelector(".stack");
  if (!stack) continue; // its photos cannot be shown
  const [left, right] = figure.querySelectorAll("select");
  const slider = figure.querySelector("input");
  const show = () => {
    for (const image of stack.querySelectorAll("img")) {
      image.classList.toggle("over", image.dataset.name === left.value && left.value !== right.value);
      image.classList.toggle("under", image.dataset.name === right.value);
    }
    stack.style.setProperty("--at", `${slider.value}%`);
  };
  [left, right, slider].forEach((control) => control.addEventListener("input", show));
  const follow = (event) => {
    if (event.buttons || event.pointerType === "mouse") {
      const box = stack.getBoundingClientRect();
      slider.value = String(Math.round(((event.clientX - box.left) / box.width) * 100));
      show();
    }
  };
  stack.addEventListener("pointermove", follow);
  stack.addEventListener("pointerdown", follow);
  show();
}

// Cuts: a slider counts what a smallest quality keeps, and shows the pairs nearest to it.
for (const cut of document.querySelectorAll(".cut")) {
  const kept = JSON.parse(cut.dataset.kept); // for every hundredth
  const figures = [...cut.querySelectorAll("figure")]; // in ascending order
  const slider = cut.querySelector("input");
  const show = () => {
    const least = Number(slider.value);
    const first = figures.filter((figure) => Number(figure.dataset.quality) < least).length;
    figures.forEach((figure, index) => {
      figure.hidden = index < first - 3 || index >= first + 3;
      figure.classList.toggle("pale", index < first);
    });
    cut.querySelector(".kept").textContent = kept[Math.round(100 * least)];
    cut.querySelector(".least").textContent = least.toFixed(2);
  };
  slider.addEventListener("input", show);
  show();
}
