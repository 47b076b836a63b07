import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import { refuseDuplicates, requireKnown } from './entries.ts';

const OTHER_CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Keys in the configuration: one id, one digest and a known tenant each. */
export function checkApiKeys(settings: Settings, report: Report): void {
  const { header, keys, pepper } = settings.apiKeys;
  if (OTHER_CREDENTIALS.has(header.toLowerCase()))
    report.problem(['apiKeys', 'header'], { expected: 'a field that carries no other credential' });
  refuseDuplicates(
    report,
    keys.map((key, index) => ({ path: place(index, 'id'), text: key.id })),
    'an id',
  );
  refuseDuplicates(
    report,
    keys.map((key, index) => ({
      path: place(index, 'digest'),
      text: `${key.digest.algorithm}:${key.digest.hex}`,
    })),
    'a digest',
  );
  for (const [index, key] of keys.entries()) {
    requireKnown(report, place(index, 'tenant'), key.tenant, settings.tenants, 'tenant');
    if (key.digest.algorithm === 'hmac-sha256' && pepper === undefined)
      report.problem(place(index, 'digest'), {
        found: 'an hmac-sha256 digest without "apiKeys.pepper"',
        expected: 'the pepper that it was made with',
      });
  }
}

function place(index: number, key: string): ConfigPath {
  return ['apiKeys', 'keys', index, key];
}
