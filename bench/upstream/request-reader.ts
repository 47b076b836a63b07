/** Just enough of an HTTP/1.1 request parser for an upstream: heads, and bodies of a declared length, which are passed over. */
export interface RequestReader {
  /** Takes the next bytes of the connection. Throws on a body without a length. */
  feed(chunk: Buffer): void;
}

const HEAD_END = '\r\n\r\n';
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)/i;
const WITHOUT_BODY = 'GET ';

function bodyBytesOf(head: string): number {
  if (head.startsWith(WITHOUT_BODY)) return 0;
  const length = CONTENT_LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error('a body without Content-Length');
  return Number(length);
}

/** `onRequest` is called with the head, without its empty line, once the last byte of the body is there. */
export function createRequestReader(onRequest: (head: string) => void): RequestReader {
  let partialHead = '';
  let head = '';
  let bodyBytesLeft = 0;
  return {
    feed(chunk) {
      let rest = chunk;
      if (bodyBytesLeft > 0) {
        const taken = Math.min(bodyBytesLeft, rest.length);
        bodyBytesLeft -= taken;
        rest = rest.subarray(taken);
        if (bodyBytesLeft > 0) return;
        onRequest(head);
      }
      let text = partialHead + rest.toString('latin1');
      for (;;) {
        const end = text.indexOf(HEAD_END);
        if (end === -1) break;
        head = text.slice(0, end);
        text = text.slice(end + HEAD_END.length);
        const length = bodyBytesOf(head);
        if (length > text.length) {
          bodyBytesLeft = length - text.length;
          text = '';
          break;
        }
        text = text.slice(length);
        onRequest(head);
      }
      partialHead = text;
    },
  };
}
