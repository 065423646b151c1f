// Elements, and the words and figures that go in them.
// Text reaches the page through text nodes alone, so nothing from a node or a model can be markup.

/** @typedef {import('./types.js').Maybe<number>} Figure */
/** @typedef {globalThis.Node | string | number | null | undefined | false} Leaf */
/** @typedef {Leaf | Leaf[] | Leaf[][]} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Props */

export const DASH = '–';

/**
 * An element: `h('p.note', {id: 'x'}, 'text')`. Absent properties and children are left out.
 * @param {string} kind tag, with classes after dots
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(kind, props, ...children) {
  const [tag, ...classes] = kind.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length > 0) element.className = classes.join(' ');
  return /** @type {HTMLElement} */ (fill(element, props, children));
}

/**
 * An SVG element.
 * @param {string} tag @param {Props | null} [props] @param {...Child} children
 */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

/** @param {Element} element @param {Props | null | undefined} props @param {Child[]} children */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    // A true ARIA state is the word "true"; any other true attribute is empty.
    element.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false || child === '') continue;
    element.append(typeof child === 'number' ? String(child) : /** @type {globalThis.Node | string} */ (child));
  }
  return element;
}

/**
 * Makes the children of `root` equal to `next`, keeping every element that is already right: focus,
 * selection, scroll and open `<details>` survive. Elements with `data-key` are matched by it;
 * `data-keep` marks an element that minds its own children; `data-busy` one that is left alone.
 * @param {Element} root @param {Leaf[]} next
 */
