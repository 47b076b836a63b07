import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { parseInstant } from '../../base/instant.ts';
import { parseRate } from '../../base/rate.ts';
import type { Result } from '../../base/result.ts';
import { Secret } from '../../base/secret.ts';
import { parseSize } from '../../base/size.ts';
import { isOriginAsSent, WEB_ORIGIN } from '../../clients/web-origin.ts';
import { parseTenantId, type TenantId } from '../../tenants/tenant.ts';

/** Turns a text with `${env:NAME}` or `${file:PATH}` in it into what it stands for, or says what was expected instead. */
export type ResolveReference = (text: string) => Result<string, string>;

/** Makes the path of a referenced file absolute. */
export type ResolvePath = (path: string) => string;

/** What JSON Schema, editors and the reference are told of a scalar. `title` is its type in the reference. */
interface ScalarMeta {
  readonly title: string;
  readonly pattern?: string;
  readonly examples?: string[];
  /** The text is, or may by mistake be, a secret: it is never printed. */
  readonly writeOnly?: boolean;
}

/** A scalar written as text. `expected` ends the sentence "found …, expected …" whatever is wrong with it. */
export function parsedText<T>(expected: string, parse: (value: string) => T | undefined, meta: ScalarMeta) {
  return z
    .string({ error: expected })
    .transform((value, context): T => {
      const result = parse(value);
      if (result !== undefined) return result;
      context.addIssue({ code: 'custom', message: expected, input: value });
      return z.NEVER;
    })
    .meta({ ...meta });
}

/** A text that matches a pattern and stays as it is. */
export function patternText(pattern: RegExp, expected: string, title = 'text') {
  return z.string({ error: expected }).regex(pattern, { error: expected }).meta({ title });
}

/** A whole number within bounds, both included. */
export function integer(minimum: number, maximum: number) {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return z
    .int({ error: expected })
    .min(minimum, { error: expected })
    .max(maximum, { error: expected })
    .meta({ title: `${minimum} to ${maximum}` });
}

