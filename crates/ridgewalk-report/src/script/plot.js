// Plots: tooltips, zoom, keys, and legends that toggle series. Needs base.js.
// Ticks of a zoomed axis: [position in axis units, label].
const ticks = (log, min, max, count) => {
  const out = [];
  if (log && max - min >= 0.8) {
    const every = Math.max(1, Math.ceil((max - min) / count));
    const digits = max - min < 0.4 * count ? [1, 2, 5] : [1];
    for (let e = Math.floor(min); e <= max; e++) {
      for (const d of digits) {
        const at = e + Math.log10(d);
        if (at >= min && at <= max && e % every === 0) out.push([at, Math.abs(e) <= 3 ? number(d * 10 ** e) : d === 1 ? `10${superscript(e)}` : ""]);
      }
    }
    return out.filter(([, label]) => label);
  }
  const [low, high] = log ? [10 ** min, 10 ** max] : [min, max];
  const raw = (high - low) / count;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = magnitude * [1, 2, 5, 10].find((f) => f * magnitude >= raw * (1 - 1e-9));
  const digits = clamp(Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high)) / step)) + 1, 1, 15);
  for (let k = Math.ceil(low / step); k * step <= high && out.length < 100; k++) {
    out.push([log ? Math.log10(k * step) : k * step, number(k * step, digits)]);
  }
  return out;
};

