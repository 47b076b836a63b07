import {
  type AnswerFields,
  answerFields,
  keepFromSharedCaches,
  ownCrossOrigin,
  ownRateLimit,
} from './answer-fields.ts';
import type { ClientResponse, ReceivedMessage } from './client-side.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import { rewriteLocations } from './location.ts';
import type { AnswerCookies, ForwardedRequest, Target } from './upstream.ts';

/**
 * Passes on what comes before the final answer: 103 to clients that speak HTTP/1.1, nothing else. Only its `Link`,
 * which is what early hints are for (RFC 8297).
 */
export function passInformation(
  status: number,
  raw: readonly string[],
  received: ReceivedMessage,
  response: ClientResponse,
): void {
  if (status !== 103 || received.httpVersion === '1.0') return;
  const link = linksOf(raw);
  if (link.length === 0) return;
  try {
    response.writeEarlyHints({ link });
  } catch {
    // node:http takes fewer forms of Link than there are; hints may be left out.
  }
}

function linksOf(raw: readonly string[]): string[] {
  const links: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    if (raw[index]?.toLowerCase() === 'link') links.push(raw[index + 1] ?? '');
  return links;
}

/** The head of the final answer, and what it has to wait for, if anything. Throws `AnswerRefused`. */
export function readHead(
  status: number,
  raw: readonly string[],
  answerCookies: AnswerCookies | undefined,
): { readonly head: AnswerFields; readonly settled: Promise<void> | undefined } {
  if (answerCookies === undefined) return { head: answerFields(raw, status), settled: undefined };
  const setCookies: string[] = [];
  const head = answerFields(raw, status, setCookies);
  const { passed, settled } = answerCookies.receive(status, head.location, setCookies);
  for (const value of passed) head.fields.push('Set-Cookie', value);
  return { head, settled };
}

/** Adds to the fields of an answer what is ours to say, and makes Location name the public host. */
export function completeFields(
  head: AnswerFields,
  request: ForwardedRequest,
  rules: ExchangeRules,
  target: Target | undefined,
  sentFields: readonly string[],
): void {
  if (request.variesBy !== undefined) keepFromSharedCaches(head, request.variesBy);
  if (request.crossOrigin !== undefined) ownCrossOrigin(head.fields, request.crossOrigin);
  if (request.rateLimit !== undefined) ownRateLimit(head.fields, request.rateLimit);
  if (head.location === undefined || !rules.rewritesLocation || target === undefined) return;
  rewriteLocations(head.fields, target.origin, sentFields, {
    publicOrigin: request.publicOrigin,
    basePath: rules.basePath,
    strippedPrefix: request.strippedPrefix,
  });
}
