// The console's one script. Every page works without it; it adds keys, dialogs, live lists, and the small comforts.
(function () {
  "use strict";
  const root = document.documentElement;
  const own = document.currentScript.dataset;
  const LIVE = 10_000; // ms between two looks at a live list
  const WARN = 120_000; // ms before the session ends
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  // --- before the page is painted: "auto" follows the system's colours, the menu keeps its width
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    if (root.dataset.theme === "auto") root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", () => {
    paint();
    document.dispatchEvent(new Event("weicheng:colours"));
  });
  paint();
  root.dataset.side = localStorage.getItem("side") || "wide";
  root.dataset.times = localStorage.getItem("times") || "relative";

  let texts = {};
  let paused = false;
  let lastUsed = Date.now(); // somebody last touched mouse or keys
  let known = Date.now(); // when we learnt when the session ends
  let ends = Infinity;
  let asking = false; // for a longer session, right now

  document.addEventListener("DOMContentLoaded", () => {
    texts = JSON.parse(one("#texts").textContent);
    enhance();
    restoreRow();
    one("[data-focus]")?.focus();
    setInterval(renewTimes, 30_000);
    setInterval(look, LIVE);
    if (document.body.dataset.idle) {
      lasts(document.body.dataset.idle);
      setInterval(watchIdle, 1000);
    }
  });
  document.addEventListener("htmx:after:swap", enhance);

  function enhance() {
    all("[data-copy], [data-reveal], [data-fold], [data-keys], [data-tick-all], [data-times-switch]").forEach((found) => (found.hidden = false));
    all("[data-live-switch]").forEach((found) => (found.hidden = !one("[data-live]")));
    all("details[data-remember]").forEach(remember);
    reachScrollers();
    const fold = one("[data-fold]");
    fold?.setAttribute("aria-pressed", String(root.dataset.side === "narrow"));
    count();
    renewTimes();
    if (one("[data-picture]") && own.pictures) loadPictures();
  }

  // What scrolls sideways or down by itself can be scrolled by keys.
  function reachScrollers() {
    all("main .rows-scroll, main .table-responsive, main pre, main .config, main .choices").forEach((found) => {
      if (found.scrollWidth > found.clientWidth || found.scrollHeight > found.clientHeight) found.tabIndex = 0;
    });
  }
  window.addEventListener("resize", reachScrollers);

  function loadPictures() {
    if (window.weichengPictures) return window.weichengPictures();
    if (one("script[data-pictures-script]")) return undefined;
    const script = document.createElement("script");
    script.src = own.pictures;
    script.dataset.picturesScript = "";
    document.head.append(script);
    return undefined;
  }

  function remember(details) {
    if (details.dataset.known) return;
    details.dataset.known = "1";
    const name = `menu:${details.dataset.remember}`;
    const kept = localStorage.getItem(name);
    if (kept && !details.querySelector("[aria-current]")) details.open = kept === "open";
    details.addEventListener("toggle", () => localStorage.setItem(name, details.open ? "open" : "shut"));
  }

  // --- clicks
  document.addEventListener("click", (event) => {
    const found = (selector) => event.target.closest(selector);
    all("details.menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false));
    const link = found("a[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      openDialog(link.href);
    } else if (found("[data-close], [data-cancel]") && found("dialog")) {
      event.preventDefault();
      found("dialog").close();
    } else if (found("[data-copy]")) copy(found("[data-copy]").dataset.copy);
    else if (found("[data-reveal]")) reveal(found("[data-reveal]"));
    else if (found("[data-keys]")) showKeys();
    else if (found("[data-live-switch]")) pause();
    else if (found("[data-fold]")) fold();
    else if (found("[data-times-switch]")) wholeTimes();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-tick-all]"))
      all("[data-tick]", event.target.closest("form")).forEach((tick) => (tick.checked = event.target.checked));
    count();
  });
  document.addEventListener("reset", () => setTimeout(count));

  function count() {
    all("form").forEach((form) => {
      const number = form.querySelector("[data-count]");
      if (number) number.textContent = String(all("[data-tick]:checked", form).length);
    });
  }

  async function copy(text) {
    await navigator.clipboard.writeText(text);
    toast(texts.copied);
  }

  function reveal(button) {
    const field = document.getElementById(button.dataset.reveal);
    field.type = field.type === "password" ? "text" : "password";
    button.setAttribute("aria-pressed", String(field.type === "text"));
  }

  function fold() {
    root.dataset.side = root.dataset.side === "narrow" ? "wide" : "narrow";
    localStorage.setItem("side", root.dataset.side);
    enhance();
  }

  function toast(text) {
    const line = document.createElement("div");
    line.className = "toast-line";
    line.textContent = text;
    one("#toasts").append(line);
    setTimeout(() => line.remove(), 5000);
  }

  // --- a form is sent once
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.closest("#dialog")) {
      event.preventDefault();
      sendDialog(event.target, event.submitter);
    }
    const buttons = all("button:not([type=button]):not([type=reset])", event.target);
    setTimeout(() => buttons.forEach((button) => (button.disabled = true)));
    setTimeout(() => buttons.forEach((button) => (button.disabled = false)), 10_000);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // what the browser kept may be of somebody who has signed out
  });

  // --- a verb's page as a dialog: its form is sent as on the page itself
  async function openDialog(url) {
    keepRow();
    const answer = await fetch(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const verb = page.querySelector("#verb");
    const refusal = page.querySelector(".problem [role=alert]");
    if (!verb && answer.status === 409 && refusal) return toast(refusal.textContent); // it has moved on meanwhile
    if (!verb) return location.assign(url);
    lasts(page.body.dataset.idle);
    fillDialog(verb, url);
    one("#dialog").showModal();
    const first = one("#dialog-body input:not([type=hidden]), #dialog-body textarea, #dialog-body select, #dialog-body button");
    return first?.focus();
  }

  function fillDialog(verb, url) {
    verb.querySelector("h1, h2").id = "dialog-title";
    all("form:not([action])", verb).forEach((form) => form.setAttribute("action", url)); // a field may be called "action"
    one("#dialog-body").replaceChildren(document.adoptNode(verb));
    enhance();
  }

  // What is sent from a dialog and refused comes back into it; whatever else is answered is shown as the page it is.
  async function sendDialog(form, button) {
    const url = button?.getAttribute("formaction") || form.getAttribute("action");
    const sent = { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } };
    const answer = await fetch(url, sent).catch(() => toast(texts.unanswered));
    if (!answer) return undefined;
    const onward = answer.headers.get("HX-Redirect");
    if (onward) return location.assign(onward);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const verb = page.querySelector("#verb");
    if (answer.ok || !verb) return showAnswer(page);
    fillDialog(verb, url);
    if (!one("#dialog").open) one("#dialog").showModal(); // closed while it waited
    return one("#dialog [data-focus]")?.focus();
  }

  function showAnswer(page) {
    const main = page.querySelector("#main");
    if (!main) return location.reload();
    one("#dialog").close();
    lasts(page.body.dataset.idle);
    document.title = page.title;
    one("#main").replaceWith(document.adoptNode(main));
    enhance();
    scrollTo(0, 0);
    return one("#main [data-focus]")?.focus();
  }

  // --- keys
  document.addEventListener("keydown", (event) => {
    lastUsed = Date.now();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const field = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.key === "Escape") return leave(field);
    if (field || one("dialog[open]")) return;
    if (press(event.key, event.target)) event.preventDefault();
  });

  function leave(field) {
    all("details.menu[open]").forEach((menu) => (menu.open = false));
    if (field && !one("dialog[open]")) field.blur();
  }

  // Does what the key stands for; false when it stands for nothing here.
  function press(key, target) {
    const row = target.closest("tr[data-row]");
    if (key === "j" || key === "k") return move(row, key === "j" ? 1 : -1);
    if (key === "/") return focusOn("[data-search]");
    if (key === "f" && one("[data-find]")) return focusOn("[data-find]");
    if (key === "?") return showKeys();
    if ((key === "n" || key === "p") && one("[data-change]")) return change(key === "n" ? 1 : -1);
    if (key === "p" && one("[data-live]")) return pause();
    if (key === "t") return wholeTimes();
    if (row && key === " " && target === row) return tick(row);
    if (row && key === "Enter" && target === row && row.dataset.href) return location.assign(row.dataset.href), true;
    return act(key, row);
  }

  function focusOn(selector) {
    const field = one(selector);
    field?.focus();
    field?.select();
    return Boolean(field);
  }

  function move(row, step) {
    const rows = all("tr[data-row]");
    if (!rows.length) return false;
    const next = row ? rows[rows.indexOf(row) + step] : rows[0];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
    return true;
  }

  // The next change of a comparison, or the one before, from where the focus is.
  function change(step) {
    const seen = all("[data-change]").filter((found) => found.offsetParent);
    const next = seen[Math.min(Math.max(seen.indexOf(document.activeElement) + step, 0), seen.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "center" });
    return true;
  }

  function tick(row) {
    const box = row.querySelector("[data-tick]");
    if (!box) return false;
    box.checked = !box.checked;
    count();
    return true;
  }

  // A verb's own key: on the selected rows, else on the row in focus, else what the page offers.
  function act(key, row) {
    const quoted = CSS.escape(key);
    const bulk = one(`[data-bulk-key="${quoted}"]`);
    if (bulk && one("[data-tick]:checked")) return bulk.click(), true;
    const verb = one(`[data-row-key="${quoted}"]`);
    if (verb && row) {
      openDialog(`${row.dataset.href}/${verb.dataset.verb}?next=${encodeURIComponent(location.pathname + location.search)}`);
      return true;
    }
    const link = one(`a[data-key="${quoted}"], button[data-key="${quoted}"]`);
    link?.click();
    return Boolean(link);
  }

  // Whole times instead of relative ones, until switched back.
  function wholeTimes() {
    root.dataset.times = root.dataset.times === "whole" ? "relative" : "whole";
    localStorage.setItem("times", root.dataset.times);
    return true;
  }

  function showKeys() {
    const here = all("[data-key], [data-row-key]").map((found) => [
      found.dataset.key || found.dataset.rowKey,
      [...found.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent.trim()).join(""),
    ]);
    one("#keys-here").replaceChildren(...[...new Map(here)].flatMap(([key, text]) => [piece("dt", piece("kbd", key)), piece("dd", text)]));
    one("#keys").showModal();
    return true;
  }

  function piece(name, content) {
    const made = document.createElement(name);
    made.append(content);
    return made;
  }

  // After an act the list comes back as it was, at the same row.
  function keepRow() {
    const row = document.activeElement?.closest("tr[data-row]");
    if (row) sessionStorage.setItem("row", JSON.stringify([location.pathname, row.dataset.id]));
  }

  function restoreRow() {
    const [path, id] = JSON.parse(sessionStorage.getItem("row") || "[]");
    if (path !== location.pathname) return;
    sessionStorage.removeItem("row");
    const rows = all("tr[data-row]");
    (rows.find((row) => row.dataset.id === id) || rows[0])?.focus();
  }

  // --- live lists: never while somebody selects, types or reads a menu, nor unseen
  function look() {
    const busy = paused || document.hidden || one("dialog[open], details.menu[open], [data-tick]:checked");
    const typing = document.activeElement?.closest("[data-live] input, [data-live] select, [data-live] textarea");
    if (busy || typing) return;
    all("[data-live]").forEach((list) => list.dispatchEvent(new CustomEvent("live")));
  }

  function pause() {
    paused = !paused;
    all("[data-live-switch]").forEach((button) => button.setAttribute("aria-pressed", String(paused)));
    return true;
  }

  document.addEventListener("htmx:response:error", () => toast(texts.stale));

  // --- the session: kept alive by use, not by live lists
  const used = () => (lastUsed = Date.now());
  ["pointerdown", "wheel", "touchstart"].forEach((name) => document.addEventListener(name, used, { passive: true }));

  function lasts(seconds) {
    known = Date.now();
    ends = known + Number(seconds) * 1000;
  }

  function watchIdle() {
    const now = Date.now();
    const dialog = one("#idle");
    if (asking) return undefined;
    if (now >= ends) return location.reload(); // to the sign-in page, and back here afterwards
    if (!dialog.open && lastUsed > known && now - known > (ends - known) / 3) return stay();
    if (ends - now > WARN) return undefined;
    if (!dialog.open) dialog.showModal();
    one("#idle-left").textContent = texts.left.replace("%(seconds)s", String(Math.round((ends - now) / 1000)));
    return undefined;
  }

  async function stay() {
    asking = true; // once, however long the answer takes
    try {
      const answer = await fetch(document.body.dataset.stay);
      if (!answer.ok || answer.redirected) return location.reload();
      return lasts((await answer.json()).seconds);
    } finally {
      asking = false;
    }
  }
  document.addEventListener("close", (event) => event.target.id === "idle" && stay(), true);

  // --- relative times go on
  function renewTimes() {
    const format = new Intl.RelativeTimeFormat(root.lang, { numeric: "always" });
    all("[data-ago]").forEach((found) => {
      const text = ago(format, (new Date(found.dataset.ago) - Date.now()) / 1000);
      found.textContent = found.tagName === "SPAN" ? `(${text})` : text;
    });
  }

  function ago(format, seconds) {
    const steps = [[31_536_000, "year"], [2_592_000, "month"], [86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
    const [size, unit] = steps.find(([size]) => Math.abs(seconds) >= size) || steps[5];
    return format.format(Math.trunc(seconds / size), unit);
  }
})();
