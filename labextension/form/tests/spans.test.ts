import { expect, test } from 'vitest';

import { asHours, duration, readMinutes } from '../src/spans';

const WALLTIME = '^(?:([0-9]{1,3})-)?([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?$|^([0-9]{1,6})$';

test.each([
  ['2:30', 150],
  ['2:30:30', 150.5],
  ['1-12:00', 2160],
  ['90', 90]
])('a walltime written as %s is %d minutes', (text, minutes) => {
  expect(readMinutes(text, WALLTIME)).toBe(minutes);
});

test.each(['soon', '2:61', '-5', '١:٣٠', '2:30\n'])('what is no walltime is not guessed: %j', text => {
  expect(readMinutes(text, WALLTIME)).toBeNull();
});

test('minutes are written as the field takes them', () => {
  expect([asHours(150), asHours(5), asHours(2160)]).toEqual(['2:30', '0:05', '36:00']);
});

test('a span is told in the two units that matter', () => {
  const told = [40, 720, 28_800, 18_720, 273_600, -5].map(duration);

  expect(told).toEqual(['40 s', '12 min', '8 h', '5 h 12 min', '3 d 4 h', '0 s']);
});
