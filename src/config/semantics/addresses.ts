import { BlockList, isIP } from 'node:net';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';

const REFUSED = new BlockList();
REFUSED.addSubnet('0.0.0.0', 8, 'ipv4');
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4');
REFUSED.addSubnet('224.0.0.0', 4, 'ipv4');
REFUSED.addAddress('255.255.255.255', 'ipv4');
REFUSED.addAddress('::', 'ipv6');
REFUSED.addSubnet('fe80::', 10, 'ipv6');
REFUSED.addSubnet('ff00::', 8, 'ipv6');
// The metadata service of a large cloud, on its IPv6-only machines.
REFUSED.addAddress('fd00:ec2::254', 'ipv6');

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
export function isRefusedHost(host: string): boolean {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  const family = isIP(address);
  if (family === 0) return false;
  if (family === 4) return REFUSED.check(address, 'ipv4');
  const embedded = embeddedIpv4(address);
  return REFUSED.check(address, 'ipv6') || (embedded !== undefined && REFUSED.check(embedded, 'ipv4'));
}

/** The last 32 bits of `::ffff:a:b` and `64:ff9b::a:b`, as the URL parser writes them. */
function embeddedIpv4(address: string): string | undefined {
  const match = /^(?:::ffff:|64:ff9b::)(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(address);
  if (match === null) return undefined;
  const high = Number.parseInt(match[1] ?? '0', 16);
  const low = Number.parseInt(match[2] ?? '0', 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
