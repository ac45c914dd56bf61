/* What somebody chose: scenarios, levers with their timing, contexts, the date; its inputs, its link, undo and redo. */
"use strict";

const FORMAT = "1";
const LONGEST_LINK = 20000;

class State {
  constructor(data, kernel) {
    this.data = data;
    this.kernel = kernel;
    this.times = kernel.spec.times;
    this.scenarios = new Map(data.scenarios.map((one) => [one.name, one]));
    this.now = this.neutral();
    this.past = [];
    this.future = [];
    this.saved = JSON.stringify(this.now);
  }

  neutral() {
    return { base: this.scenarios.has(this.data.baseline) ? this.data.baseline : "", chosen: [], levers: {}, contexts: {}, shared: false, date: this.usualDate() };
  }

  usualDate() {
    const last = this.times[this.times.length - 1];
    return this.data.time.calendar && last >= 216 ? 216 : last; // the end of December 2030
  }

  policyStart(inputs) {
    const place = this.data.time.policyStart;
    return place === null ? this.times[0] : inputs[place];
  }

  /** Keep what stands as a step that can be undone. */
  commit() {
    const text = JSON.stringify(this.now);
    if (text === this.saved) return false;
    this.past.push(this.saved);
    if (this.past.length > 200) this.past.shift();
    this.future = [];
    this.saved = text;
    return true;
  }

  step(from, to) {
    if (!from.length) return false;
    to.push(this.saved);
    this.saved = from.pop();
    this.now = JSON.parse(this.saved);
    return true;
  }

  undo() { this.commit(); return this.step(this.past, this.future); }
  redo() { return this.step(this.future, this.past); }

  reset() {
    this.now = { ...this.neutral(), date: this.now.date };
    return this.commit();
  }

  /** Names of scenarios in force, the base first. */
  inForce() {
    return [this.now.base, ...this.now.chosen].filter((name) => this.scenarios.has(name)).map((name) => this.scenarios.get(name));
  }

  /** The scenario, other than `name` itself, that sets something which this one sets too; with what it is. */
  clash(name) {
    const one = this.scenarios.get(name), mine = new Set(one.levers.map((change) => change.lever));
    const inputs = new Set(one.constants.map(([place]) => place));
    for (const other of this.inForce()) {
      if (other.name === name) continue;
      const lever = other.levers.find((change) => mine.has(change.lever));
      if (lever) return { other, what: this.data.levers[lever.lever].title };
      if (other.constants.some(([place]) => inputs.has(place))) return { other, what: null };
    }
    return null;
  }

  /** Value and timing of a lever: its neutral value, a scenario's, or one's own. */
  lever(place) {
    const lever = this.data.levers[place];
    const change = this.inForce().flatMap((one) => one.levers).find((one) => one.lever === place);
    const own = this.now.levers[place] || {};
    const pick = (key, other) => (own[key] !== undefined ? own[key] : other);
    return {
      value: pick("value", change ? change.value : lever.value),
      start: pick("start", change ? change.start : null),
      phase: pick("phase", change ? change.phase : null),
      end: pick("end", change ? change.end : null),
      usual: change ? change.value : lever.value,
      scenario: change ? this.inForce().find((one) => one.levers.includes(change)) : null,
      own: Object.keys(own).length > 0,
    };
  }

  setLever(place, key, value) {
    const own = { ...(this.now.levers[place] || {}) };
    if (value === undefined) delete own[key];
    else own[key] = value;
    const change = this.inForce().flatMap((one) => one.levers).find((one) => one.lever === place);
    if (key === "value" && value === (change ? change.value : this.data.levers[place].value)) delete own.value;
    if (Object.keys(own).length) this.now.levers[place] = own;
    else delete this.now.levers[place];
  }

  setContext(place, value) {
    if (value === undefined || value === this.data.contexts[place].value) delete this.now.contexts[place];
    else this.now.contexts[place] = value;
  }

  /** How many things differ from the base course. */
  changes() {
    return this.now.chosen.length + Object.keys(this.now.levers).length + Object.keys(this.now.contexts).length;
  }

  /** Inputs of the baseline: the base course, with the contexts where they are shared. */
  baseline() {
    const inputs = this.kernel.defaults.slice();
    const kept = this.inForce().filter((one) => one.kind === "base" || (this.now.shared && one.kind === "context"));
    this.apply(inputs, kept);
    if (this.now.shared) for (const [place, value] of Object.entries(this.now.contexts)) inputs[this.data.contexts[place].input] = value;
    return inputs;
  }

  /** Inputs of what is chosen. */
  inputs() {
    const inputs = this.kernel.defaults.slice();
    this.apply(inputs, this.inForce());
    for (const [place, value] of Object.entries(this.now.contexts)) inputs[this.data.contexts[place].input] = value;
    for (const [place, own] of Object.entries(this.now.levers)) this.move(inputs, this.data.levers[place], this.lever(Number(place)), own);
    return inputs;
  }

  apply(inputs, scenarios) {
    for (const one of scenarios) for (const [place, value] of one.constants) inputs[place] = value;
    for (const one of scenarios) for (const change of one.levers) this.move(inputs, this.data.levers[change.lever], change);
  }

