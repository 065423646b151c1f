// The swap as the dashboard does it: preview, swap, the way to its end, an answer; and the stop.

import assert from 'node:assert/strict';

import { axe, base, OPERATION_MS, shoot } from './page.mjs';

const short = (repo) => repo.split('/')[1];

/** The button of `repo` in the list of models. */
async function row(page, repo) {
  await page.getByRole('link', { name: 'Models' }).click();
  const button = page.getByRole('button', { name: `Swap: ${repo}`, exact: true });
  await button.waitFor();
  return button;
}

/**
 * Opens the preview of a swap to `repo`, which must show the nodes `on`; nothing is started by looking, and
 * Escape gives the focus back. Gives the name under which it will be served.
 */
export async function preview(page, repo, on) {
  await (await row(page, repo)).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Swap' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Cancel', 'focus is on Cancel');
  await dialog.getByText('Starts', { exact: true }).waitFor();
  assert.deepEqual(await dialog.locator('.callout.bad').allInnerTexts(), [], `nothing blocks the swap to ${repo}`);
  const fact = (name) => dialog.locator('.facts > div').filter({ has: page.getByText(name, { exact: true }) }).locator('dd');
  assert.deepEqual((await fact('Nodes').innerText()).split('\n'), on, `the nodes of ${repo}`);
  await dialog.getByText('Memory', { exact: true }).waitFor();
  const commands = dialog.locator('details').filter({ hasText: `Exact commands (${on.length})` });
  await commands.locator('summary').click();
  for (const line of await commands.locator('code').allInnerTexts()) assert.match(line, /^docker run .* serve /s);
  await axe(page, `preview of ${repo}`);
  await shoot(page, `preview-${short(repo)}`);
  const served = await fact('Starts').locator('code').innerText();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-arg')), repo, 'focus is back on the button');
  assert.equal(await page.locator('.strip').count(), 0, 'looking starts nothing');
  return served;
}

/** Starts a swap; gives the panel of its operation. */
export async function begin(page, repo) {
  await (await row(page, repo)).click();
  await page.locator('dialog button.primary[aria-disabled="false"]').click();
  const panel = page.locator('section.operation');
  await panel.getByRole('heading', { name: `Swap to ${repo}` }).waitFor();
  return panel;
}

/** Waits until the operation of a panel has ended; gives the word for how. */
export async function end(panel) {
  const state = panel.locator('header .state:not(.busy)');
  await state.waitFor({ timeout: OPERATION_MS });
  return state.innerText();
}

/** Swaps, sees it run, and sees it end well. */
export async function swap(page, repo) {
  const panel = await begin(page, repo);
  await panel.locator('progress').waitFor();
  await panel.getByRole('button', { name: 'Show log' }).click();
  await panel.locator('.lines > div').first().waitFor();
  await axe(page, 'operation running');
  await shoot(page, `running-${short(repo)}`);
  assert.match(await end(panel), /Succeeded/);
  await shoot(page, `ended-${short(repo)}`);
}

/** The answer comes from the model `served`, grows on the page piece by piece, and ends. */
export async function answer(page, served) {
  await page.getByRole('link', { name: 'Try it' }).click();
  await page.getByText('Goes to').waitFor();
  await page.evaluate(() => {
    globalThis.moments = new Set();
    new MutationObserver(() => globalThis.moments.add(performance.now())).observe(document.querySelector('form.try'), { subtree: true, childList: true, characterData: true });
  });
  await page.getByLabel('Prompt').fill('What is 12*17?');
  const asked = page.waitForRequest((request) => request.url().endsWith('/v1/chat/completions'));
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#try-state', { hasText: 'Complete' }).waitFor({ timeout: 60000 });
  assert.match(await page.locator('#try-answer').innerText(), /204/);
  assert.equal((await asked).postDataJSON().model, served, 'the page asks the new model');
  const moments = await page.evaluate(() => globalThis.moments.size);
  assert.ok(moments >= 4, `the answer grew at ${moments} moments`);
  await axe(page, 'try it');
  await shoot(page, `answer-${served}`);
}

/** A client that names no model gets its stream from `served` too, to the end mark. */
export async function curl(served) {
  const response = await fetch(new URL('v1/chat/completions', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'What is 12*17?' }] }),
  });
  const events = (await response.text()).split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
  assert.equal(events.pop(), '[DONE]');
  assert.deepEqual([...new Set(events.map((event) => JSON.parse(event).model))], [served]);
}

/** Stops what runs, from the overview. */
export async function stop(page) {
  await page.getByRole('button', { name: 'Stop…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Back' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Back', 'focus is on the way back');
  await axe(page, 'stop');
  await shoot(page, 'stop');
  await dialog.getByRole('button', { name: 'Stop' }).click();
  assert.match(await end(page.locator('section.operation')), /Succeeded/);
}
