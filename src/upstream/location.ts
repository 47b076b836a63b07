/** The public side of an upstream's absolute URLs. */
export interface LocationMapping {
  /** `https://api.example.com` */
  readonly publicOrigin: string;
  /** Path prefix that was put before the path, or ''. */
  readonly basePath: string;
  /** Path prefix that was taken from the path, or ''. */
  readonly strippedPrefix: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?#\\]*)(.*)$/is;

/**
 * A Location that names the upstream itself, by the target's authority or by the Host that was sent, made to name
 * the public origin. Relative ones, other hosts, and paths outside of the base path stay as they are.
 *
 * @param origin the target's, e.g. `http://10.0.0.5:8080`
 * @param sentHost value of the Host field that was sent
 */
export function rewriteLocation(
  location: string,
  origin: string,
  sentHost: string | undefined,
  { publicOrigin, basePath, strippedPrefix }: LocationMapping,
): string {
  const match = ABSOLUTE.exec(location);
  if (match === null) return location;
  const [, scheme = '', authority = '', rest = ''] = match;
  const named = originOf(scheme, authority);
  const isOwn =
    named === origin || (sentHost !== undefined && named === originOf(schemeOf(origin), sentHost));
  if (!isOwn || !isUnder(basePath, rest)) return location;
  return publicOrigin + strippedPrefix + rest.slice(basePath.length);
}

/** Rewrites each Location of an answer in place. `sentFields`: those of the request, name, value …. */
export function rewriteLocations(
  fields: string[],
  origin: string,
  sentFields: readonly string[],
  mapping: LocationMapping,
): void {
  const sentHost = valueOf(sentFields, 'host');
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (fields[index]?.toLowerCase() !== 'location') continue;
    fields[index + 1] = rewriteLocation(fields[index + 1] ?? '', origin, sentHost, mapping);
  }
}

function valueOf(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (fields[index]?.toLowerCase() === name) return fields[index + 1];
  }
  return undefined;
}

/** Scheme and authority in lower case without the default port, as `URL.origin` is. */
function originOf(scheme: string, authority: string): string {
  const lower = scheme.toLowerCase();
  const defaultPort = lower === 'https' ? ':443' : ':80';
  const name = authority.toLowerCase();
  return `${lower}://${name.endsWith(defaultPort) ? name.slice(0, -defaultPort.length) : name}`;
}

function schemeOf(origin: string): string {
  return origin.slice(0, origin.indexOf(':'));
}

function isUnder(basePath: string, rest: string): boolean {
  if (basePath === '') return true;
  const next = rest.charAt(basePath.length);
  return rest.startsWith(basePath) && (next === '' || next === '/' || next === '?' || next === '#');
}
