// The swap: first looked at, then done. The preview is the daemon's own plan and changes nothing.

import { call, Problem } from './api.js';
import { closeButton, openDialog, problemBox } from './act.js';
import { busy, copyRow, duration, gib, h, known, state, words } from './dom.js';
import { bar, legend } from './nodes.js';
import { consent } from './recipe.js';

/** @typedef {import('./types.js').Preflight} Preflight */

/**
 * Shows what a swap to `model` would do, and does it when asked.
 * @param {import('./types.js').Model} model @param {import('./types.js').World} world
 */
export async function previewDialog(model, world) {
  const { dialog, body, buttons } = openDialog(`Swap to ${model.repo}`, { wide: true });
  const cancel = closeButton();
  const go = h('button.primary', { type: 'button', 'aria-disabled': true }, 'Swap');
  const recipe = recipeChoice(model);
  const plan = h('div.plan');
  body.append(recipe?.row ?? '', plan);
  buttons.append(cancel, go);
  cancel.focus();
  let asked = 0;
  /** @type {Set<string>} */
  const yes = new Set();
  /** @type {Map<string, any>} What was asked for, so that a yes can be taken back. */
  const asking = new Map();
  const wish = () => ({ repo: model.repo, recipe: recipe?.value() ?? null, allow: [...yes] });

  const look = async () => {
    asked += 1;
    const mine = asked;
    go.setAttribute('aria-disabled', 'true');
    plan.replaceChildren(h('p', { role: 'status' }, 'Looking at the nodes…'));
    try {
      const preflight = await call('POST', 'api/preflight', wish());
      if (mine !== asked) return;
      for (const c of preflight.confirm ?? []) asking.set(c.name, c);
      plan.replaceChildren(...[...asking.values()].map((c) => consent(c, yes, look)), ...preview(preflight, world));
      go.setAttribute('aria-disabled', String((preflight.blockers ?? []).length > 0 || !preflight.plan));
    } catch (problem) {
      if (mine === asked) plan.replaceChildren(problemBox(problem));
    }
  };
  recipe?.select.addEventListener('change', () => {
    yes.clear();
    asking.clear();
    return look();
  });
  go.addEventListener('click', async () => {
    if (go.getAttribute('aria-disabled') === 'true') return;
    plan.querySelector('.problem')?.remove();
    try {
      const { operation } = await busy(go, 'Swapping…', () => call('POST', 'api/swap', wish()));
      dialog.close();
      location.hash = operation?.id ? `#/operations/${operation.id}` : '#/operations';
    } catch (problem) {
      plan.prepend(problemBox(problem));
      plan.scrollIntoView({ block: 'start' });
      // What it was refused for may be news: the way to it leads out of the dialog.
      if (problem instanceof Problem && problem.operation) plan.querySelector('.problem a')?.addEventListener('click', () => dialog.close());
    }
  });
  await look();
}

/** @param {import('./types.js').Model} model */
function recipeChoice(model) {
  const names = [model.recipe, ...(model.alternatives ?? [])].filter((name) => typeof name === 'string');
  if (names.length < 2) return null;
  const select = /** @type {HTMLSelectElement} */ (h('select', { id: 'recipe' }, names.map((name) => h('option', { value: name }, name))));
  return { select, value: () => select.value, row: h('p.row.recipe', null, h('label', { for: 'recipe' }, 'Recipe'), select) };
}

