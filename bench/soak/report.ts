import { percentile } from '../measure/percentile.ts';
import { alignColumns } from '../report/table.ts';
import type { Flatness } from './judge/flatness.ts';
import type { Ledger } from './judge/ledger.ts';
import type { Samples } from './judge/sampler.ts';
import { failuresOf, judgeMemory, megabytes } from './judge/verdict.ts';

export interface SoakRun {
  readonly ledger: Ledger;
  readonly gateways: readonly { readonly name: string; readonly samples: Samples }[];
  readonly minutes: number;
  readonly capacityPerSecond: number;
  readonly ratePerSecond: number;
  readonly storeRestarts: number;
  readonly recoveriesMs: readonly number[];
  readonly lagsMs: readonly number[];
  readonly p50sMs: readonly number[];
  readonly p99sMs: readonly number[];
}

export type SoakFigures = ReturnType<typeof soakFigures>;

export function soakFigures(run: SoakRun) {
  const { ledger } = run;
  return {
    minutes: run.minutes,
    capacityPerSecond: Math.round(run.capacityPerSecond),
    ratePerSecond: run.ratePerSecond,
    answers: ledger.total(),
    shed: ledger.shed(),
    storeRestarts: run.storeRestarts,
    recoveryMs: {
      p50: percentile(run.recoveriesMs, 0.5) ?? null,
      max: percentile(run.recoveriesMs, 1) ?? null,
    },
    revocationMs: {
      count: run.lagsMs.length,
      p50: percentile(run.lagsMs, 0.5) ?? null,
      p99: percentile(run.lagsMs, 0.99) ?? null,
      max: percentile(run.lagsMs, 1) ?? null,
    },
    latencyMs: { p50: percentile(run.p50sMs, 0.5) ?? null, p99: percentile(run.p99sMs, 0.5) ?? null },
    gateways: run.gateways.map(({ name, samples }) => ({
      name,
      memory: judgeMemory(samples),
      residentBytes: samples.resident.at(-1)?.value ?? null,
      loopLagP99Ms: percentile(
        samples.loopLag.map(({ value }) => value),
        0.5,
      ),
      descriptors: samples.descriptors,
    })),
    tallies: ledger.tallies(),
    failures: failuresOf(ledger, run.gateways),
  };
}

function milliseconds(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(1);
}

function flatnessText(flatness: Flatness): readonly string[] {
  if (flatness.kind === 'tooFew') return ['', '', '', '', 'too short to judge'];
  const { early, late, growthOfLine, growthOfMedians, allowed, isFlat } = flatness;
  const growths = `${megabytes(growthOfMedians)} / ${megabytes(growthOfLine)}`;
  return [megabytes(early), megabytes(late), growths, megabytes(allowed), isFlat ? 'flat' : 'GROWS'];
}

function memoryText({ gateways }: SoakFigures): string {
  const isJudged = gateways.every(({ memory }) => memory.resident.kind === 'judged');
  return isJudged ? 'memory stays flat' : 'memory was not judged, which takes some minutes more';
}

export function soakText(figures: SoakFigures): string {
  const { revocationMs, recoveryMs, latencyMs, failures } = figures;
  return [
    `${figures.minutes} minutes, ${figures.ratePerSecond} requests/s of the ${figures.capacityPerSecond} that the gateway takes; ${figures.answers} answers, ${figures.shed} refused to save work.`,
    '',
    alignColumns([
      ['memory, MB', 'second quarter', 'last quarter', 'growth: medians / line', 'allowed', ''],
      ...figures.gateways.flatMap(({ name, memory }) => [
        [`${name}, heap`, ...flatnessText(memory.heap)],
        [`${name}, resident`, ...flatnessText(memory.resident)],
      ]),
    ]),
    '',
    alignColumns([
      ['gateway', 'event loop lag p99 ms', 'descriptors at quiet moments'],
      ...figures.gateways.map(({ name, loopLagP99Ms, descriptors }) => [
        name,
        milliseconds(loopLagP99Ms),
        descriptors.join(' '),
      ]),
    ]),
    '',
    alignColumns([
      ['milliseconds', 'p50', 'p99', 'max'],
      [
        'steady load, medians of quarter seconds',
        milliseconds(latencyMs.p50),
        milliseconds(latencyMs.p99),
        '',
      ],
      [
        `acknowledged revocation to refusal at the other replica (${revocationMs.count})`,
        milliseconds(revocationMs.p50),
        milliseconds(revocationMs.p99),
        milliseconds(revocationMs.max),
      ],
      [
        `Redis answers again to both replicas serve again (${figures.storeRestarts})`,
        milliseconds(recoveryMs.p50),
        '',
        milliseconds(recoveryMs.max),
      ],
    ]),
    '',
    alignColumns([
      ['who asked, what came', 'times'],
      ...figures.tallies.map(({ asker, outcome, count }) => [`${asker}: ${outcome}`, String(count)]),
    ]),
    '',
    ...(failures.length === 0
      ? [
          `PASSED: every answer is explained, no revoked credential passed, descriptors stay flat; ${memoryText(figures)}.`,
        ]
      : ['FAILED:', ...failures.map((failure) => `  ${failure}`)]),
  ].join('\n');
}
