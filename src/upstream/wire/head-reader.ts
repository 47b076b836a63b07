import { endOfToken, endOfValue, isBlank, isLineEnd } from './grammar.ts';
import { malformed } from './wire-fault.ts';

/** The head of an answer. The strings may be parts of a larger one: copy what is kept for long. */
export interface ReceivedHead {
  readonly status: number;
  /** As it was written, Latin-1; '' if there was none. */
  readonly reason: string;
  /** Name, value, name, value … in wire order and spelling, Latin-1. Another head's once this one is dealt with. */
  readonly fields: readonly string[];
}

/** Most bytes of a head, and of the trailers of an answer. */
export const HEAD_BYTES = 16_384;
const MOST_FIELDS = 500;

const COLON = 0x3a;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
/** Start of a status line (RFC 9112 §4): `v` is the minor version, `d` a digit. */
const STATUS_START = 'HTTP/1.v ddd';
/** The least and the greatest character at each place of it. */
const LEAST = Uint8Array.from(STATUS_START, (char) =>
  char === 'v' || char === 'd' ? ZERO : char.charCodeAt(0),
);
const GREATEST = Uint8Array.from(STATUS_START, (char) =>
  char === 'v' ? ZERO + 1 : char === 'd' ? NINE : char.charCodeAt(0),
);
/** A length of more digits could not be counted exactly. */
const LENGTH_DIGITS = 15;
const TIMEOUT = /(?:^|[,; \t])timeout=([0-9]{1,9})(?=$|[,; \t])/i;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;

/**
 * Reads the head of an answer, or the trailers behind its last chunk, from text (Latin-1) that may come in pieces.
 * Everything that two readers could read differently is a `WireFault`, as soon as it is there to be seen: a line end
 * other than CR LF, a folded line, space before a colon, a control byte, anything but one Content-Length of digits or
 * one `Transfer-Encoding: chunked`, and both (RFC 9112 §2.2, §5, §6).
 */
export class HeadReader implements ReceivedHead {
  status = 0;
  reason = '';
  readonly fields: string[] = [];
  /** -1: none was given. */
  contentLength = -1;
  isChunked = false;
  /** HTTP/1.0. */
  isOld = false;
  /** `Connection: close`. */
  closes = false;
  /** `Keep-Alive: timeout`, seconds; -1: none was given. */
  keepAliveSeconds = -1;

  #isTrailers = false;
  /** The line that is not whole yet. */
  #rest = '';
  /** Length of the lines before it. */
  #length = 0;

  begin(): void {
    this.status = 0;
    this.contentLength = -1;
    this.isChunked = false;
    this.isOld = false;
    this.closes = false;
    this.keepAliveSeconds = -1;
    this.#isTrailers = false;
    this.#length = 0;
    this.fields.length = 0;
  }

  /** What follows are trailers. */
  beginTrailers(): void {
    this.#isTrailers = true;
    this.#length = 0;
    this.fields.length = 0;
  }

  /** Position in `piece` behind the empty line at the end; -1 if that is still to come. */
  read(piece: string): number {
    const before = this.#rest.length;
    const text = before === 0 ? piece : this.#rest + piece;
    let at = this.status === 0 ? this.#readStatusLine(text) : 0;
    let lines = Math.max(at, 0);
    while (at !== -1) {
      lines = at;
      const isEnd = isLineEnd(text, at);
      if (isEnd === true) {
        this.#finish(at + 2);
        return at + 2 - before;
      }
      at = isEnd === undefined ? -1 : this.#readField(text, at);
    }
    this.#length += lines;
    this.#rest = lines === 0 ? text : text.slice(lines);
    this.#bound(this.#rest.length);
    return -1;
  }

  #finish(length: number): void {
    this.#bound(length);
    this.#rest = '';
    if (this.isChunked && (this.contentLength !== -1 || this.isOld))
      throw malformed('Transfer-Encoding beside Content-Length, or in HTTP/1.0');
  }

  #bound(more: number): void {
    if (this.#length + more > HEAD_BYTES) throw malformed('the head is too long');
  }

  /** Position behind the line; -1 if it is not whole. */
  #readStatusLine(text: string): number {
    const known = Math.min(text.length, STATUS_START.length);
    for (let at = 0; at < known; at += 1)
      if (!isStatusStart(text.charCodeAt(at), at)) throw malformed('not an answer of HTTP/1');
    if (text.length <= STATUS_START.length) return -1;
    const hasReason = text.charCodeAt(STATUS_START.length) === SPACE;
    const start = hasReason ? STATUS_START.length + 1 : STATUS_START.length;
    const end = hasReason ? endOfValue(text, start) : start;
    const isEnd = isLineEnd(text, end);
    if (isEnd === undefined) return -1;
    if (!isEnd) throw malformed('a status line that does not end');
    const status = decimalOf(text.slice(9, 12));
    if (status < 100) throw malformed('status out of range');
    this.status = status;
    this.isOld = text.charCodeAt(7) === 0x30;
    this.reason = text.slice(start, end);
    return end + 2;
  }

  /** Position behind the line; -1 if it is not whole. */
  #readField(text: string, at: number): number {
    const colon = endOfToken(text, at);
    if (colon === text.length) return -1;
    if (colon === at || text.charCodeAt(colon) !== COLON) throw malformed('a field name that is none');
    let start = colon + 1;
    while (start < text.length && isBlank(text.charCodeAt(start))) start += 1;
    const lineEnd = endOfValue(text, start);
    const isEnd = isLineEnd(text, lineEnd);
    if (isEnd === undefined) return -1;
    if (!isEnd) throw malformed('a field value with a control character');
    let end = lineEnd;
    while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
    this.#take(text.slice(at, colon), text.slice(start, end), text.slice(end, lineEnd));
    return lineEnd + 2;
  }

  #take(name: string, value: string, padding: string): void {
    if (this.fields.length >= MOST_FIELDS * 2) throw malformed(`more than ${MOST_FIELDS} fields`);
    this.fields.push(name, value);
    // Most names are told apart by their length.
    switch (name.length) {
      case 10:
        this.#takeConnection(name.toLowerCase(), value);
        break;
      case 14:
        if (name === 'Content-Length' || name.toLowerCase() === 'content-length')
          this.#takeLength(value, padding);
        break;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') this.#takeCoding(value, padding);
        break;
      default:
    }
  }

  #takeConnection(name: string, value: string): void {
    if (name === 'connection') this.closes ||= CLOSE.test(value);
    else if (name === 'keep-alive') this.keepAliveSeconds = Number(TIMEOUT.exec(value)?.[1] ?? -1);
  }

  /** `padding`: what follows it in its line. Readers are known not to agree on tabs. */
  #takeLength(value: string, padding: string): void {
    const length = padding.includes('\t') ? -1 : decimalOf(value);
    if (length === -1 || this.#isTrailers || this.contentLength !== -1)
      throw malformed('a Content-Length that is none, or not the only one');
    this.contentLength = length;
  }

  #takeCoding(value: string, padding: string): void {
    if (padding.includes('\t') || this.#isTrailers || this.isChunked || value.toLowerCase() !== 'chunked')
      throw malformed('a transfer coding other than chunked');
    this.isChunked = true;
  }
}

function isStatusStart(code: number, at: number): boolean {
  return code >= (LEAST[at] ?? 0) && code <= (GREATEST[at] ?? 0);
}

/** The number that 1 to 15 digits write; -1 if it is anything else. */
function decimalOf(text: string): number {
  if (text.length === 0 || text.length > LENGTH_DIGITS) return -1;
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return -1;
    number = number * 10 + code - ZERO;
  }
  return number;
}
