import { WireFault } from './wire-fault.ts';

/** A body that is not there as a whole: it is read only once there is a connection, and as fast as that takes it. */
export interface StreamedBody {
  /** Bytes; undefined: not known, it goes in chunks. */
  readonly length: number | undefined;
  /** Begins to read. Called at most once. */
  start(sink: BodySink): void;
  resume(): void;
  /** No more of it is wanted. */
  stop(): void;
}

export interface BodySink {
  /** False: enough until `resume`. */
  write(bytes: Buffer): boolean;
  end(): void;
}

export interface WireRequest {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value …: Host once, and nothing that frames the message or is of the connection. */
  readonly fields: readonly string[];
  readonly body: Buffer | StreamedBody | undefined;
  /** Asks for a switch to WebSocket. */
  readonly isHandshake: boolean;
  /** From the end of the request to the end of the answer's head, milliseconds; 0 = for ever. */
  readonly headMilliseconds: number;
  /** Longest pause within the answer's body, milliseconds; 0 = for ever. */
  readonly idleMilliseconds: number;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const NAME = METHOD;
/** Characters past Latin-1 would lose their upper half on the way, and could become CR or LF. */
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

type Treatment = 'send' | 'host' | 'refuse';
/** Names seen so far, up to this many: a client cannot fill memory with invented ones. */
const REMEMBERED_NAMES = 1000;
const treatments = new Map<string, Treatment>();

function treatmentOf(name: string): Treatment {
  const known = treatments.get(name);
  if (known !== undefined) return known;
  const treatment = classify(name.toLowerCase());
  if (treatments.size < REMEMBERED_NAMES) treatments.set(name, treatment);
  return treatment;
}

function classify(name: string): Treatment {
  switch (name) {
    case 'host':
      return 'host';
    case 'connection':
    case 'content-length':
    case 'expect':
    case 'keep-alive':
    case 'transfer-encoding':
    case 'upgrade':
      return 'refuse';
    default:
      return NAME.test(name) ? 'send' : 'refuse';
  }
}

/** Methods whose requests say that they have no body (RFC 9110 §8.6), and which every server expects one of. */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/**
 * Whether a connection is of use after such a request. Not after HEAD, since there are servers that send a body with
 * its answer, nor after a body that the method does not ask for, since there are servers that leave it unread.
 */
export function keepsConnection({ method, body, isHandshake }: WireRequest): boolean {
  if (method === 'HEAD' || isHandshake) return false;
  return body === undefined || body.length === 0 || EXPECTS_BODY.has(method);
}

/** The head of a request, Latin-1, to its end. Throws `WireFault` if it cannot be sent as what it is. */
export function headOf(request: WireRequest): string {
  const { method, target, fields } = request;
  if (!METHOD.test(method) || !TARGET.test(target)) throw unsendable('method or target');
  let host: string | undefined;
  let lines = '';
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    const treatment = treatmentOf(name);
    if (treatment === 'refuse' || NO_VALUE.test(value)) throw unsendable(`field ${JSON.stringify(name)}`);
    if (treatment === 'send') lines += `${name}: ${value}\r\n`;
    else if (host === undefined) host = value;
    else throw unsendable('two Host fields');
  }
  if (host === undefined) throw unsendable('no Host field');
  return `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n${connectionOf(request)}${lines}${framingOf(request)}\r\n`;
}

function connectionOf({ method, isHandshake }: WireRequest): string {
  if (isHandshake) return 'connection: upgrade\r\nupgrade: websocket\r\n';
  return method === 'HEAD' ? 'connection: close\r\n' : 'connection: keep-alive\r\n';
}

function framingOf({ method, body }: WireRequest): string {
  if (body === undefined) return EXPECTS_BODY.has(method) ? 'content-length: 0\r\n' : '';
  if (body.length === undefined) return 'transfer-encoding: chunked\r\n';
  return body.length > 0 || EXPECTS_BODY.has(method) ? `content-length: ${body.length}\r\n` : '';
}

function unsendable(what: string): WireFault {
  return new WireFault('unsendable', `a request that cannot be sent: ${what}`);
}
