// The first-time set-up, and a recipe that is changed: a form whose memory is reckoned while it is filled in.

import { call } from './api.js';
import { closeButton, openDialog, problemBox } from './act.js';
import { busy, gib, h, known, state, tokens, words } from './dom.js';

/** @param {string} repo @param {import('./types.js').World} world */
export async function recipeDialog(repo, world) {
  const path = `api/models/${repo.split('/').map(encodeURIComponent).join('/')}`;
  const model = world.models.models?.find((m) => m.repo === repo);
  const { dialog, body, buttons } = openDialog(`${model?.recipe ? 'Recipe of' : 'Set up'} ${repo}`, { wide: true });
  body.append(h('p', { role: 'status' }, 'Reading the model’s configuration…'));
  const save = h('button.primary', { type: 'button', 'aria-disabled': true }, 'Save recipe');
  buttons.append(closeButton(), save);
  try {
    const suggestion = model?.recipe ? null : await call('GET', `${path}/recipe?suggest=true`);
    const recipe = suggestion ? suggestion.recipe : (await call('GET', `${path}/recipe`)).recipe;
    if (!recipe) {
      body.replaceChildren(h('p', null, `vLLM cannot serve this model (${words(suggestion?.kind?.value)}).`), ...warnings(suggestion));
      return;
    }
    form(path, recipe, suggestion, { dialog, body, save });
  } catch (problem) {
    body.replaceChildren(problemBox(problem));
  }
}

/** @param {any} suggestion */
const warnings = (suggestion) => (suggestion?.warnings ?? []).map((/** @type {any} */ w) => h('div.callout.warn', null,
  h('strong', null, words(w.code)), h('p', null, w.message), w.fix && h('p.fix', null, w.fix)));

/**
 * @param {string} path @param {any} recipe @param {any} suggestion
 * @param {{dialog: HTMLDialogElement, body: HTMLElement, save: HTMLElement}} parts
 */
function form(path, recipe, suggestion, { dialog, body, save }) {
  const image = input('text', recipe.image);
  const nodes = input('number', recipe.nodes ?? 1);
  const port = input('number', recipe.port ?? 8000);
  const name = input('text', recipe.served_name ?? '');
  const flags = /** @type {HTMLTextAreaElement} */ (h('textarea', { rows: 10, spellcheck: 'false' }));
  flags.value = (recipe.flags ?? []).join('\n');
  const fit = h('div.plan', { role: 'status' });
  /** Names that the operator has said yes to. @type {Set<string>} */
  const yes = new Set(recipe.allow ?? []);
  const read = () => ({
    ...recipe, image: image.value.trim(), nodes: Number(nodes.value) || 1, port: Number(port.value) || 8000,
    served_name: name.value.trim() || null, flags: flags.value.split('\n').map((f) => f.trim()).filter(Boolean), allow: [...yes],
  });
  let asked = 0;
  const reckon = async () => {
    asked += 1;
    const mine = asked;
    try {
      const answer = await call('POST', `${path}/fit`, read());
      if (mine !== asked) return;
      fit.replaceChildren(...fitOf(answer, yes, reckon));
      save.setAttribute('aria-disabled', String((answer.faults ?? []).length > 0));
    } catch (problem) {
      if (mine === asked) fit.replaceChildren(problemBox(problem));
      save.setAttribute('aria-disabled', 'true');
    }
  };
  body.replaceChildren(...warnings(suggestion),
    field('recipe-image', 'Image', image, suggestion?.image), field('recipe-nodes', 'Sparks', nodes, suggestion?.placement),
    field('recipe-port', 'Port', port, suggestion?.port), field('recipe-name', 'Served name', name, suggestion?.served_name),
    h('div', null, h('label', { for: 'recipe-flags' }, 'Flags of vllm serve, one on a line'), flags), fit,
    suggestion ? h('details', null, h('summary', null, 'Why these flags'), h('dl.facts', null, (suggestion.flags ?? []).map((/** @type {any} */ f) =>
      h('div', null, h('dt', null, h('code', null, f.name)), h('dd', null, `${f.reason} `, sure(f.confidence)))))) : '');
  flags.id = 'recipe-flags';
  body.addEventListener('input', () => setTimeout(reckon, 250));
  save.addEventListener('click', async () => {
    if (save.getAttribute('aria-disabled') === 'true') return;
    body.querySelector('.problem')?.remove();
    try {
      await busy(save, 'Saving…', () => call('PUT', `${path}/recipe`, read()));
      dialog.close();
    } catch (problem) {
      body.append(problemBox(problem));
    }
  });
  reckon();
}

