import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Runs a command on a pseudo terminal, types the answer once the prompt is there, and prints what a person saw. */
const TERMINAL = `
import json, os, pty, sys
prompt, answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen, typed = b'', False
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk
    if not typed and prompt.encode() in seen:
        os.write(terminal, answer.encode() + b'\\r')
        typed = True
_, status = os.waitpid(pid, 0)
print(json.dumps({'seen': seen.decode(), 'code': os.waitstatus_to_exitcode(status), 'typed': typed}))
`;

export interface TerminalRun {
  readonly code: number;
  /** All that the terminal showed, of standard output and error alike. */
  readonly seen: string;
  /** False: the prompt never came. */
  readonly typed: boolean;
}

const SCRIPT = fileURLToPath(new URL('gatehouse.ts', import.meta.url));

/** Whether this machine can make a pseudo terminal for a test. */
export const hasTerminal =
  spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0;

/** One run of the command line as a person at a terminal has it: `answer` is typed when `prompt` appears. */
export async function runOnTerminal(
  args: readonly string[],
  {
    prompt,
    answer,
    env,
  }: { readonly prompt: string; readonly answer: string; readonly env: Readonly<Record<string, string>> },
): Promise<TerminalRun> {
  const child = spawn('python3', ['-c', TERMINAL, prompt, answer, process.execPath, SCRIPT, ...args], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return JSON.parse(printed) as TerminalRun;
}
