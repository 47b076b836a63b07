import { BlockList, isIP } from 'node:net';

/**
 * Addresses where no upstream lives, but what a cloud tells its machines does: a tenant's target, or a name that is
 * rebound after the configuration was checked, must not reach them. Loopback and private ranges are where upstreams are.
 */
const REFUSED_IPV4 = new BlockList();
REFUSED_IPV4.addSubnet('0.0.0.0', 8, 'ipv4');
REFUSED_IPV4.addSubnet('169.254.0.0', 16, 'ipv4');
REFUSED_IPV4.addSubnet('224.0.0.0', 4, 'ipv4');
REFUSED_IPV4.addAddress('255.255.255.255', 'ipv4');
// Metadata services outside of link-local: Alibaba Cloud, Oracle Cloud.
REFUSED_IPV4.addAddress('100.100.100.200', 'ipv4');
REFUSED_IPV4.addAddress('192.0.0.192', 'ipv4');

const REFUSED_IPV6 = new BlockList();
REFUSED_IPV6.addAddress('::', 'ipv6');
REFUSED_IPV6.addSubnet('fe80::', 10, 'ipv6');
REFUSED_IPV6.addSubnet('ff00::', 8, 'ipv6');
// Metadata services in unique-local ranges: EC2, Google Cloud.
REFUSED_IPV6.addAddress('fd00:ec2::254', 'ipv6');
REFUSED_IPV6.addAddress('fd20:ce::254', 'ipv6');

/** Addresses that carry an IPv4 address in their last 32 bits: mapped (`::ffff:`), compatible, and NAT64. */
const IPV4_WITHIN = /^(?:::|::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/** Whether a connection to this IP address is refused. What is no IP address is refused too. */
export function isRefusedAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return REFUSED_IPV4.check(address, 'ipv4');
  if (family === 0) return true;
  if (address.includes('%') || REFUSED_IPV6.check(address, 'ipv6')) return true;
  const within = IPV4_WITHIN.exec(new URL(`http://[${address}]`).hostname.slice(1, -1));
  return within !== null && REFUSED_IPV4.check(ipv4Of(within[1] ?? '', within[2] ?? ''), 'ipv4');
}

function ipv4Of(high: string, low: string): string {
  const upper = Number.parseInt(high, 16);
  const lower = Number.parseInt(low, 16);
  return `${upper >> 8}.${upper & 255}.${lower >> 8}.${lower & 255}`;
}
