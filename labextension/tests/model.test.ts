import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { JobsModel, SILENCE } from '../src/model';
import { delta, job, LOST, NOON, ScriptedApi, snapshot } from './parts';

beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
});
afterEach(() => {
  vi.useRealTimers();
});

async function begun(...answers: ConstructorParameters<typeof ScriptedApi>[0]) {
  const api = new ScriptedApi(answers);
  const model = new JobsModel({ api });
  await model.refresh();
  return { api, model };
}

const ids = (model: JobsModel): string[] | undefined => model.jobs?.map(({ id }) => id);

test('jobs that were never known are not an empty list', async () => {
  const { model } = await begun(snapshot(null, { knowledge: LOST }));

  expect(model.jobs).toBeNull();
  expect(model.knowledge).toEqual(LOST);
});

test('a delta that begins at our version is applied without a request', async () => {
  const { api, model } = await begun(snapshot([job('1'), job('2')]));

  model.take(delta([['1', null], ['3', job('3')]]));

  expect(ids(model)).toEqual(['3', '2']);
  expect(api.asked).toBe(1);
});

test('a gap makes the model take the snapshot again', async () => {
  const { api, model } = await begun(snapshot([job('1')]), snapshot([job('5')], { version: 9 }));

  model.take(delta([], { after: 8, version: 9 }));
  await vi.advanceTimersByTimeAsync(0);

  expect(ids(model)).toEqual(['5']);
  expect(api.asked).toBe(2);
});

test('a server that was started again makes the model take the snapshot again', async () => {
  const { model } = await begun(snapshot([job('1')]), snapshot([job('7')], { epoch: 'b' }));

  model.take(delta([], { epoch: 'b', after: 1, version: 1 }));
  await vi.advanceTimersByTimeAsync(0);

  expect(ids(model)).toEqual(['7']);
});

test('a delta that is older than the snapshot changes nothing', async () => {
  const { api, model } = await begun(snapshot([job('1')], { version: 5 }));

  model.take(delta([['1', null]], { after: 3, version: 4 }));
  await vi.advanceTimersByTimeAsync(0);

  expect(ids(model)).toEqual(['1']);
  expect(api.asked).toBe(1);
});

test('an event that overtakes the snapshot makes the model ask once more', async () => {
  const api = new ScriptedApi([snapshot([job('1')]), snapshot([job('2')], { version: 2 })]);
  const model = new JobsModel({ api });

  const asking = model.refresh();
  model.take(delta([['2', job('2')]]));
  await asking;

  expect(ids(model)).toEqual(['2']);
});

test('a server that does not answer leaves the jobs shown, says since when, and is asked again by itself', async () => {
  const { api, model } = await begun(snapshot([job('1')]), new Error('down'), snapshot([job('2')]));

  await model.refresh();
  expect(ids(model)).toEqual(['1']);
  expect(model.knowledge?.known).toBe(false);
  expect(model.knowledge?.since).toBe(new Date(NOON).toISOString());

  await vi.advanceTimersByTimeAsync(10_000);
  expect(model.knowledge?.known).toBe(true);
  expect(ids(model)).toEqual(['2']);
  expect(api.asked).toBe(3);
});

test('the loss of the upstream is told by an event', async () => {
  const { model } = await begun(snapshot([job('1')]));

  model.take(delta([], { knowledge: LOST }));

  expect(model.knowledge).toEqual(LOST);
  expect(ids(model)).toEqual(['1']);
});

test('nothing is asked while events arrive, and once after a silence', async () => {
  const { api, model } = await begun(snapshot([job('1')]), null);

  vi.advanceTimersByTime(SILENCE - 1);
  model.take(delta([], { after: 1, version: 1 }));
  vi.advanceTimersByTime(SILENCE - 1);
  model.check();
  expect(api.asked).toBe(1);

  vi.advanceTimersByTime(2);
  model.check();
  await vi.advanceTimersByTimeAsync(0);
  expect(api.asked).toBe(2);
  expect(ids(model)).toEqual(['1']);
});

test('this session stands first, then what runs, what waits and what ended, the newest of each first', async () => {
  const at = (minutes: number) => new Date(NOON + minutes * 60_000).toISOString();
  const { model } = await begun(
    snapshot(
      [
        job('10', { is_final: true, state: 'COMPLETED' }),
        job('11', { is_waiting: true, state: 'PENDING', submitted: at(9) }),
        job('12', { submitted: at(1) }),
        job('13', { submitted: at(2) }),
        job('14', { submitted: at(-60) })
      ],
      { session_job_id: '14' }
    )
  );

  expect(ids(model)).toEqual(['14', '13', '12', '11', '10']);
  expect(model.sessionJob?.id).toBe('14');
});

test('the filter lets through jobs in which every word occurs', async () => {
  const { model } = await begun(snapshot([job('1', { name: 'Bragg scan' }), job('2', { qos: 'regular' })]));

  model.filter = 'REALTIME scan';

  expect(model.shown.map(({ id }) => id)).toEqual(['1']);
});

test('a job counts as being cancelled until the scheduler tells of its end', async () => {
  const { api, model } = await begun(snapshot([job('1')]));

  await model.cancel('1');
  expect(api.cancelled).toEqual(['1']);
  expect(model.isCancelling('1')).toBe(true);

  model.take(delta([['1', job('1', { state: 'CANCELLED', is_final: true })]]));
  expect(model.isCancelling('1')).toBe(false);
});

test('time is counted by the clock of the server', async () => {
  const ahead = new Date(NOON + 3_600_000).toISOString();
  const { model } = await begun(snapshot([], { server_time: ahead }));

  expect(model.now).toBe(NOON + 3_600_000);
});

test('the selection ends with its job', async () => {
  const { model } = await begun(snapshot([job('1')]));

  model.selected = '1';
  expect(model.selected).toBe('1');

  model.take(delta([['1', null]]));
  expect(model.selected).toBe('');
});

test('a disposed model asks no more', async () => {
  const { api, model } = await begun(new Error('down'));

  model.dispose();
  await vi.advanceTimersByTimeAsync(60_000);

  expect(api.asked).toBe(1);
});
