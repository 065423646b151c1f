// What runs: the unit that serves the model, the address to give to clients, and the strip of a running operation.

import { copyRow, DASH, duration, elapsed, gib, h, known, since, state, svg, words } from './dom.js';

/** @typedef {import('./types.js').Unit} Unit */
/** @typedef {import('./types.js').World} World */

const OURS = 'spark-control';

/** @type {Record<string, [string, string]>} */
const STATES = {
  loading: ['busy', 'Loading'],
  ready: ['ok', 'Ready'],
  stopping: ['busy', 'Stopping'],
  failed: ['bad', 'Failed'],
  stopped: ['off', 'Stopped'],
  unknown: ['off', 'Unknown: a node of it cannot be reached'],
};

/** @type {Record<string, [string, string]>} */
export const SERVICE_STATES = {
  unknown: ['off', 'Unknown: its node cannot be reached'],
  off: ['off', 'Off'],
  starting: ['busy', 'Starting'],
  ready: ['ok', 'Ready'],
  degraded: ['warn', 'Does not answer'],
  failed: ['bad', 'Failed'],
  crash_loop: ['bad', 'Dies again and again'],
};

/** The units of ours that are not stopped. @param {World} world */
export const ownUnits = (world) => world.units.filter((u) => u.owner === OURS && u.state !== 'stopped');

/** The cards of everything that runs. @param {World} world */
export function unitCards(world) {
  const ours = ownUnits(world);
  const foreign = world.units.filter((u) => u.owner !== OURS);
  return [
    ...(ours.length > 0 ? ours.map((unit) => unitCard(unit, world)) : [nothing(world)]),
    foreign.length > 0 && h('section.card.flat', { 'data-key': 'foreign' }, h('h2', null, 'Started by others'),
      h('p.dim', null, 'Shown, and never touched, unless you adopt one: then it can be stopped from here.'),
      h('ul.plain', null, foreign.map(foreignRow))),
  ];
}

/** @param {World} world */
function nothing(world) {
  const operation = world.operations.find((o) => o.state === 'running' && o.kind === 'swap');
  return h('section.card', { 'data-key': 'nothing' },
    h('header', null, h('h2', null, operation ? 'No model answers yet' : 'No model is running')),
    h('p', null, operation ? 'An operation is under way; clients get 503 with Retry-After until the model has answered.'
      : 'Clients get 503 until one is loaded. Pick a model: a preview shows what would happen before anything does.'),
    !operation && h('div.acts', null, h('a.button', { href: '#/models' }, 'Choose a model')));
}

/** @param {Unit} unit @param {World} world */
function unitCard(unit, world) {
  const [tone, word] = STATES[unit.state] ?? ['off', words(unit.state)];
  const proxy = world.proxy;
  return h('section.card.unit', { 'data-key': `unit ${unit.id}`, 'aria-label': `Unit ${unit.id}` },
    h('header', null, h('h2', null, unit.served_name ?? unit.repo ?? unit.id), state(tone, word),
      h('span.dim.end', null, unit.ready_at ? ['up ', since(unit.ready_at)] : unit.started_at ? ['for ', since(unit.started_at)] : '')),
    unit.message && h('p.note', null, unit.message),
    h('div.split', null,
      h('dl.facts', null,
        pair('Repository', h('code', null, unit.repo ?? DASH)),
        pair('Recipe', h('code', null, unit.recipe ?? DASH)),
        pair('Nodes', (unit.ranks ?? []).map((r) => h('div', null, `${r.node} `,
          h('span.dim', null, `rank ${r.rank}${r.rank === 0 ? ', head' : ''} · ${r.state ?? DASH}${known(r.exit_code) && r.state === 'exited' ? ` (code ${r.exit_code})` : ''}`)))),
        pair('GPU memory', gib(unit.memory_bytes)),
        pair('Requests', proxy ? `${count(proxy.requests_in_flight)} in flight, ${count(proxy.requests_total)} in all, ${count(proxy.errors_total)} failed` : DASH)),
      endpoint(unit)),
    h('div.acts', null,
      h('a.button', { href: '#/models' }, 'Swap…'),
      h('a.button', { href: '#/try' }, 'Try it'),
      h('button.quiet-bad', { type: 'button', 'data-act': 'stop', 'data-arg': unit.id, 'aria-disabled': unit.state === 'stopping' }, 'Stop…')));
}

/** @param {unknown} value */
const count = (value) => (known(value) ? String(value) : DASH);

