// The list of structures: by finger, with switches, verdicts and reasons, and the details below it.
import { byId, element } from "./dom.js";

const numbers = [
  ["length_mm", "Length", "mm", 1],
  ["width_mm", "Width", "mm", 1],
  ["thickness_mm", "Thickness", "mm", 1],
  ["volume_mm3", "Volume", "mm³", 1],
  ["surface_area_mm2", "Surface", "mm²", 1],
  ["growth_end_width_ratio", "Width to shaft", "", 2],
];
const lowDice = 0.8;
const lowPrediction = 0.5;
const plural = (kind) => (kind.endsWith("is") ? `${kind.slice(0, -2)}es` : `${kind}s`);

// Whether the picture shows it: with two segmentations, in either of them.
const isInPicture = (one) => one.present || Boolean(one.compared?.present);

// The reason stands below the name and need not repeat it.
const withoutName = (text, name) =>
  (text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text);

function badge(severity) {
  return element("span", severity, `badge ${severity}`);
}

export class StructureList {
  constructor(picture) {
    this.picture = picture;
    this.scene = picture.scene;
    this.all = this.scene.structures;
    this.hidden = new Set();
    this.opacity = new Map();
    this.selected = null;
    const groups = Map.groupBy
      ? Map.groupBy(this.all, (one) => one.group)
      : this.all.reduce((found, one) =>
        found.set(one.group, [...(found.get(one.group) ?? []), one]), new Map());
    byId("structures").append(...[...groups].map(([name, members]) => this.group(name, members)));
    const kinds = [...new Set(this.all.map((one) => one.kind))];
    if (kinds.length > 1) byId("kinds").append(...kinds.map((kind) => this.kindSwitch(kind)));
    this.connect();
    this.paint();
  }

  structure(label) {
    return this.all.find((one) => one.label === label);
  }

  switchFor(text, members) {
    const label = element("label");
    const box = element("input");
    box.type = "checkbox";
    const there = members.filter(isInPicture).map((one) => one.label);
    box.disabled = !there.length;
    box.addEventListener("change", () => this.show(there, box.checked));
    label.append(box, text);
    this.switches = [...(this.switches ?? []), { box, there }];
    return label;
  }

  kindSwitch(kind) {
    const label = this.switchFor(plural(kind), this.all.filter((one) => one.kind === kind));
    label.dataset.kind = kind;
    return label;
  }

  group(name, members) {
    const section = element("section");
    section.dataset.group = name;
    section.setAttribute("aria-label", name || "structures");
    const heading = element("h3");
    heading.append(this.switchFor(name || "structures", members));
    const doubtful = members.filter((one) => one.is_doubtful).length;
    const found = members.filter((one) => one.present).length;
    const text = `${found} of ${members.length}${doubtful ? `, ${doubtful} doubtful` : ""}`;
    heading.append(element("span", text, "faint"));
    const list = element("ul");
    list.append(...members.map((one) => this.row(one)));
    section.append(heading, list);
    return section;
  }

  row(one) {
    const row = element("li", "", one.present ? "" : "absent");
    row.dataset.label = one.label;
    const box = element("input");
    box.type = "checkbox";
    box.checked = isInPicture(one);
    box.disabled = !isInPicture(one);
    box.setAttribute("aria-label", `show ${one.name}`);
    box.addEventListener("change", () => this.show([one.label], box.checked));
    const swatch = element("span", "", "swatch");
    swatch.style.background = `rgb(${one.color_rgb.join(" ")})`;
    const name = element("button", one.name);
    name.type = "button";
    name.addEventListener("click", () => this.select(one.label));
    row.append(box, swatch, name, this.diceOf(one));
    if (one.present || one.is_doubtful) row.append(badge(one.severity));
    if (one.is_doubtful) {
      const reasons = one.messages.map((text) => withoutName(text, one.name)).join("; ");
      const reason = element("p", reasons || "not found", "reason");
      reason.id = `reason-${one.label}`;
      name.setAttribute("aria-describedby", reason.id);
      row.append(reason);
    }
    return row;
  }

  diceOf(one) {
    if (one.compared) {
      return this.coefficient(one.compared.dice, lowDice, "Dice", "of the two segmentations");
    }
    const title = "that the model predicted for this structure";
    return this.coefficient(one.predicted_dice, lowPrediction, "predicted Dice", title);
  }

  coefficient(dice, low, name, title) {
    if (dice === null) return element("span");
    const made = element("span", dice.toFixed(2), dice < low ? "dice low" : "dice");
    made.title = `Dice coefficient ${title}`;
    made.setAttribute("aria-label", `${name} ${dice.toFixed(2)}`);
    return made;
  }