/** A text without references: those belong only where a secret or an address is expected. */
export const text = z
  .string({ error: 'text' })
  .min(1, { error: 'text that is not empty' })
  .regex(/^(?!.*\$\{(?:env|file):)/s, {
    error: 'text without ${env:…} and ${file:…}, which are only for secrets and addresses',
  })
  .meta({ title: 'text' });

/** Name of an entry (upstream, route, issuer …): becomes a metrics label and part of store keys. */
export const entryName = patternText(
  /^[a-z0-9][a-z0-9-]{0,62}$/,
  'a name of a-z, 0-9 and -, at most 63 characters',
  'name',
);

export const tenantId = parsedText<TenantId>(
  'a tenant id of a-z, 0-9 and -, at most 63 characters',
  parseTenantId,
  { title: 'tenant id', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
);

/** A duration in milliseconds, written as `500ms`, `30s`, `10m`, `12h` or `7d`. */
export const duration = parsedText('a duration such as 500ms, 30s, 10m, 12h or 7d', parseDuration, {
  title: 'duration',
  pattern: '^\\d{1,9}(ms|s|m|h|d)$',
  examples: ['500ms', '30s', '10m', '12h', '7d'],
});

/** A size in bytes, written as `512KiB`, `1MiB` or `10MB`. */
export const size = parsedText('a size such as 512KiB, 1MiB or 10MB', parseSize, {
  title: 'size',
  pattern: '^\\d{1,9}(B|KiB|MiB|GiB|kB|MB|GB)$',
  examples: ['512KiB', '1MiB', '10MB'],
});

/** A count in a time: `20/min` → { count: 20, windowMilliseconds: 60,000 }. */
export const rate = parsedText('a rate such as 10/s, 600/min or 5000/h', parseRate, {
  title: 'rate',
  pattern: '^[1-9]\\d{0,8}/(s|min|h)$',
  examples: ['10/s', '600/min', '5000/h'],
});

function isCidr(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  if (address.toLowerCase().startsWith('::ffff:')) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

const CIDR_EXPECTED = 'an IP address or CIDR block such as 10.20.0.0/28 or fd00::/8';

/** An IP address or CIDR block. IPv4-mapped IPv6 is refused: write the IPv4 block. */
export const cidr = z
  .string({ error: CIDR_EXPECTED })
  .refine(isCidr, { error: CIDR_EXPECTED })
  .meta({ title: 'CIDR block', examples: ['10.20.0.0/28', 'fd00::/8'] });

/** Blocks of `cidr` texts as a list that can be asked. */
export function blockListOf(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Where to listen: a port, or the path of a socket file. */
export type ListenPlace = ListenAddress | { readonly socket: string };

const HOST_LABELS = /^(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

function parseListenAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(value);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  const port = Number(match[3]);
  if (match[1] !== undefined) return isIP(match[1]) === 6 ? { host: match[1], port } : undefined;
  const host = match[2] === undefined || match[2] === '' ? '0.0.0.0' : match[2];
  // A host of digits and dots that is no address would be looked up as a name.
  const isHost = /^[\d.]+$/.test(host) ? isIP(host) === 4 : HOST_LABELS.test(host);
  return isHost ? { host, port } : undefined;
}

/** A date (UTC midnight) or date and time with a zone, in milliseconds since the epoch. */
export const instant = parsedText('a date such as 2027-06-30 or 2027-06-30T12:00:00Z', parseInstant, {
  title: 'date',
  examples: ['2027-06-30', '2027-06-30T12:00:00Z'],
});

/** `host:port` or `[ipv6]:port`. */
export const listenAddress = parsedText('an address such as 0.0.0.0:8080 or [::1]:8080', parseListenAddress, {
  title: 'address',
  examples: ['0.0.0.0:8080', '[::1]:8080'],
});

/** Longest path of a socket file, in bytes (`sun_path` of Linux, less the ending NUL). */
const LONGEST_SOCKET = 107;

function parseListenPlace(value: string): ListenPlace | undefined {
  const socket = /^unix:(\/[^\0]+)$/.exec(value)?.[1];
  if (socket === undefined) return parseListenAddress(value);
  return Buffer.byteLength(socket) > LONGEST_SOCKET ? undefined : { socket };
}

/** `host:port`, `[ipv6]:port` or `unix:/path` to listen on; port 0 lets the system choose. */
export const listenPlace = parsedText(
  'an address such as 0.0.0.0:8080 or [::1]:8080, or unix:/path of a socket file',
  parseListenPlace,
  { title: 'address or socket', examples: ['0.0.0.0:8080', '[::1]:8080', 'unix:/run/gatehouse.sock'] },
);

/** Fields that decide about framing or the connection: never ours to set from configuration. */
const FRAMING_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The name of an HTTP field (RFC 9110 §5.1). */
export const fieldName = patternText(
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/,
  'an HTTP field name',
  'field name',
).refine((name) => !FRAMING_FIELDS.has(name.toLowerCase()), {
  error: 'a field that is not part of message framing or connection control',
});

/** As a browser writes it into Origin: scheme, host and a port that is not the default one, nothing else. */
export const webOrigin = patternText(
  WEB_ORIGIN,
  'an origin such as https://app.example.com, without path or wildcard',
  'origin',
).refine(isOriginAsSent, {
  error: 'the origin as browsers write it: lower-case, without the default port',
});

/** Scalars whose text may hold references, which `resolve` resolves, and paths of files that are read. */
export interface ReferenceScalars {
  /** Text with references resolved. */
  readonly resolvedText: z.ZodType<string, string>;
  readonly secret: z.ZodType<Secret, string>;
  /** An absolute http or https URL without credentials, query or fragment, references resolved. */
  readonly url: z.ZodType<string, string>;
  /** The path of a file that is read when the configuration is loaded, made absolute. */
  readonly filePath: z.ZodType<string, string>;
}

const URL_EXPECTED = 'an http:// or https:// URL without user, query or fragment';

function isPlainUrl(value: string): boolean {
  // Beyond printable ASCII a URL is re-encoded by whoever parses it; `\` is read as `/`.
  if (!/^https?:\/\/[\x21-\x7E]+$/i.test(value) || /[?#@\\]/.test(value)) return false;
  return URL.canParse(value);
}

/** `writeOnly` marks the places whose text must never be printed. */
export function referenceScalars(resolve: ResolveReference, resolvePath: ResolvePath): ReferenceScalars {
  const referring = (expected: string) =>
    z
      .string({ error: expected })
      .min(1, { error: `${expected} that is not empty` })
      .transform((value, context): string => {
        const resolved = resolve(value);
        if (resolved.ok) return resolved.value;
        context.addIssue({ code: 'custom', message: resolved.error, input: value });
        return z.NEVER;
      });
  return {
    resolvedText: referring('text').meta({ title: 'text or reference', writeOnly: true }),
    secret: referring('text')
      .transform((value) => new Secret(value))
      .meta({
        title: 'secret',
        writeOnly: true,
        examples: ['${env:NAME}', '${file:/run/secrets/name}'],
      }),
    url: referring('a URL')
      .transform((value, context): string => {
        if (isPlainUrl(value)) return value;
        context.addIssue({ code: 'custom', message: URL_EXPECTED, input: value });
        return z.NEVER;
      })
      .meta({ title: 'URL', examples: ['https://api.example.com'] }),
    filePath: patternText(/^(?!.*\$\{(?:env|file):)[^\0]+$/, 'the path of a file')
      .transform((value) => resolvePath(value))
      .meta({ title: 'file' }),
  };
}
