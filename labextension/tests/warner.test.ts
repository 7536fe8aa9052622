import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { JobsModel } from '../src/model';
import type { Notice } from '../src/notices';
import { Warner } from '../src/warner';
import type { IAhead, ISnapshot } from '../src/wire';
import { ahead, delta, job, NOON, ScriptedApi, snapshot } from './parts';

const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A tab's own memory, which a reload keeps. */
class Memory {
  kept: string | null = null;
  getItem = () => this.kept;
  setItem = (_: string, text: string) => {
    this.kept = text;
  };
}

function session(found: IAhead, rest: Partial<ISnapshot> = {}): ISnapshot {
  return snapshot([job('7')], { session_job_id: '7', ahead: found, ...rest });
}

async function opened(memory: Memory, ...answers: (ISnapshot | null)[]) {
  const api = new ScriptedApi(answers);
  const model = new JobsModel({ api });
  await model.refresh();
  const told: Notice[] = [];
  const settled = vi.fn();
  const warner = new Warner({ model, memory, tell: notice => told.push(notice), settle: settled });
  await vi.advanceTimersByTimeAsync(0);
  const minutes = () => told.map(notice => (notice.kind === 'end' ? notice.minutes : notice.kind));
  return { api, model, warner, minutes, settled };
}

test('the clock alone tells each warning when it is due, and nobody is asked', async () => {
  const { api, minutes } = await opened(new Memory(), session(ahead(20)));

  expect(minutes()).toEqual([]);
  await vi.advanceTimersByTimeAsync(5 * MINUTE);
  expect(minutes()).toEqual([15]);
  await vi.advanceTimersByTimeAsync(14 * MINUTE);
  expect(minutes()).toEqual([15, 5, 1]);
  expect(api.asked).toBe(1);
});

test('a reload repeats nothing', async () => {
  const memory = new Memory();
  const before = await opened(memory, session(ahead(10)));
  before.warner.dispose();
  const { minutes } = await opened(memory, session(ahead(10)));

  expect(before.minutes()).toEqual([15]);
  expect(minutes()).toEqual([]);
});

test('a memory that somebody else wrote into is no memory', async () => {
  const memory = new Memory();
  memory.kept = '{';

  expect((await opened(memory, session(ahead(10)))).minutes()).toEqual([15]);
});

test('an end that is moved by the operator takes its notice away, and is told of again', async () => {
  const { model, minutes, settled } = await opened(new Memory(), session(ahead(10)));
  settled.mockClear();

  model.take(delta([], { ahead: ahead(60) }));
  expect(settled).toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(45 * MINUTE);

  expect(minutes()).toEqual([15, 15]);
});

test('a beat of the server is enough where the timers of a hidden tab sleep', async () => {
  const { model, minutes } = await opened(new Memory(), session(ahead(20)));

  vi.setSystemTime(NOON + 16 * MINUTE); // no timer has run
  model.take(delta([], { after: 1, version: 1 }));

  expect(minutes()).toEqual([5]);
});

test('without a service Slurm is asked once before a warning, which then tells of the end that holds', async () => {
  const moved = session(ahead(60), { source: 'slurm', version: 2 });
  const { api, minutes } = await opened(new Memory(), session(ahead(20), { source: 'slurm' }), moved);

  await vi.advanceTimersByTimeAsync(5 * MINUTE);
  expect([api.asked, minutes()]).toEqual([2, []]);
});

test('without a service a warning is told all the same when Slurm gives no answer', async () => {
  const { minutes } = await opened(new Memory(), session(ahead(20), { source: 'slurm' }));

  await vi.advanceTimersByTimeAsync(5 * MINUTE);

  expect(minutes()).toEqual([15]);
});

test('nothing is told outside a job', async () => {
  const { minutes } = await opened(new Memory(), session(ahead(1), { session_job_id: '' }));

  expect(minutes()).toEqual([]);
});

test('a disposed one tells nothing more', async () => {
  const { warner, minutes } = await opened(new Memory(), session(ahead(20)));

  warner.dispose();
  await vi.advanceTimersByTimeAsync(20 * MINUTE);

  expect(minutes()).toEqual([]);
});
