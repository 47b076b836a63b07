import { EventEmitter } from 'node:events';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { HTTP2, type ReceivedMessage } from '../upstream/client-side.ts';
import type { Http2Head } from './http2-head.ts';

/** The request of one stream. A stream that was reset ends for node:http2 as if it were whole; here it never does. */
export class Http2Request extends EventEmitter implements ReceivedMessage {
  readonly httpVersion = HTTP2;
  readonly socket = undefined;
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly headers: IncomingHttpHeaders;
  complete: boolean;
  readableDidRead = false;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, head: Http2Head, headers: IncomingHttpHeaders) {
    super();
    this.method = head.method;
    this.url = head.target;
    this.rawHeaders = head.rawHeaders;
    this.headers = headers;
    this.complete = stream.endAfterHeaders;
    this.#stream = stream;
    if (this.complete) stream.resume();
    else
      stream.once('end', () => {
        if (stream.aborted) return;
        this.complete = true;
        this.emit('end');
      });
  }

  pause(): this {
    this.#stream.pause();
    return this;
  }

  resume(): this {
    if (!this.readableDidRead) {
      this.readableDidRead = true;
      this.#stream.on('data', (bytes: Buffer) => this.emit('data', bytes));
    }
    this.#stream.resume();
    return this;
  }

  /** What was answered still leaves. */
  destroy(): this {
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    return this;
  }
}
