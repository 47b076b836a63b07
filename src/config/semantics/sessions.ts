import { compilePathPattern } from '../../routing/path-pattern.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';

/** Lives that fit into each other, and paths of the gateway's own that nothing else claims. */
export function checkSessions(settings: Settings, report: Report): void {
  checkLives(settings, report);
  checkPrefixes(settings, report);
}

function checkLives({ sessions, tokens }: Settings, report: Report): void {
  const { ttl, absolute, rememberMe, ticket } = sessions;
  const lives: readonly (readonly [path: ConfigPath, milliseconds: number])[] = [
    [['sessions', 'ttl'], ttl],
    [['sessions', 'ticket'], ticket],
    [['tokens', 'access'], tokens.access],
    [['tokens', 'refresh', 'idle'], tokens.refresh.idle],
  ];
  for (const [path, milliseconds] of lives)
    if (milliseconds === 0) report.problem(path, { expected: 'more than 0' });
  if (ttl > absolute)
    report.problem(['sessions', 'ttl'], {
      expected: 'at most `sessions.absolute`, which ends every session',
    });
  if (rememberMe !== undefined && rememberMe < absolute)
    report.problem(['sessions', 'rememberMe'], {
      expected: 'at least `sessions.absolute`, since it outlives the session',
    });
  if (ticket > ttl)
    report.problem(['sessions', 'ticket'], { expected: 'at most `sessions.ttl`; seconds are enough' });
  if (tokens.refresh.idle > tokens.refresh.absolute)
    report.problem(['tokens', 'refresh', 'idle'], { expected: 'at most `tokens.refresh.absolute`' });
}

/** A prefix under which the gateway answers itself. */
interface Prefix {
  readonly name: string;
  readonly path: ConfigPath;
  readonly segments: readonly string[];
}

function checkPrefixes(settings: Settings, report: Report): void {
  const prefixes: readonly Prefix[] = [
    { name: 'tokens.path', path: ['tokens', 'path'], segments: segmentsOf(settings.tokens.path) },
    { name: 'sessions.path', path: ['sessions', 'path'], segments: segmentsOf(settings.sessions.path) },
  ];
  for (const [index, { path, segments }] of prefixes.entries()) {
    if (segments[0] === '.well-known')
      report.problem(path, { expected: 'a path outside of /.well-known, which has names of its own' });
    const clash = prefixes
      .slice(0, index)
      .find((earlier) => isBeginning(earlier.segments, segments) || isBeginning(segments, earlier.segments));
    if (clash !== undefined)
      report.problem(path, { expected: `a path apart from \`${clash.name}\`, neither under it nor above` });
  }
  for (const [index, { match }] of settings.routes.entries()) {
    // From the first parameter on it names nothing: where it would match, the gateway's own path wins, as over a catch-all.
    const named = compilePathPattern(match.path).segments;
    const literal = named.map((segment) => (segment.kind === 'literal' ? segment.text : undefined));
    refuseUnder(prefixes, literal, ['routes', index, 'match', 'path'], report);
  }
  for (const [name, { intercept }] of Object.entries(settings.login)) {
    if (intercept === undefined) continue;
    const { route, logout } = intercept;
    refuseUnder(prefixes, segmentsOf(route.target), ['login', name, 'intercept', 'route'], report);
    if (logout !== undefined)
      refuseUnder(prefixes, segmentsOf(logout.target), ['login', name, 'intercept', 'logout'], report);
  }
}

function refuseUnder(
  prefixes: readonly Prefix[],
  segments: readonly (string | undefined)[],
  path: ConfigPath,
  report: Report,
): void {
  const prefix = prefixes.find((each) => isBeginning(each.segments, segments));
  if (prefix !== undefined)
    report.problem(path, {
      expected: `a path outside of /${prefix.segments.join('/')}, where the gateway answers itself (\`${prefix.name}\`)`,
    });
}

function isBeginning(beginning: readonly string[], whole: readonly (string | undefined)[]): boolean {
  return beginning.every((segment, index) => whole[index] === segment);
}

/** Of a path, or of a request target. */
function segmentsOf(target: string): readonly string[] {
  const [path = ''] = target.split('?', 1);
  return path.split('/').slice(1);
}
