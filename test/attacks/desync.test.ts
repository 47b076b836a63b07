import { existsSync, globSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DesyncOutcome, tryMessage } from '../support/desync.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

/** aws/http-desync-guardian (Apache-2.0) and nodejs/llhttp (MIT), read where they are; never copied. */
const FOLDER = new URL('../../../shared/vectors/', import.meta.url);
const isHere = existsSync(FOLDER);
if (!isHere)
  console.warn('F20: no vectors here (shared/vectors beside the repository); their tests are skipped');

interface DesyncCase {
  readonly name: string;
  readonly tier: 'Severe' | 'Ambiguous' | 'Acceptable' | 'Compliant';
  /** Base64. */
  readonly raw: string;
}

let upstream: RawUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  gateway = await startTestGateway({
    limits: { headerTimeout: '200ms', bodyIdle: '200ms' },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});
const tryBytes = (message: Buffer) => tryMessage(gateway.port, upstream, message);

const REFUSED: DesyncOutcome = { statuses: [400], sent: [], isNextUnderstood: false };

/** One line of an outcome: statuses, what was sent, and whether the request behind was read as one. */
function tell({ statuses, sent, isNextUnderstood }: DesyncOutcome): string {
  return `${statuses.join(' then ')}; sent: ${sent.join(', ') || 'nothing'}${isNextUnderstood ? '; next' : ''}`;
}

const GARBAGE_BEHIND =
  'no body is declared: what stands behind the head is garbage, refused after the answer';
const ALIAS =
  'another name for another field, which frames nothing here and is not forwarded where a server could take it for framing';
const NO_BODY_FORWARDED = 'the body of a GET or HEAD is read to its declared end and never forwarded';
const NOT_WHOLE =
  'the declared body never comes whole: cut off, and nothing was sent, since small bodies are gathered';

/** Every outcome that is not "400, closed, nothing sent", and why it is right. */
const OTHER_OUTCOMES: Readonly<Record<string, readonly [outcome: string, reason: string]>> = {
  'acceptable/Get with a body and Content-Length:0': ['200 then 400; sent: GET /foo/bar []', GARBAGE_BEHIND],
  'acceptable/Get with a body and Content-Length:0 (2)': [
    '200 then 400; sent: HEAD /foo/bar []',
    GARBAGE_BEHIND,
  ],
  'ambiguous/Content_Length with underscore.': ['200 then 400; sent: POST /foo/bar []', ALIAS],
  'ambiguous/Get with a body and Content-Length': ['200; sent: GET /foo/bar []', NO_BODY_FORWARDED],
  'ambiguous/Get with a body and Transfer-Encoding': ['200; sent: GET /foo/bar []; next', NO_BODY_FORWARDED],
  'ambiguous/Head with a body and Content-Length': ['200; sent: HEAD /foo/bar []', NO_BODY_FORWARDED],
  'ambiguous/Head with a body and Transfer-Encoding': [
    '200; sent: HEAD /foo/bar []; next',
    NO_BODY_FORWARDED,
  ],
  'ambiguous/Transfer-Encoding with multiple delimiters': ['200 then 400; sent: POST /foo/bar []', ALIAS],
  'ambiguous/Transfer-Encoding with multiple hyphens': ['200 then 400; sent: POST /foo/bar []', ALIAS],
  'ambiguous/Transfer_Encoding with underscore.': ['200 then 400; sent: POST /foo/bar []', ALIAS],
  'rfc-compliant/Compliant URL': [
    '400 then 400; sent: nothing',
    'an absolute target is ambiguous here (refused by us, the connection stays); garbage behind it',
  ],
  'rfc-compliant/International in URI': [
    '200 then 400; sent: GET /????????-???????/?????????????? []',
    GARBAGE_BEHIND,
  ],
  'rfc-compliant/No headers': ['200 then 400; sent: GET /foo/bar []', GARBAGE_BEHIND],
  'rfc-compliant/Valid Content-Length': ['408; sent: nothing', NOT_WHOLE],
  'rfc-compliant/Valid Transfer-Encoding (chunked)': ['200; sent: POST /foo/bar []; next', 'sound'],
  'rfc-compliant/Valid Transfer-Encoding (chunked) + custom header (non-ascii)': [
    '200; sent: POST /foo/bar []; next',
    'sound',
  ],
  'rfc-compliant/Valid custom header with digits in name': [
    '200 then 400; sent: POST /foo/bar []',
    GARBAGE_BEHIND,
  ],
  'rfc-compliant/Valid custom header with dot in name': [
    '200 then 400; sent: POST /foo/bar []',
    GARBAGE_BEHIND,
  ],
  'rfc-compliant/Valid custom header with tchar in name and obs-text': [
    '200 then 400; sent: POST /foo/bar []',
    GARBAGE_BEHIND,
  ],
  'rfc-compliant/Valid custom header with underscore in name': [
    '200 then 400; sent: POST /foo/bar []',
    GARBAGE_BEHIND,
  ],
};

