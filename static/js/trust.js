// The SSH link of a node: its host key before it is trusted, and the connection test.

import { call } from './api.js';
import { closeButton, openDialog, problemBox } from './act.js';
import { busy, copyRow, figure, h, state, words } from './dom.js';

/** @typedef {import('./types.js').World} World */

/** Shows the key that a node presents, and asks. @param {string} id @param {World} world */
export function hostKeyDialog(id, world) {
  const node = world.nodes.find((n) => n.id === id);
  const key = node?.link?.host_key;
  if (!node || !key) return;
  const changed = key.state === 'changed' || node.link?.cause === 'host_key_changed';
  const { dialog, body, buttons } = openDialog(changed ? `The host key of ${node.name ?? id} has changed` : `Trust ${node.name ?? id}?`);
  const file = `/etc/ssh/ssh_host_${(key.algorithm ?? 'ssh-ed25519').replace(/^ssh-|^ecdsa-.*$/, (m) => (m === 'ssh-' ? '' : 'ecdsa'))}_key.pub`;
  const sure = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', id: 'key-sure' }));
  const trust = h(`button${changed ? '.danger' : '.primary'}`, { type: 'button', 'aria-disabled': changed }, 'Trust this key');
  const cancel = closeButton();
  body.append(
    h('p', null, changed
      ? 'This is expected after a reinstall or when another machine has taken the address. If neither is so, somebody may be between you and the Spark. No command is sent to it until you decide.'
      : 'The first time, compare the fingerprint with the one that the Spark itself shows.'),
    h('dl.facts', null,
      row('Address', h('code', null, `${node.host ?? id}:${node.ssh_port ?? 22}`)),
      row('Key type', h('code', null, key.algorithm ?? '–')),
      changed ? row('Accepted before', h('code.key', null, key.accepted ?? 'not known')) : null,
      row(changed ? 'Shown now' : 'Fingerprint', h('code.key', null, key.fingerprint))),
    copyRow('On the Spark', `ssh-keygen -lf ${file}`),
    changed ? h('p', null, sure, ' ', h('label', { for: 'key-sure' }, 'I know why the key has changed')) : '');
  buttons.append(cancel, trust);
  cancel.focus();
  sure.addEventListener('change', () => trust.setAttribute('aria-disabled', String(!sure.checked)));
  trust.addEventListener('click', async () => {
    if (trust.getAttribute('aria-disabled') === 'true') return;
    body.querySelector('.problem')?.remove();
    try {
      await busy(trust, 'Trusting…', () => call('POST', `api/nodes/${encodeURIComponent(id)}/trust`, { fingerprint: key.fingerprint }));
      dialog.close();
    } catch (problem) {
      body.append(problemBox(problem));
    }
  });
}

/** @param {string} name @param {import('./dom.js').Child} value */
const row = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value));

/** Tests the connection to a node, step by step. @param {string} id @param {World} world */
export async function testDialog(id, world) {
  const node = world.nodes.find((n) => n.id === id);
  const { body, buttons } = openDialog(`Connection test: ${node?.name ?? id}`);
  const close = closeButton('Close');
  const again = h('button', { type: 'button' }, 'Test again');
  buttons.append(again, close);
  close.focus();
  const run = async () => {
    if (again.hasAttribute('data-busy')) return;
    body.replaceChildren(h('p', { role: 'status' }, 'Testing name, TCP, host key, login, shell, Docker, GPU and cache…'));
    try {
      const test = await busy(again, 'Testing…', () => call('POST', `api/nodes/${encodeURIComponent(id)}/test`));
      body.replaceChildren(h('p', { role: 'status' }, test.passed ? 'Everything passed.' : 'Not everything passed.'), stepList(test.steps ?? []));
    } catch (problem) {
      body.replaceChildren(problemBox(problem));
    }
  };
  again.addEventListener('click', run);
  await run();
}

/** @param {import('./types.js').CheckStep[]} steps */
function stepList(steps) {
  /** @type {Record<string, [string, string]>} */
  const looks = { passed: ['ok', 'passed'], failed: ['bad', 'failed'], skipped: ['off', 'not tried'], warning: ['warn', 'warning'] };
  return h('ol.steps', null, steps.map((step) => {
    const [tone, word] = looks[step.state] ?? ['off', words(step.state)];
    return h('li', null, h('span.step-name', null, words(step.name)), state(tone, word),
      h('span.dim.end', null, step.state === 'skipped' ? '' : figure(step.duration_ms, 'ms')),
      h('div.step-detail', null, step.detail, step.fix && h('p.fix', null, step.fix)));
  }));
}
