// The page of `amcnet view`: NiiVue draws, this file connects it with the list of structures.
"use strict";

const niivueOptions = {
  backColor: [0, 0, 0, 1],
  crosshairColor: [0.34, 0.71, 0.91, 0.9],
  crosshairWidth: 0.4, // thin, or it hides a small bone
  crosshairWidthUnit: "mm",
  show3Dcrosshair: true,
  isRadiologicalConvention: true, // the patient's right on the left, as 3D Slicer shows it
  isSliceMM: true, // slices along the axes of the patient, however the file is turned
  isOrientCube: true,
  multiplanarLayout: 2, // a grid of slices ...
  heroImageFraction: 0.5, // ... beside the 3D view, which has half of the width
  heroSliceType: 4,
  tileMargin: 6,
  showAllOrientationMarkers: true,
  fontColor: [1, 0.6, 0.1, 1], // seen on black and on white
  dragAndDropEnabled: false, // only what was named on the command line is shown
  isNearestInterpolation: false,
  logLevel: "error",
};
const zoom3D = 1.35;
const numbers = [
  ["length_mm", "Length", "mm", 1],
  ["width_mm", "Width", "mm", 1],
  ["thickness_mm", "Thickness", "mm", 1],
  ["volume_mm3", "Volume", "mm³", 1],
  ["surface_area_mm2", "Surface", "mm²", 1],
  ["growth_end_width_ratio", "Width to shaft", "", 2],
];

const byId = (id) => document.getElementById(id);
const state = { scene: null, nv: null, selected: null, hidden: new Set(), opacity: new Map() };

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text; // never as HTML: names come from files
  made.className = className;
  return made;
}

function structureOf(label) {
  return state.scene.structures.find((one) => one.label === label);
}

// What the picture shows

function paintLabels() {
  const volume = state.nv.volumes[1];
  const all = state.scene.structures;
  const alpha = (one) =>
    state.hidden.has(one.label) ? 0 : Math.round(255 * (state.opacity.get(one.label) ?? 1));
  volume.setColormapLabel({
    R: [0, ...all.map((one) => one.color_rgb[0])],
    G: [0, ...all.map((one) => one.color_rgb[1])],
    B: [0, ...all.map((one) => one.color_rgb[2])],
    A: [0, ...all.map(alpha)],
    I: [0, ...all.map((one) => one.label)],
    labels: ["", ...all.map((one) => one.name)],
  });
  state.nv.updateGLVolume();
}

function lookAt(mm) {
  state.nv.scene.crosshairPos = state.nv.mm2frac(mm, 0, true);
  state.nv.createOnLocationChange();
  state.nv.drawScene();
}

function showPlace(location) {
  const [right, front, top] = location.mm;
  const side = (value, plus, minus) =>
    `${value < 0 ? minus : plus} ${Math.abs(value).toFixed(1)}`;
  const parts = [`${side(right, "R", "L")}  ${side(front, "A", "P")}  ${side(top, "S", "I")} mm`];
  parts.push(`grey ${Math.round(location.values[0].value)}`);
  const label = location.values.length > 1 ? Math.round(location.values[1].value) : 0;
  if (label > 0) parts.push(structureOf(label).name);
  byId("place").textContent = parts.join("   ·   ");
  return label;
}

// In 3D the greys are a haze, or what lies before and behind the hand would hide it. The more
// voxels a ray crosses, the less each of them adds; one below 3 would not be drawn at all.
function haze() {
  const alpha = Math.max(4, Math.round(768 / Math.max(...state.scene.shown_shape)));
  return { R: [0, 255], G: [0, 255], B: [0, 255], A: [0, Math.min(alpha, 64)], I: [0, 255] };
}

// The hand is flat: look at it along the shortest axis of the volume.
function turn3D() {
  const { extentsMinOrtho: low, extentsMaxOrtho: high } = state.nv.volumes[0];
  const [width, depth, height] = low.map((value, axis) => high[axis] - value);
  const [azimuth, elevation] =
    height < Math.min(width, depth) ? [160, 70] : width < depth ? [110, 10] : [160, 10];
  state.nv.setScale(zoom3D);
  state.nv.setRenderAzimuthElevation(azimuth, elevation);
}

