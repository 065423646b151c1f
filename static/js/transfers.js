// Models on their way: downloads, copies, verification and deletion. Each is looked at first; the look is the daemon's own plan.

import { call } from './api.js';
import { closeButton, openDialog, problemBox } from './act.js';
import { busy, DASH, h, known, moment, size, state, words } from './dom.js';

/** @typedef {import('./types.js').World} World */

/** @type {Record<string, string>} */
const WAYS = {
  download: 'from the Hub', fabric: 'over the fabric', lan: 'over the network', relay: 'through the daemon, slowly', nothing: 'all there already',
};

/**
 * A dialog whose plan is looked at again with every change, and done when asked.
 * @param {string} title @param {string} verb @param {HTMLElement[]} fields @param {string} path
 * @param {() => Record<string, unknown> | null} read the request; null while it is not complete
 */
function planned(title, verb, fields, path, read) {
  const { dialog, body, buttons } = openDialog(title, { wide: true });
  const look = h('button', { type: 'button' }, 'Look first');
  const go = h('button.primary', { type: 'button', 'aria-disabled': true }, verb);
  const plan = h('div.plan', { role: 'status' });
  body.append(...fields, plan);
  buttons.append(closeButton(), look, go);
  let looked = '';
  const ask = async () => {
    const request = read();
    if (!request) return plan.replaceChildren(h('p.dim', null, 'Fill in the fields first.'));
    try {
      const preview = await busy(look, 'Looking…', () => call('POST', path, { ...request, dry_run: true }));
      plan.replaceChildren(...previewOf(preview));
      looked = (preview.blockers ?? []).length === 0 ? JSON.stringify(request) : '';
    } catch (problem) {
      looked = '';
      plan.replaceChildren(problemBox(problem));
    }
    go.setAttribute('aria-disabled', String(!looked));
  };
  look.addEventListener('click', ask);
  body.addEventListener('input', () => {
    looked = '';
    go.setAttribute('aria-disabled', 'true');
  });
  go.addEventListener('click', async () => {
    if (!looked) return;
    try {
      const { operation } = await busy(go, `${verb}…`, () => call('POST', path, JSON.parse(looked)));
      dialog.close();
      location.hash = operation?.id ? `#/operations/${operation.id}` : '#/operations';
    } catch (problem) {
      plan.prepend(problemBox(problem));
    }
  });
  return { dialog, ask };
}

/** @param {any} preview @returns {(HTMLElement | string)[]} */
function previewOf({ files, total_bytes: total, legs = [], blockers = [], warnings = [] }) {
  return [
    ...blockers.map((/** @type {any} */ b) => finding('bad', 'Blocked', b)),
    ...warnings.map((/** @type {any} */ w) => finding('warn', 'Note', w)),
    h('p', null, known(total) ? `${size(total)}${known(files) ? ` in ${files} files` : ''}.` : 'The size is not known yet.'),
    h('ul.plain', null, legs.map((/** @type {any} */ leg) => h('li', null, h('strong', null, leg.node), ` ${WAYS[leg.way] ?? words(leg.way)}`,
      leg.from ? ` from ${leg.from}` : '', known(leg.bytes) && leg.way !== 'nothing' ? `, ${size(leg.bytes)} to come` : '',
      known(leg.free_bytes) ? `; ${size(leg.free_bytes)} free, ${size(leg.reserve_bytes)} stay so` : '',
      h('div.dim', null, leg.reason)))),
  ];
}

/** @param {string} tone @param {string} word @param {any} found */
const finding = (tone, word, { node, message, fix }) => h(`div.callout.${tone}`, null,
  h('strong', null, node ? `${word} on ${node}` : word), h('p', null, message), fix && h('p.fix', null, fix));

/** @param {string} id @param {string} label @param {HTMLElement} control */
const field = (id, label, control) => {
  control.id = id;
  return h('p.row.recipe', null, h('label', { for: id }, label), control);
};

/** @param {World} world */
export function downloadDialog(world) {
  const repo = /** @type {HTMLInputElement} */ (h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: 'Qwen/Qwen3.6-27B-FP8' }));
  const revision = /** @type {HTMLInputElement} */ (h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: 'main' }));
  const boxes = world.nodes.map((node) => {
    const box = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', checked: true, value: node.id }));
    return { box, row: h('label.check', null, box, ` ${node.name ?? node.id}`) };
  });
  planned('Download a model', 'Download', [
    field('download-repo', 'Repository', repo),
    field('download-revision', 'Revision', revision),
    h('fieldset', null, h('legend', null, 'To'), boxes.map(({ row }) => row)),
  ], 'api/downloads', () => {
    const nodes = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    if (!repo.value.trim() || nodes.length === 0) return null;
    return { repo: repo.value.trim(), nodes, ...(revision.value.trim() ? { revision: revision.value.trim() } : {}) };
  });
  repo.focus();
}

