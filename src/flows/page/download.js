/* Downloads: every number shown as CSV, a chart as PNG; each with the caveat and the human-cost outcomes. */
"use strict";

function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob), link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function csvField(text) {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? "'" + text : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** The months of every outcome, baseline and course, with the bounds of the band where there is one. */
function csvOf(page) {
  const { say, data, times } = page, lines = [], places = page.numbers.places();
  const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "");
  lines.push([say.t("caveat")], [`${data.program}; ${data.model.file}; SHA-256 ${data.model.digest}`], [page.described()], [location.href.split("#")[0].startsWith("file:") ? page.link() : location.href.split("#")[0] + page.link()]);
  lines.push([say.t("csv_date"), say.t("outcome"), say.t("unit"), say.t("kind"), say.t("human_cost"), say.t("baseline"), say.t("now"), say.t("csv_low"), say.t("csv_high")]);
  for (const place of places) {
    const one = data.series[place], { now, base, low, high } = page.courses(place);
    for (let k = 0; k < times.length; k++) {
      lines.push([page.csvDate(times[k]), say.of(one.title), say.of(one.unit), say.t("kind_" + one.kind), one.human ? say.t("yes") : say.t("no"), number(base[k]), number(now[k]), low ? number(low[k]) : "", high ? number(high[k]) : ""]);
    }
  }
  return "\ufeff" + lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n";
}

const PNG_STYLE = `text{font-family:system-ui,"Segoe UI",Roboto,Arial,sans-serif;fill:#1b1f24}.tick{font-size:12px;fill:#59626d}.grid{stroke:#e3e7eb;fill:none}
.zero{stroke:#8a94a0;fill:none}.policy{stroke:#8a94a0;stroke-dasharray:2 3;fill:none}.base{stroke:#59626d;stroke-width:2;stroke-dasharray:6 4;fill:none}
.course{stroke:#0b5c94;stroke-width:2.6;fill:none}.band{fill:#0b5c94;fill-opacity:.17}.history{stroke:#b35900;stroke-width:3;stroke-linecap:round;fill:none}.at{stroke:#0b5c94;stroke-opacity:.4;fill:none}`;

/** A chart as it goes out: title, unit, what was chosen, signs, human cost and caveat in the picture itself. */
function pictureOf(page, place) {
  const { say, data, times } = page, one = data.series[place], { now, base, low, high } = page.courses(place), width = 1000;
  const history = data.time.calendar ? one.history : [], date = page.state.now.date;
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height: 100 });
  const put = (y, words, size, colour, weight) => { const text = svg("text", { x: 24, y, "font-size": size }, words); if (colour) text.setAttribute("style", `fill:${colour}`); if (weight) text.setAttribute("font-weight", weight); root.append(text); };
  root.append(svg("style", {}, PNG_STYLE), svg("rect", { width: "100%", height: "100%", fill: "#fff" }));
  let y = 20;
  const lines = (words, size, most, colour, weight) => { for (const line of wrapWords(words, most, 9)) { y += Math.round(size * 1.35); put(y, line, size, colour, weight); } };
  lines(say.of(one.title), 22, 66, null, 600);
  lines(say.of(one.unit), 14, 120, "#59626d");
  lines(page.described(), 14, 128, "#1b1f24");
  const most = history.length ? new Float64Array(times.length).fill(Math.max(...history.map((h) => h[2]))) : null;
  const frame = frameOf({ width: width - 48, height: 380 }, times, page.from, [now, base, high, most], say, data.time.calendar), axes = svg("g", {}), chart = svg("g", { transform: `translate(20 ${y + 8})` });
  axesInto(axes, frame, say, data.time.calendar, { policy: page.policyTime() });
  chart.append(axes, svg("path", { class: "band", d: low ? bandPath(frame, times, low, high) : "" }), svg("path", { class: "base", d: linePath(frame, times, base) }),
    svg("path", { class: "history", d: historyPath(frame, history) }), svg("path", { class: "course", d: linePath(frame, times, now) }));
  root.append(chart);
  y += 380 + 22;
  let x = 24;
  for (const [kind, words] of [["course", say.t("legend_now")], ["base", say.t("legend_base")], ...(history.length ? [["history", say.t("legend_observed")]] : []), ...(low ? [["band", say.t("legend_band")]] : [])]) {
    root.append(kind === "band" ? svg("rect", { class: "band", x, y: y - 9, width: 26, height: 10 }) : svg("path", { class: kind, d: kind === "history" ? `M${x + 6} ${y - 4}h0M${x + 13} ${y - 4}h0M${x + 20} ${y - 4}h0` : `M${x} ${y - 4}h26` }));
    root.append(svg("text", { x: x + 33, y, "font-size": 13 }, words));
    x += 60 + words.length * 7;
  }
  y += 8;
  for (const human of data.charts.filter((other) => data.series[other].human)) lines(page.sentence(human, date), 13, 135, "#1b1f24");
  lines(say.t("caveat"), 13, 135, "#59626d");
  lines(`${data.program}; ${data.model.file} ${data.model.digest.slice(0, 12)}`, 12, 135, "#59626d");
  root.setAttribute("height", String(y + 20));
  root.setAttribute("viewBox", `0 0 ${width} ${y + 20}`);
  return { text: new XMLSerializer().serializeToString(root), width, height: y + 20 };
}

async function pngOf(page, place) {
  const { text, width, height } = pictureOf(page, place), image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const canvas = el("canvas", { width: width * 2, height: height * 2 }), pen = canvas.getContext("2d");
  pen.scale(2, 2);
  pen.drawImage(image, 0, 0, width, height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}
