// What dragging in the picture does: the crosshair, the intensity window, a measuring line.
import { byId, element } from "./dom.js";

const pixelsPerRange = 400; // a drag of that many pixels goes through all intensities

export class WindowTool {
  constructor(picture) {
    this.picture = picture;
    const { windows } = picture.scene;
    [this.full] = windows;
    const preset = byId("window-preset");
    preset.append(...windows.map((one) => element("option", one.name)), element("option", "Own"));
    preset.lastChild.hidden = true;
    preset.addEventListener("change", () => {
      const chosen = windows[preset.selectedIndex];
      if (chosen) this.set(chosen.low, chosen.high, chosen.name);
    });
    for (const id of ["window-level", "window-width"]) {
      byId(id).addEventListener("change", () => {
        const [level, width] = ["window-level", "window-width"].map((one) => Number(byId(one).value));
        if (Number.isFinite(level) && width > 0) this.set(level - width / 2, level + width / 2);
        else this.show();
      });
    }
    this.isDrawing = false;
    [this.low, this.high] = [this.full.low, this.full.high];
    this.show();
  }

  set(low, high, name = "Own") {
    const least = (this.full.high - this.full.low) / 255;
    [this.low, this.high] = [low, Math.max(high, low + least)];
    byId("window-preset").value = name;
    this.show();
    if (this.isDrawing) return;
    this.isDrawing = true; // at most once a frame: the volume is coloured anew
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.picture.setWindow(this.low, this.high);
    });
  }

  show() {
    const text = (value) => String(Number(value.toPrecision(4)));
    byId("window-level").value = text((this.low + this.high) / 2);
    byId("window-width").value = text(this.high - this.low);
  }

  begin() {
    this.start = [(this.low + this.high) / 2, this.high - this.low];
  }

  drag(dx, dy) {
    const perPixel = (this.full.high - this.full.low) / pixelsPerRange;
    const level = this.start[0] + dy * perPixel; // downwards is darker
    const width = Math.max(0, this.start[1] + dx * perPixel);
    this.set(level - width / 2, level + width / 2);
  }
}

export class MeasureTool {
  constructor(picture) {
    this.picture = picture;
    this.line = null;
    picture.onDraw.push((view) => this.draw(view));
  }

  // Pixels of a view -> a slice and a place in it; null outside slices.
  at(view, x, y) {
    const dpr = view.nv.uiData.dpr || 1;
    const [right, front, top, tile] = view.nv.screenXY2mm(x * dpr, y * dpr);
    if (!Number.isFinite(right)) return null;
    return { mm: [right, front, top], type: view.nv.screenSlices[tile].axCorSag };
  }

  begin(view, x, y) {
    const start = this.at(view, x, y);
    this.line = start && { view, type: start.type, mm: [start.mm, start.mm] };
    this.redraw();
  }

  drag(view, x, y) {
    const end = this.line && this.at(view, x, y);
    if (!end || end.type !== this.line.type) return;
    this.line.mm[1] = end.mm;
    this.redraw();
  }

  get lengthMm() {
    const [a, b] = this.line.mm;
    return Math.hypot(...a.map((value, axis) => value - b[axis]));
  }

  clear() {
    this.line = null;
    this.redraw();
  }

  redraw() {
    byId("measured").textContent =
      this.line && this.lengthMm > 0 ? `${this.lengthMm.toFixed(1)} mm` : "";
    for (const view of this.picture.views) this.draw(view);
  }

  // The line stays with the anatomy: it moves when the slices are drawn elsewhere, and it is hidden
  // while another slice is shown.
  draw(view) {
    view.svg.replaceChildren();
    if (!this.line || !(this.lengthMm > 0)) return;
    const slice = view.nv.screenSlices.find((one) => one.axCorSag === this.line.type);
    const axis = { 0: 2, 1: 1, 2: 0 }[this.line.type];
    const here = view.nv.frac2mm(view.nv.scene.crosshairPos, 0, true)[axis];
    const shared = this.picture.scene;
    const thick = shared.full_spacing_mm[[1, 2, 0][axis]] * shared.full_shape[[1, 2, 0][axis]]
      / shared.shown_shape[[1, 2, 0][axis]];
    if (!slice || Math.abs(here - this.line.mm[0][axis]) > thick) return;
    const ends = this.line.mm.map((mm) => this.pixels(view, slice, mm));
    const made = (tag, attributes) => {
      const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
      return one;
    };
    const [[x1, y1], [x2, y2]] = ends;
    const text = made("text", { x: Math.max(x1, x2) + 6, y: (y1 + y2) / 2 });
    text.textContent = `${this.lengthMm.toFixed(1)} mm`;
    view.svg.append(made("line", { x1, y1, x2, y2 }), text);
  }

  // Two places of a slice say how its pixels and mm belong together.
  pixels(view, slice, mm) {
    const dpr = view.nv.uiData.dpr || 1;
    let [left, top, width, height] = slice.leftTopWidthHeight;
    if (width < 0) [left, width] = [left + width, -width];
    const corners = [[left + 1, top + 1], [left + width - 1, top + height - 1]];
    const [a, b] = corners.map(([x, y]) => view.nv.screenXY2mm(x, y));
    const across = this.line.type === 2 ? 1 : 0;
    const down = this.line.type === 0 ? 1 : 2;
    const along = (pixel, axis) => corners[0][pixel]
      + (mm[axis] - a[axis]) / (b[axis] - a[axis]) * (corners[1][pixel] - corners[0][pixel]);
    return [along(0, across) / dpr, along(1, down) / dpr];
  }
}

// Let the tool that is chosen have the pointer; the right mouse button is always the window's.
export function connectTools(picture, windowTool, measureTool) {
  const buttons = [...byId("tools").children];
  let tool = "crosshair";
  const choose = (name) => {
    tool = name;
    for (const button of buttons) {
      const isChosen = button.dataset.tool === name;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    for (const view of picture.views) view.box.classList.toggle("drawing", name !== "crosshair");
  };
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => choose(button.dataset.tool));
    button.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      const next = buttons[(index + step + buttons.length) % buttons.length];
      choose(next.dataset.tool);
      next.focus();
    });
  });
  choose(tool);
  for (const view of picture.views) {
    const place = (e) => {
      const { left, top } = view.box.getBoundingClientRect();
      return [e.clientX - left, e.clientY - top];
    };
    let dragged = null;
    view.box.addEventListener("contextmenu", (e) => e.preventDefault());
    view.box.addEventListener("pointerdown", (e) => {
      const isWindow = e.button === 2 || tool === "window";
      if (!isWindow && tool !== "measure") return;
      dragged = { isWindow, from: place(e) };
      view.box.setPointerCapture(e.pointerId);
      if (isWindow) windowTool.begin();
      else measureTool.begin(view, ...dragged.from);
    });
    view.box.addEventListener("pointermove", (e) => {
      if (!dragged) return;
      const [x, y] = place(e);
      if (dragged.isWindow) windowTool.drag(x - dragged.from[0], y - dragged.from[1]);
      else measureTool.drag(view, x, y);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      view.box.addEventListener(end, () => { dragged = null; });
    }
  }
  return choose;
}
