// What generated JavaScript calls at run time: doubles in, doubles out. The same as flows.engine.runtime,
// flows.engine.draws and flows.engine.integrate, whose docstrings name the sources. It stands inside the generated
// function makeKernel, where w (one value a slot), px, py and ps (x, y and slopes of lookups), near (for each place of a
// lookup the segment found last), past (rows of the history), saved (a row for each saved time), the numbers in capitals
// and the phases of the model are defined.

const NOT_AVAILABLE = -(2 ** 109);

// ---------------------------------------------------------------------------------------------------- arithmetic

function element(base, size, position) {
  return position >= 0 && position < size ? w[base + Math.trunc(position)] : NOT_AVAILABLE;
}

// ------------------------------------------------------------------------------------------------------- lookups

function segment(start, n, x) {
  let low = 0;
  let high = n - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (px[start + middle] <= x) low = middle;
    else high = middle;
  }
  return low;
}

// Interpolation where the segment that a place remembers doesn't fit: finds the one that does. Segment -1 lies before the
// first point, segment n - 1 behind the last; with their slope of 0 the code that calls this may use them as any other.
function lookup(start, n, x, place) {
  if (x <= px[start]) {
    near[place] = x < px[start] ? -1 : 0;
    return py[start];
  }
  if (x >= px[start + n - 1]) {
    near[place] = n - 1;
    return py[start + n - 1];
  }
  const low = segment(start, n, x);
  near[place] = low;
  return ps[start + low] * (x - px[start + low]) + py[start + low];
}

function lookup_forward(start, n, x) {
  for (let k = 0; k < n; k++) if (px[start + k] >= x) return py[start + k];
  return py[start + n - 1];
}

function lookup_backward(start, n, x) {
  for (let k = n - 1; k >= 0; k--) if (px[start + k] <= x) return py[start + k];
  return py[start];
}

function interpolated(start, n, x) {
  if (x <= px[start]) return py[start];
  if (x >= px[start + n - 1]) return py[start + n - 1];
  const low = segment(start, n, x);
  return ps[start + low] * (x - px[start + low]) + py[start + low];
}

function lookup_extrapolate(start, n, x) {
  let last = n - 1;
  while (last > 0 && px[start + last - 1] === px[start + last]) last--;
  if (last > 0 && x < px[start]) return py[start] + ps[start] * (x - px[start]);
  if (last > 0 && x > px[start + last]) {
    return py[start + last] + ps[start + last - 1] * (x - px[start + last]);
  }
  return interpolated(start, n, x);
}

function lookup_invert(start, n, y) {
  if (py[start] === y) return px[start];
  for (let k = 0; k < n - 1; k++) {
    const here = py[start + k];
    const following = py[start + k + 1];
    if ((here < y && y <= following) || (here > y && y >= following)) {
      return px[start + k] + (px[start + k + 1] - px[start + k]) * ((y - here) / (following - here));
    }
  }
  return NOT_AVAILABLE;
}

function lookup_area(start, n, x) {
  if (x <= px[start]) return py[start] * (x - px[start]);
  let total = 0;
  for (let k = 0; k < n - 1; k++) {
    if (x <= px[start + k + 1]) {
      const run = x - px[start + k];
      return total + run * (py[start + k] + 0.5 * ps[start + k] * run);
    }
    total += 0.5 * (py[start + k] + py[start + k + 1]) * (px[start + k + 1] - px[start + k]);
  }
  return total + py[start + n - 1] * (x - px[start + n - 1]);
}

function lookup_share(start, n, x) {
  const last = px[start + n - 1];
  const whole = lookup_area(start, n, last);
  const inside = x < px[start] ? px[start] : x;
  return whole > 0 ? lookup_area(start, n, inside > last ? last : inside) / whole : NaN;
}

