// Operations: the one that runs, step by step, with its log; how it ended and why; the last ones.

import { call, Problem } from './api.js';
import { confirmAct } from './act.js';
import { brief, DASH, duration, elapsed, h, known, moment, since, state, words } from './dom.js';
import { LogView } from './log.js';
import { operationTitle, percent, took } from './unit.js';

/** @typedef {import('./types.js').Operation} Operation */

/** @type {Record<string, [string, string]>} */
const STATES = {
  running: ['busy', 'Running'],
  succeeded: ['ok', 'Succeeded'],
  failed: ['bad', 'Failed'],
  rolled_back: ['warn', 'Failed; the last good model was started again'],
  cancelled: ['off', 'Cancelled'],
  interrupted: ['bad', 'Interrupted; it needs you'],
};

/** @type {Record<string, [string, string]>} */
const STEPS = {
  pending: ['off', 'waiting'],
  running: ['busy', 'running'],
  done: ['ok', 'done'],
  failed: ['bad', 'failed'],
  skipped: ['off', 'not run'],
};

/** One that is no longer among the daemon's last hundred, or not in the snapshot yet. @type {Operation | null} */
let fetched = null;
/** @type {LogView | null} */
let log = null;
let asked = '';
/** Why the one that was asked for cannot be shown. */
let refused = '';

/** @type {import('./types.js').View} */
export const view = {
  title: 'Operations',
  render(world, id) {
    const shown = id || world.operations.find((o) => o.state === 'running')?.id || '';
    const operation = world.operations.find((o) => o.id === shown) ?? (fetched?.id === shown ? fetched : null);
    if (shown && !operation) want(shown);
    return [
      operation ? panel(operation) : shown ? h('p.empty', { 'data-key': 'none' }, refused || 'Asking the daemon for this operation…') : null,
      h('h2', { 'data-key': 'last' }, 'Last operations'),
      world.operations.length === 0
        ? h('p.empty', { 'data-key': 'empty' }, 'Nothing has been done yet. A swap or a stop appears here, with every step and its log.')
        : h('ul.ops', { 'data-key': 'list' }, world.operations.map((o) => listed(o, shown))),
    ];
  },
  left() {
    log?.close();
    log = null;
  },
  actions: {
    cancel(id, _, world) {
      const operation = world.operations.find((o) => o.id === id);
      if (!operation) return;
      confirmAct(`Cancel “${operationTitle(operation)}”?`, [
        'What it has started is stopped again. The model that ran before is not started by itself.',
      ], 'Cancel the operation', () => call('POST', `api/operations/${encodeURIComponent(id)}/cancel`));
    },
    log(id, button) {
      const box = button.parentElement?.querySelector('.log');
      if (!(box instanceof HTMLElement)) return;
      if (log?.id === id) {
        log.close();
        log = null;
        return;
      }
      log?.close();
      log = new LogView(id, box, button);
    },
  },
};

/** @param {string} id */
function want(id) {
  if (asked === id) return;
  asked = id;
  refused = '';
  call('GET', `api/operations/${encodeURIComponent(id)}`).then((answer) => {
    fetched = answer.operation ?? answer;
    document.dispatchEvent(new Event('world'));
  }).catch((problem) => {
    refused = problem instanceof Problem && problem.code === 'not_found' ? 'The daemon no longer has this operation: it keeps the last hundred.' : String(problem.message);
    document.dispatchEvent(new Event('world'));
  });
}

