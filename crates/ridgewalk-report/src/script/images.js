// Images: a tooltip names them, a click enlarges them, arrow keys leaf through.
const dialog = element("dialog", { "aria-label": "Enlarged image" }, element("img", { alt: "" }), element("p"));
document.body.append(dialog);
let open = null;
const enlarge = (tile) => {
  open = tile;
  const image = tile.querySelector("img");
  const [width, height] = [Number(image.getAttribute("width")), Number(image.getAttribute("height"))];
  const room = Math.min((innerWidth - 96) / width, (innerHeight - 160) / height, 512 / Math.min(width, height));
  const scale = room >= 1 ? Math.floor(room) : room;
  const large = dialog.querySelector("img");
  Object.assign(large, { src: image.src, alt: image.alt, width: Math.round(width * scale), height: Math.round(height * scale) });
  dialog.querySelector("p").textContent = image.alt;
  if (!dialog.open) dialog.showModal();
};
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !open) return;
  const tiles = all(".tile:enabled", open.closest(".sheet"));
  enlarge(tiles[(tiles.indexOf(open) + step + tiles.length) % tiles.length]);
});
for (const tile of all(".tile:enabled")) {
  const name = tile.title;
  tile.removeAttribute("title");
  tile.addEventListener("pointermove", (event) => showTip(event.clientX, event.clientY, name));
  tile.addEventListener("pointerleave", hideTip);
  tile.addEventListener("click", () => { hideTip(); enlarge(tile); });
}
