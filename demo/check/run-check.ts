/** `--check`: runs every line and holds it to what it should do. */

import { chaptersOf } from '../lines/chapters.ts';
import { denyCodeOf, keepsCredentialFrom, valuesOf } from '../lines/checks.ts';
import { type Check, type DemoLine, type Outcome, outputOf } from '../lines/demo-line.ts';
import { missingPrograms, runInShell } from '../lines/run-line.ts';
import { runFromHere } from '../lines/run-request.ts';
import { type ShellText, shellTextFor } from '../lines/shell-text.ts';
import type { Stage } from '../stage/stage.ts';

export interface CheckedLine {
  readonly title: string;
  readonly command: string;
  readonly expected: string;
  /** What came of it, in a phrase. */
  readonly got: string;
  readonly isOk: boolean;
  readonly complaints: readonly string[];
}

export interface CheckReport {
  readonly isOk: boolean;
  /** Anything that makes the run differ from pasting the lines. */
  readonly notes: readonly string[];
  readonly lines: readonly CheckedLine[];
}

/** Stops before the next line once `interrupted` is aborted; the report is then of no use. */
export async function runCheck(stage: Stage, interrupted: AbortSignal): Promise<CheckReport> {
  const missing = missingPrograms();
  const shell = await shellTextFor(stage);
  const lines: CheckedLine[] = [];
  for (const line of (await chaptersOf(stage)).flatMap((chapter) => chapter.lines)) {
    if (interrupted.aborted) break;
    lines.push(await checkLine(line, stage, shell, missing.length === 0));
  }
  return {
    isOk: lines.every(({ isOk }) => isOk),
    notes:
      missing.length === 0
        ? []
        : [
            `Without ${missing.join(' and ')}: the requests were sent from here instead of running the lines.`,
          ],
    lines,
  };
}

async function checkLine(
  line: DemoLine,
  stage: Stage,
  shell: ShellText,
  hasPrograms: boolean,
): Promise<CheckedLine> {
  const { command } = line;
  const text = shell.of(command);
  const before = new Set(stage.received());
  const ran = await (hasPrograms ? runInShell(text, shell.prelude) : runFromHere(command, stage));
  const outcome: Outcome = { ...ran, received: stage.received().filter((request) => !before.has(request)) };
  const checks: readonly Check[] =
    command.kind === 'request'
      ? [...line.checks, keepsCredentialFrom(command.request, [stage.env.ACME_LEGACY_KEY])]
      : line.checks;
  const complaints: string[] = [];
  for (const check of checks) {
    const complaint = await check(outcome);
    if (complaint !== undefined) complaints.push(complaint);
  }
  return {
    title: line.title,
    command: text,
    expected: line.expected,
    got: describe(outcome),
    isOk: complaints.length === 0,
    complaints,
  };
}

const LONGEST_EXCERPT = 36;

/** The first line of what was printed, cut. */
function excerptOf(outcome: Outcome): string {
  const [line = ''] = outputOf(outcome).toString().trim().split('\n');
  const text = line.replaceAll(/\s+/g, ' ');
  return text.length > LONGEST_EXCERPT ? `${text.slice(0, LONGEST_EXCERPT)}…` : text;
}

/** `401 credential_missing, nothing arrived`, or `200, GET /api/orders arrived as acme`. */
function describe(outcome: Outcome): string {
  const { answer, received } = outcome;
  const code = denyCodeOf(answer?.body);
  const status = code === undefined ? answer?.status : `${answer?.status} ${code}`;
  const arrived = received.map((request) => {
    const [tenant] = valuesOf(request, 'X-Tenant-Id');
    return `${request.method} ${request.target} arrived as ${tenant || 'nobody'}`;
  });
  return [status ?? excerptOf(outcome), ...(arrived.length === 0 ? ['nothing arrived'] : arrived)].join(', ');
}
