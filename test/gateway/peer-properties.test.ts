import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress, isListed, normaliseAddress } from '../../src/gateway/peer.ts';

const trusted = new BlockList();
trusted.addSubnet('10.0.0.0', 8, 'ipv4');
trusted.addSubnet('fd00::', 8, 'ipv6');

const address = fc.oneof(
  fc.constantFrom('10.0.0.1', '10.255.0.9', 'fd00::1', '::ffff:10.0.0.1'),
  fc.ipV4(),
  fc.ipV6(),
);
const hop = fc.oneof(
  { weight: 8, arbitrary: address },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'unknown', '10.0.0.1:80', '[::1]', '010.0.0.1', '10.0.0', '10.0.0.1 x'),
  },
);

describe('the address of a client behind trusted proxies', () => {
  it('is the last that none of them is, and never one that only a stranger vouches for', () => {
    fc.assert(
      fc.property(
        fc.array(hop, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ', ', ' , '),
        (hops, comma) => {
          const found = clientAddress(hops.join(comma), '10.0.0.1', trusted);
          const nearest = hops.map((each) => normaliseAddress(each)).reverse();
          const stranger = nearest.findIndex((each) => isIP(each) === 0 || !isListed(trusted, each));
          const first = stranger === -1 ? nearest.at(-1) : nearest[stranger];
          expect(found).toBe(first === undefined || isIP(first) === 0 ? undefined : first);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('is the same however an IPv4 address is written into IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(normaliseAddress(`::ffff:${text}`)).toBe(normaliseAddress(text));
      }),
    );
  });

  it('says nothing for a text that is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = clientAddress(text, '10.0.0.1', trusted);
        if (found !== undefined) expect(isIP(found)).not.toBe(0);
      }),
    );
  });
});
