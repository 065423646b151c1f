// Health: real answers of everything that runs, the fabric doctor, and who was up when.

import { call } from './api.js';
import { problemBox } from './act.js';
import { busy, DASH, duration, figure, h, known, moment, state, svg, words } from './dom.js';
import { deep } from './services.js';

/** @type {any} */
let probes = null;
/** @type {any} */
let report = null;
/** @type {any} */
let history = null;
/** @type {unknown} */
let problem = null;

const redraw = () => document.dispatchEvent(new Event('world'));

/** @type {import('./types.js').View} */
export const view = {
  title: 'Health',
  render(world) {
    return [
      problem ? h('div', { 'data-key': 'problem' }, problemBox(problem)) : null,
      h('div.row', { 'data-key': 'deep-title' }, h('h2', null, 'Real answers'),
        h('button.end', { type: 'button', 'data-act': 'deep-now' }, 'Ask now')),
      h('section.card.flat', { 'data-key': 'deep' }, answers()),
      h('div.row', { 'data-key': 'doctor-title' }, h('h2', null, 'Fabric doctor'),
        h('button.end', { type: 'button', 'data-act': 'doctor-now', 'aria-disabled': world.nodes.length < 2 }, 'Examine')),
      h('section.card.flat', { 'data-key': 'doctor' }, doctor(world)),
      h('h2', { 'data-key': 'history-title' }, 'Last seven days'),
      h('section.card.flat', { 'data-key': 'history' }, timelines()),
    ];
  },
  mounted: () => { load(); },
  actions: {
    'deep-now': (_, button) => guarded(() => busy(button, 'Asking…', async () => { probes = await call('POST', 'api/health/deep', {}); })),
    'doctor-now': (_, button) => guarded(() => busy(button, 'Examining…', async () => { report = (await call('POST', 'api/doctor', {})); })),
  },
};

/** @param {() => Promise<unknown>} work */
async function guarded(work) {
  problem = null;
  try {
    await work();
  } catch (cause) {
    problem = cause;
  }
  redraw();
}

const load = () => guarded(async () => {
  const since = new Date(Date.now() - 7 * 86400e3).toISOString();
  [probes, report, history] = await Promise.all([call('GET', 'api/health/deep'), call('GET', 'api/doctor').then((d) => d.report),
    call('GET', `api/connectivity?since=${encodeURIComponent(since)}`)]);
});

function answers() {
  const results = probes?.results ?? [];
  if (!probes) return h('p.dim', null, 'Asking the daemon…');
  if (results.length === 0) return h('p.empty', null, 'Nothing runs that could be asked.');
  return [h('p.dim', null, probes.interval_s > 0 ? `Asked every ${duration(probes.interval_s)}.` : 'Asked only on demand: the schedule is off.'),
    h('ul.plain', null, results.map((/** @type {any} */ r) => h('li', null, h('strong', null, r.id), h('span.dim', null, ` ${words(r.kind)}${r.node ? ` on ${r.node}` : ''} `),
      r.last ? deep(r.last) : h('span.dim', null, r.running ? 'being asked' : 'not asked yet'),
      r.advice && h('p.fix', null, r.advice.remedy),
      (r.checks ?? []).length > 0 && h('details', null, h('summary', null, 'Checks'), h('ol.steps', null, r.checks.map(check))))))];
}

/** @type {Record<string, [string, string]>} */
const LOOKS = { passed: ['ok', 'passed'], failed: ['bad', 'failed'], skipped: ['off', 'not tried'], warning: ['warn', 'warning'] };

/** @param {any} c */
function check(c) {
  const [tone, word] = LOOKS[c.state] ?? ['off', words(c.state)];
  return h('li', null, h('span.step-name', null, words(c.name)), state(tone, word), h('span.dim.end', null, figure(c.latency_ms ?? c.duration_ms, 'ms')),
    h('div.step-detail', null, [c.node, c.peer].filter(Boolean).join(' → '), c.node ? ': ' : '', c.detail, c.fix && h('p.fix', null, c.fix)));
}

/** @param {import('./types.js').World} world */
function doctor(world) {
  if (world.nodes.length < 2) return h('p.empty', null, 'There is one Spark, so there is no cable to examine.');
  if (!report) return h('p.empty', null, 'Not examined since the daemon started. Examine looks at links, speed, addresses, MTU, RDMA, SSH and full frames between the Sparks.');
  return [h('p', null, state(report.passed ? 'ok' : 'bad', report.passed ? 'Nothing is wrong' : 'Something is wrong'), h('span.dim', null, ` ${moment(report.ended_at)}`)),
    h('ol.steps', null, (report.checks ?? []).map(check))];
}

function timelines() {
  if (!history) return h('p.dim', null, 'Asking the daemon…');
  /** @type {any[]} */
  const all = history.subjects ?? [];
  const quiet = all.filter((s) => s.subject.kind === 'service' && s.state === 'off' && (s.timeline ?? []).every((/** @type {any} */ t) => t.state === 'off' || t.state === 'unknown'));
  const subjects = all.filter((s) => !quiet.includes(s));
  if (subjects.length === 0) return h('p.empty', null, 'Nothing has been seen yet.');
  // What a service says of itself when the daemon first looks is no change.
  const changes = (history.transitions ?? []).filter((/** @type {any} */ t) => !(t.subject.kind === 'service' && t.from === 'unknown' && t.to === 'off'));
  const [from, to] = [Date.parse(history.since), Date.parse(history.now)];
  return [history.warning && h('p.note', null, history.warning),
    h('ul.plain', null, subjects.map((/** @type {any} */ s) => h('li', null,
      h('div.row', null, h('strong', null, s.subject.id), h('span.dim', null, `${words(s.subject.kind)}, ${words(s.state)}`), h('span.end', null, uptime(s))),
      svg('svg', { class: 'bar', width: '100%', height: 10, role: 'img', 'aria-label': `${s.subject.id}: ${uptime(s)}` },
        svg('rect', { class: 'bar-track', width: '100%', height: 10 }),
        (s.timeline ?? []).map((/** @type {any} */ span) => {
          const [a, b] = [Date.parse(span.from), Date.parse(span.until)];
          return svg('rect', { class: `span-${span.state}`, x: `${(((a - from) / (to - from)) * 100).toFixed(2)}%`, width: `${(((b - a) / (to - from)) * 100).toFixed(2)}%`, height: 10 });
        }))))),
    quiet.length > 0 && h('p.dim', null, `Off all the time: ${quiet.map((s) => s.subject.id).join(', ')}.`),
    h('details', null, h('summary', null, `Changes (${changes.length})`), h('ul.plain', null, [...changes].reverse().slice(0, 200).map(change)))];
}

/** @param {any} s */
function uptime(s) {
  const week = (s.uptime ?? []).find((/** @type {any} */ u) => u.window_s === 604800);
  return known(week?.uptime_percent) ? `${week.uptime_percent.toFixed(2)} % up` : DASH;
}

/** @param {any} t */
const change = (t) => h('li', null, h('span.dim', null, `${moment(t.at)} `), h('strong', null, t.subject.id), ` ${t.kind === 'state' ? `${words(t.from)} → ${words(t.to)}` : words(t.kind)}`,
  h('span.dim', null, ` ${t.message ?? words(t.cause)}${known(t.lasted_s) ? `, after ${duration(t.lasted_s)}` : ''}`));
