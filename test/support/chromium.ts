import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findProgram } from '../../scripts/packages.ts';

const PROGRAM = findProgram('chromium');

/** Why tests that need a browser do not run, for the title of what is skipped; `undefined` when they do. */
export const chromiumMissing = PROGRAM === undefined ? 'chromium is not installed' : undefined;

/** A person's browser: a profile that outlives its window. */
export interface Browser {
  /** Of the window that is open. */
  readonly context: BrowserContext;
  /** Whole values of the Set-Cookie fields that reached it. */
  readonly setCookies: readonly string[];
  /** What pages complained of in the console: errors of theirs, and what their policy blocked. */
  readonly complaints: readonly string[];
  open(url: string): Promise<Page>;
  /** Closes the window and opens another one on the same profile. */
  restart(): Promise<void>;
  /** Closes it and removes the profile. */
  close(): Promise<void>;
}

const LONGEST_WAIT_MS = 15_000;

/**
 * Headless Chromium, which finds these names (`*.gw.test`) on the loopback and takes any certificate. `address` may have a port, which then
 * stands in for that of every URL.
 */
export async function startBrowser(names: readonly string[], address = '127.0.0.1'): Promise<Browser> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-browser-'));
  const setCookies: string[] = [];
  const complaints: string[] = [];

  async function launch(): Promise<BrowserContext> {
    const context = await chromium.launchPersistentContext(folder, {
      ...(PROGRAM !== undefined && { executablePath: PROGRAM }),
      headless: true,
      ignoreHTTPSErrors: true,
      args: [
        '--no-sandbox',
        '--no-proxy-server',
        '--disable-dev-shm-usage',
        '--ignore-certificate-errors',
        `--host-resolver-rules=${names.map((name) => `MAP ${name} ${address}`).join(', ')}`,
      ],
    });
    context.setDefaultTimeout(LONGEST_WAIT_MS);
    context.on('response', (response) => {
      // The window may close before its answer is here.
      const fields = response.headersArray().catch(() => []);
      void fields.then((all) =>
        setCookies.push(
          ...all.flatMap(({ name, value }) => (name.toLowerCase() === 'set-cookie' ? [value] : [])),
        ),
      );
    });
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    return context;
  }

  let context = await launch();
  return {
    get context() {
      return context;
    },
    setCookies,
    complaints,
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    },
    async restart() {
      await context.close();
      context = await launch();
    },
    async close() {
      await context.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
