// The nodes: one card each, with its one bar of unified memory and its last ten minutes.

import { DASH, duration, figure, fixed, gib, h, known, since, size, state, svg, words } from './dom.js';

/** @typedef {import('./types.js').Node} Node */
/** @typedef {import('./types.js').Maybe<number>} Figure */

const WINDOW_S = 600;

/** Short labels, in full for those who hear them. @type {Record<string, string>} */
const NAMES = { Temp: 'GPU temperature', Power: 'GPU power' };

/** @type {Record<string, [string, string]>} */
const FRESHNESS = {
  fresh: ['ok', 'Reachable'],
  stale: ['warn', 'Stale'],
  unreachable: ['bad', 'Unreachable'],
  unknown: ['off', 'Not seen yet'],
};

/** @type {Record<string, [string, string]>} */
const DOCKER = {
  ok: ['ok', 'Docker answers'],
  down: ['bad', 'Docker is not running'],
  denied: ['bad', 'Docker refuses this user'],
  missing: ['bad', 'Docker is not installed'],
};

/**
 * The grid of all nodes.
 * @param {import('./types.js').World} world
 */
export function nodeGrid(world) {
  if (world.nodes.length === 0) {
    return h('p.empty', null, 'No Spark is set up yet. Give the daemon SPARK1_HOST and SPARK1_USER, and for a pair SPARK2_HOST and SPARK2_USER.');
  }
  return h('div.grid', null, world.nodes.map((node) => nodeCard(node, world.alerts.filter((a) => a.node === node.id))));
}

/** @param {Node} node @param {import('./types.js').Alert[]} alerts */
function nodeCard(node, alerts) {
  const seen = Boolean(node.observed_at);
  return h('article.card', { 'data-key': node.id, 'data-freshness': node.freshness ?? 'unknown', 'aria-label': node.name ?? node.id },
    cardHead(node),
    linkTrouble(node),
    alerts.filter((a) => !(a.kind === 'host_key' || a.kind === 'unreachable') || node.link?.state === 'connected').map(alertBox),
    seen && [memory(node), charts(node), facts(node), details(node)],
    !seen && h('p.empty', null, 'No readings yet.'));
}

/** @param {Node} node */
function cardHead(node) {
  const [tone, word] = FRESHNESS[node.freshness ?? 'unknown'] ?? ['off', words(node.freshness)];
  const waits = node.link?.state === 'quarantined';
  return h('header', null,
    h('h3', null, node.name ?? node.id),
    node.name !== node.id && h('span.dim', null, node.id),
    state(waits ? 'warn' : tone, waits ? 'Waits for you' : word),
    h('span.dim.end', null, node.observed_at ? ['read ', since(node.observed_at), ' ago'] : ''));
}

/** Why the node cannot be reached, and what to do. @param {Node} node */
function linkTrouble(node) {
  const link = node.link;
  if (!link || link.state === 'connected') return null;
  const key = link.host_key;
  if (link.state === 'quarantined' || key?.state === 'changed' || link.cause === 'host_key_unknown') {
    const changed = key?.state === 'changed' || link.cause === 'host_key_changed';
    return h(`div.callout.${changed ? 'bad' : 'warn'}`, null,
      h('strong', null, changed ? 'The host key has changed' : 'First contact: the host key waits for you'),
      h('p', null, link.message ?? 'No command is sent to this Spark until its host key is accepted.'),
      key && h('p', null, h('code', null, key.fingerprint)),
      h('button', { type: 'button', 'data-act': 'host-key', 'data-arg': node.id }, changed ? 'Compare keys…' : 'Look at the key…'));
  }
  if (!link.message && link.state === 'connecting') return null;
  return h('div.callout.bad', null,
    h('strong', null, `No connection: ${words(link.cause) === DASH ? words(link.state) : words(link.cause)}`),
    h('p', null, link.message ?? ''),
    link.fix && h('p.fix', null, link.fix),
    h('button', { type: 'button', 'data-act': 'test-node', 'data-arg': node.id }, 'Test connection'));
}

/** @param {import('./types.js').Alert} alert */
function alertBox(alert) {
  const critical = alert.severity === 'critical';
  return h(`div.callout.${critical ? 'bad' : 'warn'}`, { 'data-key': `alert ${alert.id}` },
    h('strong', null, `${critical ? 'Critical' : 'Warning'}: ${alert.title}`),
    h('p', null, alert.text),
    alert.fix && h('div.fix-row', null, h('p.fix', null, alert.fix),
      h('button.small', { type: 'button', 'data-act': 'copy', 'data-arg': alert.fix, 'aria-label': `Copy the fix for: ${alert.title}` }, 'Copy')));
}