// The list and the details

function badge(severity) {
  return element("span", severity, `badge ${severity}`);
}

function listRow(one) {
  const row = element("li", "", one.present ? "" : "absent");
  row.dataset.label = one.label;
  const box = element("input");
  box.type = "checkbox";
  box.checked = one.present;
  box.disabled = !one.present;
  box.setAttribute("aria-label", `show ${one.name}`);
  box.addEventListener("change", () => setShown([one.label], box.checked));
  const swatch = element("span", "", "swatch");
  swatch.style.background = `rgb(${one.color_rgb.join(" ")})`;
  const name = element("button", one.name);
  name.type = "button";
  name.title = one.name;
  name.addEventListener("click", () => select(one.label));
  row.append(box, swatch, name);
  if (one.present || one.is_doubtful) row.append(badge(one.severity));
  return row;
}

function setShown(labels, shown) {
  for (const label of labels) {
    if (shown) state.hidden.delete(label);
    else state.hidden.add(label);
    byId("structures").querySelector(`[data-label="${label}"] input`).checked = shown;
  }
  paintLabels();
}

function select(label, move = true) {
  state.selected = label;
  const one = structureOf(label);
  for (const row of byId("structures").children) {
    const isThis = Number(row.dataset.label) === label;
    row.classList.toggle("selected", isThis);
    row.querySelector("button").setAttribute("aria-current", String(isThis));
    if (isThis) row.scrollIntoView({ block: "nearest" });
  }
  showDetails(one);
  byId("show-one").disabled = !one.present;
  if (move && one.focus_mm) lookAt(one.focus_mm);
}

function showDetails(one) {
  const title = element("h2", `${one.label}  ${one.name} `);
  if (one.present || one.is_doubtful) title.append(badge(one.severity));
  const parts = [title];
  if (!one.present) {
    const near = one.near ? ` The picture shows its neighbour, ${one.near}.` : "";
    parts.push(element("p", `Not found.${near}`));
  }
  if (one.messages.length) {
    const list = element("ul");
    list.append(...one.messages.map((text) => element("li", text)));
    parts.push(list);
  } else if (one.present) {
    parts.push(element("p", "Nothing suspicious.", "faint"));
  }
  if (one.present) parts.push(sizeTable(one), opacityOf(one));
  byId("details").replaceChildren(...parts);
}

function sizeTable(one) {
  const table = element("table");
  for (const [key, name, unit, decimals] of numbers) {
    if (one[key] === null) continue;
    const row = table.insertRow();
    const head = element("th", name);
    head.scope = "row";
    const cell = element("td", `${one[key].toFixed(decimals)} ${unit}`.trim());
    cell.dataset.size = key;
    row.append(head, cell);
  }
  return table;
}

function opacityOf(one) {
  const label = element("label", "Opacity ");
  const slider = element("input");
  Object.assign(slider, { type: "range", id: "own-opacity", min: 0, max: 100 });
  slider.value = 100 * (state.opacity.get(one.label) ?? 1);
  slider.addEventListener("input", () => {
    state.opacity.set(one.label, slider.value / 100);
    paintLabels();
  });
  label.append(slider);
  return label;
}

function stepDoubtful(direction) {
  const all = state.scene.structures;
  const doubtful = all.filter((one) => one.is_doubtful);
  if (!doubtful.length) return;
  const now = state.selected ?? (direction > 0 ? 0 : Infinity);
  const ahead = direction > 0
    ? doubtful.find((one) => one.label > now)
    : doubtful.findLast((one) => one.label < now);
  select((ahead ?? doubtful.at(direction > 0 ? 0 : -1)).label);
}

// Setting up

