// A prompt to the running model, through the same address that clients use.

import { duration, h, known, state } from './dom.js';

const PATH = 'v1/chat/completions';
/** What is kept of an answer; a model that never stops must not fill the page. */
const MOST_CHARS = 200000;

/** @type {AbortController | null} */
let running = null;

/** @type {import('./types.js').View} */
export const view = {
  title: 'Try it',
  render(world) {
    const proxy = world.proxy;
    const serving = proxy?.state === 'serving' && proxy.model;
    return [
      h('p', { 'data-key': 'target' }, serving ? ['Goes to ', h('code', null, proxy.model), ' through ', h('code', null, `/${PATH}`), '.']
        : [state(proxy?.state === 'swapping' ? 'busy' : 'off', proxy?.state === 'swapping' ? 'A swap is on' : 'No model is running'), ' – a prompt would be refused. ',
          h('a', { href: '#/models' }, 'Choose a model')]),
      h('form.card.try', { 'data-key': 'form', 'data-keep': true },
        h('label', { for: 'prompt' }, 'Prompt'),
        h('textarea', { id: 'prompt', rows: 3, maxlength: 20000 }),
        h('div.acts', null, h('button.primary', { type: 'submit' }, 'Send'), h('button', { type: 'button', id: 'try-stop', hidden: true }, 'Stop')),
        h('p.dim', { id: 'try-state', role: 'status' }),
        h('details', { id: 'try-thought', hidden: true }, h('summary', null, 'Reasoning'), h('pre.answer.dim')),
        h('pre.answer', { id: 'try-answer', hidden: true, tabindex: 0, 'aria-label': 'Answer' })),
    ];
  },
  mounted(root, world) {
    const form = root.querySelector('form.try');
    form?.addEventListener('submit', (event) => {
      event.preventDefault();
      const prompt = /** @type {HTMLTextAreaElement} */ (root.querySelector('#prompt')).value.trim();
      if (prompt && !running) ask(root, world.proxy?.model ?? '', prompt);
    });
    root.querySelector('#try-stop')?.addEventListener('click', () => running?.abort());
  },
  left() {
    running?.abort();
  },
};

/** @param {HTMLElement} root @param {string} model @param {string} prompt */
async function ask(root, model, prompt) {
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (root.querySelector(id));
  const parts = { answer: find('#try-answer'), thought: find('#try-thought pre'), thoughtBox: find('#try-thought') };
  const stop = find('#try-stop');
  const say = (/** @type {string} */ text) => { find('#try-state').textContent = text; };
  running = new AbortController();
  const began = performance.now();
  stop.hidden = false;
  for (const part of [parts.answer, parts.thought]) part.textContent = '';
  parts.answer.hidden = true;
  parts.thoughtBox.hidden = true;
  say('Waiting for the first token…');
  try {
    const response = await fetch(PATH, {
      method: 'POST',
      signal: running.signal,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], stream: true, stream_options: { include_usage: true } }),
    });
    if (!response.ok || !response.body) {
      say(await refusal(response));
      return;
    }
    say(await stream(response.body, parts, began, () => say('Answering…')));
  } catch {
    say(running?.signal.aborted ? 'Stopped; the model was told to stop too.' : 'The stream broke before the answer was complete.');
  } finally {
    running = null;
    stop.hidden = true;
  }
}

/** @param {Response} response */
async function refusal(response) {
  const data = await response.json().catch(() => null);
  const wait = response.headers.get('retry-after');
  const id = response.headers.get('x-request-id');
  return `${data?.error?.message ?? `Refused (HTTP ${response.status})`}${wait ? ` Try again in ${wait} s.` : ''}${id ? ` Request id ${id}.` : ''}`;
}

/**
 * Shows the answer as it comes, and says at the end how fast it was, by the engine's own count of tokens.
 * @param {ReadableStream<Uint8Array>} body @param {{answer: HTMLElement, thought: HTMLElement, thoughtBox: HTMLElement}} parts
 * @param {number} began @param {() => void} onFirst
 */
async function stream(body, parts, began, onFirst) {
  let first = NaN;
  let usage = null;
  let finish = '';
  let done = false;
  for await (const data of events(body)) {
    if (data === '[DONE]') {
      done = true;
      break;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) return `The model broke off: ${chunk.error.message ?? 'no reason given'}`;
    usage = chunk.usage ?? usage;
    const choice = chunk.choices?.[0];
    finish = choice?.finish_reason ?? finish;
    const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? '';
    const text = choice?.delta?.content ?? '';
    if (!thought && !text) continue;
    if (Number.isNaN(first)) {
      first = performance.now();
      onFirst();
    }
    if (thought) append(parts.thought, thought, parts.thoughtBox);
    if (text) append(parts.answer, text, parts.answer);
  }
  const end = performance.now();
  const count = usage?.completion_tokens;
  return [done ? 'Complete' : 'The stream ended without its end mark',
    `first token after ${((first - began) / 1000).toFixed(2)} s`.replace('NaN s', 'no token'), `in all ${duration((end - began) / 1000)}`,
    known(count) && `${count} tokens`, known(count) && end > first && `${((count * 1000) / (end - first)).toFixed(1)} tokens/s`,
    finish && finish !== 'stop' && `ended by ${finish}`].filter(Boolean).join(', ');
}

/** @param {HTMLElement} target @param {string} text @param {HTMLElement} box */
function append(target, text, box) {
  box.hidden = false;
  if ((target.textContent?.length ?? 0) < MOST_CHARS) target.append(text);
}

/** The `data` of each server-sent event of a body. @param {ReadableStream<Uint8Array>} body */
async function* events(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('data:')) yield line.slice(5).trim();
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
