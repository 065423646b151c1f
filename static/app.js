// The page: one world, filled by the event stream; one view at a time, drawn from it.

import { Connection } from './js/connection.js';
import { duration, h, setClock, tick, update } from './js/dom.js';
import { nodeGrid } from './js/nodes.js';
import { operationStrip, operationTitle, ownUnits, percent, serviceCard, unitCards } from './js/unit.js';

/** @typedef {import('./js/types.js').World} World */
/** @typedef {import('./js/types.js').View} View */

const PROTOCOL = 1;
/** A stream that is back sooner than this was never worth a word. */
const BANNER_AFTER_MS = 3000;

/** @type {World} */
const world = {
  nodes: [], units: [], services: [], operations: [], alerts: [], proxy: null, setup: null, models: { models: [] }, loaded: false,
};

/** @type {View} */
const overview = {
  title: 'Overview',
  render: (now) => [
    now.setup && now.setup.complete === false && setup ? setup.panel(now) : null,
    h('section.units', { 'data-key': 'units', 'aria-label': 'Running' }, unitCards(now)),
    h('h2', { 'data-key': 'nodes-title' }, 'Nodes'),
    h('div', { 'data-key': 'nodes' }, nodeGrid(now)),
    serviceCard(now),
  ],
};

/** The other views come when they are asked for. @type {Record<string, () => Promise<View>>} */
const VIEWS = {
  overview: async () => overview,
  models: async () => (await import('./js/models.js')).view,
  services: async () => (await import('./js/services.js')).view,
  health: async () => (await import('./js/health.js')).view,
  operations: async () => (await import('./js/operation.js')).view,
  try: async () => (await import('./js/tryit.js')).view,
};

/** What buttons do, by their `data-act`; a view may add its own. @type {Record<string, import('./js/types.js').Action>} */
const ACTIONS = {
  copy: async (text, button) => (await import('./js/act.js')).copy(text, button),
  stop: async (unit, _, now) => (await import('./js/act.js')).confirmStop(unit, now),
  adopt: async (unit, _, now) => (await import('./js/act.js')).confirmAdopt(unit, now),
  'host-key': async (node, _, now) => (await import('./js/trust.js')).hostKeyDialog(node, now),
  'test-node': async (node, _, now) => (await import('./js/trust.js')).testDialog(node, now),
  reload: () => location.reload(),
};

/** @type {typeof import('./js/setup.js') | null} */
let setup = null;
/** @type {View} */
let view = overview;
/** The view whose widgets stand in the page. @type {View | null} */
let mounted = null;
let argument = '';
/** Version of the daemon that this page came from. @type {string | null} */
let version = null;
let updated = '';
let drawing = false;

/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Draws once for all the events of one frame. */
function draw() {
  if (drawing) return;
  drawing = true;
  // A hidden tab has no frames; a timer serves both.
  setTimeout(() => {
    drawing = false;
    update(at('strip'), operationStrip(world));
    drawTitle();
    drawView();
  }, 50);
}

function drawView() {
  if (!world.loaded) return;
  const focused = document.activeElement;
  update(at('view'), /** @type {globalThis.Node[]} */ (view.render(world, argument)));
  // What had the focus may be gone, as Cancel is when the operation has ended.
  if (focused && focused !== document.body && !focused.isConnected) /** @type {HTMLElement} */ (at('view').querySelector('[data-home]') ?? at('title')).focus({ preventScroll: true });
  if (mounted === view) return;
  mounted = view;
  view.mounted?.(at('view'), world, argument);
}

function drawTitle() {
  const running = world.operations.find((o) => o.state === 'running');
  const part = running ? percent(running) : null;
  const alerts = world.alerts.length > 0 ? `(${world.alerts.length}) ` : '';
  const head = running ? `${part === null ? '' : `${part.toFixed(0)} % `}${operationTitle(running)}` : ownUnits(world)[0]?.served_name;
  document.title = `${alerts}${head ? `${head} · ` : ''}${view.title} · Spark Control`;
}

