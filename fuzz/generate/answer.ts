import type { Random } from '../random.ts';
import type { Message } from '../read/request.ts';
import type { Script } from '../scene/upstream.ts';
import { confuse, framed } from './framing.ts';
import { cut, damage, headOf } from './text.ts';

/** Names the request in an answer, so that one that went to another shows. */
export const ECHO = 'X-Echo';
/** In what an upstream sends beside its answer; no client may ever see it as one. */
const POISON = 'poisoned-answer';

/** The answer of an upstream that is in order. */
export function soundAnswer({ method, target }: Message): Script {
  const body = `${method} ${target}`;
  const head = headOf(['HTTP/1.1 200 OK', `${ECHO}: ${target}`, `Content-Length: ${body.length}`]);
  return { segments: [method === 'HEAD' ? head : head + body], ending: 'keep', switches: false };
}

const STATUS_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 302 Found',
  'HTTP/1.1 500 Oh no',
  'HTTP/1.1 200',
  'HTTP/1.1 200 ',
  'HTTP/1.1 299 \xe9\xff',
  'HTTP/1.0 200 OK',
] as const;
const ODD_STATUS_LINES = [
  'HTTP/1.1 000 Zero',
  'HTTP/1.1 99 Short',
  'HTTP/1.1 600 High',
  'HTTP/1.1 999 Higher',
  'HTTP/1.1 2000 Long',
  'HTTP/1.1 -20 Minus',
  'HTTP/1.1 2OO OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1.2 200 OK',
  'http/1.1 200 OK',
  'HTTP/1.1 101 Switching Protocols',
  'ICY 200 OK',
  ' HTTP/1.1 200 OK',
  'HTTP/1.1 200 O\0K',
  'GET / HTTP/1.1',
  '',
] as const;
const FIELDS = [
  'Content-Type: text/plain',
  'X-Other: a',
  'X-Other: b',
  'X-Empty:',
  'Set-Cookie: a=b; Path=/',
  'Set-Cookie: __Host-gatehouse=stolen; Path=/; Secure',
  'Connection: close',
  'Connection: keep-alive, X-Other',
  'Keep-Alive: timeout=1, max=1',
  'Trailer: X-Late',
  'Upgrade: h2c',
  'Location: http://127.0.0.1:1/elsewhere',
  'Server: fuzz',
  'Gatehouse-Decision-Id: forged',
  'X-Gatehouse-Assertion: forged',
  'Date: yesterday',
  'Content-Encoding: gzip',
  'Vary: *',
  'ETag: "x"',
  'Alt-Svc: h3=":443"',
  'Transfer-Encoding: identity',
  'Proxy-Authenticate: Basic',
  'Strict-Transport-Security: max-age=0',
] as const;
const ODD_FIELDS = [
  'X-Bad\r\n folded: 1',
  'X-Folded: a\r\n b',
  'X-Bare: a\nX-Injected: b',
  'X-Bare: a\rX-Injected: b',
  'X-Nul: a\0b',
  'X Space: 1',
  'X-Space : 1',
  ': nameless',
  'no colon',
  '\x80: high',
  `X-Long: ${'x'.repeat(70_000)}`,
] as const;

/** An answer with something about it that readers could disagree on; the same for the same choices. */
export function hostileAnswer(message: Message, random: Random): Script {
  const lines: string[] = [`${ECHO}: ${message.target}`];
  while (random.chance(0.4)) lines.push(random.pick(FIELDS));
  const isOdd = random.chance(0.5);
  if (isOdd && random.chance(0.25)) lines.push(random.pick(ODD_FIELDS));
  const body = random.pick([`${message.method} ${message.target}`, '', 'x'.repeat(2_000), '0\r\n\r\n']);
  const plain = random.chance(0.1) ? { lines: [], bytes: body } : framed(body, random);
  const framing = isOdd && random.chance(0.4) ? confuse(plain, random) : plain;
  const switches = isWebSocket(message) && random.chance(0.5);
  const start = switches ? SWITCHED : statusLine(isOdd, random);
  const bytes = message.method === 'HEAD' && random.chance(0.8) ? '' : framing.bytes;
  let text = interim(random) + headOf([start, ...lines, ...framing.lines]) + bytes;
  if (isOdd && random.chance(0.3)) text = damage(text, random);
  if (random.chance(0.25)) text += extra(random);
  if (random.chance(0.08)) text = text.slice(0, random.integer(text.length));
  const isClosed = random.chance(0.3) || framing.lines.length === 0;
  return {
    segments: cut(text, random),
    ending: isClosed ? (random.chance(0.15) ? 'reset' : 'end') : 'keep',
    switches: switches || text.startsWith('HTTP/1.1 101'),
  };
}

/** The answer to the key that all fuzzed handshakes have. */
const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

function isWebSocket({ fields }: Message): boolean {
  return fields.some(([name, value]) => name.toLowerCase() === 'upgrade' && value === 'websocket');
}

function statusLine(isOdd: boolean, random: Random): string {
  return isOdd && random.chance(0.25) ? random.pick(ODD_STATUS_LINES) : random.pick(STATUS_LINES);
}

function interim(random: Random): string {
  if (!random.chance(0.12)) return '';
  return random.pick([
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 102 Processing\r\nX-Echo: /poison\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n'.repeat(20),
    'HTTP/1.1 100 Continue\n\n',
    '\r\n',
  ]);
}

/** Bytes behind the end of an answer: what would be taken for the answer to the next request. */
function extra(random: Random): string {
  const poison =
    headOf(['HTTP/1.1 200 OK', `${ECHO}: /${POISON}`, `Content-Length: ${POISON.length}`]) + POISON;
  return random.pick([poison, poison, '\r\n', 'x', '0\r\n\r\n', poison.slice(0, 30), `\r\n${poison}`]);
}
