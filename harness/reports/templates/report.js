"use strict";
// The page works without this: what it adds are filters, the cases of a behaviour, and their details. Everything that
// comes from results is made into text nodes.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const table = element("table");
  if (!table) return;
  const dialog = element("dialog");
  const filters = element("filters");
  const NAMES = ["text", "area", "level", "verdict", "differs", "cases"];
  const WORST = ["crash", "hang", "fail", "error", "unsupported", "deviation", "pass", "info", "skip"];

  // ---- what the data says

  const text = (number) => (number === undefined || number < 0 ? "" : data.texts[number]);

  const unpack = (cell) => {
    if (cell === null) return null;
    if (typeof cell === "number") return { verdict: "pass", standing: "good", cleanup: "clean", duration: cell };
    const [verdict, standing, cleanup, limit, detail, flaky, duration, expected, reason, url] = cell;
    return {
      verdict,
      standing: data.standings[standing],
      cleanup: text(cleanup),
      limit: text(limit),
      detail: text(detail),
      flaky: Boolean(flaky),
      duration,
      expected: text(expected),
      reason: text(reason),
      url: text(url),
    };
  };

  const isUnclean = (found) => found.cleanup !== "clean" && found.verdict !== "crash" && found.verdict !== "hang";

  const marks = (found) => [
    ...(isUnclean(found) ? ["unclean"] : []),
    ...(found.flaky ? ["flaky"] : []),
    ...(found.standing === "explained" || found.standing === "known" ? [found.standing] : []),
  ];

  const behaviours = data.behaviours.map((behaviour) => ({
    ...behaviour,
    cases: behaviour.cases.map(([id, selecting, cells]) => ({ id, selecting, cells: cells.map(unpack) })),
  }));
  const rows = new Map();
  for (const row of table.querySelectorAll("tr[data-row]")) rows.set(Number(row.dataset.row), row);
  const open = new Set();

  // ---- making elements

  const make = (tag, content, attributes = {}) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...[content ?? []].flat());
    return made;
  };

  const link = (url, label) =>
    /^https?:\/\//.test(url) ? make("a", label ?? url, { href: url, rel: "noreferrer", target: "_blank" }) : url;

  const word = (found) => make("span", found.verdict, { class: `word ${found.verdict}` });

  // ---- filters

  const searched = (behaviour, one) => {
    one.search ??= [behaviour.id, behaviour.statement, one.id, ...one.cells.map((cell) => cell?.detail ?? "")]
      .join("\n")
      .toLowerCase();
    return one.search;
  };

  const has = (found, wanted) =>
    found !== null &&
    (found.verdict === wanted ||
      found.standing === wanted ||
      (wanted === "flaky" && found.flaky === true) ||
      (wanted === "unclean" && isUnclean(found)));

  const differs = (one) => {
    const tried = one.cells.filter((cell) => cell !== null && cell.verdict !== "skip");
    return new Set(tried.map((cell) => cell.verdict)).size > 1;
  };

  const chosen = () =>
    Object.fromEntries(
      NAMES.map((name) => [name, element(name).type === "checkbox" ? element(name).checked : element(name).value.trim()]),
    );

  const apply = () => {
    const wanted = chosen();
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    const count = { behaviours: 0, cases: 0 };
    for (const behaviour of behaviours) {
      const about = (!wanted.area || behaviour.area === wanted.area) && (!wanted.level || behaviour.level === wanted.level);
      const matching = about
        ? behaviour.cases.filter(
            (one) =>
              (!wanted.verdict || one.cells.some((cell) => has(cell, wanted.verdict))) &&
              (!wanted.differs || differs(one)) &&
              words.every((each) => searched(behaviour, one).includes(each)),
          )
        : [];
      const row = rows.get(behaviour.number);
      row.hidden = matching.length === 0;
      count.behaviours += matching.length ? 1 : 0;
      count.cases += matching.length;
      showCases(behaviour, row, open.has(behaviour.number) || wanted.cases ? matching : []);
    }
    for (const body of table.tBodies) body.hidden = !body.querySelector("tr[data-row]:not([hidden])");
    element("shown").textContent = `${count.behaviours} of ${behaviours.length} behaviours, ${count.cases} cases`;
    keepTabStop();
  };

  const showCases = (behaviour, row, cases) => {
    row.querySelector("button").setAttribute("aria-expanded", String(cases.length > 0));
    const wanted = cases.map((one) => one.id).join("\n");
    if (behaviour.drawn === wanted) return;
    behaviour.drawn = wanted;
    while (row.nextElementSibling?.classList.contains("case")) row.nextElementSibling.remove();
    const made = cases.map((one) => {
      const drawn = make("tr", make("th", one.id, { scope: "row", class: "what" }), { class: "case" });
      for (const found of one.cells) {
        if (found === null) {
          drawn.append(make("td", "-", { class: "none" }));
          continue;
        }
        const cell = make("td", found.verdict, { class: `${found.verdict} ${found.standing}` });
        for (const mark of marks(found)) cell.append(" ", make("em", mark));
        drawn.append(cell);
      }
      drawn.everyloop = one;
      return drawn;
    });
    row.after(...made);
  };

  // ---- the address of the page: what is filtered, and what is open

  const address = () => new URLSearchParams(location.hash.slice(1));

  const remember = (changes) => {
    const now = location.hash.includes("=") ? address() : new URLSearchParams();
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === false || value === null) now.delete(name);
      else now.set(name, value === true ? "1" : value);
    }
    const hash = now.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  const addressOf = (names) => {
    const page = location.href.split("#")[0];
    return `${page}#${new URLSearchParams(names)}`;
  };

  const follow = () => {
    const at = address();
    for (const name of NAMES) {
      if (element(name).type === "checkbox") element(name).checked = at.has(name);
      else element(name).value = at.get(name) ?? "";
      if (element(name).value !== (at.get(name) ?? "") && element(name).type !== "checkbox") element(name).value = "";
    }
    const wanted = at.get("case");
    const behaviour = behaviours.find((each) =>
      wanted ? each.cases.some((one) => one.id === wanted) : each.id === at.get("behaviour"),
    );
    if (behaviour && wanted) open.add(behaviour.number);
    apply();
    for (const marked of table.querySelectorAll(".target")) marked.classList.remove("target");
    if (!behaviour) {
      if (dialog.open && !at.has("case") && !at.has("behaviour")) dialog.close();
      return;
    }
    let row = rows.get(behaviour.number);
    row.hidden = false;
    row.closest("tbody").hidden = false;
    if (wanted) {
      let drawn = row;
      while ((drawn = drawn.nextElementSibling)?.classList.contains("case")) {
        if (drawn.everyloop.id === wanted) row = drawn;
      }
    }
    row.classList.add("target");
    row.scrollIntoView({ block: "center" });
    const column = data.columns.findIndex((each) => each.slug === at.get("on"));
    if (column >= 0) show(behaviour, wanted ? behaviour.cases.filter((one) => one.id === wanted) : behaviour.cases, column);
  };

  // ---- details

  const show = (behaviour, cases, column) => {
    const on = data.columns[column];
    const found = cases.filter((one) => one.cells[column] !== null);
    if (!found.length) return;
    found.sort((a, b) => WORST.indexOf(a.cells[column].verdict) - WORST.indexOf(b.cells[column].verdict));
    element("dialog-title").textContent = `${behaviour.id} on ${on.label}`;
    const about = make("dl", [
      make("dt", behaviour.level), make("dd", behaviour.statement),
      make("dt", "source"), make("dd", link(behaviour.source)),
      make("dt", "loop"), make("dd", `${on.loop}${on.emulated ? ", emulated" : ""}`),
      make("dt", "where and when"), make("dd", `${on.host}, ${on.started}`),
    ]);
    const parts = found.map((one, number) => caseDetails(behaviour, one, column, number === 0));
    element("dialog-body").replaceChildren(about, ...parts);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    remember(
      cases.length === 1
        ? { case: cases[0].id, behaviour: null, on: on.slug }
        : { case: null, behaviour: behaviour.id, on: on.slug },
    );
  };

  const caseDetails = (behaviour, one, column, opened) => {
    const found = one.cells[column];
    const on = data.columns[column];
    const lines = [make("dt", "verdict"), make("dd", [word(found), ` ${data.verdicts[found.verdict]}`])];
    const add = (name, ...content) => content[0] && lines.push(make("dt", name), make("dd", content));
    add("expected", found.expected);
    add("reason", found.reason);
    if (found.url) add("bug", link(found.url));
    if (found.flaky) add("flaky", "a second try in a fresh process gave another verdict");
    if (found.detail) lines.push(make("dt", "detail"), make("dd", make("pre", found.detail, { dir: "auto" })));
    add("cleanup", found.cleanup);
    if (found.limit) {
      const [forbids, instead, source] = data.limits[found.limit] ?? ["", "", ""];
      add("limit", make("b", found.limit), ` ${forbids} `, source ? link(source, "source") : "");
      add("instead", instead);
    }
    add("duration", `${found.duration.toFixed(3)} s`);
    const command = `${on.command} ${one.selecting}`;
    add("again", make("code", command), " ", copy(command, "Copy the command"));
    const place = addressOf({ case: one.id, on: on.slug });
    add("link", make("a", "this case here", { href: place }), " ", copy(place, "Copy the link"));
    const summary = make("summary", [word(found), " ", make("code", one.id)]);
    for (const mark of marks(found)) summary.append(" ", make("em", mark));
    return make("details", [summary, make("dl", lines)], opened ? { open: "" } : {});
  };

  const copy = (content, label) => {
    const button = make("button", "copy", { type: "button", "aria-label": label });
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(content);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling);
        button.textContent = "selected";
      }
    });
    return button;
  };

  const activate = (cell) => {
    const row = cell.parentElement;
    if (row.classList.contains("area")) return;
    const one = row.everyloop;
    let owner = row;
    while (owner.dataset.row === undefined) owner = owner.previousElementSibling;
    const behaviour = behaviours[Number(owner.dataset.row)];
    if (cell.tagName === "TD") {
      show(behaviour, one ? [one] : behaviour.cases, cell.cellIndex - 1);
    } else if (!one) {
      if (open.delete(behaviour.number)) apply();
      else {
        open.add(behaviour.number);
        apply();
      }
    }
  };

  // ---- the table as a grid: one stop for the tab key, arrows within

  const focusable = (cell) => (cell.tagName === "TH" ? (cell.querySelector("button") ?? cell) : cell);
  let stop = null;

  const setTabStop = (target) => {
    if (stop) stop.tabIndex = -1;
    stop = target;
    stop.tabIndex = 0;
  };

  const keepTabStop = () => {
    if (stop?.isConnected && stop.checkVisibility()) return;
    const first = table.querySelector("tbody:not([hidden]) tr[data-row]:not([hidden]) td");
    if (first) setTabStop(first);
  };

  const visibleRows = () =>
    [...table.tBodies].filter((body) => !body.hidden).flatMap((body) => [...body.rows].filter((row) => !row.hidden));

  const move = (cell, down, right) => {
    let target = null;
    if (down) {
      const all = visibleRows();
      const at = all.indexOf(cell.parentElement);
      const row = all[Math.max(0, Math.min(all.length - 1, at + down))];
      target = row.cells[Math.min(cell.cellIndex, row.cells.length - 1)];
    } else {
      const cells = cell.parentElement.cells;
      target = cells[Math.max(0, Math.min(cells.length - 1, cell.cellIndex + right))];
    }
    const focus = focusable(target);
    setTabStop(focus);
    focus.focus({ preventScroll: true });
    reveal(target);
  };

  const reveal = (cell) => {
    // The head and the first column cover what is below them.
    const box = element("scroll");
    const [outer, inner] = [box.getBoundingClientRect(), cell.getBoundingClientRect()];
    const [top, left] = [outer.top + table.tHead.offsetHeight, outer.left + table.rows[0].cells[0].offsetWidth];
    if (inner.top < top) box.scrollTop -= top - inner.top;
    else if (inner.bottom > outer.bottom - 20) box.scrollTop += inner.bottom - outer.bottom + 20;
    if (cell.cellIndex > 0 && inner.left < left) box.scrollLeft -= left - inner.left;
    else if (inner.right > outer.right - 20) box.scrollLeft += inner.right - outer.right + 20;
  };

  const MOVES = {
    ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1],
    PageDown: [10, 0], PageUp: [-10, 0], Home: [0, -1e6], End: [0, 1e6],
  };

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) {
      event.preventDefault();
      move(cell, ...MOVES[event.key]);
    } else if ((event.key === "Enter" || event.key === " ") && cell.tagName === "TD") {
      event.preventDefault();
      activate(cell);
    }
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (!cell || getSelection().toString()) return;
    if (cell.tagName === "TD") {
      setTabStop(cell);
      cell.focus({ preventScroll: true });
    }
    activate(cell);
  });

  // ---- everything together

  element("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("close", () => remember({ case: null, behaviour: null, on: null }));
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", () => {
    remember(chosen());
    apply();
  });
  filters.addEventListener("reset", () =>
    setTimeout(() => {
      open.clear();
      remember(chosen());
      apply();
    }),
  );
  element("theme").addEventListener("change", (event) => {
    document.documentElement.dataset.theme = event.target.value;
  });
  addEventListener("hashchange", follow);
  for (const cell of table.querySelectorAll("tbody button")) cell.tabIndex = -1;
  table.setAttribute("role", "grid");
  filters.hidden = false;
  element("theme").parentElement.hidden = false;
  follow();
})();