function lookup_quantile(start, n, share) {
  let low = px[start];
  let high = px[start + n - 1];
  const whole = lookup_area(start, n, high);
  if (!(whole > 0)) return NaN;
  for (let k = 0; k < n; k++) if (py[start + k] < 0) return NaN;
  const wanted = share * whole;
  for (let k = 0; k < 200; k++) {
    const middle = 0.5 * (low + high);
    if (!(low < middle && middle < high)) break;
    if (lookup_area(start, n, middle) < wanted) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

function points(start, n) {
  while (n > 1 && px[start + n - 2] === px[start + n - 1]) n--;
  return n;
}

function lookup_at_time(start, n, x) {
  for (let k = 0; k < n; k++) {
    if (Math.abs(px[start + k] - x) <= 1e-9 * Math.max(1, Math.abs(x))) return py[start + k];
  }
  return NOT_AVAILABLE;
}

function lookup_first_time(start, n, x) {
  return px[start];
}

function lookup_last_time(start, n, x) {
  return px[start + n - 1];
}

function lookup_total_points(start, n, x) {
  return points(start, n);
}

function upto(start, n, x, included, values) {
  let total = 0;
  for (let k = 0; k < points(start, n); k++) {
    if (px[start + k] < x || (included && px[start + k] === x)) total += values ? py[start + k] : 1;
  }
  return total;
}

function lookup_count(start, n, x) {
  return upto(start, n, x, true, false);
}

function lookup_count_before(start, n, x) {
  return upto(start, n, x, false, false);
}

function lookup_sum(start, n, x) {
  return upto(start, n, x, true, true);
}

function lookup_sum_before(start, n, x) {
  return upto(start, n, x, false, true);
}

function within(start, n, x) {
  return px[start] <= x && x <= px[start + n - 1];
}

function lookup_between(start, n, x) {
  return within(start, n, x) ? interpolated(start, n, x) : NOT_AVAILABLE;
}

function lookup_between_forward(start, n, x) {
  return within(start, n, x) ? lookup_forward(start, n, x) : NOT_AVAILABLE;
}

function lookup_between_backward(start, n, x) {
  return within(start, n, x) ? lookup_backward(start, n, x) : NOT_AVAILABLE;
}

// ---------------------------------------------------------------------------------------- functions of whole vectors
// One array holds everything: of each vector its length and its elements, then further arguments, last the position of
// the wanted element in the result.

function whole_vector(compute) {
  let known = [];
  let result = [];
  return (values) => {
    const last = values.length - 1;
    let same = known.length === last;
    for (let k = 0; same && k < last; k++) same = Object.is(known[k], values[k]);
    if (!same) {
      known = values.slice(0, last);
      result = compute(known);
    }
    const position = Math.trunc(values[last]);
    return position >= 0 && position < result.length ? result[position] : NaN;
  };
}

function vector_place(values, at) {
  const n = values[0];
  const sign = values[n + 1] > 0 ? 1 : -1;
  const x = sign * values[1 + at];
  let place = 1;
  for (let k = 0; k < n; k++) {
    const y = sign * values[1 + k];
    if (y < x || (y === x && k < at)) place++;
  }
  return place;
}

function vector_rank(values) {
  return vector_place(values, Math.trunc(values[values[0] + 2]));
}

function vector_sort_order(values) {
  const n = values[0];
  for (let k = 0; k < n; k++) if (vector_place(values, k) === values[n + 2] + 1) return k;
  return NaN;
}

function vector_reorder(values) {
  const n = values[0];
  const position = values[n + 2 + Math.trunc(values[values.length - 1])];
  return position >= 0 && position < n ? values[1 + Math.trunc(position)] : NOT_AVAILABLE;
}

const vector_lookup = whole_vector((values) => {
  const n = values[0];
  const y = values.slice(1, 1 + n);
  const [x, first, last, mode] = values.slice(1 + n);
  const xs = y.map((_, k) => first + ((last - first) * k) / (n - 1));
  const inside = (at) => {
    if (at <= xs[0]) return y[0];
    if (at >= xs[n - 1]) return y[n - 1];
    let low = 0;
    let high = n - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= at) low = middle;
      else high = middle;
    }
    return slope(low) * (at - xs[low]) + y[low];
  };
  const slope = (k) => (y[k + 1] - y[k]) / (xs[k + 1] - xs[k]);
  switch (mode) {
    case 0:
      return [inside(x)];
    case 1: {
      if (x <= xs[0]) return [y[0] * (x - xs[0])];
      let total = 0;
      for (let k = 0; k < n - 1; k++) {
        const run = x - xs[k];
        if (x <= xs[k + 1]) return [total + run * (y[k] + 0.5 * slope(k) * run)];
        total += 0.5 * (y[k] + y[k + 1]) * (xs[k + 1] - xs[k]);
      }
      return [total + y[n - 1] * (x - xs[n - 1])];
    }
    case 2: {
      for (let k = n - 1; k >= 0; k--) if (xs[k] <= x) return [y[k]];
      return [y[0]];
    }
    case 3:
      if (x < xs[0]) return [y[0] + slope(0) * (x - xs[0])];
      if (x > xs[n - 1]) return [y[n - 1] + slope(n - 2) * (x - xs[n - 1])];
      return [inside(x)];
    case 4: {
      for (let k = 0; k < n; k++) if (xs[k] >= x) return [y[k]];
      return [y[n - 1]];
    }
    case 5: {
      if (y[0] === x) return [xs[0]];
      for (let k = 0; k < n - 1; k++) {
        if ((y[k] < x && x <= y[k + 1]) || (y[k] > x && x >= y[k + 1])) {
          return [xs[k] + (xs[k + 1] - xs[k]) * ((x - y[k]) / (y[k + 1] - y[k]))];
        }
      }
      return [NOT_AVAILABLE];
    }
    default:
      return [NaN];
  }
});