/** @param {string} name @param {import('./dom.js').Child} value */
const pair = (name, value) => h('div', null, h('dt', null, name), h('dd', null, Array.isArray(value) && value.length === 0 ? DASH : value));

/** What to give to a person or a program. @param {Unit} unit */
function endpoint(unit) {
  const base = new URL('v1', location.href.split('#')[0]).href;
  const model = unit.served_name ?? '';
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
  return h('div.endpoint', null, h('h3', null, 'For clients'),
    copyRow('Base URL', base),
    model && copyRow('Model', model),
    model && copyRow('curl', `curl ${base}/chat/completions -H 'content-type: application/json' -d '${body}'`),
    h('p.dim', null, 'OpenAI-compatible; any API key will do.'));
}

/** @param {Unit} unit */
function foreignRow(unit) {
  const [tone, word] = STATES[unit.state] ?? ['off', words(unit.state)];
  return h('li', null, h('code', null, unit.served_name ?? unit.repo ?? unit.id), ' ', state(tone, word), ' ',
    h('span.dim', null, `started by ${unit.owner} on ${(unit.ranks ?? []).map((r) => r.node).join(', ') || DASH}${unit.endpoint ? ` · ${unit.endpoint}` : ''}${known(unit.memory_bytes) ? ` · ${gib(unit.memory_bytes)}` : ''} `),
    h('button.small', { type: 'button', 'data-act': 'adopt', 'data-arg': unit.id, 'aria-label': `Adopt ${unit.served_name ?? unit.repo ?? unit.id}` }, 'Adopt…'));
}

/** Support services that are not off, when any is known. @param {World} world */
export function serviceCard(world) {
  if (world.services.length === 0) return null;
  const on = world.services.filter((s) => s.state !== 'off');
  const off = world.services.length - on.length;
  return h('section', { 'data-key': 'services' }, h('h2', null, 'Services'),
    h('div.card', null,
      on.length > 0 && h('ul.plain', null, on.map((s) => {
        const [tone, word] = SERVICE_STATES[s.state] ?? ['off', words(s.state)];
        return h('li', { 'data-key': s.name }, h('strong', null, s.title ?? s.name), ' ', state(tone, word), h('span.dim', null, s.node ? ` on ${s.node}` : ''));
      })),
      h('p.dim', null, on.length === 0 ? 'None is running. ' : off > 0 ? `${off} more can be started. ` : '', h('a', { href: '#/services' }, 'All services'))));
}

/** Share done of an operation in percent; null when unknown. @param {import('./types.js').Operation} operation */
export function percent(operation) {
  const { done, total, unit } = operation.progress ?? {};
  if (!known(done)) return null;
  const whole = known(total) ? total : unit === 'percent' ? 100 : null;
  return whole ? Math.min(100, Math.max(0, (done / whole) * 100)) : null;
}

/** `Swap to org/name`. @param {import('./types.js').Operation} operation */
export const operationTitle = (operation) => (operation.kind === 'swap' ? `Swap to ${operation.subject}` : `${words(operation.kind).replace(/^./, (c) => c.toUpperCase())} ${operation.subject}`);

/** The running operation in one line, on every view. @param {World} world */
export function operationStrip(world) {
  return world.operations.filter((o) => o.state === 'running').map((operation) => {
    const part = percent(operation);
    const eta = operation.progress?.eta_s;
    return h('a.strip', { 'data-key': operation.id, href: `#/operations/${operation.id}` },
      state('busy', operationTitle(operation)),
      h('span', null, operation.cancelling ? 'cancelling' : operation.progress?.stage ?? runningStep(operation) ?? ''),
      known(part) && h('span', null, `${part.toFixed(0)} %`),
      known(eta) && eta >= 1 && h('span.dim', null, `about ${duration(eta)} left`),
      h('span.dim.end', null, ['for ', since(operation.started_at)]),
      svg('svg', { class: 'strip-bar', width: '100%', height: 3, 'aria-hidden': 'true' }, known(part) && svg('rect', { width: `${part.toFixed(1)}%`, height: 3 })));
  });
}

/** @param {import('./types.js').Operation} operation */
function runningStep(operation) {
  const step = operation.steps?.find((s) => s.state === 'running');
  return step ? step.detail ?? words(step.name) : null;
}

/** How long an operation has taken or took, seconds. @param {import('./types.js').Operation} operation */
export const took = (operation) => elapsed(operation.started_at, operation.ended_at ?? undefined);
