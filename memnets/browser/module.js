// The playground: a trained LSTM network that answers in the browser.
// One module without dependencies. It reads weights as data and makes no
// request. `mount` builds the page; `forward` is the network.

// ---------------------------------------------------------------- network

export const QUANTITIES = ["f", "i", "g", "o", "c", "h"];
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Cut one flat array of weights into layers, in Keras's order. */
export function split(network, flat) {
  let at = 0;
  let width = network.inputs.length;
  const take = (count) => flat.subarray(at, (at += count));
  const layers = network.units.map((units) => {
    const kernel = take(4 * width * units);
    const recurrent = take(4 * units * units);
    const layer = { units, width, kernel, recurrent, bias: take(4 * units) };
    width = units;
    return layer;
  });
  const outputs = network.outputs.length;
  const readout = network.readout
    ? { width, outputs, kernel: take(width * outputs), bias: take(outputs) }
    : null;
  return { layers, readout };
}

/** Add `values` times a matrix, row by row, to `sums`. */
function multiply(sums, values, start, rows, matrix) {
  const columns = sums.length;
  for (let row = 0; row < rows; row++) {
    const value = values[start + row];
    if (value === 0) continue;
    const from = row * columns;
    for (let n = 0; n < columns; n++) sums[n] += value * matrix[from + n];
  }
}

/** Run one LSTM layer. Keras's columns are i, f, g, o. */
function lstm(layer, x, steps, oneWrite) {
  const { units, width } = layer;
  const made = {};
  for (const q of QUANTITIES) made[q] = new Float64Array(steps * units);
  const sums = new Float64Array(4 * units);
  for (let t = 0; t < steps; t++) {
    const here = t * units;
    const last = here - units;
    sums.set(layer.bias);
    multiply(sums, x, t * width, width, layer.kernel);
    if (t > 0) multiply(sums, made.h, last, units, layer.recurrent);
    for (let n = 0; n < units; n++) {
      const i = sigmoid(sums[n]);
      const f = oneWrite ? 0 : sigmoid(sums[units + n]);
      const g = Math.tanh(sums[2 * units + n]);
      const o = sigmoid(sums[3 * units + n]);
      const c = (t > 0 ? f * made.c[last + n] : 0) + i * g;
      made.i[here + n] = i;
      made.f[here + n] = f;
      made.g[here + n] = g;
      made.o[here + n] = o;
      made.c[here + n] = c;
      made.h[here + n] = o * Math.tanh(c);
    }
  }
  return made;
}

/**
 * Answer a sequence: every gate of every layer, and the outputs.
 *
 * `oneWrite` sets the forget gates of the last LSTM layer to 0: its memory
 * then holds what one step wrote, |c| <= 1, and |h| <= tanh(1).
 */
export function forward(weights, inputs, steps, oneWrite = false) {
  let x = inputs;
  const layers = weights.layers.map((layer, n) => {
    const last = n === weights.layers.length - 1;
    const made = lstm(layer, x, steps, oneWrite && last);
    x = made.h;
    return made;
  });
  if (!weights.readout) return { layers, outputs: x };
  const { width, outputs, kernel, bias } = weights.readout;
  const answers = new Float64Array(steps * outputs);
  for (let t = 0; t < steps; t++) {
    const sums = answers.subarray(t * outputs, (t + 1) * outputs);
    sums.set(bias);
    multiply(sums, x, t * width, width, kernel);
  }
  return { layers, outputs: answers };
}

/** Read the weights of all checkpoints: float32, exactly as recorded. */
export async function decode(network) {
  const packed = Uint8Array.from(atob(network.weights), (c) => c.charCodeAt(0));
  const stream = new Blob([packed])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = network.episodes.length;
  const size = planes.length / (4 * count);
  // Bytes of equal significance lie together, each xor the checkpoint before.
  const bytes = new Uint8Array(planes.length);
  let at = 0;
  for (let plane = 0; plane < 4; plane++)
    for (let k = 0; k < count; k++)
      for (let n = 0; n < size; n++) {
        const place = 4 * (k * size + n) + plane;
        bytes[place] = planes[at++] ^ (k ? bytes[place - 4 * size] : 0);
      }
  const all = new Float32Array(bytes.buffer);
  return network.episodes.map((_, k) =>
    split(network, all.subarray(k * size, (k + 1) * size)),
  );
}

// ------------------------------------------------------------------ tasks

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const whole = (x, low, high) => clamp(Math.round(Number(x) || 0), low, high);
const LONGEST = 80;

/** Place tells and asks; two of one kind never share a time step. */
const told = {
  start: (network) => ({
    steps: network.steps,
    tells: network.start.tells.map((tell) => [...tell]),
    asks: [...network.start.asks],
  }),
  write(s) {
    return {
      steps: s.steps,
      tells: s.tells.map(([t, v]) => `${t}:${+v.toFixed(3)}`).join(","),
      asks: s.asks.join(","),
    };
  },
  read(said, network) {
    const s = told.start(network);
    if (said.has("steps")) s.steps = whole(said.get("steps"), 4, LONGEST);
    const list = (name) => said.get(name).split(",").filter(Boolean);
    const most = network.kind === "countdown" ? LONGEST : 1;
    if (said.has("tells"))
      s.tells = list("tells").map((pair) => {
        const [t, v] = pair.split(":");
        return [whole(t, 0, s.steps - 1), clamp(Number(v) || 0, 0, most)];
      });
    if (said.has("asks"))
      s.asks = list("asks").map((t) => whole(t, 0, s.steps - 1));
    return told.fit(s);
  },
  fit(s) {
    const free = (times, t) => {
      const all = [...Array(s.steps).keys()].filter((n) => !times.includes(n));
      return all.sort((a, b) => Math.abs(a - t) - Math.abs(b - t))[0];
    };
    const tells = [];
    for (const [t, v] of s.tells.slice(0, s.steps))
      tells.push([free(tells.map((one) => one[0]), t), v]);
    const asks = [];
    for (const t of s.asks.slice(0, s.steps)) asks.push(free(asks, t));
    return { ...s, tells, asks };
  },
};

