import { err, ok, type Result } from '../base/result.ts';
import { type JsonObject, parseStrictJson } from './strict-json.ts';

/** A token in the one form that a JWS compact serialization has (RFC 7515 §7.1). Nothing in it is proven yet. */
export interface CompactJws {
  readonly algorithm: string;
  readonly kid: string | undefined;
  readonly type: string | undefined;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** `header.payload`: what is signed. Identifies the token, which the signature must not: ECDSA admits two. */
  readonly signingInput: string;
}

/** Characters of the longest token that is looked at. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

const THREE_PARTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Header parameters that change what the signature covers or how the payload is read (RFC 7515 §4.1.11, RFC 7797, RFC 7516 §4.1.3).
 * We understand none. Keys and key addresses in a header (jwk, jku, x5u, x5c) are never looked at.
 */
const REFUSED_PARAMETERS = ['crit', 'b64', 'zip'];

/** Checks the form of a token before anything in it is believed. The error is for the audit log and quotes nothing. */
export function parseCompactJws(token: string): Result<CompactJws, string> {
  if (token.length > MAX_TOKEN_LENGTH) return err('token is too long');
  if (!THREE_PARTS.test(token)) return err('token is not three base64url parts');
  const [headerPart = '', payloadPart = '', signaturePart = ''] = token.split('.');
  const headerBytes = decodeCanonical(headerPart);
  const payload = decodeCanonical(payloadPart);
  const signature = decodeCanonical(signaturePart);
  if (headerBytes === undefined || payload === undefined || signature === undefined) {
    return err('token is not canonical base64url');
  }
  const header = parseStrictJson(headerBytes);
  if (!header.ok) return err(`token header ${header.error}`);
  const parameters = readParameters(header.value);
  if (!parameters.ok) return parameters;
  return ok({ ...parameters.value, payload, signature, signingInput: `${headerPart}.${payloadPart}` });
}

/**
 * Bytes of an unpadded base64url text, if it is the one text that stands for them: an impossible length or unused bits that are set would
 * give one token many spellings (RFC 4648 §3.5).
 */
function decodeCanonical(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

function readParameters(header: JsonObject): Result<Pick<CompactJws, 'algorithm' | 'kid' | 'type'>, string> {
  const refused = REFUSED_PARAMETERS.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined) return err(`token header has ${refused}`);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return err('token header has no alg');
  if (kid !== undefined && typeof kid !== 'string') return err('kid of the token is not a text');
  if (typ !== undefined && typeof typ !== 'string') return err('typ of the token is not a text');
  return ok({ algorithm: alg, kid, type: typ });
}
