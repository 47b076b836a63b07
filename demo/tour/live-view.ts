/** What happens, as it happens: requests that reached the legacy API, and those that did not get so far. */
import { styleText } from 'node:util';
import { printable } from '../../src/cli/output.ts';
import { foldFieldName } from '../../src/http/field-names.ts';
import type { ReceivedRequest } from '../legacy-api/received.ts';

type Style = Parameters<typeof styleText>[0];

/** By folded name: what the gateway says about who acts. */
const IDENTITY: ReadonlySet<string> = new Set(
  ['X-Tenant-Id', 'X-Client-Id', 'X-User-Id', 'X-User-Roles', 'X-Gatehouse-Assertion', 'X-Api-Key'].map(
    foldFieldName,
  ),
);

/** Colour on a terminal only. Some of the text came from clients, so it may not move the cursor. */
function paint(style: Style, text: string): string {
  return styleText(style, printable(text), { stream: process.stdout });
}

/** An assertion is shown as its claims: nobody reads base64. */
function readable(name: string, value: string): string {
  if (foldFieldName(name) !== foldFieldName('X-Gatehouse-Assertion')) return value;
  return `JWS of ${Buffer.from(value.split('.')[1] ?? '', 'base64url').toString()}`;
}

export function describeReceived({ method, target, fields }: ReceivedRequest): string {
  const lines = fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => {
      const style = IDENTITY.has(foldFieldName(name)) ? 'green' : 'dim';
      return `    ${paint(style, `${name}: ${readable(name, value)}`)}\n`;
    });
  return `${paint(['green', 'bold'], `→ ${method} ${target}`)}\n${lines.join('')}\n`;
}

function member(record: object, name: string): string {
  const value: unknown = Reflect.get(record, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A refusal out of the gateway's log; `undefined` for any other line. */
export function describeRefusal(logLine: string): string | undefined {
  let record: unknown;
  try {
    record = JSON.parse(logLine);
  } catch {
    return undefined;
  }
  if (typeof record !== 'object' || record === null || !('decisionId' in record && 'code' in record))
    return undefined;
  const said = `✗ ${member(record, 'status')} ${member(record, 'code')}  ${member(record, 'method')} ${member(record, 'host')}${member(record, 'path')}`;
  return `${paint(['red', 'bold'], said)}\n    ${paint('dim', `in the log: ${member(record, 'reason')}`)}\n\n`;
}