/** @param {Node} node */
function memory(node) {
  const m = node.memory;
  if (!m || !known(m.total_bytes)) return h('p.dim', null, `Unified memory ${DASH}`);
  const used = m.total_bytes - m.available_bytes;
  const cache = m.reclaimable_bytes ?? 0;
  const free = Math.max(0, m.available_bytes - cache);
  const whole = known(m.gpu_bytes) && known(m.other_bytes);
  /** @type {[string, string, Figure][]} */
  const parts = whole
    ? [['gpu', 'GPU', m.gpu_bytes], ['other', 'other', m.other_bytes], ['cache', 'reclaimable', m.reclaimable_bytes], ['free', 'free', free]]
    : [['other', 'used', used], ['cache', 'reclaimable', m.reclaimable_bytes], ['free', 'free', free]];
  return h('div.memory', null,
    h('div.row', null, h('span', null, 'Unified memory'),
      h('span.end', null, h('strong', null, gib(m.available_bytes)), ` available of ${gib(m.total_bytes)}`)),
    bar(parts, m.total_bytes, 'Unified memory'),
    legend(parts, whole ? null : 'GPU part unknown'),
    known(m.swap_used_bytes) && m.swap_used_bytes > 2 ** 28 && h('p.dim', null, `Swap in use: ${gib(m.swap_used_bytes)} of ${gib(m.swap_total_bytes)}`),
    known(m.pressure_some_percent) && m.pressure_some_percent >= 1
      && h('p.dim', null, `Memory pressure ${fixed(m.pressure_some_percent, 1)} % (some), ${fixed(m.pressure_full_percent, 1)} % (full)`));
}

/**
 * One bar in parts, with its summary for those who do not see it.
 * @param {[string, string, Figure][]} parts class, label, bytes
 * @param {number} total @param {string} title
 */
export function bar(parts, total, title) {
  let at = 0;
  const summary = parts.map(([, label, bytes]) => `${label} ${gib(bytes)}`).join(', ');
  return svg('svg', { class: 'bar', width: '100%', height: 14, role: 'img', 'aria-label': `${title}, ${gib(total)} in all: ${summary}` },
    svg('rect', { class: 'bar-track', width: '100%', height: 14 }),
    parts.map(([key, , bytes]) => {
      const width = known(bytes) && total > 0 ? (bytes / total) * 100 : 0;
      const from = at;
      at += width;
      return key === 'free' || width <= 0 ? null : svg('rect', {
        class: `bar-${key}`, x: `${from.toFixed(2)}%`, width: `${Math.max(0.4, Math.min(width, 100 - from)).toFixed(2)}%`, height: 14,
        fill: key === 'cache' ? 'url(#hatch)' : null,
      });
    }));
}

/** The parts of a bar in words. @param {[string, string, Figure][]} parts @param {string | null} [more] */
export const legend = (parts, more) => h('ul.legend', null,
  parts.map(([key, label, bytes]) => h('li', null, swatch(key), `${label} `, h('b', null, gib(bytes)))), more && h('li', null, more));

/** @param {string} key */
function swatch(key) {
  return svg('svg', { class: 'swatch', width: 10, height: 10, 'aria-hidden': 'true' },
    svg('rect', { class: `bar-${key === 'free' ? 'track' : key}`, width: 10, height: 10, fill: key === 'cache' ? 'url(#hatch)' : null }));
}

/** @param {Node} node */
function charts(node) {
  const points = node.history ?? [];
  const total = node.memory?.total_bytes;
  const used = node.memory ? node.memory.total_bytes - node.memory.available_bytes : null;
  const GIB = 2 ** 30;
  return h('div.charts', null,
    chart('GPU', node.gpu?.utilization_percent, '%', points.map((p) => [p.at, p.gpu_percent]), [0, 100]),
    chart('CPU', node.cpu_percent, '%', points.map((p) => [p.at, p.cpu_percent]), [0, 100]),
    chart('Memory', known(used) ? used / GIB : null, 'GiB',
      points.map((p) => [p.at, known(p.memory_used_bytes) ? p.memory_used_bytes / GIB : null]), [0, known(total) ? total / GIB : 128]),
    chart('Temp', node.gpu?.temperature_c, '°C', points.map((p) => [p.at, p.temperature_c]), [20, 100]),
    chart('Power', node.gpu?.power_w, 'W', points.map((p) => [p.at, p.power_w]), [0, 140]));
}

/**
 * @param {string} label @param {Figure} now @param {string} unit
 * @param {[import('./types.js').Maybe<string>, Figure][]} points @param {[number, number]} range
 */
