import { foldFieldName, HOP_BY_HOP } from '../http/field-names.ts';

/** The head of an answer is nothing that may be passed on. */
export class AnswerRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AnswerRefused';
  }
}

export interface AnswerFields {
  /** Name, value, name, value …, in the order and spelling that the upstream gave. */
  readonly fields: string[];
  /** As the upstream gave it; -1 if it gave none. */
  readonly contentLength: number;
  readonly location: string | undefined;
  readonly hasCacheControl: boolean;
  /** The body is `text/event-stream`: it may go on for hours. */
  readonly isEventStream: boolean;
}

type Treatment =
  | 'pass'
  | 'drop'
  | 'cache-control'
  | 'connection'
  | 'transfer-encoding'
  | 'content-length'
  | 'content-type'
  | 'location'
  | 'set-cookie';

/** Names seen so far are remembered up to this many: an upstream cannot fill memory with invented ones. */
const REMEMBERED_NAMES = 1000;
const treatments = new Map<string, Treatment>();

/** By the name as it was spelled, so that the hot path neither lower-cases nor allocates. */
function treatmentOf(name: string): Treatment {
  const known = treatments.get(name);
  if (known !== undefined) return known;
  const treatment = classify(name.toLowerCase());
  if (treatments.size < REMEMBERED_NAMES) treatments.set(ownCopy(name), treatment);
  return treatment;
}

/** Fields are parts of the text that they came in, and would keep all of it in memory. */
function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Alt-Svc would lead clients past the gateway; Proxy-* and X-Gatehouse-* are ours to say. */
function classify(name: string): Treatment {
  switch (name) {
    case 'cache-control':
    case 'connection':
    case 'transfer-encoding':
    case 'content-length':
    case 'content-type':
    case 'location':
    case 'set-cookie':
      return name;
    case 'alt-svc':
      return 'drop';
    default:
  }
  const folded = foldFieldName(name);
  const isOurs = HOP_BY_HOP.has(folded) || /^(?:proxy|gatehouse|x-gatehouse)-/.test(folded);
  return isOurs ? 'drop' : 'pass';
}

const EVENT_STREAM = /^text\/event-stream *(?:;|$)/i;

/**
 * What the client gets of an answer's fields (RFC 9110 §7.6.1). Values stay Latin-1, duplicates apart. `raw`: name, value …
 * With `setCookies`, the values of Set-Cookie are put there instead.
 * Throws `AnswerRefused` for a transfer coding that would be lost, and for a status that is none.
 */
export function answerFields(raw: readonly string[], status: number, setCookies?: string[]): AnswerFields {
  if (status > 599) throw new AnswerRefused('status out of range');
  const fields: string[] = [];
  let contentLength = -1;
  let location: string | undefined;
  let hasCacheControl = false;
  let isEventStream = false;
  let connection = '';
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const treatment = treatmentOf(name);
    if (treatment === 'drop') continue;
    const value = raw[index + 1] ?? '';
    switch (treatment) {
      case 'pass':
        fields.push(name, value);
        break;
      case 'content-length':
        contentLength = Number(value);
        // RFC 9110 §8.6: never with 204.
        if (status !== 204) fields.push(name, value);
        break;
      case 'content-type':
        isEventStream ||= EVENT_STREAM.test(value);
        fields.push(name, value);
        break;
      case 'location':
        location = value;
        fields.push(name, value);
        break;
      case 'cache-control':
        hasCacheControl = true;
        fields.push(name, value);
        break;
      case 'connection':
        connection = connection === '' ? value : `${connection},${value}`;
        break;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') throw new AnswerRefused('transfer coding other than chunked');
        break;
      case 'set-cookie':
        if (setCookies === undefined) fields.push(name, value);
        else setCookies.push(ownCopy(value));
        break;
    }
  }
  if (connection !== '') dropNominated(fields, connection);
  return { fields, contentLength, location, hasCacheControl, isEventStream };
}

/**
 * Keeps shared caches from giving one client's answer to another: they know that Authorization matters (RFC 9111 §3.5),
 * but not that a field with an API key does.
 */
export function keepFromSharedCaches({ fields, hasCacheControl }: AnswerFields, variesBy: string): void {
  fields.push('Vary', variesBy);
  if (!hasCacheControl) fields.push('Cache-Control', 'private');
}

/** The Access-Control-* fields of the upstream go, ours come in their place: name, value … */
export function ownCrossOrigin(fields: string[], ours: readonly string[]): void {
  keepFields(fields, (name) => !name.startsWith('access-control-'));
  fields.push(...ours);
}

/** RateLimit and RateLimit-Policy of the upstream go, ours come in their place: name, value … */
export function ownRateLimit(fields: string[], ours: readonly string[]): void {
  keepFields(fields, (name) => name !== 'ratelimit' && name !== 'ratelimit-policy');
  fields.push(...ours);
}

/** What describes the content or is meant for the client is no connection option, whatever Connection says. */
const END_TO_END: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'pragma',
  'retry-after',
  'set-cookie',
  'strict-transport-security',
  'vary',
  'www-authenticate',
  'x-content-type-options',
  'x-frame-options',
]);

function isEndToEnd(name: string): boolean {
  return END_TO_END.has(name) || name.startsWith('content-') || name.startsWith('access-control-');
}

function dropNominated(fields: string[], connection: string): void {
  const options = connection.toLowerCase();
  if (options === 'keep-alive' || options === 'close') return;
  const nominated = new Set(options.split(',').map((option) => option.trim()));
  keepFields(fields, (name) => !nominated.has(name) || isEndToEnd(name));
}

/** Keeps, in place, the fields whose lower-case name is kept. */
function keepFields(fields: string[], isKept: (name: string) => boolean): void {
  let kept = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (!isKept(name.toLowerCase())) continue;
    fields[kept] = name;
    fields[kept + 1] = fields[index + 1] ?? '';
    kept += 2;
  }
  fields.length = kept;
}