// One plot: its data, its two drawings (for a desk, for a phone), and what is in view, as parts of each axis.
const setUpPlot = (figure, data, tools) => {
  const drawings = all("svg.plot", figure).map((svg) => ({
    svg,
    frame: svg.dataset.frame.split(" ").map(Number),
    axes: ["ax", "ay"].map((name) => svg.querySelector(`.${name}`)).map((group) => group && { group, still: [...group.childNodes] }),
  }));
  const hidden = new Set();
  let view = { x: [0, 1], y: [0, 1] };
  const reset = element("button", { type: "button", hidden: "", class: "reset" }, "Reset zoom");
  tools.prepend(reset);

  const inView = (axis, part) => data[axis].min + part * (data[axis].max - data[axis].min);
  const part = (axis, value) => ((data[axis].log ? Math.log10(value) : value) - data[axis].min) / (data[axis].max - data[axis].min);
  const toPixel = ([left, top, right, bottom], px, py) => [
    left + (px - view.x[0]) / (view.x[1] - view.x[0]) * (right - left),
    bottom - (py - view.y[0]) / (view.y[1] - view.y[0]) * (bottom - top),
  ];

  const redraw = () => {
    const whole = ["x", "y"].every((a) => view[a][0] === 0 && view[a][1] === 1);
    reset.hidden = whole;
    for (const { svg, frame: [left, top, right, bottom], axes } of drawings) {
      svg.querySelector(".cursor")?.remove();
      const sx = 1 / (view.x[1] - view.x[0]);
      const sy = 1 / (view.y[1] - view.y[0]);
      const tx = left - sx * (left + view.x[0] * (right - left));
      const ty = bottom - sy * (bottom - view.y[0] * (bottom - top));
      for (const group of all(".m", svg)) group.setAttribute("transform", `matrix(${sx} 0 0 ${sy} ${tx} ${ty})`);
      for (const group of all(".mx", svg)) group.setAttribute("transform", `matrix(${sx} 0 0 1 ${tx} 0)`);
      axes.forEach((axis, vertical) => {
        if (!axis) return;
        if (whole) { axis.group.replaceChildren(...axis.still); return; }
        const name = vertical ? "y" : "x";
        const length = vertical ? bottom - top : right - left;
        const floor = Number(svg.querySelector(".a").getAttribute("d").match(/M\S+ ([\d.]+)/)[1]);
        const base = data.kind === "bars" ? bottom : floor;
        const [low, high] = view[name].map((p) => inView(name, p));
        axis.group.replaceChildren(...ticks(data[name].log, low, high, Math.floor(length / (vertical ? 52 : right > 400 ? 92 : 66))).flatMap(([at, label]) => {
          const [x, y] = toPixel([left, top, right, bottom], vertical ? 0 : part("x", data.x.log ? 10 ** at : at), vertical ? part("y", data.y.log ? 10 ** at : at) : 0);
          const line = element("svg:path", { class: "g", stroke: "#e2e5ea", d: vertical ? `M${left} ${y}H${right}` : `M${x} ${top}V${base + 6}` });
          const text = vertical
            ? element("svg:text", { class: "q", fill: "#555d6b", x: left - 8, y: y + 4.5, "text-anchor": "end" }, label)
            : element("svg:text", { class: "q", fill: "#555d6b", x, y: base + 20, "text-anchor": "middle" }, label);
          return [line, text];
        }));
      });
    }
  };
  const zoomTo = (axis, low, high) => {
    // Below a millionth of the axis, the digits of the drawing end.
    if (axis === "y" && data.kind === "bars") return;
    const span = clamp(high - low, 1e-6, 1);
    const start = clamp(low, 0, 1 - span);
    view[axis] = [start, start + span];
  };
  const zoomAround = (axis, at, factor) => {
    const [low, high] = view[axis];
    const centre = low + at * (high - low);
    zoomTo(axis, centre - (centre - low) * factor, centre + (high - centre) * factor);
  };
  const resetZoom = () => { view = { x: [0, 1], y: [0, 1] }; redraw(); };
  reset.addEventListener("click", resetZoom);

  // The points that a pointer at (px, py), in parts of the axes, is about: [series, point, parts].
  const near = (px, py, aspect) => {
    const found = [];
    (data.series ?? []).forEach((series, k) => {
      if (hidden.has(k)) return;
      let best = null;
      for (const point of series.points) {
        if (!point) continue;
        const at = [part("x", point[0]), part("y", point[1])];
        const dx = (at[0] - px) / (view.x[1] - view.x[0]);
        const dy = (at[1] - py) / (view.y[1] - view.y[0]) * aspect;
        const distance = data.kind === "scatter" ? Math.hypot(dx, dy) : Math.abs(dx);
        if (!best || distance < best.distance) best = { k, point, at, distance, name: series.name };
      }
      if (best) found.push(best);
    });
    if (data.kind !== "scatter") return found;
    found.sort((a, b) => a.distance - b.distance);
    return found.slice(0, 1).filter((f) => f.distance < 0.06);
  };
  const mark = (drawing, found, clientX, clientY) => {
    const { svg, frame } = drawing;
    svg.querySelector(".cursor")?.remove();
    if (!found.length) { hideTip(); return; }
    const group = element("svg:g", { class: "cursor" });
    const spots = found.map((f) => [f, toPixel(frame, f.at[0], f.at[1])]);
    if (data.kind !== "scatter") {
      const nearest = spots.reduce((a, b) => (a[0].distance <= b[0].distance ? a : b));
      group.append(element("svg:path", { d: `M${nearest[1][0]} ${frame[1]}V${frame[3]}` }));
    }
    for (const [f, [x, y]] of spots) {
      if (x >= frame[0] - 1 && x <= frame[2] + 1 && y >= frame[1] - 1 && y <= frame[3] + 1) {
        group.append(element("svg:circle", { class: `f${f.k % 8}`, cx: x, cy: y, r: 5 }));
      }
    }
    svg.append(group);
    const colour = (k) => `var(--s${k % 8})`;
    if (data.kind === "scatter") {
      const [f] = found;
      showTip(clientX, clientY, f.name, [["none", data.x.label, number(f.point[0])], ["none", data.y.label, number(f.point[1])]]);
    } else {
      const shared = found.every((f) => f.point[0] === found[0].point[0]);
      const title = shared ? `${data.x.label}: ${number(found[0].point[0])}` : data.x.label;
      showTip(clientX, clientY, title, found.map((f) => [colour(f.k), f.name, shared ? number(f.point[1]) : `${number(f.point[1])} at ${number(f.point[0])}`]));
    }
  };

  for (const drawing of drawings) {
    const { svg, frame: [left, top, right, bottom] } = drawing;
    svg.classList.add("live");
    svg.tabIndex = 0;
    const locate = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale;
      const y = (event.clientY - box.top) * scale;
      const fx = (x - left) / (right - left);
      const fy = (bottom - y) / (bottom - top);
      const inside = fx >= -0.02 && fx <= 1.02 && fy >= -0.02 && fy <= 1.02;
      return { x, y, fx, fy, inside, px: view.x[0] + fx * (view.x[1] - view.x[0]), py: view.y[0] + fy * (view.y[1] - view.y[0]) };
    };
    const hover = (event) => {
      const at = locate(event);
      if (data.kind === "bars") {
        const bar = data.bars[event.target.closest?.(".bar")?.dataset.k];
        if (!bar) { hideTip(); return; }
        showTip(event.clientX, event.clientY, bar.name, [["none", data.x.label, bar.value], ...(bar.interval ? [["none", "95 % interval", `[${bar.interval.join(", ")}]`]] : [])]);
      } else {
        mark(drawing, at.inside ? near(at.px, at.py, (bottom - top) / (right - left)) : [], event.clientX, event.clientY);
      }
    };

    // One pointer draws a box and zooms to it; two pinch.
    const pointers = new Map();
    let start = null;
    let box = null;
    let pinch = null;
    const endBox = () => { box?.remove(); box = null; start = null; };
    svg.addEventListener("pointerdown", (event) => {
      const at = locate(event);
      if (event.button !== 0 || !at.inside || event.target.closest(".key")) return;
      pointers.set(event.pointerId, at);
      svg.setPointerCapture(event.pointerId);
      if (pointers.size === 2) {
        endBox();
        const [a, b] = [...pointers.values()];
        pinch = { a, b };
      } else {
        start = at;
      }
    });
    svg.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) { hover(event); return; }
      const at = locate(event);
      pointers.set(event.pointerId, at);
      if (pinch) {
        const [a, b] = [...pointers.values()];
        for (const [axis, f, p] of [["x", "fx", "px"], ["y", "fy", "py"]]) {
          if (Math.abs(pinch.a[f] - pinch.b[f]) < 0.12 || Math.abs(a[f] - b[f]) < 0.04) continue;
          const span = (pinch.a[p] - pinch.b[p]) / (a[f] - b[f]);
          if (span > 0) zoomTo(axis, pinch.a[p] - a[f] * span, pinch.a[p] + (1 - a[f]) * span);
        }
        redraw();
        return;
      }
      if (!start) return;
      hideTip();
      const [x0, x1] = [start.x, clamp(at.x, left, right)].sort((a, b) => a - b);
      const [y0, y1] = [start.y, clamp(at.y, top, bottom)].sort((a, b) => a - b);
      const [useX, useY] = [x1 - x0 > 8, y1 - y0 > 8 && data.kind !== "bars"];
      box ??= svg.appendChild(element("svg:rect", { class: "box" }));
      const [bx, bw] = useX ? [x0, x1 - x0] : [left, right - left];
      const [by, bh] = useY ? [y0, y1 - y0] : [top, bottom - top];
      for (const [key, value] of Object.entries({ x: bx, y: by, width: bw, height: bh, visibility: useX || useY ? "visible" : "hidden" })) box.setAttribute(key, value);
    });
    const lift = (event) => {
      if (!pointers.has(event.pointerId)) return;
      pointers.delete(event.pointerId);
      if (start && box && event.type === "pointerup") {
        const at = locate(event);
        const axes = [["x", "x", "px"], ...(data.kind === "bars" ? [] : [["y", "y", "py"]])];
        const moved = axes.filter(([, pixel]) => Math.abs(at[pixel] - start[pixel]) > 8);
        for (const [axis, , p] of moved) {
          const [low, high] = [start[p], clamp(at[p], view[axis][0], view[axis][1])].sort((a, b) => a - b);
          zoomTo(axis, low, high);
        }
        if (moved.length) redraw();
      }
      endBox();
      if (pointers.size < 2) pinch = null;
    };
    // A drag must not leave a focus ring behind; the tabulator key still brings focus.
    svg.addEventListener("mousedown", (event) => event.preventDefault());
    svg.addEventListener("pointerup", lift);
    svg.addEventListener("pointercancel", lift);
    svg.addEventListener("pointerleave", () => { hideTip(); svg.querySelector(".cursor")?.remove(); });
    svg.addEventListener("dblclick", (event) => { if (!event.target.closest(".key")) resetZoom(); });
    // A bare wheel scrolls the page; with Ctrl (which a pinch on a touchpad sends) it zooms.
    svg.addEventListener("wheel", (event) => {
      const at = locate(event);
      if (!(event.ctrlKey || event.metaKey) || !at.inside) return;
      event.preventDefault();
      const factor = Math.exp(clamp(event.deltaY, -120, 120) / 300);
      zoomAround("x", at.fx, factor);
      zoomAround("y", at.fy, factor);
      redraw();
      hover(event);
    }, { passive: false });

    let cursor = -1;
    svg.addEventListener("keydown", (event) => {
      if (event.target !== svg || event.ctrlKey || event.metaKey || event.altKey) return;
      const visible = (data.series ?? []).flatMap((s, k) => (hidden.has(k) ? [] : s.points.filter(Boolean).map((point) => ({ k, point, name: s.name, at: [part("x", point[0]), part("y", point[1])], distance: 0 }))));
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && visible.length) {
        const inSight = visible.filter((f) => f.at[0] >= view.x[0] && f.at[0] <= view.x[1]);
        if (!inSight.length) return;
        const stride = event.shiftKey ? 10 : 1;
        cursor = clamp(cursor + step * stride, 0, inSight.length - 1);
        const f = inSight[cursor];
        const rect = svg.getBoundingClientRect();
        const [x, y] = toPixel(drawing.frame, ...f.at).map((v) => v * rect.width / svg.viewBox.baseVal.width);
        mark(drawing, data.kind === "scatter" ? [f] : near(...f.at, 1), rect.left + x, rect.top + y);
      } else if (event.key === "+" || event.key === "=" || event.key === "-") {
        const factor = event.key === "-" ? 1.5 : 1 / 1.5;
        zoomAround("x", 0.5, factor);
        zoomAround("y", 0.5, factor);
        redraw();
      } else if (event.key === "0" || event.key === "Escape") {
        hideTip();
        resetZoom();
      } else {
        return;
      }
      event.preventDefault();
    });
    svg.addEventListener("blur", () => { hideTip(); svg.querySelector(".cursor")?.remove(); });

    for (const key of all(".key", svg)) {
      const k = Number(key.dataset.k);
      const toggle = () => {
        if (!hidden.delete(k)) hidden.add(k);
        for (const d of drawings) {
          for (const node of all(`[data-k="${k}"]`, d.svg)) {
            if (node.classList.contains("key")) node.setAttribute("aria-pressed", String(!hidden.has(k)));
            else node.style.display = hidden.has(k) ? "none" : "";
          }
        }
      };
      for (const [name, value] of Object.entries({ role: "button", tabindex: "0", "aria-pressed": "true" })) key.setAttribute(name, value);
      key.addEventListener("click", toggle);
      key.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
      });
    }
    // What can be pressed must not sit inside what is announced as one image.
    svg.setAttribute("role", "group");
  }
};
