// The status page: asks the service for its queue every few seconds.
const POLL_MS = 2000;
const byId = (id) => document.getElementById(id);

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function duration(seconds) {
  if (seconds === null) return "";
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
}

// Notes next to the state; a result that could not be forwarded is stuck.
function remark(job) {
  if (job.state === "queued" && job.attempts === 0) return `${job.position} before it`;
  if (job.attempts > 0) {
    const next = new Date(job.next_attempt).toLocaleTimeString();
    const tried = job.attempts === 1 ? "once" : `${job.attempts} times`;
    return `${job.error ?? "waits"}; tried ${tried}, next at ${next}`;
  }
  return job.error ?? "";
}

function link(text, address) {
  const made = element("a", text);
  made.href = address;
  return made;
}

function actions(job) {
  const cell = element("td");
  if (!job.readable) return cell;
  if (["done", "forwarding", "forwarded"].includes(job.state)) {
    cell.append(link("view", `jobs/${job.id}/view/`), " ");
    if (job.options.report) cell.append(link("report", `jobs/${job.id}/report`), " ");
    cell.append(link("labels", `jobs/${job.id}/labels`), " ");
  }
  if (job.state === "forwarding" && job.attempts > 0) {
    cell.append(button("try now", () => fetch(`jobs/${job.id}/retry`, { method: "POST" })), " ");
  }
  cell.append(
    button("delete", () => {
      if (confirm("Delete this job with its volume and its result?")) {
        return fetch(`jobs/${job.id}`, { method: "DELETE" });
      }
    }),
  );
  return cell;
}

function button(text, action) {
  const made = element("button", text);
  made.type = "button";
  made.addEventListener("click", async () => {
    await action();
    await update();
  });
  return made;
}

function row(job) {
  const made = element("tr");
  made.dataset.job = job.id;
  const state = element("td");
  state.append(element("span", job.state, `badge ${job.attempts ? "stuck" : job.state}`));
  const verdict = element("td");
  if (job.verdict) verdict.append(element("span", job.verdict, `badge ${job.verdict}`));
  if (job.found !== null) verdict.append(` ${job.found} of ${job.wanted}`);
  const name = job.name ?? job.id;
  made.append(
    element("td", new Date(job.created).toLocaleString(), "number"),
    element("td", job.came_by === "dicom" ? `DICOM ${job.id}` : name),
    state,
    verdict,
    element("td", duration(job.seconds), "number"),
    element("td", remark(job)),
    actions(job),
  );
  return made;
}

function show(queue) {
  byId("counts").replaceChildren(
    ...Object.entries(queue.counts).map(([state, count]) => {
      const item = element("li", `${state} `);
      item.append(element("b", String(count)));
      return item;
    }),
  );
  // Do not remove a row that somebody is about to click.
  const rows = queue.jobs.map(row);
  const focused = document.activeElement?.closest("tr")?.dataset.job;
  byId("jobs").replaceChildren(...rows);
  if (focused) byId("jobs").querySelector(`[data-job="${focused}"] a, [data-job="${focused}"] button`)?.focus();
  byId("empty").hidden = rows.length > 0;
}

async function update() {
  let answer;
  try {
    answer = await fetch("queue");
  } catch {
    byId("problem").textContent = "The service does not answer.";
    byId("problem").hidden = false;
    return;
  }
  byId("login").hidden = answer.status !== 401;
  byId("queue").hidden = answer.status === 401;
  if (answer.status === 401) {
    document.body.dataset.state = "login";
    return;
  }
  byId("problem").hidden = answer.ok;
  if (!answer.ok) {
    byId("problem").textContent = (await answer.json()).error;
    return;
  }
  show(await answer.json());
  document.body.dataset.state = "ready";
}

async function describe() {
  const about = await (await fetch("./", { headers: { Accept: "application/json" } })).json();
  const can = about.capabilities;
  const parts = [`version ${about.version}`, `protocol ${about.protocol}`];
  if (can) parts.push(`model ${can.model.name}`, `jobs are kept ${can.keep_hours} hours`);
  if (can?.dicom) parts.push(`DICOM node ${can.dicom}`);
  if (can?.forward) parts.push(`forwards to ${can.forward}`);
  byId("about").textContent = parts.join(", ");
  if (can?.refuses_because) {
    byId("about").append(element("strong", ` New jobs are refused: ${can.refuses_because}`));
  }
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("session", { method: "POST", body: byId("token").value });
  byId("token").value = "";
  byId("login-problem").textContent = answer.ok ? "" : (await answer.json()).error;
  await Promise.all([describe(), update()]);
});

await Promise.all([describe(), update()]);
setInterval(update, POLL_MS);
