import { DENY_CODES, type DenyCode } from './deny-codes.ts';

/** What a client is told of a refusal or failure: the code and an id to quote, nothing else. */
export interface Problem {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Problem details (RFC 9457) with the deny code and the decision id as extension members. */
export function problemOf(code: DenyCode, decisionId: string): Problem {
  const { status, title } = DENY_CODES[code];
  const body = `${JSON.stringify({ type: `urn:gatehouse:problem:${code}`, title, status, code, decisionId })}\n`;
  return { status, contentType: 'application/problem+json', body };
}

/** A refusal in the words of an old client: `{code}`, `{status}`, `{title}` and `{decisionId}` are replaced. */
export function templatedProblem(
  template: { readonly contentType: string; readonly body: string },
  code: DenyCode,
  decisionId: string,
): Problem {
  const { status, title } = DENY_CODES[code];
  const values: Readonly<Record<string, string>> = { code, status: String(status), title, decisionId };
  const body = template.body.replace(
    /\{(code|status|title|decisionId)\}/g,
    (_, name: string) => values[name] ?? '',
  );
  return { status, contentType: template.contentType, body };
}
