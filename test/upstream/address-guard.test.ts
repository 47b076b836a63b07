import { expect, test } from 'vitest';
import { isRefusedAddress } from '../../src/base/refused-address.ts';
import { guardedLookup } from '../../src/upstream/address-guard.ts';

test.each([
  '169.254.169.254',
  '169.254.0.1',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '239.255.255.255',
  '255.255.255.255',
  '100.100.100.200',
  '192.0.0.192',
  '::',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::169.254.169.254',
  '::ffff:0.0.0.0',
  '64:ff9b::a9fe:a9fe',
  'fe80::1',
  'febf::1',
  'fe80::1%eth0',
  'ff02::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'not an address',
])('%s is refused', (address) => {
  expect(isRefusedAddress(address)).toBe(true);
});

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '8.8.8.8',
  '::1',
  '::ffff:10.0.0.1',
  'fd00::1',
  '2001:db8::1',
])('%s is allowed', (address) => {
  expect(isRefusedAddress(address)).toBe(false);
});

test('a name with several addresses only leads to those that are allowed', async () => {
  const lookup = guardedLookup((_name, _options, done) =>
    done(null, [
      { address: '169.254.169.254', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]),
  );
  const all = await new Promise((resolve) => lookup('x', { all: true }, (_error, found) => resolve(found)));
  expect(all).toEqual([{ address: '10.0.0.1', family: 4 }]);
  const one = await new Promise((resolve) =>
    lookup('x', {}, (_error, address, family) => resolve([address, family])),
  );
  expect(one).toEqual(['10.0.0.1', 4]);
});
