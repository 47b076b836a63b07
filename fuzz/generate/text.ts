import type { Random } from '../random.ts';

/** Bytes that parsers stumble over, Latin-1. */
const ODD = [
  '\r',
  '\n',
  '\0',
  '\t',
  ' ',
  ':',
  ',',
  ';',
  '=',
  '"',
  '\\',
  '\x7f',
  '\x80',
  '\xff',
  '\x0b',
  '\x0c',
] as const;

/** Changes a few bytes anywhere, without any idea of what they mean. */
export function damage(text: string, random: Random): string {
  let damaged = text;
  for (let round = 1 + random.integer(3); round > 0; round -= 1) damaged = damageOnce(damaged, random);
  return damaged;
}

function damageOnce(text: string, random: Random): string {
  const at = random.integer(text.length + 1);
  const length = 1 + random.integer(8);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (random.integer(8)) {
    case 0:
      return `${before}${String.fromCharCode(after.charCodeAt(0) ^ ((1 << random.integer(8)) & 0xff))}${after.slice(1)}`;
    case 1:
      return `${before}${random.pick(ODD)}${after}`;
    case 2:
      return `${before}${random.pick(ODD)}${after.slice(1)}`;
    case 3:
      return before + after.slice(length);
    case 4:
      return `${before}${after.slice(0, length * 8)}${after}`;
    case 5: {
      const from = random.integer(text.length + 1);
      return before + text.slice(from, from + length * 8) + after;
    }
    case 6:
      return before + after.replace('\r\n', random.pick(['\n', '\r', '\r\r\n', '\r\n ', '\r\n\r\n', '']));
    default:
      return before + String.fromCharCode(random.integer(256)) + after;
  }
}

/** Cuts a text into pieces, at places that a TCP segment could end at. */
export function cut(text: string, random: Random): readonly string[] {
  const places = new Set<number>();
  for (let count = random.integer(6); count > 0; count -= 1) places.add(random.integer(text.length));
  const sorted = [0, ...[...places].filter((place) => place > 0).toSorted((a, b) => a - b), text.length];
  return sorted.slice(1).map((end, index) => text.slice(sorted[index], end));
}

/** Lines, each ended as on the wire, and the empty line. */
export function headOf(lines: readonly string[]): string {
  return [...lines, '', ''].join('\r\n');
}
