import type { PeerFigures } from './figures.ts';
import { costRows, otherRows, type PeerReport, planText, remarks, versionsText } from './report.ts';

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function markdownTable([heading = [], ...rows]: readonly (readonly string[])[]): string {
  return [markdownRow(heading), `|${'---|'.repeat(heading.length)}`, ...rows.map(markdownRow)].join('\n');
}

function workRow({ name, about, work }: PeerFigures): readonly string[] {
  if (work === null) return [name, about, 'none', NOT_ASKED, NOT_ASKED, 'nothing', 'yes'];
  return [name, about, work.credential, work.checked, work.revoked, work.identity, work.credentialAtUpstream];
}

const NOT_ASKED = '-';
const WORK_HEADING = [
  'path',
  'what it is',
  'credential',
  'checked',
  'a revoked one stops',
  'identity at the upstream',
  'credential at the upstream',
];

const NOTES = [
  'All processes of a path share one core, and the CPU time of all of them counts: proxy, authentication service, workers and children. The load generator and the upstream have the other core.',
  'One worker each: `worker_processes 1`, `nbthread 1`, `--concurrency 1`, `GOMAXPROCS=1`; connections to the upstream and to authentication services are kept, and no request is logged by anybody. Gatehouse runs with its defaults, which log refusals and administration.',
  'Before it is measured, each path has passed on a request with the identity that it promises, looked at as the upstream received it, and has answered a wrong credential (of the same form: another key, signature or cookie) with 401 or 403.',
  'HAProxy has no cache of verified tokens; Envoy has one that is off by default, so that it is measured both ways; oauth2-proxy and Oathkeeper verify on each request, which `gatehouse-bearer-cold` does too. The cached figures are those of a client that comes back with the same token; the others those of a token that is seen once.',
  'HAProxy, Envoy, Oathkeeper and oauth2-proxy keep no list of revoked tokens: what they accept is good until it expires. nginx with oauth2-proxy forwards who it is, and no tenant.',
  "Traefik's ForwardAuth and Oathkeeper keep two idle connections to what they ask or forward to, and have no setting for more: with 64 requests at a time most open a connection.",
  'Half load is half of the requests per second that the path itself reached just before, at most 10,000; p99 and p99.9 are medians over slices of one second, and count from the moment at which a request was due.',
  'Idle connections have had one answer each, in a process that was just started; the memory is that of the processes, without that of the kernel. A cold start is from the start of the first process to the first 200 through the whole path.',
  'Ratios are of quiet medians within one group; with ~, of p10, and figures with ~ are medians, where too few windows were quiet. Groups are measured one after the other: compare them by their ratios to `bare`.',
];

/** A section for docs/performance.md. */
export function peerMarkdown(report: PeerReport): string {
  const { machine, plan, versions, groups } = report;
  const all = new Map(groups.flatMap(({ paths }) => paths).map((path) => [path.name, path]));
  return [
    '## Against others, as whole paths',
    '',
    `- Machine: ${machine.cpu}, ${machine.platform}, Node ${machine.node}.`,
    `- Programs: ${versionsText(versions)}.`,
    `- Command: \`npm run bench -- --peers --output markdown\`: ${planText(plan)}.`,
    '',
    ...groups.flatMap((group) => [
      `### ${group.about[0]?.toUpperCase()}${group.about.slice(1)}`,
      '',
      markdownTable(costRows(group)),
      '',
      markdownTable(otherRows(group)),
      '',
      ...remarks(group).map((remark) => `- ${remark}`),
      ...(remarks(group).length > 0 ? [''] : []),
    ]),
    '### What each path does for it',
    '',
    markdownTable([WORK_HEADING, ...[...all.values()].map(workRow)]),
    '',
    ...NOTES.map((note) => `- ${note}`),
  ].join('\n');
}
