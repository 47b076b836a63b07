import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { type Result } from '../../base/result.ts';
import { Secret } from '../../base/secret.ts';
import { parseSize } from '../../base/size.ts';
import { parseTenantId, type TenantId } from '../../tenants/tenant.ts';

/** Turns a text with `${env:NAME}` or `${file:PATH}` in it into what it stands for, or says what is wrong with it. */
export type ResolveReference = (text: string) => Result<string, string>;

/** A text without references: those belong only where a secret or an address is expected. */
export const text = z
  .string()
  .min(1)
  .regex(/^(?!.*\$\{(?:env|file):)/s, {
    error: 'text without ${env:…} or ${file:…}, which are only for secrets and addresses',
  });

/** Name of an entry (upstream, route, issuer …): becomes a metrics label and part of store keys. */
export const entryName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'a name of a-z, 0-9 and -, at most 63 characters' });

export const tenantId = z.string().transform((value, context): TenantId => {
  const id = parseTenantId(value);
  if (id !== undefined) return id;
  context.addIssue({
    code: 'custom',
    message: 'a tenant id of a-z, 0-9 and -, at most 63 characters',
    input: value,
  });
  return z.NEVER;
});

/** A duration in milliseconds, written as `500ms`, `30s`, `10m`, `12h` or `7d`. */
export const duration = z.string().transform((value, context): number => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({
    code: 'custom',
    message: 'a duration such as 500ms, 30s, 10m, 12h or 7d',
    input: value,
  });
  return z.NEVER;
});

/** A size in bytes, written as `512KiB`, `1MiB` or `10MB`. */
export const size = z.string().transform((value, context): number => {
  const bytes = parseSize(value);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'a size such as 512KiB, 1MiB or 10MB', input: value });
  return z.NEVER;
});

/** A count in a time: `20/min` → { count: 20, windowMilliseconds: 60,000 }. */
export const rate = z.string().transform((value, context): Rate => {
  const match = /^([1-9]\d{0,8})\/(s|min|h)$/.exec(value);
  if (match !== null) {
    const unit = match[2] === 's' ? 1000 : match[2] === 'min' ? 60_000 : 3_600_000;
    return { count: Number(match[1]), windowMilliseconds: unit };
  }
  context.addIssue({ code: 'custom', message: 'a rate such as 10/s, 600/min or 5000/h', input: value });
  return z.NEVER;
});

export interface Rate {
  readonly count: number;
  readonly windowMilliseconds: number;
}

/** An IP address or CIDR block. IPv4-mapped IPv6 is refused: write the IPv4 block. */
export const cidr = z
  .string()
  .refine(isCidr, { error: 'an IP address or CIDR block such as 10.20.0.0/28 or fd00::/8' });

function isCidr(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.toLowerCase().startsWith('::ffff:')) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

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

/** `host:port` or `[ipv6]:port` to listen on; port 0 lets the system choose. */
export const listenAddress = z.string().transform((value, context): ListenAddress => {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(value);
  if (match !== null && Number(match[3]) <= 65_535) {
    const host = match[1] ?? match[2];
    return { host: host === undefined || host === '' ? '0.0.0.0' : host, port: Number(match[3]) };
  }
  context.addIssue({
    code: 'custom',
    message: 'an address such as 0.0.0.0:8080 or [::1]:8080',
    input: value,
  });
  return z.NEVER;
});

/** The name of an HTTP field (RFC 9110 §5.1). */
export const fieldName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, { error: 'an HTTP field name' })
  .refine((name) => !FRAMING_FIELDS.has(name.toLowerCase()), {
    error: 'a field that is not part of message framing or connection control',
  });

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

/** Scalars whose text may hold references, which `resolve` resolves. */
export interface ReferenceScalars {
  /** Text with references resolved. */
  readonly resolvedText: z.ZodType<string, string>;
  readonly secret: z.ZodType<Secret, string>;
  /** An absolute http or https URL without credentials, query or fragment, references resolved. */
  readonly url: z.ZodType<string, string>;
}

export function referenceScalars(resolve: ResolveReference): ReferenceScalars {
  const resolvedText = z
    .string()
    .min(1)
    .transform((value, context): string => {
      const resolved = resolve(value);
      if (resolved.ok) return resolved.value;
      context.addIssue({ code: 'custom', message: resolved.error, input: value });
      return z.NEVER;
    });
  return {
    resolvedText,
    secret: resolvedText.transform((value) => new Secret(value)),
    url: resolvedText.transform((value, context): string => {
      const url = URL.canParse(value) ? new URL(value) : undefined;
      const isPlain =
        url !== undefined &&
        (url.protocol === 'http:' || url.protocol === 'https:') &&
        url.username === '' &&
        url.password === '' &&
        url.search === '' &&
        url.hash === '' &&
        !value.includes('#') &&
        !value.includes('?');
      if (isPlain) return value;
      context.addIssue({
        code: 'custom',
        message: 'an http:// or https:// URL without user, query or fragment',
        input: value,
      });
      return z.NEVER;
    }),
  };
}
