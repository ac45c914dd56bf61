/* Spoilt links of the lever simulator: `node tests/fuzz/links.js outputs/page/index.html SECONDS SEED`.

A link is either ignored for a reason or gives a state within its bounds, finite inputs, and a link that reads back. */
"use strict";

const fs = require("fs"), path = require("path");

const [page, seconds = "60", first = "1"] = process.argv.slice(2);
const data = JSON.parse(fs.readFileSync(page, "utf8").match(/<script type="application\/json" id="data">(.*?)<\/script>/s)[1]);
const source = fs.readFileSync(path.join(__dirname, "../../src/flows/page/state.js"), "utf8");
const { State } = new Function(`${source}; return { State };`)();
const times = Array.from({ length: 276 }, (_, month) => month), views = ["a", "b"];
const state = new State(data, { spec: { times }, defaults: new Array(5000).fill(1) });
const PIECES = ["%00", "%", "%zz", "<script>", "__proto__", "constructor", "toString", "~", ",", "&", "=", "#", "1e99", "-1e9", "NaN", "Infinity", "0x10",
  "9".repeat(400), "\u0663", "\u202e", "../../x", "javascript:alert(1)", "v=2", "&v=1", "hasOwnProperty", "-", "1e-99", "--1", "+1", " ", "%20", "%2C", "\ud800"];

let seed = Number(first), finds = 0;
const chance = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
const pick = (list) => list[Math.floor(chance() * list.length)];
const some = (make) => Array.from({ length: 1 + Math.floor(chance() * 3) }, make).join(",");
const find = (what, link) => { finds += 1; console.log(what, JSON.stringify(link.slice(0, 300))); };

function good() {
  const parts = ["v=1"], lever = () => [pick(data.levers).id, pick(["", 1, 0.5, 2, "1e0"]), pick(["", "-", 150]), pick(["", "-", 6]), pick(["", "-", 200])].join("~");
  if (chance() < 0.5) parts.push("with=" + some(() => pick(data.scenarios).name));
  if (chance() < 0.7) parts.push("levers=" + some(lever));
  if (chance() < 0.4) parts.push(`context=${pick(data.contexts).id}~${pick([1, 0.5])}`);
  if (chance() < 0.3) parts.push("shared=1");
  if (chance() < 0.3) parts.push("at=" + pick([100, 216, 1e3]));
  if (chance() < 0.3) parts.push("lang=" + pick(["en", "es", "xx"]));
  if (chance() < 0.3) parts.push("base=" + pick(data.scenarios).name);
  if (chance() < 0.3) parts.push("view=" + pick(views));
  return "#" + parts.join("&");
}

function spoilt(link) {
  const at = Math.floor(chance() * link.length);
  if (chance() < 0.002) return link + "&with=" + "a,".repeat(50000);
  if (chance() < 0.5) return link.slice(0, at) + pick(PIECES) + link.slice(at);
  return chance() < 0.5 ? link.slice(0, at) + link.slice(at + 1 + Math.floor(chance() * 4)) : link.slice(0, at) + link.slice(at).repeat(2);
}

function attempt(link) {
  const found = state.fromLink(link, views);
  if (found.refused || !found.state) return false;
  for (const [place, own] of Object.entries(found.state.levers))
    for (const [key, value] of Object.entries(own))
      if (!(value === null && key !== "value") && !state.allowed(data.levers[place], key, value)) find(`a lever's ${key} is ${value}`, link);
  for (const [place, value] of Object.entries(found.state.contexts))
    if (!(value >= data.contexts[place].min && value <= data.contexts[place].max)) find(`a context is ${value}`, link);
  if (!(found.state.date >= times[0] && found.state.date <= times[times.length - 1])) find(`the date is ${found.state.date}`, link);
  state.now = found.state;
  if (![...state.inputs(), ...state.baseline()].every(Number.isFinite)) find("an input isn't finite", link);
  if (state.fromLink(state.toLink("en", "a"), views).refused) find("its own link isn't read", link);
  state.now = state.neutral();
  return true;
}

let read = 0, tried = 0;
for (const end = Date.now() + 1000 * Number(seconds); Date.now() < end; tried++) {
  let link = good();
  for (let turn = Math.floor(chance() * 4); turn > 0; turn--) link = spoilt(link);
  try {
    read += attempt(link) ? 1 : 0;
  } catch (error) {
    find(error.message, link);
  }
}
console.log(`${tried} links, ${read} read, ${finds} finds`);
process.exitCode = finds ? 1 : 0;
