import { readFileSync, writeFileSync } from 'node:fs';
import type { FuzzCase } from './generate/case.ts';
import type { KnownCredential } from './scene/credentials.ts';

/** What a failed run leaves, to be played again. Its credentials are those of a gateway that is gone. */
export interface Failure {
  readonly known: readonly KnownCredential[];
  readonly cases: readonly FuzzCase[];
}

export function writeFailure(file: string, failure: Failure): void {
  writeFileSync(file, `${JSON.stringify(failure, null, 2)}\n`);
}

/** Throws when there is no such file, or it is none of these. */
export function readFailure(file: string): Failure {
  return JSON.parse(readFileSync(file, 'utf8')) as Failure;
}

/** The same cases with the credentials of the gateway that runs now, cut at the same places: each is as long as the old one. */
export function renew({ known, cases }: Failure, current: readonly KnownCredential[]): readonly FuzzCase[] {
  const pairs = known.map((old, index) => [old.value, current[index]?.value ?? ''] as const);
  const uneven = pairs.find(([old, now]) => old.length !== now.length);
  if (uneven !== undefined) throw new Error('the file was made for other credentials');
  return cases.map((each) => {
    const all = each.steps.map((step) => (step.kind === 'send' ? step.text : '')).join('');
    const renewed = pairs.reduce((text, [old, now]) => text.replaceAll(old, now), all);
    let at = 0;
    const steps = each.steps.map((step) => {
      if (step.kind !== 'send') return step;
      const text = renewed.slice(at, at + step.text.length);
      at += step.text.length;
      return { kind: 'send' as const, text };
    });
    return { ...each, steps };
  });
}
