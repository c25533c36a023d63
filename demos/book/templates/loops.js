// Runs a reader's loop in a worker, by Brython, and stops it if it does not end.
"use strict";

const LIMIT = 20000; // milliseconds

const IN_WORKER = `
onmessage = (event) => {
  self.JOB = JSON.stringify(event.data);
  __BRYTHON__.runPythonSource(event.data.program, "loop");
};
postMessage({ready: true});
`;

const PROGRAM = `
from browser import self as worker
from javascript import JSON

job = JSON.parse(worker.JOB)
data, driver, names = job["data"], {}, {}
exec(job["driver"], driver)
try:
    exec(job["inputs"], names)
    values = [names[each["name"]][each["key"]] if each["key"] else names[each["name"]]
              for each in data["inputs"]]
    given = {name: names[name] for name in data["given"]}
    found = driver["run"](job["code"], data, values, given)
    original = driver["flatten"]([each["values"] for each in data["inputs"]])
    found["same"] = driver["flatten"](values) == original and given == data["given"]
except BaseException as error:
    found = {"error": type(error).__name__ + ": " + str(error)}
worker.postMessage(JSON.stringify(found))
`;

function loops() {
  const place = document.getElementById("run");
  if (!place) return;
  const here = typeof BRYTHON_IS_HERE !== "undefined" && BRYTHON_IS_HERE;
  place.querySelector(here ? ".with" : ".without").hidden = false;
  if (!here) return;

  const data = JSON.parse(document.getElementById("loop-data").textContent);
  const [code, inputs, start, stop, reset, result] =
    ["loop-code", "loop-inputs", "loop-run", "loop-stop", "loop-reset", "loop-result"]
      .map((id) => document.getElementById(id));
  let worker = null, timer = null;

  function say(text) {
    const line = document.createElement("p");
    line.textContent = text;
    result.replaceChildren(line);
  }

  function end(text) {
    clearTimeout(timer);
    if (worker) worker.terminate();
    worker = null;
    start.disabled = false;
    stop.disabled = true;
    if (text) say(text);
  }

  function show(found) {
    if (found.error) return end(found.error);
    end();
    const digits = (number) => Number(number).toPrecision(8);
    const shown = found.outputs.slice(0, 24).map(digits).join(", ");
    say((data.loss ? "Value: " : "Outputs: ") + shown + (found.outputs.length > 24 ? ", …" : "")
      + (data.loss ? "" : ". Value, the sum of the outputs times fixed weights: "
        + digits(found.value)));
    if (!found.same) {
      const note = document.createElement("p");
      note.textContent = "The inputs are not the original ones: the backward's gradients, which "
        + "belong to those, are not judged.";
      result.append(note);
    }
    const table = document.createElement("table");
    const row = (cells, kind) => {
      const line = table.insertRow();
      for (const cell of cells) {
        const element = document.createElement(kind);
        element.textContent = cell;
        line.append(element);
      }
      return line;
    };
    row(["entry", "central difference", "backward", "verdict"], "th");
    const scale = Math.max(...data.entries.map((entry) => Math.abs(entry[2])));
    data.entries.forEach(([, label, analytic], k) => {
      const near = Math.abs(found.measured[k] - analytic) <= 1e-6 * (scale + 1e-3);
      const verdict = !found.same ? "not judged" : near ? "ok" : "WRONG";
      row([label, digits(found.measured[k]), digits(analytic), verdict], "td")
        .className = verdict === "WRONG" ? "wrong" : "right";
    });
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.append(table);
    result.append(scroll);
  }

  function run() {
    start.disabled = true;
    stop.disabled = false;
    const text = BRYTHON + "\n" + IN_WORKER;
    const address = URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
    worker = new Worker(address);
    worker.onerror = (event) => end("error: " + event.message);
    worker.onmessage = (event) => {
      URL.revokeObjectURL(address);
      if (event.data.ready) {
        timer = setTimeout(() => end("Stopped after " + LIMIT / 1000 + " seconds: does the loop "
          + "end?"), LIMIT);
        worker.postMessage({program: PROGRAM, driver: DRIVER, inputs: inputs.value,
          code: code.value, data});
      } else {
        show(typeof event.data === "string" ? JSON.parse(event.data) : event.data);
      }
    };
  }

  start.addEventListener("click", () => {
    say("Running …");
    if (typeof BRYTHON !== "undefined") return run();
    const script = document.createElement("script");
    script.src = "brython.js";
    script.onload = run;
    script.onerror = () => end("error: got no brython.js, wanted it next to this page");
    document.head.append(script);
  });
  stop.addEventListener("click", () => end("Stopped."));
  reset.addEventListener("click", () => {
    end();
    code.value = code.defaultValue;
    inputs.value = inputs.defaultValue;
    result.replaceChildren();
  });
}

loops();