/** @param {Preflight} preflight @param {import('./types.js').World} world @returns {(HTMLElement | string)[]} */
function preview({ plan, commands = [], blockers = [], warnings = [], memory = [], checks = [] }, world) {
  return [
    h('p.offscreen', { role: 'status' }, blockers.length > 0 ? `Blocked: ${blockers.length} reasons.` : 'The swap can be done.'),
    ...blockers.map((b) => finding('bad', 'Blocked', b)),
    ...warnings.map((w) => finding('warn', 'Note', w)),
    plan ? h('dl.facts', null,
      fact('Stops', plan.stops?.length ? plan.stops.map((id) => stopped(id, world)) : 'nothing'),
      fact('Starts', [h('div', null, h('code', null, plan.served_name)), h('div.dim', null, `recipe ${plan.recipe}`)]),
      fact('Nodes', (plan.nodes ?? []).map((node, rank) => h('div', null, `${node} `, h('span.dim', null, `rank ${rank}${rank === 0 ? ', head' : ''}`)))),
      fact('Expected time', known(plan.expected_s) ? `${duration(plan.expected_s)}, as at the last good launch` : 'not known: it has not been launched here yet')) : '',
    memory.length > 0 ? h('section', null, h('h3', null, 'Memory'), memory.map(forecast)) : '',
    checks.length > 0 ? h('details', null, h('summary', null, `Checks (${checks.length})`), h('ul.plain', null, checks.map(checked))) : '',
    plan?.steps?.length ? h('details', null, h('summary', null, `Steps (${plan.steps.length})`), h('ol.steps.plan-steps', null, plan.steps.map((step) => h('li', null,
      h('span.step-name', null, words(step.name)), h('span.step-detail', null, [step.node && `${step.node}: `, step.text]))))) : '',
    commands.length > 0 ? h('details', null, h('summary', null, `Exact commands (${commands.length})`), commands.map((c) =>
      copyRow(`${c.node}${known(c.rank) ? `, rank ${c.rank}` : ''}`, c.rendered))) : '',
  ];
}

/** @param {NonNullable<Preflight['checks']>[number]} check */
function checked({ name, node, state: result, detail }) {
  /** @type {Record<string, [string, string]>} */
  const looks = { ok: ['ok', 'In order'], warning: ['warn', 'Note'], blocked: ['bad', 'Blocked'], unknown: ['off', 'Not known'] };
  const [tone, word] = looks[result] ?? ['off', words(result)];
  return h('li', null, state(tone, word), ` ${words(name)}${node ? ` on ${node}` : ''} `, h('span.dim', null, detail));
}

/** @param {string} id @param {import('./types.js').World} world */
function stopped(id, world) {
  const name = world.units.find((u) => u.id === id)?.served_name;
  return h('div', null, h('code', null, name ?? id), name && h('span.dim', null, ` unit ${id}`));
}

/** @param {string} name @param {import('./dom.js').Child} value */
const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value));

/** @param {string} tone @param {string} word @param {import('./types.js').Finding} finding */
const finding = (tone, word, { node, message, fix }) => h(`div.callout.${tone}`, null,
  h('strong', null, node ? `${word} on ${node}` : word), h('p', null, message),
  fix && h('div.fix-row', null, h('p.fix', null, fix), h('button.small', { type: 'button', 'data-act': 'copy', 'data-arg': fix, 'aria-label': `Copy the fix: ${message}` }, 'Copy')));

/** @param {import('./types.js').Forecast} f */
function forecast(f) {
  if (!known(f.total_bytes) || !known(f.available_bytes)) return h('p.dim', null, `${f.node}: memory unknown`);
  const room = f.available_bytes + (f.freed_bytes ?? 0);
  const stays = Math.max(0, f.total_bytes - room);
  const short = known(f.need_bytes) && f.need_bytes > room;
  /** @type {Record<string, string>} */
  const sources = { measured: 'measured at the last launch', recipe: 'from the recipe', estimate: 'an estimate' };
  /** @type {[string, string, import('./types.js').Maybe<number>][]} */
  const parts = [['other', 'stays in use', stays], [short ? 'short' : 'gpu', 'needed', f.need_bytes],
    ['free', 'left', known(f.need_bytes) ? Math.max(0, room - f.need_bytes) : null]];
  return h('div.memory', null,
    h('div.row', null, h('span', null, f.node), h('span.end', null, h('strong', null, gib(f.need_bytes)), ` needed of ${gib(room)} free after the stop`)),
    bar(parts, f.total_bytes, `Memory of ${f.node} after the swap`),
    legend(parts),
    h('p.dim', null, `${gib(f.available_bytes)} available now, ${gib(f.freed_bytes)} given back by the stop; the need is ${sources[f.need_source ?? ''] ?? 'not known'}.`,
      short && h('strong', null, ` Short by ${gib((f.need_bytes ?? 0) - room)}.`)));
}
