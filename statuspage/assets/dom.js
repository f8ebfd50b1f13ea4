// What the views need of the DOM. Nodes are made once and changed in place, so that focus and selection stay. Text is
// only ever set as text.

// el makes an element: el("td", {class: "x", "aria-hidden": "true"}, child, "text").
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// setVars sets CSS custom properties, as percentages: the style sheet says what they are for.
export function setVars(node, shares) {
  for (const [name, share] of Object.entries(shares)) {
    const value = `${(share * 100).toFixed(2)}%`;
    if (node.style.getPropertyValue(`--${name}`) !== value) node.style.setProperty(`--${name}`, value);
  }
}

// keyed makes parent's children those of the items, in their order. make returns a view of an item: its node, and
// update(item, ...rest), which is called each time.
export function keyed(parent, items, key, make, ...rest) {
  const views = (parent.views ??= new Map());
  const wanted = new Set(items.map(key));
  for (const [k, view] of views) {
    if (wanted.has(k)) continue;
    view.node.remove();
    views.delete(k);
  }
  let place = parent.firstChild;
  for (const item of items) {
    const k = key(item);
    if (!views.has(k)) views.set(k, make(item));
    const view = views.get(k);
    if (view.node === place) place = place.nextSibling;
    else parent.insertBefore(view.node, place);
    view.update?.(item, ...rest);
  }
}
