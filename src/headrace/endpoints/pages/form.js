// The form: one control for each input, by its type.

/** Returns an element; attributes that are null or false are left out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Returns the inputs or outputs that an object's schema describes. */
function fieldsOf(schema) {
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    type: property["x-headrace-data-type"],
    description: property.description ?? "",
    isRequired: (schema.required ?? []).includes(name),
    defaultText: "default" in property ? JSON.stringify(property.default) : null,
    exampleText: "examples" in property ? JSON.stringify(property.examples[0]) : null,
  }));
}

/** Builds a field of the form. Its `read` returns the JSON text, a File, or null for not sent. */
function buildField(field, number) {
  const id = `input-${number}`;
  const control = CONTROLS[field.type](field, id);
  const problem = element("p", { id: `${id}-problem`, class: "problem hint", "aria-live": "polite" });
  control.focusable.setAttribute("aria-describedby", `${id}-about ${id}-problem`);
  if (field.isRequired) control.focusable.setAttribute("aria-required", "true");
  const row = element("div", { class: "field" },
    element("div", { class: "field-head" },
      element("label", { for: id }, field.name),
      element("span", { class: "tag" }, field.type),
      field.isRequired ? element("span", { class: "tag required" }, "required") : ""),
    element("p", { id: `${id}-about`, class: "hint about" }, field.description),
    ...control.parts,
    problem);
  return {
    field,
    row,
    focus: () => control.focusable.focus(),
    /** Returns the value; throws an Error with what is wrong with it. */
    read() {
      const value = control.read();
      if (value === null && field.isRequired) throw new Error(`A ${field.type} is required.`);
      return value;
    },
    showProblem(message) {
      problem.textContent = message;
      if (message) control.focusable.setAttribute("aria-invalid", "true");
      else control.focusable.removeAttribute("aria-invalid");
    },
  };
}

function placeholder(field) {
  if (field.defaultText !== null) return `default: ${field.defaultText}`;
  return field.isRequired && field.exampleText !== null ? `such as ${field.exampleText}` : "not sent";
}

const CONTROLS = {
  string(field, id) {
    const hint = field.isRequired ? null : placeholder(field);
    const text = element("textarea", { id, rows: 1, placeholder: hint });
    if (field.isRequired) {
      return { focusable: text, parts: [text], read: () => JSON.stringify(text.value) };
    }
    const empty = element("input", { type: "checkbox", id: `${id}-empty` });
    const check = element("label", { class: "check" }, empty, "send an empty text");
    return {
      focusable: text,
      parts: [text, check],
      read: () => (text.value || empty.checked ? JSON.stringify(text.value) : null),
    };
  },

  number(field, id) {
    const input = element("input", { id, type: "number", step: "any", placeholder: placeholder(field) });
    return {
      focusable: input,
      parts: [input],
      read() {
        if (input.validity.badInput) throw new Error("This is not a number.");
        if (input.value === "") return null;
        return JSON_NUMBER.test(input.value) ? input.value : String(Number(input.value));
      },
    };
  },

  boolean(field, id) {
    const unset = field.isRequired ? "choose" : placeholder(field);
    const select = element("select", { id },
      element("option", { value: "" }, unset),
      element("option", {}, "true"),
      element("option", {}, "false"));
    return { focusable: select, parts: [select], read: () => select.value || null };
  },

  json: (field, id) => jsonControl(field, id, () => true, "JSON"),
  array: (field, id) => jsonControl(field, id, Array.isArray, "a JSON array, such as [1, 2, 3]"),

  file(field, id) {
    const input = element("input", { id, type: "file" });
    return { focusable: input, parts: [input], read: () => input.files[0] ?? null };
  },
};

function jsonControl(field, id, fits, what) {
  const text = element("textarea", {
    id, rows: 3, class: "mono", spellcheck: "false", placeholder: placeholder(field),
  });
  return {
    focusable: text,
    parts: [text],
    read() {
      const json = text.value.trim();
      if (!json) return null;
      let value;
      try {
        value = JSON.parse(json);
      } catch (error) {
        throw new Error(`This is not JSON: ${error.message}.`);
      }
      if (value !== null && !fits(value)) throw new Error(`This must be ${what}.`);
      return value === null ? null : json;
    },
  };
}
