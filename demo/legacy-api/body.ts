/** Reading request bodies: at the pace of the reader, never more than asked for. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface BodyDigest {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Reads to the end and keeps nothing but the count and the digest. Rejects when the client leaves. */
export async function digestBody(request: IncomingMessage): Promise<BodyDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}

export type JsonBody =
  | { readonly kind: 'json'; readonly bytes: Buffer; readonly value: unknown }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'too-large' };

/** The bytes as they came beside the parsed value, since parsing rounds large integers. At most 256 KiB. */
export async function readJson(request: IncomingMessage): Promise<JsonBody> {
  const limitBytes = 256 * 1024;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size <= limitBytes) chunks.push(chunk);
  }
  if (size > limitBytes) return { kind: 'too-large' };
  const bytes = Buffer.concat(chunks);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { kind: 'json', bytes, value: JSON.parse(text) };
  } catch {
    return { kind: 'malformed' };
  }
}
