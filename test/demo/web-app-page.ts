import type { Page } from 'playwright-core';
import type { Browser } from '../support/chromium.ts';

export const ANNA = { username: 'anna', password: 'acme-anna-pw' };
export const OTHER_ANNA = { username: 'anna', password: 'globex-anna-pw' };

interface LoginDetails {
  readonly username: string;
  readonly password: string;
  readonly company?: string;
  readonly isRemembered?: boolean;
}

export async function logIn(
  page: Page,
  { username, password, company, isRemembered }: LoginDetails,
): Promise<void> {
  if (company !== undefined) await page.fill('#company', company);
  await page.fill('#username', username);
  await page.fill('#password', password);
  if (isRemembered === true) await page.check('#remember');
  await page.click('#login button');
}

/** What the page shows of a session; fails where it does not come to show one. */
export async function shown(page: Page): Promise<string> {
  await page.waitForSelector('#session:not([hidden])');
  const texts = await Promise.all(['#user', '#tenant', '#roles'].map((id) => page.textContent(id)));
  return texts.join(' · ');
}

export async function says(page: Page, text: string): Promise<void> {
  await page.locator('#message', { hasText: text }).waitFor();
}

export async function secondsLeft(page: Page): Promise<number> {
  const [minutes, seconds] = ((await page.textContent('#countdown')) ?? '').split(':').map(Number);
  return (minutes ?? Number.NaN) * 60 + (seconds ?? Number.NaN);
}

export async function cookieNames(browser: Browser): Promise<string> {
  const cookies = await browser.context.cookies();
  return cookies
    .map(({ name, domain }) => `${name} ${domain}`)
    .toSorted()
    .join(', ');
}