/** @param {string} repo @param {World} world */
export async function copyDialog(repo, world) {
  const model = world.models.models?.find((m) => m.repo === repo);
  const has = (model?.nodes ?? []).filter((n) => n.complete).map((n) => n.node);
  const lacks = world.nodes.map((n) => n.id).filter((id) => !has.includes(id));
  /** @param {string[]} ids */
  const choice = (ids) => /** @type {HTMLSelectElement} */ (h('select', null, ids.map((id) => h('option', { value: id }, id))));
  const from = choice(has.length > 0 ? has : world.nodes.map((n) => n.id));
  const to = choice([...lacks, ...has]);
  const relay = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox' }));
  const { ask } = planned(`Copy ${repo}`, 'Copy', [field('copy-from', 'From', from), field('copy-to', 'To', to),
    h('p', null, h('label.check', null, relay, ' Through the daemon, when the Sparks cannot reach each other (slow)'))],
  'api/copies', () => ({ repo, from: from.value, to: to.value, relay: relay.checked }));
  await ask();
}

/** @param {string} repo @param {World} world */
export function verifyDialog(repo, world) {
  const { dialog, body, buttons } = openDialog(`Verify ${repo}`, {});
  const model = world.models.models?.find((m) => m.repo === repo);
  const boxes = (model?.nodes ?? []).map(({ node }) => {
    const box = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', checked: true, value: node }));
    return { box, row: h('label.check', null, box, ` ${node}`) };
  });
  const repair = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox' }));
  const go = h('button.primary', { type: 'button' }, 'Verify');
  body.append(
    h('p', null, 'Compares every byte with the checksums of the Hub. That reads the whole model, so it takes minutes.'),
    h('fieldset', null, h('legend', null, 'On'), boxes.map(({ row }) => row)),
    h('p', null, h('label.check', null, repair, ' Remove damaged files, so that a download brings them anew')));
  buttons.append(closeButton(), go);
  go.addEventListener('click', async () => {
    body.querySelector('.problem')?.remove();
    const nodes = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    if (nodes.length === 0) return;
    try {
      const { operation } = await busy(go, 'Beginning…', () => call('POST', 'api/verifications', { repo, nodes, repair: repair.checked }));
      dialog.close();
      location.hash = operation?.id ? `#/operations/${operation.id}` : '#/operations';
    } catch (problem) {
      body.append(problemBox(problem));
    }
  });
}

/** @param {string} repo */
export async function deleteDialog(repo) {
  const { dialog, body, buttons } = openDialog(`Delete ${repo}?`, { wide: true });
  const go = h('button.danger', { type: 'button', 'aria-disabled': true }, 'Delete');
  const cancel = closeButton('Back');
  buttons.append(cancel, go);
  cancel.focus();
  const path = `api/models/${repo.split('/').map(encodeURIComponent).join('/')}`;
  body.replaceChildren(h('p', { role: 'status' }, 'Looking at the disks…'));
  /** @type {{box: HTMLInputElement, bytes: number}[]} */
  let chosen = [];
  const count = h('p', { role: 'status' });
  const sum = () => {
    const on = chosen.filter(({ box }) => box.checked);
    go.setAttribute('aria-disabled', String(on.length === 0));
    count.textContent = on.length > 0 ? `${size(on.reduce((all, { bytes }) => all + bytes, 0))} come free. This cannot be taken back.` : 'Nothing is chosen.';
  };
  try {
    const preview = await call('DELETE', `${path}?dry_run=true`);
    const rows = (preview.nodes ?? []).map((/** @type {any} */ on) => {
      const can = on.state === 'present';
      const box = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', checked: can, disabled: !can, value: on.node }));
      if (can) chosen.push({ box, bytes: on.size_bytes ?? 0 });
      return h('li', null, h('label.check', null, box, ` ${on.node}: ${size(on.size_bytes)}`), ' ', can ? '' : state(on.state === 'in_use' ? 'warn' : 'off', words(on.state)),
        h('div.dim', null, `last used ${on.last_used ? moment(on.last_used) : DASH}`, (on.used_by ?? []).map((/** @type {any} */ u) => `; ${user(u)}`), on.detail ? `; ${on.detail}` : ''));
    });
    body.replaceChildren(h('ul.plain', null, rows), ...(preview.warnings ?? []).map((/** @type {string} */ w) => h('p.note', null, w)), count);
    body.addEventListener('change', sum);
    sum();
  } catch (problem) {
    body.replaceChildren(problemBox(problem));
  }
  go.addEventListener('click', async () => {
    if (go.getAttribute('aria-disabled') === 'true') return;
    body.querySelector('.problem')?.remove();
    const nodes = chosen.filter(({ box }) => box.checked).map(({ box }) => box.value);
    try {
      const query = nodes.length === chosen.length && chosen.length > 1 ? '' : `?${nodes.map((n) => `node=${encodeURIComponent(n)}`).join('&')}`;
      const { operation } = await busy(go, 'Deleting…', () => call('DELETE', `${path}${query}`));
      dialog.close();
      location.hash = operation?.id ? `#/operations/${operation.id}` : '#/operations';
    } catch (problem) {
      body.append(problemBox(problem));
    }
  });
}

/** @param {any} used */
function user(used) {
  const what = used.unit ?? used.container ?? used.name ?? used.operation ?? used.recipe ?? '';
  return `${words(used.kind ?? used.type ?? Object.keys(used)[0])} ${what}`.trim();
}