const invert_matrix = whole_vector((values) => {
  const size = values[0];
  const n = Math.floor(Math.sqrt(size));
  const rows = [];
  for (let i = 0; i < n; i++) {
    const row = values.slice(1 + i * n, 1 + i * n + n);
    for (let j = 0; j < n; j++) row.push(i === j ? 1 : 0);
    rows.push(row);
  }
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    if (!(Math.abs(rows[pivot][k]) > 0)) return new Array(n * n).fill(NaN);
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    const head = rows[k][k];
    rows[k] = rows[k].map((v) => v / head);
    for (let i = 0; i < n; i++) {
      if (i !== k && rows[i][k] !== 0) {
        const factor = rows[i][k];
        rows[i] = rows[i].map((a, j) => a - factor * rows[k][j]);
      }
    }
  }
  return rows.flatMap((row) => row.slice(n));
});

// 1 - erf(x): the series of erf near zero, Lentz's continued fraction elsewhere (Abramowitz and Stegun 7.1.6, 7.1.14).
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x;
    let total = x;
    for (let k = 1; Math.abs(term) > 1e-18 * total; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      total += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
  }
  let fraction = 0;
  for (let k = 120; k > 0; k--) fraction = (0.5 * k) / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

function share_met(kind, priority, width, at) {
  if (kind === 0) return 1;
  const away = (at - priority) / width;
  if (kind === 1) return Math.min(1, Math.max(0, 0.5 - away));
  if (kind === 2) {
    if (Math.abs(away) >= 0.5) return away < 0 ? 1 : 0;
    return away < 0 ? 1 - 2 * (0.5 + away) ** 2 : 2 * (0.5 - away) ** 2;
  }
  if (kind === 3) return 0.5 * erfc(away / Math.sqrt(2));
  return away < 0 ? 1 - 0.5 * Math.exp(away) : 0.5 * Math.exp(-away);
}

function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function allocate(requests, profiles, supply) {
  const bad =
    requests.some((r) => !(r >= 0)) ||
    !(supply >= 0) ||
    profiles.some((p) => ![0, 1, 2, 3, 4].includes(p[0]) || !(p[2] > 0 || p[0] === 0));
  if (bad) return requests.map(() => NaN);
  if (supply >= sum(requests)) return requests;
  const fixed = sum(requests.filter((_, k) => profiles[k][0] === 0));
  if (fixed >= supply) return requests.map((r, k) => (profiles[k][0] === 0 ? (r * supply) / fixed : 0));
  const met = (at) => requests.map((r, k) => r * share_met(profiles[k][0], profiles[k][1], profiles[k][2], at));
  const reach = profiles.filter((p) => p[0] !== 0);
  let low = Math.min(...reach.map((p) => p[1] - 40 * p[2]));
  let high = Math.max(...reach.map((p) => p[1] + 40 * p[2]));
  for (let k = 0; k < 2000; k++) {
    const middle = 0.5 * (low + high);
    if (!(low < middle && middle < high)) break;
    if (sum(met(middle)) > supply) low = middle;
    else high = middle;
  }
  const below = met(high);
  const above = met(low);
  const spare = supply - sum(below);
  const gap = sum(above) - sum(below);
  const part = gap > 0 ? spare / gap : 0;
  return below.map((a, k) => a + part * (above[k] - a));
}

