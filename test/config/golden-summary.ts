import path from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { formatWarning } from '../../src/config/problem.ts';

/** What a file is compiled to, as plain JSON values: secrets do not print, and the folder is left out of paths. */
export function summaryOf(folder: string, name: string): unknown {
  const result = loadConfig(path.join(folder, name), { env: { ORDERS_HOST: 'orders', ACCESS: 'yes' } });
  const summary = result.ok
    ? { settings: result.settings, files: result.files, warnings: result.warnings.map(formatWarning) }
    : result;
  return JSON.parse(JSON.stringify(summary).replaceAll(`${folder}${path.sep}`, ''));
}
