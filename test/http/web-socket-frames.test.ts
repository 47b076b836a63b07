import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeFrame, FrameTracker } from '../../src/http/web-socket-frames.ts';

interface Frame {
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly length: number;
}

const frame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  isMasked: fc.boolean(),
  length: fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(300)),
});

function bytesOf({ opcode, isMasked, length }: Frame): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  header[1] = mask | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  // 0x88 is what a close frame begins with.
  return Buffer.concat([header, Buffer.alloc(isMasked ? 4 : 0, 0x88), Buffer.alloc(length, 0x88)]);
}

describe('the tracker of frames', () => {
  it('finds every boundary, however the bytes are cut into chunks, and no close in a payload', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(70_000)),
        (frames, cuts) => {
          const all = frames.map(bytesOf);
          const bytes = Buffer.concat(all);
          const ends = all.map((_, index) => Buffer.concat(all.slice(0, index + 1)).length);
          const places = [...new Set(cuts.map((cut) => cut % bytes.length)), bytes.length].sort(
            (a, b) => a - b,
          );
          const tracker = new FrameTracker();
          let at = 0;
          for (const place of places) {
            tracker.pass(bytes.subarray(at, place));
            at = place;
            expect(tracker.isAtBoundary).toBe(place === 0 || ends.includes(place));
          }
          expect(tracker.hasClose).toBe(false);
        },
      ),
    );
  });

  it('lets exactly the rest of a frame pass', () => {
    fc.assert(
      fc.property(frame, fc.nat(70_000), fc.integer({ min: 1, max: 9 }), (begun, cut, step) => {
        const whole = bytesOf(begun);
        const place = cut % whole.length;
        const tracker = new FrameTracker();
        tracker.pass(whole.subarray(0, place));
        const rest = Buffer.concat([
          whole.subarray(place),
          bytesOf({ opcode: 1, isMasked: false, length: 3 }),
        ]);
        let passed = 0;
        for (let at = 0; at < rest.length; at += step)
          passed += tracker.passToBoundary(rest.subarray(at, at + step));
        expect(passed).toBe(place === 0 ? 0 : whole.length - place);
      }),
    );
  });

  it('notices a close frame', () => {
    const tracker = new FrameTracker();
    tracker.pass(closeFrame(1001, '', undefined));
    expect([tracker.hasClose, tracker.isAtBoundary]).toEqual([true, true]);
  });
});

describe('a close frame', () => {
  it('is plain towards a client', () => {
    const frame = closeFrame(1008, 'late', undefined);
    expect(frame).toEqual(Buffer.from([0x88, 6, 0x03, 0xf0, ...Buffer.from('late')]));
  });

  it('is masked towards a server', () => {
    const frame = closeFrame(1001, '', Buffer.from([1, 2, 3, 4]));
    expect(frame).toEqual(Buffer.from([0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]));
  });
});
