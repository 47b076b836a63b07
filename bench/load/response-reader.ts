/**
 * Just enough of an HTTP/1.1 response parser for a load generator: a head, then exactly Content-Length bytes.
 * Anything framed in another way is an error, so that a target cannot look fast by answering differently.
 */
export interface ResponseReader {
  /** Takes the next bytes of the connection. Throws on a response without a Content-Length. */
  feed(chunk: Buffer): void;
}

const HEAD_END = '\r\n\r\n';
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i;
const STATUS_LINE = /^HTTP\/1\.1 (\d{3})/;

interface Head {
  readonly status: number;
  readonly contentLength: number;
}

function parseHead(head: string): Head {
  const status = STATUS_LINE.exec(head)?.[1];
  if (status === undefined) throw new Error(`not an HTTP/1.1 response: ${JSON.stringify(head.slice(0, 40))}`);
  const contentLength = CONTENT_LENGTH.exec(head)?.[1];
  if (contentLength === undefined) throw new Error(`response ${status} without Content-Length`);
  return { status: Number(status), contentLength: Number(contentLength) };
}

/** `onResponse` is called with the status once the last byte of the body is there. */
export function createResponseReader(onResponse: (status: number) => void): ResponseReader {
  let partialHead: Buffer | undefined;
  let status = 0;
  let bodyBytesLeft = 0;
  return {
    feed(chunk) {
      let bytes = chunk;
      let offset = 0;
      if (partialHead !== undefined) {
        bytes = Buffer.concat([partialHead, chunk]);
        partialHead = undefined;
      }
      while (offset < bytes.length) {
        if (bodyBytesLeft === 0) {
          const headEnd = bytes.indexOf(HEAD_END, offset, 'latin1');
          if (headEnd === -1) {
            // The caller may reuse its buffer: keep a copy.
            partialHead = Buffer.from(bytes.subarray(offset));
            return;
          }
          const head = parseHead(bytes.toString('latin1', offset, headEnd + 2));
          offset = headEnd + HEAD_END.length;
          status = head.status;
          bodyBytesLeft = head.contentLength;
        }
        const taken = Math.min(bodyBytesLeft, bytes.length - offset);
        bodyBytesLeft -= taken;
        offset += taken;
        if (bodyBytesLeft === 0) onResponse(status);
      }
    },
  };
}
