/* What is computed from the rows of a run: series, their level at a time, and totals. Used by the page and its workers. */
"use strict";

/** Values over time of a series: a sum of rows, an input, a number, or arithmetic over these. */
function seriesValues(how, rows, inputs, count) {
  const out = new Float64Array(count);
  if (typeof how === "number") return out.fill(how);
  if (!Array.isArray(how)) {
    if (how.input !== undefined) return out.fill(inputs[how.input]);
    for (const row of how.rows) {
      const start = row * count;
      for (let k = 0; k < count; k++) out[k] += rows[start + k];
    }
    return out;
  }
  const left = seriesValues(how[1], rows, inputs, count);
  if (how[0] === "neg") {
    for (let k = 0; k < count; k++) out[k] = -left[k];
    return out;
  }
  const right = seriesValues(how[2], rows, inputs, count);
  for (let k = 0; k < count; k++) {
    const a = left[k], b = right[k];
    out[k] = how[0] === "+" ? a + b : how[0] === "-" ? a - b : how[0] === "*" ? a * b : a / b;
  }
  return out;
}

/** Value on the line between the saved times beside it. */
function valueAt(values, times, time) {
  const last = times.length - 1;
  if (time <= times[0]) return values[0];
  if (time >= times[last]) return values[last];
  let low = 0, high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle;
  }
  const part = (time - times[low]) / (times[high] - times[low]);
  return part < 1e-12 ? values[low] : values[low] + part * (values[high] - values[low]);
}

/** Integral from one time to another by the trapezoid rule. */
function integral(values, times, from, to) {
  const start = Math.max(from, times[0]), end = Math.min(to, times[times.length - 1]);
  if (end <= start) return 0;
  let total = 0, t0 = start, v0 = valueAt(values, times, start);
  for (let k = 0; k < times.length && times[k] < end; k++) {
    if (times[k] <= start) continue;
    total += (times[k] - t0) * (values[k] + v0) / 2;
    t0 = times[k];
    v0 = values[k];
  }
  return total + (end - t0) * (valueAt(values, times, end) + v0) / 2;
}

/** Level at a time: of a rate the mean of the twelve months to then, of all else the value. */
function levelAt(values, times, time, rate, span) {
  if (!rate) return valueAt(values, times, time);
  const from = Math.max(time - span, times[0]);
  return time > from ? integral(values, times, from, time) / (time - from) : valueAt(values, times, time);
}

/** Quantile of numbers, on the line between the order statistics beside it. */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place), part = place - low;
  return part ? sorted[low] + part * (sorted[low + 1] - sorted[low]) : sorted[low];
}
