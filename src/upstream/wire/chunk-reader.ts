import { HEAD_BYTES, type HeadReader } from './head-reader.ts';
import { malformed } from './wire-fault.ts';

/** Most bytes of a line with the size of a chunk, its extensions included. */
const SIZE_LINE_BYTES = 1024;
const LF = 0x0a;
const CR = 0x0d;

/** A line, or as much of one as is there (RFC 9112 §7.1). */
const SIZE_BEGUN = /^[0-9a-f]{1,8}(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$|^$/i;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9a-z]+";
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const SIZE_LINE = new RegExp(`^([0-9a-f]{1,8})(?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*\\r\\n$`, 'i');

/** What takes the data of chunks. False: no more of it is wanted for now. */
export interface TakesData {
  bodyReceived(bytes: Buffer): boolean;
}

/** Reads a chunked body from bytes that may come in pieces. Extensions and trailers are checked, bounded and dropped. */
export class ChunkReader {
  #state: 'size' | 'data' | 'dataEnd' | 'trailers' = 'size';
  /** The size line that is not whole yet. */
  #line = '';
  /** Bytes of data that are still to come. */
  #missing = 0;
  readonly #trailers: HeadReader;

  /** `trailers`: reads them, once it is done with the head. */
  constructor(trailers: HeadReader) {
    this.#trailers = trailers;
  }

  begin(): void {
    this.#state = 'size';
    this.#line = '';
  }

  /** Reads on from `at`. Position behind the body; -1 if its end is still to come. Throws `WireFault`. */
  read(bytes: Buffer, start: number, sink: TakesData): number {
    let at = start;
    while (at < bytes.length) {
      switch (this.#state) {
        case 'size':
          at = this.#readSize(bytes, at);
          break;
        case 'data':
          at = this.#readData(bytes, at, sink);
          break;
        case 'dataEnd':
          at = this.#readDataEnd(bytes, at);
          break;
        case 'trailers': {
          const end = this.#trailers.read(
            bytes.toString('latin1', at, Math.min(bytes.length, at + HEAD_BYTES + 1)),
          );
          return end === -1 ? -1 : at + end;
        }
      }
    }
    return -1;
  }

  #readSize(bytes: Buffer, at: number): number {
    const lineFeed = bytes.indexOf(LF, at);
    const end = lineFeed === -1 ? bytes.length : lineFeed + 1;
    if (this.#line.length + end - at > SIZE_LINE_BYTES) throw malformed('a chunk size that is too long');
    this.#line += bytes.toString('latin1', at, end);
    if (lineFeed === -1) {
      if (!SIZE_BEGUN.test(this.#line)) throw malformed('a chunk size that is none');
      return end;
    }
    const size = SIZE_LINE.exec(this.#line)?.[1];
    if (size === undefined) throw malformed('a chunk size that is none');
    this.#line = '';
    this.#missing = Number.parseInt(size, 16);
    this.#state = this.#missing === 0 ? 'trailers' : 'data';
    if (this.#missing === 0) this.#trailers.beginTrailers();
    return end;
  }

  #readData(bytes: Buffer, at: number, sink: TakesData): number {
    const end = Math.min(bytes.length, at + this.#missing);
    this.#missing -= end - at;
    if (this.#missing === 0) {
      this.#state = 'dataEnd';
      this.#line = '';
    }
    sink.bodyReceived(bytes.subarray(at, end));
    return end;
  }

  #readDataEnd(bytes: Buffer, at: number): number {
    if (bytes[at] !== (this.#line === '' ? CR : LF)) throw malformed('a chunk that is longer than its size');
    if (this.#line === '') {
      this.#line = '\r';
    } else {
      this.#line = '';
      this.#state = 'size';
    }
    return at + 1;
  }
}
