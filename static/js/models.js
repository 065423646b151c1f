// The menu: every model on the disks, whether it can be launched, and the way to launch it.

import { DASH, duration, gib, h, known, moment, short, since, size, state, tokens, words } from './dom.js';

/** @typedef {import('./types.js').Model} Model */

/** @type {Record<string, [string, string]>} */
const STATES = {
  running: ['ok', 'Running'],
  loading: ['busy', 'Loading'],
  ready: ['ok', 'Ready'],
  needs_setup: ['warn', 'Needs set-up'],
  partial: ['warn', 'Incomplete'],
  downloading: ['busy', 'Downloading'],
  no_weights: ['off', 'No weights'],
};

/** @type {Record<string, [string, string]>} */
const FITS = { fits: ['ok', 'Fits'], tight: ['warn', 'Tight'], does_not_fit: ['bad', 'Too large'], unknown: ['off', 'Unknown'] };

/** @type {Record<string, string>} */
const KINDS = {
  chat: 'chat', embedding: 'embedding', rerank: 'rerank', speech_to_text: 'speech to text', text_to_speech: 'text to speech',
  image: 'image', gguf: 'GGUF, for llama.cpp', other: 'other',
};

const COLUMNS = ['Model', 'State', 'Size', 'Nodes', 'Recipe', 'Quantization', 'Context', 'Fit', 'Last loaded', 'Action'];

/** Columns whose figures are not broken over lines. */
const WHOLE = new Set(['State', 'Size', 'Context', 'Last loaded']);

let filter = '';

/** @param {Model} model */
const matches = (model) => filter.split(/\s+/).every((word) => [model.repo, model.state, words(model.state), model.quantization, model.kind, model.recipe]
  .some((text) => text?.toLowerCase().includes(word)));

/** @type {import('./types.js').View} */
export const view = {
  title: 'Models',
  render(world) {
    const list = world.models;
    const models = list.models ?? [];
    const shown = models.filter(matches);
    return [
      h('div.toolbar', { 'data-key': 'filter', 'data-keep': true }, h('label', { for: 'filter' }, 'Filter'),
        h('input', { id: 'filter', type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'name, state, quantization' }),
        h('button.end', { type: 'button', 'data-act': 'download' }, 'Download…')),
      h('p.dim', { 'data-key': 'count' }, list.observed_at
        ? [`${shown.length} of ${models.length} models; disks listed `, since(list.observed_at), ' ago']
        : 'The disks have not been listed yet.'),
      ...(list.recipe_errors ?? []).map((text) => h('p.note', null, `Recipe: ${text}`)),
      models.length === 0 ? h('p.empty', { 'data-key': 'none' }, list.observed_at
        ? 'No model is in the Hugging Face cache of any Spark. Download one; it appears here by itself.'
        : 'Waiting for the first listing of the disks.')
        : shown.length === 0 ? h('p.empty', { 'data-key': 'none' }, 'No model matches the filter.') : table(shown),
    ];
  },
  mounted(root) {
    const input = root.querySelector('#filter');
    if (!(input instanceof HTMLInputElement)) return;
    input.value = filter;
    input.addEventListener('input', () => {
      filter = input.value.trim().toLowerCase();
      document.dispatchEvent(new Event('world'));
    });
  },
  left() {
    filter = '';
  },
  actions: {
    async preview(repo, button, world) {
      const model = world.models.models?.find((m) => m.repo === repo);
      if (model) await (await import('./swap.js')).previewDialog(model, world);
    },
    download: async (_, __, world) => (await import('./transfers.js')).downloadDialog(world),
    'copy-model': async (repo, _, world) => (await import('./transfers.js')).copyDialog(repo, world),
    'verify-model': async (repo, _, world) => (await import('./transfers.js')).verifyDialog(repo, world),
    'delete-model': async (repo) => (await import('./transfers.js')).deleteDialog(repo),
    'set-up': async (repo, _, world) => (await import('./recipe.js')).recipeDialog(repo, world),
  },
};

/** @param {Model[]} models */
function table(models) {
  // On a phone the rows become cards, which takes a table's roles away; so they are written out.
  return h('div.table-box', { 'data-key': 'table' }, h('table.models', { role: 'table' },
    h('caption.offscreen', null, 'Models on the disks of the Sparks'),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, COLUMNS.map((name) => h('th', { scope: 'col', role: 'columnheader' }, name)))),
    h('tbody', { role: 'rowgroup' }, models.map(row))));
}