describe.skipIf(!isHere)(
  'F20 the corpus of http-desync-guardian (skipped where shared/vectors is not beside the repository)',
  () => {
    const cases = isHere
      ? (JSON.parse(readFileSync(new URL('desync/cases.json', FOLDER), 'utf8')) as readonly DesyncCase[])
      : [];

    it.each(cases.filter(({ tier }) => tier === 'Severe').map(({ name, raw }) => [name, raw]))(
      'F20 %s: refused with 400, closed, nothing sent',
      async (_, raw = '') => {
        expect(await tryBytes(Buffer.from(raw, 'base64'))).toEqual(REFUSED);
      },
    );

    it.each([
      'Transfer_Encoding: chunked',
      'transfer.encoding: chunked',
      'Content_Length: 1000',
      'CONTENT~LENGTH: 3',
    ])('F20 %s never reaches an upstream that would take it for framing', async (field) => {
      await tryBytes(Buffer.from(`POST /alias HTTP/1.1\r\nHost: gw.test\r\n${field}\r\n\r\n`));
      expect(upstream.requests[0]?.startLine).toBe('POST /alias HTTP/1.1');
      expect(upstream.requests[0]?.head).not.toMatch(/(transfer|length).*: *(chunked|1000|3)/i);
    });

    it('F20 all else is refused too, but for the outcomes listed with a reason', {
      timeout: 20_000,
    }, async () => {
      const others = new Map<string, string>();
      for (const { name, tier, raw } of cases) {
        if (tier === 'Severe') continue;
        const told = tell(await tryBytes(Buffer.from(raw, 'base64')));
        if (told !== tell(REFUSED)) others.set(others.has(name) ? `${name} (2)` : name, told);
      }
      expect(Object.fromEntries(others)).toEqual(
        Object.fromEntries(Object.entries(OTHER_OUTCOMES).map(([name, [outcome]]) => [name, outcome])),
      );
      await expectTrail();
    });
  },
);

interface ParserVector {
  readonly name: string;
  readonly message: Buffer;
  /** Messages that llhttp finds before it fails or ends: whole ones, or, where the body is not forwarded, heads. */
  readonly messages: number;
  readonly isRefused: boolean;
}

/** The samples of one file, of a parser that is strict or of one that was told not to be; a Host is added where there is none, so that it is the framing that decides. */
function readParserVectors(file: string, parser: 'strict' | 'lenient'): readonly ParserVector[] {
  const text = readFileSync(new URL(`llhttp/test/request/${file}`, FOLDER), 'utf8');
  const sample =
    /^#+ ([^\n]+)\n(?:(?!\n#|```)[\s\S])*?<!-- meta=\{[^}]*"type": "request(-[a-z-]+)?"[^}]*\} -->\s*```http\n([\s\S]*?)\n```\s*(?:_[^`]*_\s*)?```log\n([\s\S]*?)\n```/gm;
  const all = [...text.matchAll(sample)].filter(
    ([, , mode = '']) => mode.startsWith('-lenient') === (parser === 'lenient'),
  );
  return all.map(([, name = '', , body = '', log = '']) => ({
    name: name.replaceAll('%', '%%'),
    message: Buffer.from(withHost(unescapeSample(body)), 'latin1'),
    messages: log.match(/^(?:GET|HEAD) /.test(body) ? /headers complete/g : /message complete/g)?.length ?? 0,
    // No error of the message: an upgrade, where the parser stops, and what comes behind a last message.
    isRefused: /error code=(?!2[123] |.*Data after)/.test(log),
  }));
}

/** The notation of llhttp's samples: escaped line ends join lines, all others are CRLF. */
function unescapeSample(text: string): string {
  return text
    .replaceAll(/\\\n/g, '')
    .replaceAll('\n', '\r\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\f', '\f')
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function withHost(message: string): string {
  return /^host:/im.test(message) ? message : message.replace('\r\n', '\r\nHost: gw.test\r\n');
}

describe.skipIf(!isHere)(
  'F20 the samples of llhttp (skipped where shared/vectors is not beside the repository)',
  () => {
    const files = isHere ? globSync('llhttp/test/request/*.md', { cwd: FOLDER }).toSorted() : [];
    const read = (parser: 'strict' | 'lenient') =>
      files.flatMap((each) => {
        const file = each.replace(/^.*\//, '');
        return readParserVectors(file, parser).map((vector) => [file, vector.name, vector] as const);
      });
    const vectors = read('strict');
    const lenient = read('lenient');

    it('F20 the samples are found: 136 of a strict parser, which refuses 51, and 28 of lenient ones, which refuse 4', () => {
      const refused = [vectors, lenient].map((all) => all.filter(([, , { isRefused }]) => isRefused).length);
      expect([vectors.length, lenient.length, ...refused]).toEqual([136, 28, 51, 4]);
    });

    it.each(lenient)('F20 %s, %s: what only a lenient parser reads is not read', async (file, _, vector) => {
      const outcome = await tryBytes(vector.message);
      expect(outcome.sent.length).toBeLessThanOrEqual(vector.messages);
      // Leniency about keeping a connection reads no message in another way.
      if (file !== 'connection.md' || vector.isRefused) expect(outcome.statuses.at(-1)).toBe(400);
    });

    it.each(vectors)(
      'F20 %s, %s: never more requests sent than there are messages',
      async (_, __, vector) => {
        const outcome = await tryBytes(vector.message);
        expect(outcome.sent.length).toBeLessThanOrEqual(vector.messages);
        expect(outcome.statuses.length).toBeGreaterThan(0);
        if (vector.isRefused) {
          expect(outcome.statuses.at(-1)).toBe(400);
          expect(outcome.isNextUnderstood).toBe(false);
        }
      },
    );
  },
);

/** Each refusal is in the audit stream, and the gateway lives. */
async function expectTrail(): Promise<void> {
  const record = await gateway.audited(({ code }) => code === 'request_malformed');
  expect(record).toMatchObject({ decision: 'denied', status: 400 });
  const answer = await gateway.raw('GET /alive HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n');
  expect(answer.status).toBe(200);
}
