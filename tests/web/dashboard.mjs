// Walks the dashboard of a running daemon in Chromium, as an operator would:
// nodes, models, swap preview, swap, and a streamed answer.
//
//   npm install && node dashboard.mjs http://127.0.0.1:9999/ [SCREENSHOT_FOLDER]
//
// Meant for `spark-sim demo`: it does swap the model of the daemon that it is pointed at.
// CHROMIUM names the browser (default /usr/bin/chromium); OPERATION_S bounds the swap (default 180);
// SWAP_REPO names the model to swap to (default the first that is ready).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

import { LossyProxy } from './lossy.mjs';

const base = process.argv[2];
const shots = process.argv[3] ?? '';
if (!base) {
  console.error('usage: node dashboard.mjs BASE_URL [SCREENSHOT_FOLDER]');
  process.exit(2);
}
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const OPERATION_MS = Number(process.env.OPERATION_S ?? 180) * 1000;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** What the page said that it should not have said. */
const complaints = [];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
try {
  await firstLoad();
  await walk();
  await outage();
  for (const [name, options] of Object.entries(MODES())) await look(name, options);
  assert.deepEqual(complaints, [], 'the console is clean');
  console.log('dashboard: all passed');
} finally {
  await browser.close();
}

function MODES() {
  return {
    'light-1280': { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
    'dark-1280': { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
    'phone-390': { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true },
    'phone-320': { viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
  };
}

/** A page on its own profile, watched for complaints. */
async function open(options, hash = '', from = base) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  await page.goto(new URL(hash, from).href);
  await page.locator('#link-word', { hasText: 'Live' }).waitFor();
  return page;
}

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
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

/** No rule of axe is broken. Playwright evaluates through the debugger, so the page's CSP stays as it is. */
async function axe(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const told = violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`);
  assert.deepEqual(told, [], `axe on ${name}`);
}

async function noSideways(page, name) {
  const [content, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= room, `${name}: ${content} px of content in ${room} px`);
}

/** Every control that can be pressed is at least 24 px in both directions. */
async function targets(page, name) {
  const small = await page.evaluate(() => [...document.querySelectorAll('button, select, input, summary, nav a, a.button, a.strip')]
    .map((e) => ({ text: e.textContent.trim().slice(0, 30), box: e.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24)).map(({ text, box }) => `${text} ${box.width}x${box.height}`));
  assert.deepEqual(small, [], `targets on ${name}`);
}

/** The three views in one mode. */
async function look(name, options) {
  const page = await open(options);
  for (const [view, ready] of [['overview', 'article.card'], ['models', 'table.models'], ['operations', '.ops, #view .empty'], ['try', 'form.try']]) {
    await page.evaluate((hash) => { location.hash = hash; }, view === 'overview' ? '#/' : `#/${view}`);
    await page.locator(ready).first().waitFor();
    await noSideways(page, `${name} ${view}`);
    await targets(page, `${name} ${view}`);
    await axe(page, `${name} ${view}`);
    await shoot(page, `${name}-${view}`);
  }
  await page.context().close();
}

async function walk() {
  const page = await open({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
  await nodes(page);
  await steady(page);
  await page.getByRole('link', { name: 'Models' }).click();
  const repo = await preview(page);
  await swap(page, repo);
  await answer(page);
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
  const page = await open({ viewport: { width: 1280, height: 900 } }, '', proxy.url);
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

/** Opens the preview of a ready model; nothing is started by looking, and Escape gives the focus back. */
async function preview(page) {
  const wanted = process.env.SWAP_REPO;
  const button = page.getByRole('button', wanted ? { name: `Swap: ${wanted}`, exact: true } : { name: /^Swap: / }).first();
  await button.waitFor();
  const repo = (await button.getAttribute('aria-label')).replace('Swap: ', '');
  await button.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Swap' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Cancel', 'focus is on Cancel');
  await dialog.locator('.plan > :not([role="status"])').first().waitFor();
  assert.deepEqual(await dialog.locator('.callout.bad').allInnerTexts(), [], `nothing blocks the swap to ${repo}`);
  await dialog.getByText('Exact commands').waitFor();
  await dialog.getByText('Memory', { exact: true }).waitFor();
  await dialog.getByText('Exact commands').click();
  await axe(page, 'preview');
  await shoot(page, 'preview');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-arg')), repo, 'focus is back on the button');
  assert.equal(await page.locator('.strip').count(), 0, 'looking starts nothing');
  return repo;
}

/** Swaps, sees it run, and sees it end well. */
async function swap(page, repo) {
  await page.getByRole('button', { name: `Swap: ${repo}` }).click();
  const go = page.getByRole('dialog').getByRole('button', { name: 'Swap' });
  await page.locator('dialog button.primary[aria-disabled="false"]').waitFor();
  await go.click();
  const panel = page.locator('section.operation');
  await panel.getByRole('heading', { name: `Swap to ${repo}` }).waitFor();
  await panel.locator('progress').waitFor();
  await panel.getByRole('button', { name: 'Show log' }).click();
  await panel.locator('.lines > div').first().waitFor();
  await axe(page, 'operation running');
  await shoot(page, 'operation-running');
  await panel.locator('header .state:not(.busy)').waitFor({ timeout: OPERATION_MS });
  await shoot(page, 'operation-ended');
  assert.match(await panel.locator('header .state').innerText(), /Succeeded/);
}

/** The answer of the model grows on the page, and ends. */
async function answer(page) {
  await page.getByRole('link', { name: 'Try it' }).click();
  await page.getByText('Goes to').waitFor();
  await page.getByLabel('Prompt').fill('Say hello.');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#try-answer').waitFor();
  await page.locator('#try-state', { hasText: 'Complete' }).waitFor({ timeout: 60000 });
  assert.ok((await page.locator('#try-answer').innerText()).trim().length > 0);
  await axe(page, 'try it');
  await shoot(page, 'answer');
}
