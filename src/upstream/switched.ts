import { AnswerRefused } from './answer-fields.ts';
import { readHead } from './answer-head.ts';
import type { AnswerCookies } from './upstream.ts';

/**
 * The fields of a 101 that the client gets: the upstream's, less those of the connection between the two, for which the
 * client gets its own. Throws `AnswerRefused` if the answer is not to this handshake: a server that does not know what it
 * accepts would read what follows as something else (RFC 6455 §4.1).
 */
export function switchedFields(
  status: number,
  raw: readonly string[],
  accept: string,
  answerCookies: AnswerCookies | undefined,
): string[] {
  if (status !== 101) throw new AnswerRefused('an upgrade with another status than 101');
  const protocols = valuesOf(raw, 'upgrade');
  if (protocols.join(',').trim().toLowerCase() !== 'websocket')
    throw new AnswerRefused('an upgrade to something else than websocket');
  const accepted = valuesOf(raw, 'sec-websocket-accept');
  if (accepted.length !== 1 || accepted[0]?.trim() !== accept)
    throw new AnswerRefused('Sec-WebSocket-Accept does not belong to the handshake');
  const { fields } = readHead(status, raw, answerCookies).head;
  const passed = ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? '';
    // RFC 9110 §8.6: a 101 has no length.
    if (name.toLowerCase() !== 'content-length') passed.push(name, fields[index + 1] ?? '');
  }
  return passed;
}

function valuesOf(raw: readonly string[], wanted: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() === wanted) values.push(raw[index + 1] ?? '');
  }
  return values;
}
