import fc from 'fast-check';
import { expect, test } from 'vitest';
import { continueTrace } from '../../src/telemetry/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const GRAMMAR = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-0[0-3]$/;

test.each([
  ['00', '01', '01'],
  ['00', '00', '00'],
  ['00', '03', '03'],
  ['00', 'ff', '03'],
])('a trace (version %s, flags %s) is continued with a span of its own', (version, flags, forwarded) => {
  const { traceparent, traceId, isContinued } = continueTrace(`${version}-${TRACE}-${SPAN}-${flags}`);
  expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${forwarded}$`));
  expect(traceparent).not.toContain(SPAN);
  expect({ traceId, isContinued }).toEqual({ traceId: TRACE, isContinued: true });
});

test.each(['cc-%-01', 'cc-%-01-what-comes-later', '01-%-01-'])(
  'a later version (%s) is continued as version 00',
  (text) => {
    const { traceparent, isContinued } = continueTrace(text.replace('%', `${TRACE}-${SPAN}`));
    expect(isContinued).toBe(true);
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  },
);

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['of version ff', `ff-${TRACE}-${SPAN}-01`],
  ['longer than version 00', `00-${TRACE}-${SPAN}-01-more`],
  ['in capital letters', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['of a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['too short', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['two in one', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ['followed by a line end', `00-${TRACE}-${SPAN}-01\n`],
  ['after a space', ` 00-${TRACE}-${SPAN}-01`],
])('a traceparent that is %s starts a new trace, and tracestate must go', (_name, received) => {
  const { traceparent, traceId, isContinued } = continueTrace(received);
  expect(isContinued).toBe(false);
  expect(traceId).not.toBe(TRACE);
  expect(GRAMMAR.exec(traceparent)?.[1]).toBe(traceId);
});

test('whatever is received, what is forwarded is valid', () => {
  const almost = fc
    .tuple(
      fc.stringMatching(/^[0-9a-f]{2}$/),
      fc.stringMatching(/^[0-9a-f]{32}$/),
      fc.stringMatching(/^[0-9a-f]{16}$/),
      fc.stringMatching(/^[0-9a-f]{2}$/),
    )
    .map((parts) => parts.join('-'));
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), (received) => {
      expect(continueTrace(received).traceparent).toMatch(GRAMMAR);
    }),
  );
});

test('ten thousand traces and their spans are all different', () => {
  const ids = Array.from({ length: 10_000 }, () => continueTrace(undefined));
  expect(new Set(ids.map(({ traceId }) => traceId)).size).toBe(10_000);
  expect(new Set(ids.map(({ traceparent }) => traceparent.slice(36, 52))).size).toBe(10_000);
});
