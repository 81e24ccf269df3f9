// Files: a figure as it stands (zoom, hidden series, frame) in light colours on white.
const text = (content, attributes) => element("svg:text", attributes, content);
const sheetSvg = (figure) => {
  const side = figure.querySelector(".large") ? 112 : 64;
  const columns = Math.floor(728 / (side + 8));
  const svg = element("svg:svg", { "font-family": "system-ui,sans-serif", "font-size": 13, fill: "#16191f" });
  let y = 0;
  for (const row of all(".sheet-row", figure)) {
    svg.append(text(row.querySelector("h4").textContent, { x: 0, y: y + 14, "font-weight": 600 }));
    y += 22;
    let line = 0;
    all(".tile", row).forEach((tile, k) => {
      const image = tile.querySelector("img");
      const height = image ? side * image.getAttribute("height") / image.getAttribute("width") : side;
      if (k && k % columns === 0) { y += line; line = 0; }
      line = Math.max(line, height + (tile.querySelector("span") ? 22 : 8));
      const x = (k % columns) * (side + 8);
      if (image) svg.append(element("svg:image", { x, y, width: side, height, href: image.src, style: "image-rendering:pixelated" }));
      const note = tile.querySelector("span")?.textContent ?? "";
      svg.append(text(note, { x: x + side / 2, y: y + height + 13, "text-anchor": "middle", "font-size": 11, fill: "#555d6b" }));
    });
    y += line + 12;
  }
  svg.setAttribute("viewBox", `0 0 720 ${y}`);
  return svg;
};
const file = (figure, scale = 1) => {
  const drawn = figure.querySelector("svg.wide");
  const svg = films.get(figure)?.still() ?? (drawn ? drawn.cloneNode(true) : sheetSvg(figure));
  all(".cursor, .box", svg).forEach((node) => node.remove());
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const size = { width: width + 32, height: height + 56 };
  for (const [key, value] of Object.entries({ ...size, viewBox: `-16 -40 ${size.width} ${size.height}`, xmlns: SVG })) svg.setAttribute(key, value);
  svg.prepend(
    element("svg:rect", { x: -16, y: -40, ...size, fill: "#ffffff" }),
    text(figure.dataset.title, { x: 0, y: -18, "font-size": 16, "font-weight": 600 }),
  );
  // Zoomed strokes keep their width whatever the scale, so they must know it.
  for (const path of all(".m[transform] path, .mx[transform] path", svg)) {
    path.setAttribute("vector-effect", "non-scaling-stroke");
    for (const name of ["stroke-width", "stroke-dasharray"]) {
      const value = path.getAttribute(name);
      if (value) path.setAttribute(name, value.split(" ").map((v) => v * scale).join(" "));
    }
  }
  return { source: new XMLSerializer().serializeToString(svg), ...size };
};
const save = (blob, name) => {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
const saveSvg = (figure) => save(new Blob([file(figure).source], { type: "image/svg+xml" }), `${figure.id}.svg`);
const savePng = async (figure) => {
  const { source, width, height } = file(figure, 2);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = element("canvas", { width: width * 2, height: height * 2 });
  canvas.getContext("2d").drawImage(image, 0, 0, width * 2, height * 2);
  canvas.toBlob((blob) => blob && save(blob, `${figure.id}.png`));
};

// Everything is in place: bring the figures to life.
for (const figure of all(".figure")) {
  const tools = figure.querySelector(".tools");
  const data = JSON.parse(figure.querySelector("script")?.textContent ?? "null");
  if (data?.kind === "film") setUpFilm(figure, data);
  else if (data) setUpPlot(figure, data, tools);
  if (figure.querySelector(".empty")) continue;
  for (const [label, action] of [["SVG", saveSvg], ["PNG", savePng]]) {
    const button = element("button", { type: "button", "aria-label": `Download “${figure.dataset.title}” as ${label}` }, `↓ ${label}`);
    button.addEventListener("click", () => action(figure));
    tools.append(button);
  }
  tools.hidden = false;
}
