/* The left side: base course, contexts and packages; levers by who decides them, with their timing. */
"use strict";

class Levers {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.open = new Set();
    this.find = "";
  }

  /** Build everything anew: at the start, and when the language changes. */
  build() {
    const page = this.page, say = page.say, data = page.data;
    this.rows = [];
    this.counts = [];
    const parts = [];
    if (data.scenarios.length) parts.push(this.scenarios());
    parts.push(el("h2", { id: "levers-title" }, say.t(data.familiar ? "levers" : "constants")));
    if (data.assumedRanges) parts.push(el("p", { class: "quiet" }, say.t("ranges_assumed")));
    if (data.levers.length > 12) {
      const field = el("input", { type: "search", id: "find", autocomplete: "off", spellcheck: "false" });
      field.value = this.find;
      field.addEventListener("input", () => { this.find = field.value; this.filter(); });
      parts.push(el("div", { class: "find" }, el("label", { for: "find" }, say.t("find_lever")), field));
      this.none = el("p", { class: "quiet", hidden: true }, say.t("find_nothing"));
      parts.push(this.none);
    }
    for (const who of data.deciders) parts.push(this.group(who));
    if (data.contexts.length) parts.push(this.contexts());
    this.root.replaceChildren(...parts);
    this.filter();
    this.update();
  }

  fold(id, title, body, open) {
    const count = el("span", { class: "count" });
    const fold = el("details", { id }, el("summary", {}, el("span", {}, title), count), body);
    fold.open = this.open.has(id) || open;
    fold.addEventListener("toggle", () => (fold.open ? this.open.add(id) : this.open.delete(id)));
    return { fold, count };
  }

  scenarios() {
    const page = this.page, say = page.say, all = page.data.scenarios;
    const section = el("section", { "aria-labelledby": "scenario-title" }, el("h2", { id: "scenario-title" }, say.t("scenario")));
    const base = el("select", { id: "base" }, ...all.filter((one) => one.kind === "base").map((one) => el("option", { value: one.name }, say.of(one.title))));
    base.addEventListener("change", () => {
      const before = page.state.now.base, name = base.value;
      page.state.now.base = name;
      const clash = page.state.now.chosen.map((one) => [one, page.state.clash(one)]).find(([, found]) => found);
      if (clash) {
        page.state.now.base = before;
        base.value = before;
        this.tell(page.state.scenarios.get(clash[0]), { other: page.state.scenarios.get(name), what: clash[1].what });
      } else page.change(() => { page.state.now.base = name; });
    });
    this.base = base;
    section.append(el("div", { class: "field" }, el("label", { for: "base" }, say.t("base_course")), base));
    this.lists = [];
    for (const kind of ["context", "package"]) section.append(...this.choice(kind));
    const shared = el("input", { type: "checkbox", id: "shared" });
    shared.addEventListener("change", () => page.change(() => { page.state.now.shared = shared.checked; }));
    this.shared = shared;
    section.append(el("div", { class: "choice" }, shared, el("label", { for: "shared" }, say.t("shared_contexts"))));
    return section;
  }

  /** Scenarios of a kind: a menu that adds one, and those in force with a button that takes each away. */
  choice(kind) {
    const page = this.page, say = page.say;
    const of = page.data.scenarios.filter((one) => one.kind === kind).sort((a, b) => say.of(a.title).localeCompare(say.of(b.title), say.locale));
    const menu = el("select", { id: `add-${kind}` }), list = el("ul", { class: "chips chosen" });
    menu.addEventListener("change", () => {
      const one = page.state.scenarios.get(menu.value);
      menu.value = "";
      if (one) this.choose(one);
    });
    let shown = null;
    this.lists.push(() => {
      const chosen = page.state.now.chosen.filter((name) => page.state.scenarios.get(name).kind === kind);
      if (shown === chosen.join()) return;
      shown = chosen.join();
      menu.replaceChildren(el("option", { value: "" }, say.t(`add_${kind}`)),
        ...of.filter((one) => !chosen.includes(one.name)).map((one) => el("option", { value: one.name }, say.of(one.title))));
      list.replaceChildren(...chosen.map((name) => {
        const title = say.of(page.state.scenarios.get(name).title);
        const away = () => { page.change(() => { page.state.now.chosen = page.state.now.chosen.filter((other) => other !== name); }); menu.focus(); };
        return el("li", {}, el("span", {}, title), el("button", { type: "button", class: "quiet", "aria-label": say.t("remove", { what: title }), onclick: away }, "×"));
      }));
      list.hidden = !chosen.length;
    });
    return [el("div", { class: "field" }, el("label", { for: menu.id }, say.t(`${kind}s`), el("span", { class: "quiet" }, " ", say.t(`${kind}s_hint`))), menu), list];
  }

  /** Say why two scenarios don't combine. */
  tell(one, clash) {
    const say = this.page.say, values = { one: say.of(one.title), other: say.of(clash.other.title), what: clash.what ? say.of(clash.what) : "" };
    this.page.message(say.t(clash.what ? "clash_lever" : "clash", values));
  }

  choose(one) {
    const page = this.page, state = page.state, clash = state.clash(one.name);
    if (clash) {
      this.tell(one, clash);
      return;
    }
    page.change(() => { state.now.chosen = [...state.now.chosen, one.name]; });
  }

  group(who) {
    const page = this.page, data = page.data, body = el("div", { class: "levers" }), places = [];
    data.levers.forEach((lever, place) => {
      if (lever.decides !== who) return;
      places.push(place);
      const row = this.slider(lever, `lever-${lever.id}`, {
        get: () => page.state.lever(place),
        set: (value) => page.state.setLever(place, "value", value),
        clear: () => { delete page.state.now.levers[place]; },
      });
      if (lever.delay !== null) row.element.append(this.timing(lever, place));
      this.rows.push(row);
      body.append(row.element);
    });
    const title = data.familiar && page.say.words["decides_" + who.toLowerCase().replace(" ", "_")] || page.say.of(data.decides[who]) || page.say.t("constants");
    const id = `fold-${who.toLowerCase().replace(/[^a-z0-9]+/g, "-") || "all"}`;
    const { fold, count } = this.fold(id, title, body, who === data.deciders[0] && !data.scenarios.length);
    this.counts.push([count, () => places.filter((place) => page.state.lever(place).own).length]);
    return fold;
  }

  contexts() {
    const page = this.page, body = el("div", { class: "levers" }, el("p", { class: "quiet" }, page.say.t("context_levers_hint")));
    page.data.contexts.forEach((context, place) => {
      const row = this.slider(context, `context-${context.id}`, {
        get: () => {
          const own = page.state.now.contexts[place], set = page.state.inForce().flatMap((one) => one.constants).find(([input]) => input === context.input);
          const usual = set ? set[1] : context.value;
          return { value: own !== undefined ? own : usual, usual, own: own !== undefined, scenario: null };
        },
        set: (value) => page.state.setContext(place, value),
        clear: () => page.state.setContext(place, undefined),
      });
      this.rows.push(row);
      body.append(row.element);
    });
    const { fold, count } = this.fold("fold-context-levers", page.say.t("context_levers"), body, false);
    this.counts.push([count, () => Object.keys(page.state.now.contexts).length]);
    return fold;
  }

  slider(lever, id, use) {
    const page = this.page, say = page.say, note = say.of(lever.note);
    const range = el("input", { type: "range", id, min: lever.min, max: lever.max, step: lever.step, "aria-describedby": note ? `${id}-note` : null });
    const field = el("input", { type: "number", id: `${id}-number`, min: lever.min, max: lever.max, step: "any", inputmode: "decimal", "aria-label": say.t("value_of", { what: say.of(lever.title) }) });
    const back = el("button", { type: "button", class: "quiet back", "aria-label": say.t("back_of", { what: say.of(lever.title) }), title: say.t("back") }, "↺");
    const moved = (value, settled) => {
      const near = Number(Math.min(lever.max, Math.max(lever.min, value)).toPrecision(6));
      page.change(() => use.set(near), settled);
    };
    range.addEventListener("input", () => moved(Number(range.value), false));
    range.addEventListener("change", () => page.settle());
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value.trim() === "" || !Number.isFinite(value)) this.update();
      else {
        if (value < lever.min || value > lever.max) page.message(say.t("out_of_range", { what: say.of(lever.title), low: say.exact(lever.min), high: say.exact(lever.max) }));
        moved(value, true);
        this.update();
      }
    });
    back.addEventListener("click", () => { page.change(use.clear); range.focus(); });
    const element = el("div", { class: "lever", "data-lever": lever.name },
      el("div", { class: "lever-head" }, el("label", { for: id }, say.of(lever.title)), back),
      note ? el("p", { class: "note", id: `${id}-note` }, note) : null,
      el("div", { class: "lever-body" }, range, el("span", { class: "lever-value" }, field)),
      el("p", { class: "unit" }, say.of(lever.unit)));
    const text = [...Object.values(lever.title), note].join(" ").toLowerCase();
    return {
      element, text,
      update: () => {
        const { value, usual, own, scenario } = use.get();
        range.value = String(value);
        range.setAttribute("aria-valuetext", `${say.exact(value)} ${say.of(lever.unit)}`);
        if (document.activeElement !== field) field.value = String(value);
        element.classList.toggle("own", own);
        element.classList.toggle("set", !own && Boolean(scenario));
        back.disabled = !own;
        const spot = (v) => ((v - lever.min) / (lever.max - lever.min) * 100).toFixed(2) + "%";
        range.style.setProperty("--at", spot(value));
        range.style.setProperty("--usual", spot(usual));
      },
    };
  }

  timing(lever, place) {
    const page = this.page, say = page.say, id = `timing-${lever.id}`;
    const fold = el("details", { class: "timing" }, el("summary", {}, say.t("timing")));
    const body = el("div", {});
    fold.append(body);
    const build = () => {
      const first = Math.ceil(page.state.policyStart(page.state.inputs())), last = Math.floor(page.times[page.times.length - 1]);
      const now = page.state.lever(place);
      const month = (key, label, none, from, shift) => {
        const year = el("select", { "aria-label": `${label}, ${say.t("year")}`, id: `${id}-${key}-year` });
        const part = el("select", { "aria-label": `${label}, ${say.t("month")}`, id: `${id}-${key}-month` });
        year.append(el("option", { value: "" }, none));
        for (let y = Math.floor(from / 12); y <= Math.floor((last - 1) / 12); y++) year.append(el("option", { value: y }, String(START_YEAR + y)));
        say.data.months[say.lang].long.forEach((word, m) => part.append(el("option", { value: m }, word)));
        const time = now[key] === null || now[key] === undefined ? null : now[key] - shift;
        year.value = time === null ? "" : String(Math.floor(time / 12));
        part.value = time === null ? (key === "end" ? "11" : "0") : String(Math.round(time) % 12);
        part.disabled = time === null;
        const set = () => {
          let found = year.value === "" ? null : Math.min(last - 1, Math.max(from, 12 * Number(year.value) + Number(part.value)));
          const other = page.state.lever(place), ends = key === "end" ? found === null ? null : found + 1 : other.end, starts = key === "start" ? found : other.start;
          if (ends !== null && starts !== null && ends <= starts) {
            page.message(say.t("ends_before"));
            build();
            return;
          }
          page.change(() => page.state.setLever(place, key, found === null ? (this.scenarioHas(place, key) ? null : undefined) : found + shift));
          build();
        };
        year.addEventListener("change", set);
        part.addEventListener("change", set);
        return el("div", { class: "field row" }, el("span", {}, label), year, part);
      };
      const phase = el("input", { type: "number", id: `${id}-phase`, min: page.data.time.phase[0], max: page.data.time.phase[1], step: "any" });
      phase.value = now.phase === null ? String(page.kernel.defaults[lever.phase]) : String(now.phase);
      phase.addEventListener("change", () => {
        const value = Number(phase.value), [low, high] = page.data.time.phase;
        if (phase.value.trim() === "" || !(value >= low && value <= high)) {
          page.message(say.t("out_of_range", { what: say.t("phase_in"), low: say.exact(low), high: say.exact(high) }));
          build();
        } else page.change(() => page.state.setLever(place, "phase", Number(value.toPrecision(6))));
      });
      body.replaceChildren(month("start", say.t("starts"), say.t("at_policy_start"), first, 0),
        el("div", { class: "field row" }, el("label", { for: phase.id }, say.t("phase_in")), phase, el("span", { class: "unit" }, say.t("months"))),
        month("end", say.t("ends"), say.t("never"), first, 1));
    };
    fold.addEventListener("toggle", () => { if (fold.open) build(); });
    return fold;
  }

  scenarioHas(place, key) {
    const change = this.page.state.inForce().flatMap((one) => one.levers).find((one) => one.lever === place);
    return Boolean(change) && change[key] !== null;
  }

  filter() {
    const wish = this.find.trim().toLowerCase();
    let any = false;
    for (const row of this.rows) {
      const shown = !wish || row.text.includes(wish);
      row.element.hidden = !shown;
      any ||= shown;
    }
    for (const fold of this.root.querySelectorAll("details[id^=fold-]")) {
      const levers = fold.querySelector(".levers");
      if (!levers) continue;
      const found = [...levers.children].some((child) => child.classList.contains("lever") && !child.hidden);
      fold.hidden = Boolean(wish) && !found;
      if (wish && found) fold.open = true;
    }
    if (this.none) this.none.hidden = any;
  }

  /** Show what the state holds. */
  update() {
    const state = this.page.state;
    if (this.base) this.base.value = state.now.base;
    for (const list of this.lists || []) list();
    if (this.shared) {
      this.shared.checked = state.now.shared;
      this.shared.disabled = !state.inForce().some((one) => one.kind === "context") && !Object.keys(state.now.contexts).length;
    }
    for (const row of this.rows) row.update();
    for (const [element, number] of this.counts) {
      const n = number();
      element.textContent = n ? this.page.say.t("count_set", { n }) : "";
    }
  }
}
