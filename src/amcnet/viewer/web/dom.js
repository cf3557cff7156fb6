// Small helpers for the page's elements.
export const byId = (id) => document.getElementById(id);

export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text; // never as HTML: names come from files
  made.className = className;
  return made;
}
