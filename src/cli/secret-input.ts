import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { CliFailure, usageFailure } from './failure.ts';

/**
 * A secret from a file, from standard input, or asked for without echo on a terminal; never from the command line. One
 * line end after it is cut. `-` as file is standard input.
 */
export async function readSecret(prompt: string, file: string | undefined): Promise<string> {
  const secret = await readFrom(prompt, file);
  if (secret === '') throw usageFailure('Nothing was given.');
  return secret;
}

async function readFrom(prompt: string, file: string | undefined): Promise<string> {
  if (file !== undefined && file !== '-') {
    const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new CliFailure(`${file} cannot be read (${error.code ?? error.name}).`);
    });
    return withoutLineEnd(content);
  }
  if (process.stdin.isTTY && file === undefined) return ask(prompt, true);
  return withoutLineEnd(await readAll(process.stdin));
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Asks on the terminal. `isSecret`: what is typed is not shown. */
async function ask(prompt: string, isSecret: boolean): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({
    input: process.stdin,
    output: isSecret ? silent : process.stderr,
    terminal: true,
  });
  // Not before the terminal has stopped showing what is typed.
  if (isSecret) process.stderr.write(prompt);
  try {
    return await terminal.question(isSecret ? '' : prompt);
  } finally {
    terminal.close();
    if (isSecret) process.stderr.write('\n');
  }
}

/** True unless a person at a terminal says no: scripts have decided already. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `, false));
}