  /** Put a lever's value and timing in place; what `own` sets to null goes back to the model's, what else is null stays. */
  move(inputs, lever, change, own = {}) {
    inputs[lever.input] = change.value;
    if (lever.delay === null) return;
    for (const [key, place] of [["start", lever.delay], ["phase", lever.phase], ["end", lever.end]]) {
      if (change[key] === null) {
        if (own[key] === null) inputs[place] = this.kernel.defaults[place];
      } else inputs[place] = key === "start" ? Math.max(0, change.start - this.policyStart(inputs)) : change[key];
    }
  }

  // The link --------------------------------------------------------------------------------------------------

  toLink(lang, view) {
    const now = this.now, usual = this.neutral(), parts = new URLSearchParams();
    parts.set("v", FORMAT);
    parts.set("m", this.data.model.digest.slice(0, 8));
    if (now.base !== usual.base) parts.set("base", now.base);
    if (now.chosen.length) parts.set("with", now.chosen.join(","));
    const levers = Object.entries(now.levers).map(([place, own]) =>
      [this.data.levers[place].id, ...["value", "start", "phase", "end"].map((key) => (own[key] === undefined ? "" : own[key] === null ? "-" : own[key]))].join("~"));
    if (levers.length) parts.set("levers", levers.join(","));
    const contexts = Object.entries(now.contexts).map(([place, value]) => `${this.data.contexts[place].id}~${value}`);
    if (contexts.length) parts.set("context", contexts.join(","));
    if (now.shared) parts.set("shared", "1");
    if (now.date !== usual.date) parts.set("at", String(now.date));
    parts.set("lang", lang);
    if (view) parts.set("view", view);
    return "#" + parts.toString();
  }

  /** Read a link: what it holds, or a reason why it is ignored. Nothing of it is trusted. */
  fromLink(hash, views) {
    const refused = (why) => ({ refused: why });
    if (!hash || hash === "#") return {};
    if (hash.length > LONGEST_LINK) return refused("length");
    let parts;
    try {
      parts = new URLSearchParams(hash.slice(1));
    } catch {
      return refused("form");
    }
    const known = ["v", "m", "base", "with", "levers", "context", "shared", "at", "lang", "view"];
    for (const key of parts.keys()) if (!known.includes(key) || parts.getAll(key).length > 1) return refused("form");
    if (parts.get("v") !== FORMAT) return refused("form");
    const found = { state: this.neutral(), lang: null, view: null, other: false };
    const state = found.state, list = (key) => (parts.get(key) || "").split(",").filter((one) => one !== "");
    if (parts.has("base")) {
      const base = this.scenarios.get(parts.get("base"));
      if (!base || base.kind !== "base") return refused("scenario");
      state.base = base.name;
    }
    for (const name of list("with")) {
      const one = this.scenarios.get(name);
      if (!one || one.kind === "base" || state.chosen.includes(name)) return refused("scenario");
      state.chosen.push(name);
    }
    for (const text of list("levers")) {
      const [id, ...fields] = text.split("~"), place = this.data.levers.findIndex((one) => one.id === id);
      if (place < 0 || fields.length !== 4 || state.levers[place]) return refused("lever");
      const own = {}, lever = this.data.levers[place];
      for (const [k, key] of ["value", "start", "phase", "end"].entries()) {
        if (fields[k] === "") continue;
        if (fields[k] === "-" && key !== "value") own[key] = null;
        else {
          const value = strictNumber(fields[k]);
          if (value === null || !this.allowed(lever, key, value)) return refused("lever");
          own[key] = value;
        }
      }
      if (own.start != null && own.end != null && own.end <= own.start) return refused("lever");
      state.levers[place] = own;
    }
    for (const text of list("context")) {
      const [id, field, more] = text.split("~"), place = this.data.contexts.findIndex((one) => one.id === id);
      const value = strictNumber(field);
      if (place < 0 || more !== undefined || value === null || state.contexts[place] !== undefined) return refused("lever");
      const context = this.data.contexts[place];
      if (value < context.min || value > context.max) return refused("lever");
      state.contexts[place] = value;
    }
    if (parts.has("shared")) {
      if (parts.get("shared") !== "1") return refused("form");
      state.shared = true;
    }
    if (parts.has("at")) {
      const at = strictNumber(parts.get("at"));
      if (at === null || at < this.times[0] || at > this.times[this.times.length - 1]) return refused("date");
      state.date = at;
    }
    if (parts.has("lang")) {
      if (!Object.hasOwn(this.data.words, parts.get("lang"))) return refused("form");
      found.lang = parts.get("lang");
    }
    if (parts.has("view")) {
      if (!views.includes(parts.get("view"))) return refused("form");
      found.view = parts.get("view");
    }
    const before = this.now;
    this.now = state;
    const clash = state.chosen.some((name) => this.clash(name));
    this.now = before;
    if (clash) return refused("scenario");
    found.other = parts.has("m") && parts.get("m") !== this.data.model.digest.slice(0, 8);
    return found;
  }

  /** Whether a value of a lever, or of its timing, lies where it may. */
  allowed(lever, key, value) {
    if (key === "value") return value >= lever.min && value <= lever.max;
    if (lever.delay === null) return false;
    if (key === "phase") return value >= this.data.time.phase[0] && value <= this.data.time.phase[1];
    return value >= this.times[0] && value <= this.times[this.times.length - 1];
  }
}

function strictNumber(text) {
  if (typeof text !== "string" || !/^-?\d{1,9}(\.\d{1,9})?(e-?\d{1,2})?$/.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