/** @param {Model} model */
function row(model) {
  const [tone, word] = STATES[model.state] ?? ['off', words(model.state)];
  /** @type {unknown[]} */
  const cells = [
    [state(tone, word), model.running_on?.length ? h('div.dim', null, `on ${model.running_on.join(', ')}`) : null],
    size(model.size_bytes),
    (model.nodes ?? []).map(onNode),
    model.recipe ? [h('code', null, model.recipe), model.recipe_source === 'override' && h('div.dim', null, 'yours'),
      model.alternatives?.length ? h('div.dim', null, `and ${model.alternatives.length} more`) : null] : h('span.dim', null, 'none'),
    model.quantization ?? DASH,
    tokens(model.max_context_tokens),
    fit(model),
    lastLoaded(model),
    button(model),
  ];
  return h('tr', { 'data-key': model.repo, role: 'row' },
    h('th', { scope: 'row', role: 'rowheader' }, h('span.repo', null, ...breakable(model.repo)),
      h('span.dim', null, [known(model.parameters) && `${short(model.parameters)} parameters`, KINDS[model.kind ?? ''] ?? words(model.kind)].filter(Boolean).join(' · '))),
    cells.map((cell, i) => h(WHOLE.has(COLUMNS[i + 1] ?? '') ? 'td.whole' : 'td', { role: 'cell', 'data-label': COLUMNS[i + 1] },
      h('div', null, Array.isArray(cell) && cell.length === 0 ? DASH : /** @type {import('./dom.js').Child} */ (cell)))));
}

/** A long name may break after its slash, hyphens and dots. @param {string} repo */
const breakable = (repo) => repo.split(/(?<=[/_.-])/).flatMap((part, i) => (i ? [h('wbr'), part] : [part]));

/** @param {import('./types.js').ModelOnNode} on */
function onNode(on) {
  const missing = on.missing_count ?? on.missing?.length ?? 0;
  if (on.complete) return h('div', null, on.node, ' ', h('span.dim', null, 'complete'));
  if (on.downloading) return h('div', null, on.node, ' ', state('busy', `growing, ${size(on.size_bytes)}`));
  const names = on.missing ?? [];
  return h('div', null, on.node, ' ', state('warn', missing > 0 ? `${missing} ${missing === 1 ? 'file' : 'files'} missing` : 'incomplete'),
    names.length > 0 && h('details', null, h('summary', null, 'Which'), h('ul.plain.files', null, names.map((name) => h('li', null, name)),
      missing > names.length && h('li', null, `and ${missing - names.length} more`))));
}

/** @param {Model} model */
function fit(model) {
  const [tone, word] = FITS[model.fit?.verdict ?? 'unknown'] ?? ['off', words(model.fit?.verdict)];
  const need = model.fit?.need_bytes_per_node;
  return [state(tone, word), known(need) && h('div.dim', { title: model.fit?.reason },
    `${gib(need, 0)}${(model.fit?.nodes ?? 1) > 1 ? ` on each of ${model.fit?.nodes}` : ''}`)];
}

/** @param {Model} model */
function lastLoaded(model) {
  const last = model.last_loaded;
  return last ? [moment(last.at), h('div.dim', null, `in ${duration(last.load_s)}`)] : h('span.dim', null, 'never');
}

/** @param {Model} model */
function button(model) {
  if (model.state === 'needs_setup') {
    return [h('button.lead', { type: 'button', 'data-act': 'set-up', 'data-arg': model.repo, 'aria-label': `Set up: ${model.repo}` }, 'Set up…'), more(model)];
  }
  const can = model.state === 'ready' || model.state === 'running';
  const label = model.state === 'running' ? 'Restart…' : can ? 'Swap…' : 'Check…';
  return [h(`button${model.state === 'ready' ? '.lead' : ''}`, {
    type: 'button', 'data-act': 'preview', 'data-arg': model.repo, 'aria-disabled': model.state === 'loading',
    'aria-label': `${label.slice(0, -1)}: ${model.repo}`,
  }, label), more(model)];
}

/** What is done less often. @param {Model} model */
const more = (model) => h('details.more', null, h('summary', { 'aria-label': `More for ${model.repo}` }, 'More'),
  h('div.acts', null,
    h('button.small', { type: 'button', 'data-act': 'copy-model', 'data-arg': model.repo, 'aria-label': `Copy to another Spark: ${model.repo}` }, 'Copy…'),
    h('button.small', { type: 'button', 'data-act': 'verify-model', 'data-arg': model.repo, 'aria-label': `Verify: ${model.repo}` }, 'Verify…'),
    model.recipe && h('button.small', { type: 'button', 'data-act': 'set-up', 'data-arg': model.repo, 'aria-label': `Recipe: ${model.repo}` }, 'Recipe…'),
    h('button.small.quiet-bad', { type: 'button', 'data-act': 'delete-model', 'data-arg': model.repo, 'aria-label': `Delete: ${model.repo}` }, 'Delete…')));
