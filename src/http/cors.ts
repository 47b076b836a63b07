/** What pages of other origins may do (Fetch standard §3.2). Lists are texts with commas; empty: nothing beyond what is always allowed. */
export interface CorsPolicy {
  /** Whether an origin is listed, exactly. Never asked about `null`. */
  readonly lists: (origin: string) => boolean;
  /** They may send cookies, and read the answer. */
  readonly credentials: boolean;
  readonly methods: string;
  /** Request fields that they may set. */
  readonly allowFields: string;
  /** Answer fields that they may read. */
  readonly exposeFields: string;
  readonly maxAgeSeconds: number;
}

/** Fields of an answer: name, value … */
type Fields = readonly string[];

/** Every answer depends on it, also one without Origin: a cache must not give it to a page of another origin. */
const VARY: Fields = ['Vary', 'Origin'];

/**
 * A browser asks before it sends what a form could not send. Any other OPTIONS is a request like every other one. `origin` and
 * `requestMethod` are the values of Origin and Access-Control-Request-Method.
 */
export function isPreflight(
  method: string,
  origin: string | undefined,
  requestMethod: string | undefined,
): boolean {
  return method === 'OPTIONS' && origin !== undefined && requestMethod !== undefined;
}

/** Fields of the answer to a preflight, which is 204 for everybody: what is missing tells the browser that it may not. */
export function preflightFields(policy: CorsPolicy, origin: string | undefined): Fields {
  if (origin === undefined || !isListed(policy, origin)) return VARY;
  const fields = [...VARY, ...allowance(policy, origin), 'Access-Control-Allow-Methods', policy.methods];
  if (policy.allowFields !== '') fields.push('Access-Control-Allow-Headers', policy.allowFields);
  fields.push('Access-Control-Max-Age', String(Math.floor(policy.maxAgeSeconds)));
  return fields;
}

/** Fields of any other answer, refusals too: a page has to be able to read why. */
export function crossOriginFields(policy: CorsPolicy, origin: string | undefined): Fields {
  if (origin === undefined || !isListed(policy, origin)) return VARY;
  const fields = [...VARY, ...allowance(policy, origin)];
  if (policy.exposeFields !== '') fields.push('Access-Control-Expose-Headers', policy.exposeFields);
  return fields;
}

/** `null` is the origin of everything that hides its own. */
function isListed(policy: CorsPolicy, origin: string): boolean {
  return origin !== 'null' && policy.lists(origin);
}

function allowance(policy: CorsPolicy, origin: string): Fields {
  const allowed = ['Access-Control-Allow-Origin', origin];
  return policy.credentials ? [...allowed, 'Access-Control-Allow-Credentials', 'true'] : allowed;
}
