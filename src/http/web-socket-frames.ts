const CLOSE_OPCODE = 8;

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455 §5.2) without looking at what they carry, so that a frame
 * of ours can be put between two of theirs. A few numbers per direction; nothing is kept of the bytes.
 */
export class FrameTracker {
  /** Bytes of the current frame's header so far; 0 between frames and within a payload. */
  #headerSeen = 0;
  #headerLength = 0;
  #lengthBytes = 0;
  /** Of the current frame: the length as far as it was read, then what is left of the payload. */
  #left = 0;
  #hasClose = false;

  /** Whether the next byte begins a frame. */
  get isAtBoundary(): boolean {
    return this.#headerSeen === 0 && this.#left === 0;
  }

  /** A Close frame began in this direction: nothing may follow it. */
  get hasClose(): boolean {
    return this.#hasClose;
  }

  /** All of `bytes` pass. */
  pass(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at = this.#step(bytes, at);
  }

  /** Lets `bytes` pass up to the end of the current frame, and says how many those are. */
  passToBoundary(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.isAtBoundary) at = this.#step(bytes, at);
    return at;
  }

  #step(bytes: Uint8Array, at: number): number {
    if (this.#headerSeen === 0 && this.#left > 0) {
      const taken = Math.min(this.#left, bytes.length - at);
      this.#left -= taken;
      return at + taken;
    }
    this.#header(bytes[at] ?? 0);
    return at + 1;
  }

  #header(byte: number): void {
    const position = this.#headerSeen;
    this.#headerSeen += 1;
    if (position === 0) {
      this.#headerLength = 2;
      if ((byte & 0x0f) === CLOSE_OPCODE) this.#hasClose = true;
    } else if (position === 1) {
      const length = byte & 0x7f;
      this.#lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
      this.#left = this.#lengthBytes === 0 ? length : 0;
      this.#headerLength = 2 + this.#lengthBytes + ((byte & 0x80) === 0 ? 0 : 4);
    } else if (position < 2 + this.#lengthBytes) {
      this.#left = this.#left * 256 + byte;
    }
    if (this.#headerSeen === this.#headerLength) this.#headerSeen = 0;
  }
}

/** Status codes of RFC 6455 §7.4.1 that the gateway closes with. */
export type CloseCode = 1001 | 1008;

/** A Close frame. `mask`: four random bytes towards a server, none towards a client (§5.3). `reason`: ASCII, at most 123 bytes. */
export function closeFrame(code: CloseCode, reason: string, mask: Uint8Array | undefined): Buffer {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2, 'latin1');
  if (mask === undefined) return Buffer.concat([Buffer.from([0x88, payload.length]), payload]);
  for (let index = 0; index < payload.length; index += 1) {
    payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
  }
  return Buffer.concat([Buffer.from([0x88, 0x80 | payload.length]), mask, payload]);
}
