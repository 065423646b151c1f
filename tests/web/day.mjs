// An operator's day on the dashboard, one whole task a walk: node day.mjs URL FOLDER TASK.
//
// What goes wrong with a node is done by whoever runs this: a line `do WORDS` on standard output asks for it, a line
// on standard input says that it is done.

import assert from 'node:assert/strict';
import readline from 'node:readline';

import { browser, complaints, OPERATION_MS, open, shoot, sound, start, WIDE } from './page.mjs';
import { begin, end, preview, swap } from './swap.mjs';

const SMALL = 'Qwen/Qwen3-0.6B';
const SOLO = 'Qwen/Qwen3.6-35B-A3B-FP8';
const PAIR = 'Qwen/Qwen3.5-122B-A10B-FP8';
const NEW = 'Qwen/Qwen2.5-14B-Instruct-AWQ';

const input = readline.createInterface({ input: process.stdin });
const answers = input[Symbol.asyncIterator]();

/** Has something done to the nodes. @param {string} words */
async function please(words) {
  console.log(`do ${words}`);
  assert.equal((await answers.next()).value, 'done', words);
}

/** @param {import('playwright-core').Page} page @param {string} name */
const go = (page, name) => page.getByRole('navigation').getByRole('link', { name, exact: true }).click();

/** The row of a model. */
const row = (page, repo) => page.locator(`tr[data-key="${repo}"]`);

/** Opens what is done less often with a model. */
async function more(page, repo, button) {
  await go(page, 'Models');
  await row(page, repo).locator('details.more summary').click();
  await row(page, repo).getByRole('button', { name: `${button}: ${repo}` }).click();
  return page.getByRole('dialog');
}

/** The operation that the page shows after something was begun. */
const operation = (page) => page.locator('section.operation').first();

