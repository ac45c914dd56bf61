/* The page: what is chosen goes to the engine, what comes back to the views. */
"use strict";

const VIEWS = ["results", "diagram", "why", "numbers", "about"];
const BAND_WAIT = 350; // milliseconds of rest before draws are run
const SPAN = 12; // months of the mean of a rate

class Page {
  constructor() {
    this.data = JSON.parse(document.getElementById("data").textContent);
    this.kernel = makeKernel();
    this.times = Array.from(this.kernel.spec.times);
    this.say = new Say(this.data, (navigator.language || "").toLowerCase().startsWith("es") ? "es" : "en");
    this.state = new State(this.data, this.kernel);
    this.engine = new Engine(this.kernel, this.data.series.map((one) => one.how));
    this.view = "results";
    this.from = this.times[0];
    this.runs = { now: null, base: null };
    this.cache = new Map();
    this.tops = new Map();
    this.band = this.noBand();
    this.baseKey = "";
    const at = (id) => document.getElementById(id);
    this.levers = new Levers(this, at("levers"));
    this.results = new Results(this, at("view-results"));
    this.numbers = new Numbers(this, at("view-numbers"));
    this.diagram = new Diagram(this, at("view-diagram"));
    this.why = new Why(this, at("view-why"));
    this.buttons();
    this.read();
    this.build();
    addEventListener("hashchange", () => { if (location.hash !== this.written) this.read(true); });
    document.body.dataset.state = "busy";
    this.ask();
  }

  // What is chosen -------------------------------------------------------------------------------------------

  /** Change the state, show it and run the model; `settled` is false while a slider is still moving. */
  change(act, settled = true) {
    act();
    this.levers.update();
    if (settled) this.settle();
    this.ask();
  }

  /** A change is complete: it becomes a step to undo, and part of the link. */
  settle() {
    this.state.commit();
    this.write();
    this.tools();
  }

  write() {
    this.written = this.link();
    try { history.replaceState(null, "", this.written); } catch { /* too many in a short time: the link button still has it */ }
  }

  link() {
    return this.state.toLink(this.say.lang, this.view === "results" ? "" : this.view);
  }

  read(again) {
    const found = this.state.fromLink(location.hash, VIEWS);
    if (found.refused) {
      this.pending = () => this.message(this.say.t("link_refused"), true);
      if (again) this.pending();
      this.write();
      return;
    }
    if (found.state) {
      this.state.now = found.state;
      if (again) this.state.commit();
      else this.state.saved = JSON.stringify(found.state);
      if (found.lang) this.say.set(found.lang);
      if (found.view) this.view = found.view;
      if (found.other) this.pending = () => this.message(this.say.t("link_other"));
    }
    if (again) {
      this.build();
      if (this.pending) this.pending();
      this.ask();
    }
  }

  // Runs -----------------------------------------------------------------------------------------------------

  ask() {
    clearTimeout(this.resting);
    document.body.dataset.state = "busy";
    this.run();
  }

