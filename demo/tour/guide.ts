/** What a person sees first: the picture, the addresses, the lines to paste. */
import { styleText } from 'node:util';
import type { Chapter } from '../lines/demo-line.ts';
import type { ShellText } from '../lines/shell-text.ts';
import type { Stage } from '../stage/stage.ts';

type Style = Parameters<typeof styleText>[0];

/** Colour on a terminal only. */
function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function local(port: number, path = ''): string {
  return `http://127.0.0.1:${port}${path}`;
}

function addresses({ ports, folder }: Stage): string {
  const rows = [
    ['Gatehouse', `http://acme.localhost:${ports.gateway}  http://globex.localhost:${ports.gateway}`],
    ['  keys of assertions', local(ports.gateway, '/.well-known/jwks.json')],
    ['  administration', `${local(ports.admin)}  (token: ${folder}/data/admin-token)`],
    ['  metrics, readiness', `${local(ports.ops, '/metrics')}  ${local(ports.ops, '/readyz?verbose')}`],
    ['  configuration', `${folder}/gatehouse.yaml  (edit it: changes are loaded at once)`],
    ['  log', `${folder}/gatehouse.log`],
    ['Web app', `http://acme.localhost:${ports.gateway}/app/  (anna, acme-anna-pw)`],
    ['', `http://globex.localhost:${ports.gateway}/app/  (anna, globex-anna-pw)`],
    ['Legacy API', local(ports.legacy)],
    ['Issuer', local(ports.issuer, '/.well-known/openid-configuration')],
  ];
  return rows.map(([name = '', where = '']) => `${name.padEnd(22)}${where}\n`).join('');
}

function linesOf(chapters: readonly Chapter[], shell: ShellText): string {
  let number = 0;
  let hasFunction = false;
  const parts: string[] = [];
  for (const { title, lines } of chapters) {
    parts.push(`\n${paint('bold', title)}\n`);
    const needsFunction: boolean = !hasFunction && lines.some(({ command }) => command.kind === 'gatehouse');
    if (needsFunction) parts.push(`\nPaste this once:\n\n${shell.prelude}\n`);
    hasFunction ||= needsFunction;
    for (const line of lines) {
      number += 1;
      parts.push(`\n${number}. ${paint('bold', line.title)} ${paint('dim', `→ ${line.expected}`)}\n\n`);
      parts.push(`${shell.of(line.command)}\n`);
    }
  }
  return parts.join('');
}

export function guide(stage: Stage, chapters: readonly Chapter[], shell: ShellText): string {
  const { gateway, legacy, issuer } = stage.ports;
  return [
    `\nclient ── key, token or session ──▶ ${paint('bold', `Gatehouse :${gateway}`)} ── signed tenant and user ──▶ legacy API :${legacy}\n`,
    `                                         ╰── keys, introspection ──▶ issuer :${issuer}\n\n`,
    addresses(stage),
    linesOf(chapters, shell),
    `\n${paint('bold', 'What the legacy API receives')} ${paint('dim', '(paste a line in another terminal; Ctrl-C ends all)')}\n\n`,
  ].join('');
}