  show(labels, isShown) {
    for (const label of labels) {
      if (isShown) this.hidden.delete(label);
      else this.hidden.add(label);
    }
    this.paint();
  }

  paint() {
    for (const one of this.all) {
      if (isInPicture(one)) {
        byId("structures").querySelector(`[data-label="${one.label}"] input`).checked =
          !this.hidden.has(one.label);
      }
    }
    for (const { box, there } of this.switches) {
      const shown = there.filter((label) => !this.hidden.has(label)).length;
      box.checked = shown > 0 && shown === there.length;
      box.indeterminate = shown > 0 && shown < there.length;
    }
    this.picture.paintLabels(
      this.all, (label) => (this.hidden.has(label) ? 0 : this.opacity.get(label) ?? 1));
  }

  select(label, { move = true, focus = false } = {}) {
    this.selected = label;
    const one = this.structure(label);
    for (const row of byId("structures").querySelectorAll("li")) {
      const isThis = Number(row.dataset.label) === label;
      row.classList.toggle("selected", isThis);
      const button = row.querySelector("button");
      button.setAttribute("aria-current", String(isThis));
      if (!isThis) continue;
      if (focus) button.focus({ preventScroll: true });
    }
    this.showDetails(one);
    // After the details, which take height from the list.
    byId("structures").querySelector("li.selected").scrollIntoView({ block: "nearest" });
    byId("show-one").disabled = !isInPicture(one);
    if (move && one.focus_mm) this.picture.lookAt(one.focus_mm);
  }

  showDetails(one) {
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
    if (one.predicted_dice !== null) {
      parts.push(element("p", `Predicted Dice ${one.predicted_dice.toFixed(2)}`, "prediction"));
    }
    if (isInPicture(one)) parts.push(this.sizes(one));
    if (isInPicture(one)) parts.push(this.ownOpacity(one));
    byId("details").replaceChildren(...parts);
  }

  sizes(one) {
    const table = element("table");
    const columns = one.compared ? [one, one.compared] : [one];
    if (one.compared) {
      const head = table.createTHead().insertRow();
      for (const text of ["", this.scene.labels, this.scene.compared.name]) {
        const cell = element("th", text);
        cell.scope = "col";
        head.append(cell);
      }
    }
    const body = table.createTBody();
    for (const [key, name, unit, decimals] of numbers) {
      if (columns.every((column) => column[key] === null)) continue;
      const row = body.insertRow();
      const head = element("th", name);
      head.scope = "row";
      row.append(head);
      for (const column of columns) {
        const text = column[key] === null ? "–" : `${column[key].toFixed(decimals)} ${unit}`.trim();
        const cell = element("td", text);
        cell.dataset.size = key;
        row.append(cell);
      }
    }
    return table;
  }

  ownOpacity(one) {
    const label = element("label", "Opacity ");
    const slider = element("input");
    Object.assign(slider, { type: "range", id: "own-opacity", min: 0, max: 100 });
    slider.value = 100 * (this.opacity.get(one.label) ?? 1);
    slider.addEventListener("input", () => {
      this.opacity.set(one.label, slider.value / 100);
      this.paint();
    });
    label.append(slider);
    return label;
  }

  // Keyboard focus goes along, so that a screen reader reads the structure and its reason.
  stepDoubtful(direction) {
    const order = [...byId("structures").querySelectorAll("li")].map((row) => Number(row.dataset.label));
    const doubtful = order.filter((label) => this.structure(label).is_doubtful);
    if (!doubtful.length) return;
    const now = this.selected === null ? (direction > 0 ? -1 : order.length) : order.indexOf(this.selected);
    const ahead = direction > 0
      ? doubtful.find((label) => order.indexOf(label) > now)
      : doubtful.findLast((label) => order.indexOf(label) < now);
    this.select(ahead ?? doubtful.at(direction > 0 ? 0 : -1), { focus: true });
  }

  connect() {
    const present = this.all.filter(isInPicture).map((one) => one.label);
    const on = (id, act) => byId(id).addEventListener("click", act);
    on("next-doubtful", () => this.stepDoubtful(1));
    on("previous-doubtful", () => this.stepDoubtful(-1));
    on("show-all", () => this.show(present, true));
    on("hide-all", () => this.show(present, false));
    on("show-one", () => {
      for (const label of present) this.hidden.add(label);
      this.show([this.selected], true);
    });
    const none = !this.all.some((one) => one.is_doubtful);
    byId("next-doubtful").disabled = byId("previous-doubtful").disabled = none;
    byId("show-one").disabled = true;
  }
}
