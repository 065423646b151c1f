// A model is compared with its checksums, from its row to the end of the operation.

import assert from 'node:assert/strict';

import { axe, OPERATION_MS, open, WIDE } from './page.mjs';

/** Verifies `repo` wherever it is; it must be whole. */
export async function verified(repo) {
  const page = await open(WIDE, '#/models');
  const more = page.locator('tr').filter({ hasText: repo }).locator('details.more');
  await more.locator('summary').click();
  await more.getByRole('button', { name: `Verify: ${repo}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: `Verify ${repo}` }).waitFor();
  assert.ok(await dialog.locator('fieldset input:checked').count() > 0, 'the nodes that have it are chosen');
  await axe(page, `verification of ${repo}`);
  await dialog.getByRole('button', { name: 'Verify', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('so are all checksums').first().waitFor({ timeout: OPERATION_MS });
  await page.context().close();
}
