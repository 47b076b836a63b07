import type { Stage } from '../stage/stage.ts';
import { admissionChapter } from './admission-chapter.ts';
import type { Chapter } from './demo-line.ts';
import { operationChapter } from './operation-chapter.ts';
import { trafficChapter } from './traffic-chapter.ts';
import { usersChapter } from './users-chapter.ts';

/** All lines of the demo, in the order in which they are run. */
export async function chaptersOf(stage: Stage): Promise<readonly Chapter[]> {
  return [admissionChapter(stage), await trafficChapter(stage), usersChapter(stage), operationChapter(stage)];
}
