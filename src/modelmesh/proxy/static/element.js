/** Makes elements. What comes from outside gets into them as text only, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Return the page's element of an id. */
export const byId = (id) => document.getElementById(id);

/** Make an element with properties, such as `className` or `textContent`, and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Make an SVG element with attributes and children. */
export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Set an element's text, unless it is that already: so a selection in it stays. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Set what a style sheet calls `--name`. */
export function measure(target, name, value) {
  target.style.setProperty(`--${name}`, value);
}

/**
 * Keep a list's children in step with items, by key. Elements stay as long as their items do, so
 * that focus and selection do. `make(item)` returns an element, `update(element, item)` fills it.
 */
export function keyed(parent, items, keyOf, make, update) {
  const there = (parent.keyed ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, old] of there) {
    if (wanted.has(key)) continue;
    old.remove();
    there.delete(key);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = there.get(key);
    if (!child) there.set(key, (child = make(item)));
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
}

/** Offer names in a select, keeping what is chosen as long as it is there. */
export function offer(select, names, always = []) {
  const options = [...always, ...names.map((name) => [name, name])];
  const told = JSON.stringify(options);
  if (select.dataset.told === told) return;
  select.dataset.told = told;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
