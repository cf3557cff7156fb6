// The picture: one view of the volume, or two that move together, drawn by NiiVue.
//
// NiiVue is made for patients: it draws axial, coronal and sagittal planes. The volume comes to it
// in mm along (-lateral, -depth, -scan), so these are the transverse plane, the plane seen from
// above and the plane along the hand, with scan index 0 at the top and depth 0 at the probe.
import { byId, element } from "./dom.js";

export const PLANES = {
  transverse: { type: 0, name: "Transverse", axis: 2, index: "scan" },
  above: { type: 1, name: "From above", axis: 1, index: "depth" },
  along: { type: 2, name: "Along the hand", axis: 0, index: "lateral" },
  "3d": { type: 4, name: "3D" },
};
const nameOf = (type) => Object.keys(PLANES).find((name) => PLANES[name].type === type);
const zoom3D = 1.05;

const niivueOptions = {
  backColor: [0, 0, 0, 1],
  crosshairColor: [0.34, 0.71, 0.91, 0.9],
  crosshairWidth: 0.4, // thin, or it hides a small bone
  crosshairWidthUnit: "mm",
  show3Dcrosshair: true,
  isRadiologicalConvention: true, // seen from the front, which is the side of the probe
  sagittalNoseLeft: true, // depth 0 at the left
  isSliceMM: true,
  isOrientCube: false,
  isOrientationTextVisible: false,
  tileMargin: 0,
  dragMode: 0, // the right mouse button changes the window, see tools.js
  dragAndDropEnabled: false, // only the files named on the command line are shown
  isNearestInterpolation: false,
  logLevel: "error",
};

export class Picture {
  constructor(scene) {
    this.scene = scene;
    this.views = [];
    this.layout = "grid";
    this.onPlace = () => {};
    this.onDraw = [];
    this.isFollowing = false;
  }

  async open() {
    const files = this.scene.labels === null ? [null] : ["labels.nii"];
    if (this.scene.compared) files.push("compared.nii");
    for (const file of files) this.views.push(await this.openView(file));
    for (const view of this.views) this.connect(view);
    this.arrange();
    this.turn3D();
    new ResizeObserver(() => this.arrange()).observe(byId("picture"));
  }

