import { isIP } from 'node:net';
import { isRefusedAddress } from '../../base/refused-address.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';

/**
 * Refuses addresses where no service of ours can be but the metadata service of a cloud is: link-local, unspecified,
 * multicast, however they are written (RFC 4291 §2.5.5.2 mapped, RFC 6052 §2.1 translated).
 */
export function checkAddress(report: Report, path: ConfigPath, url: string): void {
  if (isRefusedHost(new URL(url).hostname))
    report.problem(path, {
      expected: 'an address that is not link-local, unspecified or multicast',
    });
}

/** `host` as the URL parser normalised it: IPv6 in brackets, IPv4 in four decimal parts. */
function isRefusedHost(host: string): boolean {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  return isIP(address) !== 0 && isRefusedAddress(address);
}