const allocate_available = whole_vector((values) => {
  const n = values[0];
  const requests = values.slice(1, 1 + n);
  const profile = values.slice(2 + n, 2 + n + values[1 + n]);
  const profiles = requests.map((_, k) => profile.slice(4 * k, 4 * k + 4));
  return allocate(requests, profiles, values[values.length - 1]);
});

const allocate_by_priority = whole_vector((values) => {
  const n = values[0];
  const requests = values.slice(1, 1 + n);
  const priorities = values.slice(2 + n, 2 + 2 * n);
  const [width, supply] = values.slice(2 + 2 * n);
  return allocate(requests, priorities.map((p) => [1, p, width, 0]), supply);
});

// Logarithm of |gamma(x)| by Lanczos' approximation (g = 7, nine terms: Godfrey 2001); NaN at its poles.
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function log_gamma(x) {
  if (x <= 0 && x === Math.floor(x)) return NaN;
  if (x === 1 || x === 2) return 0;
  if (Math.abs(x) === Infinity) return Infinity;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - log_gamma(1 - x);
  let total = LANCZOS[0];
  for (let k = 1; k < 9; k++) total += LANCZOS[k] / (x - 1 + k);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(total);
}

function gamma_ln(values) {
  return log_gamma(values[0]);
}

// ------------------------------------------------------------------------------------------------------ random draws

const BITS = new DataView(new ArrayBuffer(8));

function mixed(state) {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  state = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
  state = BigInt.asUintN(64, (state ^ (state >> 27n)) * 0x94d049bb133111ebn);
  return state ^ (state >> 31n);
}

function uniforms(key) {
  let state = 0n;
  for (const part of key) {
    BITS.setFloat64(0, part + 0);
    state = mixed(state ^ BITS.getBigUint64(0));
  }
  return () => {
    state = mixed(state);
    return (Number(state >> 12n) + 0.5) * 2 ** -52;
  };
}