const KINDS = {
  recall: {
    ...told,
    inputs(s) {
      const x = new Float64Array(s.steps * 3);
      for (const [t, v] of s.tells) x.set([1, v], 3 * t);
      for (const t of s.asks) x[3 * t + 2] = 1;
      return x;
    },
    targets(s, network) {
      const wide = network.outputs.length;
      const y = new Float64Array(s.steps * wide);
      for (const t of s.asks) {
        const before = s.tells.filter(([tell]) => tell <= t);
        before.sort((a, b) => b[0] - a[0]);
        y[t * wide] = before.length ? before[0][1] : 0;
      }
      return y;
    },
  },
  countdown: {
    ...told,
    inputs(s) {
      const x = new Float64Array(s.steps * 2);
      for (const [t, v] of s.tells) x.set([1, v], 2 * t);
      return x;
    },
    targets(s, network) {
      const wide = network.outputs.length;
      const y = new Float64Array(s.steps * wide);
      for (const [t, v] of s.tells)
        if (t + v < s.steps) y[(t + v) * wide] = 1;
      return y;
    },
  },
  grammar: {
    start: (network) => ({
      text: network.start.text,
      steps: network.start.text.length,
    }),
    write: (s) => ({ text: s.text }),
    read: (said, network) =>
      KINDS.grammar.spell(said.get("text") ?? network.start.text, network),
    spell(text, network) {
      const known = [...text.toUpperCase()]
        .filter((letter) => network.inputs.includes(letter))
        .slice(0, LONGEST);
      const kept = known.length > 1 ? known.join("") : network.start.text;
      return { text: kept, steps: kept.length };
    },
    inputs(s, network) {
      const wide = network.inputs.length;
      const x = new Float64Array(s.steps * wide);
      [...s.text].forEach((letter, t) => {
        x[t * wide + network.inputs.indexOf(letter)] = 1;
      });
      return x;
    },
    /** Return the probability of each next symbol, and how far it is legal. */
    targets(s, network) {
      const wide = network.outputs.length;
      const y = new Float64Array(s.steps * wide);
      let place = 0;
      [...s.text].forEach((letter, t) => {
        const arcs = (network.grammar[place] ?? "").split(" ");
        const arc = arcs.find((one) => one[0] === letter);
        place = arc ? Number(arc.slice(1)) : network.grammar.length;
        const next = (network.grammar[place] ?? "").split(" ").filter(Boolean);
        for (const one of next)
          y[t * wide + network.inputs.indexOf(one[0])] = 1 / next.length;
      });
      return y;
    },
    draw(network) {
      let text = "";
      while (text.length < 9 || text.length > 20) {
        text = "";
        for (let place = 0; network.grammar[place]; ) {
          const arcs = network.grammar[place].split(" ");
          const arc = arcs[Math.floor(Math.random() * arcs.length)];
          text += arc[0];
          place = Number(arc.slice(1));
        }
      }
      return text;
    },
  },
  plain: {
    start: (network) => ({ steps: network.steps, sequence: 0, edits: {} }),
    write: (s) => ({
      sequence: s.sequence,
      edits: Object.entries(s.edits)
        .map(([place, v]) => `${place}:${v}`)
        .join(","),
    }),
    read(said, network) {
      const s = KINDS.plain.start(network);
      const last = network.sequences.length - 1;
      s.sequence = whole(said.get("sequence"), 0, last);
      const size = network.steps * network.inputs.length;
      for (const pair of (said.get("edits") ?? "").split(",")) {
        const [place, v] = pair.split(":").map(Number);
        if (place >= 0 && place < size && Number.isFinite(v))
          s.edits[Math.floor(place)] = clamp(v, -1e3, 1e3);
      }
      return s;
    },
    inputs(s, network) {
      const x = Float64Array.from(network.sequences[s.sequence].inputs);
      for (const [place, v] of Object.entries(s.edits)) x[place] = v;
      return x;
    },
    // What is right for edited inputs only the task itself knows.
    targets: (s, network) =>
      Object.keys(s.edits).length
        ? null
        : Float64Array.from(network.sequences[s.sequence].targets),
  },
};

// ---------------------------------------------------------------- drawing

const SVG = "http://www.w3.org/2000/svg";
const NAMES = {
  f: "forget gate",
  i: "input gate",
  g: "candidate",
  o: "output gate",
  c: "cell state",
  h: "output",
};
// Anchors of matplotlib's viridis, which the figures use.
const VIRIDIS = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142],
  [33, 145, 140], [34, 168, 132], [68, 191, 112], [122, 209, 81],
  [189, 223, 38], [253, 231, 37],
];

function mix(one, other, share) {
  return one.map((x, n) => Math.round(x + (other[n] - x) * share));
}

function viridis(x) {
  const place = clamp(Number.isFinite(x) ? x : 0, 0, 1) * 10;
  const low = Math.min(9, Math.floor(place));
  return mix(VIRIDIS[low], VIRIDIS[low + 1], place - low);
}

/** Write a number; one that rounds to 0 in full where `small` is asked. */
function number(x, digits = 2, small = false) {
  if (!Number.isFinite(x)) return "not a number";
  const size = Math.abs(x);
  const tiny = size > 0 && size < 0.5 * 10 ** -digits;
  let text = x.toFixed(size >= 100 ? 0 : digits);
  if (size >= 1e4 || (tiny && small)) text = x.toExponential(1);
  else if (tiny) text = (0).toFixed(digits);
  return text.replaceAll("-", "−");
}

/** Write a factor of a product. */
const factor = (x) => (x < 0 ? `(${number(x, 2, true)})` : number(x, 2, true));

function html(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function shape(parent, tag, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes))
    made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

/** Size a canvas to what is shown; return its pen in CSS pixels. */
function penOf(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const wide = Math.round(width * ratio);
  const high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** Make a pointer drag of something; `move` gets the event. */
function draggable(target, begin, move) {
  target.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    event.stopPropagation();
    event.preventDefault();
    target.focus?.({ preventScroll: true });
    const go = begin(event);
    const onMove = (later) => (go ?? move)(later);
    const stop = () => {
      window.removeEventListener("pointermove", onMove);
      window.removeEventListener("pointerup", stop);
      window.removeEventListener("pointercancel", stop);
    };
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", stop);
    window.addEventListener("pointercancel", stop);
  });
}

// ------------------------------------------------------------------- page

const KEYS = [
  ["Space", "play or stop the training"],
  ["← →", "one checkpoint back or on (Page keys: five)"],
  ["Home End", "before training, after training"],
  [", .", "one time step back or on"],
  ["u", "next unit"],
  ["n", "next network"],
  ["w", "one write"],
  ["l", "lecture mode"],
  ["f", "full screen"],
  ["d", "dark or light"],
];

