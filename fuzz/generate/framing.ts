import type { Random } from '../random.ts';

/** A body with the field lines that frame it. Latin-1. */
export interface FramedBody {
  readonly lines: readonly string[];
  readonly bytes: string;
}

/** As chunks, some with extensions, some with trailers. */
export function chunked(body: string, random: Random): string {
  let bytes = '';
  for (let at = 0; at < body.length; ) {
    const length = 1 + random.integer(Math.min(64, body.length - at));
    const extension = random.chance(0.2) ? random.pick([';x=1', ';x="y"', ' ;x', ';']) : '';
    const size = length.toString(16);
    bytes += `${random.chance(0.2) ? size.toUpperCase().padStart(4, '0') : size}${extension}\r\n`;
    bytes += `${body.slice(at, at + length)}\r\n`;
    at += length;
  }
  const trailers = random.chance(0.2)
    ? random.pick(['X-Late: 1\r\n', 'X-Tenant-Id: globex\r\n', 'Content-Length: 5\r\n'])
    : '';
  return `${bytes}0\r\n${trailers}\r\n`;
}

export function framed(body: string, random: Random): FramedBody {
  if (random.chance(0.5)) return { lines: [`Content-Length: ${body.length}`], bytes: body };
  return { lines: ['Transfer-Encoding: chunked'], bytes: chunked(body, random) };
}

/** What a message says of its length, changed so that two servers could disagree. */
export function confuse({ lines, bytes }: FramedBody, random: Random): FramedBody {
  const sized = `Content-Length: ${bytes.length}`;
  const other = `Content-Length: ${random.integer(bytes.length + 8)}`;
  const coding = 'Transfer-Encoding: chunked';
  const obfuscated = random.pick([
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: Chunked',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding:\r\n chunked',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: chunked\x00',
    'Transfer_Encoding: chunked',
    'X: 1\nTransfer-Encoding: chunked',
    ' Transfer-Encoding: chunked',
    'Transfer-Encoding: chun\x00ked',
    'Transfer-Encoding: ,chunked',
    'Transfer-Encoding:',
  ]);
  switch (random.integer(12)) {
    case 0:
      return { lines: [sized, other], bytes };
    case 1:
      return { lines: [sized, sized], bytes };
    case 2:
      return { lines: [...lines, coding], bytes };
    case 3:
      return { lines: [...lines, sized], bytes };
    case 4:
      return { lines: [sized, obfuscated], bytes };
    case 5:
      return { lines: [obfuscated], bytes };
    case 6:
      return { lines: [coding, coding], bytes };
    case 7:
      return { lines: [other], bytes };
    case 8:
      return {
        lines: [
          random.pick([
            `Content-Length: +${bytes.length}`,
            `Content-Length: 0x${bytes.length.toString(16)}`,
            `Content-Length: ${bytes.length}, ${bytes.length}`,
            `Content-Length: ${bytes.length} `,
            `Content-Length: 0${bytes.length}`,
            `Content-Length: -1`,
            `Content-Length: ${bytes.length}.0`,
            'Content-Length: 18446744073709551617',
            `Content-Length:${bytes.length}`,
            `Content_Length: ${bytes.length}`,
            'Content-Length:',
            `Content-Length : ${bytes.length}`,
          ]),
        ],
        bytes,
      };
    case 9:
      return {
        lines: [coding],
        bytes: bytes.replace(/^[0-9a-f]+/i, () =>
          random.pick(['0', '-1', '0x5', 'fffffffff', '10000000000000005', ' 5', '5 ', '5\t', '+5', '']),
        ),
      };
    case 10:
      return {
        lines: [coding],
        bytes: bytes.replace('\r\n', random.pick(['\n', '\r', '\r\n\r\n', ';\n\r\n', ';a=b\rc\r\n'])),
      };
    default:
      return { lines: [], bytes };
  }
}
