// Walks the dashboard of `spark-sim demo` in Chromium, as an operator would: nodes, models, swap previews, swaps
// to one and to two nodes, each with a streamed answer, a stop, a verification, an outage, a failure
// and a cancel.
//
//   npm install && node dashboard.mjs http://127.0.0.1:9999/ [SCREENSHOT_FOLDER]
//
// It does swap the models of the daemon that it is pointed at.
// CHROMIUM names the browser (default /usr/bin/chromium); OPERATION_S bounds an operation (default 180);
// SPARK_SIM and SPARK_SIM_NODES (its nodes' folders, by colons) let it break the nodes; without them it does not.

import assert from 'node:assert/strict';

import { cancelled, failed } from './broken.mjs';
import { LossyProxy } from './lossy.mjs';
import { axe, base, browser, complaints, MODES, open, shoot, sound, start, WIDE } from './page.mjs';
import { answer, curl, preview, stop, swap } from './swap.mjs';
import { verified } from './verify.mjs';

if (!base) {
  console.error('usage: node dashboard.mjs BASE_URL [SCREENSHOT_FOLDER]');
  process.exit(2);
}
await start();
try {
  await firstLoad();
  await walk();
  for (const [name, options] of Object.entries(MODES)) await look(name, options);
  await outage();
  await stopped();
  await verified('Qwen/Qwen3.6-35B-A3B-FP8');
  if (process.env.SPARK_SIM) {
    await failed();
    await cancelled();
  }
  assert.deepEqual(complaints, [], 'the console is clean');
  console.log('dashboard: all passed');
} finally {
  await browser.close();
}

/** Everything the first view needs, within the budget. */
async function firstLoad() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const files = [];
  page.on('response', (response) => {
    if (!response.url().includes('/api/') && !response.url().startsWith('data:')) files.push(response);
  });
  await page.goto(base);
  await page.locator('article.card').first().waitFor();
  const { gzipSync } = await import('node:zlib');
  let bytes = 0;
  for (const response of files) {
    assert.equal(response.status(), 200, response.url());
    bytes += gzipSync(await response.body()).length;
  }
  console.log(`first load: ${files.length} files, ${(bytes / 1024).toFixed(1)} KiB as gzip`);
  assert.ok(files.length <= 8, `${files.length} files`);
  assert.ok(bytes <= 60 * 1024, `${bytes} bytes`);
  await context.close();
}

/** Every view in one mode. */
async function look(name, options) {
  const page = await open(options);
  for (const [view, ready] of [['overview', 'article.card'], ['models', 'table.models'], ['operations', '.ops'], ['try', 'form.try']]) {
    await page.evaluate((hash) => { location.hash = hash; }, view === 'overview' ? '#/' : `#/${view}`);
    await page.locator(ready).first().waitFor();
    await sound(page, `${name}-${view}`);
  }
  await page.context().close();
}

/** A swap to a model on one node, and from it to one over both; each ends in a streamed answer of that model. */
async function walk() {
  const page = await open(WIDE);
  await nodes(page);
  await steady(page);
  for (const [repo, on] of [['Qwen/Qwen3.6-35B-A3B-FP8', ['spark1 rank 0, head']], ['Qwen/Qwen3.5-122B-A10B-FP8', ['spark1 rank 0, head', 'spark2 rank 1']]]) {
    const served = await preview(page, repo, on);
    await swap(page, repo);
    await answer(page, served);
    await curl(served);
  }
  await page.context().close();
}

/** Nothing runs any more, and the page says what clients get. */
async function stopped() {
  const page = await open(WIDE);
  await stop(page);
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('heading', { name: 'No model is running' }).waitFor();
  await sound(page, 'nothing-runs');
  await page.context().close();
}

/** Each node shows its memory in figures and says how it stands. */
async function nodes(page) {
  const cards = page.locator('article.card');
  await cards.first().waitFor();
  assert.ok(await cards.count() >= 1);
  await cards.first().getByRole('img', { name: /^Unified memory, [\d.]+ GiB in all/ }).waitFor();
  await cards.first().getByText('Reachable').waitFor();
}

/** A new reading changes figures and nothing else: what was opened and focused stays so. */
async function steady(page) {
  await page.locator('article.card summary').first().press('Enter');
  const kept = await page.evaluate(() => new Promise((resolve) => {
    const card = document.querySelector('article.card');
    const summary = document.activeElement;
    const observer = new MutationObserver(() => {
      observer.disconnect();
      setTimeout(() => resolve({ sameCard: card.isConnected, focused: document.activeElement === summary, open: summary.parentElement.open }), 100);
    });
    observer.observe(card.querySelector('.charts'), { subtree: true, attributes: true, characterData: true, childList: true });
  }));
  assert.deepEqual(kept, { sameCard: true, focused: true, open: true });
}

/** The daemon goes away and comes back: the page says so, keeps what it knows, and recovers by itself. */
async function outage() {
  const proxy = await LossyProxy.before(new URL(base));
  const before = complaints.length;
  const page = await open(WIDE, '', proxy.url);
  await page.locator('article.card').first().waitFor();
  assert.ok(await page.locator('#banner').isHidden());
  proxy.down();
  await page.locator('#link-word', { hasText: 'Reconnecting' }).waitFor();
  await page.locator('#banner').waitFor();
  assert.match(await page.locator('#link-age').innerText(), /^last data .+ ago$/);
  assert.ok(await page.locator('article.card').count() > 0, 'the last known state stays');
  await axe(page, 'reconnecting');
  await shoot(page, 'reconnecting');
  proxy.up();
  await page.locator('#link-word', { hasText: 'Live' }).waitFor({ timeout: 30000 });
  assert.ok(await page.locator('#banner').isHidden());
  await page.context().close();
  proxy.close();
  complaints.length = before; // a browser reports every refused connection
}
