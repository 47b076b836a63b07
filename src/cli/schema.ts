import { configJsonSchema } from '../config/json-schema.ts';
import type { CommandIo } from './command-io.ts';

/** `gatehouse schema`: the JSON Schema of the configuration on stdout. */
export function runSchema(io: Pick<CommandIo, 'stdout'>): 0 {
  io.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  return 0;
}
