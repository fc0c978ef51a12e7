// The description of the API, drawn from openapi.json: no script of anybody else's is needed for that.

const METHODS = ["get", "post", "put", "patch", "delete"];

function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function resolved(schema, whole) {
  const place = schema?.$ref;
  return place ? whole.components.schemas[place.split("/").pop()] : (schema ?? {});
}

function kindOf(schema, whole) {
  const plain = resolved(schema, whole);
  if (plain.enum) return plain.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (plain.anyOf) return plain.anyOf.map((each) => kindOf(each, whole)).join(" | ");
  if (plain.properties && plain.title) return plain.title.replace("Shape", "");
  if (plain.type === "array") return `list of ${kindOf(plain.items, whole)}`;
  return plain.type ?? "anything";
}

function boundsOf(schema) {
  const words = { minimum: "from", maximum: "to", minLength: "at least", maxLength: "at most", exclusiveMinimum: "above" };
  return Object.entries(words).filter(([key]) => schema[key] !== undefined).map(([key, word]) => `${word} ${schema[key]}`).join(", ");
}

function table(rows) {
  const drawn = made("table");
  const head = drawn.createTHead().insertRow();
  for (const heading of ["Name", "In", "Kind", ""]) {
    const cell = made("th", heading);
    cell.scope = "col";
    head.append(cell);
  }
  const body = drawn.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((text, column) => {
      const cell = line.insertCell();
      if (column === 0) cell.append(made("code", text)); else cell.textContent = text;
    });
  }
  return drawn;
}

function parametersOf(operation, whole) {
  const rows = (operation.parameters ?? []).filter((each) => each.in !== "cookie").map((each) => [
    each.name, each.in, [kindOf(each.schema, whole), boundsOf(each.schema)].filter(Boolean).join(", "),
    [each.required ? "Must be there." : "", each.description ?? each.schema.description ?? ""].filter(Boolean).join(" "),
  ]);
  const content = Object.values(operation.requestBody?.content ?? {})[0];
  const body = resolved(content?.schema, whole);
  for (const [name, schema] of Object.entries(body.properties ?? {})) {
    const must = (body.required ?? []).includes(name) ? "Must be there." : "";
    rows.push([name, "body", [kindOf(schema, whole), boundsOf(schema)].filter(Boolean).join(", "), [must, schema.description ?? ""].filter(Boolean).join(" ")]);
  }
  return rows;
}

function answersOf(operation, whole) {
  const answer = Object.entries(operation.responses ?? {}).find(([status]) => status < "300");
  const shape = resolved(answer?.[1].content?.["application/json"]?.schema, whole);
  return Object.entries(shape.properties ?? {}).map(([name, schema]) => [name, "answer", kindOf(schema, whole), resolved(schema, whole).description ?? schema.description ?? ""]);
}

function drawn(method, path, operation, whole) {
  const details = made("details");
  const summary = made("summary");
  summary.append(made("span", method.toUpperCase(), "method"), made("code", path), made("span", operation.summary ?? ""), made("span", operation["x-role"] ?? "", "role"));
  details.append(summary);
  const rows = [...parametersOf(operation, whole), ...answersOf(operation, whole)];
  details.append(rows.length ? table(rows) : made("p", "Takes nothing."));
  return details;
}

async function draw() {
  const place = document.getElementById("paths");
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) {
    place.textContent = `The description cannot be read (${answer.status}). Is the console running?`;
    return;
  }
  const whole = await answer.json();
  document.getElementById("lead").textContent = whole.info.description;
  const groups = new Map();
  for (const [path, operations] of Object.entries(whole.paths)) {
    for (const method of METHODS.filter((each) => operations[each])) {
      const group = operations[method].tags?.[0] ?? "other";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(drawn(method, path, operations[method], whole));
    }
  }
  place.replaceChildren();
  for (const [name, operations] of groups) place.append(made("h2", name), ...operations);
}

draw();
