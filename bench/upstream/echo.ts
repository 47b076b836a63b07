import { createHash } from 'node:crypto';

/** Of the one message that clients send: as short as most of those of a live page. */
const PAYLOAD = '{"order":"9007199254740993","status":"shipped","at":1763812800}';
const TEXT = 0x81;
const MASKED = 0x80;
const MASK = [0x37, 0xfa, 0x21, 0x3d];

/** What a client sends: a text message in one frame, masked (RFC 6455 §5.2). */
export const ECHO_FRAME = Buffer.from([
  TEXT,
  MASKED | PAYLOAD.length,
  ...MASK,
  ...Buffer.from(PAYLOAD).map((byte, index) => byte ^ (MASK[index % MASK.length] ?? 0)),
]);

const CLIENT_FRAME_BYTES = ECHO_FRAME.length;

/** What comes back for it. */
const ANSWER = Buffer.concat([Buffer.from([TEXT, PAYLOAD.length]), Buffer.from(PAYLOAD)]);
export const ECHOED_BYTES = ANSWER.length;

const KEY = /\r\nsec-websocket-key:[ \t]*(\S+)/i;
const PROTOCOL_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The answer to a handshake (RFC 6455 §4.2.2); `undefined` = the head is none. */
export function switchingAnswer(head: string): string | undefined {
  const key = KEY.exec(head)?.[1];
  if (key === undefined) return undefined;
  const accept = createHash('sha1').update(`${key}${PROTOCOL_ID}`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/**
 * Counts messages: every one has the length of `ECHO_FRAME`, so that the echo needs no parser (proxies that frame anew mask with
 * another key). Returns the answers to those that these bytes complete.
 */
export function createEcho(): (bytes: number) => Buffer {
  let pending = 0;
  return (bytes) => {
    pending += bytes;
    const messages = Math.floor(pending / CLIENT_FRAME_BYTES);
    pending -= messages * CLIENT_FRAME_BYTES;
    return messages === 1 ? ANSWER : Buffer.concat(Array.from({ length: messages }, () => ANSWER));
  };
}