function chart(label, now, unit, points, range) {
  const values = points.map(([, v]) => v).filter(known);
  const spread = values.length > 0 ? `, 10 min: ${fixed(Math.min(...values))}–${fixed(Math.max(...values))} ${unit}` : ', no history yet';
  return h('div.chart', null,
    h('span.chart-label', null, label), h('span.chart-now', null, figure(now, unit)),
    svg('svg', { class: 'spark', viewBox: '0 0 120 28', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${NAMES[label] ?? label} ${figure(now, unit)}${spread}` },
      svg('path', { class: 'spark-line', d: sparkPath(points, range) })));
}

/**
 * The path of a sparkline over the last ten minutes; it is broken where a value or a poll is missing.
 * @param {[import('./types.js').Maybe<string>, Figure][]} points @param {[number, number]} range
 */
export function sparkPath(points, [low, high]) {
  const timed = points.map(([at, value]) => /** @type {const} */ ([at ? Date.parse(at) / 1000 : NaN, value])).filter(([t]) => !Number.isNaN(t));
  const last = timed.at(-1);
  if (!last) return '';
  const steps = timed.slice(1).map(([t], i) => t - /** @type {[number, Figure]} */ (/** @type {unknown} */ (timed[i]))[0]).sort((a, b) => a - b);
  const longest = Math.max(1, (steps[Math.floor(steps.length / 2)] ?? 1) * 3.5);
  let path = '';
  let before = NaN;
  for (const [t, value] of timed) {
    const x = 120 - ((last[0] - t) / WINDOW_S) * 120;
    if (!known(value) || x < 0) {
      before = NaN;
      continue;
    }
    const y = 27 - Math.min(1, Math.max(0, (value - low) / (high - low))) * 26;
    const joined = t - before <= longest;
    path += `${joined ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (!joined) path += 'h0.01'; // a lone reading is a dot
    before = t;
  }
  return path;
}

/** @param {Node} node */
function facts(node) {
  const gpu = node.gpu;
  const clocks = gpu && known(gpu.sm_clock_mhz) ? `${gpu.sm_clock_mhz} of ${gpu.max_sm_clock_mhz ?? DASH} MHz` : DASH;
  const [tone, word] = DOCKER[node.docker ?? ''] ?? ['off', 'Docker unknown'];
  return h('dl.facts', null,
    fact('Disks', (node.disks ?? []).map(disk)),
    fact('Fabric', fabric(node)),
    fact('GPU clock', `${clocks}${gpu?.pstate ? `, ${gpu.pstate}` : ''}${gpu?.throttle?.length ? `, held back: ${gpu.throttle.map(words).join(', ')}` : ''}`),
    fact('Docker', state(tone, word)),
    fact('Up', duration(node.identity?.uptime_s)));
}

/** @param {string} name @param {import('./dom.js').Child} value */
const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, Array.isArray(value) && value.length === 0 ? DASH : value));

/** @param {import('./types.js').Disk} disk */
function disk(disk) {
  const part = disk.total_bytes > 0 ? (disk.used_bytes / disk.total_bytes) * 100 : null;
  const tone = !known(part) ? 'off' : part > 95 ? 'bad' : part > 85 ? 'warn' : 'ok';
  return h('div', null, h('code', null, disk.mount), ` ${size(disk.available_bytes)} free of ${size(disk.total_bytes)} `,
    tone === 'ok' ? h('span.dim', null, `${fixed(part)} % used`) : state(tone, `${fixed(part)} % used`));
}

/** @param {Node} node */
function fabric(node) {
  const ports = node.fabric ?? [];
  return ports.map((port) => {
    const up = /active/i.test(port.state ?? '');
    const face = (node.interfaces ?? []).find((i) => i.name === port.interface);
    return h('div', null, h('code', null, port.interface ?? port.hca), ' ',
      state(up ? 'ok' : 'off', up ? figure(port.rate_gbps, 'Gb/s') : words((port.state ?? 'unknown').toLowerCase())),
      up && face?.addresses?.[0] && h('span.dim', null, ` ${face.addresses[0]}`));
  });
}

/** @param {Node} node */
function details(node) {
  const containers = node.containers ?? [];
  const id = node.identity ?? {};
  return h('details', { 'data-key': 'more' },
    h('summary', null, `Containers (${containers.length}), processes, system${node.warnings?.length ? `, ${node.warnings.length} unread` : ''}`),
    containers.length === 0 ? h('p.dim', null, 'No containers.') : h('ul.plain', null, containers.map((c) => h('li', null,
      h('code', null, c.name), ` ${c.status || c.state} `, h('span.dim', null, `${c.image} · started by ${c.owner}`)))),
    node.gpu_processes ? h('ul.plain', null, node.gpu_processes.map((p) => h('li', null,
      h('code', null, String(p.pid)), ` ${p.name} ${gib(p.memory_bytes)} `, h('span.dim', null, p.container ?? (p.orphan ? 'in no container' : 'container unknown')))))
      : h('p.dim', null, 'GPU processes unknown: the driver would not say.'),
    h('p.dim', null, [node.user && `${node.user}@${node.host}:${node.ssh_port ?? 22}`, id.product, id.os, id.kernel && `kernel ${id.kernel}`,
      id.driver && `driver ${id.driver}`, known(node.load1) && `load ${fixed(node.load1, 1)}`, known(node.poll_ms) && `read in ${fixed(node.poll_ms)} ms`]
      .filter(Boolean).join(' · ')),
    (node.warnings ?? []).map((text) => h('p.note', null, text)),
    h('button', { type: 'button', 'data-act': 'test-node', 'data-arg': node.id }, 'Test connection'));
}

