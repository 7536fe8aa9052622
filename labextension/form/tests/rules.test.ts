import { expect, test } from 'vitest';

import { longestWalltime, readAnswer, refusals } from '../src/rules';
import type { ISchema } from '../src/wire';

const WRITTEN = 'write hours and minutes as 2:30, or whole minutes';

/** As the hub writes one: fields first, then rules of the form "if these are so, then those are limited". */
const SCHEMA: ISchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    reservation: {
      type: 'string',
      enum: ['beam-042'],
      errorMessage: { enum: '${0} is no reservation that you may use' },
      allOf: [{ not: { const: 'others' }, errorMessage: { not: 'others is for members of staff.' } }]
    },
    partition: { type: 'string', enum: ['main'], errorMessage: { enum: '${0} is no partition here' } },
    nodes: { type: 'integer', minimum: 1, maximum: 8, errorMessage: { type: 'a whole number', minimum: 'at least 1', maximum: 'at most 8' } },
    walltime: {
      type: 'number',
      maximum: 720,
      writtenAs: '^(?:([0-9]{1,3})-)?([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?$|^([0-9]{1,6})$',
      errorMessage: { type: WRITTEN, maximum: 'a notebook here may last 12:00' }
    }
  },
  required: ['partition'],
  errorMessage: { required: { partition: 'the facility cannot be asked right now' } },
  allOf: [
    {
      if: { properties: { reservation: { enum: ['beam-042'] } }, required: ['reservation'] },
      then: {
        properties: {
          walltime: { maximum: 150, errorMessage: { maximum: 'beam-042 ends in 2:30' } },
          nodes: { maximum: 2, errorMessage: { maximum: 'beam-042 has 2 nodes' } }
        }
      }
    }
  ]
};

function refused(texts: Record<string, string>): Record<string, string> {
  const found = refusals(SCHEMA, readAnswer(Object.entries({ partition: 'main', ...texts }), SCHEMA));
  return Object.fromEntries(found.map(({ field, reason }) => [field, reason]));
}

test('what is granted is not refused, and what is left empty is left out', () => {
  expect(refused({ reservation: '', nodes: ' 2 ', walltime: '2:30' })).toEqual({});
});

test('the narrowest limit is told, by its own sentence', () => {
  expect(refused({ reservation: 'beam-042', walltime: '99:00' })).toEqual({ walltime: 'beam-042 ends in 2:30' });
  expect(refused({ walltime: '99:00' })).toEqual({ walltime: 'a notebook here may last 12:00' });
});

test('what is said of this very choice comes before the list of others', () => {
  expect(refused({ reservation: 'others' })).toEqual({ reservation: 'others is for members of staff.' });
  expect(refused({ reservation: 'no"where' })).toEqual({ reservation: '"no\\"where" is no reservation that you may use' });
});

test('each field has at most one refusal, in the order of the fields', () => {
  const found = refused({ reservation: 'beam-042', nodes: '3', walltime: '5:00' });

  expect(Object.keys(found)).toEqual(['nodes', 'walltime']);
});

test('a text that is no number stays for the schema to refuse', () => {
  expect(refused({ nodes: 'two', walltime: 'soon' })).toEqual({ nodes: 'a whole number', walltime: WRITTEN });
});

test('a field without which nothing can start says why', () => {
  expect(refused({ partition: '' })).toEqual({ partition: 'the facility cannot be asked right now' });
});

test('the longest walltime is that of the other choices', () => {
  expect(longestWalltime(SCHEMA, { partition: 'main', reservation: 'beam-042' })).toEqual({
    minutes: 150,
    reason: 'beam-042 ends in 2:30'
  });
  expect(longestWalltime(SCHEMA, { partition: 'main' })?.minutes).toBe(720);
});
