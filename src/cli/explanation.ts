import type { Explanation } from '../gateway/explain.ts';
import { paint, printable, properties } from './output.ts';

/** An explanation for people: the decision first, then how it came about, then what would leave. */
export function describeExplanation(explanation: Explanation): string {
  const { decision, code, status, reason, principal, forwarded } = explanation;
  const isAdmitted = decision === 'admitted';
  const verdict = isAdmitted ? 'admitted' : `${decision}: ${code} (${status})`;
  const lines = [paint(verdict, isAdmitted ? 'green' : 'red'), '\n'];
  lines.push(
    properties([
      ['reason', reason],
      ['route', explanation.route],
      ['principal', principal?.subject],
      ['credential', principal?.credential],
      ['member of', principal?.tenants.join(', ')],
      ['scopes', someOf(principal?.scopes, ' ')],
      ['roles', someOf(principal?.roles, ', ')],
      ['tenant', explanation.tenant],
    ]),
  );
  lines.push(
    '\nsteps\n',
    ...explanation.steps.map(({ name, detail }) => `  ok  ${name}: ${printable(detail)}\n`),
  );
  if (!isAdmitted) lines.push(`  ${paint('no', 'red')}  ${code}\n`);
  if (forwarded !== undefined) {
    lines.push(
      `\nforwarded to ${forwarded.upstream} (${forwarded.target})\n`,
      `  ${printable(forwarded.requestLine)}\n`,
    );
    lines.push(...forwarded.fields.map(([name, value]) => `  ${printable(`${name}: ${value}`)}\n`));
  }
  return lines.join('');
}

/** `undefined`, which is left out, for an empty list too. */
function someOf(items: readonly string[] | undefined, separator: string): string | undefined {
  return items === undefined || items.length === 0 ? undefined : items.join(separator);
}