/** @param {string} name @param {any} data */
function take(name, data) {
  setClock(data.now);
  if (name === 'heartbeat') return;
  if (name === 'snapshot') {
    world.loaded = true;
    checkVersion();
  }
  for (const key of /** @type {const} */ (['nodes', 'units', 'services', 'operations', 'alerts'])) {
    if (Array.isArray(data[key])) world[key] = data[key];
  }
  if ('proxy' in data) world.proxy = data.proxy;
  if ('setup' in data) world.setup = data.setup;
  if (name === 'models') world.models = data;
  else if (data.models && !Array.isArray(data.models)) world.models = data.models;
  if (world.setup?.complete === false && !setup) import('./js/setup.js').then((module) => { setup = module; draw(); });
  draw();
}

/** The daemon may have been replaced while the page stood open. */
async function checkVersion() {
  const response = await fetch('api/version').catch(() => null);
  const info = response?.ok ? await response.json().catch(() => null) : null;
  if (!info) return;
  at('demo').hidden = info.demo !== true;
  if (info.protocol !== PROTOCOL) updated = `The daemon speaks protocol ${info.protocol}, this page ${PROTOCOL}.`;
  else if (version !== null && info.version !== version) updated = `The daemon is now version ${info.version}; this page came from ${version}.`;
  version ??= info.version;
  drawConnection();
}

const connection = new Connection('api/events', take, drawConnection);

/** @type {Record<string, [string, string]>} */
const LINK = { connecting: ['◐', 'Connecting'], live: ['●', 'Live'], reconnecting: ['◐', 'Reconnecting'], offline: ['○', 'Offline'] };

function drawConnection() {
  const live = connection.word === 'live';
  const [glyph, word] = LINK[connection.word] ?? ['○', connection.word];
  const lost = connection.lostAt === null ? 0 : Date.now() - connection.lostAt;
  const age = connection.lastAt === null ? null : (Date.now() - connection.lastAt) / 1000;
  document.body.dataset.live = live ? 'on' : 'off';
  at('glyph').textContent = glyph;
  // The word is announced; the ticking age beside it is not.
  if (at('link-word').textContent !== word) at('link-word').textContent = word;
  at('link-age').textContent = live || age === null ? '' : `last data ${duration(age)} ago`;
  const banner = at('banner');
  banner.hidden = !updated && (live || lost < BANNER_AFTER_MS);
  update(banner, banner.hidden ? [] : updated
    ? [`${updated} `, h('button', { type: 'button', 'data-act': 'reload' }, 'Reload the page')]
    : [age === null ? 'The daemon does not answer yet. Trying again…' : 'The connection to the daemon is lost. What you see is the last known state; trying again…']);
}

async function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const key = name && name in VIEWS ? name : 'overview';
  const next = await /** @type {() => Promise<View>} */ (VIEWS[key])().catch(() => null);
  if (!next) {
    update(at('notice'), [h('p', null, 'This view could not be loaded from the daemon. Try again when the connection is live.')]);
    return;
  }
  view.left?.();
  const changed = view !== next || argument !== rest.join('/');
  view = next;
  argument = decodeURIComponent(rest.join('/'));
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('data-view') === key) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  at('title').textContent = view.title;
  if (changed) {
    at('view').replaceChildren();
    mounted = null;
    at('title').focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  if (world.loaded) drawView();
  else update(at('view'), [h('p.empty', null, 'Waiting for the first data from the daemon…')]);
  drawTitle();
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-act]') : null;
  if (!(button instanceof HTMLElement) || button.getAttribute('aria-disabled') === 'true') return;
  const name = button.dataset.act ?? '';
  const action = view.actions?.[name] ?? ACTIONS[name];
  if (!action) return;
  Promise.resolve(action(button.dataset.arg ?? '', button, world)).catch((error) => {
    update(at('notice'), [h('p', null, `${error?.message ?? error}`)]);
  });
});
document.addEventListener('world', draw);
addEventListener('hashchange', route);
setInterval(() => {
  tick(document);
  drawConnection();
}, 1000);
route();
connection.open();
