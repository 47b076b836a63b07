import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type RawTunnel, rawTunnel, SWITCH } from '../support/raw-tunnel.ts';

async function openTunnel(): Promise<RawTunnel> {
  const tunnel = await rawTunnel();
  await tunnel.client.until((text) => text.includes('\r\n\r\n'));
  return tunnel;
}

/** What became of the WebSocket is recorded once, and the gateway goes on. */
async function expectRecorded({ gateway }: RawTunnel, code: string): Promise<void> {
  const record = await gateway.audited(({ path }) => path === '/live/raw');
  expect(record).toMatchObject({ decision: 'denied', code, status: 101, tenant: 'acme' });
  expect(
    (await gateway.raw('GET /nowhere HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n')).status,
  ).toBe(404);
}

/** A close with 1008, as a client gets it. */
const GOODBYE = Buffer.concat([Buffer.from([0x88, 20, 0x03, 0xf0]), Buffer.from('credential_revoked')]);

describe('W06 a credential that is revoked while its WebSocket is open', () => {
  it('closes it between two frames, when one was on its way', async () => {
    const tunnel = await openTunnel();
    const { client, upstream, answer, atClient, atUpstream, revoke } = tunnel;
    const frame = Buffer.concat([Buffer.from([0x82, 126, 0x01, 0x00]), Buffer.alloc(256, 0x88)]);
    answer(frame.subarray(0, 100));
    await client.until(() => atClient().length === 100);
    await revoke();
    await upstream.until(() => atUpstream().length > 0);
    answer(Buffer.concat([frame.subarray(100), Buffer.from([0x81, 5]), Buffer.from('later')]));
    await client.closed();
    expect(atClient()).toEqual(Buffer.concat([frame, GOODBYE]));
    await expectRecorded(tunnel, 'credential_revoked');
  });

  it('closes it within a second even in the middle of a frame that does not end', async () => {
    const { client, answer, atClient, upstream, revoke } = await openTunnel();
    answer(Buffer.from([0x82, 127, 0, 0, 0, 0, 0xff, 0, 0, 0, 1, 2, 3]));
    await client.until(() => atClient().length === 13);
    const began = performance.now();
    await revoke();
    await client.closed();
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(atClient()).toHaveLength(13);
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
  });

  it('lets nothing through that the client sends afterwards, and tells the upstream in a masked frame', async () => {
    const { client, atClient, atUpstream, upstream, revoke } = await openTunnel();
    client.send(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x41]));
    await upstream.until(() => atUpstream().length === 7);
    await revoke();
    await client.until(() => atClient().length >= GOODBYE.length);
    client.send(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x42]));
    await client.closed();
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
    const goodbye = atUpstream().subarray(7);
    expect(goodbye.subarray(0, 2)).toEqual(Buffer.from([0x88, 0x80 | 20]));
    const mask = goodbye.subarray(2, 6);
    const payload = goodbye.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    expect(Buffer.from(payload)).toEqual(GOODBYE.subarray(2));
  });

  it.each([
    ['revoked', 'revoke', 'credential_revoked'],
    ['replaced', 'replace', 'credential_expired'],
  ] as const)('closes it too when it was %s before the upstream switched', async (_, takeBack, reason) => {
    const held: { switch?: () => void } = {};
    const tunnel = await rawTunnel((socket) => {
      held.switch = () => void socket.write(SWITCH, 'latin1');
    });
    await tunnel[takeBack]();
    held.switch?.();
    await tunnel.client.closed();
    expect(tunnel.client.received().toString('latin1')).toMatch(new RegExp(`${reason}$`));
    await expectRecorded(tunnel, reason);
  });
});

it('W08 a compressed bomb passes as the bytes that it is: nothing inflates or gathers it here', async () => {
  const { client, atUpstream, upstream } = await openTunnel();
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
  const header = Buffer.alloc(14);
  header.writeUInt16BE(0xc2ff, 0);
  header.writeBigUInt64BE(BigInt(bomb.length), 2);
  const before = process.memoryUsage.rss();
  client.send(Buffer.concat([header, bomb]));
  await upstream.until(() => atUpstream().length === header.length + bomb.length);
  expect(atUpstream()).toEqual(Buffer.concat([header, bomb]));
  expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 1024 * 1024);
});