const TASKS = {
  async well(page) {
    for (const node of ['spark1', 'spark2']) await page.locator('article.card').filter({ hasText: node }).getByText('Reachable').waitFor();
    await page.locator('section.units').getByText(SMALL).first().waitFor();
    await sound(page, 'day-1-overview');
    await go(page, 'Health');
    const answer = page.locator('[data-key="deep"] li').filter({ hasText: 'main' });
    await page.getByRole('button', { name: 'Ask now' }).click();
    await answer.getByText(/right$/).waitFor();
    await please('fault service --mode garbage');
    await page.getByRole('button', { name: 'Ask now' }).click();
    await answer.getByText(/wrong$/).waitFor();
    await answer.locator('.fix').waitFor();
    await sound(page, 'day-1-wrong');
    await go(page, 'Overview');
    await page.getByText(/wrong answer|does not answer as it should|garbage/i).first().waitFor();
    await sound(page, 'day-1-alert');
  },

  async swapped(page) {
    await preview(page, PAIR, ['spark1 rank 0, head', 'spark2 rank 1']);
    await swap(page, PAIR);
    await go(page, 'Models');
    await row(page, PAIR).getByText(/Running$/).waitFor();
    assert.doesNotMatch(await row(page, PAIR).innerText(), /never/, 'how long the load took is remembered');
  },

  async failed(page) {
    await please('fault engine --stage weights --line torch.OutOfMemoryError:_CUDA_out_of_memory.');
    const panel = await begin(page, SMALL);
    assert.match(await end(panel), /Failed/);
    await panel.locator('.callout .fix, .fix').first().waitFor();
    const told = await panel.innerText();
    assert.match(told, /memory/i);
    assert.match(told, /on spark\d, rank 0/, 'where it happened');
    await sound(page, 'day-3-first-cause');
  },

  async brought(page) {
    await go(page, 'Models');
    await page.getByRole('button', { name: 'Download…', exact: true }).click();
    let dialog = page.getByRole('dialog');
    await dialog.getByLabel('Repository').fill(NEW);
    await dialog.getByRole('button', { name: 'Look first' }).click();
    await dialog.locator('.plan li').nth(1).waitFor();
    assert.match(await dialog.locator('.plan').innerText(), /GB|GiB/, 'its size');
    await sound(page, 'day-4-look');
    await dialog.locator('button.primary[aria-disabled="false"]').click();
    await operation(page).locator('progress').waitFor();
    await shoot(page, 'day-4-download');
    assert.match(await end(operation(page)), /Succeeded/);
    await go(page, 'Models');
    await page.getByRole('button', { name: `Set up: ${NEW}` }).click();
    dialog = page.getByRole('dialog');
    const plan = dialog.locator('.plan');
    await plan.getByText(/Fits$/).first().waitFor();
    const flags = dialog.getByLabel('Flags of vllm serve, one on a line');
    const proposed = await flags.inputValue();
    await flags.fill(proposed.replace(/--max-model-len=\S+/, '--max-model-len=4096'));
    await plan.getByText(/for 4(\.\d)? k tokens/).waitFor();
    await flags.fill(`${proposed}\n--max-modell-len=1`);
    await plan.getByText(/Did you mean --max-model-len/).waitFor();
    await sound(page, 'day-4-fault');
    await flags.fill(proposed);
    await plan.locator('.callout.bad').first().waitFor({ state: 'detached' });
    await sound(page, 'day-4-set-up');
    await dialog.locator('button.primary[aria-disabled="false"]').click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: `Swap: ${NEW}`, exact: true }).waitFor();
    assert.match(await end(await begin(page, NEW)), /Succeeded/);
  },

  async freed(page) {
    let dialog = await more(page, SMALL, 'Delete');
    await dialog.getByText(/in use$/).first().waitFor();
    await dialog.getByText(/main/).first().waitFor();
    const on = dialog.locator('input[type="checkbox"]:not([disabled])');
    const inUse = await dialog.locator('input[type="checkbox"][disabled]').count();
    assert.ok(inUse >= 1, 'what runs cannot be chosen');
    await sound(page, 'day-5-in-use');
    for (const box of await on.all()) await box.uncheck();
    await dialog.locator('button.danger[aria-disabled="true"]').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    dialog = await more(page, SOLO, 'Delete');
    await dialog.getByText(/come free/).waitFor();
    assert.equal(await dialog.locator('li').filter({ hasText: /spark[12]: [\d.]+ GiB/ }).count(), 2, 'both nodes, with sizes');
    await sound(page, 'day-5-look');
    await dialog.locator('button.danger[aria-disabled="false"]').click();
    assert.match(await end(operation(page)), /Succeeded/);
    await go(page, 'Models');
    await row(page, SOLO).waitFor({ state: 'detached' });
    await row(page, SMALL).waitFor();
  },

  async recovered(page) {
    await go(page, 'Services');
    const ready = (name) => page.locator(`section[data-key="${name}"]`).getByText(/Ready$/).waitFor({ timeout: OPERATION_MS });
    await Promise.all(['kokoro', 'embeddings'].map(ready));
    await sound(page, 'day-6-services');
    await please('reboot');
    await go(page, 'Overview');
    await page.locator('article.card').filter({ hasText: 'spark1' }).getByText(/restarted|started again/i).first().waitFor();
    await sound(page, 'day-6-reboot');
    await go(page, 'Services');
    await page.locator('section[data-key="kokoro"]').getByText(/Ready$/).waitFor({ state: 'detached' });
    await Promise.all(['kokoro', 'embeddings'].map(ready));
    await go(page, 'Operations');
    await page.getByText(/kokoro/).first().waitFor();
    await go(page, 'Health');
    const changes = page.locator('[data-key="history"] details');
    await changes.locator('summary').click();
    await changes.getByText(/reboot|started again/i).first().waitFor();
    await sound(page, 'day-6-history');
  },
};

const task = TASKS[process.argv[4]];
assert.ok(task, `the tasks are ${Object.keys(TASKS).join(', ')}`);
await start();
try {
  const page = await open(WIDE);
  page.setDefaultTimeout(60_000);
  await task(page).catch(async (problem) => {
    await shoot(page, `day-${process.argv[4]}-problem`);
    throw problem;
  });
  assert.deepEqual(complaints, [], 'what the page said');
  console.log('all passed');
} finally {
  await browser.close();
  input.close();
}