function rounded(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

function draw_normal(u) {
  const radius = Math.sqrt(-2 * Math.log(u()));
  return radius * Math.cos(2 * Math.PI * u());
}

function draw_gamma(u, order) {
  if (!(order > 0)) return NaN;
  if (order < 1) {
    const more = draw_gamma(u, order + 1);
    return more * u() ** (1 / order);
  }
  const d = order - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = draw_normal(u);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(u()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

function draw_beta(u, a, b) {
  const x = draw_gamma(u, a);
  const y = draw_gamma(u, b);
  return x / (x + y);
}

function draw_binomial(u, chance, trials) {
  let n = rounded(trials);
  if (!(chance >= 0 && chance <= 1) || n < 0) return NaN;
  let hits = 0;
  while (n > 12) {
    const first = 1 + Math.floor(n / 2);
    const middle = draw_beta(u, first, n + 1 - first);
    if (middle >= chance) {
      n = first - 1;
      chance = chance / middle;
    } else {
      hits += first;
      n -= first;
      chance = (chance - middle) / (1 - middle);
    }
  }
  for (let k = 0; k < n; k++) if (u() < chance) hits++;
  return hits;
}

function draw_poisson(u, mean) {
  if (!(mean >= 0 && mean < 1e15)) return NaN;
  let events = 0;
  while (mean > 12) {
    const first = Math.floor(0.875 * mean);
    const time = draw_gamma(u, first);
    if (time > mean) return events + draw_binomial(u, mean / time, first - 1);
    events += first;
    mean -= time;
  }
  const left = Math.exp(-mean);
  let product = u();
  while (product > left) {
    events += 1;
    product *= u();
  }
  return events;
}

function draw_negative_binomial(u, chance, successes) {
  const n = rounded(successes);
  if (!(chance > 0 && chance <= 1) || n < 1) return NaN;
  return n + draw_poisson(u, (draw_gamma(u, n) * (1 - chance)) / chance);
}

function draw_triangular(u, start, peak, stop) {
  if (!(start <= peak && peak <= stop)) return NaN;
  const at = u();
  const width = stop - start;
  if (at * width < peak - start) return start + Math.sqrt(at * width * (peak - start));
  return stop - Math.sqrt((1 - at) * width * (stop - peak));
}

function draw_weibull(u, shape) {
  if (!(shape > 0)) return NaN;
  return (-Math.log(u())) ** (1 / shape) / Math.exp(log_gamma(1 + 1 / shape));
}

// A draw, how many arguments it takes, whether shift and stretch follow.
function random(draw, parameters, moved) {
  return (values) => {
    const count = values[0];
    const given = values.slice(1, 1 + count);
    const [seed, ...rest] = values.slice(1 + count);
    const stream = count ? given[count - 1] : 0;
    const u = uniforms([stream, stream === 0 ? seed : 0, ...rest]);
    if (!count) return u();
    const [low, high] = given;
    if (draw === null) return low + (high - low) * u();
    const [shift, stretch] = moved ? given.slice(2 + parameters, 4 + parameters) : [0, 1];
    for (let k = 0; k < 10000; k++) {
      const x = shift + stretch * draw(u, ...given.slice(2, 2 + parameters));
      if (low <= x && x <= high) return x;
      if (x !== x) break;
    }
    return NaN;
  };
}

const random_0_1 = random(null, 0, false);
const random_uniform = random(null, 0, false);
const random_normal = random(draw_normal, 0, true);
const random_exponential = random((u) => -Math.log(u()), 0, true);
const random_gamma = random((u, order) => draw_gamma(u, Math.max(order, 1)), 1, true);
const random_weibull = random(draw_weibull, 1, true);
const random_poisson = random(draw_poisson, 1, true);
const random_beta = random(draw_beta, 2, true);
const random_binomial = random(draw_binomial, 2, true);
const random_negative_binomial = random(draw_negative_binomial, 2, true);
const random_triangular = random(draw_triangular, 3, false);

// ------------------------------------------------------------------------------------------------------ integration

function euler_step(n, t, h) {
  net_flows(n, t, t, h);
  for (let k = 0; k < N_STOCKS; k++) w[STOCKS + k] += h * w[NET_FLOWS + k];
}

function rk2_step(n, t, h) {
  const base = NET_FLOWS + N_STOCKS;
  net_flows(n, t, t, h);
  for (let k = 0; k < N_STOCKS; k++) {
    w[base + k] = w[STOCKS + k];
    w[STOCKS + k] = w[base + k] + 0.5 * h * w[NET_FLOWS + k];
  }
  auxiliaries(n, t, t + 0.5 * h, h);
  net_flows(n, t, t + 0.5 * h, h);
  for (let k = 0; k < N_STOCKS; k++) w[STOCKS + k] = w[base + k] + h * w[NET_FLOWS + k];
}

function rk4_part(n, t, h, share, weight, following) {
  const base = NET_FLOWS + N_STOCKS;
  const slopes = NET_FLOWS + 2 * N_STOCKS;
  if (share) auxiliaries(n, t, t + share * h, h);
  net_flows(n, t, t + share * h, h);
  for (let k = 0; k < N_STOCKS; k++) {
    w[slopes + k] += weight * w[NET_FLOWS + k];
    w[STOCKS + k] = w[base + k] + following * h * w[NET_FLOWS + k];
  }
}

function rk4_step(n, t, h) {
  const base = NET_FLOWS + N_STOCKS;
  const slopes = NET_FLOWS + 2 * N_STOCKS;
  for (let k = 0; k < N_STOCKS; k++) {
    w[base + k] = w[STOCKS + k];
    w[slopes + k] = 0;
  }
  rk4_part(n, t, h, 0, 1, 0.5);
  rk4_part(n, t, h, 0.5, 2, 0.5);
  rk4_part(n, t, h, 0.5, 2, 1);
  rk4_part(n, t, h, 1, 1, 0);
  for (let k = 0; k < N_STOCKS; k++) w[STOCKS + k] = w[base + k] + (h / 6) * w[slopes + k];
}

// Values are saved time by time, one beside the other, and turned into series when the run is over.
function save(row, columns, slots, others) {
  const first = row * OUTPUTS;
  for (let k = 0; k < columns.length; k++) saved[first + columns[k]] = w[slots[k]];
  others(first);
}

function turned(out) {
  const rows = SAVED_AT.length;
  for (let top = 0; top < rows; top += 16) {
    const bottom = Math.min(rows, top + 16);
    for (let k = 0; k < OUTPUTS; k++) {
      for (let row = top; row < bottom; row++) out[k * rows + row] = saved[row * OUTPUTS + k];
    }
  }
  return out;
}

function integrate() {
  const times = TIMES;
  const steps = STEPS;
  const last = times.length - 1;
  let row = 0;
  initialize(0, times[0], times[0], steps[0]);
  for (let n = 0; n <= last; n++) {
    const t = times[n];
    const due = row < SAVED_AT.length && SAVED_AT[row] === n;
    if (due) save(row, EARLY, EARLY_SLOTS, save_early);
    auxiliaries(n, t, t, steps[n]);
    if (due) save(row++, USUAL, USUAL_SLOTS, save_usual);
    if (n < last) {
      record(n, t, t, steps[n]);
      step(n, t, steps[n]);
    }
  }
}

// ------------------------------------------------------------------------------------------------------------- a run

function even(start, step, count) {
  return Float64Array.from({ length: count }, (_, n) => start + n * step);
}

// Copies the y of each lookup from the inputs, and works out the slopes. TABLES: where its points begin, how many they
// are, how many of these stand among the inputs (the last stands again in the others), and from where on. Before the
// points stands a first segment that is level, so that px, py and ps hold n + 2 numbers a lookup.
function lay_tables(inputs) {
  for (let at = 0; at < TABLES.length; at += 4) {
    const start = TABLES[at];
    const n = TABLES[at + 1];
    const given = TABLES[at + 2];
    const first = TABLES[at + 3];
    for (let k = 0; k < n; k++) py[start + k] = inputs[first + (k < given ? k : given - 1)];
    py[start - 1] = py[start];
    for (let k = 0; k < n - 1; k++) {
      const span = px[start + k + 1] - px[start + k];
      ps[start + k] = span > 0 ? (py[start + k + 1] - py[start + k]) / span : 0;
    }
  }
}

function run(inputs, into) {
  if (inputs.length !== defaults.length) {
    throw new RangeError(`a run takes ${defaults.length} inputs, found ${inputs.length}`);
  }
  const out = into === undefined ? new Float64Array(OUTPUTS * SAVED_AT.length) : into;
  if (out.length !== OUTPUTS * SAVED_AT.length) {
    throw new RangeError(`a run gives ${OUTPUTS * SAVED_AT.length} numbers, found room for ${out.length}`);
  }
  for (let k = 0; k < STOCKS; k++) w[k] = inputs[k];
  for (let k = 0; k < HELD.length; k++) w[HELD[k]] = defaults[HELD[k]];
  w.fill(0, STOCKS, AUXILIARIES);
  w.fill(NaN, AUXILIARIES);
  lay_tables(inputs);
  integrate();
  return turned(out);
}

// What the numbers of a run mean, a row for each element; see flows.page.kernel.KernelText.
function described(variables, more) {
  const inputs = variables.flatMap(({ kind, name, elements, index, x }) =>
    elements.map((element, k) => {
      if (x) return { name, element, kind, index, value: null, size: x.length, x };
      const value = defaults[index + k];
      return { name, element, kind, index: index + k, value: Number.isNaN(value) ? null : value };
    }),
  );
  const times = Array.from(SAVED_AT, (n) => TIMES[n]);
  const outputs = more.outputs.map((row, k) => ({ ...row, offset: k * times.length }));
  return { inputs, outputs, times, method: more.method, step: more.step };
}
