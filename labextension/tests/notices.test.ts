import { expect, test } from 'vitest';

import { type ITold, judge, untilNext } from '../src/notices';
import type { IOutage } from '../src/wire';
import { ahead, NOON } from './parts';

const MINUTE = 60_000;
const at = (minutes: number) => NOON + minutes * MINUTE;

/** What is told at each of these minutes after noon, one after the other; `ends` may move on the way. */
function story(ends: number | ((minute: number) => number), ...minutes: number[]): (number | null)[] {
  let told: ITold | null = null;
  return minutes.map(minute => {
    const verdict = judge('7', ahead(typeof ends === 'number' ? ends : ends(minute)), at(minute), told);
    told = verdict.told;
    const [notice] = verdict.notices;
    return notice?.kind === 'end' ? notice.minutes : null;
  });
}

test('15, 5 and 1 minutes before the end are told, each once', () => {
  expect(story(60, 0, 44.9, 45, 46, 55, 55.1, 59, 59.5)).toEqual([null, null, 15, null, 5, null, 1, null]);
});

test('a page that is opened late tells only the nearest', () => {
  expect(story(60, 57, 58)).toEqual([5, null]);
  expect(story(60, 59.5, 59.9)).toEqual([1, null]);
});

test('where the end moves away the warnings begin anew', () => {
  expect(story(minute => (minute < 56 ? 60 : 90), 45, 55, 56, 75, 85, 89)).toEqual([15, 5, null, 15, 5, 1]);
});

test('an end that moves from one minute to four is told again', () => {
  expect(story(minute => (minute < 59.5 ? 60 : 63), 59, 59.5, 62)).toEqual([1, 5, 1]);
});

test('an end that comes nearer is told at once', () => {
  expect(story(minute => (minute < 10 ? 60 : 12), 0, 10)).toEqual([null, 5]);
});

test('a clock that is corrected by seconds repeats nothing', () => {
  const seconds = 1 / 60;

  expect(story(60, 45, 45 - 5 * seconds, 45 + seconds)).toEqual([15, null, null]);
});

test('another session is warned of its own end', () => {
  const told = judge('7', ahead(10), NOON, null).told;

  expect(judge('8', ahead(10), NOON, told).notices).toEqual([{ kind: 'end', minutes: 15 }]);
});

test('a session without an end is not warned', () => {
  const verdict = judge('7', ahead(null), NOON, null);

  expect(verdict).toMatchObject({ notices: [], isSoon: false });
  expect(untilNext(ahead(null), NOON)).toBeNull();
});

test('an outage and the loss of the reservation are told once each', () => {
  const outage: IOutage = {
    id: 'o1',
    resource: '',
    starts: new Date(at(30)).toISOString(),
    ends: null,
    description: 'new disks',
    state: 'down'
  };
  const found = ahead(60, { outages: [outage], is_reservation_gone: true });

  const first = judge('7', found, NOON, null);

  expect(first.notices).toEqual([{ kind: 'outage', outage }, { kind: 'reservation-gone' }]);
  expect(judge('7', found, at(1), first.told).notices).toEqual([]);
});

test.each([
  [60, 0, 45],
  [60, 45, 10],
  [60, 55, 4],
  [60, 59, null]
])('with the end at %i, %i minutes past noon, the next warning is due in %s', (ends, minute, wait) => {
  expect(untilNext(ahead(ends), at(minute))).toBe(wait && wait * MINUTE);
});
