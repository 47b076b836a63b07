import type { Stage } from '../stage/stage.ts';
import type { Command } from './demo-line.ts';
import { gatehouseFunction, pasteable } from './paste.ts';
import { curlResolvesLocalhostNames, missingPrograms } from './run-line.ts';

/** The lines as text for this machine. */
export interface ShellText {
  /** What has to be pasted once, before lines that begin with `gatehouse`. */
  readonly prelude: string;
  readonly of: (command: Command) => string;
}

export async function shellTextFor({ ports, admin }: Stage): Promise<ShellText> {
  const isNamed =
    missingPrograms().length === 0 &&
    (await curlResolvesLocalhostNames(`http://acme.localhost:${ports.gateway}/status`));
  const surroundings = { gatewayPort: ports.gateway, addressing: isNamed ? 'name' : 'field' } as const;
  return {
    prelude: gatehouseFunction(process.execPath, admin),
    of: (command) => pasteable(command, surroundings),
  };
}
