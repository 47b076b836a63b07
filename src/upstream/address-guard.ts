import { type LookupAddress, lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isRefusedAddress } from '../base/refused-address.ts';

/** A target's name led to an address that nothing may be forwarded to. */
export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(address: string) {
    super(`${address} is link-local, unspecified, multicast or a metadata service`);
    this.name = 'AddressRefused';
  }
}

/** How names become addresses; a test may answer for DNS. */
export type ResolveName = (
  hostname: string,
  options: { readonly all: true; readonly family?: number; readonly hints?: number },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * The `lookup` of a connection that only yields addresses that may be connected to. It runs at each connect, and
 * the connection goes to what it answered, so a name cannot be checked as one address and used as another.
 */
export function guardedLookup(resolveName: ResolveName = resolve): LookupFunction {
  return (hostname, options, done) => {
    const family = options.family === 4 || options.family === 6 ? { family: options.family } : {};
    const hints = options.hints === undefined ? {} : { hints: options.hints };
    resolveName(hostname, { all: true, ...family, ...hints }, (error, addresses) => {
      if (error !== null) return done(error, []);
      const allowed = addresses.filter(({ address }) => !isRefusedAddress(address));
      const [first] = allowed;
      if (first === undefined) return done(new AddressRefused(hostname), []);
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  };
}