function describeScene(scene) {
  document.title = `${scene.volume} - amcnet`;
  byId("volume").textContent = scene.volume;
  byId("labels").textContent = scene.labels ?? "without labels";
  const full = scene.full_shape.join(" × ");
  const shown = scene.shown_shape.join(" × ");
  const mm = scene.full_spacing_mm.map((value) => Number(value.toPrecision(3))).join(" × ");
  const note = full === shown ? "" : `, shown as ${shown}; sizes are of the full volume`;
  byId("size").textContent = `${full} voxels of ${mm} mm (scan, lateral, depth)${note}`;
  document.body.classList.toggle("alone", scene.labels === null);
  if (!scene.verdict) return;
  const verdict = scene.verdict;
  byId("verdict").hidden = false;
  byId("verdict-badge").textContent = verdict.severity;
  byId("verdict-badge").classList.add(verdict.severity);
  const doubtful = scene.structures.filter((one) => one.is_doubtful).length;
  byId("verdict-text").textContent =
    `${verdict.found} of ${verdict.expected} structures found, ${doubtful} doubtful`;
  byId("verdict-messages").append(...verdict.messages.map((one) => element("li", one.text)));
  byId("next-doubtful").disabled = byId("previous-doubtful").disabled = doubtful === 0;
  byId("show-one").disabled = true;
  byId("structures").append(...scene.structures.map(listRow));
}

function connectControls() {
  const { nv, scene } = state;
  const present = scene.structures.filter((one) => one.present).map((one) => one.label);
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("volume-opacity", "input", (e) => nv.setOpacity(0, e.target.value / 100));
  on("arrangement", "change", (e) => nv.setSliceType(Number(e.target.value)));
  if (scene.labels === null) return;
  on("labels-opacity", "input", (e) => nv.setOpacity(1, e.target.value / 100));
  on("next-doubtful", "click", () => stepDoubtful(1));
  on("previous-doubtful", "click", () => stepDoubtful(-1));
  on("show-all", "click", () => setShown(present, true));
  on("hide-all", "click", () => setShown(present, false));
  on("show-one", "click", () => {
    for (const label of present) state.hidden.add(label);
    for (const box of byId("structures").querySelectorAll("input")) box.checked = false;
    setShown([state.selected], true);
  });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("select")) return;
    if (e.key === "n") stepDoubtful(1);
    if (e.key === "p") stepDoubtful(-1);
  });
  // A click in a slice selects what lies there; moving the crosshair by the list does not.
  byId("canvas").addEventListener("mouseup", (e) => {
    const [x, y] = [e.offsetX, e.offsetY].map((place) => place * nv.uiData.dpr);
    if (nv.inRenderTile(x, y) >= 0) return; // 3D was turned
    const mm = nv.frac2mm(nv.scene.crosshairPos, 0, true);
    const voxel = nv.volumes[1].mm2vox(Array.from(mm));
    const label = Math.round(nv.volumes[1].getValue(...voxel));
    if (label > 0 && label !== state.selected) select(label, false);
  });
}

async function bytesOf(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: the server answered ${answer.status}`);
  return answer;
}

async function start() {
  state.scene = await (await bytesOf("scene.json")).json();
  describeScene(state.scene);
  const nv = new niivue.Niivue(niivueOptions);
  state.nv = nv;
  nv.onLocationChange = showPlace;
  await nv.attachToCanvas(byId("canvas"));
  nv.addColormap("haze", haze());
  const shown = [{ url: "volume.nii", colormap: "haze", cal_min: 0, cal_max: 255 }];
  if (state.scene.labels !== null) shown.push({ url: "labels.nii", opacity: 0.6 });
  await nv.loadVolumes(shown);
  if (state.scene.labels !== null) paintLabels();
  turn3D();
  connectControls();
  nv.createOnLocationChange();
  document.body.dataset.state = "ready";
}

start().catch((problem) => {
  byId("problem").textContent =
    `The picture cannot be shown: ${problem.message}. A browser with WebGL2 is needed.`;
  byId("problem").hidden = false;
  document.body.dataset.state = "failed";
});
