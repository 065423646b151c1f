// Services: speech, embeddings and NIM containers beside the model; started, stopped and looked into.

import { call } from './api.js';
import { closeButton, confirmAct, openDialog, problemBox } from './act.js';
import { busy, copyRow, DASH, gib, h, known, since, state, words } from './dom.js';
import { SERVICE_STATES } from './unit.js';

/** @typedef {import('./types.js').Service} Service */

/** @type {import('./types.js').View} */
export const view = {
  title: 'Services',
  render(world) {
    if (world.services.length === 0) {
      return [h('p.empty', { 'data-key': 'none' }, 'No service is known. The catalogue is services.yaml; your own go in SERVICES_OVERRIDES.')];
    }
    const on = world.services.filter((s) => s.state !== 'off');
    const off = world.services.filter((s) => s.state === 'off');
    return [
      h('h2', { 'data-key': 'on-title' }, 'Running'),
      on.length > 0 ? h('section.grid', { 'data-key': 'on', 'aria-label': 'Running services' }, on.map(card))
        : h('p.empty', { 'data-key': 'on-none' }, 'No service is running.'),
      off.length > 0 && h('h2', { 'data-key': 'off-title' }, 'Not running'),
      off.length > 0 && h('section.grid', { 'data-key': 'off', 'aria-label': 'Services that are not running' }, off.map(card)),
    ];
  },
  actions: {
    'service-start': (name, button) => act(name, 'start', button),
    'service-restart': (name, button) => act(name, 'restart', button),
    'service-stop': (name) => confirmAct(`Stop ${name}?`, ['Clients that use it get errors until it is started again.'], 'Stop', () => done(name, 'stop')),
    'service-logs': (name) => logs(name),
  },
};

/** @param {string} name @param {string} verb */
async function done(name, verb) {
  const { operation } = await call('POST', `api/services/${encodeURIComponent(name)}/${verb}`, {});
  if (operation?.id) location.hash = `#/operations/${operation.id}`;
}

/** @param {string} name @param {string} verb @param {HTMLElement} button */
async function act(name, verb, button) {
  try {
    await busy(button, '…', () => done(name, verb));
  } catch (problem) {
    const { body, buttons } = openDialog(`${verb === 'start' ? 'Start' : 'Restart'} ${name}`);
    body.append(problemBox(problem));
    buttons.append(closeButton('Close'));
  }
}

/** @param {string} name */
async function logs(name) {
  const { body, buttons } = openDialog(`Log of ${name}`, { wide: true });
  buttons.append(closeButton('Close'));
  body.append(h('p', { role: 'status' }, 'Asking for the log…'));
  try {
    const response = await fetch(`api/services/${encodeURIComponent(name)}/logs?tail=300`);
    const text = await response.text();
    if (!response.ok) throw new Error(JSON.parse(text)?.error?.message ?? `HTTP ${response.status}`);
    body.replaceChildren(h('pre.lines', { tabindex: 0, 'aria-label': `The last lines of ${name}` }, text || 'The log is empty.'));
  } catch (problem) {
    body.replaceChildren(problemBox(problem));
  }
}

/** @param {Service} s */
function card(s) {
  const [tone, word] = SERVICE_STATES[s.state] ?? ['off', words(s.state)];
  const runs = s.state !== 'off' && s.state !== 'unknown';
  /** @param {string} verb @param {string} label @param {string} [look] */
  const button = (verb, label, look = '') => h(`button${look}`, {
    type: 'button', 'data-act': `service-${verb}`, 'data-arg': s.name, 'aria-disabled': !!s.operation, 'aria-label': `${label.replace('…', '')}: ${s.name}`,
  }, label);
  return h('section.card.flat', { 'data-key': s.name, 'aria-label': s.title ?? s.name },
    h('header', null, h('h3', null, s.title ?? s.name), state(tone, word), h('span.dim.end', null, runs ? ['for ', since(s.since)] : words(s.kind))),
    s.message && h('p.note', null, s.message),
    h('dl.facts', null,
      pair('Name', h('code', null, s.name)),
      pair('Image', h('code', null, s.image)),
      pair('Node', `${s.node ?? 'chosen at the start'}, port ${s.port}`),
      pair('Memory', runs ? `${gib(s.memory_bytes)} of a budget of ${gib(s.budget_bytes, 0)}` : `budget ${gib(s.budget_bytes, 0)}`),
      known(s.restarts) && s.restarts > 0 && pair('Restarts', String(s.restarts)),
      s.deep && pair('Real answer', deep(s.deep)),
      s.notes && pair('Note', s.notes)),
    s.endpoint && copyRow('URL', s.endpoint),
    h('div.acts', null, runs ? [button('stop', 'Stop…', '.quiet-bad'), button('restart', 'Restart'), button('logs', 'Log…')] : [button('start', 'Start'), button('logs', 'Log…')],
      s.operation && h('a.button', { href: `#/operations/${s.operation}` }, 'Show the operation')));
}

/** The last deep probe in words. @param {import('./types.js').Deep} d */
export function deep(d) {
  /** @type {Record<string, [string, string]>} */
  const looks = { passed: ['ok', 'right'], failed: ['bad', 'wrong'], busy: ['off', 'busy, not asked'], unsupported: ['off', 'cannot be asked'] };
  const [tone, word] = looks[d.state] ?? ['off', words(d.state)];
  return [state(tone, word), h('span.dim', null, known(d.latency_ms) ? ` in ${d.latency_ms.toFixed(0)} ms, ` : ' ', since(d.at), ' ago'),
    d.error ? h('div.note', null, d.error) : ''];
}

/** @param {string} name @param {import('./dom.js').Child} value */
const pair = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value ?? DASH));