class Playground {
  constructor(root, data, page) {
    Object.assign(this, { root, data, page, decoded: {}, playing: false });
    this.state = { lecture: false, theme: null };
    root.classList.add("memnets");
    this.build();
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.paint("all"));
    new ResizeObserver(() => this.paint("all")).observe(root);
    if (page) window.addEventListener("hashchange", () => this.follow());
    const keys = page ? document : root;
    keys.addEventListener("keydown", (event) => this.key(event));
  }

  // What is shown, from the address.
  async follow() {
    const said = new URLSearchParams(this.page ? location.hash.slice(1) : "");
    const known = this.data.networks;
    const network = known.find((one) => one.id === said.get("net")) ?? known[0];
    await this.choose(network, said);
  }

  async choose(network, said = new URLSearchParams()) {
    this.stop();
    this.decoded[network.id] ??= await decode(network);
    const kind = KINDS[network.kind];
    const { state } = this;
    this.network = network;
    this.checkpoints = this.decoded[network.id];
    this.kind = kind;
    this.sequence = kind.read(said, network);
    state.k = this.nearest(said.get("episode") ?? Infinity);
    const [layer, unit] = (said.get("unit") ?? network.unit).split(".");
    state.layer = whole(layer, 1, network.units.length) - 1;
    state.unit = whole(unit, 1, network.units[state.layer]) - 1;
    state.channel = whole(
      said.get("channel") ?? network.channel,
      0,
      network.outputs.length - 1,
    );
    state.write = said.get("write") === "1";
    if (said.has("lecture")) state.lecture = said.get("lecture") === "1";
    if (said.has("theme"))
      state.theme = said.get("theme") === "dark" ? "dark" : "light";
    this.run();
    state.t = said.has("t")
      ? whole(said.get("t"), 0, this.sequence.steps - 1)
      : this.interesting();
    this.controls();
    this.paint("all");
  }

  nearest(episode) {
    const { episodes } = this.network;
    const wanted = Math.min(Number(episode) || 0, episodes.at(-1));
    const away = episodes.map((one) => Math.abs(one - wanted));
    return away.indexOf(Math.min(...away));
  }

  /** Return the time step to look at first: that of the last answer. */
  interesting() {
    const { steps, asks } = this.sequence;
    if (asks?.length) return Math.max(...asks);
    if (this.network.kind === "grammar") return Math.max(0, steps - 3);
    const wide = this.network.outputs.length;
    const due = this.targets
      ? [...Array(steps).keys()].filter((t) => this.targets[t * wide] > 0.5)
      : [];
    return due.at(-1) ?? Math.floor(steps / 2);
  }

  // What is shown, to the address.
  remember() {
    if (!this.page || window !== window.top) return;
    const { state, network } = this;
    const said = new URLSearchParams({
      net: network.id,
      episode: network.episodes[state.k],
      t: state.t,
      unit: `${state.layer + 1}.${state.unit + 1}`,
      channel: state.channel,
      ...this.kind.write(this.sequence),
    });
    if (state.write) said.set("write", "1");
    if (state.lecture) said.set("lecture", "1");
    if (state.theme) said.set("theme", state.theme);
    const text = said.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
    try {
      history.replaceState(null, "", `#${text}`);
    } catch {
      // A page without an address of its own, such as a sandboxed frame.
    }
  }

  /** Answer the sequence with the weights of every checkpoint. */
  run() {
    const { network, sequence, state } = this;
    this.inputs = this.kind.inputs(sequence, network);
    this.targets = this.kind.targets(sequence, network);
    this.steps = this.inputs.length / network.inputs.length;
    state.t = Math.min(state.t ?? 0, this.steps - 1);
    const sizes = network.units.map((units) => {
      const none = () => new Float64Array(units);
      return { g: none(), c: none(), h: none() };
    });
    let [low, high] = [-0.25, 1];
    this.answers = this.checkpoints.map((weights) => {
      const made = forward(weights, this.inputs, this.steps, state.write);
      made.layers.forEach((values, layer) => {
        for (const [q, size] of Object.entries(sizes[layer]))
          values[q].forEach((x, n) => {
            const unit = n % size.length;
            size[unit] = Math.max(size[unit], Math.abs(x));
          });
      });
      for (const y of made.outputs) {
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
      return made.outputs;
    });
    this.sizes = sizes;
    this.others = new Map();
    this.range = [Math.max(low, -3), Math.min(high, 10)];
  }

  /**
   * Return the scale of a state: 1, or more if it grows beyond at any
   * checkpoint. Memories set by hand hold small numbers.
   */
  sizeOf(q, layer, unit) {
    const most = this.sizes[layer][q][unit];
    return most > 0 && most < 0.05 ? most : Math.max(1, most);
  }

  /** Ask for a new picture: of the checkpoint alone, or of all. */
  paint(what = "step") {
    this.due = what === "all" || this.due === "all" ? "all" : what;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const due = this.due;
      this.due = null;
      if (this.network) this.draw(due);
    });
  }

  changed(again = true) {
    if (again) this.run();
    this.paint("all");
  }

  draw(due) {
    const { network, state } = this;
    const weights = this.checkpoints[state.k];
    this.made = forward(weights, this.inputs, this.steps, state.write);
    this.dress();
    if (due === "all") {
      this.frameChart();
      this.tell();
    }
    this.fillChart();
    this.drawLearning();
    this.drawUnits();
    this.drawSweep();
    // Letters are slow to lay out, and nobody reads 60 equations a second.
    const now = performance.now();
    if (due === "all" || now - (this.equated ?? 0) > 60) {
      this.equated = now;
      this.drawEquations();
    }
    const episode = network.episodes[state.k].toLocaleString("en");
    this.parts.slider.value = state.k;
    const after = state.k ? `after ${episode} episodes` : "before training";
    const says = network.episodes.length > 1 ? after : "not trained";
    this.parts.slider.setAttribute("aria-valuetext", says);
    this.parts.episode.textContent = says;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.settle(says), 250);
  }

  /** What need not keep up with every frame: address, speech, numbers. */
  settle(says) {
    this.remember();
    const wide = this.network.outputs.length;
    const { t, channel } = this.state;
    const place = t * wide + channel;
    const due = this.targets ? `, due ${number(this.targets[place])}` : "";
    this.parts.spoken.textContent =
      `Step ${t}, ${says}: ${this.network.outputs[channel]} ` +
      `${number(this.made.outputs[place])}${due}.`;
    this.tell();
    this.drawEquations();
    if (this.parts.numbers.open) this.drawNumbers();
  }

  // Colours and sizes.
  dress() {
    const { root, state } = this;
    root.dataset.theme = state.theme ?? (this.dark.matches ? "dark" : "light");
    root.classList.toggle("lecture", state.lecture);
    this.parts.lecture.setAttribute("aria-pressed", state.lecture);
    if (this.style?.theme !== root.dataset.theme) {
      const style = getComputedStyle(root);
      const read = (name) => style.getPropertyValue(name).trim();
      const rgb = (name) =>
        [1, 3, 5].map((n) => parseInt(read(name).slice(n, n + 2), 16));
      this.style = {
        theme: root.dataset.theme,
        ink: read("--ink"),
        faint: read("--faint"),
        paper: rgb("--paper"),
        minus: rgb("--c0"),
        plus: rgb("--c1"),
      };
    }
  }

  signed(x) {
    const { paper, minus, plus } = this.style;
    return mix(paper, x < 0 ? minus : plus, clamp(Math.abs(x) || 0, 0, 1));
  }

  // The controls.
  build() {
    const parts = (this.parts = {});
    const keep = (name, made) => (parts[name] = made);
    const button = (name, label, text, run) =>
      keep(name, html("button", { type: "button", title: label, onclick: run },
        text));
    const panel = (name, title, ...inside) =>
      html("section", { class: name, "aria-label": title },
        html("h2", {}, title), ...inside);
    const choices = this.data.networks.map((one) =>
      html("option", { value: one.id }, one.title));
    this.root.replaceChildren(
      html("header", {},
        html("h1", {}, this.data.title),
        html("label", { class: "net" }, "Network ",
          keep("net", html("select", {
            onchange: () => this.choose(
              this.data.networks[parts.net.selectedIndex]),
          }, ...choices))),
        html("span", { class: "space" }),
        button("theme", "dark or light (d)", "Light / dark", () =>
          this.toggle("theme")),
        button("lecture", "large type for a lecture (l)", "Lecture", () =>
          this.toggle("lecture")),
        button("full", "full screen (f)", "Full screen", () =>
          this.toggle("full"))),
      keep("about", html("p", { class: "about" })),
      html("div", { class: "columns" },
        html("div", { class: "left" },
          panel("sequence", "One sequence",
            keep("tools", html("div", { class: "tools" })),
            keep("chart", document.createElementNS(SVG, "svg"))),
          panel("units", "All units",
            keep("chips", html("div", { class: "chips" })),
            keep("heads", html("div", { class: "heads" })),
            keep("all", html("canvas", { role: "img" })))),
        html("div", { class: "right" },
          panel("learning", "The training, checkpoint by checkpoint",
            keep("learned", html("canvas", { role: "img" })),
            keep("legend", html("p", { class: "legend" }))),
          keep("sweeping", panel("sweep", "Other values told",
            keep("sweep", html("canvas", { role: "img" })))),
          panel("equations", "The equations of one unit",
            keep("unit", html("p", { class: "which" })),
            keep("equations", html("div", { class: "lines" }))))),
      keep("numbers", html("details", { class: "numbers",
        ontoggle: () => parts.numbers.open && this.drawNumbers() },
        html("summary", {}, "All numbers of this unit as a table"),
        keep("table", html("div", { class: "scroll" })))),
      html("details", { class: "help" },
        html("summary", {}, "Keys"),
        html("dl", {}, ...KEYS.flatMap(([key, text]) =>
          [html("dt", {}, key), html("dd", {}, text)])),
        html("p", {}, "The address of the page holds all that is shown: a " +
          "link to it shows exactly this view.")),
      keep("spoken", html("p", { class: "spoken", "aria-live": "polite" })),
      keep("transport", html("div", { class: "transport" },
        button("play", "play or stop the training (space)", "▶ Play", () =>
          this.play()),
        keep("slider", html("input", { type: "range", min: 0, step: 1,
          "aria-label": "checkpoint of the training",
          oninput: () => this.scrub(Number(parts.slider.value)) })),
        keep("episode", html("output", {})))),
    );
    parts.chart.setAttribute("role", "group");
    this.scrubbing();
  }

  /** Let pictures be touched: the training, and all units. */
  scrubbing() {
    const { learned, all } = this.parts;
    const pick = (event) => {
      const { left, width } = learned.getBoundingClientRect();
      const { from, to } = this.frameOfLearning(width);
      const share = (event.clientX - left - from) / (to - from);
      const count = this.checkpoints.length;
      this.scrub(clamp(Math.floor(share * count), 0, count - 1));
    };
    draggable(learned, pick, pick);
    all.addEventListener("click", (event) => {
      const box = all.getBoundingClientRect();
      const row = (event.clientY - box.top) / box.height;
      const rows = this.network.units.reduce((a, b) => a + b, 0);
      let place = clamp(Math.floor(row * rows), 0, rows - 1);
      this.network.units.some((units, layer) => {
        if (place < units) this.look(layer, place);
        place -= units;
        return place < 0;
      });
    });
  }

  /** Make the controls that depend on the network. */
  controls() {
    const { network, parts, state } = this;
    parts.net.value = network.id;
    parts.about.textContent = network.about;
    parts.slider.max = this.checkpoints.length - 1;
    parts.transport.hidden = this.checkpoints.length < 2;
    parts.chips.replaceChildren(...network.units.map((units, layer) =>
      html("span", { role: "group", "aria-label": `layer ${layer + 1}` },
        `layer ${layer + 1}`,
        ...[...Array(units).keys()].map((unit) =>
          html("button", { type: "button", class: "chip",
            "aria-label": `layer ${layer + 1}, unit ${unit + 1}`,
            onclick: () => this.look(layer, unit) }, `${unit + 1}`)))));
    parts.heads.replaceChildren(
      ...QUANTITIES.map((q) => html("span", {}, NAMES[q])));
    const rows = network.units.reduce((a, b) => a + b, 0);
    parts.all.style.height = `${Math.min(320, Math.max(12 * rows, 72))}px`;
    parts.sweeping.hidden = !["recall", "countdown"].includes(network.kind);
    const write = html("label", { class: "switch",
      title: "w: the forget gates of the last layer are 0" },
      (parts.write = html("input", { type: "checkbox",
        onchange: () => this.toggle("write") })), " one write");
    parts.write.checked = state.write;
    const last = network.units.length;
    const held = `The forget gates of layer ${last} are 0, so its memory ` +
      `holds one write: |c| ≤ 1, |h| ≤ tanh(1) = 0.76.`;
    parts.held = html("p", { class: "held" }, held);
    parts.tools.replaceChildren(...this.tools(), write, parts.held);
  }

  tools() {
    const { sequence, network } = this;
    const press = (text, run) =>
      html("button", { type: "button", onclick: run }, text);
    const again = () => {
      Object.assign(this.sequence, this.kind.fit(this.sequence));
      this.changed();
    };
    if (network.kind === "grammar") {
      const field = html("input", { type: "text", value: sequence.text,
        spellcheck: "false", autocomplete: "off", size: 24,
        onchange: () => this.spell(field.value) });
      const other = { T: "P", P: "T" };
      return [html("label", {}, "String ", field),
        press("Swap the 2nd letter", () => {
          const [first, told, ...rest] = this.sequence.text;
          this.spell([first, other[told] ?? "T", ...rest].join(""));
        }),
        press("New string", () => this.spell(this.kind.draw(network)))];
    }
    if (network.kind === "plain") {
      const list = html("select", { onchange: () => {
        this.sequence = { ...sequence, edits: {},
          sequence: list.selectedIndex };
        this.controls();
        this.changed();
      } }, ...network.sequences.map((_, n) =>
        html("option", {}, `${n + 1}`)));
      list.selectedIndex = sequence.sequence;
      return [html("label", {}, "Sequence ", list),
        press("Undo changes", () => {
          this.sequence.edits = {};
          this.changed();
        })];
    }
    const far = Math.floor(0.7 * sequence.steps);
    const more = [press("+ tell", () => {
      const value = network.kind === "recall" ? 0.3 : 3;
      this.sequence.tells.push([Math.floor(0.4 * sequence.steps), value]);
      again();
    })];
    if (network.kind === "recall")
      more.push(press("+ ask", () => {
        this.sequence.asks.push(far);
        again();
      }));
    more.push(press("Reset", () => {
      this.sequence = this.kind.start(network);
      this.controls();
      this.changed();
    }));
    const length = html("input", { type: "range", min: 10, max: LONGEST,
      value: sequence.steps, "aria-label": "time steps",
      oninput: () => {
        this.stretch(Number(length.value));
        label.textContent = length.value;
      } });
    const label = html("output", {}, `${sequence.steps}`);
    more.push(html("label", { class: "length" }, "Steps ", length, label));
    return more;
  }

  /** Change the length. The last ask stays as far from the end. */
  stretch(steps) {
    const s = this.sequence;
    const more = steps - s.steps;
    s.steps = steps;
    for (const tell of s.tells) tell[0] = Math.min(tell[0], steps - 1);
    if (s.asks.length) {
      const last = s.asks.indexOf(Math.max(...s.asks));
      const t = s.asks[last] + more;
      s.asks[last] = clamp(t, Math.min(steps - 1, 1), steps - 1);
      this.state.t = s.asks[last];
    }
    Object.assign(s, this.kind.fit(s));
    this.changed();
  }

  spell(text) {
    this.sequence = this.kind.spell(text, this.network);
    this.state.t = Math.min(this.state.t, this.sequence.steps - 1);
    this.controls();
    this.changed();
  }

  toggle(what) {
    const { state, root } = this;
    if (what === "theme")
      state.theme = root.dataset.theme === "dark" ? "light" : "dark";
    else if (what === "full") {
      if (document.fullscreenElement) document.exitFullscreen();
      else root.requestFullscreen?.().catch(() => {});
    } else state[what] = !state[what];
    if (what === "write") {
      this.parts.write.checked = state.write;
      this.run();
    }
    this.paint("all");
  }

  look(layer, unit) {
    Object.assign(this.state, { layer, unit });
    this.paint("all");
  }

  see(t) {
    this.state.t = clamp(t, 0, this.steps - 1);
    this.paint();
  }

  scrub(k) {
    this.stop();
    this.state.k = clamp(k, 0, this.checkpoints.length - 1);
    this.paint();
  }

  play() {
    if (this.playing) return this.stop();
    const last = this.checkpoints.length - 1;
    if (last < 1) return;
    const { state, parts } = this;
    if (state.k >= last) state.k = 0;
    this.playing = true;
    parts.play.textContent = "❚❚ Stop";
    let start = null;
    const from = state.k;
    const step = (now) => {
      if (!this.playing) return;
      start ??= now;
      state.k = Math.min(last, from + Math.floor((now - start) / 130));
      this.paint();
      if (state.k < last) requestAnimationFrame(step);
      else this.stop();
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    this.parts.play.textContent = "▶ Play";
  }

  key(event) {
    const { target } = event;
    if (!this.network || event.ctrlKey || event.altKey || event.metaKey) return;
    if (target.closest?.("input[type=text], select, [role=slider]")) return;
    const presses = target.closest?.("button, summary, input[type=checkbox]");
    if (presses && [" ", "Enter"].includes(event.key)) return;
    const ranged = target.closest?.("input[type=range]");
    const arrows = /^(Arrow|Page|Home|End)/.test(event.key);
    if (ranged && arrows) return;
    const { state } = this;
    const done = {
      " ": () => this.play(),
      ArrowLeft: () => this.scrub(state.k - 1),
      ArrowRight: () => this.scrub(state.k + 1),
      PageUp: () => this.scrub(state.k - 5),
      PageDown: () => this.scrub(state.k + 5),
      Home: () => this.scrub(0),
      End: () => this.scrub(Infinity),
      ",": () => this.see(state.t - 1),
      ".": () => this.see(state.t + 1),
      u: () => this.next(),
      n: () => {
        const all = this.data.networks;
        const here = all.indexOf(this.network);
        this.choose(all[(here + 1) % all.length]);
      },
      w: () => this.toggle("write"),
      l: () => this.toggle("lecture"),
      f: () => this.toggle("full"),
      d: () => this.toggle("theme"),
    }[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  }

  next() {
    const { units } = this.network;
    let { layer, unit } = this.state;
    if (++unit >= units[layer]) {
      unit = 0;
      layer = (layer + 1) % units.length;
    }
    this.look(layer, unit);
  }

  // The chart: inputs, outputs and one unit over the time steps.
  strips() {
    const { network, sequence, state } = this;
    const { kind } = network;
    const wide = network.inputs.length;
    const strips = [];
    const most = Math.max(1, ...(sequence.tells ?? []).map((one) => one[1]));
    if (kind === "grammar")
      strips.push({ name: "reads", height: 26, letters: true });
    else
      network.inputs.forEach((name, n) => {
        const valued = name === "value" || name === "count" || kind === "plain";
        const all = this.inputs.filter((_, place) => place % wide === n);
        const plain = [Math.min(0, ...all), Math.max(1, ...all)];
        const range = kind === "plain" ? plain : [0, valued ? most : 1];
        strips.push({ name, height: valued ? 42 : 18, range, color: "--c0",
          of: (t) => this.inputs[t * wide + n], input: n, valued });
      });
    const outputs = network.outputs.length;
    network.outputs.forEach((name, n) => {
      const chosen = n === state.channel;
      const height = outputs > 3 ? 21 : chosen ? 64 : 20;
      strips.push({ name, height, range: this.range, color: "--c1",
        gap: n === 0, output: n, chosen, of: (t) =>
          this.made.outputs[t * outputs + n] });
    });
    const units = network.units[state.layer];
    const sizeOf = (q) => "gch".includes(q)
      ? this.sizeOf(q, state.layer, state.unit) : 1;
    const colors = { f: "--c3", i: "--c2", o: "--c4", g: "--c5", c: "--ink",
      h: "--c1" };
    const title = `layer ${state.layer + 1}, unit ${state.unit + 1}`;
    for (const q of QUANTITIES)
      strips.push({ name: NAMES[q], height: "gch".includes(q) ? 40 : 30,
        range: ["gch".includes(q) ? -sizeOf(q) : 0, sizeOf(q)],
        color: colors[q],
        gap: q === "f" && title, of: (t) =>
          this.made.layers[state.layer][q][t * units + state.unit] });
    return strips;
  }

  frameChart() {
    const { state, network } = this;
    const { chart, held } = this.parts;
    held.hidden = !state.write;
    const marked = network.kind === "recall" || network.kind === "countdown";
    const width = Math.max(260, chart.parentElement.clientWidth - 8);
    const narrow = width < 520;
    const font = state.lecture && !narrow ? 19 : narrow ? 12 : 14;
    const left = font * 7.2;
    const right = width - font * 4.6;
    const strips = this.strips();
    const pills = marked ? (network.kind === "recall" ? 2 : 1) * 30 + 4 : 4;
    const gap = font + 12;
    const base = strips.reduce(
      (sum, one) => sum + one.height + 7 + (one.gap ? gap : 0), 0);
    const room = window.innerHeight - chart.getBoundingClientRect().top -
      window.scrollY - 100 - pills - 2 * font;
    const scale = state.lecture && !narrow ? clamp(room / base, 0.7, 2) : 1;
    let y = pills;
    for (const one of strips) {
      if (one.gap) y += gap * scale;
      one.top = y;
      one.tall = one.height * scale;
      y += one.tall + 7 * scale;
    }
    const height = y + 2 * font + 6;
    // A handle that is being moved must not lose the focus.
    const focus = document.activeElement?.dataset?.handle;
    chart.replaceChildren();
    chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    chart.setAttribute("width", width);
    chart.setAttribute("height", height);
    chart.setAttribute("font-size", font);
    chart.setAttribute("aria-label", `${network.title}: one sequence`);
    const step = (right - left) / this.steps;
    const middle = (t) => left + (t + 0.5) * step;
    const at = (x) => {
      const box = chart.getBoundingClientRect();
      const place = ((x - box.left) * width) / box.width;
      return clamp(Math.floor((place - left) / step), 0, this.steps - 1);
    };
    this.layout = { left, right, step, middle, at, bottom: y, font, width };
    this.addGround(chart, strips, y);
    this.columns = strips.map((one) => this.addStrip(chart, one));
    this.addAxis(chart, y);
    if (marked) this.addHandles(chart, strips, y);
    if (focus) chart.querySelector(`[data-handle="${focus}"]`)?.focus();
  }

  /** The time step looked at: a band that a pointer or keys move. */
  addGround(chart, strips, bottom) {
    const { left, right, at } = this.layout;
    const top = strips[0].top;
    const field = shape(chart, "rect", { x: left, y: top, fill: "transparent",
      width: right - left, height: bottom - top, class: "field" });
    const band = shape(chart, "rect", { class: "now", y: top - 3, rx: 3,
      height: bottom - top + 3, tabindex: 0, role: "slider",
      "data-handle": "now", "aria-label": "time step looked at",
      "aria-valuemin": 0, "aria-valuemax": this.steps - 1 });
    band.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1,
        PageDown: -5, PageUp: 5, Home: -999, End: 999 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.see(this.state.t + by);
    });
    const go = (event) => this.see(at(event.clientX));
    draggable(field, go, go);
    draggable(band, go, go);
    this.band = band;
  }

  addStrip(chart, strip) {
    const { left, right, font } = this.layout;
    const { top, tall, color } = strip;
    const group = shape(chart, "g", { class: "strip" });
    const paint = `var(${color ?? "--c0"})`;
    const center = top + tall / 2 + font * 0.35;
    const label = shape(group, "text", { x: left - 10, y: center,
      "text-anchor": "end" }, strip.name);
    if (typeof strip.gap === "string")
      shape(group, "text", { x: left, y: top - 7, class: "title" }, strip.gap);
    if (strip.letters) return this.addLetters(group, strip, center);
    const [low, high] = strip.range;
    const place = (x) =>
      top + tall * (1 - (clamp(x, low, high) - low) / (high - low));
    shape(group, "rect", { x: left, y: top, width: right - left, height: tall,
      fill: paint, class: "ground" });
    const zero = place(0);
    shape(group, "line", { x1: left, x2: right, y1: zero, y2: zero,
      class: "zero" });
    if (strip.output !== undefined) this.addOutput(group, strip, label, place);
    // One shape for all bars: a browser styles each shape in each frame.
    const bars = shape(group, "path", { fill: paint, class: "bars" });
    if (strip.output !== undefined) this.addTargets(group, strip, place);
    const value = shape(group, "text", { x: right + 8, y: center,
      class: "value" });
    if (this.network.kind === "plain" && strip.input !== undefined)
      this.letEdit(group, strip);
    return { strip, bars, value, place, zero };
  }

  addLetters(group, strip, center) {
    const { middle, step, font } = this.layout;
    const letters = [...this.sequence.text].map((letter, t) =>
      shape(group, "text", { x: middle(t), y: center, "text-anchor": "middle",
        class: "letter", "font-size": Math.min(font * 1.3, step * 1.2) },
        letter));
    return { strip, letters };
  }

  /** An output may be chosen: it is painted over the training. */
  addOutput(group, strip, label, place) {
    const { left, right, font } = this.layout;
    const { output, tall } = strip;
    const choose = () => {
      this.state.channel = output;
      this.paint("all");
    };
    if (this.network.outputs.length > 1) {
      label.setAttribute("class", strip.chosen ? "chosen" : "choice");
      label.setAttribute("tabindex", 0);
      label.setAttribute("role", "button");
      label.setAttribute("data-handle", `output${output}`);
      label.setAttribute("aria-pressed", strip.chosen);
      label.setAttribute("aria-label", `show ${strip.name} over the training`);
      label.addEventListener("click", choose);
      label.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        choose();
      });
    }
    const bound = Math.tanh(1);
    if (this.state.write && !this.network.readout && tall > 30) {
      shape(group, "line", { x1: left, x2: right, y1: place(bound),
        y2: place(bound), class: "bound" });
      shape(group, "text", { x: left + 4, y: place(bound) - 4,
        "font-size": font * 0.85, class: "title" }, "tanh(1)");
    }
  }

  /** Mark what is right: a line at the height of the answer. */
  addTargets(group, strip, place) {
    if (!this.targets) return;
    const { middle, step } = this.layout;
    const wide = this.network.outputs.length;
    for (let t = 0; t < this.steps; t++) {
      const due = this.targets[t * wide + strip.output];
      if (!due) continue;
      const y = place(due);
      shape(group, "line", { x1: middle(t) - step * 0.5, y1: y, y2: y,
        x2: middle(t) + step * 0.5, class: "due" });
    }
  }

  /** Inputs of a task without handles: drag a bar. */
  letEdit(group, strip) {
    const { left, right, at } = this.layout;
    const { top, tall, range, input } = strip;
    const field = shape(group, "rect", { x: left, y: top, height: tall,
      width: right - left, fill: "transparent", class: "edit" });
    const wide = this.network.inputs.length;
    const set = (event) => {
      const box = this.parts.chart.getBoundingClientRect();
      const share = 1 - (event.clientY - box.top - top) / tall;
      const value = range[0] + clamp(share, 0, 1) * (range[1] - range[0]);
      const t = at(event.clientX);
      this.state.t = t;
      this.sequence.edits[t * wide + input] = +value.toFixed(2);
      this.changed();
    };
    draggable(field, set, set);
  }

  addAxis(chart, bottom) {
    const { left, right, middle, step, font } = this.layout;
    const every = [1, 2, 5, 10, 20].find((n) => n * step > font * 2.2) ?? 20;
    shape(chart, "line", { x1: left, x2: right, y1: bottom, y2: bottom,
      class: "zero" });
    for (let t = 0; t < this.steps; t += every)
      shape(chart, "text", { x: middle(t), y: bottom + font + 2,
        "text-anchor": "middle" }, `${t}`);
    shape(chart, "text", { x: left - 10, y: bottom + font + 2,
      "text-anchor": "end" }, "time step");
    this.clock = shape(chart, "text", { x: right + 8, y: bottom + font + 2,
      class: "value" });
  }

  /** TELL and ASK: grips that a pointer or keys move. */
  addHandles(chart, strips, bottom) {
    const { network, sequence } = this;
    const valued = strips.find((one) => one.valued);
    const recall = network.kind === "recall";
    const last = this.steps - 1;
    const step = recall ? 0.05 : 1;
    const high = recall ? 1 : last;
    sequence.tells.forEach((tell, n) => {
      const named = `TELL ${recall ? tell[1].toFixed(2) : tell[1]}`;
      const says = `time step ${tell[0]}, ${network.inputs[1]} ${tell[1]}`;
      const move = (t, value) => {
        if (this.isFree("tells", n, t)) tell[0] = clamp(t, 0, last);
        const digits = recall ? 2 : 0;
        tell[1] = +clamp(value, 0, high).toFixed(digits);
        this.changed();
      };
      const grip = this.addGrip(chart, `tell${n}`, named, tell[0], 0, bottom, {
        "aria-label": "tell: left and right move it, up and down set its value",
        "aria-valuetext": says });
      grip.addEventListener("keydown", (event) => this.gripKey(event,
        (dt, dv) => move(tell[0] + dt, tell[1] + dv * step),
        () => this.drop("tells", n)));
      draggable(grip, () => null, (event) =>
        move(this.layout.at(event.clientX), tell[1]));
      const scale = Math.max(1, ...sequence.tells.map((one) => one[1]));
      this.addKnob(chart, valued, tell, scale, move);
    });
    sequence.asks?.forEach((ask, n) => {
      const move = (t) => {
        if (!this.isFree("asks", n, t)) return;
        const there = clamp(t, 0, last);
        if (this.state.t === sequence.asks[n]) this.state.t = there;
        sequence.asks[n] = there;
        this.changed();
      };
      const grip = this.addGrip(chart, `ask${n}`, "ASK", ask, 1, bottom, {
        "aria-label": "ask: left and right move it",
        "aria-valuetext": `time step ${ask}` });
      grip.addEventListener("keydown", (event) => this.gripKey(event,
        (dt) => move(sequence.asks[n] + dt), () => this.drop("asks", n)));
      draggable(grip, () => null, (event) =>
        move(this.layout.at(event.clientX)));
    });
  }

  isFree(list, own, t) {
    return !this.sequence[list].some(
      (one, n) => n !== own && (one[0] ?? one) === t);
  }

  /** Take a tell or an ask away; one tell stays. */
  drop(list, n) {
    if (list === "tells" && this.sequence.tells.length === 1) return;
    this.sequence[list].splice(n, 1);
    this.changed();
  }

  gripKey(event, move, drop) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1],
      ArrowDown: [0, -1] }[event.key];
    if (!way && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (way) move(...way);
    else drop();
  }

  addGrip(chart, handle, text, t, row, bottom, spoken) {
    const { middle, font, width } = this.layout;
    const wide = text.length * font * 0.68 + 20;
    const high = 26;
    const y = 2 + row * 30;
    const center = clamp(middle(t), wide / 2 + 1, width - wide / 2 - 1);
    const grip = shape(chart, "g", { class: "grip", tabindex: 0,
      role: "slider", "data-handle": handle, "aria-valuemin": 0,
      "aria-valuemax": this.steps - 1, "aria-valuenow": t, ...spoken });
    shape(grip, "line", { x1: middle(t), x2: middle(t), y1: y + high,
      y2: bottom, class: "event" });
    shape(grip, "rect", { x: center - wide / 2, y, width: wide, height: high,
      rx: high / 2 });
    shape(grip, "text", { x: center, y: y + high / 2 + font * 0.35,
      "text-anchor": "middle" }, text);
    return grip;
  }

  addKnob(chart, strip, tell, scale, move) {
    const { middle, at } = this.layout;
    const { top, tall } = strip;
    const knob = shape(chart, "g", { class: "knob" });
    const y = top + tall * (1 - tell[1] / scale);
    shape(knob, "circle", { cx: middle(tell[0]), cy: y, r: 18,
      fill: "transparent" });
    shape(knob, "circle", { cx: middle(tell[0]), cy: y, r: 7,
      class: "dot" });
    draggable(knob, (event) => {
      const begin = { y: event.clientY, value: tell[1] };
      return (later) => move(at(later.clientX),
        begin.value + ((begin.y - later.clientY) / tall) * scale);
    });
  }

  /** Put the numbers of this checkpoint and this step into the chart. */
  fillChart() {
    const { left, step } = this.layout;
    const { t } = this.state;
    for (const { strip, bars, value, place, zero, letters } of this.columns) {
      if (letters) {
        letters.forEach((one, n) => one.classList.toggle("here", n === t));
        continue;
      }
      const wide = (step * 0.8).toFixed(2);
      let d = "";
      for (let n = 0; n < this.steps; n++) {
        const x = left + (n + 0.1) * step;
        const y = place(strip.of(n)).toFixed(2);
        d += `M${x.toFixed(2)} ${zero.toFixed(2)}V${y}h${wide}V${zero}z`;
      }
      bars.setAttribute("d", d);
      value.textContent = number(strip.of(t), 2, strip.range[1] < 0.05);
    }
    this.band.setAttribute("x", left + t * step);
    this.band.setAttribute("width", step);
    this.band.setAttribute("aria-valuenow", t);
    this.clock.textContent = `t = ${t}`;
  }

  // The lecture's picture: time step by episode.
  frameOfLearning(width) {
    const font = this.state.lecture ? 17 : 13;
    return { font, from: font * 3.7, to: width - font * 5.2 };
  }

  drawLearning() {
    const { state, network, answers, steps, parts } = this;
    const { pen, width, height } = penOf(parts.learned);
    const { font, from, to } = this.frameOfLearning(width);
    const count = answers.length;
    const top = 4;
    const bottom = height - 3 * font;
    const wide = network.outputs.length;
    const column = (to - from) / count;
    const row = (bottom - top) / steps;
    const picture = this.pictureOf(state.channel);
    pen.imageSmoothingEnabled = false;
    pen.fillStyle = this.style.faint;
    pen.fillRect(from, top, to - from, bottom - top);
    const done = state.k + 1;
    pen.drawImage(picture, 0, 0, done, steps, from, top, done * column,
      bottom - top);
    pen.font = `${font}px system-ui, sans-serif`;
    this.markEvents(pen, { from, to, top, bottom, row, font });
    pen.fillStyle = this.style.ink;
    const edge = from + (state.k + 0.5) * column;
    pen.fillRect(edge - 1, top, 2, bottom - top + 4);
    pen.textAlign = "right";
    const every = steps > 40 ? 20 : steps > 25 ? 10 : 5;
    for (let t = 0; t < steps; t += every)
      pen.fillText(`${t}`, from - 6, bottom - (t + 0.5) * row + font * 0.35);
    pen.textAlign = "center";
    for (const [k, text] of this.episodeTicks(pen, column, font))
      pen.fillText(text, from + (k + 0.5) * column, bottom + font * 1.3);
    const title = count > 1 ? "learning episode" : "not trained";
    pen.fillText(title, (from + to) / 2, bottom + font * 2.6);
    pen.save();
    pen.translate(font * 0.9, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("time step", 0, 0);
    pen.restore();
  }

  /** Return the checkpoints to name on the axis, which leave space. */
  episodeTicks(pen, column, font) {
    const { episodes } = this.network;
    const key = `${this.network.id} ${column} ${font}`;
    if (this.ticks?.key === key) return this.ticks.chosen;
    const last = episodes.length - 1;
    const chosen = [];
    let free = -Infinity;
    episodes.forEach((episode, k) => {
      const x = k * column;
      const text = episode.toLocaleString("en");
      const half = pen.measureText(text).width / 2;
      const near = x + half + 8 > last * column - 2.6 * font;
      if (x - half < free || (near && k < last)) return;
      free = x + half + font * 1.6;
      chosen.push([k, text]);
    });
    this.ticks = { key, chosen };
    return chosen;
  }

  /** Say in words what the pictures show. */
  tell() {
    const { state, network, parts, answers } = this;
    const wide = network.outputs.length;
    const name = network.outputs[state.channel];
    const more = answers.length > 1;
    parts.legend.replaceChildren(`output "${name}": 0 `,
      html("span", { class: "ramp" }),
      more ? " 1. Drag in the picture to scrub." : " 1");
    const value = answers[state.k][state.t * wide + state.channel];
    parts.learned.setAttribute("aria-label", `output ${name} over the ` +
      `training: a row for each time step, a column for each checkpoint. ` +
      `At step ${state.t} it is now ${number(value)}.`);
    const unit = `layer ${state.layer + 1}, unit ${state.unit + 1}`;
    parts.all.setAttribute("aria-label", `gates and states of all units over ` +
      `the time steps; ${unit} is chosen`);
    const above = network.units.slice(0, state.layer);
    const row = above.reduce((a, b) => a + b, 0) + state.unit;
    const chips = parts.chips.querySelectorAll("button");
    chips.forEach((one, n) => one.setAttribute("aria-pressed", n === row));
  }

  /** Paint a column for each checkpoint; kept until the answers change. */
  pictureOf(channel) {
    const { answers, steps, network } = this;
    if (this.picture?.answers === answers && this.picture.channel === channel)
      return this.picture.canvas;
    const canvas = html("canvas", { width: answers.length, height: steps });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(answers.length, steps);
    const wide = network.outputs.length;
    answers.forEach((outputs, k) => {
      for (let t = 0; t < steps; t++) {
        const place = 4 * ((steps - 1 - t) * answers.length + k);
        const color = viridis(outputs[t * wide + channel]);
        image.data.set([...color, 255], place);
      }
    });
    pen.putImageData(image, 0, 0);
    this.picture = { answers, channel, canvas };
    return canvas;
  }

  /** Frame the rows of the tells and of what is due, as the figures do. */
  markEvents(pen, { from, to, top, bottom, row, font }) {
    const { network, sequence, targets } = this;
    const wide = network.outputs.length;
    const marks = [];
    if (sequence.tells)
      for (const [t, v] of sequence.tells)
        marks.push([t, `tell ${network.kind === "recall" ? v.toFixed(2) : v}`]);
    if (sequence.asks) for (const t of sequence.asks) marks.push([t, "recall"]);
    if (network.kind === "countdown" && targets)
      for (let t = 0; t < this.steps; t++)
        if (targets[t * wide] > 0.5) marks.push([t, "signal"]);
    if (network.kind === "grammar")
      marks.push([1, `read ${sequence.text[1]}`],
        [this.steps - 3, `then ${sequence.text[this.steps - 2] ?? ""}`]);
    pen.textAlign = "left";
    pen.strokeStyle = "#fff";
    pen.lineWidth = 1;
    const used = [];
    for (const [t, text] of marks) {
      if (t < 0 || t >= this.steps) continue;
      const y = bottom - (t + 1) * row;
      pen.strokeRect(from, y, to - from, row);
      const line = clamp(y + row / 2 + font * 0.35, top + font, bottom);
      if (used.some((other) => Math.abs(other - line) < font)) continue;
      used.push(line);
      pen.fillStyle = this.style.ink;
      pen.fillText(`◂ ${text}`, to + 3, line);
    }
  }

  // Every gate of every unit.
  drawUnits() {
    const { state, network, made, steps, parts } = this;
    if (state.lecture) return;
    const { pen, width, height } = penOf(parts.all);
    const rows = network.units.reduce((a, b) => a + b, 0);
    const space = 8;
    const block = (width - 5 * space) / 6;
    const tall = height / rows;
    QUANTITIES.forEach((q, n) => {
      const image = new ImageData(steps, rows);
      let row = 0;
      network.units.forEach((units, layer) => {
        const values = made.layers[layer][q];
        for (let unit = 0; unit < units; unit++, row++)
          for (let t = 0; t < steps; t++) {
            const x = values[t * units + unit];
            const color = "gch".includes(q)
              ? this.signed(x / this.sizeOf(q, layer, unit))
              : viridis(x);
            image.data.set([...color, 255], 4 * (row * steps + t));
          }
      });
      const small = (this.small ??= html("canvas"));
      small.width = steps;
      small.height = rows;
      small.getContext("2d").putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = false;
      const x = n * (block + space);
      pen.drawImage(small, x, 0, block, height);
      pen.fillStyle = this.style.ink;
      const here = x + ((state.t + 0.5) * block) / steps;
      pen.fillRect(here - 0.5, 0, 1, height);
    });
    const above = network.units.slice(0, state.layer);
    const row = above.reduce((a, b) => a + b, 0) + state.unit;
    pen.strokeStyle = this.style.ink;
    pen.lineWidth = 2;
    pen.strokeRect(1, row * tall + 1, width - 2, tall - 2);
  }

  // Other values told: the answer to each.
  drawSweep() {
    const { network, sequence, parts } = this;
    if (parts.sweeping.hidden) return;
    const { pen, width, height } = penOf(parts.sweep);
    const font = this.state.lecture ? 17 : 13;
    pen.font = `${font}px system-ui, sans-serif`;
    const box = { left: font * 3.7, right: width - 8, top: 8,
      bottom: height - 3 * font, font };
    if (network.kind === "recall") this.drawRecalled(pen, box, sequence);
    else this.drawCounted(pen, box, sequence);
  }

  /** Answer other values told; kept until the sequence changes. */
  answersTo(values) {
    const { sequence, state, network, others } = this;
    if (others.has(state.k)) return others.get(state.k);
    const latest = sequence.tells.reduce((a, b) => (a[0] > b[0] ? a : b));
    const answers = values.map((value) => {
      const tells = sequence.tells.map((tell) =>
        tell === latest ? [tell[0], value] : tell);
      const x = this.kind.inputs({ ...sequence, tells }, network);
      return forward(this.checkpoints[state.k], x, this.steps, state.write)
        .outputs;
    });
    others.set(state.k, answers);
    return answers;
  }

  drawRecalled(pen, { left, right, top, bottom, font }, sequence) {
    const asked = sequence.asks.length ? Math.max(...sequence.asks) : null;
    const t = asked ?? this.state.t;
    const wide = this.network.outputs.length;
    const values = [...Array(33).keys()].map((n) => n / 32);
    const answers = this.answersTo(values).map((y) => y[t * wide]);
    const x = (v) => left + v * (right - left);
    const y = (v) => bottom - clamp((v + 0.1) / 1.2, 0, 1) * (bottom - top);
    pen.strokeStyle = pen.fillStyle = this.style.ink;
    const line = (points, dash, color, thick) => {
      pen.setLineDash(dash);
      pen.strokeStyle = color;
      pen.lineWidth = thick;
      pen.beginPath();
      for (const [a, b] of points) pen.lineTo(x(a), y(b));
      pen.stroke();
      pen.setLineDash([]);
    };
    const { ink, plus } = this.style;
    line([[0, 0], [1, 0]], [], ink, 0.7);
    line([[0, 0], [1, 1]], [4, 4], ink, 1.2);
    const bound = Math.tanh(1);
    line([[0, bound], [1, bound]], [1, 3], ink, 1.5);
    line(values.map((v, n) => [v, answers[n]]), [], `rgb(${plus})`, 3);
    const told = sequence.tells.reduce((a, b) => (a[0] > b[0] ? a : b))[1];
    pen.beginPath();
    pen.arc(x(told), y(answers[Math.round(told * 32)]), 5, 0, 7);
    pen.fill();
    pen.textAlign = "left";
    pen.fillText("tanh(1)", x(0) + 4, y(bound) - 4);
    pen.textAlign = "center";
    for (const v of [0, 0.5, 1]) pen.fillText(`${v}`, x(v) + (v === 1 ? -4 : 0),
      bottom + font * 1.2);
    pen.fillText("told", (left + right) / 2, bottom + font * 2.5);
    pen.textAlign = "right";
    for (const v of [0, 0.5, 1]) pen.fillText(`${v}`, left - 6, y(v) + 4);
    this.parts.sweep.setAttribute("aria-label", `answer at step ${t} to each ` +
      `value told: ${[0, 8, 16, 24, 32].map((n) =>
        `${number(answers[n])} to ${values[n]}`).join(", ")}`);
    this.sideways(pen, "answer", font, (top + bottom) / 2);
  }

  sideways(pen, text, font, middle) {
    pen.save();
    pen.translate(font * 0.9, middle);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(text, 0, 0);
    pen.restore();
  }

  drawCounted(pen, { left, right, top, bottom, font }, sequence) {
    const counts = [...Array(11).keys()];
    const answers = this.answersTo(counts);
    const wide = this.network.outputs.length;
    const column = (right - left) / counts.length;
    const row = (bottom - top) / this.steps;
    const latest = sequence.tells.reduce((a, b) => (a[0] > b[0] ? a : b));
    pen.lineWidth = 1.5;
    counts.forEach((count, n) => {
      for (let t = 0; t < this.steps; t++) {
        pen.fillStyle = `rgb(${viridis(answers[n][t * wide])})`;
        pen.fillRect(left + n * column, bottom - (t + 1) * row, column + 0.5,
          row + 0.5);
      }
      const due = latest[0] + count;
      pen.strokeStyle = "#fff";
      if (due < this.steps) pen.strokeRect(left + n * column + 1,
        bottom - (due + 1) * row, column - 2, row);
      pen.fillStyle = this.style.ink;
      pen.textAlign = "center";
      pen.fillText(`${count}`, left + (n + 0.5) * column, bottom + font * 1.2);
    });
    pen.fillText("count told (framed: when the signal is due)",
      (left + right) / 2, bottom + font * 2.5);
    pen.textAlign = "right";
    for (let t = 0; t < this.steps; t += this.steps > 25 ? 10 : 5)
      pen.fillText(`${t}`, left - 6, bottom - (t + 0.5) * row + 4);
    this.sideways(pen, "time step", font, (top + bottom) / 2);
    const found = answers.map((y) => {
      const signals = [];
      for (let t = 0; t < this.steps; t++)
        if (y[t * wide] > 0.5) signals.push(t);
      return signals.join(" and ") || "never";
    });
    this.parts.sweep.setAttribute("aria-label", `time steps of the signal for ` +
      `each count: ${found.map((s, n) => `${n}: ${s}`).join(", ")}`);
  }

  // The equations of one unit, with its numbers.
  drawEquations() {
    const { state, parts, made, network } = this;
    const { layer, unit, t } = state;
    const values = made.layers[layer];
    const { units } = this.checkpoints[state.k].layers[layer];
    const of = (q, at = t) => (at < 0 ? 0 : values[q][at * units + unit]);
    parts.unit.textContent = `Layer ${layer + 1}, unit ${unit + 1}, at time ` +
      `step ${t}. A term is a weight times an input; h is the layer's ` +
      `output one step before.`;
    const off = state.write && layer === network.units.length - 1;
    const rows = ["f", "i", "g", "o"].map((q) => {
      const off_ = off && q === "f";
      const inside = off_ ? ["0 (one write)"] : this.terms(q);
      const name = q === "g" ? "tanh" : "σ";
      return [q, off_ ? inside : [`${name}( `, ...inside, " )"], of(q)];
    });
    rows.push(
      ["c", [`f·c(t−1) + i·g = ${factor(of("f"))}·` +
        `${factor(of("c", t - 1))} + ${factor(of("i"))}·${factor(of("g"))}`],
        of("c")],
      ["h", [`o·tanh(c) = ${factor(of("o"))}·` +
        `tanh(${number(of("c"), 2, true)})`], of("h")],
    );
    parts.equations.replaceChildren(...rows.flatMap(([q, inside, value]) => [
      html("span", { class: `name ${q}`, title: NAMES[q] }, q),
      html("span", { class: "sum" }, "= ", ...inside),
      html("strong", {}, `= ${number(value, 3, true)}`)]));
  }

  /** Return the terms of a gate's sum; small ones are added up. */
  terms(q) {
    const { state, network, made } = this;
    const { layer, unit, t } = state;
    const weights = this.checkpoints[state.k].layers[layer];
    const { units, width } = weights;
    const column = "ifgo".indexOf(q) * units + unit;
    const x = layer ? made.layers[layer - 1].h : this.inputs;
    const all = [];
    for (let j = 0; j < width; j++)
      all.push([weights.kernel[j * 4 * units + column], x[t * width + j],
        layer ? `x${j + 1}` : network.inputs[j]]);
    for (let j = 0; t && j < units; j++)
      all.push([weights.recurrent[j * 4 * units + column],
        made.layers[layer].h[(t - 1) * units + j], `h${j + 1}`]);
    const present = all.filter(([w, value]) => w * value !== 0);
    present.sort((a, b) => Math.abs(b[0] * b[1]) - Math.abs(a[0] * a[1]));
    const most = 6;
    const made_ = [number(weights.bias[column], 2, true)];
    for (const [w, value, name] of present.slice(0, most)) {
      const sign = w < 0 ? " − " : " + ";
      made_.push(`${sign}${number(Math.abs(w), 2, true)}·${factor(value)}`,
        html("sub", {}, name));
    }
    const rest = present.slice(most).reduce((sum, [w, v]) => sum + w * v, 0);
    if (present.length > most)
      made_.push(`${rest < 0 ? " − " : " + "}${number(Math.abs(rest))}`,
        html("sub", {}, `${present.length - most} more`));
    return made_;
  }

  drawNumbers() {
    const { network, made, state, inputs, steps } = this;
    const units = network.units[state.layer];
    const heads = ["step", ...network.inputs,
      ...QUANTITIES.map((q) => NAMES[q]),
      ...network.outputs];
    const row = (t) => [
      ...network.inputs.map((_, n) => inputs[t * network.inputs.length + n]),
      ...QUANTITIES.map((q) =>
        made.layers[state.layer][q][t * units + state.unit]),
      ...network.outputs.map(
        (_, n) => made.outputs[t * network.outputs.length + n])];
    this.parts.table.replaceChildren(html("table", {},
      html("thead", {}, html("tr", {},
        ...heads.map((name) => html("th", { scope: "col" }, name)))),
      html("tbody", {}, ...[...Array(steps).keys()].map((t) =>
        html("tr", {}, html("th", { scope: "row" }, `${t}`),
          ...row(t).map((x) => html("td", {}, number(x, 3, true))))))));
  }
}

/**
 * Build the playground in an element.
 *
 * `page` says that the element is the whole page: then the address holds what
 * is shown, and keys work everywhere.
 */
export async function mount(root, data, page = false) {
  if (typeof DecompressionStream === "undefined") {
    root.textContent = "This page needs a browser of 2023 or newer.";
    return null;
  }
  const made = new Playground(root, data, page);
  await made.follow();
  return made;
}

// For anywidget, in notebooks.
export default {
  render: ({ model, el }) => {
    mount(el, model.get("data"));
  },
};
