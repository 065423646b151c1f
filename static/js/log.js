// The log of an operation: opened on demand on a stream of its own, and bounded.

import { h } from './dom.js';

const MOST_LINES = 2000;
/** Streams that end without an event before it is held that there is nothing to read. */
const MOST_EMPTY = 3;

/** Follows `/api/operations/{id}/events` while it is shown. */
export class LogView {
  #seq = 0;
  #follow = true;
  /** @type {HTMLElement[]} */ #pending = [];
  #drawing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {EventSource | null} */ #source = null;
  #ended = false;
  #empty = 0;

  /** @param {string} id @param {HTMLElement} box @param {HTMLElement} button */
  constructor(id, box, button) {
    this.id = id;
    this.box = box;
    this.button = button;
    this.lines = h('div.lines', { role: 'log', 'aria-live': 'off', 'aria-label': 'Log', tabindex: 0 });
    this.note = h('span.dim', { role: 'status' }, 'Opening the log…');
    this.pause = h('button.small', { type: 'button', 'aria-pressed': 'false' }, 'Pause');
    this.pause.addEventListener('click', () => this.#setFollow(!this.#follow));
    this.lines.addEventListener('wheel', (event) => { if (event.deltaY < 0) this.#setFollow(false); }, { passive: true });
    this.lines.addEventListener('keydown', (event) => {
      if (['ArrowUp', 'PageUp', 'Home'].includes(event.key)) this.#setFollow(false);
      if (event.key === 'End') this.#setFollow(true);
    });
    box.replaceChildren(h('div.row', null, this.note, this.pause), this.lines);
    box.hidden = false;
    button.textContent = 'Hide log';
    button.setAttribute('aria-expanded', 'true');
    document.addEventListener('visibilitychange', this.#onVisible);
    this.#open();
  }

  /** A hidden page holds no log stream; what was missed is sent again, and told by its sequence number. */
  #onVisible = () => {
    clearTimeout(this.#retry);
    this.#source?.close();
    if (document.visibilityState === 'visible') this.#open();
  };

  /** Hides the log and ends its stream. */
  close() {
    document.removeEventListener('visibilitychange', this.#onVisible);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.box.hidden = true;
    this.box.replaceChildren();
    this.button.textContent = 'Show log';
    this.button.setAttribute('aria-expanded', 'false');
  }

  #open() {
    const source = new EventSource(`api/operations/${encodeURIComponent(this.id)}/events`);
    this.#source = source;
    source.addEventListener('open', () => this.#say(''));
    source.addEventListener('log', (event) => this.#line(event.data));
    source.addEventListener('lagged', (event) => this.#lagged(event.data));
    source.addEventListener('operation', (event) => {
      this.#empty = 0;
      this.#ended = parse(event.data)?.operation?.state !== 'running';
    });
    source.addEventListener('error', () => this.#broken(source));
  }

  /** @param {EventSource} source */
  #broken(source) {
    this.#empty += 1;
    if (this.#ended || this.#empty > MOST_EMPTY) {
      source.close();
      const lines = this.lines.childElementCount + this.#pending.length;
      const end = this.#ended ? 'The operation has ended' : 'The log stream does not come back';
      this.#say(`${end}; ${lines > 0 ? 'this is its log.' : 'there is no log of it.'}`);
    } else if (source.readyState === EventSource.CLOSED) {
      this.#say('The log stream broke; trying again…');
      this.#retry = setTimeout(() => this.#open(), 3000);
    } else {
      this.#say('Reconnecting…');
    }
  }

  /** @param {string} text */
  #say(text) {
    this.note.textContent = text;
  }

  /** @param {string} data */
  #line(data) {
    const line = parse(data)?.line;
    if (!line || (typeof line.seq === 'number' && line.seq <= this.#seq)) return;
    this.#seq = line.seq ?? this.#seq;
    this.#empty = 0;
    const from = line.node ? `${line.node}${typeof line.rank === 'number' ? `:${line.rank}` : ''}` : '';
    this.#add(h('div', null, h('span.from', null, from), ` ${line.text ?? ''}`));
  }

  /** @param {string} data */
  #lagged(data) {
    this.#add(h('div.dim', null, `… ${parse(data)?.missed ?? 'some'} lines were left out …`));
  }

  /** @param {HTMLElement} element */
  #add(element) {
    this.#pending.push(element);
    if (this.#pending.length > MOST_LINES) this.#pending.splice(0, this.#pending.length - MOST_LINES);
    if (this.#drawing) return;
    this.#drawing = true;
    setTimeout(() => this.#draw(), 100);
  }

  #draw() {
    this.#drawing = false;
    this.lines.append(...this.#pending.splice(0));
    const surplus = this.lines.childElementCount - MOST_LINES;
    if (surplus > 0) {
      const range = document.createRange();
      range.setStart(this.lines, 0);
      range.setEnd(this.lines, surplus);
      range.deleteContents();
    }
    if (this.#follow) this.lines.scrollTop = this.lines.scrollHeight;
  }

  /** @param {boolean} follow */
  #setFollow(follow) {
    this.#follow = follow;
    this.pause.textContent = follow ? 'Pause' : 'Follow';
    this.pause.setAttribute('aria-pressed', String(!follow));
    if (follow) this.lines.scrollTop = this.lines.scrollHeight;
  }
}

/** @param {string} data @returns {any} */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
