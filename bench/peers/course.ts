import type { Window } from '../load/orders.ts';
import type { Lab, RunningTarget } from '../measure/lab.ts';
import { median } from '../measure/percentile.ts';
import { processTree, residentBytes } from '../measure/processes.ts';
import type { Progress } from '../measure/suite.ts';
import type { ProbeReading } from '../probe/client.ts';
import { quietWindows } from '../probe/quiet.ts';
import type { PeerPath } from './peer-path.ts';
import type { Kind, Measured, PeerPlan, PeerSamples } from './samples.ts';
import { downloads, handshakes, posts } from './shapes.ts';
import { measureStarts } from './starts.ts';
import { inTurn, pidsOf, type Subject, textOf } from './subjects.ts';

const SLICE_WARM_UP_MS = 150;
/** 1 MB each: enough to fill the core. */
const DOWNLOADS_AT_A_TIME = 16;
/** The generator shares its core with the upstream, and has to be punctual. */
const MOST_PER_SECOND = 10_000;
const FEWEST_PER_SECOND = 100;

/** Half of the throughput in these windows, within what the load generator can do. */
export function halfOf(windows: readonly Window[]): number {
  const rates = windows.map(({ responses, startMs, endMs }) => (responses / (endMs - startMs)) * 1000);
  return Math.round(Math.min(MOST_PER_SECOND, Math.max(FEWEST_PER_SECOND, (median(rates) ?? 0) / 2)));
}

async function launchAll(lab: Lab, paths: readonly PeerPath[], progress: Progress): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const path of paths) {
    progress(`starting ${path.target.name}`);
    const subject: Subject = {
      path,
      windows: { get: [], download: [], post: [], webSocket: [] },
      latencies: [],
      ratePerSecond: 0,
      startUpsMs: [],
      faults: {},
    };
    subjects.push(subject);
    try {
      subject.running = await lab.launch(path.target);
      subject.startUpsMs.push(subject.running.startUpMs);
    } catch (error) {
      subject.failure = textOf(error);
    }
  }
  return subjects;
}

function requestsOf(kind: Kind, running: RunningTarget): readonly string[] {
  switch (kind) {
    case 'get':
      return running.requests;
    case 'download':
      return downloads(running);
    case 'post':
      return posts(running);
    case 'webSocket':
      return handshakes(running);
  }
}

/** What is the same for all paths of a group. */
interface Course {
  readonly lab: Lab;
  readonly plan: PeerPlan;
  readonly subjects: readonly Subject[];
  readonly progress: Progress;
}

function closedLoop(
  { lab, plan }: Course,
  kind: Kind,
  running: RunningTarget,
  durationMs: number,
): Promise<readonly Window[]> {
  return lab.load.run({
    kind: 'closedLoop',
    port: running.port,
    requests: requestsOf(kind, running),
    connections: kind === 'download' ? DOWNLOADS_AT_A_TIME : plan.connections,
    warmUpMs: SLICE_WARM_UP_MS,
    durationMs,
    pids: pidsOf(running).flatMap(processTree),
    windowMs: plan.windowMs,
    ...(kind === 'webSocket' && { webSocket: true }),
  });
}

/** Whoever does not stand the GETs has failed. */
async function measureGets(course: Course): Promise<void> {
  const { plan, subjects, progress } = course;
  for (let round = 0; round < plan.getSeconds; round += 1) {
    progress(`1 kB GETs, round ${round + 1} of ${plan.getSeconds}`);
    await inTurn(subjects, round, async (subject, running) => {
      subject.windows.get.push(...(await closedLoop(course, 'get', running, plan.sliceMs)));
    });
  }
}

/** What a path does not stand here is noted, and it goes on if it lives. */
async function measureOthers(course: Course, kind: Exclude<Kind, 'get'>): Promise<void> {
  const { plan, subjects, progress } = course;
  for (let round = 0; round < plan.otherSeconds; round += 1) {
    progress(`${kind}, round ${round + 1} of ${plan.otherSeconds}`);
    await inTurn(subjects, round, async (subject, running) => {
      if (subject.faults[kind] !== undefined || (kind === 'webSocket' && !subject.path.webSockets)) return;
      try {
        subject.windows[kind].push(...(await closedLoop(course, kind, running, plan.sliceMs)));
      } catch (error) {
        if (running.ending() !== undefined) throw error;
        subject.faults[kind] = textOf(error);
      }
    });
  }
}

/** A slice in which a path did not keep up is noted, and gives no latencies. */
async function measureHalfLoad({ lab, plan, subjects, progress }: Course): Promise<void> {
  for (let round = 0; round < plan.halfLoadSeconds; round += 1) {
    progress(`half load, round ${round + 1} of ${plan.halfLoadSeconds}`);
    await inTurn(subjects, round, async (subject, running) => {
      subject.ratePerSecond = halfOf(subject.windows.get);
      try {
        const latencies = await lab.load.run({
          kind: 'fixedRate',
          port: running.port,
          requests: running.requests,
          connections: plan.connections,
          warmUpMs: SLICE_WARM_UP_MS,
          durationMs: plan.sliceMs,
          ratePerSecond: subject.ratePerSecond,
        });
        subject.latencies.push(latencies);
      } catch (error) {
        if (running.ending() !== undefined) throw error;
        subject.faults.halfLoad = textOf(error);
      }
    });
  }
}

function samplesOf(
  { running: _running, windows, latencies, ratePerSecond, ...samples }: Subject,
  readings: readonly ProbeReading[],
): PeerSamples {
  const measured = (kind: Kind): Measured => ({
    all: windows[kind],
    quiet: quietWindows(windows[kind], readings),
  });
  return {
    ...samples,
    measured: {
      get: measured('get'),
      download: measured('download'),
      post: measured('post'),
      webSocket: measured('webSocket'),
    },
    halfLoad: { ratePerSecond, latencies },
  };
}

/** Paths of one group, in slices, so that all see the same weather. Everything is stopped at the end. */
export async function measurePeers(
  lab: Lab,
  paths: readonly PeerPath[],
  plan: PeerPlan,
  progress: Progress,
): Promise<readonly PeerSamples[]> {
  const subjects = await launchAll(lab, paths, progress);
  const course = { lab, plan, subjects, progress };
  progress('warm-up');
  await inTurn(subjects, 0, async (_subject, running) => {
    await closedLoop(course, 'get', running, plan.warmUpSeconds * 1000);
  });
  const probe = lab.startProbe();
  await measureGets(course);
  for (const kind of ['post', 'download', 'webSocket'] as const) await measureOthers(course, kind);
  const readings = await probe.finish();
  await measureHalfLoad(course);
  await inTurn(subjects, 0, async (subject, running) => {
    subject.processes = pidsOf(running).flatMap(processTree).length;
    subject.residentBytes = residentBytes(...pidsOf(running));
    await running.stop();
  });
  await measureStarts(lab, subjects, plan, progress);
  return subjects.map((subject) => samplesOf(subject, readings));
}
