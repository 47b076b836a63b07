import type { Lab } from '../measure/lab.ts';
import type { MachineReport } from '../report/report.ts';
import { measurePeers } from './course.ts';
import { peerFigures } from './figures.ts';
import { connectionsHere } from './limits.ts';
import { peerMarkdown } from './markdown.ts';
import { programPath, whatIsMissing } from './peer-path.ts';
import { findPrograms } from './programs.ts';
import { type PeerGroupReport, type PeerReport, peerText } from './report.ts';
import type { PeerPlan } from './samples.ts';
import { peerGroups } from './table.ts';

export interface PeerOrder {
  readonly plan: PeerPlan;
  readonly output: 'table' | 'json' | 'markdown';
  /** Names of paths; absent: all. */
  readonly only: readonly string[] | undefined;
}

export function textIn(output: PeerOrder['output'], report: PeerReport): string {
  switch (output) {
    case 'json':
      return JSON.stringify(report, null, 2);
    case 'markdown':
      return peerMarkdown(report);
    case 'table':
      return peerText(report);
  }
}

function progress(line: string): void {
  process.stderr.write(`peers: ${line}\n`);
}

/** Measures the groups one after the other. Progress goes to stderr, line by line. */
export async function runPeers(lab: Lab, machine: MachineReport, order: PeerOrder): Promise<PeerReport> {
  const { only } = order;
  const isWanted = ({ target }: { target: { name: string } }) =>
    only === undefined || only.includes(target.name);
  // Which programs are needed is known before any of them is looked for.
  const needed = peerGroups((name) => name).flatMap(({ paths }) => paths.filter(isWanted));
  const programs = await findPrograms([...new Set(needed.flatMap(({ needs }) => needs))], progress);
  const plan = { ...order.plan, idleConnections: connectionsHere(order.plan.idleConnections) };
  if (plan.idleConnections < order.plan.idleConnections)
    progress(`no more than ${plan.idleConnections} idle connections: the limit of open files`);
  const groups: PeerGroupReport[] = [];
  for (const group of peerGroups(programPath(programs))) {
    const wanted = group.paths.filter(isWanted);
    const leftOut = wanted.flatMap((path) => {
      const reason = whatIsMissing(path, programs);
      return reason === undefined ? [] : [{ name: path.target.name, reason }];
    });
    for (const { name, reason } of leftOut) progress(`${name} is left out: ${reason}`);
    const paths = wanted.filter((path) => whatIsMissing(path, programs) === undefined);
    if (wanted.length === 0) continue;
    const samples = await measurePeers(lab, paths, plan, (line) => progress(`${group.name}: ${line}`));
    groups.push({ group: group.name, about: group.about, paths: peerFigures(samples), leftOut });
  }
  const versions = Object.fromEntries(
    Object.entries(programs).map(([name, found]) => [name, found.kind === 'found' ? found.version : null]),
  );
  return { machine, plan, versions, groups };
}
