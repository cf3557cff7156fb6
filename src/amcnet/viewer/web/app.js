// The page of `amcnet view`: loads the scene and connects picture, tools and list.
import { byId, element } from "./dom.js";
import { Picture } from "./picture.js";
import { StructureList } from "./structure_list.js";
import { MeasureTool, WindowTool, connectTools } from "./tools.js";

function describeScene(scene) {
  document.title = `${scene.volume} - amcnet`;
  byId("volume").textContent = scene.volume;
  const compared = scene.compared ? `, compared with ${scene.compared.name}` : "";
  byId("labels").textContent = scene.labels === null ? "without labels" : scene.labels + compared;
  const full = scene.full_shape.join(" × ");
  const shown = scene.shown_shape.join(" × ");
  const mm = scene.full_spacing_mm.map((value) => Number(value.toPrecision(3))).join(" × ");
  const note = full === shown ? "" : `, shown as ${shown}; sizes are of the full volume`;
  byId("size").textContent = `${full} voxels of ${mm} mm (scan, lateral, depth)${note}`;
  if (scene.doubt) byId("size").after(element("p", scene.doubt, "doubt"));
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
}

function connectKeys(picture, list, measureTool, chooseTool) {
  const steps = {
    ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0], ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0],
    PageUp: [0, 0, -1], PageDown: [0, 0, 1],
  };
  const keys = {
    n: () => list?.stepDoubtful(1),
    p: () => list?.stepDoubtful(-1),
    c: () => chooseTool("crosshair"),
    w: () => chooseTool("window"),
    m: () => chooseTool("measure"),
    Escape: () => measureTool.clear(),
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("select, input[type=number]")) return;
    if (e.target.matches("canvas") && steps[e.key]) {
      picture.step(...steps[e.key]);
      e.preventDefault();
      e.stopImmediatePropagation();
    } else if (keys[e.key]) {
      keys[e.key]();
      e.stopImmediatePropagation();
    }
  }, { capture: true });
}

// A click in a slice selects what lies there; moving the crosshair by the list does not.
function connectSelection(picture, list) {
  for (const view of picture.views) {
    let down = null;
    view.canvas.addEventListener("pointerdown", (e) => { down = [e.offsetX, e.offsetY]; });
    view.canvas.addEventListener("pointerup", (e) => {
      if (!down || e.button === 2) return;
      const { nv } = view;
      const [x, y] = [e.offsetX, e.offsetY].map((place) => place * nv.uiData.dpr);
      if (nv.inRenderTile(x, y) >= 0) return; // 3D was turned
      setTimeout(() => { // after NiiVue moved its crosshair
        const label = picture.labelHere(view);
        if (label > 0 && label !== list.selected) list.select(label, { move: false });
      });
    });
  }
}

async function start() {
  const answer = await fetch("scene.json");
  if (!answer.ok) throw new Error(`scene.json: the server answered ${answer.status}`);
  const scene = await answer.json();
  describeScene(scene);
  const picture = new Picture(scene);
  await picture.open();
  const list = scene.labels === null ? null : new StructureList(picture);
  const windowTool = new WindowTool(picture);
  const measureTool = new MeasureTool(picture);
  const chooseTool = connectTools(picture, windowTool, measureTool);
  picture.onPlace = (location) => {
    const label = location.values.length > 1 ? Math.round(location.values[1].value) : 0;
    const name = label > 0 ? list.structure(label)?.name : "";
    byId("place").textContent = picture.describePlace(location, name);
  };
  byId("layout").addEventListener("change", (e) => picture.setLayout(e.target.value));
  byId("volume-opacity").addEventListener("input", (e) => picture.setOpacity(0, e.target.value / 100));
  byId("labels-opacity").addEventListener("input", (e) => picture.setOpacity(1, e.target.value / 100));
  connectKeys(picture, list, measureTool, chooseTool);
  if (list) connectSelection(picture, list);
  picture.views[0].nv.createOnLocationChange();
  window.viewer = { picture, list, windowTool, measureTool };
  document.body.dataset.state = "ready";
}

start().catch((problem) => {
  byId("problem").textContent =
    `The picture cannot be shown: ${problem.message}. A browser with WebGL2 is needed.`;
  byId("problem").hidden = false;
  document.body.dataset.state = "failed";
});
