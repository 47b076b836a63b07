import { OWN_ISSUER } from '../../sessions/session-principal.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import { isLoopback } from './loopback.ts';

/** Keys of JWT access tokens stay published for this long after they signed last; milliseconds. */
const LONGEST_ACCESS = 3_600_000;
const SHORTEST_ACCESS = 1_000;

/** The token service has a name, nobody else has it, and its access tokens are short-lived. */
export function checkTokens(settings: Settings, report: Report): void {
  const { tokens, publicUrl, clients, issuers } = settings;
  if (tokens.access > LONGEST_ACCESS)
    report.problem(['tokens', 'access'], {
      expected: 'at most 1h: a client that needs longer refreshes, or asks again',
    });
  // Zero is refused as every life of zero is.
  if (tokens.access > 0 && tokens.access < SHORTEST_ACCESS)
    report.problem(['tokens', 'access'], { expected: 'at least 1s, since `expires_in` is in seconds' });
  const first = Object.entries(clients).find(([, { grants }]) => grants.length > 0);
  if (publicUrl === undefined && first !== undefined)
    report.problem(['clients', first[0], 'grants'], {
      found: 'a client of the token service without "publicUrl"',
      expected: '"publicUrl", by which clients reach the token service and know it',
      at: 'key',
    });
  if (publicUrl !== undefined && first !== undefined && isInTheClear(publicUrl))
    report.warning(['publicUrl'], 'tokens travel in the clear: OAuth needs https (RFC 6749 section 1.6)');
  for (const [name, { issuer }] of Object.entries(issuers)) {
    if (issuer === publicUrl)
      report.problem(['issuers', name, 'issuer'], {
        expected: "another issuer than `publicUrl`, whose tokens are the gateway's own",
      });
    if (name === OWN_ISSUER)
      report.problem(['issuers', name], {
        found: `an issuer named "${OWN_ISSUER}"`,
        expected: "another name, since that one stands for the gateway's own tokens",
        at: 'key',
      });
  }
}

/** What stays on one machine does not travel. */
function isInTheClear(publicUrl: string): boolean {
  const { protocol, hostname } = new URL(publicUrl);
  return protocol !== 'https:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
}