/** @param {Operation} operation */
function panel(operation) {
  const [tone, word] = STATES[operation.state] ?? ['off', words(operation.state)];
  const running = operation.state === 'running';
  return h('section.card.operation', { 'data-key': operation.id, 'aria-label': 'Operation' },
    h('header', null, h('h2', { tabindex: -1, 'data-home': true }, operationTitle(operation)),
      h('span', { role: 'status' }, state(tone, operation.cancelling && running ? 'Cancelling' : word)),
      h('span.dim.end', null, running ? ['for ', since(operation.started_at)] : `took ${brief(took(operation))}`)),
    progress(operation),
    outcome(operation),
    h('ol.steps', null, (operation.steps ?? []).map((s) => step(s, running))),
    h('p.dim', null, [`asked for by ${operation.actor ?? DASH}`, `began ${moment(operation.started_at)}`, operation.nodes?.length && `on ${operation.nodes.join(', ')}`]
      .filter(Boolean).join(' · ')),
    running && h('div.acts', null, h('button.quiet-bad', { type: 'button', 'data-act': 'cancel', 'data-arg': operation.id, 'aria-disabled': operation.cancelling === true }, 'Cancel…')),
    h('div.log-part', { 'data-key': `log ${operation.id}`, 'data-keep': true },
      h('button', { type: 'button', 'data-act': 'log', 'data-arg': operation.id, 'aria-expanded': 'false' }, 'Show log'),
      h('div.log', { hidden: true })));
}

/** @param {Operation} operation */
function progress(operation) {
  if (operation.state !== 'running') return null;
  const part = percent(operation);
  const { stage, eta_s: eta } = operation.progress ?? {};
  return h('div.progress', null,
    h('progress', { max: 100, value: known(part) ? part.toFixed(1) : null, 'aria-label': 'Progress' }),
    h('div.row', null, h('span', null, stage ?? 'working'),
      h('span.end', null, [known(part) ? `${part.toFixed(0)} %` : '', known(eta) ? eta >= 1 && `about ${duration(eta)} left` : 'time left not known'].filter(Boolean).join(', '))));
}

/** How it ended, and the first cause of a failure. @param {Operation} operation */
function outcome(operation) {
  const { advice, error } = operation;
  if (!advice && !error) return null;
  const where = advice?.node ? ` on ${advice.node}${known(advice.rank) ? `, rank ${advice.rank}` : ''}` : '';
  return h('div.callout.bad', { 'data-key': 'outcome' },
    h('strong', null, `${advice?.title ?? 'It failed'}${where}`),
    h('p', null, advice?.cause ?? error ?? ''),
    advice?.remedy && h('p.fix', null, advice.remedy),
    operation.last_good && h('p', null, operation.state === 'rolled_back' ? 'Started again: ' : 'Last good model: ', h('code', null, operation.last_good),
      operation.state !== 'rolled_back' && [' · ', h('a', { href: '#/models' }, 'swap back to it')]),
    advice && error && error !== advice.cause && h('p.dim', null, error),
    advice?.evidence?.length ? h('details', null, h('summary', null, `Evidence (${advice.evidence.length} ${advice.evidence.length === 1 ? 'line' : 'lines'})`),
      h('pre', { tabindex: 0 }, advice.evidence.join('\n'))) : null);
}

/** @param {import('./types.js').Step} step @param {boolean} running */
function step(step, running) {
  const shown = step.state === 'pending' && !running ? 'skipped' : step.state;
  const [tone, word] = shown === 'skipped' && step.started_at ? ['off', 'broken off'] : STEPS[shown] ?? ['off', words(step.state)];
  const time = step.state === 'running' ? since(step.started_at) : step.started_at && step.ended_at ? brief(elapsed(step.started_at, step.ended_at)) : '';
  return h(`li.${shown}`, null, h('span.step-name', null, words(step.name), step.node && h('span.dim', null, ` ${step.node}`)),
    state(tone, word), h('span.dim.end', null, time),
    step.detail && h('div.step-detail', null, step.detail));
}

/** @param {Operation} operation @param {string} shown */
function listed(operation, shown) {
  const [tone, word] = STATES[operation.state] ?? ['off', words(operation.state)];
  return h('li', { 'data-key': operation.id }, h('a', { href: `#/operations/${operation.id}`, 'aria-current': operation.id === shown ? 'true' : null },
    h('span.op-name', null, operationTitle(operation)), state(tone, word),
    h('span.dim', null, `${moment(operation.started_at)} · ${(operation.ended_at ? brief : duration)(took(operation))} · ${operation.actor ?? DASH}`)));
}
