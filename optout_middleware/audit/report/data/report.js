"use strict";
(() => {
  const value = (row, place, isNumber) => {
    const text = row.cells[place].textContent.trim();
    if (!isNumber) return text.toLowerCase();
    const number = parseFloat(text.replace(/[,\u202f]/g, ""));
    return Number.isNaN(number) ? -Infinity : number;
  };
  const language = document.documentElement.lang;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.dataset.head = head.textContent; // on paper, where a head that is repeated leaves out buttons
      head.textContent = "";
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const first = isNumber ? "descending" : "ascending";
        const second = isNumber ? "ascending" : "descending";
        const next = was === first ? second : first;
        const sign = next === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [value(row, place, isNumber), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        for (const other of heads) other.setAttribute("aria-sort", other === head ? next : "none");
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }

  for (const field of document.querySelectorAll(".find")) {
    const input = field.querySelector("input");
    const told = field.querySelector("output");
    const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const find = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        row.hidden = !words.every((word) => texts[place].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      const all = rows.length.toLocaleString(language);
      told.textContent = input.dataset.rows.replace("{shown}", shown.toLocaleString(language)).replace("{all}", all);
    };
    field.hidden = false;
    let waiting = 0;
    input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 120); });
    find();
  }
})();