  async openView(labels) {
    const box = element("div", "", "view");
    const canvas = element("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    const title = this.scene.compared
      ? labels === "compared.nii" ? this.scene.compared.name : this.scene.labels : "";
    canvas.setAttribute("aria-label", `Slices and 3D view ${title}. Arrow keys move the crosshair `
      + "across and along the hand, Page Up and Page Down in depth.");
    if (!this.views.length) canvas.id = "canvas";
    const marks = element("div", "", "marks");
    marks.setAttribute("aria-hidden", "true");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    box.append(canvas, marks, svg);
    if (title) box.append(element("div", title, "title"));
    byId("picture").append(box);
    const nv = new niivue.Niivue(niivueOptions);
    await nv.attachToCanvas(canvas);
    nv.addColormap("haze", this.haze());
    const { low, high } = this.scene.windows[0];
    const shown = [{ url: "volume.nii", colormap: "haze", cal_min: low, cal_max: high }];
    if (labels !== null) shown.push({ url: labels, opacity: 0.6 });
    await nv.loadVolumes(shown);
    return { box, canvas, marks, svg, nv };
  }

  // In 3D the volume is a haze, or what lies before and behind the hand would hide it. The more
  // voxels a ray crosses, the less each of them adds; one below 3 would not be drawn at all.
  haze() {
    const alpha = Math.max(4, Math.round(768 / Math.max(...this.scene.shown_shape)));
    return { R: [0, 255], G: [0, 255], B: [0, 255], A: [0, Math.min(alpha, 64)], I: [0, 255] };
  }

  connect(view) {
    const { nv } = view;
    const draw = nv.drawScene.bind(nv);
    nv.drawScene = (...given) => {
      const result = draw(...given);
      this.mark(view);
      for (const act of this.onDraw) act(view);
      return result;
    };
    nv.onLocationChange = (location) => {
      this.onPlace(location);
      this.follow(view, (other) => {
        other.nv.scene.crosshairPos = other.nv.mm2frac(location.mm.slice(0, 3), 0, true);
      });
    };
    const turned = () => this.follow(view, ({ nv: other }) => {
      other.scene.renderAzimuth = nv.scene.renderAzimuth;
      other.scene.renderElevation = nv.scene.renderElevation;
      other.scene.volScaleMultiplier = nv.scene.volScaleMultiplier;
    });
    nv.onAzimuthElevationChange = turned;
    nv.onZoom3DChange = turned;
  }

  // Let the other views do what one of them did.
  follow(view, act) {
    if (this.isFollowing) return;
    this.isFollowing = true;
    for (const other of this.views) {
      if (other === view) continue;
      act(other);
      other.nv.drawScene();
    }
    this.isFollowing = false;
  }

  // The hand as it lies: seen from the probe, fingertips or wrist (scan index 0) at the top.
  turn3D() {
    for (const { nv } of this.views) {
      nv.setScale(zoom3D);
      nv.setRenderAzimuthElevation(195, 10);
    }
  }

  setLayout(name) {
    this.layout = name;
    this.arrange();
  }

  arrange() {
    for (const view of this.views) {
      const { width, height } = view.box.getBoundingClientRect();
      if (width && height) view.nv.setCustomLayout(this.tiles(width / height));
    }
  }

  // Tiles as parts of the view: [left, top, width, height].
  tiles(aspect) {
    const tile = (name, ...position) => ({ sliceType: PLANES[name].type, position });
    const [scan, lateral, depth] = this.scene.full_shape.map(
      (count, axis) => count * this.scene.full_spacing_mm[axis]);
    const [kind, large] = this.layout.startsWith("large-")
      ? ["large", this.layout.slice(6)] : [this.layout, ""];
    if (kind === "large") {
      const others = Object.keys(PLANES).filter((name) => name !== large);
      const part = aspect > 1.2 ? 0.68 : 0.6;
      return [tile(large, 0, 0, part, 1),
        ...others.map((name, index) => tile(name, part, index / 3, 1 - part, 1 / 3))];
    }
    if (kind !== "grid") return [tile(kind, 0, 0, 1, 1)];
    // Rows and columns are as large as what they show, within limits.
    const share = (one, other) => Math.min(0.62, Math.max(0.42, one / (one + other)));
    const [column, row] = [share(lateral, depth), share(scan, depth)];
    return [
      tile("above", 0, 0, column, row),
      tile("along", column, 0, 1 - column, row),
      tile("transverse", 0, row, column, 1 - row),
      tile("3d", column, row, 1 - column, 1 - row),
    ];
  }

  // Write next to each slice which plane it is, where it lies, and where the scan and depth begin.
  mark(view) {
    const parts = [];
    const dpr = view.nv.uiData.dpr || 1;
    const index = this.indexOf(view.nv.frac2mm(view.nv.scene.crosshairPos, 0, true));
    for (const { axCorSag, leftTopWidthHeight } of view.nv.screenSlices) {
      const name = nameOf(axCorSag);
      if (!name) continue;
      let [left, top, width, height] = leftTopWidthHeight.map((value) => value / dpr);
      if (width < 0) [left, width] = [left + width, -width];
      if (!width || !height) [left, top, width, height] = [0, 0, view.box.clientWidth, view.box.clientHeight];
      const plane = PLANES[name];
      const put = (text, className, x, y, shift) => {
        const made = element("span", text, className);
        Object.assign(made.style, { left: `${x}px`, top: `${y}px`, transform: shift });
        parts.push(made);
      };
      const where = plane.index ? ` · ${plane.index} ${index[plane.index]}` : "";
      put(plane.name + where, "plane", left + 4, top + 3, "none");
      if (name === "3d") continue;
      const edge = (axis, text) => text + this.letter(axis);
      const [middleX, middleY] = [left + width / 2, top + height / 2];
      const up = name === "transverse" ? ["depth", "depth 0 · probe"] : ["scan", "scan 0"];
      put(edge(up[0], `▲ ${up[1]}`), "zero", middleX, top + (width < 500 ? 19 : 3),
        "translateX(-50%)");
      if (name === "along") {
        put(edge("depth", "◀ depth 0 · probe"), "zero", left + 4, top + height - 4,
          "translateY(-100%)");
      } else if (this.letter("lateral")) {
        put(this.letter("lateral"), "zero", left + 4, middleY, "translateY(-50%)");
      }
    }
    view.marks.replaceChildren(...parts);
    // A title that is wider than its slice stays inside the picture.
    for (const part of parts.filter((one) => one.className === "plane")) {
      const excess = part.offsetLeft + part.offsetWidth + 4 - view.box.clientWidth;
      if (excess > 0) part.style.left = `${Math.max(0, part.offsetLeft - excess)}px`;
    }
  }

  // The side of the patient where an axis of the scan begins; empty where the header does not know.
  letter(axis) {
    const matrix = this.scene.to_patient;
    if (!matrix) return "";
    const column = ["scan", "lateral", "depth"].indexOf(axis);
    const along = matrix.map((row) => -row[column]);
    const most = along.map(Math.abs).indexOf(Math.max(...along.map(Math.abs)));
    return ` · ${["RL", "AP", "SI"][most][along[most] > 0 ? 0 : 1]}`;
  }

  // mm of the page -> indices of the full volume.
  indexOf(mm) {
    const [scanMm, lateralMm, depthMm] = this.scene.full_spacing_mm;
    const at = (value, size, count) =>
      Math.min(count - 1, Math.max(0, Math.round(-value / size)));
    const [scan, lateral, depth] = this.scene.full_shape;
    return {
      scan: at(mm[2], scanMm, scan),
      lateral: at(mm[0], lateralMm, lateral),
      depth: at(mm[1], depthMm, depth),
    };
  }

  describePlace(location, name) {
    const index = this.indexOf(location.mm);
    const mm = [-location.mm[2], -location.mm[0], -location.mm[1]];
    const parts = [
      `scan ${index.scan}, lateral ${index.lateral}, depth ${index.depth}`,
      `${mm.map((value) => value.toFixed(1)).join(", ")} mm`,
      `intensity ${Number(location.values[0].value.toPrecision(4))}`,
    ];
    if (this.scene.to_patient) {
      const at = [index.scan, index.lateral, index.depth, 1];
      const [right, front, top] = this.scene.to_patient.map(
        (row) => row.reduce((sum, value, column) => sum + value * at[column], 0));
      const side = (value, plus, minus) =>
        `${value < 0 ? minus : plus} ${Math.abs(value).toFixed(1)}`;
      parts.push(`${side(right, "R", "L")}  ${side(front, "A", "P")}  ${side(top, "S", "I")} mm`);
    }
    if (name) parts.push(name);
    return parts.join("   ·   ");
  }

  lookAt(mm) {
    const [view] = this.views;
    view.nv.scene.crosshairPos = view.nv.mm2frac(mm, 0, true);
    view.nv.createOnLocationChange();
    view.nv.drawScene();
  }

  // Move the crosshair by voxels of the shown volume along scan, lateral and depth.
  step(scan, lateral, depth) {
    const { nv } = this.views[0];
    const mm = nv.frac2mm(nv.scene.crosshairPos, 0, true);
    const steps = [lateral, depth, scan];
    const voxelMm = [1, 2, 0].map((axis) => this.scene.full_spacing_mm[axis]
      * this.scene.full_shape[axis] / this.scene.shown_shape[axis]);
    const to = steps.map((count, axis) => mm[axis] - count * voxelMm[axis]);
    const frac = nv.mm2frac(to, 0, true);
    if (frac.every((value) => value >= 0 && value <= 1)) this.lookAt(to);
  }

  // The label under the crosshair in a view.
  labelHere(view) {
    if (view.nv.volumes.length < 2) return 0;
    const mm = view.nv.frac2mm(view.nv.scene.crosshairPos, 0, true);
    const voxel = view.nv.volumes[1].mm2vox(Array.from(mm));
    return Math.round(view.nv.volumes[1].getValue(...voxel));
  }

  paintLabels(structures, opacityOf) {
    for (const { nv } of this.views) {
      nv.volumes[1].setColormapLabel({
        R: [0, ...structures.map((one) => one.color_rgb[0])],
        G: [0, ...structures.map((one) => one.color_rgb[1])],
        B: [0, ...structures.map((one) => one.color_rgb[2])],
        A: [0, ...structures.map((one) => Math.round(255 * opacityOf(one.label)))],
        I: [0, ...structures.map((one) => one.label)],
        labels: ["", ...structures.map((one) => one.name)],
      });
      nv.updateGLVolume();
    }
  }

  setOpacity(index, share) {
    for (const { nv } of this.views) nv.setOpacity(index, share);
  }

  setWindow(low, high) {
    for (const { nv } of this.views) {
      Object.assign(nv.volumes[0], { cal_min: low, cal_max: high });
      nv.updateGLVolume();
    }
  }
}
