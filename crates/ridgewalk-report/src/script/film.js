// Films: a slider, a play button, and a stage that shows one frame. Needs base.js and plot.js (ticks).
const films = new Map();
// Frames back to which the tail of a moving point reaches.
const TAIL = 8;
// With more marks than this, a canvas is drawn instead of elements.
const MANY = 2000;
// Marks nearer to the viewer are larger and stronger: factors of size and opacity, from far to near.
const DEPTHS = [[0.75, 0.4], [0.9, 0.6], [1.05, 0.8], [1.2, 1]];
const NEAREST = DEPTHS.length - 1;
const still = matchMedia("(prefers-reduced-motion: reduce)");

const setUpFilm = (figure, data) => {
  const { size, low, unit, labels, layers, values } = data;
  const solid = size.length === 3;
  const radius = Math.hypot(...size) / 2;
  const last = values.length - 1;
  const hidden = new Set();
  let [turn, height] = data.camera;
  // The frame shown; between two frames while the film plays.
  let at = 0;

  // Lists of a frame, whose coordinates may stand in an earlier one.
  const lists = (layer, k) => {
    const frame = layer.frames[layer.kind === "still" ? 0 : k] ?? [];
    return typeof frame === "number" ? layer.frames[frame] : frame;
  };
  const pointsOf = (list) => {
    const out = [];
    for (let i = 0; i + size.length <= list.length; i += size.length) out.push(list[i] === null ? null : list.slice(i, i + size.length));
    return out;
  };
  // Parsed once: a frame is drawn many times.
  for (const layer of layers) layer.parsed = layer.frames.map((_, k) => lists(layer, k).map(pointsOf));
  const frameOf = (layer, k) => layer.parsed[layer.kind === "still" ? 0 : k] ?? [];
  // Where the points of a frame are; between frames, moving points are on the way.
  const pointsAt = (layer, position) => {
    const k = Math.floor(position);
    const here = frameOf(layer, layer.kind === "moving" ? k : Math.round(position))[0] ?? [];
    const next = layer.kind === "moving" && position > k ? frameOf(layer, k + 1)[0] : null;
    if (!next) return here;
    return here.map((p, i) => p && next[i] && p.map((v, axis) => v + (position - k) * (next[i][axis] - v)));
  };

  // The map of points to pixels over a width: [x, y, depth].
  const layout = (width) => {
    if (solid) {
      const high = Math.min(width, 460);
      const scale = high / 2 / radius;
      const [s, c, us, uc] = [Math.sin(turn), Math.cos(turn), Math.sin(height), Math.cos(height)];
      const pixel = (p) => {
        const [x, y, z] = p.map((v, axis) => v - size[axis] / 2);
        const back = y * c - x * s;
        const near = z * us - back * uc;
        return [width / 2 + scale * (x * c + y * s), high / 2 - scale * (z * uc + back * us), clamp(Math.floor((near / radius + 1) / 2 * DEPTHS.length), 0, NEAREST)];
      };
      return { width, height: high, pixel, frame: [0, 0, width, high] };
    }
    const [top, most] = [24, width > 500 ? 440 : 320];
    const [high, low1] = [low[1] + size[1] * unit, low[1]];
    const yTicks = ticks(false, low1, high, Math.max(2, Math.floor(most / 52)));
    const left = Math.max(...yTicks.map(([, label]) => label.length)) * 8 + 12;
    const scale = Math.min((width - left - 14) / size[0], most / size[1]);
    const slack = (width - left - 14 - scale * size[0]) / 2;
    const [x0, x1, y0, y1] = [left + slack, left + slack + scale * size[0], top + scale * size[1], top];
    return { width, height: y0 + 52, pixel: ([x, y]) => [x0 + scale * x, y0 - scale * y, NEAREST], frame: [x0, y1, x1, y0] };
  };

  const line = (d) => element("svg:path", { class: "g", stroke: "#e2e5ea", fill: "none", d });
  const label = (content, x, y, anchor = "middle", quiet = true) => element("svg:text", { ...(quiet ? { class: "q", fill: "#555d6b" } : {}), x, y, "text-anchor": anchor }, content);
  // An estimate, as for the still drawings: no letter is measured.
  const fit = (content, room) => (content.length * 7.4 <= room ? content : `${content.slice(0, Math.max(1, Math.floor(room / 7.4) - 1))}…`);
  const axes = ({ width, height: high, pixel, frame: [x0, y1, x1, y0] }) => {
    if (!solid) {
      const scale = (x1 - x0) / size[0];
      const out = [];
      for (const [v, text] of ticks(false, low[1], low[1] + size[1] * unit, Math.max(2, Math.floor((y0 - y1) / 52)))) {
        const y = y0 - scale * (v - low[1]) / unit;
        out.push(line(`M${x0} ${y}H${x1}`), label(text, x0 - 8, y + 4.5, "end"));
      }
      for (const [v, text] of ticks(false, low[0], low[0] + size[0] * unit, Math.max(2, Math.floor((x1 - x0) / 80)))) {
        const x = x0 + scale * (v - low[0]) / unit;
        out.push(line(`M${x} ${y1}V${y0 + 6}`), label(text, x, y0 + 20));
      }
      out.push(label(fit(labels[1], width), 0, 14, "start"), label(fit(labels[0], x1 - x0), (x0 + x1) / 2, y0 + 42, "middle", false));
      return out;
    }
    const corner = (bits) => pixel(size.map((s, axis) => (bits >> axis & 1 ? s : 0)));
    const edges = [0, 1, 2].flatMap((axis) => [0, 1, 2, 3, 4, 5, 6, 7].filter((from) => !(from >> axis & 1)).map((from) => [axis, corner(from), corner(from | 1 << axis)]));
    const out = [line(edges.map(([, a, b]) => `M${a[0]} ${a[1]}L${b[0]} ${b[1]}`).join(""))];
    const middle = ([, a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    [0, 1, 2].forEach((axis) => {
      const name = `${fit(labels[axis], width / 3)} ${number(low[axis], 3)} to ${number(low[axis] + size[axis] * unit, 3)}`;
      const own = edges.filter((edge) => edge[0] === axis);
      // At the lowest edge; of the upright ones at the upper end of the leftmost.
      if (axis < 2) {
        const [x, y] = own.map(middle).reduce((a, b) => (b[1] > a[1] ? b : a));
        const half = name.length * 3.7;
        out.push(label(name, clamp(x + (x < width / 2 ? -half / 2 : half / 2), half, Math.max(half, width - half)), Math.min(y + 22, high - 4)));
      } else {
        const [, a, b] = own.reduce((p, q) => (middle(q)[0] < middle(p)[0] ? q : p));
        out.push(label(name, Math.max(0, Math.min(a[0], b[0]) - 4), Math.max(12, Math.min(a[1], b[1]) - 8), "start"));
      }
    });
    return out;
  };

  // What is drawn of a position: paths with their style, in order. Dots are strokes of hardly any length.
  const digits = (v) => v.toFixed(1);
  const compose = ({ pixel }, position) => {
    const out = [];
    const k = Math.round(position);
    const push = (layer, paths, style) => paths.forEach((d, depth) => {
      const [larger, stronger] = DEPTHS[depth];
      if (d) out.push({ d, layer, fill: false, ...style, width: style.width * larger, opacity: style.opacity * stronger });
    });
    layers.forEach((layer, index) => {
      if (hidden.has(index)) return;
      if (layer.kind === "curves") {
        const paths = DEPTHS.map(() => "");
        for (const curve of frameOf(layer, k)) {
          const spots = curve.map(pixel);
          let pen = -1;
          for (let i = 1; i < spots.length; i++) {
            const depth = spots[i][2];
            if (pen !== depth) paths[depth] += `M${digits(spots[i - 1][0])} ${digits(spots[i - 1][1])}`;
            paths[depth] += `L${digits(spots[i][0])} ${digits(spots[i][1])}`;
            pen = depth;
          }
          if (spots.length === 1) paths[spots[0][2]] += `M${digits(spots[0][0])} ${digits(spots[0][1])}h.01`;
        }
        push(layer, paths, { width: 2.25, opacity: 1 });
        return;
      }
      const points = pointsAt(layer, position);
      const n = points.length;
      const r = n <= 40 ? 4 : n <= 300 ? 3 : n <= 1500 ? 2.2 : 1.6;
      if (layer.kind === "moving") {
        const start = Math.max(0, Math.ceil(position) - TAIL);
        let before = (frameOf(layer, start)[0] ?? []).map((p) => p && pixel(p));
        for (let past = start + 1; past <= Math.ceil(position); past++) {
          const after = past >= position ? points.map((p) => p && pixel(p)) : (frameOf(layer, past)[0] ?? []).map((p) => p && pixel(p));
          let d = "";
          after.forEach((b, i) => {
            const a = before[i];
            if (a && b) d += `M${digits(a[0])} ${digits(a[1])}L${digits(b[0])} ${digits(b[1])}`;
          });
          if (d) out.push({ d, layer, fill: false, width: 0.5 * r, opacity: 0.08 + 0.42 * (past - start) / TAIL });
          before = after;
        }
      }
      const paths = DEPTHS.map(() => "");
      for (const p of points) {
        if (!p) continue;
        const [x, y, depth] = pixel(p);
        const side = digits(1.35 * r * DEPTHS[depth][0]);
        paths[depth] += layer.role === "data" ? `M${digits(x)} ${digits(y - side)}l${side} ${side}l-${side} ${side}l-${side} -${side}z` : `M${digits(x)} ${digits(y)}h.01`;
      }
      push(layer, paths, { fill: layer.role === "data", width: (layer.role === "ridge" ? 1.3 : 2) * r, opacity: layer.role === "ridge" ? 0.7 : 0.9 });
    });
    return out;
  };
  const marks = (composed) => composed.map(({ d, layer: { k, colour }, fill, width, opacity }) => element("svg:path", fill
    ? { d, class: `f${k}`, fill: colour, "fill-opacity": digits(10 * opacity) / 10 }
    : { d, class: `c${k}`, stroke: colour, fill: "none", "stroke-width": digits(width), "stroke-opacity": (opacity).toFixed(2) }));
  const many = values.some((_, k) => layers.reduce((sum, layer) => sum + frameOf(layer, k).reduce((n, list) => n + list.length, 0), 0) > MANY);

  // The player.
  const clipId = `${figure.id}-stage`;
  const svg = element("svg:svg", { class: "plot", "font-family": "inherit", "font-size": 13, role: "img" });
  const canvas = element("canvas", { "aria-hidden": "true" });
  const stage = element("div", { class: "stage" }, canvas, svg);
  const button = element("button", { type: "button", class: "play" });
  const slider = element("input", { type: "range", min: 0, max: last, step: 1, value: 0, "aria-label": data.parameter });
  const readout = element("output", { class: "readout" });
  const controls = element("div", { class: "controls" }, button, slider);
  const legend = element("div", { class: "layers" }, ...layers.map((layer, index) => {
    const drawn = figure.querySelectorAll("svg.wide .key")[index];
    const swatch = element("svg:svg", { class: "plot", width: 22, height: 20, "aria-hidden": "true" }, ...[...drawn.children].filter((node) => !["title", "rect", "text"].includes(node.localName)).map((node) => node.cloneNode(true)));
    const toggle = element("button", { type: "button", "aria-pressed": "true" }, swatch, layer.name);
    toggle.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      toggle.setAttribute("aria-pressed", String(!hidden.has(index)));
      draw();
    });
    return toggle;
  }));
  const player = element("div", { class: "player" }, legend, stage, ...(last > 0 ? [controls] : []), readout, ...data.notes.slice(0, 5).map((note) => element("p", { class: "note" }, note)));
  figure.classList.add("film");
  figure.querySelector(".figure-head").after(player);

  const described = (k) => `${data.parameter} = ${values[k][0]}`;
  const draw = () => {
    const width = stage.clientWidth;
    if (!width) return;
    const map = layout(width);
    const k = Math.round(at);
    const composed = compose(map, at);
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${width} ${map.height}`, width, height: map.height })) svg.setAttribute(key, value);
    const [x0, y1, x1, y0] = map.frame;
    const group = element("svg:g", { "clip-path": `url(#${clipId})`, "stroke-linecap": "round", "stroke-linejoin": "round" });
    if (!many) group.append(...marks(composed));
    svg.replaceChildren(element("svg:clipPath", { id: clipId }, element("svg:rect", { x: x0, y: y1, width: x1 - x0, height: y0 - y1 })), ...axes(map), group);
    svg.setAttribute("aria-label", `${figure.dataset.title}. ${described(k)}${values[k][1] ? `, ${values[k][1]}` : ""}.${solid ? " Drag or press the arrow keys to turn it." : ""}`);
    canvas.hidden = !many;
    if (many) {
      const ratio = devicePixelRatio || 1;
      const [w, h] = [Math.round(width * ratio), Math.round(map.height * ratio)];
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
      const pen = canvas.getContext("2d");
      const style = getComputedStyle(root);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, map.height);
      pen.save();
      pen.beginPath();
      pen.rect(x0, y1, x1 - x0, y0 - y1);
      pen.clip();
      Object.assign(pen, { lineCap: "round", lineJoin: "round" });
      for (const { d, layer, fill, width: thick, opacity } of composed) {
        const colour = style.getPropertyValue(`--s${layer.k}`).trim();
        Object.assign(pen, { globalAlpha: opacity, fillStyle: colour, strokeStyle: colour, lineWidth: thick });
        const path = new Path2D(d);
        if (fill) pen.fill(path); else pen.stroke(path);
      }
      pen.restore();
    }
    slider.value = k;
    slider.setAttribute("aria-valuetext", values[k].filter(Boolean).join(", "));
    readout.replaceChildren(element("span", {}, described(k)), ...(values[k][1] ? [element("b", {}, values[k][1])] : []), ...(last > 0 ? [element("span", { class: "q" }, `${k + 1} of ${last + 1}`)] : []));
  };

  // Playing: some six frames a second, once, from where the slider is (from the start, if it is at the end).
  let playing = null;
  const showButton = () => {
    button.textContent = playing === null ? "Play" : "Pause";
    button.setAttribute("aria-label", `${button.textContent} “${figure.dataset.title}”`);
  };
  const stop = () => {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    at = Math.round(at);
    showButton();
    draw();
  };
  const play = () => {
    if (at >= last) at = 0;
    const rate = clamp(last / 7, 1.5, 12);
    let [position, before] = [at, null];
    const step = (now) => {
      position = Math.min(last, position + rate * Math.min(now - (before ?? now), 100) / 1000);
      before = now;
      const shown = still.matches ? Math.floor(position) : position;
      if (shown !== at) { at = shown; draw(); }
      if (position >= last) { stop(); return; }
      playing = requestAnimationFrame(step);
    };
    playing = requestAnimationFrame(step);
    showButton();
  };
  button.addEventListener("click", () => { if (playing === null) play(); else stop(); });
  const show = (k) => { at = clamp(k, 0, last); stop(); };
  slider.addEventListener("input", () => show(Number(slider.value)));
  slider.addEventListener("change", () => {
    try { history.replaceState(null, "", `#${figure.id}=${Number(slider.value) + 1}`); } catch { /* pages inside others have no address */ }
  });

  // An address that ends in #name=12 shows frame 12.
  const fromAddress = () => {
    const [name, k] = decodeURIComponent(location.hash.slice(1).replace(/%(?![0-9a-f]{2})/gi, "")).split("=");
    if (name !== figure.id || !/^\d+$/.test(k ?? "")) return false;
    show(Number(k) - 1);
    figure.scrollIntoView({ block: "center" });
    return true;
  };
  addEventListener("hashchange", fromAddress);

  if (solid) {
    stage.classList.add("turns");
    svg.tabIndex = 0;
    const rotate = (dx, dy) => {
      turn += dx;
      height = clamp(height + dy, -Math.PI / 2, Math.PI / 2);
      draw();
    };
    let held = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      held = [event.clientX, event.clientY];
      svg.setPointerCapture(event.pointerId);
      hideTip();
    });
    svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      rotate((event.clientX - held[0]) / 120, (event.clientY - held[1]) / 120);
      held = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { held = null; });
    svg.addEventListener("mousedown", (event) => event.preventDefault());
    svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      rotate(...by);
      event.preventDefault();
    });
  }
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons || playing !== null) { hideTip(); return; }
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { pixel } = layout(stage.clientWidth);
    let best = null;
    layers.forEach((layer, index) => {
      if (hidden.has(index) || layer.kind === "curves") return;
      for (const p of pointsAt(layer, at)) {
        const spot = p && pixel(p);
        const distance = spot ? Math.hypot(spot[0] - x, spot[1] - y) : Infinity;
        if (distance < (best?.distance ?? 14)) best = { distance, p, layer };
      }
    });
    if (!best) { hideTip(); return; }
    showTip(event.clientX, event.clientY, best.layer.name, labels.map((name, axis) => ["none", name, number(Number((low[axis] + best.p[axis] * unit).toPrecision(4)), 4)]));
  });
  svg.addEventListener("pointerleave", hideTip);

  // The frame as a file: in light colours, with its legend.
  films.set(figure, {
    still: () => {
      const map = layout(720);
      const keys = all("svg.wide .key", figure).map((node) => node.cloneNode(true));
      const rows = keys.map((node) => Number(node.getAttribute("transform").match(/[\d.]+\)/)[0].slice(0, -1)));
      const top = Math.max(0, ...rows) + 30;
      const [x0, y1, x1, y0] = map.frame;
      const k = Math.round(at);
      const words = values[k][1] ? `${described(k)} · ${values[k][1]}` : described(k);
      return element("svg:svg", { viewBox: `0 0 720 ${top + 24 + map.height}`, "font-family": "system-ui,sans-serif", "font-size": 13, fill: "#16191f" },
        ...keys,
        label(words, 0, top + 10, "start", false),
        element("svg:clipPath", { id: "c" }, element("svg:rect", { x: x0, y: y1, width: x1 - x0, height: y0 - y1 })),
        element("svg:g", { transform: `translate(0 ${top + 24})` }, ...axes(map),
          element("svg:g", { "clip-path": "url(#c)", "stroke-linecap": "round", "stroke-linejoin": "round" }, ...marks(compose(map, at)))));
    },
  });

  showButton();
  draw();
  new ResizeObserver(draw).observe(stage);
  new MutationObserver(draw).observe(root, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // It plays by itself once, when it comes into sight; not for who asked for less motion or for a frame.
  if (!fromAddress() && last > 0 && !still.matches) {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      if (at === 0 && playing === null) play();
    }, { threshold: 0.5 });
    watcher.observe(stage);
    slider.addEventListener("pointerdown", () => watcher.disconnect());
    slider.addEventListener("keydown", () => watcher.disconnect());
  }
};