  /** Run until what is shown is what is chosen: a change during a run is taken up by the next one. */
  async run() {
    this.stale = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.stale) {
        this.stale = false;
        const inputs = this.state.inputs(), baseline = this.state.baseline(), key = baseline.join();
        if (this.baseKey !== key) {
          this.runs.base = await this.engine.ask(baseline);
          this.baseKey = key;
          this.tops.clear();
        }
        const same = inputs.every((value, k) => value === baseline[k]);
        this.runs.now = same ? this.runs.base : await this.engine.ask(inputs);
        this.cache.clear();
        this.band = this.noBand();
        this.show();
      }
      this.rest();
    } catch (error) {
      document.body.dataset.state = "failed";
      this.message(this.say.t("run_failed", { why: error.message }), true);
    }
    this.busy = false;
  }

  /** What waits for a pause: draws, cut loops, and what a screen reader is told. */
  rest() {
    document.body.dataset.state = "ready";
    document.body.dataset.runs = String(Number(document.body.dataset.runs || 0) + 1);
    document.body.dataset.took = String(Math.round(this.engine.took));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      document.getElementById("live").textContent = this.results.lead.textContent + (this.results.note.hidden ? "" : " " + this.results.note.textContent);
      if (this.view === "why") this.why.showLoops();
      this.fill();
    }, BAND_WAIT);
  }

  noBand() {
    if (this.band) this.engine.drop(this.band.round);
    return { round: `band ${Math.random()}`, now: [], base: [], quantiles: new Map(), bounds: new Map(), wanted: this.data.charts };
  }

  /** Run every draw for both courses, a few at a time. */
  async fill() {
    const draws = this.data.draws, band = this.band, usual = this.state.inputs(), baseline = this.state.baseline();
    if (!draws.values.length || !this.engine.many || band.begun) return;
    band.begun = performance.now();
    const own = new Set(), mark = (inputs) => inputs.forEach((value, k) => { if (value !== this.kernel.defaults[k]) own.add(k); });
    mark(usual);
    mark(baseline);
    const key = this.baseKey + [...own].join();
    if (!this.kept || this.kept.key !== key) this.kept = { key, runs: new Map() };
    const kept = this.kept, same = usual.every((value, k) => value === baseline[k]);
    let last = 0;
    await Promise.all(draws.values.map(async (values, n) => {
      const drawn = (inputs) => { const made = inputs.slice(); draws.inputs.forEach((place, k) => { if (!own.has(place)) made[place] = values[k]; }); return made; };
      const before = kept.runs.get(n), cases = [...(same ? [] : [drawn(usual)]), ...(before ? [] : [drawn(baseline)])];
      try {
        const found = cases.length ? await this.engine.series(cases, band.wanted, band.round) : [];
        if (!found || this.band !== band) return;
        const base = before || found[found.length - 1];
        kept.runs.set(n, base);
        band.base.push(base);
        band.now.push(same ? base : found[0]);
      } catch {
        band.failed = (band.failed || 0) + 1;
      }
      if (this.band !== band) return;
      this.results.progress.textContent = band.now.length < draws.values.length ? ` ${this.say.t("band_progress", { done: band.now.length, all: draws.values.length })}` : "";
      if (performance.now() - last < 400 && band.now.length < draws.values.length) return;
      last = performance.now();
      if (band.now.length < 10) return;
      band.quantiles.clear();
      band.bounds.clear();
      this.show();
    }));
    if (this.band !== band) return;
    band.quantiles.clear();
    band.bounds.clear();
    document.body.dataset.draws = String(band.now.length);
    document.body.dataset.bandTook = String(Math.round(performance.now() - band.begun));
    this.results.progress.textContent = "";
    this.show();
  }

  // What the views read ----------------------------------------------------------------------------------------

  /** Courses of a series over time: now, baseline, and the bounds of the band once enough draws are in. */
  courses(place) {
    let found = this.cache.get(place);
    if (!found) {
      const of = (run) => seriesValues(this.data.series[place].how, run.rows, run.inputs, this.times.length);
      found = { now: of(this.runs.now), base: of(this.runs.base) };
      this.cache.set(place, found);
    }
    const k = this.band.wanted.indexOf(place);
    if (k < 0 || this.band.now.length < 10) return found;
    let bounds = this.band.quantiles.get(place);
    if (!bounds) {
      const count = this.times.length, low = new Float64Array(count), high = new Float64Array(count), all = new Float64Array(this.band.now.length);
      for (let t = 0; t < count; t++) {
        for (let n = 0; n < all.length; n++) all[n] = this.band.now[n][k * count + t];
        all.sort();
        low[t] = quantile(all, LEVEL_LOW);
        high[t] = quantile(all, LEVEL_HIGH);
      }
      bounds = { low, high };
      this.band.quantiles.set(place, bounds);
    }
    return { ...found, ...bounds };
  }

  /** Largest value of a series in the baseline, for scales that stay put. */
  most(place) {
    if (!this.tops.has(place)) this.tops.set(place, Math.max(...this.courses(place).base));
    return this.tops.get(place);
  }

  /** Level of a series at a date: baseline, now, change in per cent, and the interval of the change across draws. */
  readings(place, date) {
    const one = this.data.series[place], { now, base } = this.courses(place);
    const a = levelAt(now, this.times, date, one.rate, SPAN), b = levelAt(base, this.times, date, one.rate, SPAN);
    const moved = Math.abs(a - b) > 1e-6 * Math.max(Math.abs(a), Math.abs(b)) && Math.abs(a - b) > 1e-9;
    const per = Math.abs(b) > 1e-3 * Math.abs(a - b) && Math.abs(b) > 1e-9;
    const found = { now: a, base: b, moved, percent: per ? 100 * (a - b) / Math.abs(b) : null, words: (v) => (per ? this.say.percent(v) : this.say.signed(v, this.say.amount(v, one))) };
    const k = this.band.wanted.indexOf(place);
    if (!moved || k < 0 || this.band.now.length < 10) return found;
    const key = `${place} ${date}`;
    let bounds = this.band.bounds.get(key);
    if (!bounds) {
      const count = this.times.length, part = (values) => levelAt(values.subarray(k * count, (k + 1) * count), this.times, date, one.rate, SPAN);
      const all = Float64Array.from(this.band.now, (values, n) => {
        const x = part(values), y = part(this.band.base[n]);
        return per ? 100 * (x - y) / Math.abs(y) : x - y;
      }).sort();
      bounds = { low: quantile(all, LEVEL_LOW), high: quantile(all, LEVEL_HIGH) };
      this.band.bounds.set(key, bounds);
    }
    return { ...found, ...bounds };
  }

  sentence(place, date) {
    const one = this.data.series[place], read = this.readings(place, date), { say } = this;
    const values = { what: say.of(one.title), unit: say.of(one.unit), date: say.month(date), base: say.amount(read.base, one), now: say.amount(read.now, one), change: say.change(read.now, read.base, one) };
    return say.t(read.moved ? "sentence_moved" : "sentence", values);
  }

  /** What is chosen, in words. */
  described() {
    const { say, state } = this, parts = [...this.results.chips.children].map((chip) => chip.firstChild.textContent);
    const base = state.scenarios.get(state.now.base);
    return say.t("described", { base: base ? say.of(base.title) : this.data.model.name, changes: parts.length ? parts.join("; ") : say.t("nothing_chosen") });
  }

  /** Value of a course at a time, and what it adds up to by then. */
  at(values, time) { return valueAt(values, this.times, time); }

  total(values, time) { return integral(values, this.times, this.times[0], time); }

  pictureText(place) { return pictureOf(this, place).text; }

  policyTime() {
    return this.data.time.policyStart === null ? null : this.runs.base ? this.state.policyStart(this.runs.base.inputs) : null;
  }

  /** Times for tables and the choice of a date: ends of years, or evenly spread. */
  dates() {
    const first = this.times[0], last = this.times[this.times.length - 1], found = [];
    if (this.data.time.calendar) for (let t = Math.ceil((first + 1e-9) / 12) * 12; t <= last; t += 12) { if (t > first) found.push(t); }
    if (!found.length) for (let k = 0; k <= 12; k++) found.push(this.times[Math.round(k * (this.times.length - 1) / 12)]);
    return [...new Set(found)];
  }

  spans() {
    const first = this.times[0], last = this.times[this.times.length - 1], found = [[first, this.data.time.calendar ? String(START_YEAR + Math.floor(first / 12)) : this.say.t("whole_run")]];
    if (this.data.time.calendar) for (const year of [2019, 2022, 2025]) if (12 * (year - START_YEAR) > first && 12 * (year - START_YEAR) < last - 24) found.push([12 * (year - START_YEAR), String(year)]);
    return found;
  }

  csvDate(time) {
    if (!this.data.time.calendar) return String(time);
    const month = Math.max(0, Math.ceil(time - 1e-9) - 1);
    return time <= this.times[0] ? `${START_YEAR + Math.floor(time / 12)}-01-01` : `${START_YEAR + Math.floor(month / 12)}-${String(month % 12 + 1).padStart(2, "0")}`;
  }

  // Showing ---------------------------------------------------------------------------------------------------

  show() {
    this.strip();
    if (this.view === "results") this.results.update();
    else {
      this.results.showChips();
      this.results.showLead();
      this[this.view]?.update?.();
    }
  }

  /** Three numbers that stay in sight: exposure and waiting beside a backlog. */
  strip() {
    const { featured } = this.data, bar = document.getElementById("strip"), date = this.state.now.date;
    const places = featured.people.length ? [...featured.people.slice(0, 2), ...featured.files.slice(0, 1)] : this.data.stocks.slice(0, 3);
    bar.replaceChildren(...places.map((place) => {
      const read = this.readings(place, date), one = this.data.series[place];
      return el("div", { class: one.human ? "human" : null }, el("dt", {}, sentenceCase(this.say.brief(one))),
        el("dd", {}, el("span", {}, this.say.amount(read.now, one)), " ", el("span", { class: "moved" }, read.moved ? this.say.change(read.now, read.base, one) : this.say.t("no_change"))));
    }));
  }

  build() {
    const { say } = this;
    document.documentElement.lang = say.lang === "es" ? "es-MX" : "en";
    document.title = say.t("page_title", { title: say.of(this.data.title) });
    for (const node of document.querySelectorAll("[data-word]")) node.textContent = say.t(node.dataset.word, { title: say.of(this.data.title), caveat: say.t("caveat") });
    for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say.t(node.dataset.label));
    const lang = document.getElementById("lang");
    lang.textContent = say.t("other_language");
    lang.lang = say.lang === "es" ? "en" : "es-MX";
    const date = document.getElementById("date"), stops = this.dates().filter((t) => t > (this.policyTime() ?? this.state.policyStart(this.state.baseline())) || !this.data.time.calendar);
    date.replaceChildren(...[...new Set([...stops, this.state.now.date])].sort((a, b) => a - b).map((t) => el("option", { value: t }, say.month(t))));
    date.value = String(this.state.now.date);
    this.levers.build();
    for (const view of VIEWS) this[view]?.build?.();
    this.about();
    this.tabs();
    this.tools();
    if (this.runs.now) this.show();
  }

  about() {
    const { say, data } = this, list = (items) => el("ul", {}, ...items.map((item) => el("li", {}, item)));
    const root = document.getElementById("view-about"), words = say.words;
    const sources = [...new Set(data.series.flatMap((one) => one.sources))].sort();
    const scenarios = data.scenarios.filter((one) => one.source);
    root.replaceChildren(el("h2", {}, say.t("use_title")), ...(data.familiar ? [list(words.use), el("h2", {}, say.t("limits_title")), list(words.limits)] : [list(words.use_any)]),
      el("h2", {}, say.t("reading_title")), list(data.familiar ? words.reading : words.reading_any),
      el("h2", {}, say.t("made_title")), el("p", {}, say.t("made", { program: data.program, file: data.model.file })), el("p", {}, say.t("digest"), " ", el("code", {}, data.model.digest)),
      el("p", {}, data.draws.values.length ? say.t("draws_" + data.draws.source, { n: data.draws.values.length }) : say.t("draws_none")),
      ...(scenarios.length ? [el("h2", {}, say.t("sources_scenarios")), el("dl", { class: "sources" }, ...scenarios.flatMap((one) => [el("dt", {}, say.of(one.title)), el("dd", {}, el("cite", { lang: "en" }, one.source))]))] : []),
      ...(sources.length ? [el("h2", {}, say.t("sources_observed")), el("ul", { class: "sources" }, ...sources.map((one) => el("li", {}, el("cite", { lang: "en" }, one))))] : []));
  }

  tabs() {
    for (const view of VIEWS) {
      const tab = document.getElementById(`tab-${view}`), panel = document.getElementById(`view-${view}`), chosen = view === this.view;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
    if (this.view !== "diagram") this.diagram.stop();
  }

  go(view, focus) {
    this.view = view;
    this.tabs();
    this.write();
    if (focus) document.getElementById(`tab-${view}`).focus();
    if (this.runs.now) this.show();
  }

  tools() {
    const at = (id) => document.getElementById(id);
    at("undo").disabled = !this.state.past.length;
    at("redo").disabled = !this.state.future.length;
    at("reset").disabled = !this.state.changes() && this.state.now.base === this.state.neutral().base;
    const n = this.state.changes();
    at("open-levers").textContent = n ? this.say.t("open_levers_n", { n }) : this.say.t("open_levers");
    at("date").value = String(this.state.now.date);
  }

  stepped(done) {
    if (!done) return;
    this.levers.build();
    this.write();
    this.tools();
    this.ask();
  }

  buttons() {
    const at = (id) => document.getElementById(id);
    at("undo").addEventListener("click", () => this.stepped(this.state.undo()));
    at("redo").addEventListener("click", () => this.stepped(this.state.redo()));
    at("reset").addEventListener("click", () => this.stepped(this.state.reset()));
    at("print").addEventListener("click", () => print());
    at("csv").addEventListener("click", () => { saveBlob(new Blob([csvOf(this)], { type: "text/csv;charset=utf-8" }), "flows.csv"); });
    at("share").addEventListener("click", () => this.share());
    at("lang").addEventListener("click", () => {
      this.say.set(this.say.lang === "es" ? "en" : "es");
      this.write();
      this.build();
    });
    at("date").addEventListener("change", () => { this.diagram.time = null; this.change(() => { this.state.now.date = Number(at("date").value); }); });
    at("close").addEventListener("click", () => { at("message").hidden = true; });
    at("open-levers").addEventListener("click", () => { document.body.classList.add("choosing"); at("levers").focus(); });
    at("open-results").addEventListener("click", () => { document.body.classList.remove("choosing"); at("results").focus(); });
    for (const [k, view] of VIEWS.entries()) {
      const tab = at(`tab-${view}`);
      tab.addEventListener("click", () => this.go(view));
      tab.addEventListener("keydown", (event) => {
        const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: VIEWS.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        this.go(VIEWS[(to + VIEWS.length) % VIEWS.length], true);
      });
    }
    addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || /^(text|search|number)$/.test(event.target.type || "")) return;
      const key = event.key.toLowerCase();
      if (key === "z" || key === "y") {
        event.preventDefault();
        this.stepped(key === "y" || event.shiftKey ? this.state.redo() : this.state.undo());
      }
    });
    addEventListener("beforeprint", () => {
      this.folded = [...document.querySelectorAll("#view-results details:not([open])")];
      for (const chart of this.results.charts) { chart.seen = chart.figure.closest("details")?.open !== false; chart.update(); }
    });
  }

  async share() {
    const address = location.href.split("#")[0] + this.link();
    this.write();
    try {
      await navigator.clipboard.writeText(address);
      this.message(this.say.t("link_copied"));
    } catch {
      this.message(this.say.t("link_in_bar"));
    }
  }

  async savePicture(chart) {
    saveBlob(await pngOf(this, chart.place), `flows-${chart.one.id.replace(/[^a-z0-9]+/gi, "-").toLowerCase()}.png`);
  }

  message(text, wrong) {
    const box = document.getElementById("message");
    document.getElementById("message-text").textContent = text;
    box.classList.toggle("wrong", Boolean(wrong));
    box.hidden = false;
    clearTimeout(this.saying);
    if (!wrong) this.saying = setTimeout(() => { box.hidden = true; }, 12000);
  }
}

function sentenceCase(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

window.flowsPage = new Page();
if (window.flowsPage.pending) window.flowsPage.pending();
