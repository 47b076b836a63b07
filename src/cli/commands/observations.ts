import type { Command } from 'commander';
import type { ObservationView } from '../../admin/schemas/observations.ts';
import { type Column, shortTime, table } from '../output.ts';
import { openSession } from '../session.ts';

const COLUMNS: readonly Column<ObservationView>[] = [
  { title: 'COUNT', cell: ({ count }) => count.toString() },
  { title: 'ROUTE', cell: ({ route }) => route },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'WOULD BE', cell: ({ code }) => code, style: () => 'yellow' },
  { title: 'FIRST', cell: ({ firstAt }) => shortTime(firstAt) },
  { title: 'LAST', cell: ({ lastAt }) => shortTime(lastAt) },
  { title: 'LATEST REASON', cell: ({ lastReason }) => lastReason },
];

export function registerObservations(program: Command): void {
  program
    .command('observations')
    .description('what routes that only observe would have refused since the start')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const report = await client.get<{ observations: ObservationView[] }>('/v1/observations');
      print(report, ({ observations }) => table(observations, COLUMNS, 'Nothing would have been refused.'));
    });
}
