// What every walk shares: the browser, pages that are watched for complaints, and the checks of one page.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

export const [base, shots = ''] = process.argv.slice(2);
/** Longest time for an operation, milliseconds. */
export const OPERATION_MS = Number(process.env.OPERATION_S ?? 180) * 1000;
export const WIDE = { viewport: { width: 1280, height: 900 }, colorScheme: 'light' };
/** The ways in which the page is looked at. */
export const MODES = {
  'light-1280': WIDE,
  'dark-1280': { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  'phone-390': { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true },
  'phone-320': { viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
};

/** What the page said that it should not have said. */
export const complaints = [];

/** @type {import('playwright-core').Browser} */
export let browser;

export async function start() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** A page on its own profile, watched for complaints. */
export async function open(options, hash = '', from = base) {
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

export async function shoot(page, name) {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

/** The page as it stands is usable: no rule of axe is broken, nothing goes sideways, everything can be hit. */
export async function sound(page, name) {
  await noSideways(page, name);
  await targets(page, name);
  await axe(page, name);
  await shoot(page, name);
}

/** One view in every mode. */
export async function inAllModes(name, hash, ready) {
  for (const [mode, options] of Object.entries(MODES)) {
    const page = await open(options, hash);
    await page.locator(ready).first().waitFor();
    await sound(page, `${mode}-${name}`);
    await page.context().close();
  }
}

/** No rule of axe is broken. Playwright evaluates through the debugger, so the page's CSP stays as it is. */
export async function axe(page, name) {
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
