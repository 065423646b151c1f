// Acting: dialogs, confirmations, refusals in words, copying, stopping.

import { call, Problem } from './api.js';
import { busy, h, known } from './dom.js';
import { operationTitle } from './unit.js';

/**
 * Opens a modal dialog. Escape and a button with `value="close"` close it; focus goes back by itself.
 * @param {string} title @param {{wide?: boolean}} [options]
 */
export function openDialog(title, { wide = false } = {}) {
  const body = h('div.dialog-body');
  const buttons = h('div.acts');
  const heading = h('h2', { id: 'dialog-title' }, title);
  const dialog = /** @type {HTMLDialogElement} */ (h(`dialog${wide ? '.wide' : ''}`, { 'aria-labelledby': 'dialog-title' }, heading, body, buttons));
  dialog.addEventListener('click', (event) => {
    if (event.target instanceof HTMLButtonElement && event.target.value === 'close') dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    // The button that opened it may be gone with its view.
    if (document.activeElement === document.body) document.getElementById('title')?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, heading, body, buttons };
}

/** The button that changes nothing; it has the focus when the dialog opens. @param {string} [label] */
export const closeButton = (label = 'Cancel') => h('button', { type: 'button', value: 'close', autofocus: true }, label);

/**
 * Asks before an act that cannot be taken back.
 * @param {string} title @param {(string | HTMLElement)[]} text @param {string} yes label of the button that acts
 * @param {() => Promise<unknown>} act runs while the dialog is open, so that a refusal is shown in it
 */
export function confirmAct(title, text, yes, act) {
  const { dialog, body, buttons } = openDialog(title);
  const cancel = closeButton('Back');
  const go = h('button.danger', { type: 'button' }, yes);
  body.append(...text.map((t) => (typeof t === 'string' ? h('p', null, t) : t)));
  buttons.append(cancel, go);
  cancel.focus();
  go.addEventListener('click', async () => {
    if (go.hasAttribute('data-busy')) return;
    body.querySelector('.problem')?.remove();
    try {
      await busy(go, `${yes}…`, act);
      dialog.close();
    } catch (problem) {
      body.append(problemBox(problem));
    }
  });
}

/** A refusal in words, with what can be done and the id to look up in the log. @param {unknown} problem */
export function problemBox(problem) {
  const told = problem instanceof Problem ? problem : new Problem(problem instanceof Error ? problem.message : String(problem));
  /** @type {Record<string, string>} */
  const heads = { busy: 'Another operation is running', blocked: 'This cannot be done now', network: 'No answer', conflict: 'It has changed meanwhile' };
  return h('div.callout.bad.problem', { role: 'alert' },
    h('strong', null, heads[told.code] ?? 'Refused'),
    h('p', null, told.message),
    told.fields.length > 0 && h('ul.plain', null, told.fields.map((f) => h('li', null, f.message))),
    told.hint && h('p.fix', null, told.hint),
    told.operation && h('p', null, h('a', { href: `#/operations/${told.operation.id}` }, `Open: ${operationTitle(told.operation)}`)),
    told.requestId && h('p.dim', null, 'Request id ', h('code', null, told.requestId)));
}

/** @param {string} text @param {HTMLElement} button */
export async function copy(text, button) {
  const done = await toClipboard(text, button);
  const label = button.textContent ?? '';
  if (button.hasAttribute('data-busy')) return;
  button.setAttribute('data-busy', '');
  button.textContent = done ? 'Copied' : 'Select and copy';
  setTimeout(() => {
    button.removeAttribute('data-busy');
    button.textContent = label;
  }, 1500);
}

/** @param {string} text @param {HTMLElement} button */
async function toClipboard(text, button) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* refused: the old way below */ }
  }
  // Plain http on a home network has no clipboard API.
  const field = /** @type {HTMLTextAreaElement} */ (h('textarea.offscreen', { readonly: true, 'aria-hidden': 'true', tabindex: -1 }));
  field.value = text;
  (button.closest('dialog') ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  button.focus();
  return done;
}

/** @param {string} id @param {import('./types.js').World} world */
export function confirmStop(id, world) {
  const unit = world.units.find((u) => u.id === id);
  const name = unit?.served_name ?? unit?.repo ?? id;
  const flying = world.proxy?.requests_in_flight;
  confirmAct(`Stop ${name}?`, [
    `All its containers are stopped on ${(unit?.ranks ?? []).map((r) => r.node).join(' and ') || 'its nodes'}. Clients get 503 until another model is loaded.`,
    known(flying) && flying > 0 ? `${flying} ${flying === 1 ? 'request is' : 'requests are'} in flight now; they are given time to end first.` : 'No request is in flight.',
    'The model stays on disk.',
  ], 'Stop', async () => {
    const { operation } = await call('POST', 'api/stop', { unit: id });
    if (operation?.id) location.hash = `#/operations/${operation.id}`;
  });
}

/** @param {string} id @param {import('./types.js').World} world */
export function confirmAdopt(id, world) {
  const unit = world.units.find((u) => u.id === id);
  confirmAct(`Adopt ${unit?.served_name ?? unit?.repo ?? id}?`, [
    `It was started by ${unit?.owner ?? 'somebody else'}. Once adopted it can be stopped from here, and a swap may stop it to make room.`,
    'Nothing happens to it now.',
  ], 'Adopt', () => call('POST', `api/units/${encodeURIComponent(id)}/adopt`));
}
