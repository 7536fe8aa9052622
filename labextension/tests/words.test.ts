import { expect, test } from 'vitest';

import { rowAfter } from '../src/keyboard';
import { ago, inWords, timeLeft } from '../src/time';
import { kindOf, printable, stateInWords } from '../src/words';
import { ENGLISH, job, NOON } from './parts';

const MINUTE = 60_000;

test.each([
  [0, '0:00'],
  [9 * MINUTE + 59_000, '9:59'],
  [10 * MINUTE, '10 min'],
  [83 * MINUTE, '1 h 23 min'],
  [49 * 60 * MINUTE, '2 d 1 h']
])('%i ms are %s', (length, words) => {
  expect(inWords(length, ENGLISH)).toBe(words);
});

test('time left is never negative, and unknown where there is no end', () => {
  expect(timeLeft(new Date(NOON - MINUTE).toISOString(), NOON)).toBe(0);
  expect(timeLeft(null, NOON)).toBeNull();
});

test.each([
  [10_000, 'just now'],
  [3 * MINUTE, '3 min ago'],
  [70 * MINUTE, '1 h 10 min ago']
])('%i ms back is %s', (length, words) => {
  expect(ago(new Date(NOON - length).toISOString(), NOON, ENGLISH)).toBe(words);
});

test.each([
  [{ state: 'PENDING', is_waiting: true }, 'waiting', 'Waiting'],
  [{ state: 'COMPLETING' }, 'running', 'Ending'],
  [{ state: 'COMPLETED', is_final: true }, 'done', 'Completed'],
  [{ state: 'TIMEOUT', is_final: true }, 'failed', 'Out of time'],
  [{ state: 'UNKNOWN', state_word: 'FLYING' }, 'unknown', 'Unknown state FLYING']
])('%o is drawn as %s', (state, kind, words) => {
  const found = job('1', state);

  expect(kindOf(found)).toBe(kind);
  expect(stateInWords(found, ENGLISH)).toBe(words);
});

test('characters that hide or turn text around are shown by their number', () => {
  expect(printable('<b>a\u202eb\u0007</b>')).toBe('<b>a<U+202E>b<U+0007></b>');
});

test.each([
  ['ArrowDown', 3, 4],
  ['ArrowUp', 0, 0],
  ['PageDown', 15, 19],
  ['Home', 15, 0],
  ['End', 2, 19]
])('%s leads from row %i to row %i of 20', (key, row, next) => {
  expect(rowAfter(key, row, 20)).toBe(next);
});

test('any other key moves nothing', () => {
  expect(rowAfter('x', 3, 20)).toBeNull();
});
