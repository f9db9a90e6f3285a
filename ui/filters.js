// Filters in words of the server (docs/reference/filters.md), made of values that were chosen.

const kWords = new Set(["and", "or", "not", "in", "like", "contains", "exists", "true", "false", "null", "any", "date", "within"]);

// Names with a dot in them go one level in; "@format" is of the item itself.
export const field_text = (field) => (field.startsWith("@") ? field : field.split(".").map((name) =>
  (/^[A-Za-z_][\w-]*$/.test(name) && !kWords.has(name.toLowerCase()) ? name : `"${name}"`)).join("."));

export const value_text = (value) => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value));

// `chosen`: [field, value, many] each, `many` where the field is an array. Values of one field are alternatives.
export function clauses(chosen) {
  const by_field = new Map();
  for (const [field, value, many] of chosen) by_field.set(field, { values: [...(by_field.get(field)?.values || []), value], many });
  return [...by_field].map(([field, { values, many }]) => {
    if (many) return values.map((value) => `${field_text(field)} contains ${value_text(value)}`).join(" or ");
    return values.length === 1 ? `${field_text(field)} = ${value_text(values[0])}` : `${field_text(field)} in (${values.map(value_text).join(", ")})`;
  });
}

// What a person wrote, and what was chosen.
export function where_of(written, chosen) {
  const all = [...(written.trim() ? [written.trim()] : []), ...clauses(chosen)];
  return all.length === 1 ? all[0] : all.map((one) => `(${one})`).join(" and ");
}

// As in an address, and back; what is none is left out.
export const chosen_text = (chosen) => JSON.stringify(chosen);
export function chosen_of(text) {
  try {
    const read = JSON.parse(text);
    return Array.isArray(read) ? read.filter((one) => Array.isArray(one) && typeof one[0] === "string" && one.length >= 2) : [];
  } catch {
    return [];
  }
}
