// Helpers, theme, numbers and the tooltip. Texts of the data reach the document as text nodes only, never as markup.
const SVG = "http://www.w3.org/2000/svg";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const element = (name, attributes = {}, ...children) => {
  const node = document.createElementNS(name.startsWith("svg:") ? SVG : "http://www.w3.org/1999/xhtml", name.replace("svg:", ""));
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

// Theme: the reader's choice, else the system's.
const root = document.documentElement;
const themeButton = document.getElementById("theme");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const setTheme = (theme) => {
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  themeButton.textContent = isDark() ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
};
const remembered = () => { try { return localStorage.getItem("ridgewalk-theme"); } catch { return null; } };
setTheme(new URLSearchParams(location.search).get("theme") ?? remembered());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme());
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  setTheme(isDark() ? "light" : "dark");
  try { localStorage.setItem("ridgewalk-theme", root.dataset.theme); } catch { /* private windows forget */ }
});
addEventListener("beforeprint", () => all("details").forEach((d) => { d.open = true; }));

// Numbers, as the page writes them, but to six digits.
const SUPER = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const superscript = (n) => [...String(n)].map((c) => SUPER[c]).join("");
const number = (v, digits = 6) => {
  if (v === 0) return "0";
  const size = Math.abs(v);
  let text;
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split("e");
    text = `${Number(mantissa)}×10${superscript(Number(exponent))}`;
  } else {
    text = String(Number(size.toPrecision(digits)));
  }
  return v < 0 ? `−${text}` : text;
};

// Tooltip: `rows` are [colour, name, value].
const tip = element("div", { id: "tip", role: "status", hidden: "" });
document.body.append(tip);
const hideTip = () => { tip.hidden = true; };
const showTip = (x, y, title, rows = []) => {
  tip.replaceChildren(element("b", {}, title));
  for (const [colour, name, value] of rows) {
    const dot = element("i");
    dot.style.background = colour;
    tip.append(element("div", {}, dot, element("span", {}, name), element("span", {}, value)));
  }
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > innerWidth - 8 ? x - 16 - width : x + 16;
  const top = y + 16 + height > innerHeight - 8 ? y - 16 - height : y + 16;
  tip.style.transform = `translate(${clamp(left, 8, innerWidth - width - 8)}px, ${Math.max(8, top)}px)`;
};
addEventListener("scroll", hideTip, { passive: true });
