// The page's one event stream: it comes back by itself, and says in words how it stands.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const OPEN_TIMEOUT_MS = 10000;
/** Two and a half heartbeats. */
const SILENCE_MS = 25000;

const SECTIONS = ['snapshot', 'nodes', 'models', 'units', 'services', 'operations', 'alerts', 'traffic', 'settings', 'heartbeat'];

/** @typedef {'connecting' | 'live' | 'reconnecting' | 'offline'} LinkWord */

/** Keeps `/api/events` open. */
export class Connection {
  /** @type {EventSource | null} */ #source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #guard;
  #failures = 0;
  #hadData = false;
  #waiting = false;
  /** When the last event came, by this clock. @type {number | null} */ lastAt = null;
  /** When the stream was lost. @type {number | null} */ lostAt = null;
  /** @type {LinkWord} */ word = 'connecting';

  /**
   * @param {string} url
   * @param {(name: string, data: any) => void} onEvent
   * @param {(word: LinkWord) => void} onWord
   */
  constructor(url, onEvent, onWord) {
    this.url = url;
    this.onEvent = onEvent;
    this.onWord = onWord;
    addEventListener('online', () => this.#hurry());
    addEventListener('offline', () => this.#say());
    addEventListener('pagehide', () => this.#close());
    addEventListener('pageshow', (event) => { if (event.persisted) this.open(); });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#hurry();
    });
  }

  /** Opens the stream anew. */
  open() {
    this.#close();
    const source = new EventSource(this.url);
    this.#source = source;
    this.#watch(OPEN_TIMEOUT_MS);
    source.addEventListener('open', () => this.#watch(SILENCE_MS));
    source.addEventListener('error', () => this.#broken(source));
    for (const name of SECTIONS) {
      source.addEventListener(name, (event) => this.#take(name, /** @type {MessageEvent} */ (event).data));
    }
    this.#say();
  }

  #close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#guard);
    this.#waiting = false;
    this.#source?.close();
    this.#source = null;
  }

  /** @param {number} ms */
  #watch(ms) {
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#later(), ms);
  }

  /** @param {string} name @param {string} text */
  #take(name, text) {
    this.#failures = 0;
    this.#hadData = true;
    this.lastAt = Date.now();
    this.lostAt = null;
    this.#watch(SILENCE_MS);
    this.#say('live');
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return; // a torn event: the next one of its section replaces it
    }
    this.onEvent(name, data ?? {});
  }

  /** @param {EventSource} source */
  #broken(source) {
    this.lostAt ??= Date.now();
    // While CONNECTING the browser retries by itself; CLOSED is final for it, but not for us.
    if (source.readyState === EventSource.CLOSED) this.#later();
    else this.#watch(OPEN_TIMEOUT_MS);
    this.#say();
  }

  /** Tries again after a wait that doubles, with jitter so that many pages do not come at once. */
  #later() {
    this.#close();
    this.lostAt ??= Date.now();
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#waiting = true;
    this.#retry = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
    this.#say();
  }

  /** Network or reader came back: no reason to wait. */
  #hurry() {
    const silent = this.lastAt !== null && Date.now() - this.lastAt > SILENCE_MS;
    if (this.#waiting || silent || this.#source?.readyState === EventSource.CLOSED) {
      this.#failures = 0;
      this.open();
    }
  }

  /** @param {LinkWord} [word] */
  #say(word) {
    const next = word ?? (navigator.onLine === false ? 'offline' : this.#hadData ? 'reconnecting' : 'connecting');
    // A stream that has been opened but has sent nothing since is not live yet.
    if (next === this.word) return;
    this.word = next;
    this.onWord(next);
  }
}