/** @param {string} type @param {string | number} value */
function input(type, value) {
  const element = /** @type {HTMLInputElement} */ (h('input', { type, autocomplete: 'off', spellcheck: 'false' }));
  element.value = String(value);
  return element;
}

/** @param {string} id @param {string} label @param {HTMLElement} control @param {any} [suggested] */
function field(id, label, control, suggested) {
  control.id = id;
  return h('div', null, h('p.row.recipe', null, h('label', { for: id }, label), control),
    suggested && h('p.dim', null, `${suggested.reason} `, sure(suggested.confidence)));
}

/** @param {string} confidence */
function sure(confidence) {
  /** @type {Record<string, [string, string]>} */
  const looks = { certain: ['ok', 'certain'], likely: ['busy', 'likely'], guess: ['warn', 'a guess'] };
  const [tone, word] = looks[confidence] ?? ['off', words(confidence)];
  return state(tone, word);
}

/** @param {any} answer @param {Set<string>} yes @param {() => void} again @returns {(HTMLElement | string)[]} */
function fitOf({ fit, memory, nodes = [], faults = [], confirm = [] }, yes, again) {
  /** @type {Record<string, [string, string]>} */
  const verdicts = { fits: ['ok', 'Fits'], tight: ['warn', 'Tight'], does_not_fit: ['bad', 'Too large'], unknown: ['off', 'Unknown'] };
  const [tone, word] = verdicts[fit?.verdict] ?? ['off', words(fit?.verdict)];
  return [
    ...faults.map((/** @type {any} */ f) => h('div.callout.bad', null, h('strong', null, f.path), h('p', null, f.message), f.fix && h('p.fix', null, f.fix))),
    ...confirm.map((/** @type {any} */ c) => consent(c, yes, again)),
    h('p', null, state(tone, word), ` ${gib(fit?.need_bytes_per_node)} on each Spark. `, h('span.dim', null, fit?.reason ?? '')),
    memory ? h('p.dim', null, `Weights ${gib(memory.weights_bytes)}, KV cache ${gib(memory.kv_bytes)} for ${tokens(memory.context_tokens)} tokens${known(memory.kv_bytes_per_token) ? ` at ${(memory.kv_bytes_per_token / 1024).toFixed(1)} KiB each` : ''}, contexts ${gib(memory.contexts_bytes)}, spare ${gib(memory.reserve_bytes)}.`) : '',
    h('ul.plain', null, nodes.map((/** @type {any} */ n) => h('li', null, n.node, ' ', state(...(verdicts[n.verdict] ?? ['off', words(n.verdict)])),
      h('span.dim', null, ` ${gib(n.available_bytes)} available, ${gib(n.freed_bytes)} would be given back`)))),
  ];
}

/** A yes by name. @param {any} c @param {Set<string>} yes @param {() => void} again */
export function consent(c, yes, again) {
  const box = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', checked: yes.has(c.name) }));
  box.addEventListener('change', () => {
    if (box.checked) yes.add(c.name);
    else yes.delete(c.name);
    again();
  });
  return h('div.callout.warn', null, h('strong', null, c.name), h('p', null, c.why), h('label.check', null, box, ' I have read this and want it'));
}