export function update(root, next) {
  const wanted = next.filter((n) => n !== null && n !== undefined && n !== false && n !== '')
    .map((n) => (n instanceof globalThis.Node ? n : document.createTextNode(String(n))));
  /** @type {Map<string, globalThis.Node>} */
  const keyed = new Map();
  for (const child of root.childNodes) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  let at = root.firstChild;
  for (const node of wanted) {
    const key = keyOf(node);
    const match = key ? keyed.get(key) : at && !keyOf(at) ? at : null;
    if (match && sameKind(match, node)) {
      if (match === at) at = at.nextSibling;
      else root.insertBefore(match, at);
      morph(match, node);
    } else {
      root.insertBefore(node, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** @param {globalThis.Node} node */
const keyOf = (node) => (node instanceof Element ? node.getAttribute('data-key') : null);

/** @param {globalThis.Node} a @param {globalThis.Node} b */
const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

/** @param {globalThis.Node} old @param {globalThis.Node} next */
function morph(old, next) {
  if (!(old instanceof Element) || !(next instanceof Element)) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.hasAttribute('data-busy')) return;
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === 'open' && old instanceof HTMLDetailsElement)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (!old.hasAttribute('data-keep')) update(old, [...next.childNodes]);
}

/**
 * Runs `work` with the button marked busy: disabled, with another label, until it has ended.
 * @template T @param {HTMLElement} button @param {string} label @param {() => Promise<T>} work
 */
export async function busy(button, label, work) {
  const before = button.textContent;
  button.setAttribute('data-busy', '');
  button.setAttribute('aria-busy', 'true');
  button.setAttribute('aria-disabled', 'true');
  button.textContent = label;
  try {
    return await work();
  } finally {
    for (const name of ['data-busy', 'aria-busy', 'aria-disabled']) button.removeAttribute(name);
    button.textContent = before;
  }
}

/** A line to copy, with its button. @param {string} label @param {string} text */
export function copyRow(label, text) {
  // A line never ends between the dashes of an option and its name.
  const whole = text.split(' ').flatMap((word, i) => [i ? ' ' : '', h('span', null, word)]);
  return h('div.copy', null, h('span.copy-label', null, label), h('code', { tabindex: 0 }, whole),
    h('button.small', { type: 'button', 'data-act': 'copy', 'data-arg': text, 'aria-label': `Copy ${label}` }, 'Copy'));
}

/**
 * A state in words with its glyph, never by colour alone.
 * @param {string} tone `ok`, `warn`, `bad`, `busy` or `off` @param {string} word
 */
export function state(tone, word) {
  /** @type {Record<string, string>} */
  const glyphs = { ok: '●', warn: '▲', bad: '■', busy: '◐', off: '○' };
  return h(`span.state.${tone}`, null, h('span', { 'aria-hidden': 'true' }, glyphs[tone] ?? '○'), `\u00a0${word}`);
}

/** @param {unknown} value @returns {value is number} */
export const known = (value) => typeof value === 'number' && Number.isFinite(value);

/** @param {Figure} value @param {number} [digits] */
export const fixed = (value, digits = 0) => (known(value) ? value.toFixed(digits) : DASH);

/** @param {Figure} value @param {string} unit @param {number} [digits] */
export const figure = (value, unit, digits = 0) => (known(value) ? `${value.toFixed(digits)} ${unit}` : DASH);

/** Bytes as GiB, the unit of every memory figure. @param {Figure} bytes @param {number} [digits] */
export const gib = (bytes, digits = 1) => figure(known(bytes) ? bytes / 2 ** 30 : null, 'GiB', digits);

/** Bytes in the unit that fits. @param {Figure} bytes */
export function size(bytes) {
  if (!known(bytes)) return DASH;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** step;
  return `${value.toFixed(step < 2 || value >= 100 ? 0 : 1)} ${units[step]}`;
}

/** A count in thousands, millions or billions. @param {Figure} count */
export function short(count) {
  if (!known(count)) return DASH;
  if (count >= 1e9) return `${trim(count / 1e9)} B`;
  if (count >= 1e6) return `${trim(count / 1e6)} M`;
  return String(count);
}

/** Tokens, in multiples of 1024 as contexts are. @param {Figure} count */
export const tokens = (count) => (!known(count) ? DASH : count >= 1024 ? `${trim(count / 1024)} k` : String(count));

/** @param {number} value */
const trim = (value) => value.toFixed(value < 100 ? 1 : 0).replace(/\.0$/, '');

/** Seconds in words. @param {Figure} seconds */
export function duration(seconds) {
  if (!known(seconds)) return DASH;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 && s < 600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** As `duration`, with tenths of a short while that is over. @param {Figure} seconds */
export const brief = (seconds) => (known(seconds) && seconds < 9.95 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds));

/** The browser's clock less the daemon's, milliseconds. */
let skew = 0;

/** Notes the daemon's clock, so that ages do not depend on the browser's. @param {unknown} now */
export function setClock(now) {
  const at = typeof now === 'string' ? Date.parse(now) : NaN;
  if (!Number.isNaN(at)) skew = Date.now() - at;
}

/** Seconds since `time` by the daemon's clock; null when unknown. @param {unknown} time @param {unknown} [until] */
export function elapsed(time, until) {
  const from = typeof time === 'string' ? Date.parse(time) : NaN;
  const to = typeof until === 'string' ? Date.parse(until) : Date.now() - skew;
  return Number.isNaN(from) || Number.isNaN(to) ? null : Math.max(0, (to - from) / 1000);
}

/** How long since `time`, and a promise that `tick` keeps it true. @param {import('./types.js').Maybe<string>} time */
export function since(time) {
  if (!time) return h('span', null, DASH);
  return h('time', { datetime: time, 'data-since': time }, duration(elapsed(time)));
}

/** Renews every figure made by `since` under `root`. @param {ParentNode} root */
export function tick(root) {
  for (const element of root.querySelectorAll('[data-since]')) {
    const text = duration(elapsed(element.getAttribute('data-since')));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** Date and time in the reader's own form. @param {import('./types.js').Maybe<string>} time */
export function moment(time) {
  const at = time ? new Date(time) : null;
  if (!at || Number.isNaN(at.getTime())) return DASH;
  return at.toLocaleString(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
}

/** `host_key` as `host key`. @param {string | null | undefined} word */
export const words = (word) => (word ? word.replaceAll('_', ' ').replace(/\b(dns|gpu|ssh|tcp)\b/g, (w) => w.toUpperCase()) : DASH);
