/** A received or configured authority, normalised: lower-case, without trailing dot. */
export interface Authority {
  /** Name, IPv4 address, or IPv6 address in brackets. */
  readonly host: string;
  /** Digits as received; absent if none was given. */
  readonly port: string | undefined;
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
/** A name of letters, digits, hyphens and underscores in labels (RFC 1123 §2.1), which covers IPv4 and `xn--` names. */
const AUTHORITY = new RegExp(
  `^(?:(${LABEL}(?:\\.${LABEL})*)\\.?|(\\[[0-9a-f:.]{2,45}\\]))(?::([0-9]{1,5}))?$`,
);

/**
 * Parses the value of Host (RFC 9110 §7.2). Userinfo, lists, paths, percent-encoding, wildcards and empty values are
 * refused: what two parsers could read differently selects no tenant.
 */
export function parseAuthority(value: string): Authority | undefined {
  if (value.length > 260) return undefined;
  const match = AUTHORITY.exec(value.toLowerCase());
  if (match === null) return undefined;
  const port = match[3];
  if (port !== undefined && Number(port) > 65_535) return undefined;
  const host = match[1] ?? match[2] ?? '';
  return host.length > 253 ? undefined : { host, port };
}

/** Hosts seen so far are remembered up to this many: a client cannot fill memory with invented ones. */
const REMEMBERED_HOSTS = 1_000;

/** `parseAuthority`, remembering what it made of the hosts that are asked for again and again. */
export function createAuthorityReader(): (value: string) => Authority | undefined {
  const known = new Map<string, Authority>();
  return (value) => {
    const remembered = known.get(value);
    if (remembered !== undefined) return remembered;
    const parsed = parseAuthority(value);
    if (parsed !== undefined && known.size < REMEMBERED_HOSTS) known.set(value, parsed);
    return parsed;
  };
}

/** A host name without port, normalised as received ones are; `undefined` if it is not one. */
export function normaliseHost(text: string): string | undefined {
  const authority = parseAuthority(text);
  return authority === undefined || authority.port !== undefined ? undefined : authority.host;
}

/** As a browser writes it into Origin: without the default port (RFC 6454 §6.1). */
export function originOf(scheme: 'http' | 'https', { host, port }: Authority): string {
  const isDefault = port === undefined || port === (scheme === 'https' ? '443' : '80');
  return `${scheme}://${host}${isDefault ? '' : `:${port}`}`;
}
