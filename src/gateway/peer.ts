import { type BlockList, isIP } from 'node:net';
import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';

/** Where a request came from, as far as we believe it. */
export interface Origin {
  /** Address of the client: the TCP peer, or what a trusted proxy says. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  /** Value of Host, or of a trusted proxy's X-Forwarded-Host. */
  readonly host: string | undefined;
}

/** An IPv4-mapped IPv6 address is the IPv4 address: one peer, one budget, one entry in an allow-list. */
export function normaliseAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

export function isListed(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Reads X-Forwarded-* from trusted proxies only. Of X-Forwarded-For the last address that is no trusted proxy counts,
 * since everything before it was written by that address or someone behind it.
 */
export function readOrigin(
  fields: ReceivedFields,
  peerAddress: string,
  isTls: boolean,
  trustedProxies: BlockList | undefined,
): Result<Origin, Denial> {
  const scheme = isTls ? 'https' : 'http';
  const host = fields.values[SLOTS.host];
  if (trustedProxies === undefined || !isListed(trustedProxies, peerAddress))
    return ok({ address: peerAddress, scheme, host });
  if (
    isRepeated(fields, SLOTS.forwardedHost) ||
    isRepeated(fields, SLOTS.forwardedProto) ||
    isRepeated(fields, SLOTS.forwardedFor)
  ) {
    return err(denial('request_malformed', 'a trusted proxy sent an X-Forwarded field twice'));
  }
  const forwardedProto = fields.values[SLOTS.forwardedProto]?.toLowerCase();
  if (forwardedProto !== undefined && forwardedProto !== 'http' && forwardedProto !== 'https') {
    return err(
      denial('request_malformed', 'a trusted proxy sent an X-Forwarded-Proto that is neither http nor https'),
    );
  }
  const address = clientAddress(fields.values[SLOTS.forwardedFor], peerAddress, trustedProxies);
  if (address === undefined)
    return err(
      denial(
        'request_malformed',
        'a trusted proxy sent an X-Forwarded-For with something that is no address',
      ),
    );
  return ok({ address, scheme: forwardedProto ?? scheme, host: fields.values[SLOTS.forwardedHost] ?? host });
}

/**
 * Of the addresses that a request passed, the last that is no trusted proxy, as seen from a peer that is one; `undefined`: there is something
 * among them that is no address.
 */
export function clientAddress(
  forwardedFor: string | undefined,
  peerAddress: string,
  trustedProxies: BlockList | undefined,
): string | undefined {
  if (forwardedFor === undefined) return peerAddress;
  let client = peerAddress;
  for (const hop of forwardedFor.split(',').reverse()) {
    client = normaliseAddress(hop.trim());
    if (isIP(client) === 0) return undefined;
    if (trustedProxies === undefined || !isListed(trustedProxies, client)) return client;
  }
  return client;
}
