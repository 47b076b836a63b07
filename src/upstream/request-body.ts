import { BodyPace } from './body-pace.ts';
import type { ReceivedMessage } from './client-side.ts';
import { ExchangeStopped } from './failure.ts';
import type { ForwardedRequest, RequestBody } from './upstream.ts';
import type { StreamedBody } from './wire/wire-request.ts';

type PresentBody = Exclude<RequestBody, { readonly kind: 'none' }>;

/** Called once, if at all; reading has stopped then. */
export type BodyFails = (error: ExchangeStopped) => void;

/** With GET and HEAD a body has no meaning, and servers that do not read it would take it for the next request. */
function carriesBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Up to this length a body is gathered, sent with the head in one write, and may be sent again. */
const SMALL_BODY_BYTES = 16_384;

function isSmall(body: PresentBody): boolean {
  return body.kind === 'sized' && body.length <= SMALL_BODY_BYTES;
}

interface Sink {
  chunk(bytes: Buffer): void;
  end(): void;
  /** Too large or too slow. The intake has stopped. */
  fail(error: ExchangeStopped): void;
}

interface Intake {
  /** It is not the client who is slow. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** Reads a body from the client, counts it against its limit, and watches its pace. Trailers are left where they are. */
function takeIn(received: ReceivedMessage, body: PresentBody, sink: Sink): Intake {
  const limit = body.kind === 'chunked' ? body.limit : body.length;
  let count = 0;
  const pace = new BodyPace(body, (reason) => fail(new ExchangeStopped('request_timeout', reason)));

  function onData(bytes: Buffer): void {
    pace.came(bytes.length);
    count += bytes.length;
    if (count > limit)
      fail(new ExchangeStopped('body_too_large', `the request body is larger than ${limit} bytes`));
    else sink.chunk(bytes);
  }
  function onEnd(): void {
    stop();
    sink.end();
  }
  function fail(error: ExchangeStopped): void {
    stop();
    sink.fail(error);
  }
  function stop(): void {
    pace.stop();
    received.off('data', onData).off('end', onEnd).pause();
  }

  received.on('data', onData).on('end', onEnd).resume();
  return {
    pause() {
      pace.pause();
      received.pause();
    },
    resume() {
      pace.resume();
      received.resume();
    },
    stop,
  };
}

/** The body of one attempt; undefined: none. */
export function bodyToSend(
  { body, method }: Pick<ForwardedRequest, 'body' | 'method'>,
  received: ReceivedMessage,
  gathered: Buffer | undefined,
  fail: BodyFails,
): Buffer | StreamedBody | undefined {
  if (gathered !== undefined) return gathered;
  if (body.kind === 'none' || !carriesBody(method)) return undefined;
  return streamBody(received, body, fail);
}

/**
 * The body read from the client only as fast as it is sent, and not before: an attempt that never got a connection has
 * touched nothing. Stopping it leaves the client's connection alone.
 */
function streamBody(received: ReceivedMessage, body: PresentBody, fail: BodyFails): StreamedBody {
  let intake: Intake | undefined;
  return {
    length: body.kind === 'sized' ? body.length : undefined,
    start(sink) {
      intake = takeIn(received, body, {
        chunk(bytes) {
          if (!sink.write(bytes)) intake?.pause();
        },
        end: () => sink.end(),
        fail,
      });
    },
    resume: () => intake?.resume(),
    stop: () => intake?.stop(),
  };
}

/**
 * Begins to read what is read of a body before the first attempt: a small one whole, for which `gathered` is called later, or
 * one that is not forwarded, to be thrown away. `undefined`: the body waits for its attempt.
 */
export function takeInEarly(
  { body, method }: Pick<ForwardedRequest, 'body' | 'method'>,
  received: ReceivedMessage,
  fail: BodyFails,
  gathered: (bytes: Buffer) => void,
): { readonly stop: () => void; readonly isGathering: boolean } | undefined {
  if (body.kind === 'none') return undefined;
  if (!carriesBody(method)) return { stop: discardBody(received, body, fail), isGathering: false };
  return isSmall(body) ? { stop: gatherBody(received, body, fail, gathered), isGathering: true } : undefined;
}

/** Gathers a body of known limit. Returns how to stop. */
export function gatherBody(
  received: ReceivedMessage,
  body: PresentBody,
  fail: BodyFails,
  done: (bytes: Buffer) => void,
): () => void {
  const chunks: Buffer[] = [];
  const intake = takeIn(received, body, {
    chunk: (bytes) => void chunks.push(bytes),
    end() {
      const [first] = chunks;
      done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    },
    fail,
  });
  return () => intake.stop();
}

/** Reads a body that is not forwarded, so that what follows on the connection is not taken for it. */
function discardBody(received: ReceivedMessage, body: PresentBody, fail: BodyFails): () => void {
  const intake = takeIn(received, body, { chunk() {}, end() {}, fail });
  return () => intake.stop();
}
