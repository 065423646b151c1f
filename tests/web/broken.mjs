// Swaps that do not end well, on nodes that are broken through the simulator.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { inAllModes, open, sound, WIDE } from './page.mjs';
import { begin, end } from './swap.mjs';

const REPO = 'Qwen/Qwen3-0.6B';
const NO_CACHE = 'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.';

function fault(...words) {
  const [verb, ...rest] = words;
  for (const node of (process.env.SPARK_SIM_NODES ?? '').split(':')) execFileSync(process.env.SPARK_SIM ?? '', ['fault', node, verb, ...rest]);
}

/** A model without room for its cache: the first cause, what to do, and the engine's own words. */
export async function failed() {
  fault('set', 'engine', '--stage', 'kv', '--line', NO_CACHE);
  const page = await open(WIDE);
  const panel = await begin(page, REPO);
  assert.match(await end(panel), /Failed/);
  fault('clear');
  const told = panel.locator('.callout.bad');
  assert.match(await told.locator('strong').first().innerText(), /cache|memory/i);
  assert.ok((await told.locator('.fix').innerText()).length > 0, 'it says what to do');
  await told.locator('summary').click();
  assert.ok((await told.locator('pre').innerText()).length > 0, 'it shows the lines');
  await sound(page, 'failed');
  await inAllModes('failed', new URL(page.url()).hash, 'section.operation .callout.bad');
  await page.context().close();
}

/** An engine that hangs is cancelled by keyboard; the focus stays with the operation. */
export async function cancelled() {
  fault('set', 'engine', '--stage', 'weights', '--mode', 'hang');
  const page = await open(WIDE);
  const panel = await begin(page, REPO);
  await panel.locator('li.running', { hasText: 'Load' }).waitFor();
  await inAllModes('running', new URL(page.url()).hash, 'section.operation progress');
  await inAllModes('overview-running', '#/', '.strip');
  await panel.getByRole('button', { name: 'Cancel…' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Cancel the operation' }).press('Enter');
  await dialog.waitFor({ state: 'detached' });
  assert.match(await end(panel), /Cancelled/);
  fault('clear');
  const focused = await page.evaluate(() => document.activeElement?.textContent);
  assert.equal(focused, `Swap to ${REPO}`, 'focus is on the operation');
  await sound(page, 'cancelled');
  await page.context().close();
}
