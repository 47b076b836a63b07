/** The pages of docs/ that are made from the code, by path. A test compares them with what is there. */
import { configReference } from '../src/config/reference.ts';
import { DENY_CODES, type DenyCodeEntry } from '../src/http/deny-codes.ts';
import { openapiDocument } from './openapi-document.ts';
import { securityCasesPage } from './security-cases-page.ts';

export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/configuration.md', configReference()],
    ['docs/deny-codes.md', denyCodeReference()],
    ['docs/openapi.json', await openapiDocument()],
    ['docs/security-cases.md', securityCasesPage()],
  ]);
}

const INTRODUCTION = `# Deny codes

<!-- Generated from the registry by \`npm run docs\`. Do not edit. -->

What a client is told when its request was not answered by an upstream. The answer is \`application/problem+json\` with the code and a
decision id; the precise reason stands in the audit log under that id. A code never changes its meaning.

\`owner\` says who has to act: the client, the operator of the gateway, the upstream, or the gateway itself.

| code | status | title | owner | meaning |
|---|---|---|---|---|`;

function denyCodeReference(): string {
  const entries: [string, DenyCodeEntry][] = Object.entries(DENY_CODES);
  const rows = entries.map(
    ([code, { status, title, owner, meaning }]) =>
      `| \`${code}\` | ${status} | ${title} | ${owner} | ${meaning.replaceAll('|', '\\|')} |`,
  );
  return `${[INTRODUCTION, ...rows].join('\n')}\n`;
}
