// The first run: what is left to do before the first swap.

import { call } from './api.js';
import { copyRow, h } from './dom.js';

/** @type {{public_key?: string, fingerprint?: string, install_line?: string} | null} */
let key = null;
let asked = false;

/** Asks for our public key once; the panel is drawn again when it is there. */
function wantKey() {
  if (asked) return;
  asked = true;
  call('GET', 'api/ssh-key').then((answer) => {
    key = answer;
    document.dispatchEvent(new Event('world'));
  }).catch(() => {
    setTimeout(() => { asked = false; }, 10000);
  });
}

/** The set-up panel. @param {import('./types.js').World} world */
export function panel(world) {
  wantKey();
  const needs = world.setup?.needs ?? [];
  return h('section.card.setup', { 'data-key': 'setup', 'aria-label': 'Set-up' },
    h('header', null, h('h2', null, 'Finish the set-up')),
    needs.length > 0 && h('ul', null, needs.map((text) => h('li', null, text))),
    h('h3', null, '1. Let Spark Control in'),
    h('p', null, 'Paste this line in a shell on each Spark. It adds this daemon’s public key to the user that it logs in as.'),
    key?.install_line ? copyRow('Line', key.install_line) : h('p.dim', null, 'Asking the daemon for its key…'),
    key?.public_key ? h('details', null, h('summary', null, 'Public key'), copyRow('Key', key.public_key), h('p.dim', null, key.fingerprint ?? '')) : null,
    h('h3', null, '2. Test each Spark'),
    h('ul.plain', null, world.nodes.map((node) => h('li.row', null, h('span', null, `${node.name ?? node.id} `, h('code', null, `${node.user ?? ''}@${node.host ?? ''}`)),
      h('button', { type: 'button', 'data-act': 'test-node', 'data-arg': node.id, 'aria-label': `Test ${node.name ?? node.id}` }, 'Test'),
      node.link?.host_key && node.link.state === 'quarantined'
        && h('button', { type: 'button', 'data-act': 'host-key', 'data-arg': node.id, 'aria-label': `Host key of ${node.name ?? node.id}` }, 'Host key…')))),
    h('h3', null, '3. Pick a model'),
    h('p', null, h('a', { href: '#/models' }, 'See what is on the disks'), ' once a Spark answers.'));
}
